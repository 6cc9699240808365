import path from 'node:path';
import type { Context } from '../../../lib/context.ts';
import { parseDownload, type PrivateApt } from '../../toolchain/apt.ts';
import { fetchDebs, nodeApt } from '../../toolchain/debs.ts';

/** Debian's packages for images, downloaded and verified. */
export interface PackageSource {
  readonly apt: PrivateApt;
  /** Where the files are. */
  readonly directory: string;
  readonly files: readonly string[];
}

/**
 * Downloads packages with all that they depend on.
 * @throws Failure `environment` where there is no apt, no key to verify Debian's archive with, or no mirror of it
 */
export async function fetchPackages(
  packages: readonly string[],
  work: string,
  context: Context,
  onDownload: (what: string) => void,
): Promise<PackageSource> {
  const apt = await nodeApt(path.join(work, 'apt'), context, (line) => {
    const what = parseDownload(line);
    if (what !== undefined) onDownload(what);
  });
  await apt.update();
  const { files } = await fetchDebs(apt, packages);
  return { apt, directory: apt.archives, files };
}
