"""``genrewise features`` as a user types it."""

from __future__ import annotations

import csv
import io
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click import BadParameter
from pyarrow import parquet

from genrewise.audio import load
from genrewise.cli.features import FeatureJob
from genrewise.cli.tables import TableFile
from genrewise.cli.tracks import Counts, Pieces
from genrewise.cut import Track
from genrewise.engine import Outcome
from genrewise.errors import AudioError, DatasetError, MissingExtra
from genrewise.features.summary import gtzan57
from genrewise.training.datasets import read

SR = 22050


def run(*args: str | Path, cwd: Path | None = None) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "genrewise", "features", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def song(path: Path, seconds: float, freq: float = 440.0, sr: int = SR) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(round(seconds * sr)) / sr
    y = 0.4 * np.sin(2 * np.pi * freq * t) * (0.2 + np.modf(t * 2)[0])
    soundfile.write(path, y.astype(np.float32), sr)
    return path


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    song(folder / "jazz" / "a.wav", 5)
    song(folder / "rock" / "b.flac", 2.5, 880)
    (folder / "rock" / "cover.jpg").write_bytes(b"no music")
    return folder


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_folder_to_standard_output(music: Path) -> None:
    code, out, err = run(music)
    assert code == 0
    assert err.splitlines() == [
        "2 rows of 2 tracks in standard output",
        "passed over 1 files that are no audio",
    ]
    found = rows(out)
    assert [(r["filename"], r["length"], r["label"]) for r in found] == [
        (f"{music}/jazz/a.wav", "110250", "jazz"),
        (f"{music}/rock/b.flac", "55125", "rock"),
    ]
    want = gtzan57(load(music / "jazz" / "a.wav").y, SR)
    got = np.array([float(found[0][name]) for name in want.names], dtype=np.float32)
    np.testing.assert_array_equal(got, want.values)
    assert [*found[0]][2:-4] == list(want.names)


def test_windows_name_their_start(music: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.csv"
    code, told, err = run(music, "-o", out, "--window", "2", "--layout", "statistics")
    assert (code, told) == (0, f"3 rows of 2 tracks in {out}\n")
    found = rows(out.read_text())
    assert [(r["label"], r["start"], r["length"]) for r in found] == [
        ("jazz", "0.0", "44100"),
        ("jazz", "2.0", "44100"),
        ("rock", "0.0", "44100"),
    ]
    assert len(found[0]) == 648 + 7
    assert "passed over" in err


def test_tracks_shorter_than_a_window_are_counted(music: Path) -> None:
    code, out, err = run(music, "--window", "4", "--layout", "pyaudio136")
    assert (code, len(rows(out))) == (0, 1)
    assert "1 rows of 2 tracks in standard output, 1 shorter than a window" in err


def test_parquet_holds_the_same(music: Path, tmp_path: Path) -> None:
    run(music, "-o", tmp_path / "t.csv", "--layout", "fma518")
    code, _, _ = run(music, "-o", tmp_path / "t.parquet", "--layout", "fma518")
    assert code == 0
    plain = rows((tmp_path / "t.csv").read_text())
    table = parquet.read_table(tmp_path / "t.parquet").to_pydict()
    assert list(table) == list(plain[0])
    assert table["filename"] == [r["filename"] for r in plain]
    got = np.array(table["mfcc_mean_01"], dtype=np.float32)
    np.testing.assert_array_equal(got, np.array([r["mfcc_mean_01"] for r in plain], np.float32))
    assert not list(tmp_path.glob("*.part"))


def test_a_table_is_a_data_set(music: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.csv"
    run(music, "-o", out, "--window", "1")
    dataset = read(out)
    assert dataset.labels == ("jazz", "rock")
    assert dataset.table is not None
    assert dataset.table.values.shape == (7, 57)
    assert list(dataset.table.names)[:2] == ["chroma_stft_mean", "chroma_stft_var"]
    # Windows of one file stay together.
    assert len({(i.track, i.group) for i in dataset.items}) == 2


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "flac", "aiff"])
def test_formats_and_stereo(tmp_path: Path, suffix: str) -> None:
    t = np.arange(2 * SR)[:, None] / SR
    y = (0.3 * np.sin(2 * np.pi * t * [440, 660])).astype(np.float32)
    soundfile.write(tmp_path / f"s.{suffix}", y, SR)
    (row,) = FeatureJob("gtzan57")()(Track(str(tmp_path / f"s.{suffix}"), "s", {})).rows
    assert row["rms_mean"] == pytest.approx(float(np.sqrt((y.mean(axis=1) ** 2).mean())), rel=0.1)
    assert row["length"] == pytest.approx(2 * SR, abs=2400)


@pytest.mark.skipif(sys.platform == "win32", reason="signals as on POSIX")
def test_ctrl_c_ends_at_once_and_keeps_the_rows(tmp_path: Path) -> None:
    for i in range(40):
        song(tmp_path / "many" / f"{i:02d}.wav", 20, 200 + i)
    out = tmp_path / "t.csv"
    command = [sys.executable, "-m", "genrewise", "features", tmp_path / "many", "-o", out]
    process = subprocess.Popen(
        [*map(str, command), "--workers", "1"], stderr=subprocess.PIPE, text=True
    )
    part = tmp_path / "t.csv.part"
    until = time.monotonic() + 30
    while time.monotonic() < until and not (part.exists() and part.read_text().count("\n") > 2):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert not out.exists()
    assert len(rows(part.read_text())) >= 2


