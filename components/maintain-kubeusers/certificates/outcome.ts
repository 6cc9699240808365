import type { KubeObject } from '../../../lib/kube/types.ts';

/** A CertificateSigningRequest, as far as it is read. */
export interface CertificateRequest extends KubeObject {
  readonly status?: {
    readonly certificate?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
  };
}

export type Outcome = { readonly certificate: string } | { readonly refused: string };

/** What became of a request; undefined while nothing did. */
export function outcomeOf({ status }: CertificateRequest): Outcome | undefined {
  const { certificate, conditions = [] } = status ?? {};
  if (certificate !== undefined) return { certificate: Buffer.from(certificate, 'base64').toString('utf8') };
  const refused = conditions.find(({ type, status: holds }) => type !== 'Approved' && holds === 'True');
  return refused === undefined ? undefined : { refused: `${refused.type}: ${refused.message ?? ''}` };
}
