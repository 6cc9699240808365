import { Attribute, type Entry } from 'ldapts';
import type { LdapAttributes, LdapEntry, LdapValue } from './types.ts';

/** As ldapts sends them: always bytes, since its lists hold either text or bytes. */
export function attributesOf(attributes: LdapAttributes): Attribute[] {
  return Object.entries(attributes).map(
    ([type, values]) => new Attribute({ type, values: values.map(bytesOf) }),
  );
}

function bytesOf(value: LdapValue): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : Buffer.from(value);
}

/** ldapts turns all values of an attribute into bytes as soon as one is not UTF-8, and lone values out of their list. */
export function entryOf({ dn, ...attributes }: Entry): LdapEntry {
  const named = Object.entries(attributes).map(([name, given]) => {
    const values: readonly (string | Buffer)[] = Array.isArray(given) ? given : [given];
    return [name.toLowerCase(), values.map(textOrBytes)] as const;
  });
  return { dn, attributes: Object.fromEntries(named.filter(([, values]) => values.length > 0)) };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOrBytes(value: string | Buffer): LdapValue {
  if (typeof value === 'string') return value;
  try {
    return utf8.decode(value);
  } catch {
    return value;
  }
}
