import { Failure, messageOf } from '../../../lib/errors.ts';
import type { DirectoryAnswer } from '../accounts/read-entries.ts';
import type { Desired, DesiredState } from './desired.ts';

/**
 * What this answer of the directory asks for. Of all that goes into it only the policy templates are texts that people
 * write: one that cannot be rendered says nothing about the directory.
 * @throws Failure `usage` when a template cannot be rendered
 */
export function desiredOf(state: DesiredState, answer: DirectoryAnswer): Desired {
  try {
    return state.of(answer);
  } catch (error) {
    throw new Failure({
      kind: 'usage',
      what: 'The policies of the accounts cannot be rendered',
      why: messageOf(error),
      hint: 'Correct the policy template, or take back its roll-out; until then nothing of any account changes.',
      cause: error,
    });
  }
}
