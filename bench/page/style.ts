/** The style of the benchmarks' page beyond what all pages share; charts take their colours from it. */
export const STYLE = `
:root { --good: #0a5440; --bad: #a40e26; --ours: #1f6fd0; --peer: #76818d; --track: #e7ebef; --target: #b35c00;
  --kernel-0: #1f6fd0; --kernel-1: #b35c00; --kernel-2: #0f7b62; --kernel-3: #7a4fc0; }
@media (prefers-color-scheme: dark) { :root { --good: #86e5bf; --bad: #ff8f87; --ours: #4a94ec; --peer: #77828e; --track: #262c34; --target: #f0a04b;
  --kernel-0: #4a94ec; --kernel-1: #e08a2e; --kernel-2: #33a989; --kernel-3: #a98be8; } }
main { padding-top: 1rem; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1rem; margin-bottom: .75rem; }
header .quiet { flex: 1 1 20rem; text-align: right; }
.verdict { border-radius: .3rem; padding: .1rem .6rem; font-weight: 600; text-decoration: none; }
.held { background: var(--passed-bg); color: var(--passed-fg); } .missed { background: var(--failed-bg); color: var(--failed-fg); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: .75rem; }
.card { display: flex; flex-direction: column; border: 1px solid var(--line); border-radius: .5rem; background: var(--card); padding: .6rem .9rem .7rem; }
.card h2 { font-size: 1rem; margin: 0; }
.card p { margin: 0; } .card .quiet { font-size: .8rem; line-height: 1.35; }
.answer { font-size: 1rem; } .answer a { font-size: 1.9rem; line-height: 1.25; font-weight: 700; color: inherit; text-decoration: none; }
.answer a:hover { text-decoration: underline; }
.bars { list-style: none; display: grid; grid-template-columns: max-content minmax(3rem, 1fr) max-content; gap: 0 .5rem; margin: .4rem 0; padding: 0; font-size: .8rem; }
.bars li { display: grid; grid-template-columns: subgrid; grid-column: 1 / -1; align-items: center; }
.bars .ours .who, .bars .ours .value { font-weight: 700; }
.value { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.track { position: relative; height: 1.15rem; background: var(--track); }
.track i { position: absolute; }
.bar { top: .2rem; bottom: .2rem; min-width: 2px; background: var(--peer); } .ours .bar { background: var(--ours); }
.whisker { top: 50%; height: 0; border-top: 1.5px solid var(--fg); } .whisker::before, .whisker::after { content: ""; position: absolute; top: -.25rem; height: .4rem; border-left: 1.5px solid var(--fg); } .whisker::after { right: 0; }
.zero { top: 0; bottom: 0; border-left: 1px solid var(--quiet); }
.target { top: 0; bottom: 0; border-left: 2px dashed var(--target); outline: 1px solid var(--card); }
.kept { margin-top: auto; font-size: .8rem; } .kept b { color: var(--good); } .kept.bad b, .kept.bad .value { color: var(--bad); }
.meter { display: grid; grid-template-columns: 1fr max-content; gap: .5rem; align-items: center; }
.meter .bar { background: var(--good); } .bad .meter .bar { background: var(--bad); }
.meter .target { margin-left: -2px; }
.key ul { list-style: none; margin: .4rem 0; padding: 0; font-size: .85rem; } .key li { margin: .2rem 0 .2rem 2rem; text-indent: -2rem; }
.swatch { display: inline-block; width: 1.4rem; height: .7rem; margin-right: .6rem; }
.swatch.ours { background: var(--ours); } .swatch.peer { background: var(--peer); }
.swatch.line { height: 1rem; width: 0; margin: 0 1.25rem -.2rem .7rem; border-left: 2px dashed var(--target); }
.swatch.spread { height: .5rem; border: 1.5px solid var(--fg); border-width: 0 1.5px; background: linear-gradient(var(--fg), var(--fg)) center / 100% 1.5px no-repeat; }
.wide { overflow-x: auto; }
.wide table { min-width: min(44rem, 100%); }
.wide th, .wide td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; overflow-wrap: break-word; }
.wide thead th { font-size: .85rem; vertical-align: bottom; }
.wide tbody th { font-weight: 400; min-width: 14rem; } td.number, th.number { text-align: right; } td.number { white-space: nowrap; }
td.strong { font-weight: 700; }
td.number a { color: inherit; text-decoration-color: var(--line); text-underline-offset: 3px; }
tr:target { outline: 2px solid var(--link); }
.spark polyline { fill: none; stroke: var(--ours); stroke-width: 2; } .spark circle { fill: var(--ours); } .spark .axis { stroke: var(--line); }
.spark { display: block; } #very-many tbody > tr > * { vertical-align: middle; }
.good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; } .kept.good, .kept.bad { color: inherit; font-weight: 400; }
#unfold { font: inherit; padding: .2rem .8rem; border: 1px solid var(--quiet); border-radius: .3rem; background: var(--card); color: var(--fg); cursor: pointer; }
.fold { border: 1px solid var(--line); border-radius: .4rem; margin: .4rem 0; padding: 0 .9rem; }
.fold[open] { padding-bottom: .75rem; }
.fold > summary { padding: .45rem 0; } .fold > summary h2 { display: inline; font-size: 1.05rem; margin: 0 .5rem 0 .2rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(30rem, 1fr)); gap: 0 2rem; }
figure { margin: 0 0 1rem; min-width: 0; } figcaption { font-weight: 600; margin: .75rem 0 .25rem; }
figure svg { max-width: 100%; height: auto; color: var(--fg); overflow: visible; } figure svg text { white-space: pre; }
.many { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1rem; }
.legend span { margin-right: 1.25rem; } .legend i { display: inline-block; width: .8rem; height: .8rem; margin-right: .4rem; border-radius: 2px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; font-size: .85rem; overflow-wrap: anywhere; } dd { margin: 0; }
@media (max-width: 60rem) { .wide { font-size: .85rem; } .wide th, .wide td { padding: .3rem .4rem; } td[data-target] { white-space: normal; } .wide tbody th { min-width: 8rem; } .spark { width: 5rem; } }
@media (max-width: 45rem) { header .quiet { text-align: left; } .charts { grid-template-columns: 1fr; } dl { grid-template-columns: 1fr; } dt { font-weight: 600; } }
`;
