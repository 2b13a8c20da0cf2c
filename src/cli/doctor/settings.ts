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
export function settingFindings({ config, problems, warnings, found }: ExaminedConfig): Finding[] {
  const names = (Object.keys(SETTINGS) as Name[]).filter((name) => isReadable(name, found.get(name)));
  return [
    ...names.map((name) => shown(name, config, found.get(name))),
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

function wrong({ name, found, allowed }: Problem): Finding {
  // A wrong address may hold a password as well.
  const isAddress = name.split(', ').some((one) => ADDRESSES.has(one)) && found.includes('"');
  const text = found === 'not set' ? found : `wrong: ${isAddress ? 'an address (hidden)' : found}`;
  return { group: 'settings', name, state: 'fail', text, todo: `allowed: ${allowed}` };
}

function shown(name: Name, config: Config, found: Found | undefined): Finding {
  const { value, source } = found === undefined ? unset(name, config) : given(name, found);
  return { group: 'settings', name, state: 'ok', text: `${value}  (${source})`, data: { value, source } };
}

interface Shown {
  readonly value: string;
  readonly source: string;
}

function given(name: Name, { text, source, key }: Found): Shown {
  const from = source === 'file' ? `file: ${key}` : key === name ? 'environment' : `environment: ${key}`;
  return { value: shownValue(name, SETTINGS[name].schema.parse(text)), source: from };
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
  if (value === undefined || value === '') return { value: '–', source: 'not set' };
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
