"""genrewise as a source of genres for beets: its own process, a real library, real files."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile

pytest.importorskip("beets", reason="beets is not installed")

SR = 22050
Beet = Callable[..., subprocess.CompletedProcess[str]]

CONFIG = """\
directory: {folder}/lib
library: {folder}/beets.db
plugins: genrewise
ui: {{color: no}}
import: {{copy: yes, autotag: no, quiet: yes}}
genrewise:
    model: {model}
{more}
"""


def tone(seconds: float = 2.0) -> np.ndarray:
    t = np.arange(round(seconds * SR)) / SR
    return (np.sin(2 * np.pi * 440.0 * t) / 2).astype(np.float32)


def noise(seconds: float = 2.0) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, round(seconds * SR)).astype(np.float32)


def song(path: Path, y: np.ndarray, **tags: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, y, SR)
    file = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    file.update({key: [value] for key, value in tags.items()})
    file.save()
    return path


def beet_in(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """What ``beet`` says; beets' own notes on its database are left out."""
    env = {"BEETSDIR": str(folder), "GENREWISE_LIBRARY": str(folder / "genrewise.sqlite3")}
    return subprocess.run(
        [sys.executable, "-m", "beets", *args],
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
        cwd=folder,
        env=os.environ | env,
        stdin=subprocess.DEVNULL,
    )


