import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { parse } from 'yaml';
import { readCompose } from '../support/compose-file.ts';
import { findOnPath } from '../support/path.ts';

const { services } = readCompose();

/** A YAML file under deploy/. */
function read<T>(path: string): T {
  return parse(readFileSync(join('deploy', path), 'utf8'));
}

/** `service:port` or a URL with that. */
function hostOf(target: string): string {
  return new URL(target.includes('://') ? target : `http://${target}`).hostname;
}

test('every YAML file under deploy/ can be read', () => {
  const files = readdirSync('deploy', { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.ya?ml$/.test(name),
  );
  expect(files.length).toBeGreaterThan(10);
  for (const file of files) expect(read<unknown>(file), file).toBeTypeOf('object');
});

describe('Prometheus', () => {
  interface Job {
    readonly job_name: string;
    readonly static_configs?: readonly { readonly targets: readonly string[] }[];
    readonly dns_sd_configs?: readonly { readonly names: readonly string[]; readonly port: number }[];
  }
  const config = read<{
    readonly rule_files: readonly string[];
    readonly alerting: { readonly alertmanagers: readonly Pick<Job, 'static_configs'>[] };
    readonly scrape_configs: readonly Job[];
  }>('prometheus/prometheus.yml');

  test('asks the service under the name that the alerts have, where it shows its metrics', () => {
    const job = config.scrape_configs.find(({ job_name }) => job_name === 'chat-api');
    expect(job?.static_configs?.flatMap(({ targets }) => targets)).toEqual([
      `app:${services.app?.environment?.METRICS_PORT}`,
    ]);
  });

  test('knows the other services as they are called', () => {
    const targets = [...config.scrape_configs, ...config.alerting.alertmanagers]
      .flatMap(({ static_configs = [] }) => static_configs)
      .flatMap(({ targets }) => targets)
      .map(hostOf);
    const found = config.scrape_configs
      .flatMap(({ dns_sd_configs = [] }) => dns_sd_configs)
      .flatMap(({ names }) => names);
    const unknown = [...targets, ...found].filter((host) => host !== '127.0.0.1' && !(host in services));
    expect(unknown).toEqual([]);
  });

  test.runIf(inject('canStart').promtool)('accepts its configuration with all rules', () => {
    const told = execFileSync('promtool', ['check', 'config', 'deploy/prometheus/prometheus.yml'], {
      encoding: 'utf8',
    });
    expect(told).toContain('is valid prometheus config file');
    expect(config.rule_files).toEqual(['rules/*.yml']);
  });
});

describe('Alertmanager', () => {
  // It comes with promtool.
  test.runIf(findOnPath('amtool') !== undefined)('accepts its configuration', () => {
    const told = execFileSync('amtool', ['check-config', 'deploy/alertmanager/alertmanager.yml'], {
      encoding: 'utf8',
    });
    expect(told).toContain('SUCCESS');
  });
});

describe('Grafana', () => {
  test('has the sources that it is told of', () => {
    const { datasources } = read<{ datasources: readonly { uid: string; url: string }[] }>(
      'grafana/provisioning/datasources/datasources.yml',
    );
    expect(datasources.map(({ uid }) => uid)).toEqual(['prometheus', 'tempo', 'alertmanager']);
    expect(datasources.filter(({ url }) => !(hostOf(url) in services))).toEqual([]);
  });

  test('finds the dashboards where they are mounted', () => {
    const { providers } = read<{ providers: readonly { options: { path: string } }[] }>(
      'grafana/provisioning/dashboards/dashboards.yml',
    );
    const mounts = services.grafana?.volumes ?? [];
    for (const { options } of providers) {
      expect(mounts).toContain(`./deploy/grafana/dashboards:${options.path}:ro`);
    }
  });
});

test('Tempo listens where .env sends traces', () => {
  const config = read<{
    distributor: { receivers: { otlp: { protocols: { http: { endpoint: string } } } } };
    storage: { trace: { local: { path: string } } };
  }>('tempo/tempo.yml');
  const endpoint =
    /^#OTEL_EXPORTER_OTLP_ENDPOINT=(.*)$/m.exec(readFileSync('deploy/make-env', 'utf8'))?.[1] ?? '';
  expect(hostOf(endpoint)).toBe('tempo');
  expect(config.distributor.receivers.otlp.protocols.http.endpoint).toBe(`0.0.0.0:${new URL(endpoint).port}`);
  const kept = (services.tempo?.volumes ?? []).map((volume) => volume.split(':')[1] ?? '');
  expect(kept.some((folder) => config.storage.trace.local.path.startsWith(`${folder}/`))).toBe(true);
});
