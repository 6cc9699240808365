import { namespaceOf } from '../accounts/account.ts';
import { apiObject } from './api-object.ts';

/** TOOLFORGE.md 5: what a container gets that asks for nothing, and the bounds of what it may ask for. */
export const limitRange = apiObject({
  id: 'limit-range',
  version: 1,
  resource: { group: '', version: 'v1', plural: 'limitranges' },
  scope: 'namespace',
  wanted: ({ type }) => type === 'tool',
  objectName: ({ name }) => namespaceOf(name),
  render({ name }, { quotaOverrides }) {
    const granted = quotaOverrides[name];
    return {
      apiVersion: 'v1',
      kind: 'LimitRange',
      spec: {
        limits: [
          {
            type: 'Container',
            default: { cpu: '500m', memory: '512Mi' },
            defaultRequest: { cpu: '150m', memory: '256Mi' },
            max: { cpu: granted?.pod_cpu ?? '1', memory: granted?.pod_memory ?? '4Gi' },
            min: { cpu: '50m', memory: '100Mi' },
          },
        ],
      },
    };
  },
});
