"""Numbers in README and docs, written from the reports in the repository.

``scripts/figures``             fill every block ``<!-- generated: NAME … -->`` … ``<!-- end -->``
``scripts/figures --check``     say which blocks are out of date; ends with 1 where any is
``scripts/figures --take DIR [NAME]``  keep the figures of a run folder under ``results/``
``scripts/figures --record``    run the examples that the pages show and keep what they print

A block names what fills it and, where that needs one, the result: ``genres small-gtzan-v1``.
Sources are ``results/NAME/PROTOCOL/report.json`` and ``seeds.json`` (written by ``genrewise run``,
``train`` and ``sweep``), ``benchmarks/results/NAME.json`` and ``results/examples/NAME.txt``.
``systems``, ``compare``, ``splits``, ``sweeps`` and those of `COMPARED` show what is there.
``evaluated``, ``strangers``, ``collections``, ``against`` and ``damaged`` are tables of an
evaluation that ``--take DIR NAME`` kept as ``results/evaluate/NAME.json``; ``tags …`` are those of
a vocabulary, kept as ``results/tags/NAME.json``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(<!-- generated: ([^>]+?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)

#: Models that ship, in the order in which they are shown.
MODELS = ("small-gtzan-v1", "musicnn-gtzan-v1", "hard-techno-v1")

#: What the pages show of the program; it runs in the folder of the samples.
EXAMPLES: dict[str, list[str]] = {
    "demo": ["demo", "--model", "small-gtzan-v1"],
    "timeline": ["classify", "--timeline", "--model", "small-gtzan-v1", "second-chorus.ogg"],
    "jsonl": ["classify", "--jsonl", "--model", "small-gtzan-v1", "second-chorus.ogg"],
}


class Missing(Exception):
    """A block asks for a report that is not in the repository."""


def read(path: Path) -> Any:
    """A JSON file below the checkout."""
    if not path.is_file():
        raise Missing(f"{path.relative_to(ROOT)} is not there")
    return json.loads(path.read_text(encoding="utf-8"))


def report(name: str, file: str = "report", protocol: str = "honest") -> Any:
    """What a run left under ``results/``."""
    return read(ROOT / "results" / name / protocol / f"{file}.json")


def table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    titles = list(titles)
    lines = [titles, ["---"] * len(titles), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def share(scores: dict[str, Any]) -> str:
    """Accuracy with its 95 % interval."""
    low, high = scores["interval"]
    return f"{scores['accuracy']:.3f} ({low:.3f}–{high:.3f})"


def source_line(found: dict[str, Any]) -> str:
    """Protocol, data, split and commit of a report."""
    split = found["split"]
    return (
        f"Protocol {found['protocol']}, data {found['data']['name']}, split"
        f" {split['checksum'][:12]} (seed {split['seed']}), commit {found['commit']}."
    )


def models(_: str) -> str:
    """A row a model that ships: test figures by track and clip."""
    rows = []
    for name in MODELS:
        found = report(name)
        track, clip = found["test"]["track"], found["test"]["clip"]
        rows.append(
            [
                f"`{name}`",
                str(len(found["data"]["labels"])),
                f"{share(track)}, n {track['n']}",
                f"{share(clip)}, n {clip['n']}",
                f"{track['weighted_f1']:.3f}",
                f"{track['answered']:.0%}",
                f"{track['right_when_answered']:.3f}",
                found["commit"],
            ]
        )
    titles = ["model", "genres", "right by track (95 %)", "right by clip (95 %)", "weighted F1"]
    return table([*titles, "answered", "right when answered", "commit"], rows)


def quality(_: str) -> str:
    """Every model on the music it was made for, and on other people's."""
    from model_quality import quality_rows

    titles = ["model", "music", "n", "right (95 %)", "ECE", "answered at 5 % wrong"]
    return table(titles, quality_rows(ROOT, MODELS))


def costs(_: str) -> str:
    """Outside music that is answered all the same, milliseconds a song and size, by model."""
    from model_quality import cost_rows

    titles = ["model", "outside its genres, answered all the same", "ms a song of 30 s", "MB"]
    return table(titles, cost_rows(ROOT, MODELS))


