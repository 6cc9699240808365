import assert from 'node:assert/strict';
import { generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';
import { after, suite, test } from 'node:test';
import 'reflect-metadata';
import { Pkcs10CertificateRequest, X509CertificateGenerator } from '@peculiar/x509';
import { CertificateIssuer } from '../../../components/maintain-kubeusers/certificates/issuer.ts';
import { createRequest } from '../../../components/maintain-kubeusers/certificates/request.ts';
import { issueCertificate, createAuthority } from '../../../cluster/pki/certificates.ts';
import { OWN_LABELS } from '../../../components/maintain-kubeusers/state.ts';
import { systemClock } from '../../../lib/clock.ts';
import { Failure } from '../../../lib/errors.ts';
import { KubeError } from '../../../lib/kube/errors.ts';
import type { KubeObject } from '../../../lib/kube/types.ts';
import { FakeApi } from './fake-api.ts';
import { NOW } from './fakes.ts';

const SUBJECT = { requestName: 'tool-a', commonName: 'a', organization: 'toolforge' };
const P256 = { keyAlgorithm: 'P-256' } as const;
const PATH = '/apis/certificates.k8s.io/v1/certificatesigningrequests/tool-a';

/** An API whose signer does what the test says with an approved request. */
function stage(sign: (request: KubeObject) => Promise<KubeObject['status']>, clock = systemClock) {
  const api = new FakeApi();
  const request = api.request.bind(api);
  api.request = async (method, path, options) => {
    if (!path.endsWith('/approval')) return request(method, path, options);
    const body = options?.body as KubeObject;
    const approved = await request<KubeObject>(method, path.replace('/approval', ''), { body });
    setImmediate(() => {
      void sign(approved).then((status) => {
        const signed = {
          ...approved,
          status,
          metadata: { ...approved.metadata, resourceVersion: undefined },
        };
        return request('PUT', path.replace('/approval', ''), { body: signed });
      });
    });
    return approved as never;
  };
  const end = new AbortController();
  after(() => {
    end.abort();
  });
  const errors: unknown[] = [];
  const issuer = new CertificateIssuer({
    client: api,
    clock,
    signal: end.signal,
    onError: (error) => errors.push(error),
  });
  return { api, issuer, errors };
}

const pem = (certificate: string) => ({ certificate: Buffer.from(certificate).toString('base64') });

suite('certificate requests', () => {
  test('name the user and its group, and are signed with their own key', async () => {
    const { request, key } = await createRequest('a', 'toolforge', 'P-256');
    const parsed = new Pkcs10CertificateRequest(request);
    assert.equal(parsed.subject, 'O=toolforge, CN=a');
    assert.ok(await parsed.verify());
    assert.match(key, /^-----BEGIN PRIVATE KEY-----/);
  });

  test('a signer that signs another key is found out', async () => {
    const authority = await createAuthority('test');
    const { certificate } = await issueCertificate(authority, { commonName: 'a', usage: 'client' });
    const { api, issuer } = stage(async () => Promise.resolve(pem(certificate)));
    await assert.rejects(issuer.issue(SUBJECT, P256), /signed another key/);
    assert.ok(api.objects.has(PATH), 'the request stays, for people to look at');
  });

  test('a refusal is an error with its reason', async () => {
    const conditions = [{ type: 'Failed', status: 'True', message: 'no such usage' }];
    const { issuer } = stage(async () => Promise.resolve({ conditions }));
    await assert.rejects(issuer.issue(SUBJECT, P256), /tool-a was not signed: Failed: no such usage/);
  });

  test('what an earlier try left is replaced; one WATCH serves all', async () => {
    const { api, issuer } = stage(async () =>
      Promise.resolve({ conditions: [{ type: 'Denied', status: 'True' }] }),
    );
    api.objects.set(PATH, { metadata: { name: 'tool-a', labels: OWN_LABELS, resourceVersion: '1' } });
    const names = ['tool-a', 'tool-b', 'tool-c'];
    const all = await Promise.allSettled(
      names.map((requestName) => issuer.issue({ ...SUBJECT, requestName }, P256)),
    );
    for (const each of all) assert.match(String(each.status === 'rejected' && each.reason), /Denied/);
    assert.equal(api.requests.filter((request) => request.startsWith('WATCH')).length, 1);
    assert.equal(api.requests.filter((request) => request.startsWith('DELETE')).length, 1);
  });

  test('a request of that name that somebody else made is left alone', async () => {
    const { api, issuer } = stage(() => Promise.reject(new Error('nothing is approved')));
    const theirs = { metadata: { name: 'tool-a', labels: { owner: 'somebody' }, resourceVersion: '1' } };
    api.objects.set(PATH, theirs);
    const refused = /The certificate request tool-a was not made by maintain-kubeusers/;
    await assert.rejects(issuer.issue(SUBJECT, P256), refused);
    assert.equal(api.objects.get(PATH), theirs);
  });

  test('that cannot be listed fail after a while, and work when they can', async (context) => {
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const { api, issuer, errors } = stage(
      () => Promise.resolve({ conditions: [{ type: 'Denied', status: 'True' }] }),
      { now: Date.now, sleep: turn },
    );
    context.mock.timers.enable({ apis: ['setTimeout'] });
    const over = async (work: Promise<unknown>): Promise<unknown> => {
      let error: unknown;
      void work.catch((thrown: unknown) => (error = thrown));
      for (let second = 0; second < 1_000 && error === undefined; second += 1) {
        await turn();
        if (errors.length > 0) context.mock.timers.tick(1_000);
      }
      return error;
    };
    api.before = (request) => {
      if (request.startsWith('GET')) throw new KubeError(request, 403, 'Forbidden', 'no rights');
    };
    for (let time = 0; time < 2; time += 1) {
      const error = await over(issuer.issue(SUBJECT, P256));
      assert.ok(error instanceof Failure);
      assert.match(error.message, /Certificate requests could not be listed for 30 s: .*no rights/);
    }
    api.before = () => undefined;
    assert.match(String(await over(issuer.issue(SUBJECT, P256))), /Denied/);
  });

  test('what comes back says when it is valid', async () => {
    // A certificate of the very key that was asked for, as the controller manager makes it.
    const { issuer } = stage(async (request) => {
      const text = Buffer.from((request['spec'] as { request: string }).request, 'base64').toString();
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const signingKey = await webcrypto.subtle.importKey(
        'pkcs8',
        privateKey.export({ format: 'der', type: 'pkcs8' }),
        { name: 'ECDSA', namedCurve: 'P-256' },
        false,
        ['sign'],
      );
      const made = await X509CertificateGenerator.create({
        subject: 'O=toolforge, CN=a',
        issuer: 'CN=test',
        notBefore: new Date(NOW),
        notAfter: new Date(NOW + 1_000),
        publicKey: new Pkcs10CertificateRequest(text).publicKey,
        signingKey,
        signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      });
      return pem(made.toString('pem'));
    });
    const issued = await issuer.issue(SUBJECT, P256);
    assert.deepEqual(issued.validity, { from: NOW, until: NOW + 1_000 });
    assert.match(new X509Certificate(issued.certificate).subject, /CN=a/);
  });
});
