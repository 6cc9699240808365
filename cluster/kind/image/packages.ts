import path from 'node:path';
import type { Context } from '../../../lib/context.ts';
import { Failure } from '../../../lib/errors.ts';
import type { PrivateApt } from '../../toolchain/apt.ts';
import { parseDownload } from '../../toolchain/apt.ts';
import { canFetchNodePackages, fetchDebs, nodeApt } from '../../toolchain/debs.ts';
import { hasApt } from '../../toolchain/debian.ts';

/** Debian's packages for images, downloaded and verified. */
export interface PackageSource {
  readonly apt: PrivateApt;
  /** Where the files are. */
  readonly directory: string;
  readonly files: readonly string[];
}

/**
 * Downloads packages with all that they depend on.
 * @throws Failure `environment` where there is no apt or no key to verify Debian's archive with
 */
export async function fetchPackages(
  packages: readonly string[],
  work: string,
  context: Context,
  onDownload: (what: string) => void,
): Promise<PackageSource> {
  await requireApt();
  const apt = await nodeApt(path.join(work, 'apt'), context, (line) => {
    const what = parseDownload(line);
    if (what !== undefined) onDownload(what);
  });
  await apt.update();
  const { files } = await fetchDebs(apt, packages);
  return { apt, directory: apt.archives, files };
}

/** @throws Failure `environment` */
export async function requireApt(): Promise<void> {
  if ((await hasApt()) && (await canFetchNodePackages())) return;
  throw new Failure({
    kind: 'environment',
    what: 'A node image cannot be built on this machine',
    why: (await hasApt())
      ? 'the keys of the Debian archive are not there (package debian-archive-keyring)'
      : 'it is made of Debian packages, and there is no apt here',
    hint: 'On Ubuntu: `sudo apt-get install debian-archive-keyring`. Elsewhere use --provider embedded.',
  });
}