def levels(name: str) -> str:
    """Validation and test of one model at the three levels."""
    found = report(name)
    rows = []
    for part in ("validation", "test"):
        for level in ("window", "clip", "track"):
            s = found[part][level]
            figures = [f"{s[key]:.3f}" for key in ("macro_f1", "weighted_f1", "ece")]
            rows.append([part, level, str(s["n"]), share(s), *figures])
    titles = ["part", "level", "n", "right (95 %)", "macro F1", "weighted F1", "ECE"]
    return table(titles, rows) + "\n" + source_line(found) + "\n"


def genres(name: str) -> str:
    """Precision, recall and F1 by genre, test by track."""
    found = report(name)
    scores = found["test"]["track"]
    rows = [
        [label, str(s["n"]), *(f"{s[key]:.2f}" for key in ("precision", "recall", "f1"))]
        for label, s in scores["per_label"].items()
        if s["n"]
    ]
    text = table(["genre", "n", "precision", "recall", "F1"], rows)
    if scores["absent"]:
        text += f"\nAbsent from the test part, and in no average: {', '.join(scores['absent'])}.\n"
    return text


def unknown(name: str) -> str:
    """Share answered against share right: out of fold over all that ships, else on validation."""
    kept = report(name)
    found = (kept.get("whole") or kept)["unknown"]
    rows = [
        [f"{r['confidence']:.2f}", f"{r['answered']:.0%}", f"{r['right_when_answered']:.3f}"]
        for r in found["table"]
    ]
    text = table(["least confidence", "answered", "right when answered"], rows)
    return text + (
        f"\nThe model answers from {found['min_confidence']:.2f} on, and no further than"
        f" {found['max_distance']:.2f} from the training music.\n"
    )


def seeds(name: str) -> str:
    """Several seeds of the split and their mean."""
    found = report(name, "seeds")
    rows = []
    for one in found["seeds"]:
        cells = [
            f"{one[level]['weighted_f1']:.3f}, n {one[level]['n']}" for level in ("clip", "track")
        ]
        rows.append([str(one["seed"]), *cells, share(one["clip"]), share(one["track"])])
    mean = [f"{found['mean'][level]['weighted_f1']:.3f}" for level in ("clip", "track")]
    rows.append(
        ["mean", *mean, *(f"{found['mean'][k]['accuracy']:.3f}" for k in ("clip", "track"))]
    )
    titles = [
        "seed",
        "weighted F1 by clip",
        "by section",
        "right by clip (95 %)",
        "by section (95 %)",
    ]
    return table(titles, rows) + f"\nCommit {found['commit']}.\n"


def benchmark(name: str) -> str:
    """The table of a benchmark, with machine and commit."""
    found = read(ROOT / "benchmarks" / "results" / f"{name}.json")
    rows = [[r["what"], r["figure"], r["target"]] for r in found["rows"]]
    machine = found["machine"]
    return table(["what", "measured", "target"], rows) + (
        f"\n{machine['cpu']}, {machine['cpus']} CPUs, Python {machine['python']},"
        f" commit {found['commit']}.\n"
    )


def example(name: str) -> str:
    """What a command printed."""
    path = ROOT / "results" / "examples" / f"{name}.txt"
    if not path.is_file():
        raise Missing(f"{path.relative_to(ROOT)} is not there")
    return f"```console\n$ genrewise {' '.join(EXAMPLES[name])}\n{path.read_text('utf-8')}```\n"


def found_rows(names: Iterable[str]) -> list[dict[str, Any]]:
    """Rows of the results with these names, in this order; those not there are left out."""
    from genrewise.training.report.collect import collect
    from genrewise.training.report.systems import row, systems

    folders = [ROOT / "results" / name for name in names]
    there = [folder for folder in folders if any(folder.glob("*/*.json"))]
    every = [system for folder in there for system in systems(collect([folder]))]
    return [row(system) for system in every]


def result_names() -> list[str]:
    """Names under ``results/`` that hold reports."""
    return sorted({path.parent.parent.name for path in (ROOT / "results").glob("*/*/*.json")})


#: What stands where no report is there yet.
NOTHING = "Not in the repository yet.\n"


def shown(grid: Any) -> str:
    """A grid as Markdown, or that there is nothing to show."""
    from genrewise.training.report.grids import markdown

    return markdown(grid) if grid.rows else NOTHING


#: What recipes on the miniature of FMA have in their names.
MINIATURE = "-fma-"


