import type { PolicyTemplate } from '../../components/kyverno/policies/render.ts';
import { Failure } from '../../lib/errors.ts';
import { FIELD_MANAGER, type KubeClient } from '../../lib/kube/client.ts';
import { isAlreadyExists } from '../../lib/kube/errors.ts';
import { NAMESPACES, pathOf, POLICIES, type KubeObject, type Resource } from '../../lib/kube/types.ts';
import { isOurs, isUpToDate, policyPatch } from './compare.ts';
import { desiredNamespace, desiredPolicy, type Target } from './desired.ts';
import type { SeedPoliciesOptions } from './options.ts';
import type { Work } from './plan.ts';

export type WriteClient = Pick<KubeClient, 'create' | 'get' | 'request'>;

/**
 * Makes or mends the namespace and the policy of accounts. What to do was planned from a LIST; what turned out
 * differently meanwhile (a try that was answered by nobody and yet did its work, another run) is looked at again.
 */
export class AccountWriter {
  readonly #client: WriteClient;
  readonly #options: SeedPoliciesOptions;
  readonly #template: PolicyTemplate;
  /** Namespaces under way or done: with --single-namespace all accounts share one. */
  readonly #namespaces = new Map<string, Promise<void>>();

  constructor(client: WriteClient, options: SeedPoliciesOptions, template: PolicyTemplate) {
    this.#client = client;
    this.#options = options;
    this.#template = template;
  }

  async write(work: Work): Promise<void> {
    if (work.namespaceIs !== 'there') await this.#namespaceOnce(work);
    if (work.policyIs === 'missing') await this.#createPolicy(work);
    if (work.policyIs === 'different') await this.#changePolicy(work);
  }

  #namespaceOnce(work: Work): Promise<void> {
    if (!this.#options.singleNamespace) return this.#writeNamespace(work);
    const known = this.#namespaces.get(work.namespace) ?? this.#writeNamespace(work);
    this.#namespaces.set(work.namespace, known);
    return known;
  }

  async #writeNamespace(work: Work): Promise<void> {
    const desired = desiredNamespace(work, this.#options);
    if (work.namespaceIs === 'missing') {
      try {
        await this.#client.create(NAMESPACES, desired);
        return;
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
      }
      const there = await this.#client.get<KubeObject>(NAMESPACES, work.namespace);
      if (!isOurs(there.metadata, this.#options.prefix)) throw notOurs('Namespace', work.namespace);
    }
    await this.#patch(NAMESPACES, work.namespace, undefined, {
      metadata: { labels: desired.metadata?.labels },
    });
  }

  async #createPolicy(work: Work): Promise<void> {
    const desired = desiredPolicy(work, this.#options, this.#template);
    try {
      await this.#client.create(POLICIES, desired, work.namespace);
      return;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const there = await this.#client.get<KubeObject>(POLICIES, work.policy, work.namespace);
    if (!isOurs(there.metadata, this.#options.prefix))
      throw notOurs('Policy', `${work.namespace}/${work.policy}`);
    if (!isUpToDate(there, desired)) await this.#changePolicy(work);
  }

  async #changePolicy(target: Target): Promise<void> {
    const desired = desiredPolicy(target, this.#options, this.#template);
    await this.#patch(POLICIES, target.policy, target.namespace, policyPatch(desired));
  }

  /**
   * A merge patch, not an apply: it can take the autogen annotation away, which the create, an update in the
   * eyes of field management, would otherwise keep.
   */
  async #patch(resource: Resource, name: string, namespace: string | undefined, body: object): Promise<void> {
    await this.#client.request('PATCH', pathOf(resource, namespace, name), {
      body,
      contentType: 'application/merge-patch+json',
      query: { fieldManager: FIELD_MANAGER },
    });
  }
}

function notOurs(kind: string, name: string): Failure {
  return new Failure({
    kind: 'foreign',
    what: `${kind} ${name} exists and was not made by seed-policies`,
    hint: 'Choose other names with --prefix.',
  });
}
