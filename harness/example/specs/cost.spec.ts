import { countCall, test } from 'kmod-harness';

// Instructions are counted, exactly: one emulated processor.
test.use({ guestExtras: { mode: 'counted', findMemoryErrors: false } });

test('a greeting costs no more than its budget', async ({ guest, loaded, budget }) => {
  test.info().annotations.push({ type: 'module', description: loaded.name });
  const { least } = await countCall(guest, ['read', '/dev/hello', 64]);
  await budget('read', least);
});
