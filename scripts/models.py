"""The models that come along, rebuilt from data.

``scripts/models``                  the command that makes each of them
``scripts/models DIR``              make all of them, each into a folder of its own below DIR
``scripts/models DIR --only NAME``  one: mini-v1, small-gtzan-v1, musicnn-gtzan-v1, …
``scripts/models DIR --keep``       and put them, with their figures, in place of those here
``scripts/models DIR --cards``      add to the cards here what ``results/evaluate/`` says of them

Audio is looked for in the data folder; the free music (``--free-music FOLDER``), from which
mini-v1 learns as well, is what ``genrewise datasets get free-music -o FOLDER --all`` makes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import figures
from genrewise import bundle as bundles
from genrewise.training.distil.lessons import Excerpt, collect
from genrewise.training.distil.make import excerpts_of, make
from genrewise.training.distil.teach import Epoch, Plan
from genrewise.training.prepare import data_folder
from genrewise.training.report.evaluation import KINDS
from genrewise.training.report.grids import markdown

MODELS = figures.ROOT / "src" / "genrewise" / "models"

#: In the order in which one needs the other.
NAMES = ("mini-v1", "small-gtzan-v1", "musicnn-gtzan-v1", "hard-techno-v1", "tags-v1")

#: What mini-v1 hears beside the free music; labels are not looked at.
HEARD = ("gtzan", "hard-techno", "loops")


def say(text: str) -> None:
    """A line at once, also in a log."""
    print(text, flush=True)


def _epoch(number: int, epoch: Epoch) -> None:
    say(
        f"  epoch {number + 1}: loss {epoch.loss:.3f}; explained in held-out excerpts: tags"
        f" {epoch.tags:.3f}, penultimate {epoch.penultimate:.3f}, pooled {epoch.summary:.3f}"
    )


def heard(free_music: Path | None) -> list[Excerpt]:
    """All that mini-v1 learns from."""
    folder = data_folder()
    if folder is None:
        raise SystemExit("no data folder: set GENREWISE_DATA")
    places = [folder / name for name in HEARD] + ([free_music] if free_music else [])
    return [excerpt for place in places for excerpt in excerpts_of(place)]


def make_mini(folder: Path, free_music: Path | None, epochs: int) -> None:
    """Teach the small network."""
    excerpts = heard(free_music)
    say(f"mini-v1: {len(excerpts)} excerpts")
    lessons = collect(
        excerpts,
        progress=lambda n: say(f"  {n} of {len(excerpts)} heard") if n % 200 == 0 else None,
    )
    say(f"  {len(lessons.patches)} patches, {len(lessons.failed)} files failed")
    made = make(lessons, Plan(epochs=epochs), _epoch)
    (folder / "mini-v1.onnx").write_bytes(made.network)
    text = json.dumps({"name": "mini-v1", **made.report}, indent=1) + "\n"
    (folder / "report.json").write_text(text, encoding="utf-8")


def command(name: str) -> list[str]:
    """What follows ``python -m`` to make a model from its recipe, or its heads."""
    if name == "tags-v1":
        return ["genrewise.training.tags"]
    return ["genrewise", "run", f"models/{name}"]


def make_model(name: str, folder: Path, free_music: Path | None) -> None:
    """Run a model's recipe, or learn its heads."""
    words = [*command(name), "-o", str(folder)]
    if name == "tags-v1" and free_music:
        words += ["--free", str(free_music)]
    subprocess.run([sys.executable, "-m", *words], check=True)


def listing() -> str:
    """A line a model: name and command."""
    width = max(map(len, NAMES))
    return "\n".join(
        f"{name:{width}}  "
        + (
            f"scripts/models DIR --only {name}"
            if name == "mini-v1"
            else f"python -m {' '.join(command(name))} -o DIR"
        )
        for name in NAMES
    )


def keep(name: str, folder: Path) -> None:
    """Put a model, and its figures, in place of the one that is here."""
    file = f"{name}.onnx" if name == "mini-v1" else f"{name}.genrewise"
    shutil.copyfile(folder / file, MODELS / file)
    places = {"mini-v1": "mini-v1/report.json", "tags-v1": "tags/tags-v1.json"}
    if name in places:
        target = figures.ROOT / "results" / places[name]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / "report.json", target)
    else:
        figures.main(["--take", str(folder)])


#: What was evaluated of a model, by the ending of its name under ``results/evaluate/``: the
#: heading in the card, and the kinds of tables.
EVALUATED: dict[str, tuple[str, tuple[str, ...]]] = {
    "free-music": ("Free music of games", ("evaluated", "strangers")),
    "loops": ("Loops of a program of 1992", ("evaluated",)),
    "damaged": ("Damaged audio", ("damaged",)),
}

#: Begins what `add_to_card` has added before.
ELSEWHERE = "\n# Measured on other music\n"


def add_to_card(name: str) -> None:
    """Put the tables of the evaluations of a model at the end of its card."""
    parts = [ELSEWHERE]
    for ending, (title, kinds) in EVALUATED.items():
        path = figures.ROOT / "results" / "evaluate" / f"{name}-{ending}.json"
        if path.is_file():
            found = json.loads(path.read_text(encoding="utf-8"))
            parts.append(f"\n## {title}\n")
            parts += [f"\n{markdown(grid)}" for kind in kinds for grid in KINDS[kind](found)]
    file = MODELS / f"{name}.genrewise"
    made = bundles.read(file)
    card = made.card.partition(ELSEWHERE)[0].rstrip("\n") + "\n"
    bundles.write(replace(made, card=card + "".join(parts)), file)


def main(arguments: Sequence[str]) -> int:
    """Rebuild; returns the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/models", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=NAMES, action="append", default=[])
    parser.add_argument("--free-music", type=Path)
    parser.add_argument("--epochs", type=int, default=20, help="of mini-v1")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--cards", action="store_true")
    if not arguments:
        print(listing())
        return 0
    given = parser.parse_args(arguments)
    if given.cards:
        for name in NAMES[1:]:
            add_to_card(name)
        return 0
    for name in given.only or NAMES:
        folder = given.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        if name == "mini-v1":
            make_mini(folder, given.free_music, given.epochs)
        else:
            make_model(name, folder, given.free_music)
        if given.keep:
            keep(name, folder)
        say(f"{name}: {(time.monotonic() - began) / 60:.1f} min")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
