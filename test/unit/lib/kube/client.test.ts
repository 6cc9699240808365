import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { after, before, beforeEach, suite, test } from 'node:test';
import type { Clock } from '../../../../lib/clock.ts';
import { Failure } from '../../../../lib/errors.ts';
import { KubeClient } from '../../../../lib/kube/client.ts';
import { KubeError } from '../../../../lib/kube/errors.ts';
import { NAMESPACES, PODS, type KubeObject } from '../../../../lib/kube/types.ts';

/** Answers in order; the last one again and again. */
type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };

suite('KubeClient', () => {
  let server: Server;
  let answers: Answer[] = [];
  const seen: { method: string; url: string; socket: unknown }[] = [];
  const slept: number[] = [];
  const clock: Clock = {
    now: () => Date.now(),
    sleep(milliseconds) {
      slept.push(milliseconds);
      return Promise.resolve();
    },
  };
  let url: string;

  before(async () => {
    server = createServer((request, response) => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', socket: request.socket });
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      answer?.(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    seen.length = 0;
    slept.length = 0;
  });

  const client = (signal?: AbortSignal): KubeClient =>
    new KubeClient({
      credentials: { server: url, ca: '' },
      clock,
      ...(signal === undefined ? {} : { signal }),
    });

  test('keeps its connections for requests in sequence', async () => {
    answers = [json(200, { metadata: { name: 'a' } })];
    const kube = client();
    for (let index = 0; index < 10; index += 1) {
      await kube.get(NAMESPACES, 'a');
      await kube.delete(NAMESPACES, 'a'); // has a body, after which undici would end the connection
    }
    await kube.close();
    // The pool opens a second one while the first is being handed back.
    assert.ok(new Set(seen.map(({ socket }) => socket)).size <= 2);
  });

  test('tries 429 and 5xx again, as long after as Retry-After asks', async () => {
    answers = [
      json(429, { message: 'too many' }, { 'retry-after': '3' }),
      json(503, { message: 'starting' }),
      json(200, { metadata: { name: 'a' } }),
    ];
    const kube = client();
    assert.equal((await kube.get(NAMESPACES, 'a')).metadata?.name, 'a');
    await kube.close();
    assert.equal(slept[0], 3_000);
    assert.equal(slept.length, 2);
  });

  test('does not try again what will not go better, and says what the server said', async () => {
    answers = [json(403, { message: 'pods is forbidden', reason: 'Forbidden' })];
    const kube = client();
    await assert.rejects(kube.create(PODS, { metadata: { name: 'p' } }, 'tool-a'), (error: unknown) => {
      assert.ok(error instanceof KubeError);
      assert.equal(error.status, 403);
      assert.equal(error.reason, 'Forbidden');
      assert.match(
        error.message,
        /POST \/api\/v1\/namespaces\/tool-a\/pods was answered 403 Forbidden: pods is forbidden/,
      );
      return true;
    });
    await kube.close();
    assert.equal(seen.length, 1);
  });

  test('reads a list in pages', async () => {
    answers = [
      json(200, { metadata: { continue: 'next' }, items: [{ metadata: { name: 'a' } }] }),
      json(200, { metadata: {}, items: [{ metadata: { name: 'b' } }] }),
    ];
    const kube = client();
    const names = (await kube.list<KubeObject>(NAMESPACES)).map(({ metadata }) => metadata?.name);
    await kube.close();
    assert.deepEqual(names, ['a', 'b']);
    assert.match(seen[1]?.url ?? '', /limit=500&continue=next/);
  });

  test('gives the events of a watch as they come, however they are cut into chunks', async () => {
    answers = [
      (_, response) => {
        const lines = `${JSON.stringify({ type: 'ADDED', object: { metadata: { name: 'ä' } } })}\n${JSON.stringify({ type: 'DELETED', object: {} })}\n`;
        const bytes = Buffer.from(lines);
        const cut = bytes.indexOf(0xa4); // in the middle of the letter
        response.writeHead(200, { 'content-type': 'application/json' });
        response.write(bytes.subarray(0, cut), () => response.end(bytes.subarray(cut)));
      },
    ];
    const kube = client();
    const events = [];
    for await (const event of kube.watch<KubeObject>(NAMESPACES, { resourceVersion: '1' }))
      events.push(event);
    await kube.close();
    assert.deepEqual(
      events.map(({ type, object }) => [type, object.metadata?.name]),
      [
        ['ADDED', 'ä'],
        ['DELETED', undefined],
      ],
    );
  });

  test('tries nothing again once it is closed or the signal aborts', async () => {
    answers = [() => undefined]; // never answered
    const closed = client();
    const first = closed.get(NAMESPACES, 'a');
    await closed.close();
    await assert.rejects(first, (error: unknown) => error instanceof Failure && error.kind === 'interrupted');
    const abort = new AbortController();
    const aborted = client(abort.signal);
    const second = aborted.get(NAMESPACES, 'a');
    abort.abort();
    await assert.rejects(
      second,
      (error: unknown) => error instanceof Failure && error.kind === 'interrupted',
    );
    await aborted.close();
    assert.ok(seen.length <= 2);
  });
});
