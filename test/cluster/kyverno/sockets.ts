import { readFile, readdir, readlink } from 'node:fs/promises';

/** Linux's table of TCP sockets: the address is hexadecimal, the state of one that listens is 0A. */
const LISTENING = '0A';

/** `127.0.0.1:20020`, `0.0.0.0:8080` …: where a process of Linux listens. IPv6 addresses stay hexadecimal. */
export async function listeningAddresses(pid: number): Promise<string[]> {
  const inodes = await socketsOf(pid);
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((table) => readFile(`/proc/${pid}/net/${table}`, 'utf8')),
  );
  return tables
    .flatMap((table) => table.trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[3] === LISTENING && inodes.has(columns[9] ?? ''))
    .map((columns) => readable(columns[1] ?? ''));
}

async function socketsOf(pid: number): Promise<Set<string>> {
  const directory = `/proc/${pid}/fd`;
  const targets = await Promise.all(
    (await readdir(directory)).map((descriptor) => readlink(`${directory}/${descriptor}`).catch(() => '')),
  );
  return new Set(targets.map((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? ''));
}

function readable(text: string): string {
  const [address = '', port = ''] = text.split(':');
  const host =
    address.length === 8
      ? [...address.matchAll(/../g)]
          .map(([byte]) => Number.parseInt(byte, 16))
          .reverse()
          .join('.')
      : address;
  return `${host}:${Number.parseInt(port, 16)}`;
}
