/** Objects of Kubernetes against the schemas of its API (kubernetes-models, of Kubernetes 1.36). */
import { validate as mutatingBinding } from 'kubernetes-models/_schemas/IoK8sApiAdmissionregistrationV1MutatingAdmissionPolicyBinding';
import { validate as mutatingPolicy } from 'kubernetes-models/_schemas/IoK8sApiAdmissionregistrationV1MutatingAdmissionPolicy';
import { validate as validatingBinding } from 'kubernetes-models/_schemas/IoK8sApiAdmissionregistrationV1ValidatingAdmissionPolicyBinding';
import { validate as validatingPolicy } from 'kubernetes-models/_schemas/IoK8sApiAdmissionregistrationV1ValidatingAdmissionPolicy';
import { validate as daemonSet } from 'kubernetes-models/_schemas/IoK8sApiAppsV1DaemonSet';
import { validate as namespace } from 'kubernetes-models/_schemas/IoK8sApiCoreV1Namespace';
import { validate as pod } from 'kubernetes-models/_schemas/IoK8sApiCoreV1Pod';
import { validate as runtimeClass } from 'kubernetes-models/_schemas/IoK8sApiNodeV1RuntimeClass';
import { z } from 'zod';
import type { KubernetesObject } from './manifests.js';

/** A schema that was compiled: it leaves what is wrong in `errors`. */
type Validator = (data: unknown) => boolean;

const VALIDATORS: Readonly<Record<string, Validator>> = {
  'v1 Namespace': namespace,
  'v1 Pod': pod,
  'apps/v1 DaemonSet': daemonSet,
  'node.k8s.io/v1 RuntimeClass': runtimeClass,
  'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy': validatingPolicy,
  'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding': validatingBinding,
  'admissionregistration.k8s.io/v1 MutatingAdmissionPolicy': mutatingPolicy,
  'admissionregistration.k8s.io/v1 MutatingAdmissionPolicyBinding': mutatingBinding,
};

/** The errors that a validator leaves on itself. */
const left = z.custom<{ readonly errors?: unknown }>().transform(({ errors }) => ({
  errors: z
    .array(z.object({ instancePath: z.string(), keyword: z.string(), params: z.unknown() }))
    .nullish()
    .parse(errors),
}));

/**
 * The value, which remembers the paths that are read. The schemas allow unknown keys, but a validator reads only keys
 * that its schema has, and all keys of maps such as labels.
 */
function watched(value: unknown, path: string, read: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      const found = Reflect.get(target, key) as unknown;
      if (typeof key !== 'string' || !Object.hasOwn(target, key)) return found;
      read.add(`${path}/${key}`);
      return watched(found, `${path}/${key}`, read);
    },
  });
}

function pathsOf(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => [
    `${path}/${key}`,
    ...pathsOf(each, `${path}/${key}`),
  ]);
}

/** The faults of an object: those that its schema reports, and keys that its schema does not know. */
export function faultsOf(object: KubernetesObject): string[] {
  const kind = `${object.apiVersion} ${object.kind}`;
  const validate = VALIDATORS[kind];
  if (validate === undefined) return [`${kind}: no schema is known here`];
  const read = new Set<string>();
  const valid = validate(watched(object, '', read));
  if (!valid) {
    const { errors } = left.parse(validate);
    return (errors ?? []).map(
      ({ instancePath, keyword, params }) => `${kind} ${instancePath}: ${keyword} ${JSON.stringify(params)}`,
    );
  }
  return pathsOf(object, '')
    .filter((path) => !read.has(path))
    .map((path) => `${kind} ${path}: unknown key`);
}
