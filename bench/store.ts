/** Results of runs as files: bench/results/<run>/<kernel>/<benchmark>.json, and what they were made from beside them. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { repository } from '../harness.config.js';
import { resultSchema } from './figures.js';

/** The directory of runs; git ignores it, because it belongs to one machine. */
export const RESULTS = join(repository, 'bench/results');

const runFile = z.object({
  startedAt: z.iso.datetime(),
  completedAt: z.iso.datetime().optional(),
  /** The sources, as `git describe` names them. */
  sources: z.string(),
});

export const storedSchema = resultSchema.extend({
  /** The kernel's name in the catalogue. */
  kernelName: z.string(),
  /** Changes with the kernel, the module, its compiler and what measures. */
  content: z.string(),
  /** Names of the files with everything that figures were made from. */
  raw: z.array(z.string()),
});

/** A result as it is kept. */
export type Stored = z.infer<typeof storedSchema>;

/** A run: some benchmarks on some kernels. */
export interface Run extends z.infer<typeof runFile> {
  /** Its directory below {@link RESULTS}. */
  id: string;
  results: Stored[];
}

async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.partial`, text);
  await rename(`${path}.partial`, path);
}

async function readRun(dir: string, id: string): Promise<Run> {
  const about = runFile.parse(JSON.parse(await readFile(join(dir, id, 'run.json'), 'utf8')));
  const results: Stored[] = [];
  const kernels = (await readdir(join(dir, id), { withFileTypes: true })).filter((each) =>
    each.isDirectory(),
  );
  for (const { name } of kernels) {
    const files = (await readdir(join(dir, id, name))).filter((file) => file.endsWith('.json')).sort();
    for (const file of files)
      results.push(storedSchema.parse(JSON.parse(await readFile(join(dir, id, name, file), 'utf8'))));
  }
  return { id, ...about, results };
}

/** All runs that are kept, the oldest first. */
export async function readRuns(dir = RESULTS): Promise<Run[]> {
  if (!existsSync(dir)) return [];
  const ids = (await readdir(dir)).filter((id) => existsSync(join(dir, id, 'run.json'))).sort();
  return Promise.all(ids.map((id) => readRun(dir, id)));
}

/** Begins a run. */
export async function beginRun(sources: string, dir = RESULTS): Promise<Run> {
  const startedAt = new Date().toISOString();
  const id = startedAt.replaceAll(':', '-').replace(/\.\d+Z$/, 'Z');
  await mkdir(join(dir, id), { recursive: true });
  await writeWhole(join(dir, id, 'run.json'), JSON.stringify({ startedAt, sources }, null, 2));
  return { id, startedAt, sources, results: [] };
}

/** Marks a run as complete: the next one begins anew. */
export async function completeRun({ id, startedAt, sources }: Run, dir = RESULTS): Promise<void> {
  const about = { startedAt, completedAt: new Date().toISOString(), sources };
  await writeWhole(join(dir, id, 'run.json'), JSON.stringify(about, null, 2));
}

/** Keeps a result; it is there as soon as all of it is. */
export async function keep(
  run: Run,
  result: Omit<Stored, 'raw'>,
  raw: Readonly<Record<string, string>>,
  dir = RESULTS,
): Promise<Stored> {
  const place = join(dir, run.id, result.kernelName);
  await mkdir(join(place, result.benchmark), { recursive: true });
  const names = Object.keys(raw).sort();
  for (const name of names) await writeFile(join(place, result.benchmark, `${name}.txt`), raw[name] ?? '');
  const stored = storedSchema.parse({ ...result, raw: names });
  await writeWhole(join(place, `${result.benchmark}.json`), `${JSON.stringify(stored, null, 2)}\n`);
  return stored;
}

/** Everything that the figures of a result were made from, by name. */
export async function readRaw(run: Run, result: Stored, dir = RESULTS): Promise<Record<string, string>> {
  const place = join(dir, run.id, result.kernelName, result.benchmark);
  const texts = await Promise.all(result.raw.map((name) => readFile(join(place, `${name}.txt`), 'utf8')));
  return Object.fromEntries(result.raw.map((name, index) => [name, texts[index] ?? '']));
}