def test_the_manifest_of_a_folder_is_taken_over(music: Path) -> None:
    (music / "manifest.csv").write_text(
        "path,label,group,split,bitrate\njazz/a.wav,bebop,Miles,train,128\n"
    )
    _, out, _ = run(music)
    first = rows(out)[0]
    assert (first["label"], first["group"], first["split"]) == ("bebop", "Miles", "train")
    assert "bitrate" not in first


def test_what_fails_is_listed_and_the_rest_goes_on(music: Path) -> None:
    (music / "jazz" / "bad.wav").write_bytes(b"RIFFrubbish")
    song(music / "jazz" / "short.wav", 0.01)
    code, out, err = run(
        music / "jazz", music / "gone.wav", "--layout", "pyaudio136", "--workers", "1"
    )
    assert code == 1
    assert len(rows(out)) == 1
    lines = err.splitlines()
    assert lines[0].startswith(f"{music}/jazz/bad.wav: ")
    assert lines[1] == f"{music}/jazz/short.wav: audio of 0.010 s; expected at least 0.05 s"
    assert lines[2] == f"{music}/gone.wav: no such file or folder"
    assert lines[3] == "1 rows of 4 tracks in standard output, 3 failed"


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["--layout", "gtzan"], "Error: no feature layout named 'gtzan'; expected one of"),
        (["-o", "table.xlsx"], "table.xlsx; expected a name that ends in .csv or .parquet"),
        (["-o", "no/where/t.csv"], "Error: no/where/t.csv: no such folder. Make it first"),
        (["--window", "long"], "expected a time: 90, 1:30 or 1:02:03"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(music: Path, args: list[str], line: str) -> None:
    code, out, err = run(music, *args)
    assert (code, out) == (2, "")
    assert line in err


def test_a_track_that_is_too_long_to_be_one_row_is_refused(
    music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genrewise.cli.tracks.LONGEST", 3.0)
    track = Track(str(music / "jazz" / "a.wav"), "a", {})
    with pytest.raises(AudioError, match="too long; expected at the most 3 s"):
        FeatureJob("gtzan57")()(track)
    assert len(FeatureJob("gtzan57", window=2)()(track).rows) == 2


def test_layouts_at_a_rate_of_their_own_and_at_the_files(tmp_path: Path) -> None:
    track = Track(str(song(tmp_path / "c.wav", 2, sr=44100)), "c", {})
    assert FeatureJob("gtzan57")()(track).rows[0]["length"] == 44100
    assert FeatureJob("pyaudio136")()(track).rows[0]["length"] == 88200


def test_pieces_cover_the_track_and_know_what_was_lost(tmp_path: Path) -> None:
    path = song(tmp_path / "d.wav", 5)
    whole = list(Pieces(str(path), 0, 0))
    assert [(s, len(y)) for s, y in whole] == [(0.0, 5 * SR)]
    parts = Pieces(str(path), 11025, 2)
    assert [(s, len(y)) for s, y in parts] == [(0.0, 22050), (2.0, 22050)]
    assert (parts.sr, parts.partial) == (11025, False)
    path.write_bytes(path.read_bytes()[: 44 + 3 * SR * 2])
    damaged = Pieces(str(path), 0, 1)
    assert len(list(damaged)) == 3
    assert damaged.partial
    assert damaged.lost == pytest.approx(2, abs=0.1)


def test_a_table_that_is_not_whole_keeps_another_name(tmp_path: Path) -> None:
    def interrupted() -> None:
        with TableFile(str(tmp_path / "t.csv")) as table:
            table.write({"a": 1, "b": "x"})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv.part"]
    assert (tmp_path / "t.csv.part").read_text() == "a,b\n1,x\n"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_without_rows_is_no_file(tmp_path: Path, suffix: str) -> None:
    with TableFile(str(tmp_path / f"t.{suffix}")):
        pass
    assert not list(tmp_path.iterdir())


def test_parquet_comes_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genrewise.cli.tables._BATCH", 3)
    with TableFile(str(tmp_path / "t.parquet")) as table:
        for i in range(7):
            table.write({"name": f"é{i}", "n": i, "x": i / 4})
    found = parquet.read_table(tmp_path / "t.parquet").to_pydict()
    assert found == {
        "name": [f"é{i}" for i in range(7)],
        "n": list(range(7)),
        "x": [i / 4 for i in range(7)],
    }


def test_tables_refuse_what_they_cannot_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadParameter, match=r"ends in \.csv or \.parquet"):
        TableFile(str(tmp_path / "t.txt"))
    with pytest.raises(DatasetError, match="no such folder"):
        TableFile(str(tmp_path / "no" / "t.csv"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"Parquet tables needs the extra \[dask\]"):
        TableFile(str(tmp_path / "t.parquet"))


def test_counts_say_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    class Value:
        lost, partial = 1.25, True

    counts = Counts("rows")
    track = Track("a.mp3", "a", {})
    counts.add(Outcome(0, track, Value(), "", "ok", 0, 0.1), lambda *_: 2)
    counts.add(Outcome(1, track, None, "too loud", "failed", 1, 0.1), lambda *_: 0)
    counts.add(Outcome(2, "b.mp3", None, "b.mp3: gone", "failed", 1, 0.1), lambda *_: 0)
    assert counts.summary("t.csv") == "2 rows of 3 tracks in t.csv, 1 partial, 2 failed"
    assert capsys.readouterr().err.splitlines() == [
        "a.mp3: partial, 1.2 s could not be decoded",
        "a.mp3: too loud",
        "b.mp3: gone",
    ]
