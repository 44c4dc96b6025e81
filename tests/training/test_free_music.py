"""Free music from Debian's packages: fetched, unpacked, labelled by what was reviewed."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genrewise.cli import main
from genrewise.errors import DatasetError
from genrewise.labels import LABEL_SETS
from genrewise.training import datasets
from genrewise.training.datasets import (
    debian,
    free_music,
    free_music_labels,
)
from genrewise.training.datasets.free_music import get
from genrewise.training.datasets.free_music_labels import Reviewed, label_of
from genrewise.training.datasets.free_music_packages import PACKAGES, Package
from genrewise.training.mapping import match

DPKG = shutil.which("dpkg-deb")
needs_dpkg = pytest.mark.skipif(DPKG is None, reason="no dpkg-deb here")
ROOT = "usr/share/games/toy/music"
SECONDS = 46
Files = Mapping[str, bytes]


def ogg(seconds: float = SECONDS, seed: int = 0, level: float = 0.1, **tags: str) -> bytes:
    """Noise, so that it does not shrink below what may be music."""
    y = np.random.default_rng(seed).normal(size=round(seconds * 8000)) * level
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", 8000, 1, format="OGG", subtype="VORBIS") as file:
        for name, value in tags.items():
            setattr(file, name, value)
        for start in range(0, len(y), 1 << 15):
            file.write(y[start : start + (1 << 15)])
    return out.getvalue()


@pytest.fixture(scope="module")
def sounds() -> dict[str, bytes]:
    return {
        "long": ogg(seed=1, title="First", artist="Ann Lee", genre="Thrash Metal"),
        "other": ogg(seed=2, title="Second", artist="Ann  Lee (al)"),
        "house": ogg(seed=3, artist="Bob & Ann Lee", genre="House"),
        "bare": ogg(seed=4),
        "short": ogg(44.0, seed=5, artist="Ann Lee"),
    }


def package(name: str = "toy", **more: object) -> Package:
    plain = {"version": "1.0-1", "megabytes": 1, "root": ROOT, "licence": "CC0-1.0", **more}
    return Package(name, **plain)  # type: ignore[arg-type]


@pytest.fixture
def review(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say what was reviewed of a package: by path the bytes, the words and the label."""

    def say(name: str, **files: tuple[bytes, str, str]) -> None:
        found = {}
        for stem, (content, words, label) in files.items():
            digest = hashlib.sha256(content).hexdigest()
            path = stem.replace("__", "/") + (".flac" if words == "mixed" else ".ogg")
            found[path] = (digest, Reviewed(name, words, label, f"{digest}  {path}\n"))
        monkeypatch.setitem(free_music_labels._BY_PACKAGE, name, found)  # type: ignore[index]

    return say


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Where packages lie."""
    folder = tmp_path / "pool"
    folder.mkdir()
    return folder


@needs_dpkg
def test_a_package_becomes_rows(
    deb: Callable[..., Path],
    tmp_path: Path,
    pool: Path,
    sounds: dict[str, bytes],
    review: Callable[..., None],
) -> None:
    files = {
        f"{ROOT}/one.ogg": sounds["long"],
        f"{ROOT}/below/two.ogg": sounds["house"],
        f"{ROOT}/three.ogg": sounds["other"],
        f"{ROOT}/jingle.ogg": sounds["short"],
        f"{ROOT}/click.ogg": sounds["long"][:9_000],
        f"{ROOT}/broken.ogg": b"OggS" + bytes(200_000),
        f"{ROOT}/picture.png": bytes(200_000),
        "usr/share/games/toy/other.ogg": sounds["long"],
        "usr/share/doc/toy/copyright": b"free\n",
        "usr/share/doc/toy/changelog.gz": b"-",
    }
    deb(pool, "toy", files)
    review(
        "toy",
        one=(sounds["long"], "Thrash Metal", "metal"),
        below__two=(sounds["house"], "House", "electronic"),
    )
    folder = tmp_path / "data"
    built = get(folder, pool, packages=[package()])
    assert [(s.package, s.version, s.state, s.tracks, s.passed, s.notes) for s in built.states] == [
        ("toy", "1.0-1", "fetched", 3, 2, ())
    ]
    there = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert there == [
        "manifest.csv",
        "toy/below/two.ogg",
        "toy/copyright",
        "toy/one.ogg",
        "toy/three.ogg",
    ]
    assert (folder / "toy/one.ogg").read_bytes() == sounds["long"]
    assert_rows(rows_of(folder / "manifest.csv"))


def assert_rows(table: list[dict[str, str]]) -> None:
    assert list(table[0]) == [
        *("path", "label", "group", "track", "title", "artist", "genre_tag"),
        *("package", "version", "licence", "seconds"),
    ]
    assert [r["path"] for r in table] == ["toy/below/two.ogg", "toy/one.ogg", "toy/three.ogg"]
    assert table[1] == {
        "path": "toy/one.ogg",
        "label": "metal",
        "group": "Bob & Ann Lee",
        "track": "toy/one",
        "title": "First",
        "artist": "Ann Lee",
        "genre_tag": "Thrash Metal",
        "package": "toy",
        "version": "1.0-1",
        "licence": "CC0-1.0",
        "seconds": "46.0",
    }
    assert [(r["label"], r["genre_tag"]) for r in table] == [
        ("electronic", "House"),
        ("metal", "Thrash Metal"),
        ("", ""),
    ]


@needs_dpkg
def test_the_data_set_is_read_with_its_labels_alone(
    deb: Callable[..., Path],
    tmp_path: Path,
    pool: Path,
    sounds: dict[str, bytes],
    review: Callable[..., None],
) -> None:
    files = {f"{ROOT}/{name}.ogg": sounds[name] for name in ("long", "house", "bare")}
    deb(pool, "toy", files)
    review(
        "toy",
        long=(sounds["long"], "Thrash Metal", "metal"),
        house=(sounds["house"], "House", "electronic"),
    )
    folder = tmp_path / "free-music"
    get(folder, pool, packages=[package()])
    labelled = datasets.read(folder)
    assert labelled.name == "free-music"
    assert [(i.path, i.label, i.group, i.track) for i in labelled.items] == [
        ("toy/house.ogg", "electronic", "toy", "toy/house"),
        ("toy/long.ogg", "metal", "toy", "toy/long"),
    ]
    assert labelled.warnings == ("1 rows without a label are left out",)
    assert Path(labelled.file(0)).is_file()
    # A model of the ten genres does not know the word for what lies outside them.
    own = match(labelled.labels, LABEL_SETS["gtzan-10"].labels, {})
    assert (list(own.known), own.repaired, own.outside) == (["metal"], {}, ("electronic",))


@needs_dpkg
def test_labels_are_of_bytes_not_of_names(
    deb: Callable[..., Path],
    tmp_path: Path,
    pool: Path,
    sounds: dict[str, bytes],
    review: Callable[..., None],
) -> None:
    files = {f"{ROOT}/one.ogg": sounds["other"], f"{ROOT}/two.ogg": sounds["long"]}
    deb(pool, "toy", files, "2:3.0-1")
    review(
        "toy",
        one=(sounds["long"], "Metal", "metal"),
        two=(sounds["long"], "Metal", "metal"),
        gone=(sounds["bare"], "Metal", "metal"),
    )
    told: list[str] = []
    built = get(tmp_path / "data", pool, packages=[package()], progress=told.append)
    assert [(r.path, r.label) for r in built.rows] == [
        ("toy/one.ogg", ""),
        ("toy/two.ogg", "metal"),
    ]
    assert built.rows[0].version == "2:3.0-1"
    assert built.states[0].notes == (
        "toy 2:3.0-1 is not the version whose labels were reviewed, 1.0-1: 2 of 3 labelled"
        " files are not those, and have no label: one.ogg, gone.ogg",
    )
    assert told == ["1 of 1 · toy: unpacking, 1 MB", *built.states[0].notes]
    # Another version with the same music is as good.
    review("toy", two=(sounds["long"], "Metal", "metal"))
    built = get(tmp_path / "again", pool, packages=[package()])
    assert built.states[0].notes == ()


@needs_dpkg
def test_groups_do_not_depend_on_the_order_of_packages(
    deb: Callable[..., Path], tmp_path: Path, pool: Path, sounds: dict[str, bytes]
) -> None:
    deb(pool, "alpha", {f"{ROOT}/a.ogg": sounds["long"]})
    deb(pool, "beta", {f"{ROOT}/b.ogg": sounds["other"], f"{ROOT}/c.ogg": sounds["bare"]})
    both = [package("alpha"), package("beta")]
    built = get(tmp_path / "one", pool, everything=True, packages=both)
    again = get(tmp_path / "two", pool, everything=True, packages=both[::-1])
    assert [r.group for r in built.rows] == ["beta", "beta", "beta"]
    assert built.rows == again.rows


@needs_dpkg
def test_what_is_there_is_not_fetched_again(
    deb: Callable[..., Path], tmp_path: Path, pool: Path, sounds: dict[str, bytes]
) -> None:
    folder = tmp_path / "data"
    deb(pool, "alpha", {f"{ROOT}/a.ogg": sounds["long"]})
    both = [package("alpha"), package("beta")]
    first = get(folder, pool, everything=True, packages=both)
    assert [s.state for s in first.states] == ["fetched", "failed"]
    deb(pool, "beta", {f"{ROOT}/b.ogg": sounds["other"]})
    (pool / "alpha_1.0-1_all.deb").write_bytes(b"not looked at")
    stamp = (folder / "alpha/a.ogg").stat().st_mtime_ns
    second = get(folder, pool, everything=True, packages=both)
    assert [(s.package, s.state, s.tracks) for s in second.states] == [
        ("alpha", "kept", 1),
        ("beta", "fetched", 1),
    ]
    assert (folder / "alpha/a.ogg").stat().st_mtime_ns == stamp
    assert [r["path"] for r in rows_of(folder / "manifest.csv")] == ["alpha/a.ogg", "beta/b.ogg"]
    # A file that was lost brings its package back, and no other.
    (folder / "beta/b.ogg").unlink()
    third = get(folder, pool, everything=True, packages=both)
    assert [s.state for s in third.states] == ["kept", "fetched"]
    assert (folder / "beta/b.ogg").read_bytes() == sounds["other"]


@needs_dpkg
def test_an_interrupt_leaves_what_was_done(
    deb: Callable[..., Path],
    tmp_path: Path,
    pool: Path,
    sounds: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deb(pool, "alpha", {f"{ROOT}/a.ogg": sounds["long"]})
    deb(pool, "beta", {f"{ROOT}/b.ogg": sounds["other"]})
    both, folder = [package("alpha"), package("beta")], tmp_path / "data"
    look = free_music._look

    def stop(path: Path) -> tuple[float, dict[str, str]]:
        if path.name == "b.ogg":
            raise KeyboardInterrupt
        return look(path)

    with monkeypatch.context() as patched:
        patched.setattr(free_music, "_look", stop)
        with pytest.raises(KeyboardInterrupt):
            get(folder, pool, everything=True, packages=both)
    assert sorted(p.name for p in folder.iterdir()) == ["alpha", "manifest.csv"]
    assert [r["package"] for r in rows_of(folder / "manifest.csv")] == ["alpha"]
    # A kill leaves more: the folder of the package that was at work.
    (folder / ".beta.part" / "music").mkdir(parents=True)
    (folder / ".beta.part" / "music" / "old.ogg").write_bytes(sounds["bare"])
    built = get(folder, pool, everything=True, packages=both)
    assert [s.state for s in built.states] == ["kept", "fetched"]
    assert [r.path for r in built.rows] == ["alpha/a.ogg", "beta/b.ogg"]
    assert not (folder / ".beta.part").exists()


@needs_dpkg
@pytest.mark.parametrize("keep", [0, 7, 100, 3_000, 60_000, -4_000])
def test_a_damaged_package_costs_itself_alone(
    deb: Callable[..., Path], tmp_path: Path, pool: Path, sounds: dict[str, bytes], keep: int
) -> None:
    file = deb(pool, "alpha", {f"{ROOT}/a.ogg": sounds["long"], f"{ROOT}/z.ogg": sounds["bare"]})
    file.write_bytes(file.read_bytes()[:keep])
    deb(pool, "beta", {f"{ROOT}/b.ogg": sounds["other"]})
    folder = tmp_path / "data"
    both = [package("alpha"), package("beta")]
    built = get(folder, pool, everything=True, packages=both)
    assert [s.state for s in built.states] == ["failed", "fetched"]
    (note,) = built.states[0].notes
    assert note.startswith("alpha_1.0-1_all.deb: damaged (")
    assert note.endswith("expected a whole package. Fetch it again")
    assert "\n" not in note
    assert [r.path for r in built.rows] == ["beta/b.ogg"]
    assert sorted(p.name for p in folder.iterdir()) == ["beta", "manifest.csv"]


@needs_dpkg
def test_a_package_that_holds_none_of_it(
    deb: Callable[..., Path], tmp_path: Path, pool: Path, sounds: dict[str, bytes]
) -> None:
    deb(pool, "toy", {"usr/share/elsewhere/a.ogg": sounds["long"]}, "9")
    built = get(tmp_path / "data", pool, everything=True, packages=[package()])
    assert built.states[0].notes == (f"toy 9: no music below /{ROOT}; expected as in 1.0-1",)
    assert built.rows == ()


@needs_dpkg
def test_parts_of_a_song_become_the_song(
    deb: Callable[..., Path], tmp_path: Path, pool: Path, review: Callable[..., None]
) -> None:
    song, guitar = ogg(seed=6, level=0.3, artist="Band"), ogg(50.0, seed=7, level=0.3)
    files = {
        f"{ROOT}/v1.2/song.ogg": song,
        f"{ROOT}/v1.2/guitar.ogg": guitar,
        f"{ROOT}/alone/song.ogg": song,
    }
    deb(pool, "toy", files)
    digest = hashlib.sha256(song + guitar).hexdigest()
    review("toy", **{"v1.2": (song + guitar, "mixed", "metal")})
    assert label_of("toy")["v1.2.flac"][0] == digest
    folder = tmp_path / "data"
    built = get(folder, pool, packages=[package(parts=("song.ogg", "guitar.ogg"))])
    assert [(r.path, r.label, r.artist) for r in built.rows] == [
        ("toy/alone/song.ogg", "", "Band"),
        ("toy/v1.2.flac", "metal", "Band"),
    ]
    assert built.states[0].notes == ()
    y, rate = soundfile.read(folder / "toy/v1.2.flac")
    a, b = (soundfile.read(io.BytesIO(part))[0] for part in (song, guitar))
    assert rate == 8000
    assert len(y) == len(b) == 50 * 8000
    whole = np.pad(a, (0, len(b) - len(a))) + b
    assert np.abs(whole).max() > 1.0  # would be cut off
    assert np.abs(y).max() == pytest.approx(1.0, abs=1e-4)
    np.testing.assert_allclose(y, whole / np.abs(whole).max(), atol=1e-4)


@needs_dpkg
def test_music_in_an_archive(
    deb: Callable[..., Path], tmp_path: Path, pool: Path, sounds: dict[str, bytes]
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("tracks/a.ogg", sounds["long"])
        archive.writestr("voices/b.ogg", sounds["long"])
        archive.writestr("tracks/../../c.ogg", sounds["long"])
        archive.writestr("/tracks/d.ogg", sounds["long"])
    deb(pool, "toy", {f"{ROOT}/music.pk3": packed.getvalue(), f"{ROOT}/e.ogg": sounds["long"]})
    toy = package(archive="music.pk3", only="*tracks/*")
    folder = tmp_path / "data"
    built = get(folder, pool, everything=True, packages=[toy])
    assert [r.path for r in built.rows] == ["toy/tracks/a.ogg"]
    assert sorted(p.name for p in tmp_path.rglob("*.ogg")) == ["a.ogg"]
    shutil.rmtree(folder)
    (pool / "toy_1.0-1_all.deb").unlink()
    deb(pool, "toy", {f"{ROOT}/music.pk3": packed.getvalue()[:50_000]})
    built = get(folder, pool, everything=True, packages=[toy])
    (note,) = built.states[0].notes
    assert note.startswith("toy: music.pk3: ")
    assert note.endswith("expected a zip file. Fetch the package again")


@needs_dpkg
def test_packages_are_fetched_where_none_are_at_hand(
    deb: Callable[..., Path],
    tmp_path: Path,
    pool: Path,
    sounds: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = deb(pool, "toy", {f"{ROOT}/a.ogg": sounds["long"]})
    monkeypatch.setattr(debian, "need", str)
    monkeypatch.setattr(debian, "fetch", lambda name, into: shutil.copy(made, into / f"{name}.deb"))
    told: list[str] = []
    folder = tmp_path / "data"
    built = get(folder, everything=True, packages=[package()], progress=told.append)
    assert [r.path for r in built.rows] == ["toy/a.ogg"]
    assert told == ["1 of 1 · toy: fetching, 1 MB"]
    assert not list(folder.rglob("*.deb"))


@needs_dpkg
def test_a_disk_that_takes_no_more(
    deb: Callable[..., Path],
    tmp_path: Path,
    pool: Path,
    sounds: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = PACKAGES[0].name
    deb(pool, name, {f"{PACKAGES[0].root}/a.ogg": sounds["long"]})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")

    monkeypatch.setattr(debian.shutil, "copyfileobj", full)
    folder = tmp_path / "data"
    assert main(["datasets", "get", "free-music", "--from", str(pool), "-o", str(folder)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines()[-1] == (
        f"Error: {folder}: No space left on device; expected a folder that can be written, on a"
        " disk with room. The same command goes on where it ended"
    )
    assert "Traceback" not in shown.err
    assert list(folder.iterdir()) == []


@needs_dpkg
@pytest.mark.skipif(os.name == "nt", reason="rights of folders are others there")
def test_a_folder_that_cannot_be_written(tmp_path: Path, pool: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="Not a directory; expected a folder that can be"):
        get(tmp_path / "file" / "data", pool, packages=[package()], everything=True)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.access(locked, os.W_OK):
        pytest.skip("rights do not hold for this user")
    with pytest.raises(DatasetError, match="locked/data: Permission denied"):
        get(locked / "data", pool, packages=[package()], everything=True)


@needs_dpkg
def test_packages_from_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere: no such folder; expected a folder of \.deb"):
        get(tmp_path / "data", tmp_path / "nowhere", packages=[package()])


@needs_dpkg
def test_the_command(
    deb: Callable[..., Path],
    tmp_path: Path,
    pool: Path,
    sounds: dict[str, bytes],
    review: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deb(pool, "alpha", {f"{ROOT}/a.ogg": sounds["long"], f"{ROOT}/b.ogg": sounds["house"]})
    deb(pool, "beta", {f"{ROOT}/c.ogg": sounds["bare"]})
    review(
        "alpha",
        a=(sounds["long"], "Thrash Metal", "metal"),
        b=(sounds["house"], "House", "electronic"),
    )
    three = [package("alpha"), package("beta"), package("lost")]
    monkeypatch.setattr(free_music, "PACKAGES", three)
    folder = tmp_path / "data"
    command = ["datasets", "get", "free-music", "--from", str(pool), "-o", str(folder)]
    assert main(command) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        "label       tracks  hours  groups",
        "electronic       1   0.01  1",
        "metal            1   0.01  1",
    ]
    assert shown.err.splitlines() == [
        "1 of 1 · alpha: unpacking, 1 MB",
        f"{folder}: manifest.csv, 2 tracks of 1 packages",
    ]
    assert main([*command, "--all", "--json"]) == 1
    shown = capsys.readouterr()
    values = json.loads(shown.out)
    one = {"tracks": 1, "hours": 0.01, "groups": 1}
    assert values["labels"] == {"electronic": one, "metal": one}
    assert values["unlabelled"] == one
    assert [(p["package"], p["state"]) for p in values["packages"]] == [
        ("alpha", "kept"),
        ("beta", "fetched"),
        ("lost", "failed"),
    ]
    assert shown.err.splitlines()[-1] == f"{folder}: without lost"
    assert "Traceback" not in shown.err
