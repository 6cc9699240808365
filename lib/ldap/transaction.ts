import { Control, type BerWriter } from 'ldapts';

/** LDAP transactions (RFC 5805), which ldapts does not know; slapd has them since 2.5. */
export const START_TRANSACTION = '1.3.6.1.1.21.1';
export const END_TRANSACTION = '1.3.6.1.1.21.3';
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