def systems(names: str) -> str:
    """A row for every recipe of the published systems that has a report, or for some.

    Those on made-up music stand beside no published figure unless they are named.
    """
    from genrewise.training.report import set_grids

    wanted = names.split() or [name for name in result_names() if MINIATURE not in name]
    rows = [row for row in found_rows(wanted) if row["system"]]
    rows.sort(key=lambda row: (row["system"], row["label"]))
    return shown(set_grids.results(rows))


def miniature(_: str) -> str:
    """What runs on made-up music in FMA's layout, without the authors' figures."""
    from genrewise.training.report.grids import Grid

    found = found_rows(name for name in result_names() if MINIATURE in name)
    head = ["recipe", "macro F1, published protocol", "honest", "n", "minutes"]
    sides = [(row["name"], row["published"], row["honest"]) for row in found]
    rows = [
        [name, a["value"], b["value"], f"{a['n']}, {b['n']}", f"{a['minutes'] + b['minutes']:.1f}"]
        for name, a, b in sides
        if a and b
    ]
    return shown(Grid(head, rows))


def compare(names: str) -> str:
    """A few recipes side by side, in the order given."""
    from genrewise.training.report import set_grids

    return shown(set_grids.titled(found_rows(names.split())))


#: Recipes that differ in one thing, by the block that shows them.
COMPARED = {
    "windows": "000-cnn 000-cnn-8",
    "pooling": "000-cnn 000-cnn-max",
    "optimisers": "001-cnn-mel 001-cnn-adam",
    "augmentation": "001-cnn-mel 001-cnn-inline 001-cnn-saved 001-cnn-acoustic 001-cnn-waveform",
}


def splits(_: str) -> str:
    """One system under three splits: clips, tracks and groups dealt at random."""
    from genrewise.training.report import set_grids

    wanted = {
        "clips of a track on both sides": ("split-windows", "published"),
        "tracks at random, artists on both sides": ("split-tracks", "published"),
        "no artist on both sides": ("split-groups", "honest"),
    }
    sides = []
    for title, (name, side) in wanted.items():
        sides += [(title, row[side]) for row in found_rows([name]) if row[side]]
    return shown(set_grids.splits(sides))


def sweeps(system: str) -> str:
    """Every setting of a system's sweeps, those of 003 by default, under each protocol."""
    parts = []
    for path in sorted((ROOT / "results").glob(f"{system or '003'}-*/*/report.json")):
        found = read(path)
        if found.get("kind") == "sweep":
            parts.append(swept(found))
    return "\n".join(parts) or NOTHING


