import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SETTINGS } from '../../src/config/settings.ts';
import { loadConfig } from '../../src/config.ts';
import { type ComposeService, interpolate, makeEnv, readCompose } from '../support/compose-file.ts';

const compose = readCompose();
const services = Object.entries(compose.services);
const text = readFileSync('docker-compose.yml', 'utf8');
const ours = services.filter(([, { image }]) => image.startsWith('connect-chat:'));
const isOneShot = ({ restart }: ComposeService): boolean => restart === 'no';

/** Names of the services that are not as they should be. */
function offenders(isFine: (service: ComposeService, name: string) => boolean): string[] {
  return services.filter(([name, service]) => !isFine(service, name)).map(([name]) => name);
}

/** The environment of a service of ours, with the variables of a made `.env` and more of them. */
function environmentOf(name: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { services } = interpolate(compose, { ...makeEnv(), ...more });
  return { ...services[name]?.environment };
}

describe('the settings of the service', () => {
  test('exist', () => {
    const unknown = ours.flatMap(([name, { environment = {} }]) =>
      Object.keys(environment)
        .filter((key) => !(key in SETTINGS))
        .map((key) => `${name}: ${key}`),
    );
    expect(unknown).toEqual([]);
  });

  test.each(ours.map(([name]) => name))('are accepted as they are for %s', (name) => {
    const environment = environmentOf(name);
    const { config, warnings } = loadConfig(environment);
    expect(warnings).toEqual([]);
    expect(config.production).toBe(true);
    expect(config.database.url).toBe(`postgres://chat:${environment.POSTGRES_PASSWORD}@postgres:5432/chat`);
    expect(config.nats).toMatchObject({ user: 'chat', password: environment.NATS_PASSWORD });
    expect(config.scylla.roles).toBeUndefined();
  });

  test('take Scylla and traces when .env asks for them', () => {
    const { config } = loadConfig(
      environmentOf('app', {
        USE_SCYLLADB: 'true',
        SYNC_TO_SCYLLA: 'true',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://tempo:4318',
      }),
    );
    expect(config.scylla.hosts).toEqual(['scylla:9042']);
    expect(config.scylla.roles).toEqual({ reads: true, writes: true, sync: true });
  });

  test('name the other services as they are called', () => {
    const hosts = Object.values(environmentOf('app', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://tempo:4318' }))
      .filter((value) => URL.canParse(value) && new URL(value).host !== '')
      .map((value) => new URL(value).hostname);
    expect(hosts.length).toBeGreaterThanOrEqual(3);
    expect(hosts.filter((host) => !(host in compose.services))).toEqual([]);
  });
});

describe('deploy/make-env', () => {
  const needed = new Set([...text.matchAll(/\$\{(\w+):\?/g)].map((match) => match[1]));

  test('makes every variable that is needed, and nothing else', () => {
    expect(Object.keys(makeEnv()).sort()).toEqual([...needed].sort());
  });

  test('makes something else each time', () => {
    const [one, other] = [makeEnv(), makeEnv()];
    expect(Object.keys(one).filter((name) => one[name] === other[name])).toEqual([]);
  });

  test('is asked for when it has not run', () => {
    expect(() => interpolate(compose, {})).toThrow(/run deploy\/make-env first/);
  });

  test('is where every secret comes from', () => {
    const written = services.flatMap(([name, { environment = {} }]) =>
      Object.entries(environment)
        .filter(([key]) => /PASSWORD|SECRET|KEY|_IV$|AUTH/.test(key))
        .filter(([, value]) => !/^"?\$\{\w+:\?/.test(value))
        .map(([key]) => `${name}: ${key}`),
    );
    expect(written).toEqual([]);
  });
});

describe('every service', () => {
  test('is published on the loopback address alone, each port once', () => {
    const ports = services.flatMap(([, { ports = [] }]) => ports);
    expect(ports.filter((port) => !/^127\.0\.0\.1:\d+:\d+$/.test(port))).toEqual([]);
    expect(new Set(ports).size).toBe(ports.length);
  });

  test('mounts what is there', () => {
    const sources = services.flatMap(([, { volumes = [] }]) =>
      volumes.map((volume) => volume.split(':')[0] ?? ''),
    );
    const files = sources.filter((source) => source.startsWith('.'));
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
    const named = sources.filter((source) => !source.startsWith('.'));
    expect(named.sort()).toEqual(Object.keys(compose.volumes).sort());
    const written = services.flatMap(([, { volumes = [] }]) =>
      volumes.filter((volume) => volume.startsWith('.') && !volume.endsWith(':ro')),
    );
    expect(written).toEqual([]);
  });

  test('has a health check, or ends by itself', () => {
    expect(offenders((service) => service.healthcheck !== undefined || isOneShot(service))).toEqual([]);
  });

  test('comes back when it ends, or is waited for', () => {
    const awaited = services.flatMap(([, { depends_on = {} }]) =>
      Object.entries(depends_on)
        .filter(([, { condition }]) => condition === 'service_completed_successfully')
        .map(([name]) => name),
    );
    // `up --wait` takes the end of a service for a failure unless somebody waits for it.
    const isFine = (service: ComposeService, name: string): boolean =>
      isOneShot(service) ? awaited.includes(name) : service.restart === 'unless-stopped';
    expect(offenders(isFine)).toEqual([]);
  });

  test('has bounds for its memory and its log', () => {
    expect(offenders(({ mem_limit }) => mem_limit !== undefined)).toEqual([]);
    expect(offenders(({ logging }) => logging?.options['max-size'] !== undefined)).toEqual([]);
  });

  test('gains no privileges', () => {
    expect(offenders(({ security_opt = [] }) => security_opt.includes('no-new-privileges:true'))).toEqual([]);
  });

  test('is of a version that stays', () => {
    expect(offenders(({ image }) => /:v?\d+\.\d+(\.\d+)?(-[a-z]+)?$/.test(image))).toEqual([]);
  });

  test('waits for healthy ones, and for those of its profile only', () => {
    const wrong = services.flatMap(([name, { profiles: own = [], depends_on = {} }]) =>
      Object.entries(depends_on)
        .filter(([other, { condition, required = true }]) => {
          const { profiles = [], healthcheck } = compose.services[other] ?? { profiles: ['missing'] };
          const isThere = profiles.length === 0 || profiles.some((profile) => own.includes(profile));
          const isWaitedFor =
            condition === 'service_healthy'
              ? healthcheck !== undefined
              : condition.startsWith('service_completed');
          return !(isWaitedFor && (isThere || !required));
        })
        .map(([other]) => `${name}: ${other}`),
    );
    expect(wrong).toEqual([]);
  });
});

test('our image can change nothing and do nothing that only root may', () => {
  expect(ours.map(([name]) => name)).toEqual(['app', 'migrate', 'migrate-scylla']);
  for (const [, service] of ours) {
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], tmpfs: ['/tmp'] });
  }
});

test('our image has the version of the package', () => {
  const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(new Set(ours.map(([, { image }]) => image))).toEqual(new Set([`connect-chat:${version}`]));
});
