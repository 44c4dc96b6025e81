"""What uploads are called, and the folder in which they lie."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.errors import GenrewiseError
from genrewise.web.uploads import Workplace, clean_name


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("song.mp3", "song.mp3"),
        ("a song with blanks.mp3", "a song with blanks.mp3"),
        ("Füße – Λόγος 歌.flac", "Füße – Λόγος 歌.flac"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Music\\a.mp3", "a.mp3"),
        ("/absolute/a.mp3", "a.mp3"),
        ("..\\..\\a.mp3", "a.mp3"),
        ("a/", "upload"),
        ("", "upload"),
        (None, "upload"),
        (".", "upload"),
        ("..", "upload"),
        (" .. ", "upload"),
        ("a\r\nSet-Cookie: x=1.mp3", "aSet-Cookie: x=1.mp3"),
        ("a\x00b.mp3", "ab.mp3"),
        ("\u202egpj.exe", "gpj.exe"),
        ("a\ud800b.mp3", "ab.mp3"),
        ("u\u0308.mp3", "ü.mp3"),
        ("~root", "~root"),
        ("$(id).mp3", "$(id).mp3"),
        ("-rf", "-rf"),
        ("x" * 300 + ".flac", "x" * 195 + ".flac"),
        ("x" * 300, "x" * 200),
        ("a." + "x" * 300, ("a." + "x" * 300)[:200]),
    ],
)
def test_names(given: str | None, name: str) -> None:
    assert clean_name(given) == name


@given(st.text())
def test_no_name_leads_anywhere_or_hides_anything(given: str) -> None:
    name = clean_name(given)
    assert 0 < len(name) <= 200
    assert not set(name) & set("/\\\0\r\n")
    assert name not in (".", "..")
    assert all(unicodedata.category(c)[0] != "C" for c in name)
    assert clean_name(name) == name


def test_files_are_new_private_and_without_an_ending(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    path, file = place.new()
    other, another = place.new()
    file.close()
    another.close()
    assert path != other
    assert (path.parent, path.suffix) == (place.folder, "")
    assert place.folder.stat().st_mode & 0o777 == 0o700
    assert place.folder.parent.stat().st_mode & 0o777 == 0o700
    place.close()


def test_nothing_is_left(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    path, file = place.new()
    file.write(b"x")
    file.close()
    (place.folder / "deeper").mkdir()
    place.close()
    place.close()
    assert not path.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    first = Workplace(tmp_path)
    path, file = first.new()
    file.close()
    second = Workplace(tmp_path)
    assert path.exists()
    second.close()
    assert path.exists()
    first.close()
    assert list(tmp_path.iterdir()) == []


SCRIPT = """
import os, sys
from pathlib import Path
from genrewise.web.uploads import Workplace
place = Workplace(Path(sys.argv[1]))
path, file = place.new()
file.write(b"private")
file.flush()
print(path, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no kill -9")
def test_what_a_killed_server_left_is_removed(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path], capture_output=True, text=True, check=False
    )
    left = Path(run.stdout.strip())
    assert left.exists()
    place = Workplace(tmp_path)
    assert not left.parent.exists()
    place.close()
    assert list(tmp_path.iterdir()) == []


def test_many_that_start_and_end_at_once_do_not_meet(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(15):
                place = Workplace(tmp_path)
                path, file = place.new()
                file.close()
                assert path.exists()
                place.close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no users and links as on Linux")
@pytest.mark.parametrize("kind", ["link", "dangling", "file"])
def test_what_somebody_laid_in_the_way_is_refused(tmp_path: Path, kind: str) -> None:
    shared = tmp_path / f"genrewise-{os.getuid()}"
    if kind == "file":
        shared.write_text("")
    else:
        target = tmp_path / "elsewhere"
        if kind == "link":
            target.mkdir()
        shared.symlink_to(target)
    with pytest.raises(GenrewiseError, match="a folder"):
        Workplace(tmp_path)
    assert kind != "link" or list((tmp_path / "elsewhere").iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GenrewiseError, match="Not a directory; expected a folder for uploads"):
        Workplace(tmp_path / "file")
