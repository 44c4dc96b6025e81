"""What a sweep leaves: tables, plots and a page that fetches nothing."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from genrewise.training.report import grids
from genrewise.training.report.grids import Cell, Grid, Range
from genrewise.training.report.html import whole_page, write_figures
from genrewise.training.report.pieces import levels_of, pictures, table
from genrewise.training.report.sections import banner
from genrewise.training.sweep_figures import curve_name, curves_of, draw, range_name
from genrewise.training.sweep_spec import toml_text
from genrewise.training.sweep_state import write_state
from genrewise.training.sweep_summary import epochs_of, figure_words, setting_text, value_text

__all__ = ["found_words", "page", "settings_grid", "verdict", "write_sweep"]

#: Values of a setting that a terminal has room for.
MOST_COLUMNS = 3

Report = Mapping[str, Any]
Trial = Mapping[str, Any]


def write_sweep(folder: Path, report: Report) -> Path:
    """Write ``report.json``, ``report.html``, ``report.md``, tables and figures.

    Parameters
    ----------
    folder : Path
        Of the sweep.
    report : mapping
        As of :func:`.sweep_summary.summary`.

    Returns
    -------
    Path
        Of the page.
    """
    vectors = write_figures(folder / "figures", draw(report))
    _write_csv(folder / "table.csv", report)
    shown = settings_grid(report)
    (folder / "table.tex").write_text(grids.latex(shown), encoding="utf-8")
    text = f"# {report['name']}\n\n{found_words(report)}\n\n{grids.markdown(shown)}"
    (folder / "report.md").write_text(text, encoding="utf-8")
    target = folder / "report.html"
    target.write_text(page(report, vectors), encoding="utf-8")
    write_state(folder / "report.json", report)  # the last: where it is, all is
    return target


def _judged(report: Report) -> tuple[str, str]:
    """Level and figure that settings are judged by."""
    _, level, name = report["judge"]["figure"].split("/")
    return level, name


def _write_csv(path: Path, report: Report) -> None:
    """A row a setting; values as in TOML, so that lists and text read back."""
    figures = [f"{level}_{name}" for level in ("window", "clip", "track") for name in _FIGURES]
    head = ["number", *report["keys"], "state", "figure", *figures]
    head += ["low", "high", "best_epoch", "epochs", "minutes", "reason"]
    level, _ = _judged(report)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, head, restval="", lineterminator="\n")
        writer.writeheader()
        for trial in report["trials"]:
            low, high = trial["validation"].get(level, {}).get("interval", ("", ""))
            best, epochs = epochs_of(trial)
            plain = {key: trial[key] for key in ("number", "state", "figure", "minutes", "reason")}
            measured = {
                f"{at}_{name}": scores.get(name)
                for at, scores in trial["validation"].items()
                for name in _FIGURES
            }
            values = {key: toml_text(value) for key, value in trial["settings"].items()}
            more = {"low": low, "high": high, "best_epoch": best, "epochs": epochs}
            writer.writerow(plain | measured | values | more)


#: Figures of a level in the table of a sweep.
_FIGURES = ("accuracy", "macro_f1", "weighted_f1", "nll")


def settings_grid(report: Report, *, brief: bool = False) -> Grid:
    """A row a setting: what was tried, what it is worth on validation, how it ended.

    Parameters
    ----------
    report : mapping
    brief : bool
        Only what fits on a terminal.
    """
    level, name = _judged(report)
    every = (("window", "accuracy"), ("clip", "accuracy"), ("track", "accuracy"))
    others = [at for at, other in every if _has(report, at) and (at, other) != (level, name)]
    others = [] if brief else others
    ranged = name == "accuracy"  # the interval that is known is that of the accuracy
    tried = {} if brief and len(report["keys"]) > MOST_COLUMNS else report["keys"]
    head = ["no", *tried.values(), figure_words(name, level)]
    head += ["95 %"] if ranged else []
    head += [f"accuracy by {at}" for at in others] + ["best epoch"]
    head += [*([] if brief else ["epochs"]), "minutes", "note"]
    rows = []
    for trial in report["trials"]:
        row: list[Cell] = [str(trial["number"])]
        row += [value_text(trial["settings"][key]) for key in tried]
        row += [trial["figure"], *([_range(trial, level)] if ranged else [])]
        row += [trial["validation"].get(at, {}).get("accuracy") for at in others]
        row += [text or None for text in epochs_of(trial)[: 1 if brief else 2]]
        rows.append([*row, f"{trial['minutes']:.1f}", _note(report, trial)])
    return Grid(head, rows, f"{report['name']}, validation, protocol {report['protocol']}")


def _has(report: Report, level: str) -> bool:
    return any(level in trial["validation"] for trial in report["trials"])


def _range(trial: Trial, level: str) -> Range | None:
    interval = trial["validation"].get(level, {}).get("interval")
    return Range(*interval) if interval else None


def _note(report: Report, trial: Trial) -> str:
    """How a trial ended, in a word where it ended as it should."""
    if report["best"] and trial["number"] == report["best"]["number"]:
        return "best"
    return {"done": "", "pruned": "ended early"}.get(trial["state"], str(trial["reason"]))


def found_words(report: Report) -> str:
    """What was found, in a sentence or two of plain text."""
    best = report["best"]
    if best is None:
        return "No setting could be run to its end."
    level, name = _judged(report)
    setting = setting_text(report["keys"], best["settings"])
    words = f"Best of {report['total']} settings: {setting}, validation"
    words += f" {figure_words(name, level)} {best['figure']:.3f}."
    if report["close"]:
        n = len(report["close"])
        words += f" {n} other{'s lie' if n > 1 else ' lies'} within its 95 % interval:"
        words += " the validation part is too small to tell them apart."
    return words


def _head(report: Report) -> str:
    title = escape(report["title"])
    return (
        f"<h1>{escape(report['name'])}</h1>\n<p class=soft>{title}</p>\n"
        f'<p class="headline">{escape(found_words(report))}</p>\n{_beside(report)}{banner(report)}'
    )


def _beside(report: Report) -> str:
    """What the authors found, beside what we did."""
    theirs = report["published"]
    if not theirs["note"]:
        return ""
    source = f" ({escape(theirs['source'])})" if theirs["source"] else ""
    return f'<p class="soft">The authors: “{escape(theirs["note"])}”{source}. {verdict(report)}</p>'


def verdict(report: Report) -> str:
    """Whether our best setting is the authors'; nothing where they name none."""
    if report["agrees"] is None:
        return ""
    words = "So do we" if report["agrees"] else "We find another"
    doubt = ", by less than the validation part can tell" if report["close"] else ""
    return f"{words}{doubt}."


