"""What cut, features and spectrograms share: which tracks, in which pieces, how it is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.audio import load
from genrewise.cli import tracks as module
from genrewise.cli.paths import Tally
from genrewise.cli.tracks import Counts, Pieces, namers, tracks
from genrewise.cut import Namer, Track
from genrewise.engine import Outcome, Refused
from genrewise.errors import AudioError, DatasetError

SR = 8000


def song(path: Path, seconds: float, sr: int = SR, channels: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(round(seconds * 100))
    y = rng.uniform(-0.3, 0.3, (round(seconds * sr), channels)).astype(np.float32)
    soundfile.write(path, y, sr, subtype="FLOAT")
    return path


def outcome(
    item: Any,
    value: Any = None,
    error: str = "",
    kind: Literal["ok", "failed", "timeout", "crashed", "memory"] = "ok",
) -> Outcome:
    return Outcome(0, item, value, error, kind, int(kind != "ok"), 0.1)


# ------------------------------------------------------------------------ tracks


@pytest.fixture
def music(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("jazz/a.wav", "jazz/b.wav", "rock/live/a.wav"):
        song(tmp_path / "music" / name, 0.1)
    (tmp_path / "music" / "jazz" / "cover.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "music" / "manifest.csv").write_text(
        "path,label,split\njazz/a.wav,bebop,test\n", encoding="utf-8"
    )
    return tmp_path


def listed(*paths: str, output: str = "out") -> tuple[list[Any], Tally]:
    tally = Tally()
    return list(tracks(namers(paths, Path(output)), tally)), tally


@pytest.mark.usefixtures("music")
def test_folders_files_and_patterns_in_order() -> None:
    found, tally = listed("music", "music/jazz/b.wav", "music/*/*.wav")
    assert [(t.source, t.stem, t.about.get("label")) for t in found] == [
        ("music/jazz/a.wav", "jazz/a", "bebop"),
        ("music/jazz/b.wav", "jazz/b", "jazz"),
        ("music/rock/live/a.wav", "rock/live/a", "rock"),
        ("music/jazz/b.wav", "b", None),
        ("music/jazz/a.wav", "a", None),
        ("music/jazz/b.wav", "b.wav", None),
    ]
    assert found[0].about == {"label": "bebop", "split": "test"}
    assert tally.passed_over == 2


@pytest.mark.usefixtures("music")
def test_what_cannot_be_is_refused_in_its_place() -> None:
    found, _ = listed("music/gone.wav", "music/jazz", "music/*.ogg")
    assert [(r.item, r.error) for r in found if isinstance(r, Refused)] == [
        ("music/gone.wav", "no such file or folder"),
        ("music/*.ogg", "no file matches this pattern"),
    ]
    assert isinstance(found[0], Refused)
    assert [t.stem for t in found[1:3]] == ["a", "b"]


@pytest.mark.usefixtures("music")
def test_an_address_is_a_track_of_its_own() -> None:
    (found,) = listed("https://example.org/live/song.mp3")[0]
    assert found == Track("https://example.org/live/song.mp3", "song", {})


@pytest.mark.parametrize("output", ["music", "music/out", "music/../music/x", "./music/jazz/x"])
def test_nothing_is_written_where_it_is_read(music: Path, output: str) -> None:
    with pytest.raises(DatasetError, match="which is read; expected an output folder elsewhere"):
        namers(("music",), Path(output))
    with pytest.raises(DatasetError, match="which is read"):
        namers(("other", str(music / "music")), Path(output))


@pytest.mark.parametrize("output", ["out", "music2", "music/../out", "mus"])
@pytest.mark.usefixtures("music")
def test_a_folder_beside_it_is_fine(output: str) -> None:
    (named,) = namers(("music",), Path(output))
    assert named[0] == "music"
    assert named[1].columns() == ["label", "split"]


def test_a_link_into_the_music_is_the_music(music: Path) -> None:
    (music / "link").symlink_to(music / "music")
    with pytest.raises(DatasetError, match="link: lies in music, which is read"):
        namers(("music",), Path("link"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.text("aAbé.-2", min_size=1, max_size=3), min_size=1, max_size=3).map(
            lambda parts: "/".join(f"x{p}" for p in parts) + ".mp3"
        ),
        max_size=12,
    )
)
def test_no_two_tracks_ever_share_a_stem(paths: list[str]) -> None:
    used: set[str] = set()
    one, two = Namer("", used), Namer("", used)
    named = [n.track(p) for n in (one, two) for p in paths]
    stems = [t.stem.casefold() for t in named]
    assert len(set(stems)) == len(stems)
    for track in named:
        assert track.stem.startswith(Path(track.source).stem)


# ------------------------------------------------------------------------ pieces


@pytest.mark.parametrize("sr", [0, SR, 11025])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_whole_is_what_load_gives(tmp_path: Path, sr: int, channels: int) -> None:
    path = song(tmp_path / "a.wav", 1.3, channels=channels)
    pieces = Pieces(str(path), sr, 0)
    ((start, y),) = pieces
    want = load(path, sr or None)
    assert (start, pieces.sr, pieces.lost, pieces.partial) == (0.0, want.sr, 0.0, False)
    np.testing.assert_array_equal(y, want.y)


@settings(max_examples=20, deadline=None)
@given(seconds=st.floats(0.1, 3.0), length=st.floats(0.1, 1.0), sr=st.sampled_from([0, 16000]))
def test_pieces_join_to_the_track_without_its_rest(
    tmp_path_factory: pytest.TempPathFactory, seconds: float, length: float, sr: int
) -> None:
    path = song(tmp_path_factory.mktemp("pieces") / "a.wav", seconds)
    whole = load(path, sr or None)
    pieces = Pieces(str(path), sr, length)
    found = [(start, y.copy()) for start, y in pieces]
    size = round(length * whole.sr)
    assert {len(y) for _, y in found} <= {size}
    for k, (start, y) in enumerate(found):
        first = round(k * length * whole.sr)
        assert start == pytest.approx(first / whole.sr)
        np.testing.assert_allclose(y, whole.y[first : first + size], atol=1e-6)
    assert whole.seconds - len(found) * length < length + 2 / whole.sr


@pytest.mark.parametrize("length", [0.0, 1.0])
def test_damage_is_known_after_the_last_piece(tmp_path: Path, length: float) -> None:
    path = song(tmp_path / "a.wav", 4)
    path.write_bytes(path.read_bytes()[: -SR * 4 * 2])
    pieces = Pieces(str(path), 0, length)
    assert sum(len(y) for _, y in pieces) == pytest.approx(2 * SR, abs=200)
    assert pieces.partial
    assert pieces.lost == pytest.approx(2.0, abs=0.05)


def test_the_longest_whole_is_bounded_and_pieces_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST", 2.0)
    path = song(tmp_path / "a.wav", 2.5)
    with pytest.raises(AudioError, match="too long; expected at the most 2 s"):
        list(Pieces(str(path), 0, 0))
    assert len(list(Pieces(str(path), 0, 0.5))) == 5
    assert len(list(Pieces(str(song(tmp_path / "b.wav", 2)), 0, 0))) == 1


def test_no_audio_is_refused_either_way(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    for length in (0.0, 1.0):
        with pytest.raises(AudioError, match=r"a\.wav"):
            list(Pieces(str(tmp_path / "a.wav"), 0, length))


# ------------------------------------------------------------------------ counts


WHOLE, DAMAGED = SimpleNamespace(lost=0.0, partial=False), SimpleNamespace(lost=2.04, partial=True)
TRACK = Track("m/a.mp3", "a", {})


def kept(n: int) -> Callable[[Track, Any], int]:
    return lambda *_: n


@pytest.mark.parametrize(
    ("given_", "summary", "said"),
    [
        ([], "0 clips of 0 tracks in out", []),
        ([(outcome(TRACK, WHOLE), 3)] * 2, "6 clips of 2 tracks in out", []),
        ([(outcome(TRACK, WHOLE), 0)], "0 clips of 1 tracks in out, 1 shorter than a clip", []),
        (
            [(outcome(TRACK, DAMAGED), 1)],
            "1 clips of 1 tracks in out, 1 partial",
            ["m/a.mp3: partial, 2.0 s could not be decoded"],
        ),
        (
            [(outcome(TRACK, DAMAGED), 0)],
            "0 clips of 1 tracks in out, 1 shorter than a clip, 1 partial",
            ["m/a.mp3: partial, 2.0 s could not be decoded"],
        ),
        (
            [(outcome(TRACK, error="crashed", kind="crashed"), 9)],
            "0 clips of 1 tracks in out, 1 failed",
            ["m/a.mp3: crashed"],
        ),
        (
            [(outcome(TRACK, error="m/a.mp3: text", kind="failed"), 9)],
            "0 clips of 1 tracks in out, 1 failed",
            ["m/a.mp3: text"],
        ),
        (
            [(outcome("gone", error="no such file", kind="failed"), 9)],
            "0 clips of 1 tracks in out, 1 failed",
            ["gone: no such file"],
        ),
    ],
)
def test_what_is_counted_and_said(
    given_: list[tuple[Outcome, int]],
    summary: str,
    said: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts = Counts("clips")
    for one, n in given_:
        counts.add(one, kept(n))
    assert counts.summary("out") == summary
    assert capsys.readouterr().err.splitlines() == said


def test_a_failed_track_is_not_kept() -> None:
    def never(*_: Any) -> int:
        raise AssertionError

    Counts("rows").add(outcome(TRACK, error="x", kind="timeout"), never)


@pytest.mark.parametrize("name", ["two  blanks.wav", "a\nb.wav", "\x1b[31mred.wav", "é\u2028.wav"])
def test_a_failure_is_one_line_whatever_the_file_is_called(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = str(AudioError(f"{name}: text", "an audio file"))
    Counts("clips").add(outcome(Track(name, "a", {}), error=error, kind="failed"), kept(0))
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert err.endswith(": text; expected an audio file\n")
    assert "\x1b" not in err
    if name.startswith("two"):
        assert err == "two  blanks.wav: text; expected an audio file\n"
