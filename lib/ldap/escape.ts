/** Text that goes into names and filters: whatever it contains, it must not change what is named or asked for. */

/** One component of a distinguished name, `uid=local.tf-test`, with its value escaped (RFC 4514, 2.4). */
export function rdn(attribute: string, value: string): string {
  const escaped = value
    .replace(/["+,;<=>\\]/g, '\\$&')
    // The standard allows control characters bare, but a line break in a name forges lines in logs.
    .replace(/\p{Cc}/gu, hexPairs)
    .replace(/^[ #]/, '\\$&')
    .replace(/(?<!\\) $/, '\\ ');
  return `${attribute}=${escaped}`;
}

/** A value as it must stand in a search filter (RFC 4515, 3). */
export function filterValue(value: string): string {
  return value.replace(/[*()\\]|\p{Cc}/gu, hexPairs);
}

function hexPairs(character: string): string {
  return [...Buffer.from(character)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('');
}
