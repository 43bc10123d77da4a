/** The client's package with as many agents as the module takes by default. */
import { drive } from '../support/client/drive.js';
import { expect, test } from '../support/fixtures.js';
import { destroyAll } from '../support/guest.js';
import { NODE_GUEST } from '../support/node-guest.js';

test.use({ guestExtras: NODE_GUEST });

test('CLIENT-52: two hundred thousand agents are made and streamed, with an answer for each in order', async ({
  loaded,
}) => {
  test.setTimeout(7_200_000);
  expect(await drive(loaded, 'many', '200000', 6000)).toEqual({
    kinds: { created: 199_800, refused: 200 },
    seen: 199_800,
    rising: true,
    orderly: true,
  });
  await destroyAll(loaded);
});
