/** The files for Kubernetes: their form, the names that must agree, and what the rules on admission admit. */
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { z } from 'zod';
import { jsonSchema } from '../../client/abi/json-schema.js';
import { repository } from '../../harness.config.js';
import { admission, expressions } from '../support/kubernetes/admission.js';
import type { Pod } from '../support/kubernetes/admission.js';
import {
  DEPLOY,
  ENGINE_FILES,
  examplePod,
  filesOf,
  objectsOf,
  onlyObject,
  parseEngine,
  parseObjects,
  textOf,
} from '../support/kubernetes/manifests.js';
import { faultsOf } from '../support/kubernetes/schemas.js';

const REQUIRED = 'io.swarmguard/agents';
const MAY = 'io.swarmguard/policy';
const NODE = { 'io.swarmguard/node': 'true' };

const text = (path: string) => readFile(join(repository, path), 'utf8');

test('KUBE-01: the files in YAML are what the schemas of Kubernetes say, without a key that they do not know', async () => {
  const files = await filesOf('.yaml');
  expect(files.length).toBeGreaterThan(4);
  for (const file of files) {
    const objects = parseObjects(await textOf(file));
    expect(objects.length, file).toBeGreaterThan(0);
    expect(objects.flatMap(faultsOf), file).toEqual([]);
  }
  // What a slip of the pen looks like.
  const node = await textOf('node.yaml');
  for (const [right, wrong, fault] of [
    ['hostPID: true', 'hostPid: true', '/spec/template/spec/hostPid: unknown key'],
    ['hostPID: true', 'hostPID: yes please', '/spec/template/spec/hostPID: type'],
    ['containerPort: 9464', 'containerPort: metrics', '/ports/0/containerPort: type'],
    ['      containers:', '      containres:', 'required {"missingProperty":"containers"}'],
    ['readOnlyRootFilesystem', 'readonlyRootFilesystem', '/readonlyRootFilesystem: unknown key'],
  ] as const) {
    expect(node, right).toContain(right);
    const faults = parseObjects(node.replace(right, wrong)).flatMap(faultsOf);
    expect(faults.join('\n'), wrong).toContain(fault);
  }
  expect(() => parseObjects(node.replace('hostPID: true', 'hostPID: true\n      hostPID: true'))).toThrow(
    /unique/,
  );
});

test('KUBE-02: handler, program, class, labels and image have one name in all files', async () => {
  const runtimeClass = z
    .object({
      metadata: z.object({ name: z.string() }),
      handler: z.string(),
      scheduling: z.object({ nodeSelector: z.record(z.string(), z.string()) }),
    })
    .parse(await onlyObject('RuntimeClass'));
  const { name } = runtimeClass.metadata;
  const installed = await text('packaging/debian/swarm-guard.install');
  expect(installed).toMatch(/^client\/oci\/swarm-runtime usr\/bin$/m);
  for (const file of ENGINE_FILES) {
    const { handlers, programs, annotations } = parseEngine(file, await textOf(file));
    expect([...new Set(handlers)], file).toEqual([runtimeClass.handler]);
    expect(programs, file).toEqual(['/usr/bin/swarm-runtime']);
    expect([...new Set(annotations)], file).toEqual(file === 'crio.conf' ? [] : ['io.swarmguard.*']);
  }
  // A key that the engine would ignore is found.
  const first = await textOf('containerd-1.toml');
  expect(() => parseEngine('containerd-1.toml', first.replace('BinaryName', 'Binaryname'))).toThrow();

  const daemon = z
    .object({
      metadata: z.object({ namespace: z.string() }),
      spec: z.object({
        template: z.object({
          spec: z.object({
            nodeSelector: z.record(z.string(), z.string()),
            initContainers: z.tuple([z.object({ image: z.string(), command: z.array(z.string()) })]),
            containers: z.tuple([z.object({ image: z.string(), command: z.array(z.string()) })]),
          }),
        }),
      }),
    })
    .parse(await onlyObject('DaemonSet'));
  const { nodeSelector, initContainers, containers } = daemon.spec.template.spec;
  expect(runtimeClass.scheduling.nodeSelector).toEqual(NODE);
  expect(nodeSelector).toMatchObject(NODE);
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(await text('package.json')));
  const image = `registry.example/swarm-guard-node:${version}`;
  expect([initContainers[0].image, containers[0].image]).toEqual([image, image]);
  const containerfile = await textOf('Containerfile');
  expect(containerfile).toContain(
    `deploy/kubernetes/install-node.sh ${initContainers[0].command[0] ?? ''}\n`,
  );
  const namespaces = await objectsOf('Namespace');
  expect(namespaces.map(({ metadata }) => metadata.name)).toContain(daemon.metadata.namespace);

  const example = await examplePod();
  expect(example.spec.runtimeClassName).toBe(name);
  expect(
    namespaces.find(({ metadata }) => metadata.name === example.metadata.namespace)?.metadata.labels,
  ).toEqual({
    [REQUIRED]: 'required',
    [MAY]: 'any',
  });
  const prefix = /PREFIX = "([^"]+)"/.exec(await text('client/oci/policy.cc'))?.[1] ?? 'none';
  const { properties } = z
    .object({ properties: z.record(z.string(), z.unknown()) })
    .parse(jsonSchema('create'));
  for (const key of Object.keys(example.metadata.annotations)) {
    expect(key.startsWith(prefix), key).toBe(true);
    expect(Object.keys(properties), key).toContain(key.slice(prefix.length));
  }
  for (const file of ['admission.yaml', 'admission-default.yaml']) {
    const rules = await textOf(file);
    expect(rules, file).toContain(`${REQUIRED}: required`);
    expect(rules, file).toContain(`'${name}'`);
  }
  expect(await textOf('admission.yaml')).toContain(`'${prefix}'`);
});

