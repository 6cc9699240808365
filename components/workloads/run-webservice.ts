import { Failure } from '../../lib/errors.ts';
import type { Output } from '../../lib/output.ts';
import { DEPLOYMENTS, INGRESSES, SERVICES } from '../../lib/kube/types.ts';
import { awaitDeployment, deploymentOutcome, type Deployment, type Outcome } from './outcome.ts';
import { find, refusal, remove } from './resources.ts';
import type { Session } from './session.ts';
import type { WebserviceAction, WebserviceRequest } from './webservice-arguments.ts';
import { webserviceLabels, webserviceObjects } from './webservice.ts';

const MANAGED_BY = 'app.kubernetes.io/managed-by';
const STARTED_AT = 'toolforge.org/started-at';

/** What runs of a tool's webservice. */
interface Running {
  readonly deployment: Deployment;
  readonly type: string;
  readonly startedAt: string;
}

/** Starts, stops, restarts or shows the tool's webservice. */
export async function runWebservice(
  { action, type, defaultType }: WebserviceRequest & { readonly action: Exclude<WebserviceAction, 'shell'> },
  session: Session,
  output: Output,
): Promise<void> {
  const { name } = session.tool;
  const running = await findRunning(session);
  switch (action) {
    case 'status':
      status(session, running, output);
      return;
    case 'stop':
      await stop(session, running);
      output.event('webservice', { tool: name, state: 'stopped' });
      output.print(`Stopped the webservice of ${name}.`);
      return;
    case 'start':
      if (running !== undefined) {
        throw new Failure({
          kind: 'cluster',
          what: `The webservice of ${name} runs already`,
          why: `type ${running.type}, since ${running.startedAt}`,
          hint: '`webservice restart` starts it anew.',
        });
      }
      await bringUp(session, type ?? defaultType, output);
      return;
    case 'restart':
      if (running === undefined) throw notRunning(name);
      await bringUp(session, type ?? running.type, output);
      return;
  }
}

/** @throws Failure when the name is taken by something that is no webservice */
async function findRunning(session: Session): Promise<Running | undefined> {
  const { name } = session.tool;
  const deployment = await find<Deployment>(session, DEPLOYMENTS, name);
  if (deployment === undefined) return undefined;
  const { labels, annotations } = deployment.metadata ?? {};
  if (labels?.[MANAGED_BY] !== webserviceLabels(session.tool)[MANAGED_BY]) {
    throw new Failure({
      kind: 'cluster',
      what: `The Deployment ${name} is no webservice`,
      why: `a webservice has the name of its tool, and ${labels?.[MANAGED_BY] ?? 'something else'} has made this one`,
      hint: `\`kubectl get deployment ${name} -o yaml\` shows it; it has to go first.`,
    });
  }
  return { deployment, type: typeOf(deployment), startedAt: annotations?.[STARTED_AT] ?? 'an unknown time' };
}

/** Its command says it: `webservice-runner --type TYPE`. */
function typeOf({ spec }: Deployment): string {
  const pod = spec?.template?.spec as { containers?: { command?: string[] }[] } | undefined;
  const command = pod?.containers?.[0]?.command ?? [];
  return command[command.indexOf('--type') + 1] ?? 'unknown';
}

function notRunning(tool: string): Failure {
  return new Failure({
    kind: 'cluster',
    what: `The webservice of ${tool} does not run`,
    hint: '`webservice TYPE start` starts it.',
  });
}

/** The Deployment comes last and goes last: where it is, the rest is too. */
async function bringUp(session: Session, type: string, output: Output): Promise<void> {
  const { tool, client, clock, generators } = session;
  const { generation, webDomain: domain, standIn } = generators;
  const startedAt = new Date(clock.now()).toISOString();
  const objects = webserviceObjects({ tool, type, generation, standIn, domain, startedAt });
  try {
    await client.apply(SERVICES, objects.service, tool.namespace);
    await client.apply(INGRESSES, objects.ingress, tool.namespace);
    await client.apply(DEPLOYMENTS, objects.deployment, tool.namespace);
  } catch (error) {
    throw refusal(`The webservice of ${tool.name}`, error);
  }
  const url = `https://${tool.name}.${domain}/`;
  const outcome = await awaitDeployment(session, tool.name);
  output.event('webservice', { tool: tool.name, type, url, startedAt, ...outcome });
  if (outcome.state === 'refused') {
    throw new Failure({
      kind: 'cluster',
      what: `The webservice of ${tool.name} has been made, but no pod for it`,
      why: outcome.reason,
      hint: 'Kubernetes goes on trying; `webservice stop` ends that.',
    });
  }
  const soon = outcome.state === 'running' ? '' : ' Its pod does not run yet: see `webservice status`.';
  output.print(`Started the webservice of ${tool.name}, type ${type}, at ${url}.${soon}`);
}

async function stop(session: Session, running: Running | undefined): Promise<void> {
  const { name } = session.tool;
  const others = [
    await remove(session, INGRESSES, `${name}-subdomain`),
    await remove(session, SERVICES, name),
  ];
  if (running !== undefined) await remove(session, DEPLOYMENTS, name);
  // What an interrupted `start` or `stop` left counts too.
  else if (!others.includes(true)) throw notRunning(name);
}

function status({ tool, generators }: Session, running: Running | undefined, output: Output): void {
  if (running === undefined) {
    output.event('webservice', { tool: tool.name, state: 'stopped' });
    output.print(`The webservice of ${tool.name} does not run.`);
    return;
  }
  const { deployment, type, startedAt } = running;
  const outcome = deploymentOutcome(deployment);
  const url = `https://${tool.name}.${generators.webDomain}/`;
  output.event('webservice', { tool: tool.name, type, url, startedAt, ...outcome });
  output.print(
    `The webservice of ${tool.name}, type ${type}, ${SAYS[outcome.state]} (started ${startedAt}).`,
  );
  if (outcome.state === 'refused') output.print(`  ${outcome.reason}`);
}

const SAYS: Readonly<Record<Outcome['state'], string>> = {
  running: 'runs',
  pending: 'is starting',
  refused: 'has no pod',
};
