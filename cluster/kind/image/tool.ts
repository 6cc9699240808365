import type { ComponentImage } from './components.ts';

/** Where tools' pods find a shell and a web server; what production's images have besides is not here. */
export const TOOL_IMAGE = 'toolforge-local/tool:2';

/** Of BusyBox, beside Debian's bash. */
const APPLETS = [
  ...[
    'awk',
    'cat',
    'chmod',
    'cp',
    'cut',
    'date',
    'df',
    'diff',
    'du',
    'echo',
    'env',
    'expr',
    'false',
    'find',
    'grep',
  ],
  ...[
    'gzip',
    'head',
    'hostname',
    'httpd',
    'id',
    'kill',
    'less',
    'ln',
    'ls',
    'mkdir',
    'mktemp',
    'mv',
    'nc',
    'printf',
  ],
  ...[
    'ps',
    'pwd',
    'rm',
    'rmdir',
    'sed',
    'seq',
    'sh',
    'sleep',
    'sort',
    'stat',
    'tail',
    'tar',
    'tee',
    'test',
    'top',
    'touch',
  ],
  ...['tr', 'true', 'uname', 'uniq', 'vi', 'wc', 'wget', 'which', 'xargs', 'yes'],
];

/** In the place of production's, and called like it: serves what is in the tool's `public_html`, whatever the type. */
const WEBSERVICE_RUNNER = `#!/bin/sh
set -eu
port=8000
while [ $# -gt 0 ]; do
  [ "$1" != --port ] || port=$2
  shift
done
mkdir -p "$HOME/public_html"
exec httpd -f -p "$port" -h "$HOME/public_html"
`;

/** The image of tools' pods. */
export function toolImage(): ComponentImage {
  return {
    reference: TOOL_IMAGE,
    programs: {},
    packages: ['bash', 'busybox-static'],
    links: Object.fromEntries(APPLETS.map((applet) => [`/usr/bin/${applet}`, '/usr/bin/busybox'])),
    files: {
      '/etc/passwd': 'root:x:0:0:root:/:/bin/sh\n',
      '/usr/bin/webservice-runner': WEBSERVICE_RUNNER,
    },
    entrypoint: ['/bin/sh'],
  };
}
