/** Compares dotted numbers: `1.26.8` is at least `1.26`. A pre-release counts as its release. */
export function isAtLeast(version: string, needed: string): boolean {
  const parts = (text: string): number[] => (/\d+(?:\.\d+)*/.exec(text)?.[0] ?? '0').split('.').map(Number);
  const have = parts(version);
  const want = parts(needed);
  for (let index = 0; index < want.length; index += 1) {
    const difference = (have[index] ?? 0) - (want[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
