"""The folder of a sweep: one program at a time, whole files, the same plan."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from genrewise.errors import DatasetError, RecipeError
from genrewise.training.sweep_state import STATE, alone, read_state, same_plan, write_state

PLAN = {"spec": {"search": {"seed": 0}, "set": {}}, "recipe": {"fit": {"folds": 5}}, "total": 4}


def test_a_state_reads_back(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None
    state = {"kind": "sweep", "trials": [{"figure": None, "reason": "é ☃"}]}
    write_state(tmp_path / STATE, state)
    assert read_state(tmp_path) == state
    assert [path.name for path in tmp_path.iterdir()] == [STATE]


def test_an_old_state_is_there_until_the_new_one_is(tmp_path: Path) -> None:
    write_state(tmp_path / STATE, {"kind": "sweep", "n": 1})
    with pytest.raises(TypeError):
        write_state(tmp_path / STATE, {"kind": "sweep", "n": object()})
    assert read_state(tmp_path) == {"kind": "sweep", "n": 1}
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "run"}', '{"a": 1}'])
def test_what_is_no_state_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / STATE).write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match="state of a sweep"):
        read_state(tmp_path)


def test_the_same_plan_is_gone_on_with(tmp_path: Path) -> None:
    same_plan(tmp_path, {**PLAN, "minutes": 3.0, "trials": [1]}, {**PLAN, "minutes": 0.0})


@pytest.mark.parametrize(
    ("old", "words"),
    [
        ({**PLAN, "total": 3}, "total was 3, is 4"),
        ({**PLAN, "recipe": {"fit": {"folds": 2}}}, "recipe.fit.folds was 2, is 5"),
        ({**PLAN, "recipe": {"fit": {}}}, "recipe.fit.folds was null, is 5"),
        ({**PLAN, "recipe": {"fit": {"folds": 5, "x": [1]}}}, "recipe.fit.x was [1], is null"),
        ({}, "spec was null, is "),
    ],
)
def test_another_plan_is_refused_with_the_first_difference(
    tmp_path: Path, old: dict[str, Any], words: str
) -> None:
    with pytest.raises(RecipeError) as error:
        same_plan(tmp_path, old, PLAN)
    assert words in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_a_folder_is_made_and_held_by_one(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "er"
    with alone(folder):
        assert folder.is_dir()
        with pytest.raises(DatasetError, match="another sweep is running here"), alone(folder):
            pytest.fail("two at once")
    with alone(folder):
        pass


HOLDS = """
import sys, time
from pathlib import Path
from genrewise.training.sweep_state import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_folder_is_free_when_its_holder_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DatasetError, match="another sweep"), alone(tmp_path):
            pytest.fail("two at once")
        holder.kill()
        holder.wait()
    with alone(tmp_path):
        pass
