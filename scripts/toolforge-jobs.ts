#!/usr/bin/env node
import { Option } from 'commander';
import { jobArguments } from '../components/workloads/job-arguments.ts';
import { main } from '../lib/cli.ts';

// None of them from the environment: each is about one job.
await main({
  name: 'toolforge-jobs',
  description: "The tool's jobs: run, list, show, delete. For use inside `become TOOL`.",
  arguments: [
    ['<action>', 'run, list, show or delete'],
    ['[job]', 'the name of the job'],
  ],
  options: [
    new Option('--command <command>', 'run: what to run, as a shell reads it'),
    new Option('--image <image>', 'run: python3.11, node18 … or a whole image (default: bookworm)'),
    new Option('--schedule <cron>', 'run: at these times, "17 * * * *" or "@daily"'),
    new Option('--continuous', 'run: for ever; started anew whenever it ends'),
    new Option('--mem <quantity>', 'run: memory (default: 512Mi)'),
    new Option('--retry <count>', 'run: how often to try again when it fails, 0 to 5 (default: 0)'),
    new Option('--mount <which>', 'run: all or none of the shared file systems (default: all)'),
    new Option('--wait [seconds]', 'run: until the job has ended (default: 600)'),
  ],
  examples: [
    'toolforge-jobs run once --command ./bot.sh --image python3.11 --wait',
    'toolforge-jobs run nightly --command "./bot.sh --all" --schedule "17 2 * * *"',
    'toolforge-jobs run listener --command ./listen.sh --continuous --mem 1Gi',
    'toolforge-jobs list',
    'toolforge-jobs delete nightly',
  ],
  anyCluster: true,
  schema: jobArguments,
  async run(request, context) {
    const { inSession } = await import('../components/workloads/session.ts');
    const { runJobs } = await import('../components/workloads/run-jobs.ts');
    await inSession(context, (session) => runJobs(request, session, context.output));
  },
});
