import { z } from 'zod';
import { parsePublicKey } from '../auth/public-key.ts';

/** Where to listen. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Go's boolean texts. */
export function flag() {
  return z
    .enum(['1', 't', 'T', 'TRUE', 'true', 'True', '0', 'f', 'F', 'FALSE', 'false', 'False'])
    .transform((text) => /^[1tT]/.test(text));
}

/** A whole number within the bounds. */
export function integer(min: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .refine((value) => value >= min && value <= max);
}

/** A share, 0 to 1. */
export function ratio() {
  return z
    .string()
    .regex(/^(0|1|0?\.\d{1,6}|1\.0{1,6})$/)
    .transform(Number);
}

/** `redis://…`, `rediss://…`, or `host:port`, which is how the inherited file has it. */
export function redisAddress() {
  return z
    .string()
    .transform((text) => (/^[^\s/:@]+(:\d{1,5})?$/.test(text) ? `redis://${text}` : text))
    .refine((text) => URL.canParse(text) && ['redis:', 'rediss:'].includes(new URL(text).protocol));
}

/** An address, or a range of them in CIDR notation. */
export function addressRange() {
  return z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);
}

/** So many hex digits. */
export function hex(digits: number) {
  return z.string().regex(new RegExp(`^[0-9a-fA-F]{${digits}}$`));
}

/** An address with one of the protocols (`http:` …). */
export function url(...protocols: readonly string[]) {
  return z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol));
}

/** At least one item, separated by commas. */
export function list<S extends z.ZodType<string, string>>(item: S) {
  return z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(item).min(1));
}

/** `prod` in another spelling would start a development service in production: refused. */
export function modeText() {
  return z
    .string()
    .refine((text) => text === 'PROD' || !/^prod(uction)?$/i.test(text))
    .prefault('');
}

/** What may be the name of a cookie. */
export function cookieName() {
  return z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/);
}

/** A name of hosts, as a cookie's domain may be. */
export function hostName() {
  return z
    .string()
    .regex(
      /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/,
    );
}

/** `host:port`, `[v6]:port`, or `:port` for every interface. */
export function address() {
  return z.string().transform((text, context): Address => {
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text);
    const port = Number(match?.[3]);
    if (match === null || port > 65_535) {
      context.addIssue({ code: 'custom' });
      return z.NEVER;
    }
    return { host: match[1] ?? (match[2] === '' ? '0.0.0.0' : (match[2] ?? '')), port };
  });
}

/** An origin as browsers send it, or `*`. */
export function isOrigin(text: string): boolean {
  return text === '*' || (URL.canParse(text) && new URL(text).origin === text);
}

/** A key that tokens can be verified with. */
export function isPublicKey(pem: string): boolean {
  try {
    parsePublicKey(pem);
    return true;
  } catch {
    return false;
  }
}
