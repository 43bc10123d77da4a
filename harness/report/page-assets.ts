/** The style and the script of the results' pages. */

export const STYLE = `
:root { color-scheme: light dark; --fg: #1b1f24; --bg: #ffffff; --quiet: #57606a; --line: #d0d7de; --link: #0550ae;
  --passed: #116329; --failed: #a40e26; --infrastructure: #6639ba; --skipped: #57606a; --tint: 8%; }
@media (prefers-color-scheme: dark) { :root { --fg: #e6edf3; --bg: #0d1117; --quiet: #9da7b3; --line: #3d444d; --link: #79c0ff;
  --passed: #56d364; --failed: #ff7b72; --infrastructure: #d2a8ff; --skipped: #9da7b3; --tint: 14%; } }
body { margin: 0; background: var(--bg); color: var(--fg); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1.5rem; }
a { color: var(--link); }
h1 { font-size: 1.5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border: 1px solid var(--line); padding: .5rem .75rem; text-align: left; vertical-align: top; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible, a:focus-visible, input:focus-visible, select:focus-visible, pre:focus-visible, summary:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
th[aria-sort=ascending] button::after { content: " ▲"; } th[aria-sort=descending] button::after { content: " ▼"; }
.quiet, .why, .figures, time { color: var(--quiet); font-size: .85rem; font-weight: 400; }
.why { max-width: 22rem; }
time { display: block; }
p time { display: inline; }
.passed { --verdict: var(--passed); } .failed { --verdict: var(--failed); }
.infrastructure { --verdict: var(--infrastructure); } .skipped { --verdict: var(--skipped); }
td[data-verdict]:not(.none) { background: color-mix(in srgb, var(--verdict) var(--tint), var(--bg)); }
td a, .mark { color: var(--verdict); font-weight: 600; }
td a { white-space: nowrap; }
form { display: flex; gap: 1.5rem; margin: 1rem 0; align-items: baseline; flex-wrap: wrap; }
ul.tests { list-style: none; padding: 0; } ul.tests li { border-top: 1px solid var(--line); padding: .35rem 0; }
pre { overflow: auto; max-height: 24rem; padding: .75rem; border: 1px solid var(--line); font-size: .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
`;

export const SCRIPT = `
'use strict';
const units = [[86400, 'd'], [3600, 'h'], [60, 'min']];
for (const time of document.querySelectorAll('time')) {
  const seconds = Math.max(0, (Date.now() - Date.parse(time.dateTime)) / 1000);
  const [size, name] = units.find(([size]) => seconds >= size) ?? [1, 's'];
  time.title = time.textContent;
  time.textContent = Math.floor(seconds / size) + ' ' + name + ' ago';
}
const body = document.querySelector('tbody');
if (body) {
  const rows = () => [...body.rows];
  const filter = () => {
    const verdict = document.getElementById('verdict').value;
    const kernel = document.getElementById('kernel').value.trim().toLowerCase();
    for (const row of rows()) {
      const has = !verdict || row.querySelector('td[data-verdict="' + verdict + '"]');
      row.hidden = !has || !row.dataset.kernel.toLowerCase().includes(kernel);
    }
    const shown = rows().filter((row) => !row.hidden).length;
    document.getElementById('shown').textContent = shown + ' of ' + rows().length + ' kernels';
  };
  document.getElementById('verdict').addEventListener('change', filter);
  document.getElementById('kernel').addEventListener('input', filter);
  document.querySelector('form').addEventListener('submit', (event) => event.preventDefault());
  const worst = ['failed', 'infrastructure', 'none', 'skipped', 'passed'];
  const keyOf = (row, sort) => sort === 'kernel' ? row.dataset.kernel : worst.indexOf(row.cells[Number(sort) + 1].dataset.verdict);
  const compare = (a, b) => typeof a === 'number' ? a - b : a.localeCompare(b, 'en', { numeric: true });
  for (const button of document.querySelectorAll('button[data-sort]')) {
    button.addEventListener('click', () => {
      const head = button.parentElement;
      const up = head.getAttribute('aria-sort') !== 'ascending';
      for (const other of head.parentElement.cells) other.setAttribute('aria-sort', 'none');
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const sorted = rows().sort((a, b) => compare(keyOf(a, button.dataset.sort), keyOf(b, button.dataset.sort)) * (up ? 1 : -1));
      body.append(...sorted);
    });
  }
  filter();
}
`;
