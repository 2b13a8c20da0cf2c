import { hash } from 'node:crypto';
import type { ClientParams } from './caller.ts';

/** Languages of the service; the first is the default. */
const LANGUAGES = ['en', 'es'];
const DEFAULT_VERSION = '1.0.0';
const PLATFORMS = ['web', 'android', 'ios'] as const;

/**
 * What a client says about itself: `General-Params-Bin` when it can be read, else the individual headers (behaviour 1.2).
 * A session or token inside `General-Params-Bin` is ignored. Nothing is rejected: what makes no sense reads as absent.
 */
export function clientParamsOf(headers: Headers, clientIdCookie: string): ClientParams {
  const general = generalParams(headers.get('general-params-bin'));
  const pick = (key: string, header: string): string =>
    general === undefined ? (headers.get(header) ?? '') : text(general[key]);
  const clientId =
    general === undefined
      ? (headers.get('x-client-id') ?? cookie(headers, clientIdCookie))
      : text(general.ClientId);
  return {
    clientId: clientId ? safeClientId(clientId) : undefined,
    lang: languageOf(pick('Lang', 'accept-language')),
    timezone: matching(/^[A-Za-z0-9_+\-/]{1,64}$/, pick('IANATimezone', 'x-timezone')) ?? '',
    platform: platformOf(pick('Platform', 'x-platform'), headers.get('user-agent') ?? ''),
    clientVersion:
      matching(/^[\x21-\x7e]{1,32}$/, pick('ClientVersion', 'x-client-version')) ?? DEFAULT_VERSION,
  };
}

/** The value of a cookie; undefined when there is none or it is empty. */
export function cookie(headers: Headers, name: string): string | undefined {
  for (const part of (headers.get('cookie') ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at === -1 || part.slice(0, at).trim() !== name) continue;
    const value = part
      .slice(at + 1)
      .trim()
      .replace(/^"(.*)"$/, '$1');
    return value === '' ? undefined : value;
  }
  return undefined;
}

/** The id itself when every part of the system can carry it as a name, else (too long, odd characters) a hash of it (D81). */
export function safeClientId(id: string): string {
  return /^[A-Za-z0-9_-]{1,64}$/.test(id) ? id : hash('sha256', id, 'base64url');
}

/** The JSON object in `General-Params-Bin`, base64 padded or not; undefined when there is none. */
function generalParams(header: string | null): Readonly<Record<string, unknown>> | undefined {
  if (header === null || header === '') return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(header, 'base64').toString('utf8'));
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function matching(pattern: RegExp, value: string): string | undefined {
  return pattern.test(value) ? value : undefined;
}

/** The first supported language of an `Accept-Language` list, by its weights. */
function languageOf(list: string): string {
  const wanted = list
    .slice(0, 256)
    .split(',')
    .map((part) => {
      const [tag = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
      const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
      return { language: tag.split('-')[0] ?? '', weight: Number(weight) };
    })
    .filter(({ language, weight }) => LANGUAGES.includes(language) && weight > 0)
    .sort((a, b) => b.weight - a.weight);
  return wanted[0]?.language ?? 'en';
}

function platformOf(value: string, userAgent: string): ClientParams['platform'] {
  if (value !== '') return PLATFORMS.find((platform) => platform === value.toLowerCase()) ?? 'unknown';
  if (/android|okhttp/i.test(userAgent)) return 'android';
  if (/iphone|ipad|ipod|\bios\b|cfnetwork/i.test(userAgent)) return 'ios';
  return /mozilla/i.test(userAgent) ? 'web' : 'unknown';
}
