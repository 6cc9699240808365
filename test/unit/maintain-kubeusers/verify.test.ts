import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, suite, test } from 'node:test';
import { createAuthority, issueCertificate, type KeyPair } from '../../../cluster/pki/certificates.ts';
import { observeOnce } from '../../../components/maintain-kubeusers/loop/observe.ts';
import { Reconciler } from '../../../components/maintain-kubeusers/loop/reconciler.ts';
import { createMetrics } from '../../../components/maintain-kubeusers/metrics.ts';
import type { Tools } from '../../../components/maintain-kubeusers/resources/kind.ts';
import { noteFindings, verify } from '../../../components/maintain-kubeusers/verify.ts';
import { admin, DAY, SETTINGS, silentLog, tool, workshop } from './fakes.ts';

const ACCOUNTS = [tool('a'), admin('b')];
const { signal } = new AbortController();

suite('--verify', () => {
  let authority: KeyPair;
  before(async () => {
    authority = await createAuthority('test');
  });

  /** Both accounts made, with real certificates. */
  async function stage() {
    const shop = workshop({
      ...SETTINGS,
      cluster: { ...SETTINGS.cluster, ca: authority.certificate },
    });
    const issued: KeyPair[] = [];
    const issuer: Tools['issuer'] = {
      async issue({ commonName, organization }) {
        const request = { commonName, organizations: [organization], usage: 'client' as const };
        const pair = await issueCertificate(authority, request);
        issued.push(pair);
        const { validFromDate, validToDate } = new X509Certificate(pair.certificate);
        return { ...pair, validity: { from: validFromDate.getTime(), until: validToDate.getTime() } };
      },
    };
    const tools: Tools = { ...shop.tools, issuer };
    const pass = async () => {
      const reconciler = new Reconciler({
        ...{ tools, log: silentLog, metrics: createMetrics(), now: Date.now, monotonic: () => 0 },
        ...{ renewBefore: 30 * DAY, removalLimits: { fraction: 1, minimum: 10 }, allowMassDelete: false },
        places: 4,
      });
      await observeOnce(shop.api, reconciler.observed);
      const evaluation = reconciler.evaluate({ accounts: ACCOUNTS, skipped: [] });
      reconciler.queue.offer(evaluation.actions);
      await reconciler.queue.idle();
      return evaluation;
    };
    await pass();
    const find = async () => {
      const { desired, observed } = await pass();
      return verify(desired, observed, { tools, client: shop.api, signal });
    };
    const said = async () =>
      (await find())
        .map(({ account, resource, problem }) => `${account.name} ${resource}: ${problem}`)
        .sort();
    /** As the loop does it, from what is noted. */
    const repair = async (): Promise<void> => {
      await noteFindings(await find(), { client: shop.api, signal });
      await pass();
    };
    return { ...shop, issued, find, said, repair };
  }

  test('finds nothing wrong with what was just made', async () => {
    const { said } = await stage();
    assert.deepEqual(await said(), []);
  });

  test('a pair from a backup, valid and fitting, is not the recorded one', async (context) => {
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() - 300 * DAY });
    const old = await issueCertificate(authority, {
      commonName: 'a',
      organizations: ['toolforge'],
      usage: 'client',
    });
    context.mock.timers.reset();
    const { homes, said, repair } = await stage();
    homes.files.set('tool/a/.toolskube/client.key', { content: old.key, mode: 0o400 });
    homes.files.set('tool/a/.toolskube/client.crt', { content: old.certificate, mode: 0o400 });
    assert.deepEqual(await said(), ['a certificate: the certificate is not the one that was recorded']);
    await repair();
    assert.deepEqual(await said(), []);
  });

  test('credentials that others can reach are found and closed; a home that its tool closed is left', async () => {
    const { homes, said, repair } = await stage();
    homes.directories.set('tool/a/.toolskube', 0o755);
    homes.directories.set('admin/b/.admkube', 0o2710);
    homes.directories.set('tool/a', 0o2700);
    homes.directories.set('tool/a/logs', 0o700);
    assert.deepEqual(await said(), ['a home: .toolskube has mode 755', 'b home: .admkube has mode 2710']);
    await repair();
    assert.deepEqual(await said(), []);
    assert.deepEqual(
      ['tool/a/.toolskube', 'admin/b/.admkube', 'tool/a'].map((place) => homes.directories.get(place)),
      [0o700, 0o700, 0o2700],
    );
  });

  test('a kubeconfig that others can read is found and closed, with all that is in it', async () => {
    const { homes, said, repair } = await stage();
    const ofTool = homes.files.get('tool/a/.kube/config') ?? assert.fail();
    const ofAdmin = homes.files.get('admin/b/.kube/config') ?? assert.fail();
    homes.files.set('tool/a/.kube/config', { ...ofTool, mode: 0o640 });
    homes.files.set('admin/b/.kube/config', { ...ofAdmin, mode: 0o400 });
    assert.deepEqual(await said(), ['a kubeconfig: has mode 640']);
    await repair();
    assert.deepEqual(homes.files.get('tool/a/.kube/config'), { content: ofTool.content, mode: 0o600 });
    assert.equal(homes.files.get('admin/b/.kube/config')?.mode, 0o400);
  });

  test('a namespace that is gone meanwhile keeps no other finding from being noted', async () => {
    const { api, homes, find } = await stage();
    homes.directories.delete('tool/a/.toolskube');
    homes.directories.delete('admin/b/.admkube');
    const findings = await find();
    await api.delete({ group: '', version: 'v1', plural: 'namespaces' }, 'tool-a');
    await noteFindings(findings, { client: api, signal });
    const record = api.objects.get('/api/v1/namespaces/maintain-kubeusers/configmaps/enabled.admin.b');
    const { data } = record as { data?: Record<string, string> };
    assert.equal(data?.['problem.home'], '.admkube is missing');
  });
});
