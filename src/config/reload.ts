import { type Config, ConfigError, examineConfig, loadConfig } from '../config.ts';

/** The settings of a running service. */
export interface RunningConfig {
  readonly config: Config;
  /** About variables that have no effect. */
  readonly warnings: readonly string[];
  /**
   * Reads everything again and takes over what can be changed while the service runs. Throws a ConfigError with all problems when
   * anything is wrong; nothing is taken over then. The environment of a process stays what it was, so it is the file that changes.
   */
  reload(): Reload;
}

/** What a reload brought. */
export interface Reload {
  /** The configuration that counts from now on. */
  readonly config: Config;
  /** Names of the settings that have changed. */
  readonly changed: readonly string[];
  /** Names of those that read differently now, and stay what they were until a restart. */
  readonly pending: readonly string[];
}

const KEYS = ['JWT_JWKS_URL', 'JWT_PUBLIC_KEY', 'JWT_SECRET'];
const RELOADABLE: ReadonlySet<string> = new Set([
  ...['LOG_LEVEL', 'NO_LOGS', 'MAX_STREAMS_PER_USER', 'JWT_ISSUER', 'JWT_AUDIENCE', ...KEYS],
  ...['RATE_LIMIT_USER_PER_MINUTE', 'RATE_LIMIT_ROOM_PER_MINUTE', 'RATE_LIMIT_TOKENS_PER_MINUTE'],
  ...['RATE_LIMIT_ROOMS_PER_MINUTE', 'RATE_LIMIT_STREAMS_PER_MINUTE', 'RATE_LIMIT_POLLS_PER_MINUTE'],
  'RATE_LIMIT_AUTH_FAILURES_PER_MINUTE',
]);

/** Reads the settings as `loadConfig` does, and keeps their texts to tell what changes. */
export function readRunningConfig(env: NodeJS.ProcessEnv, configFile: string | undefined): RunningConfig {
  const { warnings, ...first } = read(env, configFile);
  let running = first.texts;
  return {
    config: first.config,
    warnings,
    reload() {
      const { texts } = read(env, configFile);
      const differing = [...new Set([...running.keys(), ...texts.keys()])]
        .filter((name) => running.get(name) !== texts.get(name))
        .sort();
      // Without any key, the secret made at first start would count: that is for a start to decide.
      const keepsKeys = !KEYS.some((name) => texts.has(name));
      const isReloadable = (name: string): boolean =>
        RELOADABLE.has(name) && !(keepsKeys && KEYS.includes(name));
      const changed = differing.filter(isReloadable);
      const next = new Map(running);
      for (const name of changed) {
        const text = texts.get(name);
        if (text === undefined) next.delete(name);
        else next.set(name, text);
      }
      // From the texts, so that a default which hangs on a setting that is pending does not change before it.
      const { config } = loadConfig(Object.fromEntries(next));
      running = next;
      return { config, changed, pending: differing.filter((name) => !isReloadable(name)) };
    },
  };
}

function read(env: NodeJS.ProcessEnv, configFile: string | undefined) {
  const { config, problems, warnings, found } = examineConfig(env, configFile);
  if (problems.length > 0) throw new ConfigError(problems);
  const texts: ReadonlyMap<string, string> = new Map([...found].map(([name, { text }]) => [name, text]));
  return { config, warnings, texts };
}
