/** RSA keys differ widely in how long they take. */
const RSA_KEYS = 8;
const EC_KEYS = 50;

/** Seconds of making a key and its certificate request, as maintain-kubeusers does it for each account. */
export async function keySeconds(): Promise<{
  readonly ec: number;
  readonly rsa: number;
  readonly keys: number;
}> {
  // What it loads is heavy, and no other command needs it.
  const { createRequest } = await import('../../components/maintain-kubeusers/certificates/request.ts');
  const each = async (algorithm: 'P-256' | 'RSA-4096', count: number): Promise<number> => {
    await createRequest('warm', 'up', 'P-256');
    const started = performance.now();
    for (let key = 0; key < count; key += 1) await createRequest('bench', 'toolforge', algorithm);
    return (performance.now() - started) / 1000 / count;
  };
  return { ec: await each('P-256', EC_KEYS), rsa: await each('RSA-4096', RSA_KEYS), keys: RSA_KEYS };
}
