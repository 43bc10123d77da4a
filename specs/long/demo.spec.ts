/** The demonstration, in a guest that is not as it should be. */
import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { Show } from '../support/demo/show.js';
import { demonstrate } from '../support/demo/steps.js';
import { expect, test } from '../support/fixtures.js';

test('DEMO-04: the demonstration counts what differs', async ({ booted, module }) => {
  // A guest whose device looks open, although it is not.
  await booted.writeFile('/usr/local/bin/attempt', '#!/bin/sh\necho $1 ok\n', '755');
  let shown = '';
  const show = new Show(
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        shown += stripVTControlCharacters(chunk.toString());
        done();
      },
    }),
  );
  await demonstrate(show, booted, module);
  expect(show.end()).toBe(false);
  expect(shown).toMatch(/✘ opening a device +expected read EPERM, seen read ok/);
  expect(shown).toMatch(/[1-9] differences from what was expected: 11 steps in \d+ s\n$/);
});
