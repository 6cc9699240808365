import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseStats } from '../../../components/haproxy/stats.ts';

/** `show stat` of HAProxy 2.6.12, the columns in its order with those left out that nobody reads. */
const HEADER =
  '# pxname,svname,qcur,scur,econ,status,chkdown,lastchg,throttle,check_status,check_code,check_duration,last_chk,addr,';

const table = (...rows: string[]): string => `${[HEADER, ...rows].join('\n')}\n\n`;

void suite('HAProxy statistics', () => {
  test('frontends, backends and their servers', () => {
    const stats = parseStats(
      table(
        'k8s-api,FRONTEND,,3,,OPEN,,,,,,,,,',
        'k8s-api,control-plane-1,1,3,0,UP,0,5,,L7OK,200,23,Layer7 check passed,127.0.0.1:20005,',
        'k8s-api,control-plane-2,0,0,7,DOWN 1/2,2,40,,* L4CON,,0,Connection refused,127.0.0.1:20006,',
        'k8s-api,BACKEND,0,3,0,UP,0,5,,,,,,,',
        'stats,FRONTEND,,0,,OPEN,,,,,,,,,',
      ),
    );
    assert.deepEqual(stats.frontends, ['k8s-api', 'stats']);
    assert.deepEqual(stats.backends, [
      {
        name: 'k8s-api',
        servers: [
          {
            name: 'control-plane-1',
            address: '127.0.0.1:20005',
            state: 'up',
            status: 'UP',
            seconds: 5,
            sessions: 3,
            queued: 1,
            downs: 0,
            connectionErrors: 0,
            lastCheck: 'L7OK/200 in 23ms',
          },
          {
            name: 'control-plane-2',
            address: '127.0.0.1:20006',
            state: 'down',
            status: 'DOWN 1/2',
            seconds: 40,
            sessions: 0,
            queued: 0,
            downs: 2,
            connectionErrors: 7,
            lastCheck: 'L4CON in 0ms',
          },
        ],
      },
    ]);
  });

  test('a server that warms up says how far it is; one at full weight does not', () => {
    const stats = parseStats(
      table(
        'k8s-api,control-plane-1,0,0,0,UP,1,10,33,L7OK,200,2,,127.0.0.1:1,',
        'k8s-api,control-plane-2,0,0,0,UP,1,90,100,L7OK,200,2,,127.0.0.1:2,',
        'k8s-api,BACKEND,0,0,0,UP,0,0,,,,,,,',
      ),
    );
    assert.deepEqual(
      stats.backends[0]?.servers.map(({ slowStart }) => slowStart),
      [33, undefined],
    );
  });

  test('a server that was not checked yet has no last check', () => {
    const stats = parseStats(
      table('a,s,0,0,0,UP 1/2,0,0,,INI,,,,127.0.0.1:1,', 'a,BACKEND,0,0,0,UP,0,0,,,,,,,'),
    );
    const server = stats.backends[0]?.servers[0];
    assert.equal(server?.state, 'up');
    assert.equal(server.lastCheck, undefined);
  });

  test('values that hold commas and quotes', () => {
    const stats = parseStats(
      table(
        'a,s,0,0,0,DOWN,0,9,,L7STS,500,1,"HTTP status, as in ""500""",127.0.0.1:9,',
        'a,BACKEND,0,0,0,DOWN,0,0,,,,,,,',
      ),
    );
    assert.equal(stats.backends[0]?.servers[0]?.address, '127.0.0.1:9');
  });

  test('a frontend that stopped accepting is not among the open ones', () => {
    assert.deepEqual(parseStats(table('k8s-api,FRONTEND,,3,,STOP,,,,,,,,,')).frontends, []);
  });

  test('an answer that is no table is an error that quotes it', () => {
    assert.throws(() => parseStats('Unknown command.\n'), /Unknown command/);
  });
});
