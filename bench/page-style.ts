/** The style of the benchmarks' page; charts take their colours from it. */
export const STYLE = `
:root { color-scheme: light dark; --fg: #1b1f24; --bg: #ffffff; --quiet: #57606a; --line: #d0d7de; --link: #0550ae;
  --good: #116329; --bad: #a40e26; --target: #a40e26; --ours: #2a78d6; --peer: #b3b9c0;
  --kernel-0: #2a78d6; --kernel-1: #b35c00; --kernel-2: #0f7b62; --kernel-3: #7a4fc0; }
@media (prefers-color-scheme: dark) { :root { --fg: #e6edf3; --bg: #0d1117; --quiet: #9da7b3; --line: #3d444d; --link: #79c0ff;
  --good: #56d364; --bad: #ff7b72; --target: #ff7b72; --ours: #4a94ec; --peer: #5d6671;
  --kernel-0: #4a94ec; --kernel-1: #e08a2e; --kernel-2: #33a989; --kernel-3: #a98be8; } }
body { margin: 0; background: var(--bg); color: var(--fg); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 1.5rem; }
a { color: var(--link); }
h1 { font-size: 1.6rem; } h2 { font-size: 1.3rem; margin-top: 2.5rem; } h3 { font-size: 1.05rem; margin: 1.75rem 0 .5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .75rem; text-align: left; vertical-align: top; }
th { font-weight: 600; } tbody th { font-weight: 400; } td.number, th.number { text-align: right; } td.number { white-space: nowrap; } tbody th { min-width: 16em; }
td.number a { color: inherit; text-decoration-color: var(--line); text-underline-offset: 3px; }
tr:target, dl:target, section:target { outline: 2px solid var(--link); }
.quiet, .note { color: var(--quiet); font-size: .85rem; } .note { overflow-wrap: anywhere; }
.good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
figure { margin: 0 0 1rem; } figcaption { font-weight: 600; margin: 1.25rem 0 .25rem; }
figure svg { max-width: 100%; height: auto; background: none; color: var(--fg); overflow: visible; }
.many { display: grid; grid-template-columns: repeat(auto-fill, minmax(24rem, 1fr)); gap: 1rem; }
.key span { margin-right: 1.25rem; } .key i { display: inline-block; width: .8rem; height: .8rem; margin-right: .4rem; border-radius: 2px; }
details { margin: .5rem 0; } summary { cursor: pointer; }
a:focus-visible, summary:focus-visible, pre:focus-visible, .wide:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
pre { overflow: auto; max-height: 24rem; padding: .75rem; border: 1px solid var(--line); font-size: .8rem; }
`;
