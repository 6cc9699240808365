// Run by toolchain.test.ts as a process of its own, so that it can be killed: resolves `hello`, prints its path.
import { systemRunner } from '../../../lib/run.ts';
import { resolveBinaries } from '../../../cluster/toolchain/resolve.ts';
import { contextWith } from '../../unit/toolchain/fake-go.ts';

const [, , cache = '', modules = ''] = process.argv;
const progress = {
  update(text: string): void {
    process.stdout.write(`${text}\n`);
  },
};
const wanted = [{ module: 'hello-1.0.0', binary: 'hello' }];
const context = contextWith(systemRunner, cache, `${cache}-state`);
const found = await resolveBinaries(wanted, context, progress, modules);
process.stdout.write(`found ${found.get('hello') ?? ''}\n`);
