"""The look of a report: one style sheet, for any width and for dark and light."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark;
  --paper: #fff; --card: #f5f7fa; --ink: #1d2330; --soft: #5b6475; --line: #d9dde5;
  --blue: #3b7dd8; --orange: #b8541a; --tint: #3b7dd822;
  --red: #b42318; --red-ground: #fdecea; --amber: #8a5a00; --amber-ground: #fff4dc; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #161a22; --card: #1f242f; --ink: #e6e9f0; --soft: #a3adbf; --line: #39404f;
  --blue: #7fb0f2; --orange: #f0a06a; --tint: #7fb0f222;
  --red: #ff8a80; --red-ground: #3a1a1c; --amber: #f2c063; --amber-ground: #33290f; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main, header, footer, nav { max-width: 76rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 2rem; }
h1 { font-size: clamp(1.5rem, 4vw, 2.2rem); line-height: 1.2; margin: 0; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .4rem; scroll-margin-top: 3.2rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p { max-width: 46rem; margin: .4rem 0; }
.soft, figcaption { color: var(--soft); }
.small { font-size: .875rem; }
.headline { max-width: 60rem; font-size: clamp(1.15rem, 3vw, 1.5rem);
  line-height: 1.35; margin: 1rem 0 .2rem; }
.headline b { color: var(--blue); }
nav { position: sticky; top: 0; z-index: 2; background: var(--paper);
  border-bottom: 1px solid var(--line); display: flex; gap: 1.1rem; overflow-x: auto;
  white-space: nowrap; padding: .55rem 1rem; margin-top: 1rem; scrollbar-width: none; }
nav a { color: var(--soft); text-decoration: none; font-size: .9rem; }
nav a:hover, nav a:focus-visible { color: var(--ink); text-decoration: underline; }
.cards { display: grid; gap: clamp(.4rem, 2vw, .9rem); margin: 1rem 0; max-width: 46rem;
  grid-auto-flow: column; grid-auto-columns: 1fr; }
.card { background: var(--card); border-radius: .7rem; padding: clamp(.6rem, 2.5vw, 1.1rem); }
.card h3 { margin: 0; color: var(--soft); font-weight: 600; white-space: nowrap;
  font-size: clamp(.8rem, 3vw, 1rem); }
.card .big { font-size: clamp(1.5rem, 7vw, 2.3rem); font-weight: 650; line-height: 1.15;
  font-variant-numeric: tabular-nums; }
.track { position: relative; height: .5rem; border-radius: .25rem; background: var(--line);
  margin: .55rem 0 .15rem; }
.track i { position: absolute; top: 0; bottom: 0; border-radius: .25rem; background: var(--blue);
  opacity: .45; }
.track b { position: absolute; top: -.2rem; width: .22rem; height: .9rem; margin-left: -.11rem;
  border-radius: .1rem; background: var(--blue); }
.note { display: flex; gap: .8rem; align-items: flex-start; max-width: 60rem; margin: 1rem 0;
  padding: .8rem 1rem; border-radius: .6rem; border-left: .3rem solid var(--edge);
  background: var(--ground); }
.note svg { flex: none; width: 1.6rem; height: 1.6rem; color: var(--edge); margin-top: .1rem; }
.note b { color: var(--edge); }
.red { --edge: var(--red); --ground: var(--red-ground); }
.amber { --edge: var(--amber); --ground: var(--amber-ground); }
.blue { --edge: var(--blue); --ground: var(--tint); }
audio { height: 2.1rem; width: 15rem; max-width: 100%; vertical-align: middle; }
tr:has(audio) > * { vertical-align: middle; }
meter::-webkit-meter-optimum-value { background: var(--blue); }
meter::-moz-meter-bar { background: var(--blue); }
.wide { overflow-x: auto; max-width: 100%; margin: .6rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .32rem .7rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; vertical-align: bottom; }
thead th { white-space: normal; }
th { color: var(--soft); font-weight: 600; }
th:first-child, td:first-child, .left { text-align: left; }
tbody th { color: var(--ink); font-weight: 500; }
.dense th, .dense td { padding: .3rem .35rem; font-size: .86rem; }
td.bar { background: linear-gradient(to right, var(--tint) var(--w), transparent var(--w)); }
.columns { display: flex; flex-wrap: wrap; gap: .6rem 2.2rem; align-items: flex-start; }
.columns > * { max-width: 100%; }
figure { margin: .6rem 0; width: 30rem; max-width: 100%; }
figure img { width: 100%; height: auto; display: block; }
@media (max-width: 40rem) {
  th, td { padding: .3rem .32rem; font-size: .84rem; } th:first-child { padding-left: 0; }
  tbody th { white-space: normal; }
  .stack, .stack tbody { display: block; } .stack thead { display: none; }
  .stack tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  .stack th { display: block; white-space: normal; overflow-wrap: anywhere; font-weight: 650;
    font-size: .95rem; }
  .stack th, .stack td { border: 0; padding: .05rem 0; }
  .stack td { display: flex; justify-content: space-between; gap: 1rem; background: none;
    font-size: .9rem; white-space: normal; text-align: right; }
  .stack td::before { content: attr(data-name); color: var(--soft); text-align: left; }
  .stack td.none { display: none; }
}
figcaption { font-size: .875rem; }
details { border: 1px solid var(--line); border-radius: .6rem; padding: .5rem .9rem;
  margin: .7rem 0; }
summary { cursor: pointer; font-weight: 600; }
pre { overflow-x: auto; font-size: .82rem; line-height: 1.45; margin: .5rem 0; }
ul { padding-left: 1.2rem; margin: .4rem 0; }
ul.facts { columns: 15rem; max-width: 60rem; }
ul.facts li { break-inside: avoid; }
.data-report dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; }
.data-report dt { color: var(--soft); } .data-report dd { margin: 0; }
.data-report table { display: block; overflow-x: auto; }
footer { color: var(--soft); font-size: .85rem; padding: 2.5rem 1rem; }
@media print { nav { display: none; } h2, figure, .card { break-inside: avoid; } }
"""
