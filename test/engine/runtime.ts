import { rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readFileIfExists } from '../../lib/files.ts';
import { shellQuote } from '../../cluster/supervisor/run-script.ts';
import type { EnginePrograms } from './packages.ts';

/** CAP_SYS_RESOURCE in the kernel's numbering. */
const SYS_RESOURCE = 24n;

/** Whether this host may raise resource limits. Some virtual machines and containers may not. */
async function mayRaiseLimits(): Promise<boolean> {
  const status = (await readFileIfExists('/proc/self/status')) ?? '';
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${bounding}`) >> SYS_RESOURCE) & 1n) === 1n;
}

/**
 * Writes `runc`, which dockerd looks for in its PATH. On a host without CAP_SYS_RESOURCE it is a wrapper: Docker asks for
 * the capability for `--privileged` and raises limits, both of which runc then refuses, so they are taken out of the
 * specification of a container, or of a process (`exec`).
 */
export async function writeRuntime(file: string, { bin, env }: EnginePrograms): Promise<void> {
  const runc = path.join(bin, 'real-runc');
  await rm(file, { force: true });
  if (await mayRaiseLimits()) {
    await symlink(runc, file);
    return;
  }
  const settings = Object.entries(env).map(([name, value]) => `export ${name}=${shellQuote(value)}`);
  const lines = [
    '#!/bin/sh',
    "# Written by toolforge-local's tests: runc without CAP_SYS_RESOURCE and rlimits.",
    ...settings,
    `jq=${shellQuote(path.join(bin, 'jq'))}`,
    '[ -x "$jq" ] || jq=jq',
    `filter=${shellQuote(FILTER)}`,
    FIND_SPECIFICATION,
    'if [ -n "$spec" ] && [ -f "$spec" ]; then',
    '  "$jq" -c "$filter" "$spec" > "$spec.changed" && mv "$spec.changed" "$spec"',
    'fi',
    `exec ${shellQuote(runc)} "$@"`,
    '',
  ];
  await writeFile(file, lines.join('\n'), { mode: 0o755 });
}

/** In jq's language, for the specification of a container or of a process in it. */
const FILTER = [
  'def drop: if . == null then . else map_values(map(select(. != "CAP_SYS_RESOURCE"))) end;',
  'def allowed: .capabilities |= drop | del(.rlimits)',
  '| .oomScoreAdj |= (if . != null and . < 0 then 0 else . end);',
  'if has("process") then .process |= allowed else allowed end',
].join(' ');

/** Sets `spec` from the arguments of runc: `create --bundle DIR …`, `exec --process FILE …`. */
const FIND_SPECIFICATION = `bundle=. process= command= previous=
for argument in "$@"; do
  case $previous in
    --bundle | -b) bundle=$argument ;;
    --process | -p) process=$argument ;;
  esac
  case $argument in
    create | run | exec) [ -n "$command" ] || command=$argument ;;
  esac
  previous=$argument
done
case $command in
  create | run) spec=$bundle/config.json ;;
  exec) spec=$process ;;
  *) spec= ;;
esac`;
