"""Every recipe and sweep, under each of its protocols, from data to figures in the repository.

``scripts/results``                 run what is not there yet, keep its figures in ``results/``
``scripts/results --only 000,003/cnn``  only these systems or recipes, in this order
``scripts/results --jobs 4``        four at a time, each with its share of the CPUs
``scripts/results --verify``        run again what is there: are the figures the same?
``scripts/results --fast``          on synthetic music, nothing kept: does everything run?

What has a report of the same recipe is passed over; words of a recipe that no figure depends on
are brought up to date in it. A run that fails leaves its log in its folder and the others go on;
failures are listed at the end, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import figures
from genrewise.cache import cache_dir
from genrewise.training import catalogue, recipe, sweep_plan
from genrewise.training.report.keep import comparable, differences, fingerprint, text_of

PROGRAM = [sys.executable, "-m", "genrewise"]

#: Recipes that their authors ran with several seeds, and how many.
SEEDS = {"002/cnn": 5}

#: What the models that come along are made of; each is chosen by its own release.
OWN = "models/"


@dataclass(frozen=True)
class Task:
    """One run: a recipe or sweep under one protocol, once or over several seeds."""

    entry: str
    kind: str
    protocol: str
    seeds: int
    minutes: float

    @property
    def label(self) -> str:
        """For people, and for the run's folder."""
        return f"{self.entry} {self.protocol}" + (f" {self.seeds} seeds" if self.seeds else "")

    def resolved(self) -> dict[str, Any]:
        """All that its figures depend on, and its words."""
        if self.kind == "sweep":
            plan = sweep_plan.make_plan(self.entry, protocol=self.protocol)
            own, whole = (p.model_dump(mode="json") for p in (plan.sweep, plan.recipe))
            return {**own, "spec": own, "recipe": whole}
        return recipe.load(self.entry, (), self.protocol).model_dump(mode="json")

    @property
    def file(self) -> str:
        """What a run leaves."""
        return "seeds.json" if self.seeds else "report.json"

    def report(self) -> Path:
        """Where its figures are kept."""
        return figures.ROOT / "results" / self.resolved()["name"] / self.protocol / self.file

    def command(self, folder: Path, cpus: int, fast: bool) -> list[str]:
        """What is called."""
        words = ["sweep" if self.kind == "sweep" else "run", self.entry, "-o", str(folder)]
        words += ["--protocol", self.protocol]
        if self.kind == "sweep":
            words += ["--jobs", str(cpus)]
            words += ["--resume"] if (folder / "sweep.json").is_file() else []
        else:
            words += ["--workers", str(cpus)]
        words += ["--seeds", str(self.seeds)] if self.seeds else []
        return [*PROGRAM, *words, *(["--fast"] if fast else [])]


def tasks(only: list[str], protocols: list[str]) -> Iterator[Task]:
    """What is named, in that order; by default all that comes along but for the models."""
    entries = {entry["name"]: entry for entry in catalogue.entries()}
    names = [name for name in entries if not name.startswith(OWN)]
    if only:
        names = [n for word in only for n in entries if n == word or n.startswith(f"{word}/")]
    for name in dict.fromkeys(names):
        entry = entries[name]
        for protocol in entry["protocols"]:
            if protocol in protocols:
                for seeds in {0, SEEDS.get(name, 0)}:
                    yield Task(name, entry["kind"], protocol, seeds, entry["minutes"])


def mark(values: Mapping[str, Any]) -> str:
    """Of the recipe, or of the sweep and its recipe."""
    return fingerprint({k: values[k] for k in ("spec", "recipe")} if "spec" in values else values)


def same_recipe(task: Task) -> bool:
    """Whether the repository has its figures, by the recipe as it is now."""
    path = task.report()
    if not path.is_file():
        return False
    kept = json.loads(path.read_text(encoding="utf-8"))
    return bool(kept.get("recipe_sha256") == mark(task.resolved()))


def refresh(task: Task) -> bool:
    """Bring the words of a report up to date with its recipe; whether there was anything to do."""
    path, now = task.report(), task.resolved()
    kept = json.loads(path.read_text(encoding="utf-8"))
    words = {key: now[key] for key in ("title", "system", "published") if key in kept}
    if task.kind == "recipe":
        words |= {key: now[key] for key in ("choices", "reductions") if key in kept}
        if "published" in words and not words["published"]["figure"]:
            words["published"] = {}
    if all(kept[key] == value for key, value in words.items()):
        return False
    path.write_text(text_of({**kept, **words}) + "\n", encoding="utf-8")
    return True


@dataclass
class Running:
    """A process at work on a task."""

    task: Task
    folder: Path
    process: subprocess.Popen[bytes]
    began: float
    commit: str


def threads_of(task: Task) -> int:
    """How many threads its networks were learnt by; 0 where its report does not say so."""
    kept = json.loads(task.report().read_text(encoding="utf-8"))
    return int(kept.get("environment", {}).get("threads", 0))