def swept(found: dict[str, Any]) -> str:
    """One sweep: a row a setting; where more is set than has room, the best and the range."""
    from genrewise.training.report.grids import markdown
    from genrewise.training.sweep_report import MOST_COLUMNS, found_words, settings_grid

    words = f"{found_words(found)} Commit {found['commit']}."
    if len(found["keys"]) <= MOST_COLUMNS:
        return f"{markdown(settings_grid(found, brief=True))}\n{words}\n"
    worth = sorted(t["figure"] for t in found["trials"] if t["figure"] is not None)
    middle, least = worth[len(worth) // 2], worth[0]
    span = f"The middle one is worth {middle:.3f}, the last {least:.3f}."
    title = f"{found['name']}, validation, protocol {found['protocol']}"
    return f"{title}\n\n{words.replace(' Commit', f' {span} Commit')}\n"


def compared(kind: str) -> Callable[[str], str]:
    """The block that shows the recipes of `COMPARED`."""
    return lambda _: compare(COMPARED[kind])


def evaluation(kind: str) -> Callable[[str], str]:
    """The block that shows one kind of table of an evaluation."""

    def block(name: str) -> str:
        from genrewise.training.report.evaluation import KINDS as MADE
        from genrewise.training.report.grids import markdown

        found = read(ROOT / "results" / "evaluate" / f"{name}.json")
        made = MADE[kind](found)
        if not made:
            raise Missing(f"results/evaluate/{name}.json has no table {kind}")
        return "\n".join(map(markdown, made)) + f"\nCommit {found['commit']}.\n"

    return block


def tags(what: str) -> str:
    """One table of a vocabulary: ``tags-v1 labelled``."""
    from genrewise.training.tags.card import TABLES

    name, _, kind = what.partition(" ")
    found = read(ROOT / "results" / "tags" / f"{name}.json")
    if kind not in TABLES:
        raise Missing(f"tags: no table {kind!r}; expected one of {', '.join(TABLES)}")
    return "\n".join(TABLES[kind](found)) + f"\n\nCommit {found['commit']}.\n"


#: Tables of an evaluation.
EVALUATED = ("evaluated", "strangers", "collections", "against", "damaged")

KINDS: dict[str, Callable[[str], str]] = {
    "benchmark": benchmark,
    "compare": compare,
    "costs": costs,
    "example": example,
    "genres": genres,
    "levels": levels,
    "miniature": miniature,
    "models": models,
    "quality": quality,
    "seeds": seeds,
    "splits": splits,
    "sweeps": sweeps,
    "systems": systems,
    "tags": tags,
    "unknown": unknown,
    **{kind: compared(kind) for kind in COMPARED},
    **{kind: evaluation(kind) for kind in EVALUATED},
}


def fill(text: str) -> tuple[str, list[str]]:
    """A page with its blocks filled, and why some could not be.

    A block whose source is not there, or whose kind is unknown, stays as it is.
    """
    missing: list[str] = []

    def block(match: re.Match[str]) -> str:
        kind, _, argument = match[2].partition(" ")
        try:
            if kind not in KINDS:
                raise Missing(
                    f"no block named {kind!r}; expected one of {', '.join(sorted(KINDS))}"
                )
            return f"{match[1]}{KINDS[kind](argument.strip())}{match[4]}"
        except Missing as error:
            missing.append(str(error))
            return match[0]

    return BLOCK.sub(block, text), missing


def pages() -> list[Path]:
    """Pages that have blocks."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    return sorted(p for p in found if "<!-- generated:" in p.read_text(encoding="utf-8"))


def commit() -> str:
    """The commit that is checked out."""
    done = subprocess.run(
        ["git", "rev-parse", "--short=10", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def place_of(values: dict[str, Any], file: str) -> Path:
    """Where a report goes below ``results/``."""
    if values.get("kind") == "tags":
        return Path("tags", f"{values['name']}.json")
    own = values.get("protocol")  # an evaluation has none
    return Path(values["name"], own, file) if own else Path("evaluate", f"{values['name']}.json")


def take(
    folder: Path, name: str = "", *, commit_of: str = "", mark: str = "", file: str = ""
) -> list[Path]:
    """Copy the figures of a run folder, with commit and recipe, under ``results/``.

    `commit_of` and `mark` are those of the run where they are known; `file` takes
    ``report`` or ``seeds`` alone.
    """
    from genrewise.training.report.keep import figures_only, fingerprint, text_of

    written = []
    recipe = folder / "recipe.json"
    if not mark and recipe.is_file():
        mark = fingerprint(json.loads(recipe.read_text(encoding="utf-8")))
    for each in [file] if file else ["report", "seeds"]:
        source = folder / f"{each}.json"
        if source.is_file():
            values = figures_only(json.loads(source.read_text(encoding="utf-8")))
            if not name and "name" not in values:
                raise SystemExit("an evaluation has no name of its own: --take DIR NAME")
            values["name"] = name or values["name"]
            values |= {"recipe_sha256": mark} if mark else {}
            values["commit"] = commit_of or commit()
            target = ROOT / "results" / place_of(values, source.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text_of(values) + "\n", encoding="utf-8")
            written.append(target)
    return written


def run_example(name: str) -> str:
    """What an example prints."""
    import genrewise

    done = subprocess.run(
        [sys.executable, "-m", "genrewise", *EXAMPLES[name]],
        cwd=Path(genrewise.__file__).parent / "samples",
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def record() -> None:
    """Keep what the examples print."""
    folder = ROOT / "results" / "examples"
    folder.mkdir(parents=True, exist_ok=True)
    for name in EXAMPLES:
        (folder / f"{name}.txt").write_text(run_example(name), encoding="utf-8")


def main(args: list[str]) -> int:
    """Fill, check, take or record."""
    if args[:1] == ["--take"]:
        for path in take(Path(args[1]), *args[2:3]):
            print(path.relative_to(ROOT))
        return 0
    if args == ["--record"]:
        record()
    check = "--check" in args
    wrong = 0
    for page in pages():
        text = page.read_text(encoding="utf-8")
        filled, missing = fill(text)
        for why in missing:
            print(f"{page.relative_to(ROOT)}: {why}", file=sys.stderr)
        wrong += len(missing)
        if filled != text:
            print(f"{page.relative_to(ROOT)}: {'out of date' if check else 'written'}")
            wrong += check
            if not check:
                page.write_text(filled, encoding="utf-8")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
