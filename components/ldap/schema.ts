/**
 * The POSIX classes as production has them: `posixGroup` beside `groupOfNames` in one entry, so it is auxiliary, as in
 * the successor draft of RFC 2307 and unlike Debian's nis.schema. Names and numbers are those of RFC 2307.
 *
 * Looser than production in two things, so that a client can be tested with entries that a strict server would
 * refuse: an account may lack uidNumber, gidNumber and homeDirectory, and a home directory is any bytes.
 * (uidNumber and gidNumber themselves are built into slapd.)
 */
const SYNTAX = '1.3.6.1.4.1.1466.115.121.1';
const TEXT = `EQUALITY caseIgnoreMatch SYNTAX ${SYNTAX}.15`;
const ASCII = `EQUALITY caseExactIA5Match SYNTAX ${SYNTAX}.26`;
const BYTES = `EQUALITY octetStringMatch SYNTAX ${SYNTAX}.40`;
const NUMBER = `EQUALITY integerMatch SYNTAX ${SYNTAX}.27`;

const ATTRIBUTES: readonly (readonly [number: number, name: string, kind: string])[] = [
  [2, 'gecos', `${TEXT} SINGLE-VALUE`],
  [3, 'homeDirectory', `${BYTES} SINGLE-VALUE`],
  [4, 'loginShell', `${ASCII} SINGLE-VALUE`],
  [5, 'shadowLastChange', `${NUMBER} SINGLE-VALUE`],
  [6, 'shadowMin', `${NUMBER} SINGLE-VALUE`],
  [7, 'shadowMax', `${NUMBER} SINGLE-VALUE`],
  [8, 'shadowWarning', `${NUMBER} SINGLE-VALUE`],
  [9, 'shadowInactive', `${NUMBER} SINGLE-VALUE`],
  [10, 'shadowExpire', `${NUMBER} SINGLE-VALUE`],
  [11, 'shadowFlag', `${NUMBER} SINGLE-VALUE`],
  [12, 'memberUid', ASCII],
];

const SHADOW =
  'shadowLastChange $ shadowMin $ shadowMax $ shadowWarning $ shadowInactive $ shadowExpire $ shadowFlag';

const CLASSES: readonly (readonly [number: number, name: string, rest: string])[] = [
  [
    0,
    'posixAccount',
    'MUST ( cn $ uid ) MAY ( uidNumber $ gidNumber $ homeDirectory $ userPassword $ loginShell $ gecos $ description )',
  ],
  [1, 'shadowAccount', `MUST uid MAY ( userPassword $ description $ ${SHADOW} )`],
  [2, 'posixGroup', 'MUST gidNumber MAY ( userPassword $ memberUid $ description )'],
];

/** A schema file for slapd. */
export function posixSchema(): string {
  const attributes = ATTRIBUTES.map(
    ([number, name, kind]) => `attributetype ( 1.3.6.1.1.1.1.${number} NAME '${name}' ${kind} )`,
  );
  const classes = CLASSES.map(
    ([number, name, rest]) =>
      `objectclass ( 1.3.6.1.1.1.2.${number} NAME '${name}' SUP top AUXILIARY ${rest} )`,
  );
  return [...attributes, ...classes, ''].join('\n');
}
