/** The rules on admission, evaluated as a kube-apiserver would. */
import { Environment } from '@marcbachmann/cel-js';
import { z } from 'zod';
import { objectsOf } from './manifests.js';

const policy = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.strictObject({
    failurePolicy: z.literal('Fail'),
    matchConstraints: z.strictObject({
      resourceRules: z.array(
        z.strictObject({
          apiGroups: z.tuple([z.literal('')]),
          apiVersions: z.tuple([z.literal('v1')]),
          operations: z.array(z.enum(['CREATE', 'UPDATE'])),
          resources: z.array(z.string().regex(/^[a-z]+(\/[a-z]+)?$/)),
        }),
      ),
    }),
    variables: z.array(z.object({ name: z.string(), expression: z.string() })).default([]),
    validations: z.array(
      z.object({ expression: z.string(), message: z.string(), reason: z.literal('Forbidden') }),
    ),
  }),
});

const binding = z.object({
  spec: z.strictObject({
    policyName: z.string(),
    validationActions: z.array(z.string()),
    matchResources: z.strictObject({
      namespaceSelector: z.strictObject({
        matchExpressions: z.array(z.strictObject({ key: z.string(), operator: z.literal('Exists') })),
      }),
    }),
  }),
});

/** A pod, or a Binding, as far as the rules look at it. */
export interface Pod {
  readonly metadata: {
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: { readonly runtimeClassName?: string };
}

/** A request to the API. */
export interface Review {
  /** The labels of the pod's namespace. */
  readonly labels: Readonly<Record<string, string>>;
  readonly pod: Pod;
  /** The pod as it was; there is none if it is created. */
  readonly former?: Pod;
  /** The resource that the request is for, with its subresource: `pods` by default. */
  readonly resource?: string;
}

function environment(): Environment {
  const all = new Environment();
  for (const name of ['object', 'oldObject', 'namespaceObject', 'request', 'variables'])
    all.registerVariable(name, 'dyn');
  return all;
}

/** Every expression of every policy that this implementation of CEL can parse, and whether it type-checks. */
export async function expressions(): Promise<{ text: string; error: string | undefined }[]> {
  const found: string[] = [];
  // What an ApplyConfiguration makes is an object with a type, which this implementation does not parse.
  const collect = (value: unknown, key: string): void => {
    if (key === 'expression' && typeof value === 'string') found.push(value);
    if (typeof value === 'object' && value !== null && key !== 'mutations')
      for (const [name, each] of Object.entries(value)) collect(each, name);
  };
  for (const kind of ['ValidatingAdmissionPolicy', 'MutatingAdmissionPolicy'])
    for (const each of await objectsOf(kind)) collect(each, '');
  return found.map((text) => ({ text, error: environment().check(text).error?.message }));
}

/** A function that returns the messages with which a request is refused; none if it is admitted. */
export async function admission(): Promise<(review: Review) => string[]> {
  const policies = z.array(policy).parse(await objectsOf('ValidatingAdmissionPolicy'));
  const bindings = z.array(binding).parse(await objectsOf('ValidatingAdmissionPolicyBinding'));
  const cel = environment();
  return ({ labels, pod, former, resource = 'pods' }) => {
    const operation = former ? 'UPDATE' : 'CREATE';
    const denies = (name: string) =>
      bindings.some(
        ({ spec }) =>
          spec.policyName === name &&
          spec.validationActions.includes('Deny') &&
          spec.matchResources.namespaceSelector.matchExpressions.every(({ key }) => key in labels),
      );
    const context: Record<string, unknown> = {
      object: pod,
      oldObject: former ?? null,
      namespaceObject: { metadata: { labels } },
      request: { operation },
    };
    return policies
      .filter(
        ({ metadata, spec }) =>
          denies(metadata.name) &&
          spec.matchConstraints.resourceRules.some(
            ({ operations, resources }) => operations.includes(operation) && resources.includes(resource),
          ),
      )
      .flatMap(({ spec: { variables, validations } }) => {
        const values: Record<string, unknown> = {};
        for (const { name, expression } of variables)
          values[name] = cel.evaluate(expression, { ...context, variables: { ...values } });
        return validations
          .filter(({ expression }) => cel.evaluate(expression, { ...context, variables: values }) !== true)
          .map(({ message }) => message);
      });
  };
}
