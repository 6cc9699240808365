import { perform } from '../../../components/maintain-kubeusers/homes/perform.ts';
import type { Ask, Answer } from '../../../components/maintain-kubeusers/homes/worker.ts';

/** A worker on a file system where the homes of tools named `hang…` never answer, and `late…` only after a while. */
const roots = { tool: process.argv[2] ?? '', admin: process.argv[3] ?? '' };
process.on('message', ({ id, operation }: Ask) => {
  const { name } = operation.owner;
  if (name.startsWith('hang')) return;
  if (name.startsWith('die')) process.kill(process.pid, 'SIGKILL');
  const pause = name.startsWith('late') ? 400 : 0;
  setTimeout(() => {
    void perform(roots, operation).then((result) => {
      const answer: Answer = { id, result };
      process.send?.(answer);
    });
  }, pause);
});
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
