import { createPrivateKey, X509Certificate } from 'node:crypto';
import { messageOf } from '../../../lib/errors.ts';
import type { Account } from '../accounts/account.ts';
import type { CertificateSubject } from '../certificates/issuer.ts';
import type { Validity } from '../state.ts';
import { credentialsDirectory } from './home.ts';
import type { ResourceKind, Tools } from './kind.ts';

/** Readable for the account alone, and not even writable, as production has them. */
const MODE = 0o400;
const MAX_BYTES = 64 * 1024;

/** Who the certificate says its holder is (TOOLFORGE.md 5). */
function subjectOf({ type, name }: Account): CertificateSubject {
  return {
    requestName: `${type}-${name}`,
    commonName: name,
    organization: type === 'tool' ? 'toolforge' : 'admins',
  };
}

function filesOf(account: Account): { readonly certificate: string; readonly key: string } {
  const directory = credentialsDirectory(account);
  return { certificate: `${directory}/client.crt`, key: `${directory}/client.key` };
}

/** The client certificate, from the cluster's own signer, with its key; in the home and nowhere else. */
export const certificate: ResourceKind = {
  id: 'certificate',
  version: 1,
  wanted: () => true,
  definition: (account, { keyAlgorithm, certificateSeconds, cluster }) => ({
    ...subjectOf(account),
    keyAlgorithm,
    certificateSeconds,
    uid: account.uid,
    ca: cluster.ca,
  }),
  async apply(account, { issuer, homes, settings }) {
    const issued = await issuer.issue(subjectOf(account), settings);
    const files = filesOf(account);
    // The key goes first: a kill in between leaves a pair that does not fit, and no record that it was made.
    await homes.write(account, files.key, issued.key, MODE);
    await homes.write(account, files.certificate, issued.certificate, MODE);
    return { certificate: issued.validity };
  },
  async verify(account, tools, _actual, recorded) {
    const files = filesOf(account);
    for (const file of [files.key, files.certificate]) {
      const facts = await tools.homes.facts(account, file);
      if (facts === undefined) return `${file} is missing`;
      if (facts.kind !== 'file') return `${file} is no file`;
      if (facts.mode !== MODE) return `${file} has mode ${facts.mode.toString(8)}`;
    }
    return pairProblem(account, tools, recorded.certificate);
  },
};

async function pairProblem(
  account: Account,
  { homes, settings }: Tools,
  recorded: Validity | undefined,
): Promise<string | undefined> {
  const files = filesOf(account);
  try {
    const [key, text] = await Promise.all([
      homes.read(account, files.key, MAX_BYTES),
      homes.read(account, files.certificate, MAX_BYTES),
    ]);
    if (key === undefined || text === undefined) return 'the key or the certificate is missing';
    const found = new X509Certificate(text);
    if (!found.checkPrivateKey(createPrivateKey(Buffer.from(key))))
      return 'the key does not fit the certificate';
    const authority = new X509Certificate(settings.cluster.ca);
    if (!found.verify(authority.publicKey)) return 'the certificate was signed by another authority';
    const subject = subjectOf(account);
    const wanted = [`O=${subject.organization}`, `CN=${subject.commonName}`];
    if (found.subject.split('\n').sort().join() !== wanted.sort().join())
      return 'the certificate names another';
    // A pair from a backup fits too, and may have ended: only the end that is recorded is one that renewal looks at.
    const { validFromDate: from, validToDate: until } = found;
    if (recorded !== undefined && (+from !== recorded.from || +until !== recorded.until))
      return 'the certificate is not the one that was recorded';
    return undefined;
  } catch (error) {
    return `the certificate cannot be read (${messageOf(error)})`;
  }
}
