/** Metrics, as somebody else's parser reads them. */
import { z } from 'zod';
import { runInRoot, toolRoot } from '../../harness/archive/tool-root.js';

const PARSER = `
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
samples = {}
for family in text_string_to_metric_families(sys.stdin.read()):
    for sample in family.samples:
        labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
        samples[sample.name + ("{" + labels + "}" if labels else "")] = sample.value
json.dump(samples, sys.stdout)
`;

/**
 * Samples by name and labels, as the reference parser of OpenMetrics (prometheus_client) reads them.
 * @throws with what the parser says where it is no OpenMetrics.
 */
export async function parseMetrics(text: string): Promise<Map<string, number>> {
  const { exitCode, stdout, output } = await runInRoot(await toolRoot(), ['python3', '-c', PARSER], {
    input: text,
  });
  if (exitCode !== 0) throw new Error(output);
  return new Map(Object.entries(z.record(z.string(), z.number()).parse(JSON.parse(stdout))));
}
