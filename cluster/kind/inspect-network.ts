import { z } from 'zod';
import type { Context } from '../../lib/context.ts';
import { runEngine, type Engine } from './engine.ts';

/** What matters of a network of the engine. */
export interface Network {
  readonly labels: Readonly<Record<string, string>>;
  /** Of IPv4; undefined where it has none. */
  readonly subnet: string | undefined;
}

const labels = z.record(z.string(), z.string()).nullish();

const dockers = z
  .object({
    Labels: labels,
    IPAM: z.object({ Config: z.array(z.object({ Subnet: z.string() })).nullish() }),
  })
  .transform(({ Labels, IPAM }) =>
    networkOf(
      Labels,
      IPAM.Config?.map(({ Subnet }) => Subnet),
    ),
  );

/** Since version 4; what is empty it leaves out. */
const podmans = z
  .object({ name: z.string(), labels, subnets: z.array(z.object({ subnet: z.string() })).nullish() })
  .transform((network) =>
    networkOf(
      network.labels,
      network.subnets?.map(({ subnet }) => subnet),
    ),
  );

const inspected = z.tuple([z.union([dockers, podmans])]);

/** The engine's network of that name, or undefined where it has none. */
export async function inspectNetwork(
  name: string,
  engine: Engine,
  context: Context,
): Promise<Network | undefined> {
  const { stdout, exitCode } = await runEngine(engine, context, ['network', 'inspect', name], {
    okExitCodes: [1, 125],
  });
  return exitCode === 0 ? inspected.parse(JSON.parse(stdout))[0] : undefined;
}

function networkOf(
  found: Readonly<Record<string, string>> | null | undefined,
  subnets: readonly string[] = [],
): Network {
  return { labels: found ?? {}, subnet: subnets.find((text) => text.includes('.')) };
}
