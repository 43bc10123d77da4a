/**
 * The style that all pages share: colours for light and dark, type, tables and folds. Text has a contrast of at
 * least 4.5 to what is behind it. Verdicts differ in lightness and in their marks too, not by hue alone.
 */
export const BASE_STYLE = `
:root { color-scheme: light dark;
  --fg: #1b1f24; --bg: #ffffff; --card: #f6f8fa; --quiet: #545d67; --line: #d0d7de; --link: #0550ae;
  --passed-bg: #dff3ea; --passed-fg: #0a5440; --failed-bg: #b42318; --failed-fg: #ffffff;
  --infrastructure-bg: #ffe9ad; --infrastructure-fg: #5c3c00; --skipped-bg: #eceff2; --skipped-fg: #4b535c; }
@media (prefers-color-scheme: dark) { :root {
  --fg: #e6edf3; --bg: #0d1117; --card: #161b22; --quiet: #9da7b3; --line: #3d444d; --link: #79c0ff;
  --passed-bg: #10342a; --passed-fg: #86e5bf; --failed-bg: #c5291d; --failed-fg: #ffffff;
  --infrastructure-bg: #443507; --infrastructure-fg: #ffd666; --skipped-bg: #21262d; --skipped-fg: #aab4bf; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--fg); font: 16px/1.45 system-ui, sans-serif; overflow-wrap: break-word; }
main { max-width: 88rem; margin: 0 auto; padding: 1.25rem 1.5rem 3rem; }
a { color: var(--link); }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.25rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p { margin: .5rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; }
.quiet { color: var(--quiet); font-size: .85rem; font-weight: 400; }
summary { cursor: pointer; }
pre { overflow: auto; max-height: 24rem; margin: .5rem 0; padding: .75rem; border: 1px solid var(--line); background: var(--bg); color: var(--fg); font-size: .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
`;
