/** An image by its version and its digest: `kindest/node:v1.32.11@sha256:…` */
export const PINNED_IMAGE = /^(?<name>.+:v(?<version>\d+\.\d+\.\d+))@sha256:[0-9a-f]{64}$/;

/**
 * Its name for people, and the version in that.
 * @throws Error when it names no version or no digest
 */
export function partsOf(reference: string): { readonly name: string; readonly version: string } {
  const { name, version } = PINNED_IMAGE.exec(reference)?.groups ?? {};
  if (name === undefined || version === undefined) throw new Error(`${reference} is not pinned`);
  return { name, version };
}
