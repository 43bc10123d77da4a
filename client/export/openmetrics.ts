/** OpenMetrics text: https://prometheus.io/docs/specs/om/open_metrics_spec/. */

/** The content type of the answer to a scrape. */
export const CONTENT_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** The last line of an exposition. */
const END = '# EOF\n';

/** A family of metrics. The unit, if there is one, ends the name. */
export interface Family {
  readonly type: 'gauge' | 'counter';
  readonly unit?: string;
  readonly description: string;
}

/** A value of a family, with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Text between quotation marks, or of HELP: backslashes, quotation marks and newlines are escaped. */
export function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function sample(name: string, { labels, value }: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
}

/** The lines of a family, its samples together. */
export function family(
  name: string,
  { type, unit, description }: Family,
  samples: readonly Sample[],
): string {
  const sampled = type === 'counter' ? `${name}_total` : name;
  return [
    `# TYPE ${name} ${type}\n`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}\n`]),
    `# HELP ${name} ${escaped(description)}\n`,
    ...samples.map((each) => sample(sampled, each)),
  ].join('');
}

/**
 * One exposition of several texts, of which the first is one already.
 * @throws Error if it is none.
 */
export function joined(exposition: string, ...families: readonly string[]): string {
  if (!exposition.endsWith(END)) throw new Error('the metrics of the module are incomplete');
  return [exposition.slice(0, -END.length), ...families, END].join('');
}