def _curves(report: Report, drawn: Mapping[str, str]) -> str:
    """Loss and accuracy over the epochs, a pair for each network of each setting."""
    parts = []
    for trial in report["trials"]:
        for member in curves_of(trial):
            names = [curve_name(trial["number"], member, k) for k in ("accuracy", "loss")]
            kept = trial["best_epoch"].get(member, 0)
            after = f"; the weights of epoch {kept} were kept (dotted)" if kept else ""
            early = "; ended early" if trial["state"] == "pruned" else ""
            shown = pictures([(name, "") for name in names], drawn)
            parts.append(
                f"<h3>{escape(setting_text(report['keys'], trial['settings']))}</h3>\n"
                f"<p class='soft small'>{escape(member)} {len(trial['history'][member])} epochs"
                f'{after}{early}.</p>\n<div class="columns">{shown}</div>'
            )
    return "<h2>Over the epochs</h2>\n" + "\n".join(parts) if parts else ""


def _settings(report: Report, drawn: Mapping[str, str]) -> str:
    bars = "Bars are 95 % intervals; the" if _judged(report)[1] == "accuracy" else "The"
    figure = pictures([("settings", f"{bars} best in orange.")], drawn)
    ranges = pictures([(range_name(short), "") for short in report["keys"].values()], drawn)
    return (
        f"<h2>Settings</h2>\n{grids.html(settings_grid(report), stack=True)}\n{figure}"
        f'<div class="columns">{ranges}</div>'
    )


def _how(report: Report) -> str:
    """What was fixed, what is ours, what is smaller."""
    search = report["spec"]["search"]
    rows = [
        ["recipe", f'<td class="left">{escape(report["base"])}</td>'],
        ["settings", f'<td class="left">{report["total"]}, {escape(search["sampler"])}</td>'],
        ["judged by", f'<td class="left">{escape(report["judge"]["figure"])}</td>'],
        ["test part", f'<td class="left">{_test_words(report)}</td>'],
        ["minutes", f'<td class="left">{report["minutes"]:.1f}</td>'],
    ]
    lists = [
        f"<h3>{name}</h3><ul>{''.join(f'<li>{escape(line)}</li>' for line in report[key])}</ul>"
        for key, name in (("choices", "Ours, not printed"), ("reductions", "Smaller here"))
        if report[key]
    ]
    notes = f"<p>{escape(report['notes'])}</p>" if report["notes"] else ""
    return f"<h2>How</h2>\n{notes}{table(['', ''], rows)}{''.join(lists)}"


def _test_words(report: Report) -> str:
    return "opened once, for the best setting" if report["test"] else "not opened"


def _test(report: Report) -> str:
    """Figures of the winner on the test part."""
    if not report["test"]:
        return ""
    rows: list[list[Cell]] = [
        [level, s["n"], s["accuracy"], Range(*s["interval"]), s["macro_f1"], s["weighted_f1"]]
        for level, s in levels_of(report["test"]).items()
    ]
    head = ["level", "n", "accuracy", "95 %", "macro F1", "weighted F1"]
    return f"<h2>The best setting on the test part</h2>\n{grids.html(Grid(head, rows))}"


def _spec(report: Report) -> str:
    text = json.dumps({"sweep": report["spec"], "recipe": report["recipe"]}, indent=1)
    return (
        "<h2>Environment</h2>\n<details><summary>Sweep and recipe, as resolved</summary>"
        f"<pre>{escape(text)}</pre></details>\n"
        f"<pre>{escape(json.dumps(report.get('environment', {}), indent=1))}</pre>"
    )


def page(report: Report, drawn: Mapping[str, str]) -> str:
    """The whole page.

    Parameters
    ----------
    report : mapping
    drawn : mapping of str to str
        Figures of :func:`.sweep_figures.draw` as SVG.
    """
    parts = [
        ("settings", "Settings", _settings(report, drawn)),
        ("test", "Test", _test(report)),
        ("curves", "Curves", _curves(report, drawn)),
        ("how", "How", _how(report)),
        ("environment", "Environment", _spec(report)),
    ]
    return whole_page(report["name"], _head(report), parts, "report.json and table.csv")
