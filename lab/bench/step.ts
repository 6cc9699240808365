import type { Step } from '../../lib/steps.ts';

export function step(id: string, title: string, run: () => Promise<string | undefined>): Step<undefined> {
  return { id, title, run };
}
