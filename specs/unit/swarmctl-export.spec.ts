/** swarmctl export: the text of a scrape, the endpoint, and the dashboard for it. */
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { execa } from 'execa';
import { z } from 'zod';
import type { Inspection } from '../../client/abi/inspection.js';
import { METRICS } from '../../client/abi/metrics.js';
import { address } from '../../client/cli/commands/export.js';
import { SwarmError } from '../../client/error.js';
import { EXPORTED } from '../../client/export/agents.js';
import { exporter } from '../../client/export/exporter.js';
import { CONTENT_TYPE, escaped, family, joined } from '../../client/export/openmetrics.js';
import { close, serve } from '../../client/export/server.js';
import type { Swarm } from '../../client/swarm.js';
import { repository } from '../../harness.config.js';
import { parseMetrics } from '../support/metrics.js';
import { sshServer } from '../support/ssh-server.js';

const MODULE_TEXT =
  '# TYPE swarm_guard_agents gauge\n# HELP swarm_guard_agents agents that are listed\nswarm_guard_agents 3\n# EOF\n';
const STATUS = 'Active agents: 3\nTotal created: 5\nTotal destroyed: 2\nPolicy violations: 0\n';

/** An agent as far as the exporter looks at it. */
const agent = (id: number, name: string | null, usage: object) => ({ id, name, violations: id, usage });
const AGENTS = [
  agent(4, 'web', { memory: 1048576, cpu_usec: 2_500_000, pids: 3, throttled_usec: 100_000 }),
  agent(7, null, { cpu_usec: 1, pids: 1 }),
  agent(9, 'db', { cpu_usec: 0, pids: 9 }),
];

/** A machine of three agents; only what the exporter calls. */
function machine(): { swarm: Swarm; asked: () => number } {
  let asked = 0;
  const swarm = {
    metrics: async () => {
      asked += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return MODULE_TEXT;
    },
    status: () => Promise.resolve({ active: 3, created: 5, destroyed: 2, violations: 0 }),
    agents: async function* () {
      for (const { id } of AGENTS) yield await Promise.resolve({ id });
    },
    inspectAll: async function* (ids: AsyncIterable<number>) {
      for await (const id of ids) yield AGENTS.find((each) => each.id === id) as unknown as Inspection;
    },
  };
  return { swarm: swarm as unknown as Swarm, asked: () => asked };
}

test('CLI-39: a scrape has the metrics of the module, and of as many agents as were asked for', async () => {
  const { swarm } = machine();
  const scrape = (agents: number) => exporter(() => Promise.resolve(swarm), { agents })();
  const samples = await parseMetrics(await scrape(2));
  expect(Object.fromEntries(samples)).toEqual({
    swarm_guard_agents: 3,
    'swarm_guard_agent_memory_bytes{id=4,name=web}': 1048576,
    'swarm_guard_agent_cpu_seconds_total{id=4,name=web}': 2.5,
    'swarm_guard_agent_cpu_seconds_total{id=7,name=}': 0.000001,
    'swarm_guard_agent_pids{id=4,name=web}': 3,
    'swarm_guard_agent_pids{id=7,name=}': 1,
    'swarm_guard_agent_throttled_seconds_total{id=4,name=web}': 0.1,
    'swarm_guard_agent_violations_total{id=4,name=web}': 4,
    'swarm_guard_agent_violations_total{id=7,name=}': 7,
    swarm_guard_exporter_agents_left_out: 1,
  });
  const none = await parseMetrics(await scrape(0));
  expect(Object.fromEntries(none)).toEqual({
    swarm_guard_agents: 3,
    swarm_guard_exporter_agents_left_out: 3,
  });
  expect((await parseMetrics(await scrape(100))).get('swarm_guard_exporter_agents_left_out')).toBe(0);
  // No name can have such characters today; a label is escaped nevertheless.
  const strange = 'a"b\\c\nd';
  expect(escaped(strange)).toBe('a\\"b\\\\c\\nd');
  const text = family('odd', { type: 'gauge', description: strange }, [
    { labels: { name: strange }, value: 1 },
  ]);
  expect([...(await parseMetrics(joined('# EOF\n', text))).keys()]).toEqual([`odd{name=${strange}}`]);
  expect(() => joined(MODULE_TEXT.slice(0, -6), text)).toThrow(/incomplete/);
});

/** The status, the type and the text of an answer. */
async function get(port: number, path = '/metrics', method = 'GET') {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}

test('CLI-40: the module is asked for one scrape at a time, and an error is a 503', async () => {
  const { swarm, asked } = machine();
  let broken: Error | undefined;
  const connect = () => (broken ? Promise.reject(broken) : Promise.resolve(swarm));
  const server = await serve({ host: '127.0.0.1', port: 0 }, exporter(connect, { agents: 1 }));
  try {
    const { port } = server.address() as { port: number };
    const answers = await Promise.all(Array.from({ length: 20 }, () => get(port)));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 200, type: CONTENT_TYPE });
    // Those that come in while one is under way share it.
    expect(asked()).toBeLessThan(5);
    const before = asked();
    await get(port);
    expect(asked()).toBe(before + 1);

    broken = new SwarmError('ENOENT', '/proc/swarm/status: no such file', { hint: 'load the module' });
    expect(await get(port)).toMatchObject({
      status: 503,
      text: '/proc/swarm/status: no such file; load the module\n',
    });
    broken = undefined;
    expect((await get(port)).status).toBe(200);
    expect((await get(port, '/metrics?x=1')).status).toBe(200);
    expect((await get(port, '/metrics', 'HEAD')).text).toBe('');
    expect((await get(port, '/metrics', 'POST')).status).toBe(405);
    expect((await get(port, '/other')).status).toBe(404);
    expect((await get(port, '/')).text).toContain('/metrics');
    await expect(serve({ host: '127.0.0.1', port }, () => Promise.resolve(''))).rejects.toMatchObject({
      code: 'EADDRINUSE',
      hint: expect.stringContaining('--listen'),
    });
  } finally {
    await close(server);
  }
});

