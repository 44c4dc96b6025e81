"""Free music: the groups of its rows, what they come to, and the reviewed tables."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from genrewise.cli import main
from genrewise.errors import DatasetError
from genrewise.labels import LABEL_SETS
from genrewise.training.datasets.free_music_labels import REVIEWED, label_of
from genrewise.training.datasets.free_music_packages import PACKAGES
from genrewise.training.datasets.free_music_rows import (
    Built,
    Row,
    composers,
    group,
    read_manifest,
    summary,
    write_manifest,
)
from genrewise.training.datasets.known import KNOWN
from genrewise.training.datasets.rows import read_rows


def plain(package: str, artist: str, name: str = "x") -> Row:
    return Row(f"{package}/{name}", "", "", name, "", artist, "", package, "1", "GPL-3", "60")


@pytest.mark.parametrize(
    ("artist", "people"),
    [
        ("Ann Lee", ("ann lee",)),
        ("Gerd (elysis) Raudenbusch", ("gerd raudenbusch",)),
        ("elysis", ("gerd raudenbusch",)),
        ("Àlex Almarza", ("alex almarza",)),
        ("Martin Strohmeier (K-Pone)", ("martin strohmeier",)),
        ("Chris Leutwyler & Max Freeman", ("chris leutwyler", "max freeman")),
        ('Braden Walters;Braden "meoblast001" Walters', ("braden walters",)),
        ("Klaus Halfmann aka Hasi50", ("klaus halfmann",)),
        ("ANN  LEE feat. Bob", ("ann lee",)),
        ("<Unknown>", ()),
        ("various artists", ()),
        ("", ()),
    ],
)
def test_composers(artist: str, people: tuple[str, ...]) -> None:
    assert composers(artist) == people


def test_composers_and_packages_stay_whole() -> None:
    rows = [
        plain("alpha", "Ann", "1"),
        plain("alpha", "Bob", "2"),
        plain("beta", "Cleo", "1"),
        plain("beta", "", "2"),
        plain("gamma", "Cleo", "1"),
        plain("gamma", "Dan & Eve", "2"),
        plain("delta", "eve", "1"),
        plain("delta", "Cleo (the first)", "2"),
    ]
    names = [row.group for row in group(rows)]
    # alpha names everybody: each composer is a group.  beta does not, so it is one, with all
    # that its composer wrote; Eve, who wrote with Dan, is theirs.
    assert names == ["Ann", "Bob", "beta", "beta", "beta", "Dan & Eve", "Dan & Eve", "beta"]
    joined = group([*rows, plain("delta", "", "3")])
    assert {row.group for row in joined if row.package != "alpha"} == {"beta + delta"}
    assert group([]) == []


def test_the_table_of_packages() -> None:
    names = [one.name for one in PACKAGES]
    assert len(set(names)) == len(names)
    for one in PACKAGES:
        assert not one.root.startswith("/")
        assert not one.root.endswith("/")
        assert one.licence
        assert one.version
        assert 5 <= one.megabytes < 700
    # The labelled ones come first, so that an early end leaves them.
    labelled = [one.labelled for one in PACKAGES]
    assert labelled == sorted(labelled, reverse=True)
    assert sum(labelled) == len({one.package for one in REVIEWED}) == 14
    assert "free-music" in KNOWN


def test_the_table_of_labels() -> None:
    genres, outside = set(LABEL_SETS["gtzan-10"].labels), {"electronic", "ambient", "folk"}
    digests = [digest for one in REVIEWED for digest in one.files.values()]
    assert len(set(digests)) == len(digests)
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)
    for one in REVIEWED:
        assert one.package in {package.name for package in PACKAGES}
        assert one.label in genres | outside
        assert one.words.casefold() not in {"game", "soundtrack", "other", "instrumental"}
        assert all(name and not name.startswith(("/", " ")) for name in one.files)
    found = Counter(one.label for one in REVIEWED for _ in one.files)
    assert found == Counter(
        classical=37, metal=13, rock=4, reggae=1, electronic=14, ambient=2, folk=1
    )
    assert label_of("wesnoth-1.16-music")["battle.ogg"][1].words == "Romantic Classical"
    assert label_of("no such package") == {}


def test_the_folder_of_another_data_set_is_left_alone(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) == []
    manifest, said = tmp_path / "manifest.csv", r"manifest\.csv: the manifest of another data set"
    manifest.write_text("path,label\na.wav,jazz\n")
    with pytest.raises(DatasetError, match=said):
        read_manifest(tmp_path)
    assert manifest.read_text() == "path,label\na.wav,jazz\n"
    # Nor is one with columns of somebody's own, which would be lost.
    ours = write_manifest(tmp_path, [plain("alpha", "Ann")])
    head, row = manifest.read_text().splitlines()
    manifest.write_text(f"{head},mood\n{row},calm\n")
    with pytest.raises(DatasetError, match=said):
        read_manifest(tmp_path)
    manifest.write_text(f"{head}\n{row}\n")
    assert read_manifest(tmp_path) == ours


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    rows = [plain("beta", 'An "odd", name', "ü"), plain("alpha", "Ann", "1")]
    rows[0] = replace(rows[0], label="folk", title="two\nlines")
    written = write_manifest(tmp_path, rows)
    assert [(r.path, r.group) for r in written] == [
        ("alpha/1", "Ann"),
        ("beta/ü", 'An "odd", name'),
    ]
    assert read_manifest(tmp_path) == written
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.csv"]
    listed = read_rows(tmp_path / "manifest.csv").rows
    assert [(r["path"], r["label"]) for r in listed] == [("alpha/1", ""), ("beta/ü", "folk")]


def test_a_summary_counts_rows_once() -> None:
    built = Built(
        "here",
        (
            Row("a/1", "rock", "A", "1", "", "A", "", "a", "1", "GPL", "1800"),
            Row("a/2", "rock", "A", "2", "", "A", "", "a", "1", "GPL", "1800.0"),
            Row("b/1", "folk", "B", "1", "", "B", "", "b", "1", "GPL", "360"),
            Row("b/2", "", "C", "2", "", "C", "", "b", "1", "GPL", "720"),
        ),
        (),
    )
    assert summary(built) == {
        "folder": "here",
        "labels": {
            "folk": {"tracks": 1, "hours": 0.1, "groups": 1},
            "rock": {"tracks": 2, "hours": 1.0, "groups": 1},
        },
        "unlabelled": {"tracks": 1, "hours": 0.2, "groups": 1},
        "packages": [],
    }
    nothing = {"tracks": 0, "hours": 0.0, "groups": 0}
    assert summary(Built("here", (), ()))["unlabelled"] == nothing


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("free-musik", "no data set to get named 'free-musik'; expected one of"),
        ("gtzan", "gtzan is not one that can be fetched; expected free-music. How to come by it"),
    ],
)
def test_other_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    assert main(["datasets", "get", name, "-o", str(tmp_path / "x")]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.count("\n") == 1
