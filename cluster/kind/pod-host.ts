import { writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import type { PodHost } from '../provider.ts';
import type { ClusterRecord } from '../record.ts';
import { requireEngine, runEngine } from './engine.ts';
import { layout, networkName, nodesOf } from './layout.ts';
import { openPodFiles } from './pod-files.ts';

/** What is mounted before anybody knows better; there is no OpenStack here. */
export const NODE_FILES = {
  'wmcs-project': 'local\n',
  'ldap.yaml': '{}\n',
  'ldap.conf': '',
  'novaobserver.yaml': '{}\n',
  'openstack/clouds.yaml': 'clouds: {}\n',
} as const;

/** The machine that the nodes of a cluster run on. */
export function podHost(record: ClusterRecord, directory: string, context: Context): PodHost {
  return {
    /** The gateway of the nodes' network, where the engine's bridge is on this machine: nobody beyond it gets there. */
    async address() {
      const [node] = nodesOf(record);
      const network = `{{with index .NetworkSettings.Networks ${JSON.stringify(networkName(record.spec.name))}}}{{.Gateway}}{{end}}`;
      const inspect = ['inspect', '--format', network, node?.container ?? ''];
      const gateway = (await runEngine(await requireEngine(context), context, inspect)).stdout.trim();
      const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
      return own.some(({ address }) => address === gateway) ? gateway : undefined;
    },
    /** In place: a mounted file is the one that was there when the node started. */
    async writeFile(name, content) {
      await writeFile(path.join(layout(directory).etc, name), content);
    },
    async openFiles(how) {
      await openPodFiles(how, directory, await requireEngine(context), context);
    },
  };
}
