import type { Context } from '../lib/context.ts';
import type { Profile } from './profile.ts';
import type { Provider } from './provider.ts';
import type { ClusterSpec } from './spec.ts';

/** The implementation of a provider, loaded when it is asked for. */
export async function providerOf(name: ClusterSpec['provider']): Promise<Provider> {
  switch (name) {
    case 'embedded':
      return (await import('./embedded/provider.ts')).embedded;
    case 'kind':
      return (await import('./kind/provider.ts')).kind;
  }
}

/** `auto` picks kind where a container engine answers, and plain processes elsewhere or for what kind cannot run. */
export async function resolveProvider(
  asked: 'auto' | ClusterSpec['provider'],
  profile: Profile,
  context: Context,
): Promise<ClusterSpec['provider']> {
  if (asked !== 'auto') return asked;
  const { kindIsPossible } = await import('./kind/possible.ts');
  return (await kindIsPossible(profile, context)) ? 'kind' : 'embedded';
}
