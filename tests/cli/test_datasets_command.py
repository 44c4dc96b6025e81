"""``genrewise datasets``: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from genrewise.cli import main
from genrewise.features.pictures import png
from genrewise.training.datasets import fma_miniature, read
from genrewise.training.datasets.synthetic import generate
from genrewise.training.splits import read_split


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three genres, four artists of two tracks each, 2 s."""
    root = tmp_path_factory.mktemp("music")
    return generate(root, 8, 2.0, genres=["techno", "waltz", "metal"], tracks_per_artist=2)


def test_report(music: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "report", str(music), "--workers", "1"]) == 0
    shown = capsys.readouterr().out
    assert "clips     24 of 24 tracks in 12 groups" in shown
    assert "0:48 in all; 2.0 s to 2.0 s" in shown
    assert "pcm_s16 (24)" in shown


def test_report_as_json_and_page(
    music: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "data.html"
    arguments = [
        "datasets",
        "report",
        str(music),
        "--json",
        "--html",
        str(target),
        "--workers",
        "1",
    ]
    assert main(arguments) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["clips"] == 24
    assert [b["label"] for b in values["balance"]] == ["metal", "techno", "waltz"]
    assert values["lengths"]["total"] == pytest.approx(48.0)
    assert target.read_text().startswith("<!doctype html>")


def test_report_of_names_only(music: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "report", str(music), "--no-audio", "--labels", "waltz, techno"]) == 0
    shown = capsys.readouterr().out
    assert "clips     16 of 16 tracks" in shown
    assert "pcm" not in shown


