import { namespaceOf } from '../accounts/account.ts';
import { apiObject } from './api-object.ts';

/** TOOLFORGE.md 5. */
const STANDARD = {
  'requests.cpu': '2',
  'requests.memory': '6Gi',
  'limits.cpu': '2',
  'limits.memory': '8Gi',
  pods: '10',
  services: '1',
  'services.nodeports': '0',
  replicationcontrollers: '1',
  secrets: '10',
  configmaps: '10',
  persistentvolumeclaims: '3',
  'count/cronjobs.batch': '50',
  'count/jobs.batch': '15',
  'count/deployments.apps': '3',
} as const;

/** Both the requests and the limits of a tool with more processors or memory rise to what it was granted. */
export const resourceQuota = apiObject({
  id: 'resource-quota',
  version: 1,
  resource: { group: '', version: 'v1', plural: 'resourcequotas' },
  scope: 'namespace',
  wanted: ({ type }) => type === 'tool',
  objectName: ({ name }) => namespaceOf(name),
  render({ name }, { quotaOverrides }) {
    const granted = quotaOverrides[name];
    const raised = {
      'requests.cpu': granted?.cpu,
      'limits.cpu': granted?.cpu,
      'requests.memory': granted?.memory,
      'limits.memory': granted?.memory,
      pods: granted?.pods,
      'count/jobs.batch': granted?.jobs,
      'count/cronjobs.batch': granted?.cronjobs,
    };
    const given = Object.entries(raised).filter(([, value]) => value !== undefined);
    return {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      spec: {
        hard: { ...STANDARD, ...Object.fromEntries(given.map(([key, value]) => [key, String(value)])) },
      },
    };
  },
});