def start(task: Task, options: argparse.Namespace, cpus: int) -> Running:
    """Call the program in a folder of the task's own; a sweep goes on with what that holds."""
    folder: Path = options.folder / task.label.replace(" ", "-")
    if options.again or options.verify:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / task.file).unlink(missing_ok=True)  # an older one is not what this run leaves
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    threads = threads_of(task) if options.verify else 0
    env = os.environ | dict.fromkeys(names, str(threads or cpus))
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            task.command(folder, cpus, options.fast),
            stdout=log,
            stderr=subprocess.STDOUT,
            env=env,
        )
    return Running(task, folder, process, time.monotonic(), figures.commit())


def keep(run: Running) -> str:
    """Copy the figures of a run into the repository."""
    (written,) = figures.take(
        run.folder,
        commit_of=run.commit,
        mark=mark(run.task.resolved()),
        file=run.task.file.removesuffix(".json"),
    )
    return str(written.relative_to(figures.ROOT))


def compare(run: Running) -> str:
    """What differs between a run and the figures in the repository; empty for nothing."""
    pair = (run.task.report(), run.folder / run.task.file)
    kept, again = (comparable(json.loads(path.read_text("utf-8"))) for path in pair)
    found = differences(kept, again)
    return "; ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def finish(run: Running, options: argparse.Namespace) -> str:
    """What to say of a run that ended; begins with ``failed`` where it did."""
    # 1 says that files could not be read, or settings not be run: the figures are there.
    if run.process.returncode not in (0, 1) or not (run.folder / run.task.file).is_file():
        lines = (run.folder / "log.txt").read_text("utf-8", "replace").strip().splitlines()
        why = lines[-1] if lines else f"exit code {run.process.returncode}"
        return f"failed: {why} ({run.folder / 'log.txt'})"
    if options.verify:
        found = compare(run)
        return f"failed: not the same: {found}" if found else "the same"
    return "runs" if options.fast else keep(run)


def work_off(queue: list[Task], options: argparse.Namespace) -> list[str]:
    """Run all of them, so many at a time; the lines of those that failed."""
    cpus = max(1, (os.cpu_count() or 1) // options.jobs)
    running: list[Running] = []
    failed = []
    try:
        while queue or running:
            while queue and len(running) < options.jobs:
                running.append(start(queue.pop(0), options, cpus))
            ended = [run for run in running if run.process.poll() is not None]
            for run in ended:
                running.remove(run)
                said = finish(run, options)
                minutes = (time.monotonic() - run.began) / 60
                print(f"{run.task.label}: {minutes:.1f} min, {said}", flush=True)
                if said.startswith("failed"):
                    failed.append(f"{run.task.label}: {said.removeprefix('failed: ')}")
            if not ended:
                time.sleep(0.1)
    finally:
        for run in running:
            run.process.terminate()
    return failed


def parse(arguments: list[str]) -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(prog="scripts/results", description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=cache_dir() / "runs")
    parser.add_argument("--only", default="", metavar="NAME,…", help="systems, recipes, sweeps")
    parser.add_argument("--protocol", choices=["honest", "published"], help="this one only")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="runs at a time")
    parser.add_argument("--again", action="store_true", help="also what is there already")
    parser.add_argument(
        "--verify", action="store_true", help="hold what is there against a new run"
    )
    parser.add_argument("--fast", action="store_true", help="on synthetic music; nothing is kept")
    options = parser.parse_args(arguments)
    options.folder = options.folder.expanduser().resolve()
    if options.folder.is_relative_to(figures.ROOT):
        parser.error(f"{options.folder} lies in the checkout; expected a folder outside it")
    if options.jobs < 1:
        parser.error(f"--jobs {options.jobs}; expected 1 or more")
    return options


def choose(options: argparse.Namespace) -> list[Task]:
    """The tasks to run: as they are named, else the short ones first."""
    only = [word.strip().strip("/") for word in options.only.split(",") if word.strip()]
    protocols = [options.protocol] if options.protocol else ["honest", "published"]
    every = list(tasks(only, protocols))
    if not every:
        raise SystemExit(f"scripts/results: nothing is named {options.only}: genrewise recipes")
    if not only:
        every.sort(key=lambda task: task.minutes)
    if options.fast or options.again:
        return every
    done = [task for task in every if same_recipe(task)]
    if options.verify:
        return done
    fresh = [task.label for task in done if refresh(task)]
    print(f"{len(done)} of {len(every)} there already", flush=True)
    for label in fresh:
        print(f"{label}: words brought up to date", flush=True)
    return [task for task in every if task not in done]


def main(arguments: list[str]) -> int:
    """Run; returns the exit code."""
    options = parse(arguments)
    queue = choose(options)
    began, n = time.monotonic(), len(queue)
    failed = work_off(queue, options)
    if not (options.fast or options.verify):
        figures.main([])  # the pages show what was kept
    minutes = (time.monotonic() - began) / 60
    print(f"{n - len(failed)} done, {len(failed)} failed, {minutes:.1f} min")
    for line in failed:
        print(f"  {line}")
    return int(bool(failed))


def _stop(_number: int, _frame: object) -> None:
    sys.exit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)  # so that what runs is ended, too
    sys.exit(main(sys.argv[1:]))
