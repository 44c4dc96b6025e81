"""The journal of a sweep: whatever happens between, the same settings with the same results."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from genrewise.errors import RecipeError
from genrewise.training.sweep_search import Search, mend
from genrewise.training.sweep_spec import Sweep, parse_sweep

GRID = {"a": [1, 2], "b": [[0.1, 5], [0.3, 10]]}
SPACE = {
    "lr": {"low": 1e-4, "high": 1.0, "log": True},
    "depth": {"low": 2, "high": 9, "int": True},
    "kind": {"choices": ["x", [1, 2]]},
}


def sweep(sampler: str = "grid", trials: int = 0, **search: Any) -> Sweep:
    more = {"grid": GRID} if sampler == "grid" else {"space": SPACE}
    values = {"sampler": sampler, "trials": trials, **search}
    return parse_sweep({"name": "s", "base": "b", "search": values, **more}, "s.toml")


def search(path: Path, made: Sweep) -> Search:
    return Search(made, path / "journal.log", made.total())


def worth(setting: dict[str, Any]) -> float:
    """What a setting is worth: any fixed function of it."""
    return random.Random(repr(sorted(setting.items()))).random()


def tell(found: Search, number: int, setting: dict[str, Any]) -> None:
    value = worth(setting)
    found.tell(number, {"state": "done", "figure": value}, value)


def finished(found: Search, order: int = 1) -> dict[int, Any]:
    """Run to the end; each batch forwards or backwards."""
    while batch := found.batch():
        for number, setting in list(batch.items())[::order]:
            tell(found, number, setting)
    return found.outcomes()


# ------------------------------------------------------------------ what is tried


def test_a_grid_is_one_batch_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = search(tmp_path, sweep())
    batch = found.batch()
    assert list(batch) == [1, 2, 3, 4]
    assert list(batch.values()) == [{"a": a, "b": b} for a in GRID["a"] for b in GRID["b"]]
    assert found.batch() == batch  # asked again: none has ended
    assert found.outcomes() == {}


def test_outcomes_are_kept_with_their_settings(tmp_path: Path) -> None:
    found = search(tmp_path, sweep())
    found.batch()
    found.tell(3, {"state": "failed", "reason": "too hot"}, None)
    found.tell(1, {"state": "done", "figure": 0.5, "history": {"m": [{"epoch": 1.0}]}}, 0.5)
    assert list(found.batch()) == [2, 4]
    outcomes = found.outcomes()
    assert list(outcomes) == [1, 3]
    assert outcomes[3] == ({"a": 2, "b": [0.1, 5]}, {"state": "failed", "reason": "too hot"})
    assert outcomes[1][1]["history"] == {"m": [{"epoch": 1.0}]}


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_drawn_values_lie_in_their_space(tmp_path: Path, sampler: str) -> None:
    rows = [s for s, _ in finished(search(tmp_path, sweep(sampler, 24))).values()]
    assert len(rows) == 24
    assert all(1e-4 <= row["lr"] <= 1.0 for row in rows)
    assert {type(row["depth"]) for row in rows} == {int}
    assert {row["depth"] for row in rows} <= set(range(2, 10))
    assert {repr(row["kind"]) for row in rows} == {"'x'", "[1, 2]"}
    assert sum(row["lr"] < 1e-2 for row in rows) > 4  # half of a log scale


def test_another_seed_draws_others(tmp_path: Path) -> None:
    for seed in (0, 1):
        (tmp_path / str(seed)).mkdir()
    first, second = (
        finished(search(tmp_path / str(seed), sweep("random", 5, seed=seed))) for seed in (0, 1)
    )
    assert all(first[n][0]["lr"] != second[n][0]["lr"] for n in first)


def test_tpe_learns_from_what_it_was_told(tmp_path: Path) -> None:
    """Values near the best so far come more often than by chance."""
    made = sweep("tpe", 40)
    found = search(tmp_path, made)
    while batch := found.batch():
        for number, setting in batch.items():
            value = -abs(setting["depth"] - 3.0)
            found.tell(number, {"state": "done", "figure": value}, value)
    depths = [setting["depth"] for setting, _ in found.outcomes().values()]
    assert sum(abs(d - 3) <= 1 for d in depths[20:]) >= 12  # of 20; 7.5 by chance


def test_tpe_proposes_a_batch_at_a_time(tmp_path: Path) -> None:
    found = search(tmp_path, sweep("tpe", 7, batch=3))
    sizes = []
    while batch := found.batch():
        sizes.append(len(batch))
        for number, setting in batch.items():
            tell(found, number, setting)
    assert sizes == [3, 3, 1]


# ------------------------------------------------------------------ order, kills, repairs


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_the_order_in_which_a_batch_ends_changes_nothing(tmp_path: Path, sampler: str) -> None:
    tables = []
    for order in (1, -1):
        (tmp_path / str(order)).mkdir()
        tables.append(finished(search(tmp_path / str(order), sweep(sampler, 18)), order))
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    "made", [sweep(), sweep("random", 5), sweep("tpe", 9, batch=4)], ids=lambda s: s.search.sampler
)
def test_killed_at_any_line_it_ends_in_the_same_table(tmp_path: Path, made: Sweep) -> None:
    """Each time a line is lost, half of the next one and a lock are left behind."""
    path = tmp_path / "journal.log"
    whole = finished(search(tmp_path, made))
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) > 10
    for kept in range(len(lines)):
        path.write_bytes(b"".join(lines[:kept]) + lines[kept][: len(lines[kept]) // 2])
        path.with_name("journal.log.lock").write_text("")
        assert finished(search(tmp_path, made)) == whole


def test_mend_takes_away_half_a_line_only(tmp_path: Path) -> None:
    path = tmp_path / "j"
    mend(path)
    assert not path.exists()
    for left, kept in ((b"", b""), (b"ab\n", b"ab\n"), (b"ab\nc", b"ab\n"), (b"c", b"")):
        path.write_bytes(left)
        mend(path)
        assert path.read_bytes() == kept


def test_a_journal_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.log").write_text('{"op_code": 99}\n[]\n', encoding="utf-8")
    with pytest.raises(RecipeError, match="the journal of a sweep"):
        search(tmp_path, sweep())


# ------------------------------------------------------------------ pruning


def race(found: Search, number: int, curve: list[float]) -> int:
    """Epochs that a trial lives."""
    for step, value in enumerate(curve, 1):
        if found.epoch(number, step, value):
            found.tell(number, {"state": "pruned"}, None)
            return step
    found.tell(number, {"state": "done"}, curve[-1])
    return len(curve)


def test_a_trial_that_falls_behind_the_median_ends_early(tmp_path: Path) -> None:
    found = search(tmp_path, sweep())
    found.batch()
    assert race(found, 1, [0.5] * 8) == 8
    assert race(found, 2, [0.6] * 8) == 8
    assert race(found, 3, [0.1] * 8) == 5  # which are given to each
    assert race(found, 4, [0.1] * 4 + [0.9] * 4) == 8
    assert [o["state"] for _, o in found.outcomes().values()] == ["done", "done", "pruned", "done"]


def test_the_first_trials_are_never_ended(tmp_path: Path) -> None:
    found = search(tmp_path, sweep())
    found.batch()
    assert [race(found, n, [0.9 / n] * 6) for n in (1, 2)] == [6, 6]


def test_epochs_told_twice_count_once(tmp_path: Path) -> None:
    """A trial that was killed tells its first epochs again."""
    found = search(tmp_path, sweep())
    found.batch()
    race(found, 1, [0.5] * 6)
    race(found, 2, [0.5] * 6)
    assert not found.epoch(3, 1, 0.6)
    again = search(tmp_path, sweep())
    assert race(again, 3, [0.6] * 4 + [0.2] * 3) == 7  # its best so far counts


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_harms_nobody(tmp_path: Path, value: float) -> None:
    made = parse_sweep(
        {"name": "s", "base": "b", "grid": GRID, "judge": {"direction": "minimize"}}, "s.toml"
    )
    found = search(tmp_path, made)
    found.batch()
    for number in (1, 2):
        assert race(found, number, [0.5] * 6) == 6
    assert race(found, 3, [value] * 6) == 5
