"""``genrewise evaluate``: a model on labelled music, alone or against another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from genrewise.cli.options import complete_models, names, no_colour_option
from genrewise.cli.output import Progress, json_text, ready_stdout, say, table
from genrewise.cli.runs import TITLES, level_rows

__all__ = ["evaluate"]

#: Columns of the figures by level; the last is that of a set's tracks.
LEVELS = ("set", *TITLES[1:], "at 5 % wrong")


def _pairs(_ctx: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    pairs = dict(item.partition("=")[::2] for item in value)
    for ours, theirs in pairs.items():
        if not ours or not theirs:
            raise click.BadParameter("expected LABEL=LABEL, such as rap=hiphop")
    return pairs


def _complete_damages(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of damages that begin with what was typed."""
    from genrewise.training.damages import DAMAGES

    return [CompletionItem(name) for name in DAMAGES if name.startswith(incomplete)]


def _interval(pair: Sequence[float]) -> str:
    return "–".join(f"{edge:.3f}" for edge in pair)


def _range(pair: Sequence[float]) -> str:
    """An interval of a difference."""
    return " to ".join(map(_signed, pair))


def _signed(value: float) -> str:
    return f"{round(value, 3) + 0.0:+.3f}"  # no minus before a nought


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _show_levels(sets: Sequence[Mapping[str, Any]]) -> None:
    """Figures by level, a few rows a data set; a second model's below the first's."""
    rows = []
    for one in sets:
        found = [(one["dataset"], one)]
        if "against" in one:
            found.append((one["against"]["model"], one["against"]["scores"]))
        for name, scores in found:
            share = scores.get("track", {}).get("answered_at_5_percent_wrong", 0.0)
            rows += [
                (*row, f"{share:.0%}" if row[1] == "track" else "")
                for row in level_rows(name, scores)
            ]
    if rows:  # strangers alone have no figures
        table(LEVELS, rows, right=tuple(range(2, len(LEVELS))))


def _show_strangers(title: str, found: Mapping[str, Any]) -> None:
    """What became of clips whose label the model does not know."""
    everything = [*found["per_label"].items(), ("all", found)]
    rows = [
        (
            label,
            str(one["n"]),
            str(one["groups"]),
            str(one["n_answered"]),
            _share(one["answered"]),
            _interval(one["interval"]) if "interval" in one else "",
            ", ".join(f"{genre} {n}" for genre, n in one["taken_for"].items()),
        )
        for label, one in everything
    ]
    titles = (title, "n", "groups", "answered", "share", "95 % interval", "taken for")
    table(titles, rows, right=range(1, 6))


def _strange(
    report: Mapping[str, Any], sets: Sequence[Mapping[str, Any]]
) -> list[tuple[str, Mapping[str, Any]]]:
    """Blocks on strangers and their titles: of each set, of a second model, of all sets."""
    found = []
    for one in sets:
        title = f"outside, {one['dataset']}"
        second = one.get("against", {})
        found.append((title, one))
        found.append((f"{title}, {second.get('model')}", second.get("scores", {})))
    if len(sets) > 1:
        found.append(("outside, all sets", report))
    return [(title, one["strangers"]) for title, one in found if "strangers" in one]


def _show_falls(falls: Sequence[Mapping[str, Any]]) -> None:
    """Recall of each genre in the first data set and in the others, and what is lost."""
    for one in falls:
        if not one["genres"]:
            say(f"{one['first']} and {one['other']} have no genre in common")
            continue
        rows = [
            (
                genre,
                str(row["n"][0]),
                str(row["n"][1]),
                *(f"{row[key]:.3f}" for key in ("first", "other")),
                _signed(row["fall"]),
                "",
            )
            for genre, row in one["genres"].items()
        ]
        mean = one["mean"]
        last = [f"{mean[key]:.3f}" for key in ("first", "other")]
        rows.append(("mean", "", "", *last, _signed(mean["fall"]), _range(mean["interval"])))
        first, other = one["first"], one["other"]
        titles = ("recall", f"n {first}", f"n {other}", first, other, "fall", "95 % interval")
        _gap()
        table(titles, rows, right=range(1, len(titles)))


def _show_against(one: Mapping[str, Any]) -> None:
    """Two models on the same clips and tracks."""
    found = one["against"]
    _gap()
    rows = [
        (
            level,
            str(s["n"]),
            *(str(s[key]) for key in ("both", "only_a", "only_b", "neither")),
            _signed(s["difference"]),
            _range(s["interval"]),
            f"{s['p']:.2g}",
        )
        for level, s in ((level, found[level]) for level in ("clip", "track"))
    ]
    titles = (
        f"A − B, {one['dataset']}",
        "n",
        "both",
        "only A",
        "only B",
        "neither",
        "difference",
        "95 %",
        "p",
    )
    table(titles, rows, right=range(1, len(titles)))
    say(f"A: {one['model']}; B: {found['model']}; p: McNemar's exact test")


