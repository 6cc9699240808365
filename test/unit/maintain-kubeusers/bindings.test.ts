import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { adminViewBinding } from '../../../components/maintain-kubeusers/resources/admin-bindings.ts';
import { roleBinding } from '../../../components/maintain-kubeusers/resources/role-binding.ts';
import { OWN_LABELS } from '../../../components/maintain-kubeusers/state.ts';
import { KubeError } from '../../../lib/kube/errors.ts';
import type { KubeObject } from '../../../lib/kube/types.ts';
import { admin, tool, workshop } from './fakes.ts';

const ROLES = '/apis/rbac.authorization.k8s.io/v1';
const OF_TOOL = `${ROLES}/namespaces/tool-a/rolebindings/a-tool-binding`;
const OF_ADMIN = `${ROLES}/clusterrolebindings/b-view-binding`;
const roleOf = (object: KubeObject | undefined): unknown => (object?.['roleRef'] as KubeObject)['name'];

/** A tool and an admin whose bindings an earlier version made, to other roles. */
async function stage(labels: Readonly<Record<string, string>> = OWN_LABELS) {
  const shop = workshop();
  const { api } = shop;
  api.objects.set('/api/v1/namespaces/tool-a', { metadata: { name: 'tool-a', labels: OWN_LABELS } });
  await roleBinding.apply(tool('a'), shop.tools, 'absent');
  await adminViewBinding.apply(admin('b'), shop.tools, 'absent');
  const wanted = [OF_TOOL, OF_ADMIN].map((path) => roleOf(api.objects.get(path)));
  for (const path of [OF_TOOL, OF_ADMIN]) {
    const object = api.objects.get(path);
    const roleRef = { ...(object?.['roleRef'] as object), name: 'earlier' };
    api.objects.set(path, { ...object, roleRef, metadata: { ...object?.metadata, labels } });
  }
  return { ...shop, wanted };
}

suite('bindings', () => {
  test('to another role are made anew, since the API server does not change a role', async () => {
    for (const expected of ['present', 'absent'] as const) {
      const { api, tools, wanted } = await stage();
      await roleBinding.apply(tool('a'), tools, expected);
      await adminViewBinding.apply(admin('b'), tools, expected);
      assert.deepEqual(
        [OF_TOOL, OF_ADMIN].map((path) => roleOf(api.objects.get(path))),
        wanted,
      );
    }
  });

  test('killed before the new one is made, the next try makes it', async () => {
    const { api, tools, wanted } = await stage();
    api.before = (request) => {
      if (request.startsWith('POST')) throw new Error('killed');
    };
    await assert.rejects(roleBinding.apply(tool('a'), tools, 'present'), /killed/);
    assert.equal(api.objects.has(OF_TOOL), false);
    api.before = () => undefined;
    await roleBinding.apply(tool('a'), tools, 'present');
    assert.equal(roleOf(api.objects.get(OF_TOOL)), wanted[0]);
  });

  test('that are refused for another reason stay', async () => {
    const { api, tools } = await stage();
    await adminViewBinding.apply(admin('b'), tools, 'present');
    api.before = (request) => {
      if (request.startsWith('PUT')) throw new KubeError(request, 422, 'Invalid', 'subjects: Invalid value');
    };
    await assert.rejects(adminViewBinding.apply(admin('b'), tools, 'present'), /subjects: Invalid value/);
    assert.ok(api.objects.has(OF_ADMIN));
  });

  test('of somebody else to another role are left alone, and so when the account goes', async () => {
    const { api, tools } = await stage({ owner: 'somebody' });
    const refused = /The ClusterRoleBinding b-view-binding was not made by maintain-kubeusers/;
    await assert.rejects(adminViewBinding.apply(admin('b'), tools, 'absent'), refused);
    await adminViewBinding.remove?.(admin('b'), tools);
    assert.equal(roleOf(api.objects.get(OF_ADMIN)), 'earlier');
  });

  test('of ours go with the account, and one that is gone already is fine', async () => {
    const { api, tools } = await stage();
    await adminViewBinding.remove?.(admin('b'), tools);
    await adminViewBinding.remove?.(admin('b'), tools);
    assert.equal(api.objects.has(OF_ADMIN), false);
  });
});
