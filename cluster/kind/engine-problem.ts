import type { Failure } from '../../lib/errors.ts';
import type { Engine } from './engine.ts';

/** Why an engine cannot be used. */
export interface EngineProblem {
  /** Whether its client is there at all. */
  readonly installed: boolean;
  /** In one line. */
  readonly says: string;
  /** What to do about it. */
  readonly hint: string;
}

/** What clients say of an engine that they do not reach, and what helps. */
const KNOWN: readonly {
  readonly name: Engine['name'];
  readonly pattern: RegExp;
  readonly hint: string;
}[] = [
  {
    name: 'docker',
    pattern: /permission denied/i,
    hint: 'Join its group (`sudo usermod -aG docker $USER`) and log in anew. Where Docker runs without root, set DOCKER_HOST to its socket.',
  },
  {
    name: 'docker',
    pattern: /cannot connect|failed to connect|error during connect/i,
    hint: 'Start it: `sudo systemctl start docker`, or Docker Desktop.',
  },
  {
    name: 'podman',
    pattern: /cannot connect/i,
    hint: 'Start its machine: `podman machine start`.',
  },
];

/** How the runner says that it ended a program, which it does when the time is over. */
const ENDED = /was ended by SIGKILL$/;

/**
 * What the failure of asking an engine means.
 * @param seconds that it had to answer
 */
export function problemOf(name: Engine['name'], { what, why = '' }: Failure, seconds: number): EngineProblem {
  if (what === `${name} was not found`) {
    return { installed: false, says: what, hint: 'Install Docker (20.10 or later) and start it.' };
  }
  if (ENDED.test(what)) {
    return {
      installed: true,
      says: `${name} did not answer within ${seconds} s`,
      hint:
        name === 'docker'
          ? 'It hangs; restart it: `sudo systemctl restart docker`, or Docker Desktop.'
          : 'See why `podman info` hangs.',
    };
  }
  const last = why.trim().split('\n').at(-1) ?? '';
  return {
    installed: true,
    says: last === '' ? what : `${name}: ${untilAddress(last)}`,
    hint:
      KNOWN.find((known) => known.name === name && known.pattern.test(why))?.hint ??
      `See what \`${name} info\` says.`,
  };
}

/** After the socket's address, clients say the same once more, in the words of Go. */
function untilAddress(line: string): string {
  return line.replace(/( at \w+:\/\/\S+?)[.:;] .*$/, '$1');
}
