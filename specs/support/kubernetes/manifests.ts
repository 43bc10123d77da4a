/** The files of deploy/kubernetes. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { repository } from '../../../harness.config.js';

/** The directory of the manifests. */
export const DEPLOY = join(repository, 'deploy/kubernetes');

const labels = z.record(z.string(), z.string());

/** The fields that every object of Kubernetes has. */
const object = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional(), labels: labels.optional() }),
});
export type KubernetesObject = z.infer<typeof object>;

/** The pod of example.yaml, as far as it becomes a request to a container runtime. */
const pod = z.object({
  metadata: z.object({ name: z.string(), namespace: z.string(), annotations: labels }),
  spec: z.object({
    runtimeClassName: z.string(),
    containers: z.array(z.object({ name: z.string(), image: z.string(), command: z.array(z.string()) })),
  }),
});
export type ExamplePod = z.infer<typeof pod>;

/** The text of a file. */
export const textOf = (name: string): Promise<string> => readFile(join(DEPLOY, name), 'utf8');

/** The names of all files with this suffix. */
export async function filesOf(suffix: string): Promise<string[]> {
  return (await readdir(DEPLOY)).filter((name) => name.endsWith(suffix)).sort();
}

/**
 * The objects of a text in YAML.
 * @throws with the line at fault, also for a key that is given twice.
 */
export function parseObjects(text: string): KubernetesObject[] {
  return parseAllDocuments(text).map((document) => {
    const [wrong] = [...document.errors, ...document.warnings];
    if (wrong) throw wrong;
    return object.parse(document.toJS());
  });
}

/** All objects of one kind, of every file. */
export async function objectsOf(kind: string): Promise<KubernetesObject[]> {
  const texts = await Promise.all((await filesOf('.yaml')).map(textOf));
  return texts.flatMap(parseObjects).filter((each) => each.kind === kind);
}

/** The only object of a kind. */
export async function onlyObject(kind: string): Promise<KubernetesObject> {
  const [found, ...others] = await objectsOf(kind);
  if (!found || others.length > 0) throw new Error(`there is not exactly one ${kind}`);
  return found;
}

/** The example's pod. */
export async function examplePod(): Promise<ExamplePod> {
  return pod.parse(await onlyObject('Pod'));
}

/** A handler, as an engine's file has it. */
const handler = z.strictObject({
  runtime_type: z.literal('io.containerd.runc.v2'),
  pod_annotations: z.array(z.string()),
  container_annotations: z.array(z.string()),
  options: z.strictObject({ BinaryName: z.string(), SystemdCgroup: z.boolean() }),
});
const containerd = (plugin: string, version: object) =>
  z.strictObject({
    ...version,
    plugins: z.strictObject({
      [plugin]: z.strictObject({
        containerd: z.strictObject({ runtimes: z.record(z.string(), handler) }),
      }),
    }),
  });
const crioHandler = z.strictObject({
  runtime_path: z.string(),
  runtime_type: z.literal('oci'),
  runtime_root: z.string(),
  // Without it CRI-O takes conmon from its PATH, where its packages have none.
  monitor_path: z.string().startsWith('/'),
});

const ENGINES = {
  'containerd-1.toml': containerd('io.containerd.grpc.v1.cri', {}),
  'containerd-2.toml': containerd('io.containerd.cri.v1.runtime', { version: z.literal(3) }),
  'crio.conf': z.strictObject({
    crio: z.strictObject({
      runtime: z.strictObject({ runtimes: z.record(z.string(), crioHandler) }),
    }),
  }),
};
export const ENGINE_FILES = Object.keys(ENGINES) as (keyof typeof ENGINES)[];

/** The contents of an engine's file: its handlers with their programs, and the annotations that it passes on. */
export interface EngineConfiguration {
  readonly handlers: readonly string[];
  readonly programs: readonly string[];
  readonly annotations: readonly string[];
}

/** Strings of a value below a key, at any depth. */
function stringsBelow(value: unknown, key: RegExp, below = false): string[] {
  if (typeof value === 'string') return below ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) => stringsBelow(each, key, below || key.test(name)));
}

/**
 * Reads an engine's file.
 * @throws for a key that is none of the engine's, or has another form.
 */
export function parseEngine(name: (typeof ENGINE_FILES)[number], text: string): EngineConfiguration {
  const parsed = ENGINES[name].parse(parse(text));
  const runtimes = /\.runtimes\.([\w-]+)\]$/gm;
  return {
    handlers: [...text.matchAll(runtimes)].map(([, each = '']) => each),
    programs: stringsBelow(parsed, /^(BinaryName|runtime_path)$/),
    annotations: stringsBelow(parsed, /^(pod|container)_annotations$/),
  };
}
