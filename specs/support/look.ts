/** A reader's view of a page: all that is visible, and all that is reachable without a mouse. */
import type { Page } from '@playwright/test';

/** A colour's relative luminance, by WCAG's definition; computed colours are all of the form rgb(1, 2, 3). */
function luminance(colour: string): number {
  const [, ...parts] = /^rgb\((\d+), (\d+), (\d+)\)$/.exec(colour) ?? [];
  if (parts.length !== 3) throw new Error(`${colour} is no plain colour`);
  const [r = 0, g = 0, b = 0] = parts
    .map((part) => Number(part) / 255)
    .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** The ratio of contrast of two colours, from 1 to 21. */
function contrast(one: string, other: string): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/**
 * The lowest ratio of contrast between what is seen and what is behind it, and where it is.
 * @param graphics elements that are seen by their backgrounds; texts unless told otherwise
 */
export async function lowestContrast(page: Page, graphics = ''): Promise<[number, string]> {
  const seen = await page.evaluate((selector) => {
    const has = (element: Element) =>
      [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim());
    const found = [...document.querySelectorAll(selector || 'body *')]
      .filter((each) => each.checkVisibility())
      .filter((each) => selector || has(each));
    return found.map((each): [string, string, string] => {
      const { color, fill, backgroundColor } = getComputedStyle(each);
      const own = each instanceof SVGElement ? fill : color;
      let at: Element | null = selector ? each.parentElement : each;
      while (at && getComputedStyle(at).backgroundColor === 'rgba(0, 0, 0, 0)') at = at.parentElement;
      const behind = at ? getComputedStyle(at).backgroundColor : 'rgb(255, 255, 255)';
      return [selector ? backgroundColor : own, behind, each.outerHTML.slice(0, 80)];
    });
  }, graphics);
  const ratios = seen.map(([own, behind, html]): [number, string] => [contrast(own, behind), html]);
  return ratios.sort(([a], [b]) => a - b)[0] ?? [0, 'nothing is seen'];
}

/** The elements that are wider than their place: the page itself, or any part of it that scrolls sideways. */
export function tooWide(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('*')]
      .filter((each) => each === document.documentElement || getComputedStyle(each).overflowX !== 'visible')
      .filter((each) => !['hidden', 'clip'].includes(getComputedStyle(each).overflowX))
      .filter((each) => each.scrollWidth > each.clientWidth && each.clientWidth > 0)
      .map((each) => `${each.outerHTML.slice(0, 80)}: ${each.scrollWidth} > ${each.clientWidth}`),
  );
}

/** Texts that are cut off without being told so. */
export function cutOff(page: Page, selector: string): Promise<string[]> {
  return page
    .locator(selector)
    .evaluateAll((all) =>
      all.filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.textContent),
    );
}

/** The element that has the keyboard's focus. */
interface Focused {
  /** The beginning of its HTML. */
  html: string;
  /** Is it seen that it has the focus? */
  outlined: boolean;
}

/** The number of elements that the keyboard can reach, as far as they are visible. */
function waiting(page: Page): Promise<number> {
  return page
    .locator('a[href], button, input, summary, [tabindex="0"]')
    .evaluateAll((all) => all.filter((each) => each.checkVisibility()).length);
}

/**
 * Goes through a page with the tabulator, from its beginning to its end.
 * @param visit is called at each stop
 * @returns every stop, in their order
 * @throws if a stop is missing
 */
export async function tabThrough(
  page: Page,
  visit: () => Promise<void> = async () => {},
): Promise<Focused[]> {
  await page.evaluate(() => {
    (document.activeElement as HTMLElement | null)?.blur();
    scrollTo(0, 0);
  });
  const stops: Focused[] = [];
  for (;;) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(() => {
      const at = document.activeElement;
      if (!at || at === document.body) return undefined;
      const { outlineStyle, outlineWidth } = getComputedStyle(at);
      return { html: at.outerHTML.slice(0, 80), outlined: outlineStyle !== 'none' && outlineWidth !== '0px' };
    });
    if (!stop) break;
    stops.push(stop);
    await visit();
  }
  const expected = await waiting(page);
  if (stops.length !== expected) throw new Error(`${stops.length} stops, but ${expected} elements`);
  return stops;
}

/**
 * Opens every fold of a page with the keyboard, the outer ones first.
 * @returns those that stayed closed, or do not show that they have the focus
 */
export async function openFolds(page: Page): Promise<string[]> {
  const stuck: string[] = [];
  const closed = page.locator('details:not([open]):not([data-tried]) > summary:visible');
  for (;;) {
    const summary = closed.first();
    if ((await closed.count()) === 0) return stuck;
    await summary.focus();
    await page.keyboard.press('Enter');
    const failed = await page.evaluate(() => {
      const at = document.activeElement;
      const fold = at?.parentElement;
      if (!at || !(fold instanceof HTMLDetailsElement)) return 'no summary has the focus';
      fold.dataset['tried'] = '';
      return fold.open && getComputedStyle(at).outlineStyle !== 'none' ? '' : at.textContent;
    });
    if (failed) stuck.push(failed);
    if (stuck.length > 9) return stuck;
  }
}
