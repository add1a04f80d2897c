#pragma once

#include <string_view>

namespace pgbackfill::tools {

/// The style sheet of the report: light and dark, on screen and on paper.
inline constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #5b6470; --paper: #fff; --rule: #d7dce2;
  --one: #1f6feb; --two: #c2570c; --shade: #f2c94c66; --bad: #c62828; --good: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --dim: #9aa4b0; --paper: #14171b;
  --rule: #363d46; --one: #6cabff; --two: #f0914a; --shade: #8a6d1a66; --bad: #ff7b72;
  --good: #56d364; } }
body { margin: 2rem auto; padding: 0 1rem; max-width: 72rem; color: var(--ink);
  background: var(--paper); font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; border-bottom: 1px solid var(--rule); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0;
  border-bottom: 1px solid var(--rule); overflow-wrap: anywhere; min-width: 2.2rem; }
th { color: var(--dim); font-weight: 600; white-space: nowrap; }
th.n, td.n { text-align: right; white-space: nowrap; overflow-wrap: normal; }
td:first-child { min-width: 8rem; }
figure { margin: 0 0 1rem; break-inside: avoid; }
figcaption { color: var(--dim); margin: .4rem 0 .1rem; }
svg { width: 100%; height: auto; max-width: 52rem; font: 11px system-ui, sans-serif; }
svg text { fill: var(--dim); }
.grid { stroke: var(--rule); }
.pause { stroke: var(--dim); stroke-dasharray: 3 3; }
.shade { fill: var(--shade); }
.bar { fill: var(--one); }
rect.bad { fill: var(--bad); }
.s1, .s2 { fill: none; stroke-width: 1.5; stroke: var(--one); }
.s2 { stroke: var(--two); }
.k1 { color: var(--one); }
.k2 { color: var(--two); }
.bad { color: var(--bad); }
.good { color: var(--good); }
.dim, footer { color: var(--dim); }
footer { margin-top: 2rem; font-size: .85rem; }
@media print { @page { margin: 15mm; } body { margin: 0; max-width: none; font-size: 10pt; }
  svg { max-width: 100%; } .wide { overflow: visible; } tr, figure { break-inside: avoid; }
  h2 { break-after: avoid; } * { print-color-adjust: exact; } }
)css";

}  // namespace pgbackfill::tools
