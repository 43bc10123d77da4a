/** The files for Kubernetes: their form, the names that must agree, and what the rules on admission admit. */
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { z } from 'zod';

import { createRequest } from '../../client/abi/request.js';
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
  // A dist with several versions fails here, and not on each node.
  expect(containerfile).toContain('RUN test "$(ls /usr/share/swarm-guard/packages | wc -l)" = 2 ||');
  const namespaces = await objectsOf('Namespace');
  expect(namespaces.map(({ metadata }) => metadata.name)).toContain(daemon.metadata.namespace);

  const example = await examplePod();
  expect(example.spec.runtimeClassName).toBe(name);
  expect(
    namespaces.find(({ metadata }) => metadata.name === example.metadata.namespace)?.metadata.labels,
  ).toEqual({
    [REQUIRED]: 'required',
    [MAY]: 'named',
    'pod-security.kubernetes.io/enforce': 'baseline',
  });
  const prefix = /PREFIX = "([^"]+)"/.exec(await text('client/oci/policy.cc'))?.[1] ?? 'none';
  // The nodes' default allows this one alone, and the page says how to make the policy.
  const [[named, policy] = ['', ''], ...others] = Object.entries(example.metadata.annotations);
  expect({ named, others }).toEqual({ named: `${prefix}policy`, others: [] });
  const [, made = ''] =
    new RegExp(`^echo '(.*)' >/etc/swarm-guard/policies/${policy}\\.json$`, 'm').exec(
      await text('docs/kubernetes.md'),
    ) ?? [];
  expect(createRequest.safeParse(JSON.parse(made)).success, made).toBe(true);
  for (const file of ['admission.yaml', 'admission-default.yaml']) {
    const rules = await textOf(file);
    expect(rules, file).toContain(`- key: ${REQUIRED}\n          operator: Exists\n`);
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
  const labelled = (labels: Record<string, string>): Pod => ({ ...agent(), metadata: { labels } });
  const labels = (may?: string) => ({ [REQUIRED]: 'required', ...(may === undefined ? {} : { [MAY]: may }) });
  const SOCKETS = { 'io.swarmguard.sockets': '["unix"]' };
  const NAMED = { 'io.swarmguard.policy': 'web' };
  const NO_AGENT = expect.stringContaining('set runtimeClassName');
  const NO_LABEL = expect.stringContaining('cannot have labels');
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
    // Annotations come by other requests, too.
    [
      'a Binding with a key',
      { labels: labels(), pod: { metadata: { annotations: SOCKETS } }, resource: 'pods/binding' },
      [NOT_ALLOWED],
    ],
    [
      'a Binding with a key, in its old form',
      { labels: labels('named'), pod: { metadata: { annotations: SOCKETS } }, resource: 'bindings' },
      [NOT_ALLOWED],
    ],
    ['a Binding', { labels: labels(), pod: { metadata: {} }, resource: 'pods/binding' }, []],
    [
      'a status with a key',
      { labels: labels(), pod: agent(SOCKETS), former: agent(), resource: 'pods/status' },
      [NOT_ALLOWED],
    ],
    [
      'a status of an older pod',
      { labels: labels(), pod: pod(SOCKETS), former: pod(SOCKETS), resource: 'pods/status' },
      [],
    ],
    // CRI-O hands labels on like annotations.
    ['a label as a policy', { labels: labels('any'), pod: labelled(NAMED) }, [NO_LABEL]],
    ['a label comes', { labels: labels(), pod: labelled(NAMED), former: agent() }, [NO_LABEL]],
    ['an older pod with a label', { labels: labels(), pod: labelled(NAMED), former: labelled(NAMED) }, []],
    ['with labels of others', { labels: labels(), pod: labelled({ 'io.swarmguard/x': '1' }) }, []],
    // A value that is misspelt does not switch the rules off.
    ['the label with another value', { labels: { [REQUIRED]: 'Required' }, pod: pod() }, [NO_AGENT]],
    ['a namespace without the label', { labels: { [MAY]: 'none' }, pod: pod(SOCKETS) }, []],
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
'find /var/lib/dpkg/updates'*) printf %s "$INTERRUPTED" ;;
'modinfo -n swarm_guard') exit "$BUILT" ;;
'modinfo -F srcversion swarm_guard') echo new ;;
'cat /sys/module/swarm_guard/srcversion') echo "$LOADED_VERSION" ;;
'systemctl --quiet is-active'*) rm "$RUNNING" 2>/dev/null || exit 3 ;;
'test -e /proc/swarm/status') exit "$LOADED" ;;
'test -e /lib/modules/'*) exit "$HEADERS" ;;
*'apt-get '*update) exit "$UPDATE" ;;
*'apt-get '*install*) echo 'Setting up' >>"$STAGING.log"; exit "$APT" ;;
esac
`;
const DPKG_DEB = `#!/bin/sh
case $3 in Package) basename "$2" .deb ;; Version) echo 0.1.0-1 ;; esac
`;

/** A node as install-node finds it. */
interface Node {
  readonly installed: string;
  readonly loaded: boolean;
  /** Is there a module for the kernel that runs? */
  readonly built?: boolean;
  readonly loadedVersion?: string;
  /** The status of apt-get install. */
  readonly apt?: number;
  /** The status of apt-get update. */
  readonly update?: number;
  /** Are the headers of the kernel that runs there? */
  readonly headers?: boolean;
  /** A file that an interrupted dpkg has left. */
  readonly interrupted?: string;
  /** Is the installation of a former pod running? */
  readonly running?: boolean;
}

test('KUBE-05, KUBE-09, KUBE-10, KUBE-11: install-node installs once, loads the module, and fails if it is not loaded', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'install-node-'));
  try {
    for (const [name, program] of [
      ['nsenter', NSENTER],
      ['dpkg-deb', DPKG_DEB],
      ['sleep', '#!/bin/sh\n'],
    ] as const) {
      await mkdir(join(dir, 'bin'), { recursive: true });
      await writeFile(join(dir, 'bin', name), program);
      await chmod(join(dir, 'bin', name), 0o755);
    }
    await mkdir(join(dir, 'packages'));
    for (const name of ['swarm-guard', 'swarm-guard-dkms'])
      await writeFile(join(dir, 'packages', `${name}.deb`), '');
    const install = async (node: Node) => {
      await writeFile(join(dir, 'log'), '');
      if (node.running) await writeFile(join(dir, 'running'), '');
      const { exitCode, all } = await execa('sh', [join(DEPLOY, 'install-node.sh')], {
        env: {
          PATH: `${dir}/bin:${process.env['PATH'] ?? ''}`,
          PACKAGES: join(dir, 'packages'),
          STAGING: join(dir, 'staging'),
          LOG: join(dir, 'log'),
          INSTALLED: node.installed,
          LOADED: node.loaded ? '0' : '1',
          LOADED_VERSION: node.loadedVersion ?? 'new',
          BUILT: (node.built ?? true) ? '0' : '1',
          APT: String(node.apt ?? 0),
          UPDATE: String(node.update ?? 0),
          HEADERS: (node.headers ?? false) ? '0' : '1',
          INTERRUPTED: node.interrupted ?? '',
          RUNNING: join(dir, 'running'),
        },
        reject: false,
        all: true,
      });
      return { exitCode, all, ran: await readFile(join(dir, 'log'), 'utf8') };
    };
    const fresh = await install({ installed: '', loaded: true });
    expect(fresh.exitCode, fresh.all).toBe(0);
    expect(await readdir(join(dir, 'staging'))).toEqual(['swarm-guard-dkms.deb', 'swarm-guard.deb']);
    expect(fresh.ran).toMatch(/systemd-run .*--wait .*-- apt-get .*update\n/);
    expect(fresh.ran).toMatch(
      /-- apt-get .* install -y linux-headers-\S+ crun\n[^]*-- apt-get .* install -y .*\S+\/staging\/swarm-guard-dkms\.deb \S+\/staging\/swarm-guard\.deb\n/,
    );
    expect(fresh.ran).not.toContain('dkms autoinstall');
    expect(fresh.all).not.toContain('another one');
    // The unit outlives the pod, so its output is no pipe to it; the log of the pod has it all the same.
    expect(fresh.ran).toContain(`StandardOutput=append:${dir}/staging.log`);
    expect(fresh.ran).not.toContain('--pipe');
    expect(fresh.all).toContain('Setting up');
    const older = await install({ installed: 'installed 0.0.9-1', loaded: true });
    expect(older.ran).toMatch(/apt-get .*install/);
    // Nobody answers questions about changed files, an older image may follow, and another apt may hold the lock.
    for (const option of [
      '--reinstall',
      '--force-confold',
      '--force-confdef',
      '--allow-downgrades',
      'DPkg::Lock::Timeout=',
    ])
      expect(older.ran, option).toContain(option);
    // A node that is prepared needs neither apt nor a network.
    const here = 'installed 0.1.0-1';
    const prepared = await install({ installed: here, loaded: true });
    expect(prepared).toMatchObject({ exitCode: 0, ran: expect.not.stringContaining('apt-get') });
    expect(prepared.ran).not.toContain('systemctl start');
    const unloaded = await install({ installed: 'installed 0.1.0-1', loaded: false });
    expect(unloaded).toMatchObject({ exitCode: 1, all: expect.stringContaining('The module is not loaded') });
    expect(unloaded.ran).toContain('systemctl start swarm-guard.service');
    expect((await install({ installed: '', loaded: true, apt: 100 })).exitCode).toBe(100);
    // A source of somebody else's is broken, and the headers come from elsewhere.
    const own = await install({ installed: '', loaded: true, update: 100, headers: true });
    expect(own, own.all).toMatchObject({ exitCode: 0, ran: expect.not.stringContaining('linux-headers-') });
    // Another image with packages of the same version.
    await writeFile(join(dir, 'packages', 'swarm-guard.deb'), 'another one');
    expect((await install({ installed: here, loaded: true, apt: 100 })).exitCode).toBe(100);
    expect((await install({ installed: here, loaded: true })).ran).toMatch(/apt-get .*install/);
    expect((await install({ installed: here, loaded: true })).ran).not.toContain('apt-get');
    // A new kernel: the packages are there, and no module for it.
    const upgraded = await install({ installed: 'installed 0.1.0-1', loaded: true, built: false });
    expect(upgraded.ran).toMatch(/-- apt-get .*install .*linux-headers-/);
    expect(upgraded.ran).toMatch(/-- dkms autoinstall -k \S+\n/);
    // A reboot in the middle of an installation.
    const interrupted = await install({
      installed: '',
      loaded: true,
      interrupted: '/var/lib/dpkg/updates/0001',
    });
    expect(interrupted.ran).toMatch(/-- dpkg .*--configure -a\n[^]*-- apt-get .*install/);
    // An older module stays in use, and the log says so.
    const replaced = await install({ installed: 'installed 0.1.0-1', loaded: true, loadedVersion: 'old' });
    expect(replaced).toMatchObject({
      exitCode: 0,
      all: expect.stringContaining('drain and reboot the node'),
    });
    // The unit of a former pod reads the files that this pod would replace.
    const second = await install({ installed: '', loaded: true, running: true });
    expect(second.all).toContain('waiting for its end');
    expect(second.ran).toMatch(/^(systemctl --quiet is-active swarm-guard-install\.service\n){2}dpkg-query/);
    expect(second.exitCode, second.all).toBe(0);
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
