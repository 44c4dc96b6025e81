"""Cutting: where clips begin, what becomes of the rest, names, manifests."""

from __future__ import annotations

import csv
import os
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genrewise.cut import (
    LONGEST_NAME,
    Clip,
    CutRule,
    Cutter,
    Manifest,
    Namer,
    Piece,
    Track,
    cut_blocks,
    cut_track,
    read_known,
)
from genrewise.errors import AudioError, DatasetError

F32 = NDArray[np.float32]
SR = 1_000


def ramp(seconds: float, sr: int = SR) -> F32:
    """Every sample says where it stood."""
    return np.arange(round(seconds * sr), dtype=np.float32) / np.float32(65_536)


def song(path: Path, seconds: float, sr: int = 8_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, ramp(seconds, sr), sr, subtype="PCM_16", format="WAV")
    return path


def cut(y: F32, rule: CutRule, sr: int = SR, block: int = 777) -> list[tuple[int, F32]]:
    blocks = [y[i : i + block] for i in range(0, len(y), block)]
    return [(start, clip.copy()) for start, clip in cut_blocks(blocks, sr, rule)]


# ---------------------------------------------------------------------- rule


@pytest.mark.parametrize(
    "wrong",
    [
        {"length": 0.0},
        {"length": -1.0},
        {"length": float("nan")},
        {"length": float("inf")},
        {"hop": -1.0},
        {"hop": float("inf")},
        {"tail": "pad"},
        {"form": "mp3"},
    ],
)
def test_rules_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(DatasetError):
        CutRule(**wrong)


# -------------------------------------------------------------------- samples


@pytest.mark.parametrize(
    ("seconds", "rule", "starts", "last"),
    [
        (30.0, CutRule(8.0), [0, 8, 16], 8.0),
        (30.0, CutRule(8.0, tail="keep"), [0, 8, 16, 24], 6.0),
        (24.0, CutRule(8.0, tail="keep"), [0, 8, 16], 8.0),
        (24.05, CutRule(8.0, tail="keep"), [0, 8, 16], 8.0),  # a rest too short for anything
        (24.2, CutRule(8.0, tail="keep"), [0, 8, 16, 24], 0.2),
        (20.0, CutRule(8.0, 4.0), [0, 4, 8, 12], 8.0),
        (21.0, CutRule(8.0, 4.0, "keep"), [0, 4, 8, 12, 16], 5.0),
        (20.0, CutRule(8.0, 4.0, "keep"), [0, 4, 8, 12], 8.0),  # all of it is in the last one
        (30.0, CutRule(5.0, 10.0), [0, 10, 20], 5.0),
        (33.0, CutRule(5.0, 10.0, "keep"), [0, 10, 20, 30], 3.0),
        (29.0, CutRule(5.0, 10.0, "keep"), [0, 10, 20], 5.0),  # the rest lies in a gap
        (3.0, CutRule(8.0), [], 0),
        (3.0, CutRule(8.0, tail="keep"), [0], 3.0),
        (8.0, CutRule(8.0), [0], 8.0),
        (0.05, CutRule(8.0, tail="keep"), [], 0),
    ],
)
def test_where_clips_begin(seconds: float, rule: CutRule, starts: list[int], last: float) -> None:
    clips = cut(ramp(seconds), rule)
    assert [start / SR for start, _ in clips] == starts
    if clips:
        assert len(clips[-1][1]) == round(last * SR)


