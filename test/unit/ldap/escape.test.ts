import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { EqualityFilter, FilterParser } from 'ldapts';
import { filterValue, rdn } from '../../../lib/ldap/escape.ts';

/** Characters that mean something in names or filters, often; and any other. */
const nasty = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      ' ',
      '#',
      ',',
      '+',
      '"',
      '\\',
      '<',
      '>',
      ';',
      '=',
      '*',
      '(',
      ')',
      '\0',
      '\n',
      '\r',
      '\u001b',
    ),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  ),
});

/** Reads a name as RFC 4514 (section 3) tells to: the components, each with its value unescaped. */
function parseDn(dn: string): { attribute: string; value: string }[] {
  const components = dn.match(/(?:[^,\\]|\\.)+/gsu) ?? [];
  return components.map((component) => {
    const [, attribute = '', raw = ''] = /^([a-z]+)=(.*)$/su.exec(component) ?? [];
    const bytes: number[] = [];
    for (let rest = raw; rest !== '';) {
      const hex = /^\\([0-9a-f]{2})/i.exec(rest);
      const escaped = /^\\(.)/su.exec(rest);
      const plain = /^./su.exec(rest);
      if (hex?.[1] !== undefined) bytes.push(Number.parseInt(hex[1], 16));
      else bytes.push(...Buffer.from(escaped?.[1] ?? plain?.[0] ?? ''));
      rest = rest.slice((hex ?? escaped ?? plain)?.[0].length ?? rest.length);
    }
    return { attribute, value: Buffer.from(bytes).toString() };
  });
}

suite('escaping for LDAP', () => {
  test('a name means the value that it was made from, whatever stands in it', () => {
    fc.assert(
      fc.property(nasty, (value) => {
        const components = parseDn(`${rdn('uid', value)},ou=people`);
        assert.deepEqual(components, [
          { attribute: 'uid', value },
          { attribute: 'ou', value: 'people' },
        ]);
      }),
    );
  });

  test('a name has no bare spaces at its ends, no hash at its start and no control characters', () => {
    fc.assert(
      fc.property(nasty, (value) => {
        const [, text = ''] = rdn('uid', value).split(/(?<=^uid)=/s);
        assert.doesNotMatch(text, /^[ #]/);
        assert.doesNotMatch(text, /(?<!\\) $/);
        assert.doesNotMatch(text, /\p{Cc}/u);
      }),
    );
  });

  test('a filter asks for the value that it was made from', () => {
    fc.assert(
      fc.property(nasty, (value) => {
        const parsed = FilterParser.parseString(`(cn=${filterValue(value)})`);
        assert.ok(parsed instanceof EqualityFilter);
        assert.equal(Buffer.from(parsed.value).toString(), value);
      }),
    );
  });
});
