"""Fingerprints: copies are found whatever was done to them, and nothing else is."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genrewise.audio import load, resample
from genrewise.features.frontend import log_mel
from genrewise.training.datasets.fingerprint import (
    FRONTEND,
    MAX_ERROR,
    RATE,
    Match,
    fingerprint,
    matches,
)
from genrewise.training.datasets.synthesis import SR
from genrewise.training.datasets.synthetic import STYLES, artist, render

F32 = NDArray[np.float32]
U32 = NDArray[np.uint32]


def tune(style: str, who: int, track: int, seconds: float = 12.0) -> F32:
    rng = np.random.default_rng([7, who])
    return render(artist(STYLES[style], rng), seconds, np.random.default_rng([who, track]))


def prints(y: F32, sr: int = SR) -> U32:
    return fingerprint(log_mel(resample(y, sr, FRONTEND.sr), FRONTEND))


@pytest.fixture(scope="module")
def library() -> list[U32]:
    """Two tracks of each of two artists of every genre."""
    return [prints(tune(s, who, t)) for s in STYLES for who in (1, 2) for t in (1, 2)]


def recode(y: F32, kind: str, subtype: str, level: float) -> F32:
    stream = io.BytesIO()
    soundfile.write(stream, y, SR, format=kind, subtype=subtype, compression_level=level)
    stream.seek(0)
    out: F32 = soundfile.read(stream, dtype="float32")[0]
    return out


def noisy(y: F32) -> F32:
    noise = np.random.default_rng(0).standard_normal(len(y)).astype(np.float32)
    return y + np.float32(0.1) * y.std() * noise


CHANGES: dict[str, Callable[[F32], F32]] = {
    "same": lambda y: y,
    "quieter": lambda y: y * np.float32(0.03),
    "inverted": lambda y: -y,
    "cut out": lambda y: y[int(2.37 * SR) : int(8.9 * SR)],
    "later": lambda y: np.concatenate([np.zeros(int(1.313 * SR), np.float32), y]),
    "noise 20 dB below": noisy,
    "narrow band": lambda y: resample(resample(y, SR, 8000), 8000, SR),
    "worst mp3": lambda y: recode(y, "MP3", "MPEG_LAYER_III", 0.99),
    "worst vorbis": lambda y: recode(y, "OGG", "VORBIS", 1.0),
    "half a per cent faster": lambda y: resample(y, SR, int(SR / 1.005)),
}


@pytest.mark.parametrize("change", list(CHANGES))
@pytest.mark.parametrize("style", ["techno", "blues", "waltz", "metal"])
def test_copies_are_found(library: list[U32], style: str, change: str) -> None:
    number = list(STYLES).index(style) * 4 + 3
    copy = prints(CHANGES[change](tune(style, 2, 2)))
    found = matches([*library, copy])
    assert [(m.first, m.second) for m in found] == [(number, len(library))]


def test_nothing_else_is_found(library: list[U32]) -> None:
    # Tracks of one artist share instruments, kit and often the tempo, yet are no copies.
    assert matches(library) == []


def test_offset_and_overlap_are_told() -> None:
    y = tune("swing", 1, 1, 20.0)
    later, earlier = prints(y[5 * SR :]), prints(y[: 14 * SR])
    (match,) = matches([earlier, later])
    assert match.offset == pytest.approx(5.0, abs=0.07)
    assert match.overlap == pytest.approx(9.0, abs=0.5)
    assert match.error < 0.02
    (other,) = matches([later, earlier])
    assert other.offset == pytest.approx(-5.0, abs=0.07)


def test_identical_files_do_not_differ() -> None:
    own = prints(tune("march", 1, 1))
    (match,) = matches([own, own.copy()])
    assert match == Match(0, 1, 0.0, len(own) / RATE, 0.0)


def test_every_pair_of_a_set_is_found_once() -> None:
    own = prints(tune("disco", 1, 1))
    found = matches([own, own, own])
    assert [(m.first, m.second) for m in found] == [(0, 1), (0, 2), (1, 2)]


def test_short_files_match_when_nearly_whole() -> None:
    y = tune("reggae", 1, 1)
    short = prints(y[3 * SR : 6 * SR])
    assert [m.first for m in matches([prints(y), short])] == [0]
    # A second of music is too little evidence.
    assert matches([prints(y), prints(y[3 * SR : 4 * SR])]) == []


def test_least_overlap_is_a_setting() -> None:
    y = tune("bossa", 1, 1, 20.0)
    pair = [prints(y[: 12 * SR]), prints(y[8 * SR :])]
    assert len(matches(pair, min_overlap=3.0)) == 1
    assert matches(pair, min_overlap=6.0) == []


@pytest.mark.parametrize(
    "y",
    [
        np.zeros(0, dtype=np.float32),
        np.zeros(5 * SR, dtype=np.float32),
        np.full(5 * SR, 0.5, dtype=np.float32),
        np.zeros(100, dtype=np.float32),
    ],
    ids=["empty", "silence", "constant", "some samples"],
)
def test_what_holds_no_music_matches_nothing(y: F32) -> None:
    own = prints(y)
    assert own.dtype == np.uint32
    assert matches([own, own, prints(tune("techno", 1, 1))]) == []


def test_silence_around_music_is_no_evidence() -> None:
    silence = np.zeros(6 * SR, dtype=np.float32)
    first = np.concatenate([silence, tune("disco", 1, 1)])
    second = np.concatenate([silence, tune("waltz", 1, 1)])
    assert matches([prints(first), prints(second)]) == []
    assert (prints(first)[: int(5 * RATE)] == 0).all()


def test_nothing_to_compare() -> None:
    assert matches([]) == []
    assert matches([prints(tune("techno", 1, 1))]) == []


def test_bits_by_hand() -> None:
    bands = np.zeros((6, 33), dtype=np.float32)
    # Slope of band 0 over 1 and of band 31 over 32 rises between frames 0 and 4.
    bands[4, 0] = 1.0
    bands[4, 32] = -1.0
    assert fingerprint(bands).tolist() == [1 + (1 << 31), 0]
    assert len(fingerprint(bands[:4])) == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 150), st.integers(0, 60))
def test_random_bits_with_a_common_stretch(seed: int, shift: int, wrong: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.integers(1, 2**32, 300, dtype=np.uint32)
    second = rng.integers(1, 2**32, 300, dtype=np.uint32)
    other = rng.integers(1, 2**32, 300, dtype=np.uint32)
    second[: 300 - shift] = first[shift:]
    for frame in rng.choice(300 - shift, min(wrong, 300 - shift), replace=False):
        second[frame] ^= np.uint32(1) << np.uint32(rng.integers(32))
    found = matches([first, other, second])
    assert [(m.first, m.second) for m in found] == [(0, 2)]
    assert found[0].offset == shift / RATE
    assert found[0].error <= wrong / (32 * (300 - shift)) + 1e-9


def test_many_files_in_little_time() -> None:
    rng = np.random.default_rng(0)
    many = [rng.integers(1, 2**32, 480, dtype=np.uint32) for _ in range(2000)]
    many[1999] = many[0].copy()
    start = time.perf_counter()
    found = matches(many)
    assert [(m.first, m.second) for m in found] == [(0, 1999)]
    assert time.perf_counter() - start < 20


# -- real music


def test_replicas_of_gtzan(shared_data: Path) -> None:
    """Every known replica is found, and whatever else is found bears the same title."""
    with (shared_data / "gtzan" / "manifest.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    sets: dict[str, list[str]] = {}
    for row in rows:
        if row["replica_set"]:
            sets.setdefault(row["replica_set"], []).append(row["path"])
    replicas = {tuple(sorted(p)) for p in sets.values() if len(p) > 1}
    assert len(replicas) == 10
    # The replicas, and as many other tracks of the same genres.
    wanted = {path for pair in replicas for path in pair}
    others = [r["path"] for r in rows if r["label"] in {"metal", "pop"}][:24]
    paths = sorted(wanted | set(others))
    own = []
    for path in paths:
        audio = load(shared_data / "gtzan" / path)
        own.append(prints(audio.y, audio.sr))
    found = {(paths[m.first], paths[m.second]): m for m in matches(own)}
    assert replicas <= set(found)
    about = {row["path"]: row for row in rows}
    for (first, second), match in found.items():
        assert about[first]["title"].casefold()[:6] == about[second]["title"].casefold()[:6]
        assert match.error < MAX_ERROR


def test_mp3_originals_are_known_again(shared_data: Path) -> None:
    clips = sorted((shared_data / "mp3").glob("*.mp3"))
    stored = [next((shared_data / "hard-techno").glob(f"*/{c.stem}.opus")) for c in clips]
    own = []
    for path in [*stored, *clips]:
        audio = load(path)
        own.append(prints(audio.y, audio.sr))
    n = len(clips)
    assert n == 12
    assert [(m.first, m.second) for m in matches(own)] == [(i, i + n) for i in range(n)]


# -- the index against plain search


def by_force(own: list[U32]) -> dict[tuple[int, int], tuple[int, float]]:
    """Best offset and error of every pair, by trying all offsets bit by bit."""
    found = {}
    for i, a in enumerate(own):
        for j in range(i + 1, len(own)):
            b = own[j]
            best = (0, 1.0)
            for offset in range(-len(b) + 70, len(a) - 70):
                x, y = a[max(0, offset) :], b[max(0, -offset) :]
                n = min(len(x), len(y))
                both = (x[:n] != 0) & (y[:n] != 0)
                if both.sum() < 64:
                    continue
                wrong = sum(int(v).bit_count() for v in (x[:n] ^ y[:n])[both])
                error = wrong / (32 * int(both.sum()))
                if error < best[1]:
                    best = (offset, error)
            if best[1] <= MAX_ERROR:
                found[i, j] = best
    return found


def test_index_finds_what_plain_search_finds() -> None:
    own = [prints(tune(s, 1, 1, 9.0)) for s in ("disco", "march", "swing")]
    own += [prints(noisy(tune("march", 1, 1, 9.0)[3 * SR :]))]
    own += [prints(recode(tune("swing", 1, 1, 9.0)[: 7 * SR], "MP3", "MPEG_LAYER_III", 0.9))]
    wanted = by_force(own)
    found = {(m.first, m.second): m for m in matches(own)}
    assert set(found) == set(wanted) == {(1, 3), (2, 4)}
    for pair, (offset, error) in wanted.items():
        assert found[pair].error == pytest.approx(error, abs=1e-9)
        assert found[pair].offset * RATE == offset


def test_order_of_files_does_not_matter() -> None:
    own = [prints(tune(s, 1, 1, 9.0)) for s in ("disco", "march", "swing")]
    own += [prints(tune("disco", 1, 1, 9.0)[SR:]), prints(tune("swing", 1, 1, 9.0)[: 6 * SR])]
    found = {frozenset((m.first, m.second)) for m in matches(own)}
    order = [4, 2, 0, 3, 1]
    again = matches([own[i] for i in order])
    assert {frozenset((order[m.first], order[m.second])) for m in again} == found
    assert len(found) == 2


def test_music_that_repeats_itself_matches_itself_only_as_a_copy() -> None:
    bar = tune("techno", 1, 1, 2.0)
    loop = np.tile(bar, 8)
    own = prints(loop)
    # A file is never its own copy, however often it says the same.
    assert matches([own]) == []
    (match,) = matches([own, prints(loop[int(0.5 * SR) :])])
    assert (match.first, match.second) == (0, 1)
    assert match.error < 0.1
