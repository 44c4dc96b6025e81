"""Splits: no group on two sides, every item once, classes spread, files that hold."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from genrewise.errors import DatasetError, LeakageError
from genrewise.training.datasets.base import Dataset, Item
from genrewise.training.splits import (
    Split,
    check,
    checksum,
    folds,
    make_split,
    read_split,
    units,
    write_split,
)


def build(rows: list[tuple[str, str, str, str]], root: str = "music") -> Dataset:
    """Rows of label, group, track, split."""
    items = tuple(
        Item(f"{label}/{i}.wav", label, group, track, split)
        for i, (label, group, track, split) in enumerate(rows)
    )
    labels = tuple(sorted({item.label for item in items}))
    return Dataset("made", root, items, labels)


def plain(classes: int, groups: int, clips: int) -> Dataset:
    """`groups` groups a class, `clips` clips a group, each its own track."""
    rows = [
        (f"genre{c}", f"artist{c}-{g}", f"track{c}-{g}-{k}", "")
        for c in range(classes)
        for g in range(groups)
        for k in range(clips)
    ]
    return build(rows)


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    """Data with groups that span labels and tracks that span groups."""
    n = draw(st.integers(8, 60))
    rng = random.Random(draw(st.integers(0, 10**6)))
    n_groups = draw(st.integers(6, 30))
    n_tracks = draw(st.integers(n_groups, 60))
    n_labels = draw(st.integers(1, 5))
    rows = [
        (
            f"l{rng.randrange(n_labels)}",
            rng.choice(["", f"g{rng.randrange(n_groups)}"]),
            f"t{rng.randrange(n_tracks)}",
            "",
        )
        for _ in range(n)
    ]
    return build(rows)


def sides(dataset: Dataset, split: Split, key: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, part in split.parts().items():
        for i in part:
            value = getattr(dataset.items[i], key)
            if value:
                found.setdefault(value, set()).add(name)
    return found


def attempt(dataset: Dataset, seed: int) -> Split | None:
    """A split, or None where it is refused as too small."""
    with suppress(DatasetError):
        return make_split(dataset, seed=seed)
    return None


@settings(max_examples=60, deadline=None)
@given(datasets(), st.integers(0, 5))
def test_no_group_and_no_track_is_ever_split(dataset: Dataset, seed: int) -> None:
    split = attempt(dataset, seed)
    if split is None:
        # Refused only where there is too little to divide.
        assert len(set(units(dataset, range(len(dataset))).tolist())) < 12
        return
    assert sorted(split.train + split.valid + split.test) == list(range(len(dataset)))
    for key in ("group", "track"):
        assert all(len(parts) == 1 for parts in sides(dataset, split, key).values())
    check(dataset, split)


@settings(max_examples=60, deadline=None)
@given(datasets(), st.integers(2, 5), st.integers(0, 3))
def test_folds_hold_out_every_item_once(dataset: Dataset, n: int, seed: int) -> None:
    indices = list(range(0, len(dataset), 2)) + list(range(1, len(dataset), 4))
    available = len(set(units(dataset, indices).tolist()))
    if available < n:
        with pytest.raises(DatasetError, match="folds over"):
            folds(dataset, indices, n, seed)
        return
    made = folds(dataset, indices, n, seed)
    assert len(made) == n
    assert sorted(i for _, held in made for i in held) == sorted(indices)
    for train, held in made:
        assert sorted(train + held) == sorted(indices)
        for key in ("group", "track"):
            own = {getattr(dataset.items[i], key) for i in train} - {""}
            assert not own & {getattr(dataset.items[i], key) for i in held}


@settings(max_examples=30, deadline=None)
@given(datasets(), st.integers(0, 3))
def test_same_seed_same_split(dataset: Dataset, seed: int) -> None:
    assume(len(set(units(dataset, range(len(dataset))).tolist())) >= 3)
    assert attempt(dataset, seed) == attempt(dataset, seed)
    again = folds(dataset, range(len(dataset)), 3, seed)
    assert folds(dataset, range(len(dataset)), 3, seed) == again


def test_shares_are_kept_where_groups_allow() -> None:
    dataset = plain(classes=5, groups=20, clips=4)
    split = make_split(dataset, seed=1, valid=0.2, test=0.1)
    assert len(split.train) == 280
    assert len(split.valid) == 80
    assert len(split.test) == 40
    for part, wanted in ((split.train, 56), (split.valid, 16), (split.test, 8)):
        counts = Counter(dataset.items[i].label for i in part)
        assert set(counts.values()) == {wanted}
    assert split.warnings == ()
    assert split.rule == "by group, stratified; valid 0.2, test 0.1"


def test_uneven_groups_come_close_to_the_shares() -> None:
    rng = random.Random(3)
    rows = []
    for c in range(6):
        for g in range(25):
            # Artists with one song and artists with twenty, as in life.
            rows += [
                (f"genre{c}", f"a{c}-{g}", f"t{c}-{g}-{k}", "")
                for k in range(max(1, int(rng.paretovariate(1.1))) % 20 + 1)
            ]
    dataset = build(rows)
    totals = Counter(item.label for item in dataset.items)
    split = make_split(dataset, seed=0)
    for part, share in ((split.valid, 0.15), (split.test, 0.15)):
        counts = Counter(dataset.items[i].label for i in part)
        for label, total in totals.items():
            assert counts[label] / total == pytest.approx(share, abs=0.06)


def test_seeds_differ() -> None:
    dataset = plain(classes=4, groups=12, clips=2)
    tests = {make_split(dataset, seed=seed).test for seed in range(6)}
    assert len(tests) == 6


def test_split_does_not_depend_on_where_the_folder_lies() -> None:
    rows = [("a", f"g{i}", f"t{i}", "") for i in range(12)]
    here, there = build(rows, "here"), build(rows, "there")
    split = make_split(here, seed=4)
    assert make_split(there, seed=4) == split
    assert checksum(here, split) == checksum(there, split)


def test_golden_split() -> None:
    # Fixed once: the same data and seed give the same split on every machine.
    dataset = plain(classes=2, groups=6, clips=1)
    split = make_split(dataset, seed=0)
    assert len(split.valid) == len(split.test) == 2
    assert checksum(dataset, split) == GOLDEN


GOLDEN = "517d6ad419f4833f234054510fcf942f79903b7b6da33837e8d4f609692cd2fc"


def test_zero_shares_leave_parts_empty() -> None:
    dataset = plain(classes=2, groups=6, clips=1)
    split = make_split(dataset, valid=0.0, test=0.25)
    assert split.valid == ()
    assert len(split.test) == 3
    whole = make_split(dataset, valid=0.0, test=0.0)
    assert whole.train == tuple(range(12))


@pytest.mark.parametrize(
    ("valid", "test", "seed"),
    [(-0.1, 0.1, 0), (0.5, 0.5, 0), (1.0, 0.0, 0), (0.1, 1.2, 0), (0.1, 0.1, -1)],
)
def test_impossible_shares_are_refused(valid: float, test: float, seed: int) -> None:
    with pytest.raises(DatasetError, match="leave something to train on"):
        make_split(plain(2, 6, 1), valid=valid, test=test, seed=seed)


def test_one_group_is_refused_with_advice() -> None:
    dataset = build([("a", "one", f"t{i}", "") for i in range(9)])
    with pytest.raises(DatasetError, match=r"nothing left for .* with 1 group;.*--group-by file"):
        make_split(dataset)


def test_classes_with_few_groups_are_warned_of() -> None:
    rows = [("many", f"m{i}", f"m{i}", "") for i in range(20)]
    rows += [("one", "solo", f"s{i}", "") for i in range(4)]
    rows += [("two", f"d{i % 2}", f"d{i}", "") for i in range(4)]
    dataset = build(rows)
    split = make_split(dataset, seed=2)
    labels = {name: {dataset.items[i].label for i in p} for name, p in split.parts().items()}
    # What there is of a rare class is learnt from.
    assert labels["train"] == {"many", "one", "two"}
    assert ("two" in labels["valid"]) != ("two" in labels["test"])
    assert "one is absent from valid: 1 group in all" in split.warnings
    assert "one is absent from test: 1 group in all" in split.warnings
    assert sum("two is absent" in w for w in split.warnings) == 1


@pytest.mark.parametrize("classes", [1, 3, 12])
def test_three_groups_a_class_reach_all_parts(classes: int) -> None:
    dataset = plain(classes=classes, groups=3, clips=2)
    split = make_split(dataset, seed=0)
    assert split.warnings == ()
    for part in split.parts().values():
        assert {dataset.items[i].label for i in part} == set(dataset.labels)


def test_folds_are_stratified() -> None:
    dataset = plain(classes=4, groups=10, clips=3)
    for _, held in folds(dataset, range(len(dataset)), 5, 7):
        assert set(Counter(dataset.items[i].label for i in held).values()) == {6}


def test_fold_counts_are_checked() -> None:
    dataset = plain(2, 3, 1)
    for n in (0, 1, 7):
        with pytest.raises(DatasetError, match=f"{n} folds over 6 groups"):
            folds(dataset, range(len(dataset)), n)
    with pytest.raises(DatasetError, match="folds over 0 groups"):
        folds(dataset, [], 2)


def test_tracks_join_groups() -> None:
    # One song under two artists: both artists hang together through it.
    rows = [("a", "x", "song", ""), ("a", "y", "song", ""), ("a", "y", "other", "")]
    rows += [("a", f"z{i}", f"t{i}", "") for i in range(9)]
    dataset = build(rows)
    assert units(dataset, range(len(dataset))).tolist()[:4] == [0, 0, 0, 1]
    for seed in range(8):
        split = make_split(dataset, seed=seed)
        assert len({p for p, part in split.parts().items() for i in part if i < 3}) == 1


# -- the split column


def fixed(*parts: str) -> Dataset:
    return build([("ab"[i % 2], f"g{i}", f"t{i}", part) for i, part in enumerate(parts)])


def test_fixed_split_is_taken_as_it_is() -> None:
    dataset = fixed("train", "train", "valid", "valid", "test", "test")
    split = make_split(dataset, seed=5, valid=0.4, test=0.4)
    assert split.parts() == {"train": (0, 1), "valid": (2, 3), "test": (4, 5)}
    assert split.rule == "the split column"


def test_without_a_test_part_valid_is_the_test() -> None:
    dataset = fixed(*["train"] * 20, *["valid"] * 6, "", "")
    split = make_split(dataset, seed=0, valid=0.2)
    assert split.test == tuple(range(20, 26))
    assert sorted(split.train + split.valid) == list(range(20))
    assert len(split.valid) == 4
    assert split.rule == (
        "the split column, whose valid part is the test; validation is 0.2 of train, by group; "
        "2 items outside the list are left out"
    )
    # The seed moves validation only.
    other = make_split(dataset, seed=1, valid=0.2)
    assert other.test == split.test
    assert other.valid != split.valid


def test_without_a_valid_part_validation_is_drawn_from_train() -> None:
    dataset = fixed(*["train"] * 20, *["test"] * 6)
    split = make_split(dataset)
    assert split.test == tuple(range(20, 26))
    assert len(split.valid) >= 2
    assert not set(split.valid) & set(split.test)


def test_validation_drawn_from_train_keeps_groups_whole() -> None:
    rows = [("ab"[i % 2], f"g{i // 4}", f"t{i}", "train") for i in range(40)]
    rows += [("a", "h", "h", "valid")]
    dataset = build(rows)
    for seed in range(5):
        split = make_split(dataset, seed=seed)
        own = {dataset.items[i].group for i in split.train}
        assert not own & {dataset.items[i].group for i in split.valid}


def test_fixed_split_that_leaks_is_refused_with_both_sides() -> None:
    dataset = build(
        [
            ("a", "Queen", "t0", "train"),
            ("a", "Dio", "t1", "train"),
            ("b", "Queen", "t2", "test"),
            ("b", "Abba", "t3", "valid"),
        ]
    )
    with pytest.raises(LeakageError) as caught:
        make_split(dataset)
    message = str(caught.value)
    assert "group 'Queen' stands on two sides: a/0.wav in train, b/2.wav in test" in message
    assert caught.value.exit_code == 2


def test_fixed_split_with_no_train_or_an_unknown_part() -> None:
    with pytest.raises(DatasetError, match="no train part"):
        make_split(fixed("valid", "test"))
    with pytest.raises(DatasetError, match=r"split 'trian'.*[Dd]id you mean train"):
        make_split(fixed("trian", "test"))


def test_no_validation_where_none_is_asked_for() -> None:
    dataset = fixed(*["train"] * 10, *["valid"] * 4)
    split = make_split(dataset, valid=0.0)
    assert (len(split.train), split.valid, len(split.test)) == (10, (), 4)
    assert split.rule == "the split column, whose valid part is the test"


# -- check


def test_check_names_track_and_item() -> None:
    dataset = build([("a", "x", "song", ""), ("a", "y", "song", ""), ("a", "z", "other", "")])
    with pytest.raises(LeakageError, match=r"track 'song' stands on two sides.*train.*test"):
        check(dataset, Split((0,), (), (1,), "by hand", 0))
    with pytest.raises(LeakageError, match="group 'z' stands on two sides"):
        check(dataset, Split((2,), (2,), (), "by hand", 0))
    with pytest.raises(DatasetError, match="index 3"):
        check(dataset, Split((3,), (), (), "by hand", 0))
    check(dataset, Split((0, 1), (2,), (), "by hand", 0))


# -- files


def test_written_split_reads_back(tmp_path: Path) -> None:
    dataset = plain(classes=3, groups=6, clips=2)
    split = make_split(dataset, seed=9)
    target = tmp_path / "split.csv"
    digest = write_split(target, dataset, split)
    assert digest == checksum(dataset, split)
    assert len(digest) == 64
    again = read_split(target, dataset)
    assert again.parts() == split.parts()
    assert (again.rule, again.seed) == (split.rule, 9)
    first, second, *_ = target.read_text().splitlines()
    assert first.startswith(f"# genrewise split sha256={digest} seed=9 rule=by group, stratified")
    assert second == "path,start,label,group,track,split"
    target.write_bytes(b"\xef\xbb\xbf" + target.read_bytes())
    assert read_split(target, dataset).parts() == split.parts()


def test_parts_of_one_file_are_told_apart(tmp_path: Path) -> None:
    items = tuple(
        Item("long.wav", label, f"g{i}", f"t{i}", "", 10.0 * i, 10.0)
        for i, label in enumerate("abababab")
    )
    dataset = Dataset("made", ".", items, ("a", "b"))
    split = make_split(dataset, valid=0.25, test=0.25)
    write_split(tmp_path / "s.csv", dataset, split)
    assert read_split(tmp_path / "s.csv", dataset).parts() == split.parts()


def test_changed_split_files_are_refused(tmp_path: Path) -> None:
    dataset = plain(classes=2, groups=6, clips=1)
    target = tmp_path / "split.csv"
    write_split(target, dataset, make_split(dataset))
    text = target.read_text()
    target.write_text(text.replace(",train\n", ",test\n", 1))
    with pytest.raises(DatasetError, match="do not fit its checksum"):
        read_split(target, dataset)
    target.write_text(text + "extra,row\n")
    with pytest.raises(DatasetError, match="do not fit its checksum"):
        read_split(target, dataset)
    target.write_text(text.partition("\n")[2])
    with pytest.raises(DatasetError, match="no split file"):
        read_split(target, dataset)
    with pytest.raises(DatasetError, match="No such file"):
        read_split(tmp_path / "absent.csv", dataset)


def test_split_of_other_data_is_refused(tmp_path: Path) -> None:
    dataset = plain(classes=2, groups=6, clips=1)
    target = tmp_path / "split.csv"
    write_split(target, dataset, make_split(dataset))
    fewer = dataset.subset(range(1, 12))
    with pytest.raises(DatasetError, match=r"made has no genre0/0\.wav"):
        read_split(target, fewer)


def test_split_file_that_leaks_in_the_data_of_today(tmp_path: Path) -> None:
    rows = [("a", f"g{i}", f"t{i}", "") for i in range(8)]
    dataset = build(rows)
    target = tmp_path / "split.csv"
    write_split(target, dataset, make_split(dataset))
    # Since then the artists turned out to be one.
    joined = build([("a", "same", track, "") for _, _, track, _ in rows])
    with pytest.raises(LeakageError, match="group 'same'"):
        read_split(target, joined)


def test_checksum_feels_every_change() -> None:
    dataset = plain(classes=2, groups=6, clips=1)
    split = make_split(dataset)
    base = checksum(dataset, split)
    moved = Split(split.train[1:], split.valid, (*split.test, split.train[0]), split.rule, 0)
    assert checksum(dataset, moved) != base
    regrouped = build([("a" * 5, "other", i.track, "") for i in dataset.items])
    assert checksum(regrouped, split) != base


def test_odd_names_survive_the_file(tmp_path: Path) -> None:
    names = ["a,b.wav", 'quo"te.wav', "ünïcode.wav", "line\nbreak.wav", "byte\udcff.wav", "x.wav"]
    items = tuple(Item(n, "ab"[i % 2], f"g{i}", f"t{i}") for i, n in enumerate(names))
    dataset = Dataset("odd", ".", items, ("a", "b"))
    split = make_split(dataset)
    write_split(tmp_path / "s.csv", dataset, split)
    assert read_split(tmp_path / "s.csv", dataset).parts() == split.parts()


def test_real_fixed_list(shared_data: Path) -> None:
    from genrewise.training.datasets import read

    dataset = read(shared_data / "gtzan")
    split = make_split(dataset, seed=0)
    assert len(split.test) == 166
    assert len(split.train) + len(split.valid) == 388
    assert "whose valid part is the test" in split.rule
    assert "reggae is absent from test: 9 groups in all" in split.warnings


def test_songs_of_the_sub_genres_are_never_split(shared_data: Path) -> None:
    from genrewise.training.datasets import read

    dataset = read(shared_data / "hard-techno")
    for seed in range(3):
        split = make_split(dataset, seed=seed)
        assert all(len(p) == 1 for p in sides(dataset, split, "track").values())
        assert split.warnings == ()
        total = Counter(i.label for i in dataset.items)
        for label, n in Counter(dataset.items[i].label for i in split.test).items():
            assert n / total[label] == pytest.approx(0.15, abs=0.03)
