import { Failure } from '../../../lib/errors.ts';
import type { FileFacts, HomeOwner, Homes } from './homes.ts';
import type { Operation, OperationResult } from './operation.ts';

type Work = Operation extends infer One
  ? One extends Operation
    ? Omit<One, 'owner' | 'path'>
    : never
  : never;

/** Homes by way of a function that performs one operation: in this process, or in another. */
export function homesVia(perform: (operation: Operation) => Promise<OperationResult>): Homes {
  let operations = 0;
  const ask = async (
    owner: HomeOwner,
    path: string,
    work: Work,
  ): Promise<Uint8Array | FileFacts | undefined> => {
    operations += 1;
    const { type, name, uid } = owner;
    const result = await perform({ owner: { type, name, uid }, path, ...work });
    if (result.ok) return result.value;
    throw new Failure({
      kind: 'environment',
      what: `The home of ${type} ${name} could not be worked on`,
      why: result.message,
    });
  };
  return {
    async makeDirectory(owner, path, mode, exact = false) {
      await ask(owner, path, { do: 'makeDirectory', mode, exact });
    },
    async read(owner, path, maxBytes) {
      return (await ask(owner, path, { do: 'read', maxBytes })) as Uint8Array | undefined;
    },
    async write(owner, path, content, mode, was) {
      await ask(owner, path, { do: 'write', content, mode, was });
    },
    async remove(owner, path) {
      await ask(owner, path, { do: 'remove' });
    },
    async facts(owner, path) {
      return (await ask(owner, path, { do: 'facts' })) as FileFacts | undefined;
    },
    get operations() {
      return operations;
    },
  };
}
