import { Failure, messageOf, systemCode } from '../../lib/errors.ts';
import type { PinnedModule } from './catalogue.ts';
import { goHint } from './go.ts';

/** How many of Go's lines a failure shows. */
const SHOWN_LINES = 12;

interface Cause {
  readonly pattern: RegExp;
  what(title: string): string;
  hint(cache: string, match: RegExpExecArray): string;
}

/** The known causes, the most telling first: a full disk also breaks downloads, and so on. */
const CAUSES: readonly Cause[] = [
  {
    pattern: /no space left on device|disk quota exceeded/i,
    what: (title) => `The disk filled up while ${title} was built`,
    hint: diskHint,
  },
  {
    pattern: /SECURITY ERROR|checksum mismatch/,
    what: (title) => `A source of ${title} is not the one that is pinned`,
    hint: () =>
      'Nothing was built from it. Ask who runs your Go module proxy (GOPROXY), or unset it, and run the command again.',
  },
  {
    pattern: /requires go >= (\d+\.\d+(?:\.\d+)?)/,
    what: (title) => `The Go on PATH is too old for ${title}`,
    hint: (_, match) => goHint(match[1] ?? ''),
  },
  {
    pattern: /signal: killed|cannot allocate memory|out of memory/,
    what: (title) => `A compiler was killed while ${title} was built, most likely for want of memory`,
    hint: () => 'Free some memory (about 3 GB are needed) and run the command again: it goes on from here.',
  },
  {
    pattern:
      /dial tcp|no such host|i\/o timeout|connection (?:refused|reset)|TLS handshake|x509:|proxyconnect|network is unreachable|GOPROXY=off|(?:reading|Get) \S*https?:\S* ?.*(?:\d{3} [A-Z]|EOF|timeout)/,
    what: (title) => `The sources of ${title} could not be downloaded`,
    hint: () =>
      'Check the network and HTTPS_PROXY or GOPROXY, and run the command again: what is here already is not fetched twice.',
  },
];

export function diskHint(cache: string): string {
  return (
    `Free some space where ${cache} is, or set XDG_CACHE_HOME to a directory on a larger disk.\n` +
    '`npm run doctor -- --prune` removes what only builds need.'
  );
}

/**
 * The failure that a full or unwritable disk deserves, or undefined when the error is something else.
 * @param title of what was being put into the cache
 */
export function diskFailure(title: string, error: unknown, cache: string): Failure | undefined {
  const code = systemCode(error) ?? '';
  const why = messageOf(error);
  const isFull = error instanceof Failure && error.hint === undefined && /no space left on device/i.test(why);
  if (isFull || ['ENOSPC', 'EDQUOT'].includes(code)) {
    const what = `The disk is full: ${title} could not be put into the cache`;
    return new Failure({ kind: 'environment', what, why, hint: diskHint(cache), cause: error });
  }
  if (!['EACCES', 'EPERM', 'EROFS'].includes(code)) return undefined;
  return new Failure({
    kind: 'environment',
    what: 'The cache cannot be written',
    why,
    hint: `See that ${cache} belongs to you (a run as root may have made it), or set XDG_CACHE_HOME to a directory that does.`,
    cause: error,
  });
}

/**
 * The failure of a `go` command, told by its output.
 * @param messages what Go said besides packages and downloads
 * @param failure what the runner made of it; returned as it is when Go did not fail by itself (Ctrl-C, no Go)
 */
export function goFailure(
  module: PinnedModule,
  messages: readonly string[],
  failure: Failure,
  cache: string,
): Failure {
  if (failure.kind !== 'environment' || messages.length === 0) return failure;
  const text = messages.join('\n');
  const why = messages.slice(-SHOWN_LINES).join('\n');
  for (const cause of CAUSES) {
    const match = cause.pattern.exec(text);
    if (match === null) continue;
    return new Failure({
      kind: 'environment',
      what: cause.what(module.title),
      why,
      hint: cause.hint(cache, match),
      cause: failure,
    });
  }
  return new Failure({
    kind: 'environment',
    what: `${module.title} could not be built`,
    why,
    hint: 'Run `npm run doctor`; if that finds nothing, this is worth a bug report with the lines above.',
    cause: failure,
  });
}
