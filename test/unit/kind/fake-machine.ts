import type { Context } from '../../../lib/context.ts';
import { Failure } from '../../../lib/errors.ts';
import { contextWith } from '../toolchain/fake-go.ts';

/** What a program says, or what running it throws. */
export type Says = string | Failure;

/** A machine on which programs say this, whatever they are asked; a program that is not named is not there. */
export function machine(says: Readonly<Record<string, Says | ((args: readonly string[]) => Says)>>): Context {
  return contextWith(
    {
      run: (program, args) => {
        const known = says[program];
        const answer = typeof known === 'function' ? known(args) : known;
        if (answer === undefined) {
          return Promise.reject(new Failure({ kind: 'environment', what: `${program} was not found` }));
        }
        if (typeof answer !== 'string') return Promise.reject(answer);
        return Promise.resolve({ stdout: answer, stderr: '', exitCode: 0 });
      },
      attach: () => Promise.reject(new Error('nothing is attached here')),
    },
    '/cache',
    '/state',
  );
}

/** As the runner says it of a Docker client that does not reach its engine. */
export function refused(why: string): Failure {
  const what = 'docker version --format {{.Server.Version}} exited with 1';
  return new Failure({ kind: 'environment', what, why });
}

export const STOPPED = refused(
  'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
);
export const FORBIDDEN = refused(
  'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.51/version": dial unix /var/run/docker.sock: connect: permission denied',
);