def test_a_broken_file_makes_the_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = generate(tmp_path, 2, 1.0, genres=["techno", "waltz"])
    (root / "techno" / "techno.00000.wav").write_bytes(b"no music")
    assert main(["datasets", "report", str(root), "--workers", "1"]) == 1
    shown = capsys.readouterr().out
    assert "unreadable: 1\n  techno/techno.00000.wav: " in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "no-such-folder"], "no-such-folder: no such folder, file or data set"),
        (["report", "syntetic"], "Did you mean synthetic?"),
        (["report", "{music}", "--labels", "polka"], "no label named 'polka'"),
        (["report", "{music}", "--group-by", "artits"], "'artits'"),
        (["split", "{music}", "-o", "x.csv", "--valid", "0.9"], "leave something to train on"),
        (["synthetic", "-o", "x", "--genres", "teckno"], "Did you mean techno?"),
        (["synthetic", "-o", "x", "--tracks", "0"], "at least 1 track"),
        (["report"], "Missing argument"),
        (["split", "{music}"], "Missing option"),
        (["reprot"], "No such command"),
    ],
)
def test_wrong_use(
    music: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code = main(["datasets", *(a.format(music=music) for a in arguments)])
    shown = capsys.readouterr()
    assert code == 2
    assert message in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_split(music: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "split.csv"
    arguments = [
        "datasets",
        "split",
        str(music),
        "-o",
        str(target),
        "--seed",
        "3",
        "--workers",
        "1",
    ]
    assert main(arguments) == 0
    shown = capsys.readouterr()
    assert "by group, stratified" in shown.err
    split = read_split(target, read(music))
    assert sum(map(len, split.parts().values())) == 24
    assert f"train  {len(split.train)}\n" in shown.out
    assert split.seed == 3
    # The file is a manifest as well.
    text = target.read_text()
    (music / "again.csv").write_text(text)
    again = read(music / "again.csv")
    (music / "again.csv").unlink()
    assert {i.path: i.split for i in again.items if i.split == "test"} == {
        read(music).items[i].path: "test" for i in split.test
    }


def test_split_keeps_copies_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = generate(tmp_path / "m", 8, 6.0, genres=["techno", "waltz"], tracks_per_artist=1)
    # One song again, under another name of another artist.
    copied = (root / "techno" / "techno.00000.wav").read_bytes()
    (root / "techno" / "techno.00005.wav").write_bytes(copied)
    target = tmp_path / "split.csv"
    for seed in range(4):
        arguments = ["datasets", "split", str(root), "-o", str(target), "--seed", str(seed)]
        assert main([*arguments, "--workers", "1"]) == 0
        rows = dict(line.split(",")[::5] for line in target.read_text().splitlines()[2:])
        assert rows["techno/techno.00000.wav"] == rows["techno/techno.00005.wav"]
    capsys.readouterr()


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "list"]) == 0
    shown = capsys.readouterr().out
    assert "fma_metadata.zip" in shown
    assert max(map(len, shown.split("label set")[0].splitlines())) <= 96
    assert "bouncy, tekno, warzone, industrial, non-techno-drop" in shown
    assert main(["datasets", "list", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["label sets"]["gtzan-10"][4] == "hiphop"
    assert set(values["data sets"]["synthetic"]) == {"what", "form", "get"}


def test_synthetic(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "made"
    arguments = ["datasets", "synthetic", "-o", str(target), "--tracks", "1", "--seconds", "0.5"]
    assert main([*arguments, "--genres", "techno,waltz", "--seed", "4"]) == 0
    assert "written" in capsys.readouterr().err
    assert read(target).labels == ("techno", "waltz")


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "--help"]) == 0
    shown = capsys.readouterr().out
    for name in ("list", "check", "report", "split", "synthetic"):
        assert name in shown


# -- check


@pytest.fixture
def copy(music: Path, tmp_path: Path) -> Path:
    return shutil.copytree(music, tmp_path / "copy")


def test_check_writes_compares_and_fails(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["datasets", "check", str(copy), "--workers", "1"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert "copy (audio): 24 of 25 files are of a genre" in shown
    assert "SHA256SUMS" not in shown
    assert main([*command, "--no-audio", "--write"]) == 0
    shown = capsys.readouterr()
    assert "SHA256SUMS: checksums of 25 files" in shown.err
    assert "SHA256SUMS: 25 agree, 0 differ, 0 are not here\n" in shown.out
    # One byte of music, which decodes as before.
    song = copy / "waltz" / "waltz.00003.wav"
    data = bytearray(song.read_bytes())
    data[-1] ^= 1
    song.write_bytes(bytes(data))
    assert main([*command, "--json"]) == 1
    values = json.loads(capsys.readouterr().out)
    assert values["lists"][0]["differ"] == ["waltz/waltz.00003.wav"]
    assert values["unreadable"] == []
    assert values["good"] is False


def test_check_with_a_list_elsewhere(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "sums.txt"
    command = ["datasets", "check", str(copy), "--no-audio", "--sums", str(target)]
    assert main(command) == 2
    assert "no such file; --write makes it" in capsys.readouterr().err
    assert main([*command, "--write"]) == 0
    assert not (copy / "SHA256SUMS").exists()
    (copy / "waltz" / "waltz.00000.wav").unlink()
    capsys.readouterr()
    assert main(command) == 1
    assert "not here: 1\n  waltz/waltz.00000.wav\n" in capsys.readouterr().out


def test_check_finds_what_cannot_be_decoded(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "techno" / "techno.00000.wav").write_bytes(b"no music")
    assert main(["datasets", "check", str(copy), "--workers", "1"]) == 1
    assert "unreadable: 1\n  techno/techno.00000.wav: " in capsys.readouterr().out
    assert main(["datasets", "check", str(copy), "--no-audio"]) == 0


def test_check_of_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for genre in ("jazz", "rock"):
        (tmp_path / genre).mkdir()
        for n in range(3):
            pixels = np.full((4, 4), 40 * n, dtype=np.uint8)
            (tmp_path / genre / f"{n}.png").write_bytes(png(pixels))
    (tmp_path / "rock" / "2.png").write_bytes(b"x")
    assert main(["datasets", "check", str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert "(pictures): 6 of 6 files are of a genre" in shown
    assert "unreadable: 1\n  rock/2.png: no picture that Pillow reads\n" in shown
    assert "equal files: 2\n  jazz/0.png = rock/0.png\n" in shown


@pytest.fixture(scope="module")
def fma_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fma_miniature.generate(tmp_path_factory.mktemp("fma"), 3, 1.0, tracks_per_artist=1)


def test_check_of_fma(fma_made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The list that lies in its folder is used without being named."""
    root = shutil.copytree(fma_made, tmp_path / "fma")
    song = root / "fma_small" / "000" / "000175.mp3"
    song.write_bytes(song.read_bytes()[:-10])
    assert main(["datasets", "check", f"fma:{root}", "--no-audio", "--json"]) == 1
    values = json.loads(capsys.readouterr().out)
    (one,) = values["lists"]
    assert one["name"] == "fma_small/checksums"
    assert (one["agree"], one["differ"]) == (23, ["fma_small/000/000175.mp3"])
    assert [c["files"] for c in values["counts"]] == [3] * 8
    assert {c["label"]: c["below"] for c in values["counts"] if c["below"]} == {"Rock": {"Punk": 1}}
    assert main(["datasets", "check", str(root), "--no-audio"]) == 1
    assert "  Rock                3  of these Punk 1\n" in capsys.readouterr().out


# -- other kinds of data


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """GTZAN's names, two genres of six pictures, and the list of artists beside them."""
    root = tmp_path / "pictures"
    lines = ["track,group,split"]
    for genre in ("jazz", "rock"):
        (root / genre).mkdir(parents=True)
        for n in range(6):
            pixels = np.full((4, 4), 20 * n + ord(genre[0]) % 20, dtype=np.uint8)
            (root / genre / f"{genre}.{n:05d}.png").write_bytes(png(pixels))
            lines.append(f"{genre}.{n:05d},{genre} {n // 2},{('train', 'valid', 'test')[n // 2]}")
    (tmp_path / "index.csv").write_text("\n".join(lines) + "\n")
    return root


def test_pictures_are_reported_and_split(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["datasets", "report", str(pictures), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["kind"], values["clips"], values["groups"]) == ("pictures", 12, 6)
    target = tmp_path / "split.csv"
    assert main(["datasets", "split", str(pictures), "-o", str(target)]) == 0
    split = read_split(target, read(pictures))
    assert [len(part) for part in split.parts().values()] == [4, 4, 4]
    capsys.readouterr()
    # A list that is named goes before the one that lies there.
    own = tmp_path / "own.csv"
    own.write_text("track,group\n" + "".join(f"jazz.{n:05d},all\n" for n in range(6)))
    command = ["datasets", "report", str(pictures), "--group-by", str(own), "--json"]
    assert main(command) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["groups"] == 7
    assert any("6 items are not in own.csv" in line for line in values["warnings"])


def test_pictures_are_checked_by_number(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pictures / "rock" / "rock.00002.png").unlink()
    assert main(["datasets", "check", str(pictures), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    rock = next(c for c in values["counts"] if c["label"] == "rock")
    assert rock["files"] == 5
    assert rock["missing"] == [2, *range(6, 100)]
    assert values["equal"] == []
    assert len(values["sha256"]) == 64


def test_a_table_is_reported_split_and_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    lines = [",".join(["filename", *(f"c{k}" for k in range(6)), "label"])]
    for n in range(24):
        values = ",".join(f"{v:.4f}" for v in rng.normal(size=6))
        lines.append(f"{n}.wav,{values},{('jazz', 'rock')[n % 2]}")
    lines.append(f"broken.wav,{'x,' * 6}rock")
    path = tmp_path / "features.csv"
    path.write_text("\n".join(lines) + "\n")
    assert main(["datasets", "report", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "features (features)" in shown
    assert "1 rows without a label or with no number are left out: line 26" in shown
    target = tmp_path / "split.csv"
    assert main(["datasets", "split", str(path), "-o", str(target)]) == 0
    assert sum(map(len, read_split(target, read(path)).parts().values())) == 24
    capsys.readouterr()
    assert main(["datasets", "check", str(path)]) == 0
    assert "features (features): 24 rows are of a genre" in capsys.readouterr().out


def test_fma_is_reported_with_its_broken_clip(
    fma_made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = fma_made
    assert main(["datasets", "report", f"fma:{root}?small", "--labels", "Electronic,Rock"]) == 1
    shown = capsys.readouterr().out
    assert "fma (audio)" in shown
    assert "clips     6 of 6 tracks in 6 groups" in shown
    assert "unreadable: 1\n  fma_small/000/000002.mp3: a tag without sound" in shown
    assert main(["datasets", "report", f"fma:{root}?features", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["kind"], values["clips"]) == ("features", 24)
    assert values["parts"] == {"train": 8, "valid": 8, "test": 8}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("fma:{here}", "no copy of FMA; expected fma:FOLDER with fma_metadata/tracks.csv"),
        ("fma", "no copy of FMA"),
        ("fma-miniture:seconds=1", "Did you mean fma-miniature?"),
        ("fma-miniature:second=1", "no setting 'second'"),
        ("{here}", "no music"),
    ],
)
def test_what_is_no_data_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, message: str
) -> None:
    for command in ("report", "check"):
        assert main(["datasets", command, source.format(here=tmp_path)]) == 2
        shown = capsys.readouterr()
        assert message in shown.err
        assert shown.out == ""


def test_a_manifest_in_an_old_encoding_is_warned_of(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = copy / "manifest.csv"
    path.write_bytes(path.read_bytes().replace(b"waltz artist 1", "Größe".encode("cp1252")))
    assert main(["datasets", "report", str(copy), "--no-audio"]) == 0
    shown = capsys.readouterr().out
    assert "warnings\n  manifest.csv, line " in shown
    assert "read as Windows-1252" in shown
    target = copy.parent / "split.csv"
    assert main(["datasets", "split", str(copy), "--no-audio", "-o", str(target)]) == 0
    assert "read as Windows-1252" in capsys.readouterr().err
    assert "Größe" in target.read_text(encoding="utf-8")
