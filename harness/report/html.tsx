/** HTML documents that need no server and nothing from the network. Whatever is put into one is escaped. */
import type { ComponentChildren } from 'preact';
import { renderToString } from 'preact-render-to-string';

/** The parts of a document. */
export interface DocumentParts {
  readonly title: string;
  /** CSS, written as it is: never made of data. */
  readonly style: string;
  /** JavaScript, written as it is: never made of data. */
  readonly script: string;
  readonly children: ComponentChildren;
}

/** A whole document as text. Style and script are all that is not escaped. */
export function htmlDocument({ title, style, script, children }: DocumentParts): string {
  const html = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <link rel="icon" href="data:," />
        <title>{title}</title>
        <style dangerouslySetInnerHTML={{ __html: style }} />
      </head>
      <body>
        <main>{children}</main>
        <script dangerouslySetInnerHTML={{ __html: script }} />
      </body>
    </html>
  );
  return `<!doctype html>\n${renderToString(html)}\n`;
}
