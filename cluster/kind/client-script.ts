import { shellQuote } from '../supervisor/run-script.ts';
import { OWNER } from './owner.ts';

/**
 * The engine's client as kind is made to see it. kind has no setting for a container's address or labels, so the one
 * command that creates containers gets them added; everything else goes through as it is.
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
    '# Written by toolforge-local: gives the nodes that kind creates fixed addresses and a mark of their owner.',
    `client=${shellQuote(client)}`,
    '[ "$1" = run ] || exec "$client" "$@"',
    'shift',
    'name= previous=',
    'for argument in "$@"; do',
    '  [ "$previous" != --name ] || name=$argument',
    '  previous=$argument',
    'done',
    'case $name in',
    ...cases,
    '  *) echo "toolforge-local: $name is not a node of this cluster" >&2; exit 1 ;;',
    'esac',
    `exec "$client" run --label ${shellQuote(`${OWNER}=${directory}`)} --ip "$address" "$@"`,
    '',
  ].join('\n');
}
