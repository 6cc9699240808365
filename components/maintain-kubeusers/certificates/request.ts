import 'reflect-metadata'; // @peculiar/x509 needs it loaded first
import { webcrypto } from 'node:crypto';
import { cryptoProvider, PemConverter, Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import type { KeyAlgorithm } from '../settings.ts';

cryptoProvider.set(webcrypto);

/** RSA 4096 is production's; a key takes about a second to make, a P-256 key 2 ms. */
const ALGORITHMS = {
  'P-256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'RSA-4096': {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 4096,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256',
  },
} as const;

/** A new private key and the request for a certificate of it, both PEM. */
export interface KeyAndRequest {
  readonly key: string;
  readonly request: string;
}

export async function createRequest(
  commonName: string,
  organization: string,
  algorithm: KeyAlgorithm,
): Promise<KeyAndRequest> {
  const signingAlgorithm = ALGORITHMS[algorithm];
  const keys = await webcrypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ O: [organization] }, { CN: [commonName] }],
    keys,
    signingAlgorithm,
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { key: PemConverter.encode(key, 'PRIVATE KEY'), request: request.toString('pem') };
}