def _show_robustness(one: Mapping[str, Any]) -> None:
    """One row a damage."""
    from genrewise.training.report.evaluation import OVER

    _gap()
    rows = [
        (
            row["damage"],
            str(row["n"]),
            f"{row['accuracy']:.3f}",
            _interval(row["interval"]),
            _signed(row["change"]),
            _range(row["change_interval"]),
            OVER if row["lost_more"] else "",
            f"{row['answered']:.0%}",
            _share(row["right_when_answered"]),
            _signed(row["truth"]),
            f"{row['changed']:.0%}",
        )
        for row in one["robustness"]["rows"]
    ]
    titles = (
        f"{one['dataset']}, damaged",
        "n",
        "accuracy",
        "95 % interval",
        "change",
        "95 % interval",
        "lost",
        "answered",
        "right",
        "p(truth)",
        "other answer",
    )
    table(titles, rows, right=range(1, len(titles)))
    if one["robustness"]["summary"]:
        say(f"{one['dataset']}: {one['robustness']['summary']}")
    for name in one["robustness"]["untouched"]:
        say(f"{name}: changes none of these files")


def _gap() -> None:
    ready_stdout().write("\n")


def _show(report: Mapping[str, Any], sets: Sequence[Mapping[str, Any]]) -> None:
    """All tables on standard output."""
    _show_levels(sets)
    for k, (title, found) in enumerate(_strange(report, sets)):
        if k or any("track" in one for one in sets):
            _gap()
        _show_strangers(title, found)
    _show_falls(report.get("falls", ()))
    for one in sets:
        if "clip" in one.get("against", {}):
            _show_against(one)
        if "robustness" in one:
            _show_robustness(one)


def _tell(sets: Sequence[Mapping[str, Any]]) -> int:
    """Say what became of labels and files; the exit code."""
    failed = False
    for one in sets:
        for line in one["warnings"]:
            say(f"warning: {line}")
        for label, name in one["repaired"].items():
            say(f"{label} is taken for {name}")
        for label, name in one["taken"].items():
            say(f"left out: {label}; another label is {name} already. Both: --map {label}={name}")
        for label in one["left_out"]:
            say(f"left out: {label}, as the map says")
        heard = one.get("strangers", {}).get("per_label", {})
        for label in one["outside"]:
            if label not in heard:
                say(f"left out: {label}, which the model does not know")
        lost = [*one["failed"], *one.get("robustness", {}).get("failed", ())]
        for path, reason in dict.fromkeys(map(tuple, lost)):
            say(f"{path}: {reason}")
        failed = failed or bool(lost)
    return int(failed)


@click.command()
@click.argument("model", metavar="NAME|FILE", shell_complete=complete_models)
@click.argument("sources", metavar="FOLDER|MANIFEST|NAME...", nargs=-1, required=True)
@click.option(
    "--against",
    default="",
    metavar="NAME|FILE",
    shell_complete=complete_models,
    help="A second model on the same clips: McNemar's exact test, and the difference.",
)
@click.option(
    "--robustness",
    is_flag=True,
    help="Also with damaged audio: mp3, Opus, softer, telephone, noise, faster, higher, cut, …",
)
@click.option(
    "--damage",
    "damages",
    multiple=True,
    metavar="NAME",
    shell_complete=_complete_damages,
    help="With this damage only, by the name of its row; may be given again.",
)
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="A=B",
    callback=_pairs,
    help="Label A of the music is label B of the model.",
)
@click.option(
    "--map-file",
    default="",
    metavar="FILE",
    help="Many of these: CSV with the columns label and model, or TOML; empty leaves out.",
)
@click.option(
    "--part",
    default="",
    type=click.Choice(["", "train", "valid", "test"]),
    metavar="PART",
    help="Only items of this part of the data set's own split: train, valid or test.",
)
@click.option("--labels", default="", metavar="A,B,…", callback=names, help="These genres only.")
@click.option("--restrict", is_flag=True, help="Choose among the data set's labels only.")
@click.option(
    "--outside",
    is_flag=True,
    help="Also the clips of labels that the model does not know: “unknown” is right for them.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=None,
    metavar="N",
    help="N clips of each data set at the most, spread evenly over genres and groups; with"
    " --outside also N outside.",
)
@click.option("--group-by", default="", metavar="RULE", help="What the interval resamples.")
@click.option(
    "-o",
    "--out",
    default=None,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for report.html, report.json, predictions.csv and table.tex.",
)
@click.option("--workers", type=click.IntRange(0), default=0, metavar="N", help="0: one a CPU.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@no_colour_option
@click.pass_context
def evaluate(
    ctx: click.Context,
    model: str,
    sources: tuple[str, ...],
    against: str,
    robustness: bool,
    damages: tuple[str, ...],
    mapping: dict[str, str],
    map_file: str,
    part: str,
    labels: list[str],
    restrict: bool,
    outside: bool,
    limit: int | None,
    group_by: str,
    out: Path | None,
    workers: int,
    as_json: bool,
) -> None:
    """Score a model on labelled music: accuracy with its interval, by track, clip and window.

    Several data sets stand side by side, with what each genre loses from the first to the
    others.
    """
    from genrewise.training.evaluate import Question
    from genrewise.training.evaluate import evaluate as score

    question = Question(
        model,
        sources,
        against=against,
        mapping=mapping,
        map_file=map_file,
        part=part,
        labels=tuple(labels),
        restrict=restrict,
        outside=outside,
        group_by=group_by,
        limit=limit or 0,
        robustness=robustness,
        damages=damages,
        workers=workers,
        bars=Progress,
    )
    found = score(question)
    if out is not None:
        from genrewise.training.report.evaluation import write_evaluation

        write_evaluation(out, found)
    if as_json:
        ready_stdout().write(json_text(found.report, 1) + "\n")
    else:
        _show(found.report, found.sets)
    if out is not None:
        say(f"report: {out / 'report.html'}")
    ctx.exit(_tell(found.sets))
