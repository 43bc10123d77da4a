/** The styles of the results' pages, beyond what all pages share. */

/** The style that the matrix and the page of a cell share. */
export const RESULTS_STYLE = `
.passed { --verdict-bg: var(--passed-bg); --verdict-fg: var(--passed-fg); }
.failed { --verdict-bg: var(--failed-bg); --verdict-fg: var(--failed-fg); }
.infrastructure { --verdict-bg: var(--infrastructure-bg); --verdict-fg: var(--infrastructure-fg); }
.skipped { --verdict-bg: var(--skipped-bg); --verdict-fg: var(--skipped-fg); }
.mark, .chip { background: var(--verdict-bg); color: var(--verdict-fg); border-radius: .25rem; padding: 0 .4rem; font-weight: 600; }
.mark { display: inline-block; min-width: 1.6em; text-align: center; }
.chip { font-size: .85rem; white-space: nowrap; }
`;

/** The style of the matrix. */
export const MATRIX_STYLE = `
.tallies { display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: center; margin: .75rem 0; }
.tallies button, .tallies a { display: inline-flex; align-items: baseline; gap: .5rem; padding: .2rem .9rem; border: 2px solid transparent; border-radius: .5rem; background: var(--verdict-bg); color: var(--verdict-fg); font: inherit; text-decoration: none; cursor: pointer; }
.tallies b { font-size: 1.75rem; }
.tallies button[aria-pressed=true] { border-color: var(--fg); box-shadow: inset 0 0 0 2px var(--bg); }
.tallies label { margin-left: auto; }
.tallies input { font: inherit; width: 9rem; padding: .2rem .4rem; border: 1px solid var(--quiet); border-radius: .25rem; background: var(--bg); color: var(--fg); }
.problem summary { display: grid; grid-template-columns: auto 1fr; column-gap: .5rem; }
.problem summary::before { content: "▸"; grid-row: 1 / 3; }
.problem[open] summary::before { content: "▾"; }
.what { line-height: 1.6; } .what strong { margin: 0 .25rem; }
.problem, .rest { border: 1px solid var(--line); border-left: .4rem solid var(--failed-bg); background: var(--card); padding: .4rem .75rem; margin: .35rem 0; overflow-wrap: anywhere; }
.problem[data-verdict=infrastructure] { border-left-color: var(--infrastructure-bg); }
.rest { border-left-width: 1px; }
.problem ul { margin: .25rem 0; padding-left: 1.25rem; }
.why { font-family: ui-monospace, monospace; font-size: .85rem; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
details[open] > summary .why { display: none; }
.matrix { width: 100%; margin-top: 1rem; }
.matrix th, .matrix td { border: 1px solid var(--line); padding: .4rem .6rem; }
.matrix th:first-child { width: 19rem; }
.matrix thead th { background: var(--card); }
.matrix thead button { all: unset; cursor: pointer; font-weight: 600; font-size: 1.1rem; }
.matrix thead button:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
[aria-sort=ascending] button::after { content: " ▲"; } [aria-sort=descending] button::after { content: " ▼"; }
.kernel { font-size: 1.5rem; line-height: 1.2; font-weight: 700; margin-right: .4rem; overflow-wrap: anywhere; }
.matrix td { position: relative; background: var(--verdict-bg); color: var(--verdict-fg); }
.matrix td.part { outline: 1px dashed var(--verdict-fg); outline-offset: -3px; }
.matrix td > .figures { display: flex; flex-wrap: wrap; align-items: center; gap: 0 .6rem; }
.figures > a { color: inherit; font-size: 1.75rem; line-height: 1.2; font-weight: 700; text-decoration: none; white-space: nowrap; }
.figures > a:hover { text-decoration: underline; }
td :focus-visible { outline-color: currentColor; }
.small { font-size: .8rem; line-height: 1.35; }
.history a { display: inline-flex; gap: 2px; text-decoration: none; }
.history i { display: inline-block; width: 1.05rem; height: 1.05rem; line-height: 1.05rem; text-align: center; font-style: normal; font-size: .7rem; font-weight: 700; border-radius: 2px; background: var(--verdict-bg); color: var(--verdict-fg); box-shadow: inset 0 0 0 1px var(--verdict-fg); }
.history i.part { box-shadow: none; outline: 1px dashed var(--verdict-fg); outline-offset: -1px; }
.history ul { display: none; position: absolute; z-index: 1; right: .25rem; top: 100%; margin: 0; padding: .5rem .75rem; list-style: none; width: max-content; max-width: 19rem; border: 1px solid var(--quiet); border-radius: .25rem; background: var(--bg); color: var(--fg); font-size: .8rem; box-shadow: 0 4px 16px #0004; }
.history a:hover + ul, .history a:focus-visible + ul { display: block; }
@media (max-width: 60rem) {
  .matrix, .matrix tbody, .matrix tr, .matrix th, .matrix td { display: block; }
  .matrix thead { display: none; }
  .matrix tr { margin-bottom: 1rem; }
  .matrix tr[hidden], .matrix td.none { display: none; }
  .matrix th:first-child { width: auto; background: var(--card); }
  .matrix td { border-top: 0; }
  .matrix td::before { content: attr(data-suite); font-weight: 600; }
  .history ul { right: auto; left: .5rem; }
  .tallies label { margin-left: 0; }
}
`;

/** The style of a cell's page. */
export const CELL_STYLE = `
.banner { background: var(--verdict-bg); color: var(--verdict-fg); border-radius: .5rem; padding: .4rem 1rem; }
.banner b { font-size: 1.75rem; margin-right: .5rem; }
ul.tests { list-style: none; margin: 0; padding: 0; }
ul.tests li { border-top: 1px solid var(--line); padding: .35rem 0; overflow-wrap: anywhere; }
li:target { outline: 3px solid var(--link); outline-offset: 2px; }
.reason { margin-left: 2.1rem; }
.passes h2 { display: inline-block; }
.past { width: 100%; }
.past td:last-child { width: 45%; overflow-wrap: anywhere; }
.past th, .past td { border-bottom: 1px solid var(--line); padding: .35rem .75rem .35rem 0; }
.past .number { text-align: right; white-space: nowrap; }
.past th, .past td:nth-child(-n+4) { white-space: nowrap; overflow-wrap: normal; }
@media (max-width: 60rem) { .past, .past tbody, .past tr, .past td { display: block; } .past thead { display: none; } .past td:nth-child(n) { width: auto; border: 0; padding: .1rem 0; text-align: left; white-space: normal; } .past tr { border-bottom: 1px solid var(--line); padding: .4rem 0; } .past .number { text-align: left; } }
`;
