"""One pass over the audio: facts, damage, and what is done about copies."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from genrewise.errors import AudioError, LeakageError
from genrewise.training.datasets import Dataset, Item, read
from genrewise.training.datasets.duplicates import (
    Duplicate,
    check_audio,
    duplicates,
    keep_apart,
    merge,
)
from genrewise.training.datasets.fingerprint import RATE
from genrewise.training.datasets.scan import Facts, measure, scan
from genrewise.training.datasets.synthesis import SR
from genrewise.training.datasets.synthetic import STYLES, artist, render
from genrewise.training.splits import Split, make_split

F32 = NDArray[np.float32]


def sine(seconds: float, level: float, sr: int = 22050) -> F32:
    t = np.arange(int(seconds * sr), dtype=np.float32) / sr
    return np.asarray(level * np.sin(2 * np.pi * 997 * t), dtype=np.float32)


def write(path: Path, y: F32, sr: int = 22050, subtype: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, y, sr, subtype=subtype)
    return path


def facts_of(path: Path, start: float = 0.0, duration: float | None = None) -> Facts:
    return measure((str(path), path.name, start, duration))


def tune(style: str, track: int, seconds: float = 8.0) -> F32:
    who = artist(STYLES[style], np.random.default_rng(3))
    return render(who, seconds, np.random.default_rng(track))


# -- facts of one file


def test_facts_of_a_sine(tmp_path: Path) -> None:
    facts = facts_of(write(tmp_path / "a.wav", sine(3.0, 0.5)))
    assert facts.path == "a.wav"
    assert facts.error == ""
    assert (facts.seconds, facts.stated) == (3.0, 3.0)
    assert (facts.sr, facts.channels, facts.codec) == (22050, 1, "pcm_s16")
    assert facts.peak == pytest.approx(0.5, abs=1e-3)
    # A sine of amplitude a has a mean square of a²/2.
    assert facts.level == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=0.01)
    assert (facts.silent, facts.clipped, facts.lost, facts.partial) == (0.0, 0.0, 0.0, False)
    assert len(facts.prints) == pytest.approx(3 * RATE, abs=5)


def test_stereo_and_rate(tmp_path: Path) -> None:
    y = np.stack([sine(1.0, 0.5, 48000), sine(1.0, 0.5, 48000)], axis=1)
    facts = facts_of(write(tmp_path / "a.flac", y, 48000))
    assert (facts.sr, facts.channels, facts.codec) == (48000, 2, "flac")
    assert facts.peak == pytest.approx(0.5, abs=1e-3)


def test_silence_is_counted_by_tenths(tmp_path: Path) -> None:
    y = np.concatenate([sine(2.0, 0.5), np.zeros(6 * 22050, np.float32), sine(2.0, 0.0005)])
    facts = facts_of(write(tmp_path / "a.wav", y, subtype="FLOAT"))
    # Six seconds of nothing, and two at -69 dB.
    assert facts.silent == pytest.approx(0.8, abs=0.02)
    mute = facts_of(write(tmp_path / "b.wav", np.zeros(22050, np.float32)))
    assert mute.silent == 1.0
    assert mute.level == -math.inf
    assert mute.peak == 0.0
    short = facts_of(write(tmp_path / "c.wav", np.zeros(50, np.float32)))
    assert short.silent == 1.0


def test_silence_does_not_depend_on_blocks(tmp_path: Path) -> None:
    # Blocks of 10 s: the meter carries the rest of a tenth over.
    y = np.tile(np.concatenate([sine(0.25, 0.5), np.zeros(5513, np.float32)]), 50)
    whole = facts_of(write(tmp_path / "a.wav", y))
    assert whole.seconds > 20
    sizes = 2205
    tenths = y[: len(y) // sizes * sizes].reshape(-1, sizes)
    wanted = float((np.square(tenths).mean(axis=1) < 1e-6).mean())
    assert whole.silent == pytest.approx(wanted, abs=1e-9)


def test_clipping_needs_three_in_a_row(tmp_path: Path) -> None:
    y = np.zeros(22050, dtype=np.float32)
    y[100:110] = 1.0
    y[200:203] = -1.0
    y[300:302] = 1.0
    y[400] = 1.0
    facts = facts_of(write(tmp_path / "a.wav", y, subtype="FLOAT"))
    assert facts.clipped == pytest.approx(13 / 22050)
    hard = facts_of(write(tmp_path / "b.wav", np.clip(sine(1.0, 4.0), -1, 1)))
    assert hard.clipped > 0.5
    assert facts_of(write(tmp_path / "c.wav", sine(1.0, 0.9))).clipped == 0.0


def test_a_part_of_a_file(tmp_path: Path) -> None:
    y = np.concatenate([sine(2.0, 0.1), sine(2.0, 0.8)])
    path = write(tmp_path / "a.wav", y)
    facts = facts_of(path, 2.5, 1.0)
    assert facts.seconds == pytest.approx(1.0, abs=1e-3)
    assert facts.peak == pytest.approx(0.8, abs=1e-2)
    assert facts_of(path, 0.5, 1.0).peak == pytest.approx(0.1, abs=1e-2)


def test_damage_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tune("blues", 1, 20.0), SR)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    facts = facts_of(path)
    assert facts.partial
    assert 5 < facts.lost < 15
    assert facts.seconds == pytest.approx(20 - facts.lost, abs=0.5)


def test_what_is_no_audio_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"this is no music")
    with pytest.raises(AudioError):
        facts_of(path)


# -- a whole data set


@pytest.fixture
def music(tmp_path: Path) -> Dataset:
    """Six good files, one of text, one empty."""
    for style in ("techno", "waltz"):
        for track in range(3):
            write(tmp_path / style / f"{track}.wav", tune(style, track), SR)
    (tmp_path / "techno" / "text.wav").write_text("no music")
    (tmp_path / "waltz" / "empty.mp3").write_bytes(b"")
    return read(tmp_path, group_by="file")


def test_scan_keeps_the_order_and_the_failures(music: Dataset) -> None:
    seen: list[int] = []
    facts = scan(music, workers=2, progress=seen.append)
    assert [f.path for f in facts] == [i.path for i in music.items]
    assert seen == list(range(1, 9))
    failed = {f.path: f.error for f in facts if f.error}
    assert set(failed) == {"techno/text.wav", "waltz/empty.mp3"}
    for error in failed.values():
        # The path is said once, by the report.
        assert not error.startswith(("/", "techno", "waltz"))
        assert "expected" in error
    assert all(f.seconds == pytest.approx(8.0) for f in facts if not f.error)
    assert all(len(f.prints) == 0 for f in facts if f.error)


def test_scan_does_not_depend_on_the_number_of_workers(music: Dataset) -> None:
    first, second = scan(music, workers=1), scan(music, workers=3)
    for a, b in zip(first, second, strict=True):
        assert replace(a, prints=b.prints) is not None
        assert (a.path, a.error, a.seconds, a.level, a.peak) == (
            b.path,
            b.error,
            b.seconds,
            b.level,
            b.peak,
        )
        assert np.array_equal(a.prints, b.prints)


def test_other_kinds_have_no_facts(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/2.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"x")
    dataset = read(tmp_path)
    assert scan(dataset) == ()
    assert duplicates(dataset, ()) == ()


# -- copies


@pytest.fixture
def copies(tmp_path: Path) -> Dataset:
    """A copy across labels, a later cut across groups, and clips of one track."""
    y = tune("disco", 1, 14.0)
    write(tmp_path / "disco" / "original.wav", y, SR)
    write(tmp_path / "disco" / "later.wav", y[4 * SR :] * np.float32(0.2), SR)
    write(tmp_path / "pop" / "copy.ogg", y, SR)
    write(tmp_path / "pop" / "other.wav", tune("march", 5, 14.0), SR)
    z = tune("blues", 2, 14.0)
    write(tmp_path / "pop" / "piece1.wav", z[: 9 * SR], SR)
    write(tmp_path / "pop" / "piece2.wav", z[2 * SR :], SR)
    (tmp_path / "manifest.csv").write_text(
        "path,label,group,track\n"
        "disco/original.wav,disco,A,t1\n"
        "disco/later.wav,disco,B,t2\n"
        "pop/copy.ogg,pop,C,t3\n"
        "pop/other.wav,pop,D,t4\n"
        "pop/piece1.wav,pop,E,t5\n"
        "pop/piece2.wav,pop,E,t5\n"
    )
    return read(tmp_path)


def test_copies_are_found_and_joined(copies: Dataset) -> None:
    pairs = duplicates(copies, scan(copies, workers=1))
    # Clips of one track are no copies: they are kept together anyway.
    assert [(p.first, p.second) for p in pairs] == [(0, 1), (0, 2), (1, 2)]
    assert pairs[0].offset == pytest.approx(4.0, abs=0.07)
    assert pairs[1].offset == pytest.approx(0.0, abs=0.07)
    items = copies.items
    assert [p.across(items) for p in pairs] == [True] * 3
    assert [p.contradicts(items) for p in pairs] == [False, True, True]
    joined = merge(copies, pairs)
    assert [i.group for i in joined.items] == ["A", "A", "A", "D", "E", "E"]
    assert [p.across(joined.items) for p in pairs] == [False] * 3
    assert [i.label for i in joined.items] == [i.label for i in items]


def hand(*rows: tuple[str, str, str]) -> Dataset:
    items = tuple(Item(f"{i}.wav", "a", g, t, s) for i, (g, t, s) in enumerate(rows))
    return Dataset("hand", ".", items, ("a",))


def pair(first: int, second: int) -> Duplicate:
    return Duplicate(first, second, 0.0, 20.0, 0.05)


def test_merging_spreads_through_groups() -> None:
    dataset = hand(("A", "0", ""), ("B", "1", ""), ("B", "2", ""), ("C", "3", ""), ("D", "4", ""))
    joined = merge(dataset, [pair(0, 1), pair(2, 3)])
    assert [i.group for i in joined.items] == ["A", "A", "A", "A", "D"]
    assert merge(dataset, []).items == dataset.items


def test_equal_audio_on_two_sides_is_refused() -> None:
    dataset = hand(("A", "0", ""), ("B", "1", ""), ("C", "2", ""))
    with pytest.raises(LeakageError) as caught:
        check_audio(dataset, Split((0,), (2,), (1,), "", 0), [pair(0, 1)])
    assert str(caught.value) == (
        "the same audio on two sides: 0.wav in train and 1.wav in test (20 s, 5% of the "
        "fingerprint differs); expected copies of a recording on one side. Give both one group, "
        "or leave one out"
    )
    check_audio(dataset, Split((0, 1), (), (2,), "", 0), [pair(0, 1)])
    # One of the two is in no part at all.
    check_audio(dataset, Split((0,), (), (2,), "", 0), [pair(0, 1)])


def test_a_fixed_split_that_parts_copies_leaks() -> None:
    dataset = hand(("A", "0", "train"), ("B", "1", "test"), ("C", "2", "valid"))
    make_split(dataset)
    with pytest.raises(LeakageError, match="group 'A' stands on two sides"):
        make_split(merge(dataset, [pair(0, 1)]))


def test_of_copies_on_two_sides_the_one_that_is_learnt_from_is_left_out() -> None:
    dataset = hand(
        *(("A", "0", "train"), ("A", "1", "train"), ("B", "2", "test"), ("C", "3", "valid")),
        *(("D", "4", "train"), ("E", "5", "train"), ("F", "6", "")),
    )
    pairs = [pair(0, 2), pair(2, 3), pair(4, 5), pair(1, 6)]
    apart, together, left_out = keep_apart(dataset, pairs)
    assert [i.split for i in apart.items] == ["", "train", "test", "", "train", "train", ""]
    assert (together, left_out) == ([pair(4, 5)], ("0.wav", "3.wav"))
    joined = merge(apart, together)
    assert [i.group for i in joined.items] == ["A", "A", "B", "C", "D", "D", "F"]
    split = make_split(joined, valid=0.0)
    check_audio(joined, split, pairs)
    assert (split.train, split.test) == ((1, 4, 5), (2,))


def test_joined_copies_stay_together_in_every_split(copies: Dataset) -> None:
    more = tuple(Item(f"x{i}.wav", "pop", f"x{i}", f"x{i}") for i in range(9))
    dataset = replace(copies, items=copies.items + more)
    joined = merge(dataset, [pair(0, 1), pair(0, 2)])
    for seed in range(6):
        split = make_split(joined, seed=seed)
        part = {i: name for name, own in split.parts().items() for i in own}
        assert part[0] == part[1] == part[2]
        check_audio(joined, split, [pair(0, 1), pair(0, 2), pair(1, 2)])


def test_real_clips(shared_data: Path) -> None:
    dataset = read(shared_data / "loops", labels=["reggae"])
    facts = scan(dataset, workers=1)
    assert len(facts) == 28
    assert not [f.error for f in facts if f.error]
    assert {f.codec for f in facts} == {"opus"}
    assert all(1 < f.seconds < 25 for f in facts)
