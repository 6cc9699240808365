import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Clock } from '../../../lib/clock.ts';
import { Failure, messageOf } from '../../../lib/errors.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { ifFound, isAlreadyExists } from '../../../lib/kube/errors.ts';
import { follow } from '../../../lib/kube/follow.ts';
import { pathOf, type KubeObject, type Resource } from '../../../lib/kube/types.ts';
import { foreign, isOwn } from '../own.ts';
import type { Settings } from '../settings.ts';
import { OWN_LABELS, OWN_SELECTOR, type Validity } from '../state.ts';
import { outcomeOf, type CertificateRequest, type Outcome } from './outcome.ts';

const REQUESTS: Resource = {
  group: 'certificates.k8s.io',
  version: 'v1',
  plural: 'certificatesigningrequests',
};
const SIGNER = 'kubernetes.io/kube-apiserver-client';
/** The controller manager signs within milliseconds; with 4,000 in a row its client is limited to some a second. */
const SIGNED_WITHIN_MS = 30_000;
/** A restarting API server is back by then. */
const LISTED_WITHIN_MS = 30_000;

export interface CertificateSubject {
  /** The name of the request object: `tool-<tool>`. */
  readonly requestName: string;
  /** The user. */
  readonly commonName: string;
  /** The user's group. */
  readonly organization: string;
}

export interface IssuedCertificate {
  /** PEM */
  readonly key: string;
  /** PEM */
  readonly certificate: string;
  readonly validity: Validity;
}

export interface IssuerOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'delete' | 'request' | 'pages' | 'watch'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

/**
 * Client certificates through the CertificateSigningRequest API: create, approve, wait for the signer. One WATCH serves
 * all requests under way; it starts with the first. The requests stay, for people to see who approved what and why one was
 * refused, until the controller manager removes them: an hour after their approval, a day if they were never approved.
 */
export class CertificateIssuer {
  readonly #options: IssuerOptions;
  /** By the request's uid: another request of the same name is not the one that is waited for. */
  readonly #waiting = new Map<string, (outcome: Outcome) => void>();
  #watching: Promise<void> | undefined;
  /** What last went wrong with the WATCH. */
  #trouble: unknown;

  constructor(options: IssuerOptions) {
    this.#options = options;
  }

  /** @throws Failure when the signer refuses, or does not sign in time */
  async issue(
    subject: CertificateSubject,
    { keyAlgorithm, certificateSeconds }: Pick<Settings, 'keyAlgorithm' | 'certificateSeconds'>,
  ): Promise<IssuedCertificate> {
    const { createRequest } = await import('./request.ts');
    const { key, request } = await createRequest(subject.commonName, subject.organization, keyAlgorithm);
    await this.#watched();
    const created = await this.#create({
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: subject.requestName, labels: OWN_LABELS },
      spec: {
        signerName: SIGNER,
        request: Buffer.from(request).toString('base64'),
        usages: [
          'digital signature',
          'client auth',
          ...(keyAlgorithm === 'P-256' ? [] : ['key encipherment']),
        ],
        ...(certificateSeconds === undefined ? {} : { expirationSeconds: certificateSeconds }),
      },
    });
    const certificate = await this.#signed(created);
    return { key, certificate, validity: checked(certificate, key) };
  }

  /** A request that is there already is of no use: its key is in use since, or gone. */
  async #create(request: CertificateRequest): Promise<CertificateRequest> {
    const { client } = this.#options;
    try {
      return await client.create(REQUESTS, request);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const { name = '' } = request.metadata ?? {};
      const found = await ifFound(client.get(REQUESTS, name));
      if (found !== undefined && !isOwn(found)) throw foreign(`The certificate request ${name}`);
      await ifFound(client.delete(REQUESTS, name));
      return await client.create(REQUESTS, request);
    }
  }

  /** Approves the request and waits for its certificate. */
  async #signed(created: CertificateRequest): Promise<string> {
    const { client } = this.#options;
    const { name = '', uid = '' } = created.metadata ?? {};
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const timer = setTimeout(() => {
      reject(failed(name, `no signer signed it within ${SIGNED_WITHIN_MS / 1000} s`));
    }, SIGNED_WITHIN_MS);
    this.#waiting.set(uid, (outcome) => {
      if ('certificate' in outcome) resolve(outcome.certificate);
      else reject(failed(name, outcome.refused));
    });
    promise.catch(() => undefined); // the approval may fail first
    try {
      await client.request('PUT', `${pathOf(REQUESTS, undefined, name)}/approval`, {
        body: { ...created, status: { conditions: [APPROVED] } },
      });
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(uid);
    }
  }

  /** Waits for the first LIST. It goes on being tried after the deadline, for those who ask later. */
  async #watched(): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      reject(
        new Failure({
          kind: 'cluster',
          what: `Certificate requests could not be listed for ${LISTED_WITHIN_MS / 1000} s`,
          ...(this.#trouble === undefined ? {} : { why: messageOf(this.#trouble) }),
          hint: 'Look at `npm run status` and `npm run logs kube-apiserver`.',
          cause: this.#trouble,
        }),
      );
    }, LISTED_WITHIN_MS);
    try {
      await Promise.race([(this.#watching ??= this.#watch()), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #watch(): Promise<void> {
    const look = (object: KubeObject): void => {
      const settle = this.#waiting.get(object.metadata?.uid ?? '');
      const outcome = outcomeOf(object);
      if (outcome !== undefined) settle?.(outcome);
    };
    const { client, clock, signal, onError } = this.#options;
    await follow({
      client,
      clock,
      signal,
      onError: (error) => {
        this.#trouble = error;
        onError(error);
      },
      resource: REQUESTS,
      selection: { labelSelector: OWN_SELECTOR },
      replace: (objects) => {
        objects.forEach(look);
      },
      change: ({ object }) => {
        look(object);
      },
    }).listed;
  }
}

const APPROVED = {
  type: 'Approved',
  status: 'True',
  reason: 'MaintainKubeusers',
  message: 'Requested and approved by maintain-kubeusers',
};

function checked(certificate: string, key: string): Validity {
  const parsed = new X509Certificate(certificate);
  if (!parsed.checkPrivateKey(createPrivateKey(key))) throw new Error('the signer signed another key');
  return { from: parsed.validFromDate.getTime(), until: parsed.validToDate.getTime() };
}

function failed(name: string, why: string): Failure {
  return new Failure({
    kind: 'cluster',
    what: `The certificate request ${name} was not signed`,
    why,
    hint: 'Look at `npm run logs kube-controller-manager`.',
  });
}
