import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import fc from 'fast-check';
import { EXPLAINED } from '../../../lab/parity/explained.ts';
import { pods } from '../../../lab/parity/generate.ts';
import {
  governed,
  portable,
  readRecording,
  recordedWorld,
  writeRecording,
  type Recorded,
} from '../../../lab/parity/recording.ts';
import { Failure } from '../../../lib/errors.ts';

suite('a recording of what PodSecurityPolicy said', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'tl-recording-'));
  });
  after(() => rm(directory, { recursive: true }));

  test('is read as it was written, and answers for the pods in it only', async () => {
    const file = path.join(directory, 'psp.jsonl');
    const list = fc.sample(pods(50_001), { seed: 3, numRuns: 20 }).map((pod, index): Recorded => {
      const asked = portable(pod);
      return index % 2 === 0
        ? { pod: asked, psp: { admitted: true, pod: asked } }
        : { pod: asked, psp: { admitted: false, by: 'policy', message: 'no' } };
    });
    await writeRecording(file, list);
    const read = await readRecording(file);
    assert.deepEqual(read, list);
    const world = recordedWorld(read);
    for (const { pod, psp } of list) assert.equal((await world(pod)).admitted, psp.admitted);
    await assert.rejects(world({ spec: { containers: [] } }), /not recorded/);
  });

  test('anything else is refused with the way to make one', async () => {
    const file = path.join(directory, 'other.jsonl');
    await writeFile(file, '{"pod": 1}\n');
    await assert.rejects(
      readRecording(file),
      (error) => error instanceof Failure && error.kind === 'usage' && /--record/.test(error.hint ?? ''),
    );
  });

  test('has no pod that versions of Kubernetes read differently', () => {
    fc.assert(
      fc.property(pods(50_001), (pod) => {
        const plain = portable(pod);
        assert.ok(!/seccomp\.security/.test(JSON.stringify(plain)));
        for (const row of EXPLAINED) assert.equal(row.applies(plain), false, row.id);
      }),
      { seed: 5, numRuns: 300 },
    );
  });

  test('of an admitted pod, the contexts and the order of containers are compared', () => {
    const spec = {
      containers: [{ name: 'a', image: 'x', securityContext: { runAsUser: 1 } }],
      nodeName: 'n',
    };
    assert.deepEqual(governed({ spec }), {
      securityContext: undefined,
      containers: [{ name: 'a', securityContext: { runAsUser: 1 } }],
      initContainers: [],
    });
  });
});