def configure(folder: Path, model: Path, *more: str) -> None:
    lines = "\n".join("    " + line for line in more)
    text = CONFIG.format(folder=folder, model=model, more=lines)
    (folder / "config.yaml").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def heard(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """beets' library of an album of four songs, imported without our help and heard once."""
    folder = tmp_path_factory.mktemp("beets") / "here"
    album = folder / "music" / "One"
    about = {"artist": "Ann", "album": "One"}
    song(album / "1.flac", tone(), **about, title="Tone", tracknumber="1")
    song(album / "2.ogg", tone(3.0), **about, title="Töne", tracknumber="2")
    song(album / "3.mp3", noise(), **about, title="Noise", tracknumber="3")
    song(album / "4.flac", tone(2.5), **about, title="Kept", tracknumber="4", genre="Dub")
    configure(folder, model, "auto: no")
    done = beet_in(folder, "import", "music")
    assert done.returncode == 0, done.stderr
    configure(folder, model)
    done = beet_in(folder, "genrewise", "--pretend", "--existing", "replace")
    assert done.stderr == "genrewise: 4 recognised\n"
    shutil.copytree(folder, folder.with_name("kept"))
    return folder


@pytest.fixture
def folder(heard: Path) -> Path:
    """It, as it was before any test; the times of the files are the same, so that it is known."""
    shutil.rmtree(heard)
    shutil.copytree(heard.with_name("kept"), heard)
    return heard


@pytest.fixture
def beet(folder: Path) -> Beet:
    return lambda *args: beet_in(folder, *args)


def genres(folder: Path, artist: str = "Ann") -> dict[str, str]:
    """What beets holds for an artist's songs, and for the albums by their names."""
    db = sqlite3.connect(folder / "beets.db")
    rows = db.execute("SELECT title, genres FROM items WHERE artist = ?", (artist,)).fetchall()
    db.close()
    return {title: (text or "").replace("\\\u2400", "; ") for title, text in rows}


def album_genres(folder: Path) -> list[tuple[str]]:
    db = sqlite3.connect(folder / "beets.db")
    rows = db.execute("SELECT genres FROM albums").fetchall()
    db.close()
    return rows


def in_file(folder: Path, name: str) -> list[str]:
    """What another reader finds in the genre field."""
    (path,) = folder.glob(f"lib/*/*/{name}")
    return list((mutagen.File(path, easy=True) or {}).get("genre", []))


def answers(folder: Path) -> list[tuple[str, str]]:
    db = sqlite3.connect(folder / "genrewise.sqlite3")
    found = db.execute("SELECT hash, made FROM answers JOIN audio ON id = audio").fetchall()
    db.close()
    return sorted(found)


# ------------------------------------------------------------------ beet genrewise


def test_empty_genres_are_filled_and_others_kept(beet: Beet, folder: Path) -> None:
    assert genres(folder) == {"Tone": "", "Töne": "", "Noise": "", "Kept": "Dub"}
    done = beet("genrewise")
    assert (done.returncode, done.stderr) == (0, "genrewise: 1 kept, 3 recognised\n")
    assert done.stdout.startswith("Ann - One - Tone\n  genres:\n    + tone\n")
    assert genres(folder) == {"Tone": "tone", "Töne": "tone", "Noise": "noise", "Kept": "Dub"}
    assert in_file(folder, "01 Tone.flac") == ["tone"]
    assert in_file(folder, "02 T*ne.ogg") == ["tone"]
    assert in_file(folder, "03 Noise.mp3") == ["noise"]
    assert in_file(folder, "04 Kept.flac") == ["Dub"]
    assert beet("genrewise").stderr == "genrewise: 4 kept\n"


def test_the_album_gets_what_most_of_its_songs_have(beet: Beet, folder: Path) -> None:
    beet("modify", "-y", "-a", "-W", "-I", "album:One", "genres=")
    beet("genrewise")
    assert album_genres(folder) == [("tone",)]
    assert genres(folder)["Noise"] == "noise"


def test_pretending_changes_nothing(beet: Beet, folder: Path) -> None:
    before = {p: p.read_bytes() for p in folder.rglob("lib/*/*/*")}
    done = beet("genrewise", "--pretend", "title:Noise")
    assert (done.returncode, done.stderr) == (0, "genrewise: 1 recognised\n")
    assert done.stdout == "Ann - One - Noise\n  genres:\n    + noise\n"
    assert genres(folder)["Noise"] == ""
    assert {p: p.read_bytes() for p in folder.rglob("lib/*/*/*")} == before


def test_only_into_the_library_of_beets(beet: Beet, folder: Path) -> None:
    beet("genrewise", "-W", "title:Noise")
    assert genres(folder) == {"Tone": "", "Töne": "", "Noise": "noise", "Kept": "Dub"}
    assert in_file(folder, "03 Noise.mp3") == []


def test_genres_that_are_there_are_replaced_or_added_to(beet: Beet, folder: Path) -> None:
    beet("genrewise", "--existing", "append", "title:Kept")
    assert in_file(folder, "04 Kept.flac") == ["Dub", "tone"]
    assert genres(folder)["Kept"] == "Dub; tone"
    beet("genrewise", "--existing", "replace", "title:Kept")
    assert in_file(folder, "04 Kept.flac") == ["tone"]


def test_own_names_and_several_of_them(beet: Beet, folder: Path, model: Path) -> None:
    (folder / "names.csv").write_text("tone,Sound,Sine\nnoise,Krach\n")
    shutil.copy(model, folder / "my.genrewise")  # both from the folder of the configuration on
    configure(folder, Path("my.genrewise"), "map: names.csv")
    assert beet("genrewise").returncode == 0
    assert in_file(folder, "01 Tone.flac") == ["Sound", "Sine"]
    assert genres(folder) == {
        "Tone": "Sound; Sine", "Töne": "Sound; Sine", "Noise": "Krach", "Kept": "Dub",
    }  # fmt: skip


def test_what_is_unsure_waits_for_review_and_is_heard_once(beet: Beet, folder: Path) -> None:
    done = beet("genrewise", "-c", "1")
    assert "genrewise: Ann - One - Noise: noise? 1.00" in done.stderr
    assert done.stderr.endswith("genrewise: 1 kept, 3 unsure\n")
    heard = answers(folder)
    assert len(heard) == 4
    said = subprocess.run(
        [sys.executable, "-m", "genrewise", "review", "--db", str(folder / "genrewise.sqlite3")],
        input="c Hum\ns\nq\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "3" in said.stdout + said.stderr
    done = beet("genrewise", "-c", "1")
    assert done.stderr.endswith("genrewise: 1 kept, 1 recognised, 1 skipped, 1 unsure\n")
    assert sorted(genres(folder).values()) == ["", "", "Dub", "Hum"]
    assert answers(folder) == heard


def test_one_genre_for_an_album(beet: Beet, folder: Path) -> None:
    beet("genrewise", "--album", "vote", "-c", "0")
    assert len({g for title, g in genres(folder).items() if title != "Kept"}) == 1


def test_a_file_that_is_gone_costs_itself_only(beet: Beet, folder: Path) -> None:
    next(folder.glob("lib/*/*/03 Noise.mp3")).unlink()
    (path,) = folder.glob("lib/*/*/01 Tone.flac")
    path.write_bytes(path.read_bytes()[:60])
    done = beet("genrewise")
    assert done.returncode == 0
    assert "03 Noise.mp3: no such file or directory" in done.stderr
    assert "01 Tone.flac: " in done.stderr
    assert done.stderr.endswith("genrewise: 2 failed, 1 kept, 1 recognised\n")
    assert genres(folder)["Töne"] == "tone"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("-m", "none"), "no model named 'none'"),
        (("-c", "1.5"), "min_confidence: 1.5; expected 0 to 1"),
        (("--vocabulary", "discog"), "Did you mean discogs?"),
        (("--map", "none.csv"), "No such file"),
    ],
)
def test_wrong_settings_are_one_line(beet: Beet, args: tuple[str, ...], said: str) -> None:
    done = beet("genrewise", *args)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_an_empty_query(beet: Beet) -> None:
    assert beet("genrewise", "title:none").stderr == "genrewise: nothing to do\n"


