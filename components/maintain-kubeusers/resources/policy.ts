import { PRODUCTION } from '../../../cluster/production.ts';
import { POLICIES } from '../../../lib/kube/types.ts';
import { namespaceOf, type Account } from '../accounts/account.ts';
import { policyOf, type Settings } from '../settings.ts';
import { apiObject } from './api-object.ts';

/** The Kyverno policy of a tool, from the template that whoever started the loop passed in. */
export const policy = apiObject({
  id: 'policy',
  version: 1,
  resource: POLICIES,
  scope: 'namespace',
  customResource: true,
  wanted: ({ type, name }, settings) => type === 'tool' && policyOf(name, settings).policy !== undefined,
  objectName: () => PRODUCTION.accountPolicyName,
  render(account, settings) {
    const { metadata, ...object } = template(account, settings);
    const { labels, annotations } = metadata ?? {};
    return {
      ...object,
      metadata: {
        ...(labels === undefined ? {} : { labels }),
        ...(annotations === undefined ? {} : { annotations }),
      },
    };
  },
});

function template({ name, uid, home }: Account, all: Settings) {
  const { policy: settings, renderPolicy } = policyOf(name, all);
  if (settings === undefined || renderPolicy === undefined) {
    throw new Error('policies are wanted, but no template was passed in');
  }
  return renderPolicy({ name, namespace: namespaceOf(name), uid, home }, settings);
}
