import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../../lib/clock.ts';
import type { Account } from '../../../components/maintain-kubeusers/accounts/account.ts';
import type { Log } from '../../../components/maintain-kubeusers/log.ts';
import { Loop } from '../../../components/maintain-kubeusers/loop/loop.ts';
import { Reconciler } from '../../../components/maintain-kubeusers/loop/reconciler.ts';
import { createMetrics } from '../../../components/maintain-kubeusers/metrics.ts';
import type { RollOut } from '../../../components/maintain-kubeusers/settings.ts';
import type { FakeApi } from './fake-api.ts';
import { DAY, FakeDirectory, tool, workshop } from './fakes.ts';

export const many = (count: number): Account[] =>
  Array.from({ length: count }, (_, index) => tool(`t${index}`, 50_000 + index));

/** A loop that runs, with everything around it in memory; `prepare` comes before its first request. */
export function running(accounts: readonly Account[], prepare: (api: FakeApi) => void = () => undefined) {
  const shop = workshop();
  prepare(shop.api);
  const rollOut: { now: RollOut | undefined } = { now: undefined };
  const directory = new FakeDirectory(accounts);
  const metrics = createMetrics();
  const time = { shift: 0 };
  const monotonic = (): number => performance.now() + time.shift;
  const logged: string[] = [];
  const note = (level: string) => (fields: object, message?: string) => {
    logged.push([level, message, JSON.stringify(fields)].join(' '));
  };
  const log = {
    ...{ debug: () => undefined, info: note('info'), warn: note('warn'), error: note('error') },
  } as unknown as Log;
  const reconciler = new Reconciler({
    ...{ tools: shop.tools, log, metrics, monotonic },
    now: () => Date.now(),
    renewBefore: -100_000 * DAY, // the fake's certificates are of another year
    removalLimits: { fraction: 0.05, minimum: 10 },
    allowMassDelete: false,
    places: 8,
  });
  const service = new Loop({
    ...{ reconciler, directory, metrics, monotonic, log, clock: systemClock },
    client: shop.api,
    homes: shop.homes,
    interval: 60_000,
    changeInterval: 20,
    apiRequests: () => shop.api.requests.length,
    rollOut: () => Promise.resolve(rollOut.now),
  });
  const stop = new AbortController();
  const ended = service.run(stop.signal);
  return {
    ...{ ...shop, directory, metrics, rollOut, logged, loop: service },
    /** Lets time pass on the clock that does not jump. */
    elapse: (milliseconds: number): void => {
      time.shift += milliseconds;
    },
    until: async (what: string, reached: () => boolean): Promise<void> => {
      const deadline = performance.now() + 20_000;
      while (!reached()) {
        if (performance.now() > deadline) {
          stop.abort(); // or the file would never end
          assert.fail(`waited for ${what}: ${JSON.stringify(service.status())}`);
        }
        await delay(5);
      }
    },
    end: async (): Promise<void> => {
      stop.abort();
      await ended;
    },
  };
}
