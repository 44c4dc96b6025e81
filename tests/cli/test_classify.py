"""``genrewise classify`` as its users call it: a process, a real model, real files."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from genrewise import bundle
from genrewise.cli.classify import default_limit
from genrewise.errors import AudioError
from genrewise.records import ClassifyJob

Run = Callable[..., subprocess.CompletedProcess[str]]


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def paths(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [record["path"] for record in lines(done.stdout)]


# ------------------------------------------------------------------ the fixed interface


def test_a_folder_in_the_fixed_interface(genrewise: Run, songs: Path) -> None:
    done = genrewise("--jsonl", "m")
    assert done.returncode == 0
    first, second, third = lines(done.stdout)
    assert [r["path"] for r in (first, second, third)] == [
        "m/a tone.wav", "m/below/noise.flac", "m/z.ogg",
    ]  # fmt: skip
    assert [r["genre"] for r in (first, second, third)] == ["tone", "noise", "tone"]
    for record in (first, second, third):
        assert list(record)[:8] == [
            "path", "status", "genre", "confidence", "probabilities", "seconds", "elapsed", "model",
        ]  # fmt: skip
        assert record["status"] == "ok"
        assert "error" not in record
        assert record["confidence"] == record["probabilities"][record["genre"]] > 0.9
        assert sum(record["probabilities"].values()) == pytest.approx(1.0, abs=1e-6)
        assert list(record["probabilities"]) == ["noise", "tone"]
        assert 0 < record["elapsed"] < 10
        assert record["model"] == "tiny"
        assert record["deciding"][0]["start"] == 0.0
    assert [r["seconds"] for r in (first, second, third)] == pytest.approx([2.0, 2.0, 4.0], abs=0.1)
    assert done.stderr == "3 files: 3 ok; passed over 1 that are no audio\n"
    assert songs.is_dir()


def test_how_much_is_listened_to(genrewise: Run, tmp_path: Path) -> None:
    y = np.sin(np.arange(60 * 8000) * 0.3).astype(np.float32) / 2
    soundfile.write(tmp_path / "long.wav", y, 8000)

    def heard(*more: str) -> float:
        done = genrewise("--jsonl", tmp_path / "long.wav", *more)
        return float(lines(done.stdout)[0]["heard"])

    assert heard("--listen", "2") == pytest.approx(6.0)
    assert heard("--listen", "all") == pytest.approx(60.0)
    assert heard() == pytest.approx(30.0)
    assert heard("--timeline") == pytest.approx(60.0)


def test_one_file_says_nothing_else(genrewise: Run, songs: Path) -> None:
    done = genrewise(songs / "m" / "z.ogg")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "genre    confidence  runner-up    length  file",
        f"tone           1.00  noise 0.00   0:04.0  {songs / 'm' / 'z.ogg'}",
    ]


def test_failures_keep_their_place_and_make_the_exit_code(genrewise: Run, songs: Path) -> None:
    (songs / "m" / "b.mp3").write_text("this is text\n" * 100)
    done = genrewise("--jsonl", "gone.wav", "m")
    assert done.returncode == 1
    records = lines(done.stdout)
    assert [r["status"] for r in records] == ["failed", "ok", "failed", "ok", "ok"]
    for record in (records[0], records[2]):
        assert record["genre"] is None
        assert record["error"]
        assert record["model"] == "tiny"
        assert (record["confidence"], record["probabilities"]) == (0.0, {})
    said = done.stderr.splitlines()
    assert said[0] == "gone.wav: no such file or folder"
    assert said[1] == f"m/b.mp3: {records[2]['error']}"
    assert said[2:] == ["5 files: 3 ok, 2 failed; passed over 1 that are no audio"]


@pytest.mark.parametrize("workers", ["1", "3"])
def test_the_order_is_that_of_the_input(genrewise: Run, songs: Path, workers: str) -> None:
    soundfile.write(songs / "long.flac", soundfile.read(songs / "m" / "z.ogg")[0].repeat(8), 8000)
    given = ["long.flac", "m/z.ogg", "gone", "m/z.ogg", "long.flac", "m/a tone.wav"]
    done = genrewise("--jsonl", "--workers", workers, *given)
    assert paths(done) == given  # what is named twice is answered twice
    assert [r["status"] for r in lines(done.stdout)] == ["ok", "ok", "failed", "ok", "ok", "ok"]
    assert done.returncode == 1


@pytest.mark.usefixtures("songs")
def test_json_csv_and_the_table_say_the_same(genrewise: Run) -> None:
    (songs_json, songs_csv, songs_table) = (
        genrewise(f, "m") for f in ("--json", "--csv", "--top=1")
    )
    records = json.loads(songs_json.stdout)
    rows = list(csv.DictReader(io.StringIO(songs_csv.stdout)))
    table = songs_table.stdout.splitlines()[1:]
    for record, row, line in zip(records, rows, table, strict=True):
        assert row["path"] == record["path"]
        assert row["genre"] == record["genre"] == row["label_1"] == line.split()[0]
        assert float(row["confidence"]) == record["confidence"] == float(row["p_1"])
        assert line.endswith(record["path"])
        assert row["error"] == ""


@pytest.mark.usefixtures("songs")
def test_lists_patterns_and_addresses(genrewise: Run, songs: Path) -> None:
    Path("list.txt").write_text("m/z.ogg\r\n\nm/below\n")
    Path("odd\nname.wav").write_bytes(Path("m/a tone.wav").read_bytes())
    url = (songs / "m" / "z.ogg").as_uri()
    assert paths(genrewise("--jsonl", "-", stdin="m/a tone.wav\nm/z.ogg\n")) == [
        "m/a tone.wav",
        "m/z.ogg",
    ]
    assert paths(genrewise("--jsonl", "-0", "-", stdin="odd\nname.wav\0m/z.ogg\0")) == [
        "odd\nname.wav",
        "m/z.ogg",
    ]
    done = genrewise("--jsonl", "m/*.ogg", "--files-from", "list.txt", url)
    assert paths(done) == ["m/z.ogg", url, "m/z.ogg", "m/below/noise.flac"]
    assert done.returncode == 0
    assert paths(genrewise("--jsonl", "--files-from", "-", stdin="m/z.ogg\n")) == ["m/z.ogg"]
    assert genrewise("--jsonl", "-").stdout == ""


@pytest.mark.usefixtures("songs")
def test_a_song_on_standard_input_is_no_list(genrewise: Run) -> None:
    done = genrewise("-", stdin="RIFF\0\0\0\0WAVE")
    assert done.returncode == 2
    assert done.stderr == (
        "Error: standard input: binary data; expected paths, one a line."
        " Add -0 where NUL stands between them\n"
    )


def test_an_address_without_its_extra(model: Path, songs: Path) -> None:
    script = (
        "import sys; sys.modules['fsspec'] = None\n"
        "from genrewise.__main__ import main\n"
        f"sys.argv = ['genrewise', 'classify', '--model', {str(model)!r},"
        " 'https://127.0.0.1:9/a.mp3', 'm/z.ogg', '--jsonl']\n"
        "sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert [r["status"] for r in lines(done.stdout)] == ["failed", "ok"]
    assert 'pip install "genrewise[url]"' in done.stderr
    assert songs.is_dir()


# ------------------------------------------------------------------ settings


@pytest.mark.usefixtures("songs")
def test_genre_over_time(genrewise: Run) -> None:
    tone, sr = soundfile.read("m/z.ogg")
    noise, _ = soundfile.read("m/below/noise.flac")
    soundfile.write("both.wav", list(tone[: sr * 3]) + list(noise[: sr * 2]) + list(noise[:sr]), sr)
    (record,) = lines(genrewise("--jsonl", "--timeline", "both.wav").stdout)
    assert [(s["start"], s["stop"], s["genre"]) for s in record["timeline"]] == [
        (0.0, 3.0, "tone"),
        (3.0, 6.0, "noise"),
    ]
    shown = genrewise("--timeline", "both.wav").stdout.splitlines()
    assert "0:00.0 –  0:03.0  tone  1.00" in shown[2]
    assert "0:03.0 –  0:06.0  noise  1.00" in shown[3]
    assert "decided by" in shown[4]
    rows = list(csv.DictReader(io.StringIO(genrewise("--csv", "--timeline", "both.wav").stdout)))
    assert [r["genre"] for r in rows] == ["tone", "noise"]


@pytest.mark.usefixtures("songs")
def test_part_of_a_file(genrewise: Run) -> None:
    (whole,) = lines(genrewise("--jsonl", "m/z.ogg").stdout)
    (part,) = lines(genrewise("--jsonl", "m/z.ogg", "--start", "0:01", "--duration", "2").stdout)
    assert (whole["seconds"], part["seconds"]) == (
        pytest.approx(4.0, abs=0.1),
        pytest.approx(2.0, abs=0.1),
    )


@pytest.mark.usefixtures("songs")
def test_unknown_below_a_confidence(genrewise: Run) -> None:
    done = genrewise("--jsonl", "m/z.ogg", "--min-confidence", "1")
    (record,) = lines(done.stdout)
    assert done.returncode == 0
    assert (record["status"], record["genre"], record["reason"]) == ("ok", None, "low confidence")
    assert record["confidence"] > 0.9


def test_a_model_that_cannot_be_had(genrewise: Run, songs: Path) -> None:
    Path("bad.genrewise").write_text("no model")
    for name, text in [
        ("small-gtzan-v9", "no model named 'small-gtzan-v9'"),
        ("gone.genrewise", "gone.genrewise: no such file; expected a model file"),
        ("bad.genrewise", "bad.genrewise: not a readable model file"),
    ]:
        done = genrewise("--model", name, "m/z.ogg", "m")
        assert done.returncode == 2
        assert done.stdout == ""
        assert text in done.stderr
        assert done.stderr.count("\n") == 1
    assert songs.is_dir()


def test_a_missing_backbone_is_said_once(
    genrewise: Run, songs: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bundle.read(model)
    values = {**made.info.__dict__, "name": "large"}
    spec = {"kind": "backbone", "backbone": "musicnn-msd", "layers": ["penultimate"]}
    values["inputs"] = {**made.info.inputs, "b": {**spec, "summary": ["mean"], "hop": 187}}
    from genrewise.inputs import make_input

    values["fingerprints"] = {k: make_input(v).fingerprint() for k, v in values["inputs"].items()}
    bundle.write(bundle.Bundle(bundle.BundleInfo(**values), made.files), "large.genrewise")
    monkeypatch.setenv("GENREWISE_CACHE", str(songs / "cache"))
    done = genrewise("--model", "large.genrewise", "m")
    assert done.returncode == 2
    assert "run: genrewise models get musicnn-msd" in done.stderr.replace("Run:", "run:")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("size", "limit"), [(0, 60.0), (1_000_000, 80.0), (50_000_000, 1060.0)])
def test_the_time_limit_grows_with_the_file(tmp_path: Path, size: int, limit: float) -> None:
    with (tmp_path / "a.mp3").open("wb") as file:
        file.truncate(size)
    assert default_limit(str(tmp_path / "a.mp3")) == limit
    assert default_limit("https://host/a.mp3") == 600.0
    assert default_limit(str(tmp_path / "gone")) == 60.0


def test_the_job_in_this_process(model: Path, songs: Path) -> None:
    work = ClassifyJob(str(model), timeline=True)()
    found = work("m/below/noise.flac")
    assert (found["genre"], found["status"], found["model"]) == ("noise", "ok", "tiny")
    assert found["timeline"][0]["start"] == 0.0
    assert "timeline" not in ClassifyJob(str(model))()("m/z.ogg")
    json.dumps(found)  # plain values only
    with pytest.raises(AudioError, match="gone"):
        work("gone.mp3")  # vanished after it was listed
    assert songs.is_dir()


# ------------------------------------------------------------------ bad inputs


def _sound(name: str, seconds: float = 4.0, sr: int = 22050, channels: int = 1, **how: Any) -> None:
    import numpy as np

    t = np.arange(round(seconds * sr)) / sr
    y = how.pop("level", 0.5) * np.sin(2 * np.pi * 440.0 * t)
    y = np.clip(y, -1.0, 1.0)
    # soundfile does not take every name that a file may have
    made = Path("made" + Path(name).suffix)
    soundfile.write(made, np.repeat(y[:, None], channels, axis=1), sr, **how)
    made.rename(name)


def _cut(name: str) -> None:
    data = Path(name).read_bytes()
    Path(name).write_bytes(data[: len(data) // 2])


def _overwrite(name: str) -> None:
    data = bytearray(Path(name).read_bytes())
    middle = len(data) // 2
    data[middle : middle + len(data) // 6] = b"\xa5" * (len(data) // 6)
    Path(name).write_bytes(data)


def _make(name: str) -> None:
    """The bad input of a name."""
    made: dict[str, Callable[[], Any]] = {
        "empty.mp3": lambda: Path(name).touch(),
        "text.mp3": lambda: Path(name).write_text("Dear diary, no music today.\n" * 50),
        "picture.wav": lambda: Path(name).write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500)),
        "headless.flac": lambda: Path(name).write_bytes(b"fLaC" + bytes(3)),
        "zeros.mp3": lambda: Path(name).write_bytes(bytes(100_000)),
        "cut.wav": lambda: (_sound(name), _cut(name)),
        "cut.flac": lambda: (_sound(name), _cut(name)),
        "cut.mp3": lambda: (_sound(name, 20.0), _cut(name)),
        "overwritten.mp3": lambda: (_sound(name, 20.0), _overwrite(name)),
        "overwritten.flac": lambda: (_sound(name, 20.0), _overwrite(name)),
        "endless.mp3": lambda: os.mkfifo(name),
        "silent.wav": lambda: _sound(name, level=0.0),
        "clipped.wav": lambda: _sound(name, level=8.0),
        "surround.flac": lambda: _sound(name, channels=6),
        "8kHz.wav": lambda: _sound(name, sr=8000),
        "192kHz.wav": lambda: _sound(name, sr=192_000),
        "short.wav": lambda: _sound(name, 0.2),
        "too short.wav": lambda: _sound(name, 0.01),
        "no samples.wav": lambda: _sound(name, 0.0),
        "Ünïcödé – 日本.ogg": lambda: _sound(name),
        "n" * 246 + ".wav": lambda: _sound(name),
        os.fsdecode(b"\xff\xfe.wav"): lambda: _sound(name),
        "new\nline \x1b[31m.wav": lambda: _sound(name),
        "without audio": lambda: (Path(name).mkdir(), Path(name, "a.jpg").write_bytes(b"x")),
        "empty folder": lambda: Path(name).mkdir(),
        "/dev/zero": lambda: None,
        "gone.mp3": lambda: None,
        "gone/": lambda: None,
        "*.flac": lambda: None,
        "": lambda: None,
    }
    made[name]()


#: Input, status, genre, exit code and what the one line on standard error says.
BAD = [
    ("empty.mp3", "failed", None, 1, "empty"),
    ("text.mp3", "failed", None, 1, "audio"),
    ("picture.wav", "failed", None, 1, "audio"),
    ("headless.flac", "failed", None, 1, ""),
    ("zeros.mp3", "failed", None, 1, ""),
    ("cut.wav", "partial", "tone", 0, "partial, 2.0 s could not be decoded"),
    ("cut.flac", "partial", "tone", 0, "partial, "),
    ("cut.mp3", "partial", "tone", 0, "partial, "),
    ("overwritten.mp3", "partial", "tone", 0, "partial, "),
    ("overwritten.flac", "partial", "tone", 0, "partial, "),
    ("endless.mp3", "failed", None, 1, ""),
    ("silent.wav", "ok", None, 0, None),
    ("clipped.wav", "ok", "tone", 0, None),
    ("surround.flac", "ok", "tone", 0, None),
    ("8kHz.wav", "ok", "tone", 0, None),
    ("192kHz.wav", "ok", "tone", 0, None),
    ("short.wav", "ok", "tone", 0, None),
    ("too short.wav", "failed", None, 1, "s"),
    ("no samples.wav", "failed", None, 1, ""),
    ("Ünïcödé – 日本.ogg", "ok", "tone", 0, None),
    ("n" * 246 + ".wav", "ok", "tone", 0, None),
    (os.fsdecode(b"\xff\xfe.wav"), "ok", "tone", 0, None),
    ("new\nline \x1b[31m.wav", "ok", "tone", 0, None),
    ("without audio", "failed", None, 1, "no audio in this folder; 1 other files in it"),
    ("empty folder", "failed", None, 1, "empty folder. Give a folder with music"),
    ("/dev/zero", "failed", None, 1, ""),
    ("gone.mp3", "failed", None, 1, "no such file or folder"),
    ("gone/", "failed", None, 1, "no such file or folder"),
    ("*.flac", "failed", None, 1, "no file matches this pattern"),
    ("", "failed", None, 1, "no such file or folder"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "status", "genre", "code", "text"), BAD, ids=lambda v: repr(v)[:25]
)
def test_bad_inputs(
    genrewise: Run, here: Path, *, name: str, status: str, genre: Any, code: int, text: Any
) -> None:
    _make(name)
    done = genrewise("--jsonl", "--time-limit", "20", name)
    (record,) = lines(done.stdout)
    assert (record["path"], record["status"], record["genre"]) == (name, status, genre)
    assert done.returncode == code
    said = [line for line in done.stderr.splitlines() if "passed over" not in line]
    if text is None:
        assert said == []
    else:
        (line,) = said
        shown = name.replace("\n", "\\n")
        assert line.startswith(f"{shown}: {text}" if "partial" in text else f"{shown}: ")
        assert text in line
        assert len(line) < 400 + len(name)
    assert ("error" in record) is (status == "failed")
    assert here.is_dir()


@pytest.mark.usefixtures("here")
def test_bad_inputs_together_cost_each_other_nothing(genrewise: Run) -> None:
    Path("m").mkdir()
    os.chdir("m")
    made = [row for row in BAD if row[0] and "/" not in row[0] and "*" not in row[0]]
    for name, *_ in made:
        _make(name)
    os.chdir("..")
    named = [row for row in made if row[0] not in ("gone.mp3", "without audio", "empty folder")]
    done = genrewise("--jsonl", "m")
    expected = {f"m/{name}": (status, genre) for name, status, genre, *_ in named}
    del expected["m/endless.mp3"]  # found in a folder it is passed over
    found = {r["path"]: (r["status"], r["genre"]) for r in lines(done.stdout)}
    assert found == expected
    assert paths(done) == sorted(expected)
    assert done.returncode == 1
    assert "passed over 2 that are no audio" in done.stderr.splitlines()[-1]


def test_an_unreadable_folder(genrewise: Run, songs: Path, model: Path) -> None:
    closed = songs / "m" / "below"
    closed.chmod(0)
    (songs / "m" / "a tone.wav").chmod(0)
    command = [sys.executable, "-m", "genrewise", "classify", "--model", str(model), "--jsonl", "m"]
    if os.geteuid() == 0:  # root reads everything, unless it lays its powers down
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is not installed, and root reads everything")
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        closed.chmod(0o700)
    assert done.returncode == 1
    assert [(r["path"], r["status"]) for r in lines(done.stdout)] == [
        ("m/a tone.wav", "failed"),
        ("m/below", "failed"),
        ("m/z.ogg", "ok"),
    ]
    said = done.stderr.splitlines()
    assert said[0].startswith("m/a tone.wav: ")
    assert "read" in said[0]
    assert said[1] == "m/below: permission denied"
    assert genrewise("m").returncode in (0, 1)
