import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { cronProblem } from '../../../components/workloads/cron.ts';
import { jobArguments } from '../../../components/workloads/job-arguments.ts';
import { webserviceArguments } from '../../../components/workloads/webservice-arguments.ts';

const run = { action: 'run', job: 'bot', command: './bot.sh' };
const problems = (given: object): string[] =>
  jobArguments.safeParse(given).error?.issues.map(({ path }) => String(path[0])) ?? [];

suite('arguments of toolforge-jobs', () => {
  test('what is well formed is taken', () => {
    for (const more of [
      {},
      { schedule: '@daily', retry: '5', mem: '1.5Gi', mount: 'none' },
      { continuous: true, image: 'node18' },
      { wait: true },
      { job: 'a'.repeat(63) },
      { job: 'a'.repeat(52), schedule: '0 0 * * 0' },
    ]) {
      assert.deepEqual(problems({ ...run, ...more }), [], JSON.stringify(more));
    }
    assert.equal(jobArguments.parse({ ...run, wait: true }).wait, 600);
    assert.equal(jobArguments.parse({ ...run, wait: '30' }).wait, 30);
  });

  const wrong: readonly (readonly [field: string, given: object])[] = [
    ['action', { action: 'start' }],
    ['job', { ...run, job: undefined }],
    ['job', { ...run, job: 'Bot' }],
    ['job', { ...run, job: 'a;reboot' }],
    ['job', { ...run, job: 'a'.repeat(64) }],
    ['job', { ...run, job: 'a'.repeat(53), schedule: '@daily' }],
    ['job', { action: 'list', job: 'bot' }],
    ['command', { ...run, command: undefined }],
    ['schedule', { ...run, schedule: '61 * * * *' }],
    ['continuous', { ...run, continuous: true, schedule: '@daily' }],
    ['wait', { ...run, continuous: true, wait: true }],
    ['wait', { ...run, wait: '0' }],
    ['retry', { ...run, retry: '6' }],
    ['mem', { ...run, mem: '512' }],
    ['mount', { ...run, mount: 'some' }],
    ['image', { action: 'delete', job: 'bot', image: 'node18' }],
  ];
  for (const [field, given] of wrong) {
    test(`${field} is named in ${JSON.stringify(given).slice(0, 80)}`, () => {
      assert.deepEqual(problems(given), [field]);
    });
  }
});

test('schedules are those that Kubernetes takes', () => {
  for (const good of [
    '* * * * *',
    '*/5 0-6/2 1,15 jan-mar MON',
    '17 2 * * 0',
    '@hourly',
    '0 0 ? * *',
    '5/10 * * * *',
  ]) {
    assert.equal(cronProblem(good), undefined, good);
  }
  for (const bad of [
    '',
    '* * * *',
    '* * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 7',
    '5-1 * * * *',
    '5- * * * *',
    '*/0 * * * *',
    '1,,2 * * * *',
    '-1 * * * *',
    'mon * * * *',
    '@sometimes',
    '@every 1h',
  ]) {
    assert.notEqual(cronProblem(bad), undefined, bad);
  }
});

test('a webservice is given a type and an action, or an action', () => {
  const parsed = (...words: string[]): unknown => {
    const { data } = webserviceArguments.safeParse({ words });
    return data === undefined ? undefined : [data.type, data.action];
  };
  assert.deepEqual(parsed('status'), [undefined, 'status']);
  assert.deepEqual(parsed('python3.11', 'start'), ['python3.11', 'start']);
  for (const words of [['python3.11'], ['start', 'python3.11'], ['a/b', 'start'], ['a', 'b', 'start'], []]) {
    assert.equal(parsed(...words), undefined, words.join(' '));
  }
  assert.ok(!webserviceArguments.safeParse({ words: ['start'], backend: 'gridengine' }).success);
});
