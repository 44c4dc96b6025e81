"""From the data to the model, its card and its report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from genrewise.bundle import Bundle, write
from genrewise.training.run import write_json
from genrewise.training.tags.card import card_text
from genrewise.training.tags.data import FREE, Pool, collect, loops
from genrewise.training.tags.learn import learn
from genrewise.training.tags.model import to_bundle
from genrewise.training.tags.report import elsewhere, report_of
from genrewise.training.tags.table import TABLE
from genrewise.training.tags.trials import trials

__all__ = ["NAME", "make", "run"]

NAME = "tags-v1"

Say = Callable[[str], None]


def _silent(_: str) -> None:
    """Nobody listens."""


def run(pool: Pool, other: Pool | None, folder: Path, say: Say = _silent) -> dict[str, Any]:
    """Learn from a pool and write model and report.

    Parameters
    ----------
    pool : Pool
    other : Pool, optional
        A collection to test on that nothing is learnt from.
    folder : Path
        Where ``tags-v1.genrewise`` and ``report.json`` go.
    say : callable
        Told a line at a time.

    Returns
    -------
    dict
        The report.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # sums come out the same whatever the machine has
        made, report = _made(pool, other, say)
    folder.mkdir(parents=True, exist_ok=True)
    path = write(made, folder / f"{NAME}.genrewise")
    report["bundle"] = {"bytes": path.stat().st_size}
    write_json(folder / "report.json", report)
    say(f"wrote {path}, {path.stat().st_size / 1e6:.2f} MB, and report.json")
    return report


def _made(pool: Pool, other: Pool | None, say: Say) -> tuple[Bundle, dict[str, Any]]:
    """The model and its report."""
    learnt = learn(pool, TABLE)
    report: dict[str, Any] = {
        "name": NAME,
        "protocol": "honest",
        **report_of(learnt, pool),
        "elsewhere": {},
    }
    if other is not None:
        say("other ways to learn, beside it")
        report["trials"] = trials(pool, other)
        report["elsewhere"][other.sets[0]] = elsewhere(learnt, other)
    free = np.array([name == FREE for name in pool.sets])
    if free.any():
        say(f"once more without {FREE}, to test on it")
        report["elsewhere"][FREE] = elsewhere(learn(pool.only(~free), TABLE), pool.only(free))
    return to_bundle(learnt, pool, NAME, card_text(report), report), report


def make(folder: Path, free: str = "", workers: int = 0, say: Say = _silent) -> dict[str, Any]:
    """Collect, learn, write.

    Parameters
    ----------
    folder : Path
    free : str
        Folder of ``genrewise datasets get free-music``; empty to do without.
    workers : int
        0 is one a CPU.
    say : callable
    """
    pool = collect(free, workers, say)
    say(f"{len(pool)} tracks in {len(set(pool.groups))} groups")
    return run(pool, loops(workers, say), folder, say)
