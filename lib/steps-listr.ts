import { Listr, PRESET_TIMER, type ListrTask } from 'listr2';
import type { Context } from './context.ts';
import { interrupted } from './errors.ts';
import type { Plan } from './steps.ts';

/** Runs a plan as listr2 tasks, for terminals. Loaded only there: nothing else needs it. */
export async function runWithListr<State>(plan: Plan<State>, state: State, context: Context): Promise<void> {
  const listr = new Listr<object>(tasksOf(plan, state, context), {
    renderer: 'default',
    registerSignalListeners: false, // lib/cli.ts turns Ctrl-C into the context's signal
    rendererOptions: {
      timer: PRESET_TIMER,
      collapseErrors: false,
      showErrorMessage: false, // lib/cli.ts prints the failure, once
      collapseSubtasks: false,
    },
  });
  await listr.run({});
}

function tasksOf<State>(plan: Plan<State>, state: State, context: Context): ListrTask<object>[] {
  return plan.flatMap((entry): ListrTask<object>[] => {
    if ('concurrent' in entry) {
      return [
        {
          task: (_, task) =>
            task.newListr(
              entry.concurrent.map((sequence) => sequenceTask(sequence, state, context)),
              { concurrent: true, exitOnError: true },
            ),
        },
      ];
    }
    return [
      {
        title: entry.title,
        task: async (_, task) => {
          if (context.signal.aborted) throw interrupted();
          const result = await entry.run(state, {
            update(text) {
              task.output = text;
            },
          });
          if (result !== undefined) task.title = `${entry.title}: ${context.output.style('dim', result)}`;
        },
      },
    ];
  });
}

function sequenceTask<State>(plan: Plan<State>, state: State, context: Context): ListrTask<object> {
  const [only] = tasksOf(plan, state, context);
  if (plan.length === 1 && only !== undefined) return only;
  return { task: (_, task) => task.newListr(tasksOf(plan, state, context), { concurrent: false }) };
}
