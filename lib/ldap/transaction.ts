import type { Socket } from 'node:net';
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { Control, type BerWriter, type Client } from 'ldapts';
import { ldapErrorOf, RESULT } from './errors.ts';

/** LDAP transactions (RFC 5805), which ldapts does not know; slapd has them since 2.5. */
const START = '1.3.6.1.1.21.1';
const END = '1.3.6.1.1.21.3';
const SPECIFICATION = '1.3.6.1.1.21.2';

const OCTET_STRING = 0x04;

/** Says on a change that it belongs to a transaction. */
export class TransactionControl extends Control {
  readonly #id: Buffer;

  constructor(id: Buffer) {
    super(SPECIFICATION, { critical: true });
    this.#id = id;
  }

  protected override writeControl(writer: BerWriter): void {
    writer.writeBuffer(this.#id, OCTET_STRING);
  }
}

/** `txnEndReq ::= SEQUENCE { commit BOOLEAN DEFAULT TRUE, identifier OCTET STRING }`, in BER. */
export function endTransaction(id: Buffer, commit: boolean): Buffer {
  const boolean = commit ? [] : [0x01, 0x01, 0x00];
  const content = Buffer.from([...boolean, OCTET_STRING, id.length, ...id]);
  if (content.length > 0x7f) throw new Error(`a transaction identifier of ${id.length} bytes`);
  return Buffer.concat([Buffer.from([0x30, content.length]), content]);
}

/**
 * Changes under way at once: slapd works on up to eight of a connection at a time, and complains in its log about
 * every one beyond. Three gave as much as two hundred did.
 */
const IN_FLIGHT = 3;

/**
 * Sends all changes in one transaction and ends it. In no certain order, since the server works on several at once.
 * @param user who the connection is bound as
 * @throws the first refusal; nothing was done then
 */
export async function runTransaction<Change>(
  client: Client,
  user: string,
  changes: readonly Change[],
  send: (change: Change, control: Control) => Promise<void>,
): Promise<void> {
  const { value } = await client.exop(START);
  const id = Buffer.from(value ?? '');
  const control = new TransactionControl(id);
  const queue = changes.values();
  let refusal: { readonly error: unknown } | undefined;
  const sender = async (): Promise<void> => {
    for (const change of queue) {
      try {
        await send(change, control);
      } catch (error) {
        refusal ??= { error };
      }
      if (refusal !== undefined) return;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, sender));
  await untilQuiet(client, user);
  await client.exop(END, endTransaction(id, refusal === undefined));
  if (refusal !== undefined) throw refusal.error;
}

const MONITOR = 'cn=Connections,cn=Monitor';
const EXECUTING = 'monitorConnectionOpsExecuting';
/** Longer than any thread is kept from running; then the end is sent all the same. */
const QUIET_WITHIN_MS = 5_000;

/**
 * Waits until the server is through with every change that it has answered. slapd (2.5.13, servers/slapd/txn.c) hands
 * an operation to the transaction and answers it before its own thread lets go of it, and the end of a transaction
 * frees it: an end that overtakes that thread crashes the server, which a busy machine makes likely. Its monitor tells
 * how many operations are being executed; the question itself is one.
 */
async function untilQuiet(client: Client, user: string): Promise<void> {
  const deadline = Date.now() + QUIET_WITHIN_MS;
  const options = { scope: 'one' as const, attributes: [EXECUTING, 'monitorConnectionAuthzDN'] };
  for (;;) {
    const connections = await client.search(MONITOR, options).catch(withoutMonitor);
    if (connections === undefined) return;
    const ours = connections.searchEntries.filter((entry) => entry['monitorConnectionAuthzDN'] === user);
    const executing = ours.reduce((sum, entry) => sum + Number(entry[EXECUTING]), 0);
    if (executing <= 1 || Date.now() > deadline) return;
    await delay(1);
  }
}

/** A server that has no monitor cannot be asked. */
function withoutMonitor(error: unknown): undefined {
  const { code } = ldapErrorOf('its monitor', error);
  if (code !== RESULT.noSuchObject && code !== RESULT.insufficientAccess) throw error;
}

/** How long a transaction may go on after this process was killed: a batch takes a tenth of a second. */
const LINGER_SECONDS = 5;

/**
 * Keeps a connection open when this process is killed, until the transaction under way is through: slapd 2.5.13 crashes
 * when a connection ends while it commits (one kill in three did). A child holds the socket too and waits for our end.
 * @returns how to stop that
 */
export function keepOpen(socket: Socket): () => void {
  const wait = `read -r over || sleep ${LINGER_SECONDS}`; // `read` fails when our end of its input closes
  const child = spawn('/bin/sh', ['-c', wait], {
    stdio: ['pipe', 'ignore', 'ignore', socket],
    detached: true, // a signal to our process group is not for it
  });
  socket.resume(); // Node stops reading from what it hands to a child
  child.unref();
  child.on('error', () => undefined); // no shell: then a kill may cost a restart of slapd
  child.stdin?.on('error', () => undefined);
  return () => child.stdin?.end('over\n');
}