@given(
    n=st.integers(0, 5_000),
    length=st.integers(1, 900),
    hop=st.integers(0, 900),
    block=st.integers(1, 2_000),
    tail=st.sampled_from(["drop", "keep"]),
)
@settings(max_examples=150, deadline=None)
def test_every_clip_is_what_stood_there(
    *, n: int, length: int, hop: int, block: int, tail: Any
) -> None:
    rule = CutRule(length / SR, hop / SR, tail)
    y = ramp(n / SR)
    clips = cut(y, rule, block=block)
    step = hop or length
    for k, (start, clip) in enumerate(clips):
        assert start == k * step
        np.testing.assert_array_equal(clip, y[start : start + length])
    full = sum(len(clip) == length for _, clip in clips)
    assert full == (0 if n < length else 1 + (n - length) // step)
    assert len(clips) - full <= (tail == "keep")


@given(n=st.integers(200, 5_000), length=st.integers(100, 900), block=st.integers(1, 2_000))
@settings(max_examples=60, deadline=None)
def test_clips_that_touch_cover_every_sample_once(n: int, length: int, block: int) -> None:
    y = ramp(n / SR)
    clips = cut(y, CutRule(length / SR, tail="keep"), block=block)
    rest = n % length
    covered = n - rest if rest < 100 else n
    np.testing.assert_array_equal(np.concatenate([c for _, c in clips]), y[:covered])


def test_a_hop_of_no_whole_samples_does_not_drift() -> None:
    clips = cut(ramp(100.0), CutRule(0.5, 1 / 3))
    assert [start for start, _ in clips[::3]] == list(range(0, 99_001, 1_000))


@pytest.mark.parametrize(("length", "hop"), [(0.01, 1e-9), (1e-9, 0.0), (1e-9, 1e-9)])
def test_a_hop_below_a_sample_ends(length: float, hop: float) -> None:
    clips = cut(ramp(0.02), CutRule(length, hop))
    size = max(1, round(length * SR))
    assert [start for start, _ in clips] == list(range(20 - size + 1))
    assert {len(clip) for _, clip in clips} == {size}


# --------------------------------------------------------------------- tracks


@pytest.mark.parametrize("form", ["wav", "flac"])
def test_clips_are_written_whole(tmp_path: Path, form: Any) -> None:
    source = song(tmp_path / "in" / "a.wav", 5.0)
    piece = cut_track(
        Track(str(source), "rock/a", {}), tmp_path / "out", CutRule(2.0, tail="keep", form=form)
    )
    assert [c.path for c in piece.clips] == [f"rock/a_000{n}.{form}" for n in range(3)]
    assert [(c.start, c.seconds) for c in piece.clips] == [(0, 2), (2, 2), (4, 1)]
    assert (piece.seconds, piece.lost, piece.partial) == (5.0, 0.0, False)
    whole = ramp(5.0, 8_000)
    for clip in piece.clips:
        y, sr = soundfile.read(tmp_path / "out" / clip.path, dtype="float32")
        assert (sr, y.ndim) == (8_000, 1)
        assert soundfile.info(tmp_path / "out" / clip.path).subtype == "PCM_16"
        first = round(clip.start * sr)
        np.testing.assert_allclose(y, whole[first : first + len(y)], atol=1 / 32_768)
    assert not list((tmp_path / "out").rglob("*.part"))


def test_another_rate(tmp_path: Path) -> None:
    source = song(tmp_path / "a.wav", 4.0, 44_100)
    piece = cut_track(Track(str(source), "a", {}), tmp_path / "out", CutRule(2.0, sr=16_000))
    infos = [soundfile.info(tmp_path / "out" / c.path) for c in piece.clips]
    assert [(i.samplerate, i.frames) for i in infos] == [(16_000, 32_000)] * 2


def test_a_damaged_track_gives_what_there_is(tmp_path: Path) -> None:
    source = song(tmp_path / "a.wav", 10.0)
    source.write_bytes(source.read_bytes()[:80_000])
    piece = cut_track(Track(str(source), "a", {}), tmp_path / "out", CutRule(2.0))
    assert len(piece.clips) == 2
    assert piece.partial
    assert piece.lost == pytest.approx(5, abs=0.01)


def test_what_is_too_loud_for_16_bits_is_clipped_and_does_not_wrap(tmp_path: Path) -> None:
    loud = np.array([0.5, 1.5, -0.5, -1.5] * 500, dtype=np.float32)
    soundfile.write(tmp_path / "a.wav", loud, SR, subtype="FLOAT")
    cut_track(Track(str(tmp_path / "a.wav"), "a", {}), tmp_path / "out", CutRule(1.0))
    y, _ = soundfile.read(tmp_path / "out" / "a_0001.wav")
    np.testing.assert_allclose(y, np.clip(loud[SR:], -1, 1), atol=1 / 32_767)


def test_stereo_becomes_the_mean_of_its_channels(tmp_path: Path) -> None:
    both = np.stack([ramp(1.0), 0.25 - ramp(1.0)], axis=1)
    soundfile.write(tmp_path / "a.wav", both, SR, subtype="FLOAT")
    (clip,) = cut_track(
        Track(str(tmp_path / "a.wav"), "a", {}), tmp_path / "out", CutRule(1.0)
    ).clips
    y, _ = soundfile.read(tmp_path / "out" / clip.path)
    np.testing.assert_allclose(y, 0.125, atol=1 / 32_767)


def test_no_audio(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"text")
    with pytest.raises(AudioError, match="text"):
        cut_track(Track(str(tmp_path / "a.mp3"), "a", {}), tmp_path / "out", CutRule())
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    source = song(tmp_path / "a.wav", 3.0)
    (tmp_path / "out").write_bytes(b"a file")
    with pytest.raises(AudioError, match="cannot be written"):
        cut_track(Track(str(source), "a", {}), tmp_path / "out", CutRule(1.0))


def test_a_worker_cuts(tmp_path: Path) -> None:
    source = song(tmp_path / "a.wav", 3.0)
    work = Cutter(str(tmp_path / "out"), CutRule(1.0))()
    assert len(work(Track(str(source), "x/a", {})).clips) == 3
    assert (tmp_path / "out" / "x" / "a_0002.wav").is_file()


# ---------------------------------------------------------------------- names


def test_folders_are_kept_and_the_first_is_the_label(tmp_path: Path) -> None:
    namer = Namer(str(tmp_path), set())
    track = namer.track(str(tmp_path / "blues" / "album" / "song.mp3"))
    assert (track.stem, track.about) == ("blues/album/song", {"label": "blues"})
    assert namer.track(str(tmp_path / "loose.mp3")).about == {}


def test_a_file_by_itself_keeps_its_name_only(tmp_path: Path) -> None:
    track = Namer("", set()).track(str(tmp_path / "blues" / "song.mp3"))
    assert (track.stem, track.about) == ("song", {})


def test_no_two_tracks_share_a_name(tmp_path: Path) -> None:
    used: set[str] = set()
    names = ["a/x.mp3", "a/x.flac", "a/X.mp3", "a/x.mp3", "b/x.mp3"]
    one, two = Namer(str(tmp_path), used), Namer(str(tmp_path), used)
    stems = [one.track(str(tmp_path / n)).stem for n in names]
    assert stems[:2] == ["a/x", "a/x.flac"]
    stems += [two.track(str(tmp_path / n)).stem for n in names]
    assert len({s.casefold() for s in stems}) == len(stems)


def test_long_names_leave_room_for_a_number(tmp_path: Path) -> None:
    for letter in ("x", "é", "歌"):
        name = (letter * 250).encode()[:246].decode("utf-8", "ignore") + ".mp3"
        source = song(tmp_path / "in" / name, 2.0)
        track = Namer(str(tmp_path / "in"), set()).track(str(source))
        assert len(os.fsencode(track.stem)) <= LONGEST_NAME
        assert name.startswith(track.stem)
        assert len(cut_track(track, tmp_path / "out", CutRule(1.0)).clips) == 2


def test_dots_in_names_are_no_suffixes(tmp_path: Path) -> None:
    namer = Namer(str(tmp_path), set())
    stems = [namer.track(str(tmp_path / f"blues.0000{n}.wav")).stem for n in range(3)]
    assert stems == ["blues.00000", "blues.00001", "blues.00002"]


# ------------------------------------------------------------------ manifests


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def piece(*paths: str) -> Piece:
    clips = tuple(Clip(p, 8.0 * n, 8.0) for n, p in enumerate(paths))
    return Piece(clips, 8.0 * len(paths), 0.0, False)


def test_the_manifest_keeps_recordings_together(tmp_path: Path) -> None:
    with Manifest(tmp_path / "new") as manifest:
        manifest.add(Track("s", "rock/a", {"label": "rock"}), piece("rock/a_0.wav", "rock/a_1.wav"))
        manifest.add(Track("s", "b", {}), piece("b_0.wav"))
    assert rows(tmp_path / "new") == [
        {
            "path": path,
            "label": label,
            "group": track,
            "track": track,
            "start": start,
            "seconds": "8.000",
        }
        for path, label, track, start in (
            ("rock/a_0.wav", "rock", "rock/a", "0.000"),
            ("rock/a_1.wav", "rock", "rock/a", "8.000"),
            ("b_0.wav", "", "b", "0.000"),
        )
    ]


def test_what_the_old_manifest_knew_is_carried_over(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "manifest.csv").write_text(
        "path,label,group,split,artist,duration\n"
        "x\\a.mp3,jazz,Ella,train,Ella,30\n"
        "y/b.mp3,blues,,,,30\n",
        encoding="utf-8-sig",
    )
    namer = Namer(str(source), set())
    assert namer.columns() == ["label", "group", "split", "artist"]
    a, b = namer.track(str(source / "x" / "a.mp3")), namer.track(str(source / "y" / "b.mp3"))
    with Manifest(tmp_path / "out", namer.columns()) as manifest:
        manifest.add(a, piece("x/a_0.wav"))
        manifest.add(b, piece("y/b_0.wav"))
    first, second = rows(tmp_path / "out")
    assert {k: first[k] for k in ("label", "group", "track", "split", "artist")} == {
        "label": "jazz",
        "group": "Ella",
        "track": "x/a",
        "split": "train",
        "artist": "Ella",
    }
    assert (second["label"], second["group"], second["split"]) == ("blues", "y/b", "")
    assert "duration" not in first


def test_a_manifest_that_cannot_be_read(tmp_path: Path) -> None:
    assert read_known(tmp_path) == {}
    (tmp_path / "manifest.csv").write_text("path,label\na.wav,x\n", encoding="utf-16")
    with pytest.raises(DatasetError, match="UTF-8"):
        read_known(tmp_path)


def test_a_folder_with_a_manifest_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("mine")
    with pytest.raises(DatasetError, match="there already"):
        Manifest(tmp_path)
    assert (tmp_path / "manifest.csv").read_text() == "mine"


def test_a_manifest_of_nothing_leaves_nothing(tmp_path: Path) -> None:
    with Manifest(tmp_path / "out") as manifest:
        manifest.add(Track("s", "a", {}), piece())
    assert list((tmp_path / "out").iterdir()) == []


def test_an_interrupted_run_lists_what_there_is(tmp_path: Path) -> None:
    def interrupted() -> None:
        with Manifest(tmp_path) as manifest:
            manifest.add(Track("s", "a", {}), piece("a_0.wav"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [r["path"] for r in rows(tmp_path)] == ["a_0.wav"]


@pytest.mark.skipif(os.name != "posix", reason="needs names that are bytes")
def test_a_name_that_is_no_utf_8_is_listed(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    with Manifest(tmp_path) as manifest:
        manifest.add(Track("s", name, {}), piece(f"{name}_0.wav"))
    assert b"caf\xe9_0.wav,,caf\xe9,caf\xe9,0.000" in (tmp_path / "manifest.csv").read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="needs names that are bytes")
def test_a_manifest_of_ours_is_read_again(tmp_path: Path) -> None:
    """Clips may be cut again, or made into features, whatever their names are."""
    stems = [os.fsdecode(b"caf\xe9"), "two\nlines", 'quo"te, comma', "歌\u2028", " blanks "]
    with Manifest(tmp_path) as manifest:
        for stem in stems:
            manifest.add(Track("s", stem, {"label": "rock"}), piece(f"{stem}_0000.wav"))
    namer = Namer(str(tmp_path), set())
    for stem in stems:
        again = namer.track(str(tmp_path / f"{stem}_0000.wav"))
        assert again.about == {"label": "rock", "group": stem, "track": stem}


@given(
    table=st.lists(
        st.tuples(st.text("ab/ é,\"'", min_size=1, max_size=8), st.text("xyz ,;\n", max_size=5)),
        max_size=6,
        unique_by=lambda row: Path(row[0]),
    )
)
@settings(max_examples=40, deadline=None)
def test_what_a_manifest_says_is_known_by_path(table: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        with (Path(name) / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "label", "start", "duration"])
            writer.writerows([path, label, "1", "2"] for path, label in table)
        known = read_known(Path(name))
    want = {str(PurePosixPath(p)): {"label": label} if label else {} for p, label in table}
    assert known == want


def test_a_row_of_too_many_or_too_few_cells_keeps_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("path,label,group\na.wav,rock,g,more\nb.wav,pop\n")
    assert read_known(tmp_path) == {
        "a.wav": {"label": "rock", "group": "g"},
        "b.wav": {"label": "pop"},
    }


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DatasetError, match="expected a writable folder"):
        Manifest(tmp_path / "file" / "out")
