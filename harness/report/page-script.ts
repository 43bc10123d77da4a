/** The scripts of the results' pages. Without them the pages say the same, but do not sort, filter or count ages. */

/** Moments become ages. */
export const TIMES_SCRIPT = `'use strict';
const units = [[86400, 'd'], [3600, 'h'], [60, 'min']];
for (const time of document.querySelectorAll('time')) {
  const seconds = Math.max(0, (Date.now() - Date.parse(time.dateTime)) / 1000);
  const [size, name] = units.find(([size]) => seconds >= size) ?? [1, 's'];
  const age = Math.floor(seconds / size) + ' ' + name + ' ago';
  time.textContent = time.closest('.past, .banner') ? time.textContent + ' (' + age + ')' : age;
}
`;

/** Opens the element that an address names after its #, and the folds around it. */
export const OPEN_TARGET_SCRIPT = `
const openTarget = () => {
  const at = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!at) return;
  for (let fold = at.closest('details'); fold; fold = fold.parentElement.closest('details')) fold.open = true;
  at.querySelector('details')?.setAttribute('open', '');
  at.scrollIntoView();
};
addEventListener('hashchange', openTarget);
if (location.hash) openTarget();
`;

/** Buttons filter and sort the matrix. */
export const MATRIX_SCRIPT = `
const body = document.querySelector('.matrix tbody');
const rows = () => [...body.rows];
const wanted = () => document.querySelector('button[data-show][aria-pressed=true]')?.dataset.show;
const filter = () => {
  const kernel = document.getElementById('kernel').value.trim().toLowerCase();
  const verdict = wanted();
  for (const row of rows())
    row.hidden = (verdict && row.dataset.verdict !== verdict) || !row.dataset.kernel.toLowerCase().includes(kernel);
  const shown = rows().filter((row) => !row.hidden).length;
  document.getElementById('shown').textContent = shown + ' of ' + rows().length + ' kernels';
};
for (const button of document.querySelectorAll('button[data-show]')) {
  button.addEventListener('click', () => {
    const pressed = button.getAttribute('aria-pressed') !== 'true';
    for (const other of document.querySelectorAll('button[data-show]'))
      other.setAttribute('aria-pressed', String(other === button && pressed));
    filter();
  });
}
document.getElementById('kernel').addEventListener('input', filter);
const worst = ['failed', 'infrastructure', 'none', 'skipped', 'passed'];
const compare = (a, b) => typeof a === 'number' ? a - b : a.localeCompare(b, 'en', { numeric: true });
for (const button of document.querySelectorAll('button[data-sort]')) {
  const column = button.parentElement.cellIndex;
  const keyOf = (row) => column === 0 ? row.dataset.kernel : worst.indexOf(row.cells[column].dataset.verdict);
  button.addEventListener('click', () => {
    const head = button.parentElement;
    const up = head.getAttribute('aria-sort') !== 'ascending';
    for (const other of head.parentElement.cells) other.setAttribute('aria-sort', 'none');
    head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    body.append(...rows().sort((a, b) => compare(keyOf(a), keyOf(b)) * (up ? 1 : -1)));
  });
}
filter();
`;
