import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';

/** A package at the version that apt would install. */
export interface AptPackage {
  readonly name: string;
  readonly version: string;
}

/**
 * apt with a state of its own, for any user: it reads the host's sources, keys and list of installed packages, and
 * writes only below `directory`. It verifies what it downloads by the archive's signatures, as ever.
 */
export class PrivateApt {
  readonly #directory: string;
  readonly #context: Context;
  readonly #onLine: (line: string) => void;
  readonly #settings: Readonly<Record<string, string>>;

  /** @param settings of apt, over ours: for packages that are not for this host, say */
  constructor(
    directory: string,
    context: Context,
    onLine: (line: string) => void,
    settings: Readonly<Record<string, string>> = {},
  ) {
    this.#directory = directory;
    this.#context = context;
    this.#onLine = onLine;
    this.#settings = settings;
  }

  /** Where `download` leaves the packages' files. */
  get archives(): string {
    return path.join(this.#directory, 'archives');
  }

  /**
   * Fetches the package lists. A source that does not answer is no failure yet: it may be one of the person's
   * others, and then nothing of it is needed.
   * @returns what apt complained about
   */
  async update(): Promise<string[]> {
    await mkdir(path.join(this.#directory, 'state', 'lists', 'partial'), { recursive: true });
    await mkdir(path.join(this.#directory, 'cache', 'archives', 'partial'), { recursive: true });
    await mkdir(this.archives, { recursive: true });
    const complaints: string[] = [];
    await this.#apt(['-q', 'update'], (line) => {
      if (isComplaint(line)) complaints.push(line);
    });
    return complaints;
  }

  /** The packages themselves, even where the host has them, and those they depend on which the host lacks. */
  async missingFor(packages: readonly string[]): Promise<AptPackage[]> {
    const args = ['-qq', '--simulate', '--reinstall', '--no-install-recommends', 'install', ...packages];
    const lines: string[] = [];
    await this.#apt(args, (line) => lines.push(line));
    const found = parseSimulation(lines);
    const names = packages.filter((name) => !name.startsWith('?')); // a pattern names any number of packages
    const absent = names.filter((name) => !found.some((candidate) => candidate.name === name));
    if (absent.length === 0) return found;
    throw aptFailure(absent, lines.filter(isComplaint));
  }

  async download(packages: readonly AptPackage[]): Promise<void> {
    const names = packages.map(({ name, version }) => `${name}=${version}`);
    const complaints: string[] = [];
    const done = await this.#apt(['-q', 'download', ...names], (line) => {
      if (isComplaint(line)) complaints.push(line);
    });
    if (!done) throw aptFailure(names, complaints);
  }

  /** @returns whether apt was content; what it says goes to `onLine` */
  async #apt(args: readonly string[], onLine: (line: string) => void): Promise<boolean> {
    const settings = {
      'Dir::State': path.join(this.#directory, 'state'),
      'Dir::State::status': '/var/lib/dpkg/status',
      'Dir::Cache': path.join(this.#directory, 'cache'),
      // Container images turn these off; each of our commands would read all lists anew.
      'Dir::Cache::pkgcache': 'pkgcache.bin',
      'Dir::Cache::srcpkgcache': 'srcpkgcache.bin',
      // As root, apt downloads as another user, who cannot enter our directory.
      'APT::Sandbox::User': 'root',
      'APT::Get::AllowUnauthenticated': 'false',
      'Acquire::AllowInsecureRepositories': 'false',
      'Acquire::Retries': '2',
      'Acquire::http::Timeout': '20',
      'Acquire::https::Timeout': '20',
      // Only what says which packages there are: no translations, no icons, no lists of commands.
      'Acquire::Languages': 'none',
      'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
      'Acquire::IndexTargets::deb::CNF::DefaultEnabled': 'false',
      ...this.#settings,
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    const { exitCode } = await this.#context.runner.run('apt-get', [...options, ...args], {
      cwd: this.archives, // where `download` writes
      env: { LC_ALL: 'C' },
      signal: this.#context.signal,
      okExitCodes: [100], // apt's one code for everything that went wrong
      onLine: (line) => {
        onLine(line);
        this.#onLine(line);
      },
    });
    return exitCode === 0;
  }
}

/** Reads `Inst NAME [OLD] (VERSION ORIGIN … [ARCH])`, a line for each package that would be installed. */
export function parseSimulation(lines: readonly string[]): AptPackage[] {
  return lines
    .map((line) => /^Inst (\S+) (?:\[[^\]]*\] )?\((\S+) /.exec(line))
    .filter((match) => match !== null)
    .map(([, name = '', version = '']) => ({ name, version }));
}

/** What a line says about a download: `Get:4 http://… bookworm/main amd64 Packages [8790 kB]`. */
export function parseDownload(line: string): string | undefined {
  const match = /^Get:\d+ \S+ (.+)$/.exec(line);
  return match?.[1];
}

function isComplaint(line: string): boolean {
  return /^[EW]: /.test(line);
}

/** @param complaints apt's lines that begin with `E:` or `W:` */
export function aptFailure(packages: readonly string[], complaints: readonly string[]): Failure {
  const why = complaints.slice(-8).join('\n');
  const unverified = /NO_PUBKEY|not signed|couldn't be verified|cannot be authenticated|EXPKEYSIG/.test(why);
  const hint = unverified
    ? 'apt could not verify the archive: mend its keys (`apt-get update` shows the same), and run the command again.'
    : 'Check the network and the sources of apt (`apt-get update` as root shows the same), and run the command again.';
  return new Failure({
    kind: 'environment',
    what: `apt could not provide ${packages.join(', ')}`,
    ...(why === '' ? {} : { why }),
    hint,
  });
}
