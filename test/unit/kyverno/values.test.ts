import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { chartValues } from '../../../components/kyverno/values.ts';

/** What `up --kyverno-replicas 7` with production's limits asks the chart for. */
interface Values {
  readonly admissionController: {
    readonly replicas: number;
    readonly container: { readonly resources: unknown };
  };
  readonly backgroundController: { readonly replicas: number; readonly resources: unknown };
}

const values = (...settings: Parameters<typeof chartValues>): Values =>
  chartValues(...settings) as unknown as Values;

void suite('values for Kyverno’s chart', () => {
  test('only the admission controller’s replicas are asked for; the others are one each', () => {
    const { admissionController, backgroundController } = values({ replicas: { admission: 7 } });
    assert.equal(admissionController.replicas, 7);
    assert.equal(backgroundController.replicas, 1);
    assert.equal(values({ replicas: { admission: 1, background: 4 } }).backgroundController.replicas, 4);
  });

  test('with limits, they are production’s', () => {
    const { admissionController, backgroundController } = values({
      replicas: { admission: 7 },
      limits: true,
    });
    assert.deepEqual(admissionController.container.resources, {
      requests: { cpu: '1000m', memory: '2Gi' },
      limits: { cpu: '1200m', memory: '4Gi' },
    });
    assert.deepEqual(backgroundController.resources, {
      requests: { cpu: '500m', memory: '1Gi' },
      limits: { cpu: '1', memory: '2Gi' },
    });
  });

  test('without, the chart’s own are taken away: 384Mi would end it long before 4,000 policies', () => {
    const { resources } = values({ replicas: { admission: 1 } }).admissionController.container;
    assert.deepEqual(resources, {
      requests: { cpu: null, memory: null },
      limits: { cpu: null, memory: null },
    });
  });
});
