"""Properties of the readers: what was written is what is read, in any spelling of it."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import random
import string
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.errors import DatasetError
from genrewise.training.datasets import Dataset, Item, read
from genrewise.training.datasets.base import close_groups, finish, select
from genrewise.training.datasets.folder import sort_files, walk
from genrewise.training.datasets.gtzan import track_name
from genrewise.training.datasets.rows import Rows, column, read_rows, seconds
from genrewise.training.datasets.tables import is_table, read_table
from genrewise.training.splits import make_split, read_split, write_split

#: Text of a cell as people write it; blanks around it do not count.
CELL = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="\x85"),
    min_size=1,
    max_size=12,
).map(str.strip)
LABEL = st.sampled_from(["rock", "jazz", "hip-hop", "Soul, R&B", 'the "real" one', "ünï"])


@st.composite
def items(draw: st.DrawFn) -> list[Item]:
    """Items as a manifest may hold them, addresses so that no file is needed."""
    n = draw(st.integers(1, 12))
    rng = random.Random(draw(st.integers(0, 10**6)))
    found = []
    for i in range(n):
        timed = rng.random() < 0.3
        found.append(
            Item(
                f"https://example.org/{i}.mp3",
                draw(LABEL),
                draw(st.one_of(st.just(""), CELL)),
                draw(CELL) or f"t{i}",
                rng.choice(["", "train", "valid", "test"]),
                rng.randrange(1000) / 8 if timed else 0.0,
                rng.randrange(1, 1000) / 8 if timed else None,
            )
        )
    return found


def cells(item: Item) -> dict[str, str]:
    return {
        "path": item.path,
        "label": item.label,
        "group": item.group,
        "track": item.track,
        "split": item.split,
        "start": f"{item.start:g}" if item.start else "",
        "duration": "" if item.duration is None else f"{item.duration:g}",
    }


def as_csv(rows: Sequence[dict[str, str]], order: Sequence[str], delimiter: str) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, order, delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


@settings(max_examples=60, deadline=None)
@given(items(), st.randoms(use_true_random=False), st.sampled_from([",", ";", "\t"]))
def test_csv_manifests_read_back(
    given_items: list[Item], rng: random.Random, delimiter: str
) -> None:
    order = ["path", "label", "group", "track", "split", "start", "duration"]
    rng.shuffle(order)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.csv"
        text = as_csv([cells(i) for i in given_items], order, delimiter)
        path.write_text(text, encoding="utf-8", newline="")
        dataset = read(folder)
    assert [replace(i, group="") for i in dataset.items] == [
        replace(i, group="") for i in given_items
    ]
    assert [i.group for i in dataset.items] == [i.group for i in close_groups(given_items)]


@settings(max_examples=60, deadline=None)
@given(items(), st.booleans())
def test_jsonl_manifests_read_back(given_items: list[Item], ascii_only: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.jsonl"
        lines = [json.dumps(cells(i), ensure_ascii=ascii_only) for i in given_items]
        path.write_text("\n".join(lines), encoding="utf-8")
        dataset = read(folder)
    assert [i.label for i in dataset.items] == [i.label for i in given_items]
    assert [(i.start, i.duration) for i in dataset.items] == [
        (i.start, i.duration) for i in given_items
    ]


@settings(max_examples=40, deadline=None)
@given(items())
def test_closing_groups_is_final(given_items: list[Item]) -> None:
    once = close_groups(given_items)
    assert close_groups(once) == once
    by_track: dict[str, set[str]] = {}
    for item in once:
        assert item.group
        by_track.setdefault(item.track, set()).add(item.group)
    assert all(len(groups) == 1 for groups in by_track.values())


@settings(max_examples=40, deadline=None)
@given(items(), st.data())
def test_select_keeps_the_items_of_its_labels(given_items: list[Item], data: st.DataObject) -> None:
    dataset = finish(Dataset("x", ".", tuple(given_items), ()))
    wanted = data.draw(st.lists(st.sampled_from(dataset.labels), min_size=1, unique=True))
    part = select(dataset, wanted)
    assert part.labels == tuple(wanted)
    assert list(part.items) == [i for i in dataset.items if i.label in wanted]
    assert [part.labels[t] for t in part.targets()] == [i.label for i in part.items]


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59999))
def test_times_in_every_spelling(hours: int, minutes: int, thousandths: int) -> None:
    rest = thousandths / 1000
    total = hours * 3600 + minutes * 60 + rest
    assert seconds(f"{hours}:{minutes:02d}:{rest:06.3f}", "x") == pytest.approx(total)
    assert seconds(f"{hours * 60 + minutes}:{rest:06.3f}", "x") == pytest.approx(total)
    assert seconds(f"{total:.3f}", "x") == pytest.approx(total)


@given(st.text(max_size=12))
def test_times_are_read_or_refused(text: str) -> None:
    try:
        found = seconds(text, "here")
    except DatasetError:
        return
    assert math.isfinite(found)
    assert found >= 0


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["manifest.csv", "manifest.jsonl"]))
def test_any_bytes_are_read_or_refused(data: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        with pytest.raises(DatasetError) as caught:
            read(folder)
    assert "\n" not in str(caught.value)


@given(st.lists(st.sampled_from(["path", "File Name", "genre", "LABEL", "x", "Track_ID", ""])))
def test_columns_are_found_or_not(header: list[str]) -> None:
    for name in ("path", "label", "track", "group"):
        found = column(header, name)
        assert found == "" or found in header


# -- folders


NAMES = st.text(string.ascii_letters + string.digits + " .-_", min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES), max_size=10))
def test_walk_gives_what_lies_there(pairs: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as top:
        root = Path(top)
        made = set()
        for folder, name in pairs:
            if folder in {".", ".."} or name in {".", ".."} or (root / folder).is_file():
                continue
            (root / folder).mkdir(exist_ok=True)
            (root / folder / name).write_bytes(b"")
            if not folder.startswith(".") and not name.startswith("."):
                made.add(f"{folder}/{name}")
        found = list(walk(root))
        assert set(found) == made
        assert len(found) == len(made)
        assert list(walk(root)) == found


def test_endings_in_any_case() -> None:
    paths = ["a/1.MP3", "a/2.Flac", "a/3.txt", "a/4.PNG", "a/noending", "a/5.mp3.part"]
    chosen, kind, others = sort_files(paths)
    assert chosen == ["a/1.MP3", "a/2.Flac"]
    assert kind == "audio"
    assert others == ["1 files .part", "1 files .png", "1 files .txt", "1 files noending"]
    assert sort_files(["a/4.PNG", "b/x.txt"])[:2] == (["a/4.PNG"], "pictures")
    assert sort_files([]) == ([], "audio", [])


@pytest.mark.skipif(sys.platform != "linux", reason="names of arbitrary bytes are Linux's")
def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/rock/caf\xe9.wav"
    (tmp_path / "rock").mkdir()
    (tmp_path / "jazz").mkdir()
    for path in (raw, os.fsencode(tmp_path) + b"/jazz/a.wav"):
        with open(path, "wb") as stream:  # noqa: PTH123
            stream.write(b"x")
    dataset = read(tmp_path, group_by="file")
    assert [i.path for i in dataset.items] == ["jazz/a.wav", "rock/caf\udce9.wav"]
    assert os.fsencode(dataset.file(1)) == raw
    many = replace(
        dataset,
        items=dataset.items + tuple(Item(f"{k}.wav", "rock", f"g{k}", f"t{k}") for k in range(8)),
    )
    split = make_split(many)
    write_split(tmp_path / "s.csv", many, split)
    assert read_split(tmp_path / "s.csv", many).parts() == split.parts()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read anything")
def test_folders_that_may_not_be_read_are_passed_by(tmp_path: Path) -> None:
    for name in ("rock", "jazz"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.wav").write_bytes(b"x")
    (tmp_path / "rock").chmod(0)
    try:
        assert [i.label for i in read(tmp_path, group_by="file").items] == ["jazz"]
    finally:
        (tmp_path / "rock").chmod(0o755)


# -- tables


@st.composite
def numbers(draw: st.DrawFn) -> tuple[list[list[float]], list[str]]:
    n, d = draw(st.integers(1, 10)), draw(st.integers(5, 9))
    value = st.floats(-1e6, 1e6, width=32)
    rows = draw(st.lists(st.lists(value, min_size=d, max_size=d), min_size=n, max_size=n))
    return rows, [draw(st.sampled_from(["rock", "jazz"])) for _ in range(n)]


@settings(max_examples=60, deadline=None)
@given(numbers())
def test_tables_read_back_to_the_bit(made: tuple[list[list[float]], list[str]]) -> None:
    rows, labels = made
    names = [f"f{k}" for k in range(len(rows[0]))]
    cell_rows = tuple(
        {**{n: repr(v) for n, v in zip(names, row, strict=True)}, "label": label}
        for row, label in zip(rows, labels, strict=True)
    )
    lines = tuple(range(2, len(rows) + 2))
    table = Rows("made.csv", (*names, "label"), cell_rows, lines)
    assert is_table(table)
    dataset = read_table(table)
    assert dataset.table is not None
    assert dataset.table.names == tuple(names)
    np.testing.assert_array_equal(dataset.table.values, np.array(rows, dtype=np.float32))
    assert [i.label for i in dataset.items] == labels


def test_a_table_of_words_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("path,label,a,b,c,d,e\nx.wav,rock,1,2,3,4,five\n")
    assert not is_table(read_rows(path))
    path.write_text("path,label,a,b,c,d,e\nx.wav,rock,1,2,3,4,5\n")
    assert is_table(read_rows(path))
    path.write_text("path,label,a,b,c,d,e\n")
    assert not is_table(read_rows(path))


# -- GTZAN's names


@given(
    st.sampled_from(["blues", "classical", "hiphop", "reggae"]),
    st.integers(0, 99999),
    st.one_of(st.none(), st.integers(0, 9)),
    st.sampled_from(["wav", "au", "opus", "png"]),
)
def test_every_name_of_gtzan_is_known(
    genre: str, number: int, piece: int | None, ending: str
) -> None:
    track = f"{genre}.{number:05d}"
    name = track + ("" if piece is None else f".{piece}")
    for path in (f"{name}.{ending}", f"deep/{genre}/{name}.{ending}"):
        assert track_name(path) == (track, genre)


@given(st.text(max_size=20))
def test_other_names_never_fail(name: str) -> None:
    found = track_name(name)
    assert found is None or PurePosixPath(name).name
