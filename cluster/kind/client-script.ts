import { shellQuote } from '../supervisor/run-script.ts';
import { BALANCER_IMAGE } from './image/balancer.ts';
import { OWNER } from './owner.ts';

/**
 * The engine's client as kind is made to see it. kind has no setting for a container's address or labels, nor for the image
 * of its balancer (its package `loadbalancer` names one), so the one command that creates containers gets them. Every image
 * is there by then, and none is pulled: in a registry, anybody may have the names of ours. Everything else goes through as it
 * is.
 * @param client absolute path of the engine's own client
 */
export function clientScript(
  client: string,
  directory: string,
  addresses: ReadonlyMap<string, string>,
): string {
  const cases = [...addresses].map(([name, address]) => `  ${shellQuote(name)}) address=${address} ;;`);
  return [
    '#!/bin/sh',
    '# Written by toolforge-local: gives the containers that kind creates addresses, a mark of their owner, and our images.',
    `client=${shellQuote(client)}`,
    'case $1 in',
    '  run) ;;',
    '  pull) echo "toolforge-local: $2 is gone, and is not pulled" >&2; exit 1 ;;',
    '  *) exec "$client" "$@" ;;',
    'esac',
    'shift',
    'name= previous=',
    'for argument in "$@"; do',
    '  shift',
    '  [ "$previous" != --name ] || name=$argument',
    '  previous=$argument',
    `  case $argument in docker.io/kindest/haproxy:*) argument=${shellQuote(BALANCER_IMAGE)} ;; esac`,
    '  set -- "$@" "$argument"',
    'done',
    'case $name in',
    ...cases,
    '  *) echo "toolforge-local: $name is not a node of this cluster" >&2; exit 1 ;;',
    'esac',
    `exec "$client" run --label ${shellQuote(`${OWNER}=${directory}`)} --ip "$address" --pull=never "$@"`,
    '',
  ].join('\n');
}
