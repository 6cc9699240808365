import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import type { Paths } from '../../lib/paths.ts';
import { isAtLeast } from '../../lib/versions.ts';
import type { PinnedModule } from './catalogue.ts';

/** Flags of every build: no paths of this machine in the binaries, and no symbol tables. */
export const BUILD_FLAGS = ['-trimpath'] as const;
const LINKER_FLAGS = ['-s', '-w'] as const;

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** This machine in Go's words; Node's names are the same for everything but these. */
export const PLATFORM = {
  os: process.platform as string,
  arch: GO_ARCHITECTURES[process.arch] ?? process.arch,
} as const;

/** What containers run, whatever this machine is. */
export const IMAGE_OS = 'linux';

export function buildFlags(module: PinnedModule): string[] {
  return [...BUILD_FLAGS, '-ldflags', [...LINKER_FLAGS, ...module.ldflags].join(' ')];
}

/** Resident bytes of Go's linker for the largest program (kyverno: 2.2 GiB, measured); compilers take less. */
const LINKER_MEMORY = 2.5 * 1024 ** 3;

/**
 * How many compilers and linkers run at once: Go itself would start a linker on each core, which is more than many
 * laptops have memory for.
 */
export function parallelism(cores: number, freeMemory: number): number {
  return Math.max(1, Math.min(cores, Math.floor(freeMemory / LINKER_MEMORY)));
}

/** Memory that builds may take, in bytes. macOS counts as used what it would give back at once. */
export function memoryForBuilds(): number {
  const available = process.availableMemory();
  return process.platform === 'darwin' ? Math.max(available, totalmem() / 2) : available;
}

/** Go's caches: only builds need them, what is built does not. */
export function goCaches(paths: Paths): { build: string; modules: string } {
  return { build: path.join(paths.cache, 'go', 'build'), modules: path.join(paths.cache, 'go', 'mod') };
}

/**
 * The settings of every `go` command, so that a build is the same whatever the person's own settings are. How Go
 * reaches the network (GOPROXY, GOSUMDB …) stays theirs; go.sum verifies every source all the same.
 * @param os what the programs are for
 */
export function goEnvironment(context: Context, os: string = PLATFORM.os): Record<string, string> {
  const caches = goCaches(context.paths);
  return {
    GOCACHE: caches.build,
    GOMODCACHE: caches.modules,
    // modcacherw: a cache that a person can delete. readonly: go.mod and go.sum are what is pinned.
    GOFLAGS: '-modcacherw -buildvcs=false -mod=readonly',
    GO111MODULE: 'on',
    GOWORK: 'off',
    // Go fetches no other Go by itself, unless the person asked for that.
    GOTOOLCHAIN: context.env['GOTOOLCHAIN'] ?? 'local',
    CGO_ENABLED: '0',
    // The compiler's own garbage collector: a sixth less processor time for some hundred MiB (measured on etcd).
    GOGC: '400',
    GOOS: os,
    GOARCH: PLATFORM.arch,
  };
}

/** The Go version that a module's go.mod asks for: `1.26.0`. */
export async function requiredGo(module: PinnedModule): Promise<string> {
  const text = await readFile(path.join(module.directory, 'go.mod'), 'utf8');
  const version = /^go (\d+\.\d+(?:\.\d+)?)/m.exec(text)?.[1];
  if (version === undefined) throw new Error(`${module.directory}/go.mod names no Go version`);
  return version;
}

/**
 * The version of the Go on PATH, without its prefix.
 * @throws Failure `environment` when there is none
 */
export async function installedGo(context: Context, directory: string, needed: string): Promise<string> {
  const { stdout } = await context.runner.run('go', ['env', 'GOVERSION'], {
    cwd: directory,
    env: goEnvironment(context),
    signal: context.signal,
    hint: goHint(needed),
  });
  return stdout.trim().replace(/^go/, '');
}

/** @throws Failure `environment` when there is no Go, or one that is too old for this module */
export async function requireGo(module: PinnedModule, context: Context): Promise<void> {
  const needed = await requiredGo(module);
  const installed = await installedGo(context, module.directory, needed);
  if (isAtLeast(installed, needed)) return;
  throw new Failure({
    kind: 'environment',
    what: `Go ${needed} or later is needed to build ${module.title}; the one on PATH is ${installed}`,
    hint: goHint(needed),
  });
}

export function goHint(needed: string): string {
  const minor = needed.split('.').slice(0, 2).join('.');
  const install = process.platform === 'darwin' ? '`brew install go`' : 'https://go.dev/doc/install';
  const debian =
    process.platform === 'darwin'
      ? ''
      : ` (Debian: golang-${minor}-go, from backports where it is not newer)`;
  return (
    `Install Go ${minor} or later: ${install}${debian}, and see that \`go version\` prints it.\n` +
    `A Go from 1.21 on can fetch that version itself: set GOTOOLCHAIN=auto and run the command again.`
  );
}
