import { perform } from './perform.ts';
import type { HomeRoots, Operation, OperationResult } from './operation.ts';

/**
 * The process that touches homes, and nothing else. A file system that hangs takes its threads, not those of the loop,
 * and the loop starts another (`homes/process.ts`). It ends when the loop's end of the channel is gone.
 */
export interface Ask {
  readonly id: number;
  readonly operation: Operation;
}

export interface Answer {
  readonly id: number;
  readonly result: OperationResult;
}

const roots: HomeRoots = { tool: process.argv[2] ?? '', admin: process.argv[3] ?? '' };

process.on('message', (message: Ask) => {
  void perform(roots, message.operation).then((result) => {
    const answer: Answer = { id: message.id, result };
    process.send?.(answer, undefined, undefined, () => undefined);
  });
});
process.on('disconnect', () => {
  process.kill(process.pid, 'SIGKILL'); // an ordinary exit would wait for threads that hang
});
// Ctrl-C reaches the whole group of a terminal; the loop says when its work is done.
process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined);
