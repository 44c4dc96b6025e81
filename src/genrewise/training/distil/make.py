"""From audio to the file of a student and the figures of how well it learned."""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import DatasetError
from genrewise.input_kinds import backbone_path, open_session
from genrewise.training.distil.leave import agreement, answers, to_int8, to_onnx
from genrewise.training.distil.lessons import TEACHER, Excerpt, Lessons
from genrewise.training.distil.teach import Epoch, Plan, goals_of, teach

__all__ = ["PARITY", "Made", "excerpts_of", "make", "milliseconds"]

F32 = NDArray[np.float32]

#: Correlation with the unquantised student, layer by layer, below which whole numbers are no gain.
PARITY = 0.98
#: Patches that the quantiser sees, and others on which the two are compared.
_SEEN, _COMPARED = 1024, 1024
#: Patches that are timed at once, and how often.
_TIMED, _TIMES = 16, 15


@dataclass(frozen=True)
class Made:
    """A student and what is known of it.

    Attributes
    ----------
    network : bytes
        ONNX.
    report : dict
        Plain values: what was heard, how each epoch went, what whole numbers cost, sizes and
        milliseconds a patch of the student and its teacher.
    """

    network: bytes
    report: dict[str, Any]


def excerpts_of(folder: Path) -> list[Excerpt]:
    """What may be learned from in a folder with a manifest, labelled or not.

    What its list keeps for validation or test is left out.

    Raises
    ------
    DatasetError
        No manifest, or none that names files.
    """
    manifest = folder / "manifest.csv"
    try:
        with manifest.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{manifest}: {error}", "a table with a column path") from error
    found = [
        Excerpt(str(folder / row["path"]))
        for row in rows
        if row.get("path") and row.get("split") not in ("valid", "test")
    ]
    if not found:
        raise DatasetError(f"{manifest}: {len(rows)} rows", "rows with a path")
    return found


def milliseconds(network: bytes | Path, patches: F32) -> float:
    """Median time of a patch on one thread, patches going through sixteen at once."""
    session, taken = open_session(network), []
    for _ in range(_TIMES):
        began = time.perf_counter()
        session.run(None, {"patches": patches[:_TIMED]})
        taken.append((time.perf_counter() - began) / _TIMED * 1e3)
    return statistics.median(taken)


def make(
    lessons: Lessons, plan: Plan, progress: Callable[[int, Epoch], None] | None = None
) -> Made:
    """Teach, write, put into whole numbers where that costs nothing, and measure.

    Parameters
    ----------
    lessons : Lessons
    plan : Plan
    progress : callable, optional
        Called after each epoch.
    """
    goals = goals_of(lessons)
    student, history = teach(lessons, goals, plan, progress)
    full = to_onnx(student, goals)
    order = np.random.default_rng(plan.seed).permutation(len(lessons.patches))
    seen = lessons.patches[order[:_SEEN]].astype(np.float32)
    other = lessons.patches[order[_SEEN : _SEEN + _COMPARED]].astype(np.float32)
    small = to_int8(full, seen)
    alike = agreement(answers(full, other), answers(small, other))
    whole = min(alike.values()) >= PARITY
    network = small if whole else full
    report = {
        "teacher": TEACHER,
        "plan": asdict(plan),
        "patches": len(lessons.patches),
        "excerpts": len(np.unique(lessons.excerpt)),
        "failed": [list(pair) for pair in lessons.failed],
        "history": [asdict(epoch) for epoch in history],
        "int8": {"kept": whole, "correlation": alike, "bytes": len(small)},
        "float32": {"bytes": len(full), "milliseconds": milliseconds(full, seen)},
        "bytes": len(network),
        "milliseconds": milliseconds(network, seen),
        "teacher_milliseconds": milliseconds(backbone_path(TEACHER["backbone"]), seen),
    }
    return Made(network, report)
