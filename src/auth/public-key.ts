import { createPublicKey, type KeyObject } from 'node:crypto';

/** A key that verifies tokens, and the only algorithms it may verify: decided by the key, never by the token. */
export interface PublicKey {
  readonly key: KeyObject;
  readonly algorithms: readonly string[];
}

const MIN_RSA_BITS = 2048;

/**
 * Reads a public key or certificate in PEM; `\n` may be written as two characters, as env files do.
 * Throws an Error that says what is allowed; its text never holds the key.
 */
export function parsePublicKey(pem: string): PublicKey {
  const text = pem.replaceAll('\\n', '\n').trim();
  if (text.includes('PRIVATE KEY'))
    throw new Error('this is a private key; the service only needs the public one');
  let key: KeyObject;
  try {
    key = createPublicKey(text);
  } catch {
    throw new Error('not a PEM public key');
  }
  return { key, algorithms: algorithmsOf(key) };
}

function algorithmsOf(key: KeyObject): readonly string[] {
  const details = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      if ((details.modulusLength ?? 0) < MIN_RSA_BITS)
        throw new Error(`an RSA key needs ${MIN_RSA_BITS} bits`);
      return key.asymmetricKeyType === 'rsa' ? ['RS256', 'PS256'] : ['PS256'];
    case 'ec':
      if (details.namedCurve !== 'prime256v1') throw new Error('an EC key must be on the curve P-256');
      return ['ES256'];
    case 'ed25519':
      return ['EdDSA', 'Ed25519'];
    default:
      throw new Error('only RSA, EC P-256 and Ed25519 keys are known');
  }
}
