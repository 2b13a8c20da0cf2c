import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IPodSpec } from 'kubernetes-models/v1';
import { beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { SETTINGS } from '../../src/config/settings.ts';
import { loadConfig } from '../../src/config.ts';
import { startTestApp } from '../support/app.ts';
import { makeEnv } from '../support/compose-file.ts';
import { buildManifests, type Manifests } from '../support/manifests.ts';

/** How long the service takes to end at most. */
const STOP_SECONDS = 10;

/** The only container of a pod. */
function containerOf(pod: IPodSpec | undefined) {
  const [container, ...others] = pod?.containers ?? [];
  if (container === undefined || others.length > 0) throw new Error('not one container');
  return container;
}

/** True when the selector takes those labels. */
function isSelected(
  selector: Readonly<Record<string, string>> | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  const entries = Object.entries(selector ?? {});
  return entries.length > 0 && entries.every(([name, value]) => labels?.[name] === value);
}

describe.runIf(inject('canStart').kustomize)('deploy/kubernetes/base', () => {
  let base: Manifests;
  /** Pods of the service and of the job that makes the schema. */
  let pods: readonly (IPodSpec | undefined)[];

  beforeAll(() => {
    base = buildManifests('deploy/kubernetes/base');
    pods = [base.one('Deployment').spec?.template.spec, base.one('Job').spec?.template.spec];
  });

  test('has what it takes, and no secret', () => {
    expect(base.names.map((name) => name.replace(/(ConfigMap\/connect-chat)-\w+$/, '$1')).sort()).toEqual([
      'ConfigMap/connect-chat',
      'Deployment/connect-chat',
      'HorizontalPodAutoscaler/connect-chat',
      'Job/connect-chat-migrate',
      'PodDisruptionBudget/connect-chat',
      'Service/connect-chat',
    ]);
  });

  test('gives the service settings that exist and that it accepts', () => {
    const secrets = makeEnv();
    for (const pod of pods) {
      const { env = [], envFrom } = containerOf(pod);
      expect(envFrom?.map(({ configMapRef }) => configMapRef?.name)).toEqual([
        base.one('ConfigMap').metadata?.name,
      ]);
      const environment: Record<string, string> = { ...base.one('ConfigMap').data };
      for (const { name, valueFrom } of env) {
        expect(valueFrom?.secretKeyRef?.name).toBe('connect-chat');
        // As the kustomization says, the secret is made of what make-env writes.
        expect(secrets).toHaveProperty(valueFrom?.secretKeyRef?.key ?? '');
        environment[name] = secrets[valueFrom?.secretKeyRef?.key ?? ''] ?? '';
      }
      expect(Object.keys(environment).filter((name) => !(name in SETTINGS))).toEqual([]);
      const { config, warnings } = loadConfig(environment);
      expect(config.production).toBe(true);
      expect(warnings).toEqual([]);
    }
  });

  test('repeats the job until the schema is there, and no longer', () => {
    expect(base.one('Job').spec?.template.spec?.restartPolicy).toBe('OnFailure');
    expect(base.one('Job').spec?.activeDeadlineSeconds).toBeGreaterThan(0);
    expect(containerOf(pods[1]).args).toEqual(['migrate']);
  });

  test('keeps variables of other services out of the settings', () => {
    expect(pods.map((pod) => pod?.enableServiceLinks)).toEqual([false, false]);
  });

  test('lets a pod do as little as the restricted profile demands', () => {
    for (const pod of pods) {
      expect(pod?.automountServiceAccountToken).toBe(false);
      expect(pod?.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(containerOf(pod).securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(containerOf(pod).resources?.limits).toHaveProperty('memory');
    }
  });

  test('asks the service at addresses and for numbers that it has', async () => {
    const { startupProbe, livenessProbe, readinessProbe, ports = [] } = containerOf(pods[0]);
    const probes = [startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet);
    expect(probes.map((probe) => probe?.path)).toEqual(['/health', '/health', '/readyz?essential']);
    const app = await startTestApp();
    onTestFinished(() => app.stop());
    for (const probe of probes) {
      expect(ports.find(({ name }) => name === probe?.port)?.containerPort).toBe(8080);
      expect((await fetch(`${app.url}${probe?.path}`)).status).toBe(200);
    }
    const { metrics = [] } = base.one('HorizontalPodAutoscaler').spec ?? {};
    const measured = await (await fetch(`${app.url}/metrics`)).text();
    for (const { pods } of metrics) {
      if (pods !== undefined) expect(measured).toContain(`# TYPE ${pods.metric.name} gauge`);
    }
  });

  test('sends calls to the pods of the service and to no other', () => {
    const { spec } = base.one('Service');
    const { template, selector } = base.one('Deployment').spec ?? {};
    const job = base.one('Job').spec?.template.metadata?.labels;
    const selectors = [
      spec?.selector,
      selector?.matchLabels,
      base.one('PodDisruptionBudget').spec?.selector?.matchLabels,
      ...(template?.spec?.topologySpreadConstraints ?? []).map(
        ({ labelSelector }) => labelSelector?.matchLabels,
      ),
    ];
    expect(selectors.length).toBe(5);
    for (const labels of selectors) {
      expect(isSelected(labels, template?.metadata?.labels)).toBe(true);
      expect(isSelected(labels, job)).toBe(false);
    }
    const ports = containerOf(template?.spec).ports?.map(({ name }) => name);
    for (const { targetPort, appProtocol } of spec?.ports ?? []) {
      expect(ports).toContain(targetPort);
      expect(appProtocol).toBe('kubernetes.io/h2c');
    }
  });

  test('shows its metrics where the annotation says', () => {
    const { template } = base.one('Deployment').spec ?? {};
    const port = base.one('ConfigMap').data?.METRICS_PORT;
    expect(template?.metadata?.annotations?.['prometheus.io/port']).toBe(port);
    expect(containerOf(template?.spec).ports).toContainEqual({
      name: 'metrics',
      containerPort: Number(port),
    });
  });

  test('gives a pod the time to end', () => {
    const [pod] = pods;
    const [program, seconds] = containerOf(pod).lifecycle?.preStop?.exec?.command ?? [];
    expect(program).toBe('sleep');
    expect(Number(seconds)).toBeGreaterThan(0);
    expect(pod?.terminationGracePeriodSeconds).toBeGreaterThan(Number(seconds) + STOP_SECONDS);
  });

  test('never has fewer instances than before while it is replaced, and leaves their number to the autoscaler', () => {
    const deployment = base.one('Deployment').spec;
    expect(deployment?.replicas).toBeUndefined();
    expect(deployment?.strategy?.rollingUpdate?.maxUnavailable).toBe(0);
    const { scaleTargetRef, minReplicas, metrics } = base.one('HorizontalPodAutoscaler').spec ?? {};
    expect(scaleTargetRef?.name).toBe(base.one('Deployment').metadata?.name);
    expect(minReplicas).toBeGreaterThanOrEqual(2);
    expect(metrics?.map(({ type }) => type)).toEqual(['Resource', 'Pods']);
  });

  test('has the version of the package', () => {
    const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(pods.map((pod) => containerOf(pod).image)).toEqual([
      `connect-chat:${version}`,
      `connect-chat:${version}`,
    ]);
  });
});

describe.runIf(inject('canStart').kustomize)('deploy/kubernetes/observe', () => {
  test('adds the rules and the configuration of Alertmanager as they are elsewhere', () => {
    const observe = buildManifests('deploy/kubernetes/observe');
    const rules = observe.all('ConfigMap').find(({ metadata }) => metadata?.name === 'chat-prometheus-rules');
    const folder = 'deploy/prometheus/rules';
    const files = readdirSync(folder).filter((name) => name.endsWith('.yml'));
    expect(rules?.data).toEqual(
      Object.fromEntries(files.map((name) => [name, readFileSync(join(folder, name), 'utf8')])),
    );
    const config = observe.one('Secret').stringData?.['alertmanager.yml'] ?? '';
    expect(parse(config)).toEqual(parse(readFileSync('deploy/alertmanager/alertmanager.yml', 'utf8')));
    expect(observe.names.filter((name) => name.startsWith('Deployment/'))).toEqual([
      'Deployment/connect-chat',
    ]);
  });
});
