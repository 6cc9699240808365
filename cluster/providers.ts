import { Failure } from '../lib/errors.ts';
import type { Provider } from './provider.ts';
import type { ClusterSpec } from './spec.ts';

/** The implementation of a provider, loaded when it is asked for. */
export async function providerOf(name: ClusterSpec['provider']): Promise<Provider> {
  switch (name) {
    case 'embedded':
      return (await import('./embedded/provider.ts')).embedded;
    case 'kind':
      throw new Failure({
        kind: 'usage',
        what: 'The kind provider is not part of this version',
        hint: 'Use --provider embedded.',
      });
  }
}

/** `auto` picks kind where a container engine answers and kind is there, else plain processes. */
export function resolveProvider(asked: 'auto' | ClusterSpec['provider']): ClusterSpec['provider'] {
  return asked === 'auto' ? 'embedded' : asked;
}
