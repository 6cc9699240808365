import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { freePort } from '../../lib/ports.ts';
import { waitFor } from '../../lib/wait.ts';

/** Paths. */
export interface BarePrograms {
  readonly etcd: string;
  readonly apiserver: string;
}

/**
 * Seconds from starting etcd and kube-apiserver, the same programs as the cluster's and nothing else, to the first
 * `/readyz` that says ok: what any control plane of this version takes at the least.
 */
export async function bareApiserverSeconds(programs: BarePrograms, context: Context): Promise<number> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tl-bare-'));
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  try {
    const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
    const key = path.join(directory, 'service-accounts.key');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await writeFile(key, privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
    const etcd = `http://127.0.0.1:${etcdPort}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    const started = context.clock.now();
    const running = [
      context.runner.run(
        programs.etcd,
        [
          `--data-dir=${path.join(directory, 'etcd')}`,
          `--listen-client-urls=${etcd}`,
          `--advertise-client-urls=${etcd}`,
          `--listen-peer-urls=${peer}`,
          `--initial-advertise-peer-urls=${peer}`,
          `--initial-cluster=default=${peer}`,
        ],
        { signal },
      ),
      context.runner.run(
        programs.apiserver,
        [
          `--etcd-servers=${etcd}`,
          `--secure-port=${port}`,
          '--bind-address=127.0.0.1',
          '--advertise-address=127.0.0.1',
          `--cert-dir=${path.join(directory, 'certificates')}`,
          '--service-cluster-ip-range=10.96.0.0/12',
          '--service-account-issuer=https://kubernetes.default.svc',
          `--service-account-key-file=${key}`,
          `--service-account-signing-key-file=${key}`,
          '--authorization-mode=RBAC',
          '--endpoint-reconciler-type=none',
        ],
        { signal },
      ),
    ];
    const died = Promise.race(running.map((one) => one.then(() => undefined)));
    const ready = waitFor('a bare kube-apiserver', () => isReady(port), {
      clock: context.clock,
      signal: context.signal,
      timeoutMs: 120_000,
      maxPauseMs: 50,
    });
    try {
      await Promise.race([ready, died]);
      return (context.clock.now() - started) / 1000;
    } finally {
      stop.abort();
      await Promise.allSettled(running);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Its certificate is one that it made for itself just now: nobody could know it. */
function isReady(port: number): Promise<true | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, path: '/readyz', rejectUnauthorized: false, agent: false, timeout: 2_000 },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200 ? true : undefined);
      },
    );
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end();
  });
}
