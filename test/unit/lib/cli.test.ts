import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { suite, test } from 'node:test';
import { z } from 'zod';
import { option, parseOptions, report, type CommandDefinition } from '../../../lib/cli.ts';
import { Failure } from '../../../lib/errors.ts';
import { createOutput } from '../../../lib/output.ts';

const schema = z.object({
  name: z.string(),
  count: z.coerce.number('must be a number').int('must be a whole number'),
  colour: z.enum(['red', 'blue'], 'must be red or blue'),
});
const definition: CommandDefinition<typeof schema> = {
  name: 'paint',
  description: 'Paints.',
  arguments: [['<count>', 'how many']],
  options: [option('--colour <colour>', 'which').default('red')],
  schema,
  run: () => Promise.resolve(),
};

function sink(): { stream: Writable & { isTTY?: boolean }; text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { stream, text: () => text };
}

suite('parseOptions', () => {
  test('takes flags over the environment over defaults', () => {
    assert.equal(parseOptions(definition, ['3'])?.colour, 'red');
    process.env['TOOLFORGE_LOCAL_COLOUR'] = 'blue';
    try {
      assert.equal(parseOptions(definition, ['3'])?.colour, 'blue');
      assert.equal(parseOptions(definition, ['3', '--colour', 'red'])?.colour, 'red');
    } finally {
      delete process.env['TOOLFORGE_LOCAL_COLOUR'];
    }
  });

  test('reports every problem at once, by the name a person typed', () => {
    assert.throws(
      () => parseOptions(definition, ['many', '--colour', 'green']),
      (error: unknown) => {
        assert.ok(error instanceof Failure);
        assert.equal(error.exitCode, 2);
        assert.match(error.what, /count must be a number/);
        assert.match(error.what, /--colour must be red or blue/);
        return true;
      },
    );
  });

  test('refuses unknown options and missing arguments as usage', () => {
    for (const args of [[], ['1', '--nope']]) {
      assert.throws(
        () => parseOptions(definition, args),
        (error: unknown) => error instanceof Failure && error.kind === 'usage',
      );
    }
  });
});

suite('report', () => {
  const failure = new Failure({
    kind: 'environment',
    what: 'Port 1 is taken',
    why: 'by init',
    hint: 'Choose another.',
  });

  test('says what, why and what to do, and gives the exit code of the kind', () => {
    const { stream, text } = sink();
    assert.equal(report(failure, createOutput({ stdout: stream, stderr: stream }, false, {})), 3);
    assert.match(text(), /Port 1 is taken\.\n {2}by init\nChoose another\./);
  });

  test('is one event with --json, and nothing else', () => {
    const stdout = sink();
    const stderr = sink();
    report(failure, createOutput({ stdout: stdout.stream, stderr: stderr.stream }, true, {}));
    assert.deepEqual(JSON.parse(stdout.text()), {
      event: 'failed',
      kind: 'environment',
      error: 'Port 1 is taken',
      why: 'by init',
      hint: 'Choose another.',
      exitCode: 3,
    });
    assert.equal(stderr.text(), '');
  });

  test('shows the stack of a bug and exits with 1', () => {
    const { stream, text } = sink();
    assert.equal(
      report(new TypeError('x is undefined'), createOutput({ stdout: stream, stderr: stream }, false, {})),
      1,
    );
    assert.match(text(), /bug in toolforge-local[^]*TypeError: x is undefined\n\s+at /);
  });
});