# ------------------------------------------------------------------ beet import


def test_what_is_imported_is_recognised(beet: Beet, folder: Path) -> None:
    about = {"artist": "Bo", "album": "Two"}
    song(folder / "new" / "1.flac", noise(2.2), **about, title="New")
    song(folder / "new" / "2.flac", tone(2.2), **about, title="Mine", genre="Ska")
    done = beet("import", "new")
    assert (done.returncode, "rror" in done.stderr) == (0, False)
    assert genres(folder, "Bo") == {"New": "noise", "Mine": "Ska"}
    song(folder / "single.flac", noise(2.4), artist="Cy", title="Alone")
    assert beet("import", "-s", "single.flac").returncode == 0
    assert genres(folder, "Cy") == {"Alone": "noise"}
    assert in_file(folder, "00 Mine.flac") == ["Ska"]
    beet("write", "artist:Bo")  # what is imported as it is, beets does not write by itself
    assert in_file(folder, "00 New.flac") == ["noise"]


def test_not_where_that_is_off(beet: Beet, folder: Path, model: Path) -> None:
    configure(folder, model, "auto: no")
    song(folder / "new" / "1.flac", noise(2.2), artist="Bo", title="New")
    beet("import", "new")
    assert genres(folder, "Bo") == {"New": ""}


def test_an_import_goes_on_without_us(beet: Beet, folder: Path) -> None:
    configure(folder, folder / "none.genrewise")
    song(folder / "new" / "1.flac", noise(2.2), artist="Bo", title="New")
    done = beet("import", "new")
    assert done.returncode == 0
    assert "genrewise: " in done.stderr
    assert "none.genrewise" in done.stderr
    assert genres(folder, "Bo") == {"New": ""}


# ------------------------------------------------------------------ the plugin as Python has it


def test_the_plugins_of_beets_are_still_there() -> None:
    script = (
        "import json, beetsplug, beetsplug.scrub, beetsplug.genrewise as ours, genrewise\n"
        "print(json.dumps([beetsplug.__file__, beetsplug.scrub.__file__, ours.__file__,"
        " genrewise.__file__]))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    package, theirs, ours, program = json.loads(done.stdout)
    assert package is None  # a namespace: nobody owns it
    assert Path(theirs).parent != Path(ours).parent or "site-packages" in ours
    assert Path(ours).name == "genrewise.py"
    assert Path(program).name == "__init__.py"


def test_a_song_of_an_older_beets() -> None:
    from beetsplug.genrewise import genre_field, genres_of, set_genres

    class Old(dict[str, str]):
        _fields = ("genre",)

    old = Old(genre="Dub; Ska")
    assert (genre_field(old), genres_of(old)) == ("genre", ("Dub", "Ska"))
    set_genres(old, ["Rock", "Metal"])
    assert old == {"genre": "Rock; Metal"}
    assert genres_of(Old(genre="")) == ()


def test_songs_of_an_album_are_on_one_page(monkeypatch: pytest.MonkeyPatch) -> None:
    from beets.library import Item

    from beetsplug import genrewise as plugin

    monkeypatch.setattr(plugin, "PAGE", 3)
    albums = [1, 2, None, 1, None, 2, 2, 0]
    items = [Item(title=str(i), album_id=album) for i, album in enumerate(albums)]
    for i, item in enumerate(items):
        item.id = i
    found = [[item.title for item in page] for page in plugin.pages(items)]
    assert found == [["0", "3", "1", "5", "6"], ["2", "4", "7"]]
    assert list(plugin.pages([])) == []
