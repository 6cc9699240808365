import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { exists } from '../../lib/files.ts';
import { hasApt } from './debian.ts';
import { readOsRelease } from './host-programs.ts';

/** The Debian release that node images are made of, whatever the host has. Its systemd runs on cgroup version 1 too. */
export const NODE_RELEASE = 'bookworm';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** A mirror of Debian, for a host that is not Debian: `https://HOST/debian`, with `debian-security` beside it. */
const MIRROR = 'TOOLFORGE_LOCAL_DEBIAN_MIRROR';

/** Where Debian's archive and its security updates are; several where the host names several. */
interface Mirrors {
  readonly archive: readonly string[];
  readonly security: readonly string[];
}

/**
 * apt's sources for `NODE_RELEASE`: the mirrors that the host itself uses, or the one it was told. Whatever they are,
 * only what Debian's own keys have signed is taken from them.
 * @param otherwise what works without
 * @throws Failure `environment` where there is no apt, no key, or no mirror
 */
export async function nodeSources(context: Context, otherwise = '--provider embedded'): Promise<string[]> {
  if (!(await hasApt())) {
    throw impossible('Debian packages are needed, and there is no apt here', `Use ${otherwise}.`);
  }
  if (!(await exists(KEYRING))) {
    throw impossible(
      'the keys of the Debian archive are not there (package debian-archive-keyring)',
      `Install it: \`sudo apt-get install debian-archive-keyring\`. Or use ${otherwise}.`,
    );
  }
  const { archive, security } = await mirrors(context);
  if (archive.length === 0) {
    throw impossible(
      'this host has no source of Debian packages',
      `Name a mirror: ${MIRROR}=https://HOST/debian. Or use ${otherwise}.`,
    );
  }
  const line = (uri: string, suite: string): string => `deb [signed-by=${KEYRING}] ${uri} ${suite} main\n`;
  return [
    ...archive.flatMap((uri) => [NODE_RELEASE, `${NODE_RELEASE}-updates`].map((suite) => line(uri, suite))),
    ...security.map((uri) => line(uri, `${NODE_RELEASE}-security`)),
  ];
}

async function mirrors({ runner, env, signal }: Context): Promise<Mirrors> {
  const told = env[MIRROR];
  if (told !== undefined && told !== '') {
    if (!/^https?:\/\/[^\s[\]]+$/.test(told)) {
      throw new Failure({ kind: 'usage', what: `${MIRROR} must be an address: https://HOST/debian` });
    }
    const archive = told.replace(/\/+$/, '');
    return { archive: [archive], security: [`${archive}-security`] };
  }
  const release = await readOsRelease();
  const codename = release.get('VERSION_CODENAME');
  if (release.get('ID') !== 'debian' || codename === undefined) return { archive: [], security: [] };
  const { stdout } = await runner.run('apt-get', TARGETS, { env: { LC_ALL: 'C' }, signal });
  return mirrorsOf(stdout, codename);
}

/** What the host's sources are, as apt reads them; no package list has to be there. */
const TARGETS = [
  ...['indextargets', '--no-release-info', '--format', '$(REPO_URI) $(RELEASE) $(COMPONENT)'],
  'Created-By: Packages',
];

/** The mirrors of Debian among the sources of a host with that release. */
export function mirrorsOf(targets: string, codename: string): Mirrors {
  const of = (suite: string): string[] => [
    ...new Set(
      targets
        .split('\n')
        .map((target) => target.trim().split(' '))
        .filter(([, release, component]) => release === suite && component === 'main')
        .map(([uri = '']) => uri),
    ),
  ];
  return { archive: of(codename), security: of(`${codename}-security`) };
}

function impossible(why: string, hint: string): Failure {
  return new Failure({
    kind: 'environment',
    what: 'Images for nodes cannot be built on this machine',
    why,
    hint,
  });
}
