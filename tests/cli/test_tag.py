"""``genrewise tag`` as its users call it: real processes, real files, real tags."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest
import soundfile

from genrewise.cli.tag import record
from genrewise.cli.tag import tag as tag_command
from genrewise.library.catalogue import Entry, File
from genrewise.library.genre_field import FIELDS
from genrewise.library.names import VOCABULARIES
from genrewise.library.policies import EXISTING, MIN_CONFIDENCE, Proposal
from genrewise.library.tagging import Suggestion

Run = Callable[..., subprocess.CompletedProcess[str]]


def genres(path: str | Path) -> list[str]:
    """What another reader finds in the genre field."""
    return list((mutagen.File(path, easy=True) or {}).get("genre", []))


def set_tags(path: str | Path, **tags: str) -> None:
    file = mutagen.File(path, easy=True)
    file.update({key: [value] for key, value in tags.items()})
    file.save()


def answers(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {os.path.basename(r["path"]): r for r in json.loads(done.stdout)}  # noqa: PTH119


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()
    }


# ------------------------------------------------------------------ the fixed interface


def test_nothing_is_written_unless_it_is_asked_for(in_library: Run, songs: Path) -> None:
    before = content(songs / "m")
    done = in_library("tag", "m")
    assert done.returncode == 0, done.stderr
    assert content(songs / "m") == before
    assert done.stdout.splitlines() == [
        "state     genre                     confidence  now               file",
        "proposed  tone                            1.00                    m/a tone.wav",
        "proposed  tone                            1.00                    m/z.ogg",
        "proposed  noise                           1.00                    m/below/noise.flac",
    ]
    assert done.stderr.splitlines() == [
        "3 files: 3 proposed; passed over 1 that is no audio",
        "nothing was written; --write writes what is proposed",
    ]


def test_it_is_written_when_it_is_asked_for(in_library: Run, songs: Path) -> None:
    set_tags("m/z.ogg", genre="Dub")
    done = in_library("tag", "--write", "m")
    assert done.returncode == 0, done.stderr
    assert genres("m/below/noise.flac") == ["noise"]
    assert [str(g) for g in mutagen.File("m/a tone.wav").tags["TCON"].genres] == ["tone"]
    assert genres("m/z.ogg") == ["Dub"]
    assert done.stderr.splitlines() == [
        "3 files: 2 written, 1 kept; passed over 1 that is no audio",
        "genrewise undo takes it back",
    ]
    assert done.stdout.splitlines()[0].split() == ["state", "genre", "confidence", "before", "file"]
    again = in_library("tag", "--write", "m")
    assert again.returncode == 0
    assert again.stdout == ""
    assert again.stderr.splitlines() == [
        "3 files: 2 written before, 1 kept; passed over 1 that is no audio"
    ]
    assert songs.is_dir()


@pytest.mark.usefixtures("songs")
def test_below_the_bound_it_is_left_to_review(in_library: Run) -> None:
    done = in_library("tag", "--write", "--min-confidence", "1", "--json", "m")
    assert done.returncode == 0
    assert {r["state"] for r in answers(done).values()} == {"review"}
    assert genres("m/below/noise.flac") == []
    assert "genrewise review shows what the model is not sure of" in done.stderr


@pytest.mark.usefixtures("songs")
def test_a_bound_of_0_writes_where_the_model_says_unknown(in_library: Run) -> None:
    model = ["--model", "small-gtzan-v1"]  # which knows no tones and no noise
    assert {r["state"] for r in answers(in_library("tag", *model, "--json", "m")).values()} == {
        "review"
    }
    done = in_library("tag", *model, "--write", "--min-confidence", "0", "--json", "m")
    assert done.returncode == 0
    for name, found in answers(done).items():
        assert found["state"] == "written", name
        assert len(found["genres"]) == 1
    assert genres("m/z.ogg") == answers(done)["z.ogg"]["genres"]


@pytest.mark.usefixtures("songs")
def test_json_holds_every_file(in_library: Run, songs: Path) -> None:
    set_tags("m/z.ogg", genre="Dub", artist="Ann", album="One", title="Zed")
    found = answers(in_library("tag", "--json", "m"))
    assert list(found) == ["a tone.wav", "noise.flac", "z.ogg"]  # by folder and album
    z = found["z.ogg"]
    assert z["path"] == str(songs / "m" / "z.ogg")
    assert (z["state"], z["genres"], z["current"]) == ("kept", ["Dub"], ["Dub"])
    assert (z["artist"], z["album"], z["title"]) == ("Ann", "One", "Zed")
    assert z["seconds"] == pytest.approx(4.0, abs=0.1)
    tone = found["a tone.wav"]
    assert (tone["state"], tone["genres"], tone["runner_up"], tone["reason"]) == (
        "proposed", ["tone"], "noise", "",
    )  # fmt: skip
    assert tone["confidence"] > 0.9


def test_a_record_has_the_keys_of_the_docs() -> None:
    values: dict[str, Any] = dict.fromkeys(File.__dataclass_fields__, "")
    file = File(**(values | {"genres": (), "path": "/a"}))
    found = record(Suggestion(Entry(file), Proposal("new")))
    assert list(found) == [
        "path", "state", "genres", "confidence", "runner_up", "reason", "current", "artist",
        "album", "title", "seconds",
    ]  # fmt: skip


# ------------------------------------------------------------------ policies


def test_the_user_s_own_names(in_library: Run, songs: Path) -> None:
    (songs / "names.csv").write_text("tone,Sound,Sine\nNoise,Krach\n")
    done = in_library("tag", "--write", "--map", "names.csv", "m")
    assert done.returncode == 0, done.stderr
    assert genres("m/z.ogg") == ["Sound", "Sine"]
    assert genres("m/below/noise.flac") == ["Krach"]


@pytest.mark.usefixtures("songs")
def test_names_for_labels_that_the_model_does_not_have(in_library: Run, songs: Path) -> None:
    (songs / "names.csv").write_text("tune,Sound\n")
    done = in_library("tag", "--map", "names.csv", "m")
    assert done.returncode == 2
    assert "no label of the model (in names.csv) named 'tune'" in done.stderr
    assert "Did you mean tone?" in done.stderr


@pytest.mark.usefixtures("songs")
def test_existing_genres_are_replaced_or_added_to(in_library: Run) -> None:
    set_tags("m/z.ogg", genre="Dub")
    found = answers(in_library("tag", "--existing", "append", "--json", "m"))
    assert found["z.ogg"]["genres"] == ["Dub", "tone"]
    in_library("tag", "--existing", "replace", "--write", "m")
    assert genres("m/z.ogg") == ["tone"]


@pytest.mark.usefixtures("songs")
def test_a_sidecar_and_the_time_of_change(in_library: Run, songs: Path) -> None:
    before = content(songs / "m")
    assert in_library("tag", "--write", "--sidecar", "m").returncode == 0
    after = content(songs / "m")
    assert {path: after[path] for path in before} == before
    assert {Path(p).name for p in set(after) - set(before)} == {
        "a tone.wav.genre.json", "noise.flac.genre.json", "z.ogg.genre.json",
    }  # fmt: skip
    assert in_library("tag", "--write", "--keep-mtime", "m").returncode == 0
    assert genres("m/z.ogg") == ["tone"]
    assert (songs / "m/z.ogg").stat().st_mtime_ns == before[str(songs / "m/z.ogg")][1]


@pytest.mark.usefixtures("songs")
def test_speech_is_passed_over(in_library: Run) -> None:
    set_tags("m/z.ogg", genre="Podcast")
    found = answers(in_library("tag", "--existing", "replace", "--json", "m"))
    assert (found["z.ogg"]["state"], found["z.ogg"]["reason"]) == ("skipped", "speech")


@pytest.mark.usefixtures("songs")
def test_songs_of_an_album_that_disagree_are_shown_together(in_library: Run) -> None:
    for path in ("m/below/noise.flac", "m/z.ogg"):
        set_tags(path, album="Mixed", albumartist="Ann")
    lines = in_library("tag", "m").stdout.splitlines()
    assert [line.rpartition("  ")[2] for line in lines[1:4]] == [
        "m/a tone.wav", "m/below/noise.flac", "m/z.ogg",
    ]  # fmt: skip
    assert lines[4].startswith("  Mixed: 1 noise, 1 tone; together ")
    found = answers(in_library("tag", "--album", "vote", "--min-confidence", "0", "--json", "m"))
    assert found["noise.flac"]["genres"] == found["z.ogg"]["genres"]


# ------------------------------------------------------------------ a second time


def test_a_second_run_opens_nothing_and_starts_nobody(
    in_library: Run, songs: Path, model: Path
) -> None:
    in_library("tag", "m")
    for path in (songs / "m").rglob("*.*"):
        os.utime(path, ns=(1, path.stat().st_mtime_ns))
    script = (
        "import sys; from genrewise import engine\n"
        "def run(*_, **__): raise SystemExit('a worker was started')\n"
        "engine.run = run\n"
        "from genrewise.__main__ import main\n"
        f"sys.argv = ['genrewise', 'tag', '--model', {str(model)!r}, 'm']\n"
        "sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.splitlines()[0][:7]) == (0, "3 files")
    audio = [p for p in (songs / "m").rglob("*.*") if p.suffix != ".jpg"]
    assert {p.stat().st_atime_ns for p in audio} == {1}


@pytest.mark.usefixtures("songs")
def test_a_renamed_folder_is_not_classified_again(
    in_library: Run, songs: Path, model: Path
) -> None:
    in_library("tag", "--write", "m")
    (songs / "m").rename(songs / "Müsik")
    kept = model.read_bytes()
    db = sqlite3.connect(songs / "library.sqlite3")
    made = db.execute("SELECT audio, made FROM answers ORDER BY audio").fetchall()
    done = in_library("tag", "Müsik", "--json")
    assert {r["state"] for r in answers(done).values()} == {"written"}
    assert db.execute("SELECT audio, made FROM answers ORDER BY audio").fetchall() == made
    assert db.execute("SELECT count(*) FROM files").fetchone()[0] == 3
    db.close()
    assert model.read_bytes() == kept


def test_failures_are_told_each_time_and_tried_once(in_library: Run, songs: Path) -> None:
    (songs / "m" / "b.mp3").write_text("this is text\n" * 100)
    done = in_library("tag", "gone.wav", "m", "http://127.0.0.1/x.mp3")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "gone.wav: no such file or folder"
    assert lines[1] == "http://127.0.0.1/x.mp3: an address. A library holds files"
    assert lines[2].startswith("m/b.mp3: ")
    assert lines[3] == "6 files: 3 proposed, 3 failed; passed over 1 that is no audio"
    again = in_library("tag", "m")
    assert (again.returncode, again.stderr.splitlines()[0]) == (1, lines[2])
    with soundfile.SoundFile(songs / "m" / "b.mp3", "w", 8000, 1, format="MP3") as file:
        file.write(np.sin(np.arange(16000) / 3) / 2)
    fixed = in_library("tag", "m")
    assert fixed.returncode == 0
    assert "m/b.mp3" in fixed.stdout


@pytest.mark.usefixtures("songs")
def test_written_files_are_tagged_again_on_request_only(in_library: Run, songs: Path) -> None:
    in_library("tag", "--write", "m")
    set_tags("m/z.ogg", genre="Mine")
    (songs / "names.csv").write_text("tone,Sine\nnoise,Krach\n")
    args = ("--write", "--map", "names.csv", "m")
    assert in_library("tag", *args).stdout == ""
    assert in_library("tag", "--retag", *args).returncode == 0
    assert genres("m/below/noise.flac") == ["Krach"]
    assert genres("m/z.ogg") == ["Mine"]


@pytest.mark.usefixtures("songs")
@pytest.mark.parametrize("more", [[], ["--keep-mtime"]])
def test_what_was_undone_is_known_and_can_be_written_again(
    in_library: Run, more: list[str]
) -> None:
    in_library("tag", "--write", *more, "m")
    assert in_library("undo").returncode == 0
    assert genres("m/z.ogg") == []
    status = json.loads(in_library("library status", "--json").stdout)
    assert (status["states"]["proposed"], status["genres"]) == (3, {})
    found = answers(in_library("tag", "--json", "m"))
    assert {r["state"] for r in found.values()} == {"proposed"}
    changes = answers(in_library("tag", "--json", "m"))
    assert changes == found
    assert in_library("tag", "--write", *more, "m").returncode == 0
    assert genres("m/z.ogg") == ["tone"]


# ------------------------------------------------------------------ bad luck


def many(folder: Path, n: int) -> list[Path]:
    """Files of different tones, half a second each."""
    folder.mkdir()
    t = np.arange(11025) / 22050
    paths = [folder / f"{i:03}.flac" for i in range(n)]
    for i, path in enumerate(paths):
        soundfile.write(path, (np.sin(2 * np.pi * (200 + 5 * i) * t) / 2).astype(np.float32), 22050)
    return paths


def start(model: Path, *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "genrewise", "tag", "--model", str(model), *args]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def answered(library: Path) -> int:
    if not library.exists():
        return 0
    db = sqlite3.connect(f"file:{library}?mode=ro", uri=True)
    try:
        return int(db.execute("SELECT count(*) FROM answers").fetchone()[0])
    except sqlite3.OperationalError:  # not made yet
        return 0
    finally:
        db.close()


@pytest.mark.skipif(sys.platform != "linux", reason="needs signals")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_in_the_middle_the_same_command_goes_on(
    in_library: Run, songs: Path, model: Path, how: signal.Signals
) -> None:
    many(songs / "n", 300)  # so that it is not through before the signal comes
    process = start(model, "--workers", "1", "n")
    library = songs / "library.sqlite3"
    until = time.monotonic() + 60
    while answered(library) < 16 and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(how)
    process.communicate(timeout=20)
    assert process.returncode == (-9 if how == signal.SIGKILL else 130)
    before = answered(library)
    assert 16 <= before < 300
    done = in_library("tag", "n")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("300 files: 300 proposed")
    assert answered(library) == 300


def test_two_at_once_get_it_right(in_library: Run, songs: Path, model: Path) -> None:
    paths = many(songs / "n", 24)
    both = [start(model, "--write", "n") for _ in range(2)]
    said = [process.communicate(timeout=90) for process in both]
    codes = {process.returncode for process in both}
    # The slower one finds files changed, or has waited for the other in vain.
    assert 0 in codes, said
    assert codes <= {0, 1, 2}, said
    done = in_library("tag", "--write", "n")
    assert done.returncode == 0, done.stderr
    assert all(genres(path) == ["tone"] for path in paths)
    db = sqlite3.connect(songs / "library.sqlite3")
    assert db.execute("SELECT count(*) FROM files").fetchone()[0] == 24
    assert db.execute("SELECT count(*) FROM writes WHERE state = 'done'").fetchone()[0] == 24
    db.close()


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_names_of_any_bytes(in_library: Run, songs: Path) -> None:
    folder = songs / "odd"
    folder.mkdir()
    data = (songs / "m" / "z.ogg").read_bytes()
    for name in (b"\xff\xfe.ogg", b"new\nline.ogg", "e\u0301 \U0001f3b5.ogg".encode()):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(data)
    done = in_library("tag", "--write", "odd")
    assert done.returncode == 0, done.stderr
    assert "odd/\\xff\\xfe.ogg" in done.stdout
    assert "odd/new\\nline.ogg" in done.stdout
    found = json.loads(in_library("tag", "--json", "odd").stdout)
    assert [os.fsencode(r["path"]) for r in found][-1].endswith(b"\xff\xfe.ogg")
    assert {r["state"] for r in found} == {"written"}


@pytest.mark.parametrize("where", ["/proc/x.sqlite3", "m/a tone.wav"])
@pytest.mark.usefixtures("songs")
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_library_that_cannot_be_written(in_library: Run, where: str) -> None:
    done = in_library("tag", "--db", where, "m")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: {where}: ")
    assert line.endswith("Name another file: --db FILE")


@pytest.mark.skipif(sys.platform != "linux", reason="needs limits")
def test_a_disk_that_is_full_is_one_line(in_library: Run, songs: Path) -> None:
    import resource

    many(songs / "n", 40)
    limit = 100_000  # less than the library's file comes to
    done = in_library(
        *("tag", "n"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: {songs / 'library.sqlite3'}: ")
    assert line.endswith("Make room, or name another: --db FILE")
    assert in_library("tag", "n").returncode == 0


def test_the_options_are_those_of_the_library() -> None:
    params = {p.name: p for p in tag_command.params}
    assert params["min_confidence"].default == MIN_CONFIDENCE
    assert tuple(params["existing"].type.choices) == EXISTING  # type: ignore[attr-defined]
    assert tuple(params["field"].type.choices) == FIELDS  # type: ignore[attr-defined]
    assert all(name in params["vocabulary"].help for name in VOCABULARIES)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("songs")
def test_wrong_use(in_library: Run) -> None:
    assert in_library("tag").returncode == 2
    assert in_library("tag", "--min-confidence", "1.5", "m").returncode == 2
    done = in_library("tag", "--vocabulary", "discog", "m")
    assert done.returncode == 2
    assert "did you mean discogs" in done.stderr.lower()


def test_without_mutagen_the_extra_is_named(songs: Path, model: Path) -> None:
    script = (
        "import sys; sys.modules['mutagen'] = None\n"
        "from genrewise.__main__ import main\n"
        f"sys.argv = ['genrewise', 'tag', '--model', {str(model)!r}, '--db', 'x.sqlite3', 'm']\n"
        "sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=songs
    )
    assert done.returncode == 3
    assert 'Run: pip install "genrewise[tags]"' in done.stderr
