"""The table counts what damages do to answers, marks what costs too much, and is the same again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import soundfile

from genrewise.audio import load
from genrewise.cli import main
from genrewise.cli.evaluate import evaluate as command
from genrewise.errors import DatasetError, UnknownName
from genrewise.training.damages import CLEAN, DAMAGES
from genrewise.training.datasets import read
from genrewise.training.evaluate import Question, evaluate
from genrewise.training.robustness import LONGEST, lost_more, robustness, scores

#: What a mono clip of a second leaves alone.
NO_SIDES = {"left channel only", "wider stereo"}
NO_LENGTH = {name for name in DAMAGES if name.endswith(" s only")} | {"faded in and out"}

# ------------------------------------------------------------------- the figures of a row


def test_a_row_by_hand() -> None:
    truth = np.array([0, 0, 1, 1])
    clean = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]])
    damaged = np.array([[0.8, 0.2], [0.3, 0.7], [0.4, 0.6], [0.4, 0.6]])
    answered = np.array([True, True, False, True])
    row = scores(truth, np.arange(4), clean, damaged, answered)
    assert (row["n"], row["groups"]) == (4, 4)
    assert row["accuracy"] == 0.75  # 1 0 1 1
    assert row["change"] == 0.0  # 0.75 before: 1 1 1 0
    assert row["answered"] == 0.75
    assert row["right_when_answered"] == pytest.approx(2 / 3)
    assert row["truth"] == pytest.approx((-0.1 - 0.3 - 0.2 + 0.3) / 4)
    assert row["changed"] == 0.5
    assert row["change_interval"][0] < 0 < row["change_interval"][1]


def test_nothing_answered_is_no_share() -> None:
    p = np.array([[0.9, 0.1], [0.1, 0.9]])
    row = scores(np.array([0, 1]), np.arange(2), p, p, np.zeros(2, bool))
    assert (row["answered"], row["right_when_answered"]) == (0.0, None)


@pytest.mark.parametrize(("lost", "marked"), [(0, False), (3, False), (4, True)])
def test_more_than_three_points_in_a_hundred_are_marked(lost: int, marked: bool) -> None:
    clean = np.tile([0.9, 0.1], (100, 1))
    damaged = clean.copy()
    damaged[:lost] = [0.2, 0.8]
    row = scores(np.zeros(100, int), np.arange(100), clean, damaged, np.ones(100, bool))
    assert row["change"] == pytest.approx(-lost / 100)
    assert row["changed"] == pytest.approx(lost / 100)
    assert row["lost_more"] is marked
    low, high = row["change_interval"]
    assert low <= row["change"] <= high


def test_what_is_won_is_not_lost() -> None:
    assert [lost_more(change) for change in (0.2, 0.0, -0.03, -0.0301, -1.0)] == [
        False,
        False,
        False,
        True,
        True,
    ]


# ------------------------------------------------------------------- a model and its files


def table(
    model: str, folder: Path, damages: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rows of a folder by damage, and the whole; models choose among low, middle, high."""
    dataset = read(folder)
    place = {"low": 0, "middle": 1, "high": 2}
    truth = {i: place[item.label] for i, item in enumerate(dataset.items)}
    whole = robustness(model, dataset, truth, (0, 1, 2), workers=1, damages=damages)
    return {row["damage"]: row for row in whole["rows"]}, whole


def test_rows_say_what_each_damage_does_to_answers(
    pitch: str, make_tones: Callable[..., Path], tmp_path: Path
) -> None:
    """The model parts low from middle near 515 Hz and middle from high near 2 kHz."""
    clips = {"low": (300, 505), "middle": (600, 1000), "high": (5000,)}
    rows, whole = table(pitch, make_tones(tmp_path / "m", clips))
    assert list(rows) == [name for name in DAMAGES if name not in NO_SIDES | NO_LENGTH]
    assert set(whole["untouched"]) == NO_SIDES | NO_LENGTH
    assert whole["failed"] == []
    clean = rows[CLEAN]
    assert (clean["n"], clean["accuracy"], clean["changed"]) == (5, 1.0, 0.0)
    assert (clean["change"], clean["change_interval"]) == (0.0, [0.0, 0.0])
    assert rows["20 dB softer"]["accuracy"] == 1.0
    fast = rows["5 % faster"]  # 505 Hz becomes 530: middle
    assert (fast["accuracy"], fast["changed"], fast["change"]) == (0.8, 0.2, pytest.approx(-0.2))
    assert fast["truth"] < -0.05
    assert rows["5 % slower"]["accuracy"] == 1.0
    noisy = rows["white noise, 10 dB below"]  # noise crosses zero more often: low is middle
    assert (noisy["accuracy"], noisy["changed"]) == (0.6, 0.4)
    kept = ["mp3, 320 kbit/s", "6 dB louder", "6 % faster, same pitch", "6 % slower, same pitch"]
    assert [rows[name]["accuracy"] for name in kept] == [1.0] * 4
    assert rows["1 semitone up"]["change"] == pytest.approx(-0.2)  # 505 Hz becomes 535
    assert rows["1 semitone down"]["changed"] == 0.0  # 600 Hz becomes 566
    assert rows["5 s of hiss in front"]["accuracy"] == 0.2  # most of what is heard is high


