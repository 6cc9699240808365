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

/**
 * `auto` picks kind where Docker answers, and plain processes elsewhere or for what kind cannot run; then it says why,
 * to those who have an engine.
 */
export async function resolveProvider(
  asked: 'auto' | ClusterSpec['provider'],
  profile: Profile,
  context: Context,
): Promise<ClusterSpec['provider']> {
  if (asked !== 'auto') return asked;
  const { kindChoice } = await import('./kind/possible.ts');
  const { possible, why, hint } = await kindChoice(profile, context);
  if (possible) return 'kind';
  if (why !== undefined) {
    const more = hint === undefined ? '' : ' (`npm run doctor` says what to do)';
    context.output.note(`Plain processes, not kind: ${why}${more}`);
    context.output.event('provider.embedded-instead', { why });
  }
  return 'embedded';
}
