import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readFileIfExists, writeFileAtomic } from '../../lib/files.ts';
import type { Context } from '../../lib/context.ts';
import type { EnginePrograms } from './packages.ts';

const TABLES = ['filter', 'nat', 'raw'] as const;
const FORWARDING = '/proc/sys/net/ipv4/ip_forward';

/** dockerd turns on forwarding and puts chains of its own into the packet filter: what was there before is kept here. */
export class Firewall {
  readonly #directory: string;
  readonly #programs: EnginePrograms;
  readonly #context: Context;

  constructor(directory: string, programs: EnginePrograms, context: Context) {
    this.#directory = directory;
    this.#programs = programs;
    this.#context = context;
  }

  async remember(): Promise<void> {
    for (const table of TABLES) {
      const { stdout } = await this.#run('iptables-save', ['-t', table]);
      await writeFileAtomic(this.#file(table), stdout);
    }
    await writeFileAtomic(this.#file('forwarding'), (await readFileIfExists(FORWARDING)) ?? '');
  }

  /** Everything as it was remembered; works for an engine that an earlier, killed run started too. */
  async restore(): Promise<void> {
    for (const table of TABLES) {
      const saved = await readFileIfExists(this.#file(table));
      if (saved === undefined) continue;
      const rules = saved.trim() === '' ? EMPTY[table] : saved;
      await this.#run('iptables-restore', [], `${rules.trimEnd()}\n`);
    }
    if ((await readFileIfExists(this.#file('forwarding')))?.trim() === '0') await writeFile(FORWARDING, '0');
  }

  #file(name: string): string {
    return path.join(this.#directory, `before-${name}`);
  }

  #run(program: string, args: readonly string[], input?: string) {
    const { bin, env } = this.#programs;
    return this.#context.runner.run(path.join(bin, program), args, {
      env,
      ...(input === undefined ? {} : { input }),
    });
  }
}

/** A table that nobody has used yet, as iptables-save would print it once somebody had. */
const EMPTY: Readonly<Record<(typeof TABLES)[number], string>> = {
  filter: '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT',
  nat: '*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT',
  raw: '*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT',
};
