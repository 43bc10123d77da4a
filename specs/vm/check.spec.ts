/** The client's check of requests, against the answers of the kernel. */
import fc from 'fast-check';
import { z } from 'zod';
import type { Answer } from '../../client/client.js';
import { checkRequest } from '../../client/policy/check.js';
import { loadPolicy } from '../../client/policy/core.js';
import type { OrderFile, Policy, Refusal } from '../../client/policy/core.js';
import { expect, test } from '../support/fixtures.js';
import type { LoadedGuest } from '../support/loaded-guest.js';
import { buildPolicyWasm } from '../support/policy-wasm.js';
import { tameCreates, tameUpdates } from '../support/requests.js';

test.use({ clearAgents: true });
test.describe.configure({ timeout: 600_000 });

let policy: Policy;

test.beforeAll(async () => {
  test.setTimeout(600_000);
  policy = await loadPolicy(await buildPolicyWasm());
});

const SEED = 18;
/** The first object of each write succeeds, so that no refusal ends the write. */
const FIRST = '{"name":"first"}\n';
/** Objects in a write: the answers that an open file keeps have room for so many. */
const BATCH = 150;

const object = z.record(z.string(), z.unknown());
const PROCESSES = ['spawn', 'pid', 'pidfd'];

/**
 * A text that the kernel answers once, wherever it stands in a stream, and whose answer depends on no process: it
 * neither makes one a member nor stops those of an agent, which has none.
 */
function isOne(text: Uint8Array, accepted: boolean): boolean {
  const [alone] = policy.frames(text);
  const [first, second] = policy.frames(Buffer.concat([text, Buffer.from('\n{}')]));
  // Without its end the kernel waits for more, and takes what follows for it.
  if (alone === undefined || alone.kind === 'unended' || alone.kind !== first?.kind) return false;
  if (second?.kind !== 'object' || second.offset !== text.length + 1) return false;
  if (!accepted) return true;
  const request = object.parse(JSON.parse(Buffer.from(text).toString()));
  return request['frozen'] !== true && !PROCESSES.some((key) => key in request);
}

interface Outcome {
  accepted: number;
  refused: number;
  differences: { text: string; expected: Refusal | undefined; answer: Answer | undefined }[];
}

/** Writes texts to a file, and compares the answer to each with what the check says. */
async function compare(
  guest: LoadedGuest,
  file: OrderFile,
  texts: fc.Arbitrary<Uint8Array>,
  count: number,
  agent?: number,
): Promise<Outcome> {
  const cpus = Number(await guest.sh('nproc'));
  const check = (text: Uint8Array) => checkRequest(file, text, { cpus });
  const all = fc
    .sample(texts, { numRuns: 2 * count, seed: SEED })
    .filter((text) => isOne(text, check(text) === undefined))
    .slice(0, count);
  expect(all).toHaveLength(count);
  const first = agent === undefined ? FIRST : `{"id":${agent},"pids_limit":0}\n`;
  const outcome: Outcome = { accepted: 0, refused: 0, differences: [] };
  for (let at = 0; at < count; at += BATCH) {
    const batch = all.slice(at, at + BATCH);
    const stream = Buffer.concat([Buffer.from(first), ...batch.flatMap((text) => [text, Buffer.from('\n')])]);
    const { answers } = await guest.swarm.write(stream, undefined, file);
    expect(answers.length, `the answers from ${at}`).toBe(batch.length + 1);
    for (const [index, text] of batch.entries()) {
      const [expected, answer] = [check(text), answers[index + 1]];
      if (expected === undefined && answer?.kind === 'created') outcome.accepted += 1;
      else if (expected && answer?.kind === 'refused' && same(expected, answer)) outcome.refused += 1;
      else outcome.differences.push({ text: Buffer.from(text).toString(), expected, answer });
    }
  }
  return outcome;
}

function same(expected: Refusal, answer: Refusal | (Answer & { kind: 'refused' })): boolean {
  return (['error', 'field', 'offset', 'message'] as const).every((key) => expected[key] === answer[key]);
}

test('CLIENT-04: the kernel refuses of ten thousand requests those that the check refuses, in the same words', async ({
  loaded,
}) => {
  const { differences, ...counts } = await compare(loaded, 'create', tameCreates, 10_000);
  expect(differences.slice(0, 5)).toEqual([]);
  expect(Math.min(counts.accepted, counts.refused)).toBeGreaterThan(2000);
});

test('CLIENT-05: the kernel refuses of a thousand updates those that the check refuses, in the same words', async ({
  loaded,
}) => {
  const agent = await loaded.swarm.create({});
  const { differences, ...counts } = await compare(loaded, 'update', tameUpdates(agent), 1000, agent);
  expect(differences.slice(0, 5)).toEqual([]);
  expect(Math.min(counts.accepted, counts.refused)).toBeGreaterThan(200);
});
