import { expect, test } from '@playwright/test';

let made = false;

test('makes what another one needs', () => {
  made = true;
});

test('needs what another one has made', () => {
  expect(made).toBe(true);
});

test('needs nothing', () => undefined);