test('KUBE-03: admission refuses pods that are no agents and annotations that their namespace does not allow', async () => {
  const all = await expressions();
  expect(all.length).toBeGreaterThan(6);
  expect(all.filter(({ error }) => error !== undefined)).toEqual([]);

  const refusals = await admission();
  const pod = (annotations?: Record<string, string>, runtimeClassName?: string): Pod => ({
    metadata: annotations ? { annotations } : {},
    spec: runtimeClassName === undefined ? {} : { runtimeClassName },
  });
  const agent = (annotations?: Record<string, string>) => pod(annotations, 'swarm-guard');
  const labels = (may?: string) => ({ [REQUIRED]: 'required', ...(may === undefined ? {} : { [MAY]: may }) });
  const SOCKETS = { 'io.swarmguard.sockets': '["unix"]' };
  const NAMED = { 'io.swarmguard.policy': 'web' };
  const NO_AGENT = expect.stringContaining('set runtimeClassName');
  const NOT_ALLOWED = expect.stringContaining('does not allow these annotations');

  for (const [what, review, expected] of [
    ['without a class', { labels: labels(), pod: pod() }, [NO_AGENT]],
    ['of another class', { labels: labels(), pod: pod({}, 'runc') }, [NO_AGENT]],
    ['both wrong', { labels: labels(), pod: pod(NAMED) }, [NO_AGENT, NOT_ALLOWED]],
    ['an agent', { labels: labels(), pod: agent() }, []],
    [
      'with annotations of others',
      { labels: labels(), pod: agent({ 'example.org/io.swarmguard.': 'x' }) },
      [],
    ],
    ['with a key', { labels: labels(), pod: agent(SOCKETS) }, [NOT_ALLOWED]],
    ['with a policy', { labels: labels(), pod: agent(NAMED) }, [NOT_ALLOWED]],
    ['with a key, none allowed', { labels: labels('none'), pod: agent(SOCKETS) }, [NOT_ALLOWED]],
    ['with a key, the label misspelt', { labels: labels('Any'), pod: agent(SOCKETS) }, [NOT_ALLOWED]],
    ['with a policy where policies are allowed', { labels: labels('named'), pod: agent(NAMED) }, []],
    [
      'with a key where policies are allowed',
      { labels: labels('named'), pod: agent({ ...NAMED, ...SOCKETS }) },
      [NOT_ALLOWED],
    ],
    ['with a key where any are allowed', { labels: labels('any'), pod: agent({ ...NAMED, ...SOCKETS }) }, []],
    // A pod from before the policy changes otherwise, or ends.
    ['an older pod', { labels: labels(), pod: pod({ other: '1' }), former: pod() }, []],
    [
      'an older pod with a key',
      { labels: labels(), pod: pod({ ...SOCKETS, other: '1' }), former: pod(SOCKETS) },
      [],
    ],
    ['a key comes', { labels: labels(), pod: agent(SOCKETS), former: agent() }, [NOT_ALLOWED]],
    [
      'a key changes',
      { labels: labels(), pod: agent({ 'io.swarmguard.sockets': '["inet"]' }), former: agent(SOCKETS) },
      [NOT_ALLOWED],
    ],
    ['a key goes', { labels: labels(), pod: agent(), former: agent(SOCKETS) }, [NOT_ALLOWED]],
    [
      'a policy goes where policies are allowed',
      { labels: labels('named'), pod: agent(), former: agent(NAMED) },
      [],
    ],
    [
      'a key goes where policies are allowed',
      { labels: labels('named'), pod: agent(), former: agent(SOCKETS) },
      [NOT_ALLOWED],
    ],
    ['a key changes where any may', { labels: labels('any'), pod: agent(), former: agent(SOCKETS) }, []],
  ] as const)
    expect.soft(refusals(review), what).toEqual(expected);

  const example = await examplePod();
  const [namespace] = (await objectsOf('Namespace')).filter(
    ({ metadata }) => metadata.name === example.metadata.namespace,
  );
  expect(refusals({ labels: namespace?.metadata.labels ?? {}, pod: example })).toEqual([]);
});