def test_what_costs_too_much_is_marked_and_counted(
    pitch: str, make_tones: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_tones(tmp_path / "m", {"low": (300, 505), "high": (5000,)})
    wanted = ["20 dB softer", "5 % faster", "1 semitone up", "first 5 s only"]
    rows, whole = table(pitch, folder, wanted)
    marks = {name: row["lost_more"] for name, row in rows.items()}
    assert marks == {CLEAN: False, "20 dB softer": False, "1 semitone up": True, "5 % faster": True}
    assert whole["summary"] == "2 of 3 damages cost more than 3 points"
    assert whole["untouched"] == ["first 5 s only"]
    assert table(pitch, folder, ["5 % faster"])[1]["summary"] == (
        "1 of 1 damage costs more than 3 points"
    )
    assert table(pitch, folder, ["first 5 s only"])[1]["summary"] == ""


def test_rows_asked_for_are_those_of_the_whole_table(
    pitch: str, make_tones: Callable[..., Path], tmp_path: Path
) -> None:
    """Whatever else is asked for, and in whatever order."""
    folder = make_tones(tmp_path / "m", {"low": (300, 490), "high": (5000,)})
    names = ["white noise, 10 dB below", "Opus, 32 kbit/s"]
    some, more = (table(pitch, folder, [*n, *names])[0] for n in ((), ("5 % faster",)))
    assert list(some) == [CLEAN, *reversed(names)]
    assert len(more) == len(some) + 1
    assert all(some[name] == more[name] for name in some)


def test_a_model_that_is_unsure_answers_less(
    make_model: Callable[..., str], make_tones: Callable[..., Path], tmp_path: Path
) -> None:
    model = make_model(tmp_path, "unsure", least=0.9)
    folder = make_tones(tmp_path / "m", {"low": (300, 480), "high": (5000,)})
    rows, _ = table(model, folder, ["5 % faster"])
    assert rows[CLEAN]["answered"] == 1.0
    assert rows["5 % faster"]["answered"] == pytest.approx(2 / 3)  # 504 Hz: low, but not sure
    assert rows["5 % faster"]["accuracy"] == 1.0


def test_a_lost_channel_and_a_glance_count_the_files_that_they_touch(
    pitch: str, make_tone: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "m" / "low").mkdir(parents=True)
    mono = make_tone(300.0, 6.0)
    # Loud and high on the right: together they sound high, the left alone is low.
    stereo = np.column_stack([make_tone(300.0, 1.0, 0.05), make_tone(6000.0, 1.0, 0.9)])
    soundfile.write(tmp_path / "m" / "low" / "mono.wav", mono, 22050)
    soundfile.write(tmp_path / "m" / "low" / "stereo.wav", stereo, 22050)
    rows, whole = table(pitch, tmp_path / "m", sorted(NO_SIDES | NO_LENGTH))
    assert (rows[CLEAN]["n"], rows[CLEAN]["accuracy"]) == (2, 0.5)
    left = rows["left channel only"]
    assert (left["n"], left["accuracy"], left["change"]) == (1, 1.0, 1.0)
    wide = rows["wider stereo"]  # louder where they differ, and cut off there
    assert (wide["n"], wide["accuracy"], wide["changed"]) == (1, 0.0, 0.0)
    for name in ("first 5 s only", "middle 5 s only"):
        glance = rows[name]
        assert (glance["n"], glance["accuracy"], glance["change"]) == (1, 1.0, 0.0)
    assert set(whole["untouched"]) == {n for n in NO_LENGTH if "10 s" in n} | {"faded in and out"}


def test_an_excerpt_is_told_by_what_sounds_in_it(
    pitch: str, make_tone: Callable[..., Any], tmp_path: Path
) -> None:
    """Low for ten seconds, high for three, low for eight."""
    (tmp_path / "m" / "low").mkdir(parents=True)
    parts = [make_tone(hz, s) for hz, s in ((300.0, 10.0), (5000.0, 3.0), (300.0, 8.0))]
    soundfile.write(tmp_path / "m" / "low" / "a.wav", np.concatenate(parts), 22050)
    rows, _ = table(pitch, tmp_path / "m", sorted(NO_LENGTH))
    heard = {name: row["accuracy"] for name, row in rows.items()}
    assert heard.pop("middle 5 s only") == 0.0  # 8 s to 13 s
    assert heard == dict.fromkeys([CLEAN, *NO_LENGTH - {"middle 5 s only"}], 1.0)


def test_a_clip_that_a_damage_makes_too_short_is_listed(
    pitch: str, make_tones: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_tones(tmp_path / "m", {"low": (300,)})
    make_tones(folder, {"high": (5000,)}, seconds=0.102)
    fast = {"6 % faster, same pitch": 0.096, "5 % faster": 0.097}
    rows, whole = table(pitch, folder, [*fast, "20 dB softer", "m4a (AAC), 96 kbit/s"])
    assert rows[CLEAN]["n"] == rows["20 dB softer"]["n"] == 2
    assert rows["m4a (AAC), 96 kbit/s"]["n"] == 2
    assert rows["5 % faster"]["n"] == 1
    assert [path for path, _ in whole["failed"]] == ["high/5000.wav"] * len(fast)
    for (name, seconds), (_, why) in zip(fast.items(), whole["failed"], strict=True):
        assert why.startswith(f"{name}: {seconds} s of audio; expected at least 0.1 s")


def test_unreadable_files_are_listed_once(
    pitch: str, make_tones: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_tones(tmp_path / "m", {"low": (300,)})
    (folder / "low" / "bad.mp3").write_bytes(b"words, not music. " * 40)
    rows, whole = table(pitch, folder, ["20 dB softer", "5 % slower"])
    assert [path for path, _ in whole["failed"]] == ["low/bad.mp3"]
    assert all(row["n"] == 1 for row in rows.values())
    (folder / "low" / "300.wav").unlink()
    with pytest.raises(DatasetError, match="no file could be read"):
        table(pitch, folder)


def test_the_same_table_twice_in_any_number_of_processes(
    pitch: str, make_tones: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_tones(tmp_path / "m", {"low": (300, 490), "high": (5000,)})
    dataset = read(folder)
    truth = {i: (0 if item.label == "low" else 2) for i, item in enumerate(dataset.items)}
    some = ["Opus, 64 kbit/s", "white noise, 10 dB below"]
    one, two = (
        robustness(pitch, dataset, truth, (0, 1, 2), workers=n, damages=some) for n in (1, 2)
    )
    assert one == two


def test_a_long_file_is_heard_for_two_minutes(
    pitch: str, make_tone: Callable[..., Any], tmp_path: Path
) -> None:
    """Low for two minutes, then high for three: a whole hearing would say high."""
    (tmp_path / "m" / "low").mkdir(parents=True)
    y = np.concatenate([make_tone(300.0, LONGEST, sr=8_000), make_tone(3000.0, 180.0, sr=8_000)])
    soundfile.write(tmp_path / "m" / "low" / "mix.flac", y, 8_000)
    assert load(tmp_path / "m" / "low" / "mix.flac").seconds == 300.0
    rows, _ = table(pitch, tmp_path / "m", ["20 dB softer", "last 10 s only"])
    assert [row["accuracy"] for row in rows.values()] == [1.0] * 3


# ------------------------------------------------------------------- damages by name


def test_a_name_that_is_none_is_refused_before_anything_is_heard() -> None:
    question = Question("no such model", ("no such folder",), damages=("mp3 64 kbit/s",))
    with pytest.raises(UnknownName, match=r"no damage named 'mp3 64 kbit/s'.*mp3, 64 kbit/s"):
        evaluate(question)


def typed(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = main(["evaluate", *args, "--workers", "1"])
    return code, *capsys.readouterr()


def test_damages_as_they_are_typed(
    pitch: str,
    make_tones: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = str(make_tones(tmp_path / "m", {"low": (300, 505), "high": (5000,)}))
    some = ["--damage", "5 % faster", "--damage", "MP3, 320 kbit/s"]
    code, out, _ = typed(capsys, pitch, folder, *some, "--json")
    found = json.loads(out)["robustness"]
    assert code == 0
    assert [row["damage"] for row in found["rows"]] == [CLEAN, "mp3, 320 kbit/s", "5 % faster"]
    assert [row["lost_more"] for row in found["rows"]] == [False, False, True]
    assert found["summary"] == "1 of 2 damages cost more than 3 points"
    code, out, err = typed(capsys, pitch, folder, *some)
    assert code == 0
    marked = [line for line in out.splitlines() if "over 3 points" in line]
    assert len(marked) == 1
    assert marked[0].startswith("5 % faster ")
    assert "m: 1 of 2 damages cost more than 3 points\n" in err
    code, out, err = typed(capsys, pitch, folder, "--damage", "5 % fast")
    assert (code, out) == (2, "")
    assert err.startswith("Error: no damage named '5 % fast'; ")
    assert "Did you mean 5 % faster" in err
    assert err.count("\n") == 1


def test_names_of_damages_are_completed() -> None:
    (option,) = [one for one in command.params if one.name == "damages"]
    offered = option.shell_complete(click.Context(command), "mp3")
    assert [one.value for one in offered] == [n for n in DAMAGES if n.startswith("mp3")]