test('CLI-41: swarmctl export says where it listens, and SIGTERM ends it while clients are connected', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'swarmctl-export-'));
  await writeFile(join(directory, 'metrics'), MODULE_TEXT);
  await writeFile(join(directory, 'status'), STATUS);
  await writeFile(join(directory, 'agents'), '');
  const running = execa(
    process.execPath,
    ['--import', 'tsx', 'client/cli/main.ts', '--directory', directory, 'export', '--listen', '127.0.0.1:0'],
    { cwd: repository, reject: false },
  );
  try {
    let said = '';
    running.stderr.on('data', (data: Buffer) => (said += data.toString()));
    await expect.poll(() => said).toContain('/metrics\n');
    const [, port] = /metrics at http:\/\/127\.0\.0\.1:(\d+)\/metrics/.exec(said) ?? [];
    expect((await get(Number(port))).status).toBe(200);
    await rename(join(directory, 'metrics'), join(directory, 'gone'));
    expect(await get(Number(port))).toMatchObject({
      status: 503,
      text: expect.stringContaining('metrics'),
    });
    // A connection that stays open and idle.
    const idle = request({ port, host: '127.0.0.1', path: '/', headers: { connection: 'keep-alive' } });
    idle.on('error', () => undefined);
    idle.end();
    await new Promise((resolve) => idle.once('response', resolve));
    running.kill('SIGTERM');
    const { exitCode, signal, stdout } = await running;
    expect({ exitCode, signal, stdout }).toEqual({ exitCode: 0, signal: undefined, stdout: '' });
  } finally {
    running.kill('SIGKILL');
    await rm(directory, { recursive: true });
  }
});

test('CLI-88: swarmctl --host export answers scrapes again after the connection has ended', async ({}, info) => {
  const home = info.outputPath('home');
  const far = await sshServer(machine().swarm, home);
  const running = execa(
    process.execPath,
    ['--import', 'tsx', 'client/cli/main.ts', '--host', far.host, 'export', '--listen', '127.0.0.1:0'],
    { cwd: repository, reject: false, env: { HOME: home, SSH_AUTH_SOCK: '' } },
  );
  try {
    let said = '';
    running.stderr.on('data', (data: Buffer) => (said += data.toString()));
    await expect.poll(() => said, { timeout: 20_000 }).toContain('/metrics\n');
    const port = Number(/:(\d+)\/metrics/.exec(said)?.[1]);
    for (const connections of [1, 2, 3]) {
      // The scrape that notices may fail, and no other one.
      await expect.poll(async () => (await get(port)).status, { timeout: 20_000 }).toBe(200);
      expect((await get(port)).status).toBe(200);
      expect(far.clients()).toBe(connections);
      far.drop();
    }
  } finally {
    running.kill('SIGKILL');
    far.close();
  }
});

test('CLI-40: --listen takes addresses, and nothing else', () => {
  expect(address('127.0.0.1:9464')).toEqual({ host: '127.0.0.1', port: 9464 });
  expect(address('[::1]:1')).toEqual({ host: '::1', port: 1 });
  expect(address(':9464')).toEqual({ port: 9464 });
  for (const wrong of ['9464', '127.0.0.1', '127.0.0.1:', 'host:65536', '::1:9464', 'a:b:1', '[]:1'])
    expect(() => address(wrong), wrong).toThrow(/HOST:PORT/);
});

const dashboard = z.object({
  panels: z.array(
    z.object({
      id: z.int(),
      type: z.string(),
      gridPos: z.object({ x: z.int(), y: z.int(), w: z.int(), h: z.int() }),
      targets: z.array(z.object({ expr: z.string() })).optional(),
    }),
  ),
  templating: z.object({ list: z.array(z.object({ name: z.string(), definition: z.string().optional() })) }),
});

test('CLI-43: every metric of the dashboard exists, and every metric is on it', async () => {
  const text = await readFile(join(repository, 'docs/grafana/swarm-guard.json'), 'utf8');
  const { panels, templating } = dashboard.parse(JSON.parse(text));
  const asked = [
    ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...templating.list.flatMap(({ definition }) => definition ?? []),
  ];
  const families = { ...METRICS, ...EXPORTED };
  const suffix = { counter: '_total', info: '_info', gauge: '', stateset: '' };
  const sampled = Object.entries(families).map(([name, { type }]) => `${name}${suffix[type]}`);
  // A name, but not the label of a state set, which has the name of the set.
  const used = asked.flatMap((expr) =>
    [...expr.matchAll(/\bswarm_guard_\w+(?![\w]*\s*=)/g)].map(([name]) => name),
  );
  expect(used.filter((name) => !sampled.includes(name))).toEqual([]);
  expect(sampled.filter((name) => !used.includes(name))).toEqual([]);
  // Variables that are used are declared, and no two panels are in the same place.
  const variables = new Set(templating.list.map(({ name }) => name));
  const mentioned = [...text.matchAll(/\$\{?([a-z]\w*)\}?/g)].map(([, name = '']) => name);
  expect(mentioned.filter((name) => !variables.has(name))).toEqual([]);
  const places = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
  );
  expect(new Set(places).size).toBe(places.length);
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
});
