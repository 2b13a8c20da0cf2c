import { execFileSync } from 'node:child_process';
import { Deployment } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { Job } from 'kubernetes-models/batch/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Secret, Service } from 'kubernetes-models/v1';
import { parseAllDocuments } from 'yaml';

const MODELS = { ConfigMap, Deployment, HorizontalPodAutoscaler, Job, PodDisruptionBudget, Secret, Service };

/** Each kind of object that is deployed. */
export type Kind = keyof typeof MODELS;
/** An object of that kind. */
export type Manifest<K extends Kind> = InstanceType<(typeof MODELS)[K]>;

/** The objects that `kustomize build` makes of a folder. */
export interface Manifests {
  /** `Kind/name` of each. */
  readonly names: readonly string[];
  /** All objects of a kind. */
  all<K extends Kind>(kind: K): Manifest<K>[];
  /** The only object of a kind. Throws when there is none, or another one. */
  one<K extends Kind>(kind: K): Manifest<K>;
}

/** Builds the folder and checks each object against Kubernetes' schema. Throws for what is wrong, or of a kind that nobody expects. */
export function buildManifests(folder: string): Manifests {
  const text = execFileSync('kustomize', ['build', folder], { encoding: 'utf8' });
  const objects = parseAllDocuments(text).map((document) => modelOf(document.toJS()));
  const all = <K extends Kind>(kind: K): Manifest<K>[] =>
    objects.filter((object): object is Manifest<K> => object instanceof MODELS[kind]);
  return {
    names: objects.map(({ kind, metadata }) => `${kind}/${metadata?.name}`),
    all,
    one(kind) {
      const [found, ...others] = all(kind);
      if (found === undefined || others.length > 0) throw new Error(`not one ${kind}: ${others.length}`);
      return found;
    },
  };
}

function modelOf(object: { readonly apiVersion: string; readonly kind: string }): Manifest<Kind> {
  const Model = Object.entries(MODELS).find(([kind]) => kind === object.kind)?.[1];
  if (Model === undefined) throw new Error(`nobody knows how to check a ${object.kind}`);
  const { apiVersion } = new Model();
  if (apiVersion !== object.apiVersion) {
    throw new Error(`${object.kind}: ${object.apiVersion} is not checked, but ${apiVersion}`);
  }
  const model = new Model(object as never);
  model.validate();
  return model;
}