test('KUBE-04: of all containers of the DaemonSet only the one that installs has privileges', async () => {
  const context = z.looseObject({ privileged: z.boolean().optional() });
  const container = z.object({ name: z.string(), securityContext: context });
  const { spec } = z
    .object({
      spec: z.object({
        template: z.object({
          spec: z.looseObject({ initContainers: z.array(container), containers: z.array(container) }),
        }),
      }),
    })
    .parse(await onlyObject('DaemonSet')).spec.template;
  expect(spec.initContainers.map(({ name }) => name)).toEqual(['install']);
  expect(spec['automountServiceAccountToken']).toBe(false);
  expect(spec['hostNetwork']).toBeUndefined();
  expect(spec.containers.map(({ name, securityContext }) => [name, securityContext])).toEqual([
    [
      'exporter',
      {
        runAsNonRoot: true,
        runAsUser: 65534,
        runAsGroup: 65534,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
        seccompProfile: { type: 'RuntimeDefault' },
      },
    ],
  ]);
});

/** A program in the place of nsenter: notes what is run on the node, and answers from the environment. */
const NSENTER = `#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
echo "$*" >>"$LOG"
case "$*" in
dpkg-query*) printf %s "$INSTALLED" ;;
'test -e /proc/swarm/status') exit "$LOADED" ;;
*'apt-get install'*) exit "$APT" ;;
esac
`;
const DPKG_DEB = `#!/bin/sh
case $3 in Package) basename "$2" .deb ;; Version) echo 0.1.0-1 ;; esac
`;

test('KUBE-05: install-node installs once, loads the module, and fails if it is not loaded', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'install-node-'));
  try {
    for (const [name, program] of [
      ['nsenter', NSENTER],
      ['dpkg-deb', DPKG_DEB],
    ] as const) {
      await mkdir(join(dir, 'bin'), { recursive: true });
      await writeFile(join(dir, 'bin', name), program);
      await chmod(join(dir, 'bin', name), 0o755);
    }
    await mkdir(join(dir, 'packages'));
    for (const name of ['swarm-guard', 'swarm-guard-dkms'])
      await writeFile(join(dir, 'packages', `${name}.deb`), '');
    const install = async (node: { installed: string; loaded: boolean; apt?: number }) => {
      await writeFile(join(dir, 'log'), '');
      const { exitCode, all } = await execa('sh', [join(DEPLOY, 'install-node.sh')], {
        env: {
          PATH: `${dir}/bin:${process.env['PATH'] ?? ''}`,
          PACKAGES: join(dir, 'packages'),
          STAGING: join(dir, 'staging'),
          LOG: join(dir, 'log'),
          INSTALLED: node.installed,
          LOADED: node.loaded ? '0' : '1',
          APT: String(node.apt ?? 0),
        },
        reject: false,
        all: true,
      });
      return { exitCode, all, ran: await readFile(join(dir, 'log'), 'utf8') };
    };
    const fresh = await install({ installed: '', loaded: true });
    expect(fresh.exitCode, fresh.all).toBe(0);
    expect(await readdir(join(dir, 'staging'))).toEqual(['swarm-guard-dkms.deb', 'swarm-guard.deb']);
    expect(fresh.ran).toMatch(/systemd-run .*--wait .*-- apt-get update\n/);
    expect(fresh.ran).toMatch(
      /-- apt-get install -y linux-headers-\S+ crun \S+\/staging\/swarm-guard-dkms\.deb \S+\/staging\/swarm-guard\.deb\n/,
    );
    const older = await install({ installed: 'installed 0.0.9-1', loaded: true });
    expect(older.ran).toContain('apt-get install');
    // A node that is prepared needs neither apt nor a network.
    const prepared = await install({ installed: 'installed 0.1.0-1', loaded: true });
    expect(prepared).toMatchObject({ exitCode: 0, ran: expect.not.stringContaining('apt-get') });
    expect(prepared.ran).not.toContain('systemctl start');
    const unloaded = await install({ installed: 'installed 0.1.0-1', loaded: false });
    expect(unloaded).toMatchObject({ exitCode: 1, all: expect.stringContaining('The module is not loaded') });
    expect(unloaded.ran).toContain('systemctl start swarm-guard.service');
    expect((await install({ installed: '', loaded: true, apt: 100 })).exitCode).toBe(100);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('KUBE-08: what docs/kubernetes.md shows of the files is in them, and it names each file', async () => {
  const page = await text('docs/kubernetes.md');
  for (const file of await readdir(DEPLOY)) expect(page, file).toContain(`(../deploy/kubernetes/${file})`);
  const files = await Promise.all((await readdir(DEPLOY)).map(textOf));
  const blocks = [...page.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, block = '']) => block);
  expect(blocks.length).toBeGreaterThan(0);
  for (const block of blocks) expect(files.filter((each) => each.includes(block)).length, block).toBe(1);
  // Labels, settings and names of objects that the prose has.
  for (const name of [
    ...['io.swarmguard/node=true', `${REQUIRED}=required`, `\`${MAY}\``, '`named`', '`any`'],
    ...['daemonset/swarm-guard-node', 'runtimeClassName: swarm-guard', '`SystemdCgroup = true`', '`install`'],
    ...['`exporter`', 'port 9464', '/etc/crio/crio.conf.d/60-swarm-guard.conf', 'kubectl -n agents logs shy'],
  ])
    expect(page, name).toContain(name);
  expect(files.join('\n')).toContain('/etc/crio/crio.conf.d/60-swarm-guard.conf');
});
