#!/usr/bin/env node
import { Option } from 'commander';
import { webserviceArguments } from '../components/workloads/webservice-arguments.ts';
import { main } from '../lib/cli.ts';

await main({
  name: 'webservice',
  description:
    "The tool's webservice: start, stop, restart, status, or a shell. For use inside `become TOOL`.",
  arguments: [
    ['<words...>', '[TYPE] ACTION: TYPE is python3.11, php8.2, jdk17 … and ACTION one of those above'],
  ],
  options: [new Option('--backend <backend>', 'kubernetes, the only one there is')],
  examples: [
    'webservice python3.11 start',
    'webservice --backend=kubernetes jdk17 start',
    'webservice restart',
    'webservice status',
    'webservice stop',
    'webservice python3.11 shell',
  ],
  anyCluster: true,
  foreground: true, // `shell` hands the terminal on; the others are quick
  schema: webserviceArguments,
  async run(request, context) {
    const { inSession } = await import('../components/workloads/session.ts');
    const { action, type, defaultType } = request;
    if (action === 'shell') {
      const { webserviceShell } = await import('../components/workloads/shell.ts');
      process.exitCode = await inSession(
        context,
        (session) => webserviceShell(type ?? defaultType, session, context),
        { cleanUp: true },
      );
      return;
    }
    const { runWebservice } = await import('../components/workloads/run-webservice.ts');
    await inSession(context, (session) => runWebservice({ ...request, action }, session, context.output));
  },
});
