"""GTZAN in the layouts that go round."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genrewise.errors import UnknownName
from genrewise.training.datasets import Dataset, read
from genrewise.training.datasets.gtzan import is_gtzan, read_gtzan, track_name
from genrewise.training.datasets.scan import scan


def wav(path: Path, value: float = 0.1) -> Path:
    """A short file that can be decoded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(800, value, dtype=np.float32), 8000)
    return path


def folder(root: Path, *paths: str) -> Path:
    for path in paths:
        wav(root / path)
    return root


def table(path: Path, header: str, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def groups(dataset: Dataset) -> list[str]:
    return [item.group for item in dataset.items]


def test_track_names() -> None:
    assert track_name("blues.00042.wav") == ("blues.00042", "blues")
    assert track_name("genres/rock/rock.00001.au") == ("rock.00001", "rock")
    assert track_name("classical.00000.7.wav") == ("classical.00000", "classical")
    assert track_name("Hip-Hop.00007.wav") == ("hiphop.00007", "hiphop")
    assert track_name("blues00000.png") == ("blues.00000", "blues")
    assert track_name("polka.00000.wav") is None
    assert track_name("01 Intro.mp3") is None
    assert is_gtzan(["blues.00000.au"] * 9 + ["readme.au"])
    assert not is_gtzan(["blues.00000.au"] * 8 + ["a.au", "b.au"])
    assert not is_gtzan([])


@pytest.mark.parametrize(
    "layout",
    [
        "{genre}/{genre}.{n:05d}.au",
        "genres_original/{genre}/{genre}.{n:05d}.wav",
        "{genre}.{n:05d}.wav",
    ],
)
def test_gtzan_in_its_layouts(tmp_path: Path, layout: str) -> None:
    for genre in ("blues", "rock", "hiphop"):
        for n in range(3):
            wav(tmp_path / layout.format(genre=genre, n=n))
    (tmp_path / "bextract_single.mf").write_text("x")
    dataset = read(tmp_path)
    assert dataset.name == "gtzan"
    assert dataset.labels == ("blues", "hiphop", "rock")
    assert len(dataset) == 9
    assert {i.track for i in dataset.items} >= {"blues.00000", "rock.00002"}
    assert "GTZAN without a list of its artists" in dataset.warnings[0]
    assert dataset.passed == ("1 files .mf passed over",)


@pytest.mark.parametrize("beside", ["index.csv", "../index.csv"])
def test_gtzan_takes_the_list_beside_it(tmp_path: Path, beside: str) -> None:
    root = folder(
        tmp_path / "gtzan",
        "metal/metal.00058.wav",
        "rock/rock.00016.wav",
        "rock/rock.00017.wav",
        "rock/rock.00018.wav",
    )
    table(
        root / beside,
        "path,track,label,group,split,replica_set",
        ",metal.00058,metal,Queen,,r",
        "rock/rock.00016.wav,rock.00016,rock,Queen,train,r",
        ",rock.00017,rock,,valid,s",
    )
    dataset = read(root)
    assert groups(dataset) == ["Queen", "Queen", "s", "rock.00018"]
    assert [i.split for i in dataset.items] == ["", "train", "valid", ""]
    assert dataset.warnings == ("1 items are not in index.csv: rock/rock.00018.wav",)


def test_gtzan_spellings_are_repaired_and_told(tmp_path: Path) -> None:
    root = folder(tmp_path, "Hip-Hop/Hip-Hop.00000.wav", "Rock/Rock.00001.wav")
    dataset = read(root)
    assert dataset.labels == ("hiphop", "rock")
    assert dataset.warnings[:2] == ("Hip-Hop is read as hiphop", "Rock is read as rock")


def test_gtzan_groups_by_another_rule(tmp_path: Path) -> None:
    root = folder(tmp_path, "blues/blues.00000.wav", "rock/rock.00001.wav")
    assert read(root, group_by="file").warnings == ()
    with pytest.raises(UnknownName, match="'composer'"):
        read(root, group_by="composer")


# -- the audio of either copy: .au as it was published, .wav as it goes round


def copy_of(root: Path, ending: str, tracks: int = 3) -> Path:
    """A part of GTZAN in miniature, each track a tone of its own, half a second."""
    t = np.arange(11025) / 22050
    for i, genre in enumerate(("blues", "jazz", "rock")):
        for n in range(tracks):
            path = root / genre / f"{genre}.{n:05d}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            tone = 0.5 * np.sin(2 * np.pi * (200 + 100 * i + 10 * n) * t)
            soundfile.write(path, tone, 22050, subtype="PCM_16")
    return root


@pytest.mark.parametrize(("nested", "ending"), [("genres", "au"), ("genres_original", "wav")])
def test_the_audio_is_decoded(tmp_path: Path, nested: str, ending: str) -> None:
    copy_of(tmp_path / nested, ending)
    magic = {"au": b".snd", "wav": b"RIFF"}[ending]
    dataset = read(tmp_path)
    assert len(dataset) == 9
    assert Path(dataset.file(0)).read_bytes()[:4] == magic
    facts = scan(dataset, workers=1)
    assert [f.error for f in facts] == [""] * 9
    assert {(f.sr, f.channels, f.seconds) for f in facts} == {(22050, 1, 0.5)}
    assert facts[0].peak == pytest.approx(0.5, abs=0.01)
    # The folder within is the same data set.
    inner = read(tmp_path / nested)
    assert [i.track for i in inner.items] == [i.track for i in dataset.items]


def test_the_wav_file_without_a_header(tmp_path: Path) -> None:
    root = copy_of(tmp_path / "genres_original", "wav")
    broken = root / "jazz" / "jazz.00054.wav"
    broken.write_bytes(np.random.default_rng(0).bytes(5000))
    dataset = read(tmp_path)
    assert len(dataset) == 9
    assert dataset.warnings[0] == (
        "1 files are damaged, as is known of them: genres_original/jazz/jazz.00054.wav"
    )
    # A whole one is music like the rest, under either ending.
    shutil.copy(root / "jazz" / "jazz.00000.wav", broken)
    assert len(read(tmp_path)) == 10
    broken.unlink()
    copy_of(tmp_path / "more", "au")
    (tmp_path / "more" / "jazz" / "jazz.00000.au").rename(
        tmp_path / "more" / "jazz" / "jazz.00054.au"
    )
    assert "jazz.00054" in {i.track for i in read(tmp_path / "more").items}


def test_a_track_in_two_formats_counts_once(tmp_path: Path) -> None:
    copy_of(tmp_path / "genres", "au")
    copy_of(tmp_path / "genres_original", "wav", tracks=4)
    dataset = read(tmp_path)
    assert len(dataset) == 12
    assert dataset.warnings[0].startswith(
        "9 files are there under the same name already: genres_original/blues/blues.00000.wav"
    )
    assert sum(i.path.endswith(".au") for i in dataset.items) == 9


def test_pieces_of_a_track_all_count(tmp_path: Path) -> None:
    for n in range(3):
        wav(tmp_path / "jazz" / f"jazz.00001.{n}.wav", 0.1 * n)
    assert [i.track for i in read(tmp_path).items] == ["jazz.00001"] * 3


def test_the_real_audio(shared_data: Path) -> None:
    """What lies here has a manifest; without it the names say the same."""
    listed = read(shared_data / "gtzan")
    found = read_gtzan(shared_data / "gtzan")
    assert found is not None
    assert found.labels == listed.labels
    assert {i.track: i.label for i in found.items} == {i.track: i.label for i in listed.items}
    assert {i.track: i.split for i in found.items} == {i.track: i.split for i in listed.items}
