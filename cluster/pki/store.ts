import { X509Certificate } from 'node:crypto';
import path from 'node:path';
import { Failure } from '../../lib/errors.ts';
import { makePrivateDirectory, readFileIfExists, writeFileAtomic } from '../../lib/files.ts';
import type { CertificateRequest, KeyPair } from './certificates.ts';

/** Certificates are made anew when fewer days than this are left. */
const RENEW_DAYS = 30;

/** Paths of one key pair's PEM files. */
export interface KeyPairFiles {
  readonly certificate: string;
  readonly key: string;
}

/**
 * The cluster's keys, in its `pki/` directory (0700; keys 0600). What is there is used; what is missing or about to
 * expire is made. The key goes first and the certificate last, so a pair that a kill cut in two is made again.
 */
export class PkiStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = path.join(directory, 'pki');
  }

  files(name: string): KeyPairFiles {
    return {
      certificate: path.join(this.#directory, `${name}.crt`),
      key: path.join(this.#directory, `${name}.key`),
    };
  }

  /** The certificate authority of that name, made when there is none. An authority is never replaced. */
  async authority(name: string): Promise<KeyPair> {
    const existing = await this.read(name);
    if (existing !== undefined) return existing;
    const { createAuthority } = await import('./certificates.ts');
    return this.#write(name, await createAuthority(name));
  }

  /** The key pair of that name, signed by the authority; made, or made anew near its end or for more addresses. */
  async issue(name: string, authority: string, request: CertificateRequest): Promise<KeyPair> {
    const existing = await this.read(name);
    if (existing !== undefined && isGood(existing.certificate, request)) return existing;
    const { issueCertificate } = await import('./certificates.ts');
    return this.#write(name, await issueCertificate(await this.authority(authority), request));
  }

  /** The key that signs service account tokens. Its "certificate" file holds the public key. */
  async signingKey(name: string): Promise<KeyPair> {
    const existing = await this.read(name);
    if (existing !== undefined) return existing;
    const { createSigningKey } = await import('./certificates.ts');
    const { publicKey, key } = await createSigningKey();
    return this.#write(name, { certificate: publicKey, key });
  }

  async read(name: string): Promise<KeyPair | undefined> {
    const files = this.files(name);
    const [certificate, key] = await Promise.all([
      readFileIfExists(files.certificate),
      readFileIfExists(files.key),
    ]);
    return certificate === undefined || key === undefined ? undefined : { certificate, key };
  }

  /** @throws Failure when `up` never got as far as making it */
  async require(name: string): Promise<KeyPair> {
    const pair = await this.read(name);
    if (pair !== undefined) return pair;
    throw new Failure({
      kind: 'cluster',
      what: `The cluster has no ${name} certificate`,
      hint: 'An `up` was interrupted early: run `npm run up` again.',
    });
  }

  async #write(name: string, pair: KeyPair): Promise<KeyPair> {
    const files = this.files(name);
    await makePrivateDirectory(this.#directory);
    await writeFileAtomic(files.key, pair.key);
    await writeFileAtomic(files.certificate, pair.certificate);
    return pair;
  }
}

function isGood(certificate: string, { ipAddresses = [] }: CertificateRequest): boolean {
  // node:crypto reads a certificate in a fraction of the time that loading the library takes.
  const parsed = new X509Certificate(certificate);
  const daysLeft = (parsed.validToDate.getTime() - Date.now()) / (24 * 60 * 60 * 1000);
  return daysLeft > RENEW_DAYS && ipAddresses.every((address) => parsed.checkIP(address) !== undefined);
}
