import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS } from '../../config/settings.ts';
import type { Found, Problem } from '../../config/sources.ts';
import type { Config, ExaminedConfig } from '../../config.ts';
import { SECRETS_FILE } from '../secrets.ts';
import type { Finding } from './finding.ts';
import { place } from './words.ts';

const HIDDEN = '(hidden)';

/** Every setting with its value and where it comes from, everything that is wrong, and variables that have no effect. */
export function settingFindings(examined: ExaminedConfig): Finding[] {
  const { problems, warnings } = examined;
  return [
    ...effectiveSettings(examined)
      .filter(({ isWrong }) => !isWrong)
      .map(shown),
    ...problems.map((problem) => wrong(problem)),
    ...warnings.map((text): Finding => {
      const [name = ''] = text.split(/,? /);
      return { group: 'settings', name, state: 'warn', text, todo: 'correct the name, or remove it' };
    }),
  ];
}

function isReadable(name: Name, found: Found | undefined): boolean {
  return found === undefined || SETTINGS[name].schema.safeParse(found.text).success;
}

function wrong(problem: Problem): Finding {
  const { name, allowed } = problem;
  return { group: 'settings', name, state: 'fail', text: problemText(problem), todo: `allowed: ${allowed}` };
}

/** What is wrong with a setting, without anything secret. */
export function problemText({ name, found }: Problem): string {
  // A wrong address may hold a password as well.
  const isAddress = name.split(', ').some((one) => ADDRESSES.has(one)) && found.includes('"');
  return found === 'not set' ? found : `wrong: ${isAddress ? 'an address (hidden)' : found}`;
}

/** A setting and what counts for it. Nothing in it is secret. */
export interface EffectiveSetting {
  readonly name: string;
  /** Undefined: there is none. */
  readonly value: string | undefined;
  /** Who says so: the environment, a key in the file, nobody (`default`, `not set`, or what is made then). */
  readonly source: string;
  /** There is a value, and it is not told. */
  readonly isHidden: boolean;
  /** What was set makes no sense, and counts as not set. */
  readonly isWrong: boolean;
}

/** Every setting, in the order of the documentation. */
export function effectiveSettings({ config, found }: ExaminedConfig): EffectiveSetting[] {
  return (Object.keys(SETTINGS) as Name[]).map((name) => {
    const text = found.get(name);
    const isWrong = !isReadable(name, text);
    const { value, source } = isWrong
      ? { value: '(wrong)', source: text === undefined ? '' : sourceOf(name, text) }
      : text === undefined
        ? unset(name, config)
        : given(name, text);
    return { name, value, source, isHidden: value === HIDDEN, isWrong };
  });
}

function shown({ name, value = '–', source }: EffectiveSetting): Finding {
  return { group: 'settings', name, state: 'ok', text: `${value}  (${source})`, data: { value, source } };
}

interface Shown {
  readonly value: string | undefined;
  readonly source: string;
}

function given(name: Name, found: Found): Shown {
  return { value: shownValue(name, SETTINGS[name].schema.parse(found.text)), source: sourceOf(name, found) };
}

function sourceOf(name: Name, { source, key }: Found): string {
  if (source === 'file') return `file: ${key}`;
  return key === name ? 'environment' : `environment: ${key}`;
}

/** What holds when nobody has said anything. */
function unset(name: Name, config: Config): Shown {
  const effective = EFFECTIVE[name]?.(config);
  if (effective !== undefined) return { value: effective, source: 'default' };
  const made = MADE[name];
  if (made?.(config) === true) {
    const { dataDir } = config;
    const source =
      dataDir === 'memory:'
        ? 'made at each start'
        : existsSync(join(dataDir, SECRETS_FILE))
          ? `made at first start, kept in ${dataDir}`
          : `will be made at first start, and kept in ${dataDir}`;
    return { value: HIDDEN, source };
  }
  const value: unknown = SETTINGS[name].schema.parse(undefined);
  if (value === undefined || value === '') return { value: undefined, source: 'not set' };
  return { value: shownValue(name, value), source: 'default' };
}

/** A value that may be shown: of secrets at most where an address leads. */
function shownValue(name: Name, value: unknown): string {
  if (ADDRESSES.has(name)) {
    const path = name === 'DATABASE_URL' ? 'path' : 'no path';
    return (Array.isArray(value) ? value : [value]).map((url) => place(String(url), path)).join(', ');
  }
  if (SETTINGS[name].secret) return HIDDEN;
  if (Array.isArray(value)) return value.join(', ');
  if (typeof value === 'object' && value !== null && 'port' in value && 'host' in value)
    return `${value.host}:${value.port}`;
  return String(value);
}

type Name = keyof typeof SETTINGS;

/** They may hold logins. */
const ADDRESSES: ReadonlySet<string> = new Set([
  ...['DATABASE_URL', 'NATS_URL', 'REDIS_URL'],
  ...['NOTIFICATIONS_URL', 'JWT_JWKS_URL', 'OTEL_EXPORTER_OTLP_ENDPOINT'],
]);

/** Whether a secret is made when nobody gives one. */
const MADE: Readonly<Partial<Record<Name, (config: Config) => boolean>>> = {
  JWT_SECRET: ({ production, auth }) => !production && auth.keys === undefined,
  CHAT_KEY: ({ production, masterKey }) => !production && masterKey === undefined,
  CHAT_IV: ({ production, masterKey }) => !production && masterKey === undefined,
};

/** Settings whose default depends on others. */
const EFFECTIVE: Readonly<Partial<Record<Name, (config: Config) => string | undefined>>> = {
  SERVER_ADDRESS: ({ server }) => `${server.host}:${server.port}`,
  DEMO_DATA: ({ demoData }) => String(demoData),
  PUBLIC_DOCS: ({ publicDocs }) => String(publicDocs),
  WEB_UI: ({ webUi }) => String(webUi),
  DATABASE_URL: ({ database, dataDir }) =>
    database.url === undefined ? `embedded in ${dataDir}` : undefined,
  NATS_URL: () => 'in the process',
  REDIS_URL: ({ redis }) => (redis === undefined ? 'in the process' : undefined),
  SCYLLA_HOSTS: ({ scylla }) => scylla.hosts.join(', '),
  CORS_ORIGINS: ({ corsOrigins }) => (corsOrigins === 'any' ? 'any origin' : 'no origin'),
  NOTIFICATIONS_URL: () => 'pushes are only logged',
  RATE_LIMIT_USER_PER_MINUTE: ({ rateLimits }) => String(rateLimits.messagesPerUser),
  RATE_LIMIT_ROOM_PER_MINUTE: ({ rateLimits }) => String(rateLimits.messagesPerUserAndRoom),
  RATE_LIMIT_TOKENS_PER_MINUTE: ({ rateLimits }) => String(rateLimits.savedTokens),
  RATE_LIMIT_ROOMS_PER_MINUTE: ({ rateLimits }) => String(rateLimits.createdRooms),
  RATE_LIMIT_STREAMS_PER_MINUTE: ({ rateLimits }) => String(rateLimits.openedStreams),
  RATE_LIMIT_POLLS_PER_MINUTE: ({ rateLimits }) => String(rateLimits.polls),
  RATE_LIMIT_AUTH_FAILURES_PER_MINUTE: ({ rateLimits }) => String(rateLimits.failedAuthentications),
};
