/** The style of the report's page: light, dark, on paper and on a phone. */
export const REPORT_STYLE = `
:root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--soft:#f1f3f5;--line:#c9ced4;--mute:#4d5661;--good:#14612b;--bad:#9c1c1c;--warn:#734d00;--mark:#1d5fbf;--writer:#d98a00;--idle:#8b949e}
@media screen and (prefers-color-scheme:dark){:root{--fg:#e6e9ec;--bg:#14171a;--soft:#1f2429;--line:#3b434b;--mute:#aab4be;--good:#74d28f;--bad:#ff9c94;--warn:#f0c260;--mark:#7fb2ff;--writer:#f0c260;--idle:#626c77}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:70rem;font:1rem/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.2rem;margin:2rem 0 .5rem}h3{font-size:1rem;margin:1.2rem 0 .3rem}p{margin:.4rem 0}ul{margin:.4rem 0;padding-left:1.4rem}a{color:var(--mark)}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;list-style:none;padding:0;margin:1rem 0}
.verdict{border-left:.4rem solid var(--warn);padding:.6rem 1rem;background:var(--soft)}.verdict p{margin:.2rem 0}
.verdict strong{color:var(--warn)}.complete{border-color:var(--good)}.complete strong{color:var(--good)}.bad{border-color:var(--bad)}.bad strong{color:var(--bad)}
.scroll{overflow-x:auto}table{border-collapse:collapse;min-width:100%}
th,td{text-align:left;vertical-align:top;padding:.25rem .6rem;border-bottom:1px solid var(--line)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
th,td{overflow-wrap:break-word}td.text{min-width:11rem;overflow-wrap:anywhere}tbody th{padding-top:.7rem;overflow-wrap:anywhere}.off{color:var(--bad);font-weight:600}.mute{color:var(--mute)}
summary{cursor:pointer;padding:.3rem 0}details:not([open]) summary{margin-bottom:.2rem}
dl{display:grid;grid-template-columns:minmax(8rem,auto) 1fr;gap:.2rem 1rem;margin:.5rem 0}dt{color:var(--mute)}dd{margin:0}dd ul{margin:0;padding-left:1.1rem}
pre{background:var(--soft);padding:.6rem;margin:.4rem 0;white-space:pre-wrap;overflow-wrap:anywhere}code{font-family:ui-monospace,monospace;font-size:.9em}
figure{margin:1rem 0;max-width:40rem}figcaption{font-size:.875rem}svg{width:100%;height:auto;display:block}svg .line{fill:none;stroke:var(--mark);stroke-width:2}svg .axis{stroke:var(--line)}svg rect{shape-rendering:crispEdges}
.work{fill:var(--mark);background:var(--mark)}.writer{fill:var(--writer);background:var(--writer)}.disk{fill:var(--bad);background:var(--bad)}.idle{fill:var(--idle);background:var(--idle)}
.legend{display:flex;flex-wrap:wrap;gap:0 1rem;list-style:none;padding:0;margin:.2rem 0;font-size:.875rem}.legend i{display:inline-block;width:.7rem;height:.7rem;margin-right:.3rem;print-color-adjust:exact;-webkit-print-color-adjust:exact}
@media (max-width:40rem){body{padding:.6rem}th,td{padding:.25rem .35rem}dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}}
@media print{:root{--fg:#000;--soft:#fff;--mute:#333}body{max-width:none;padding:0}nav{display:none}.scroll{overflow:visible}th,td{overflow-wrap:anywhere}h2,h3,summary{break-after:avoid}tr,figure,pre{break-inside:avoid}details::details-content{content-visibility:visible;block-size:auto}}
`
