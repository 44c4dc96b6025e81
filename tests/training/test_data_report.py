"""The data report: counts, trouble, warnings; as text, HTML and JSON."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import numpy as np
import pytest

from genrewise.training.datasets import Dataset, Item
from genrewise.training.datasets.duplicates import Duplicate
from genrewise.training.datasets.scan import Facts
from genrewise.training.report.data import Lengths, data_report, html, page, text


def dataset(*rows: tuple[str, str, str], **more: object) -> Dataset:
    """Rows of label, group, track."""
    items = tuple(Item(f"{r[0]}/{i}.wav", *r) for i, r in enumerate(rows))
    labels = tuple(sorted({r[0] for r in rows}))
    return Dataset("mine", ".", items, labels, **more)  # type: ignore[arg-type]


def plain(groups: dict[str, int], clips: int = 2) -> Dataset:
    return dataset(
        *(
            (label, f"{label}{g}", f"{label}{g}-{c}")
            for label, n in groups.items()
            for g in range(n)
            for c in range(clips)
        )
    )


def facts(data: Dataset, **more: object) -> list[Facts]:
    base = {
        "seconds": 30.0,
        "sr": 44100,
        "channels": 2,
        "codec": "mp3",
        "peak": 0.9,
        "level": -12.0,
    }
    return [Facts(i.path, **{**base, **more}) for i in data.items]  # type: ignore[arg-type]


def test_balance_by_clip_track_and_group() -> None:
    data = dataset(
        ("rock", "Queen", "t1"),
        ("rock", "Queen", "t1"),
        ("rock", "Abba", "t2"),
        ("jazz", "Ella", "t3"),
    )
    report = data_report(data, facts(data))
    jazz, rock = report.balance
    assert (rock.label, rock.clips, rock.tracks, rock.groups) == ("rock", 3, 2, 2)
    assert rock.seconds == 90.0
    assert rock.largest == pytest.approx(2 / 3)
    assert (jazz.clips, jazz.tracks, jazz.groups, jazz.largest) == (1, 1, 1, 1.0)
    assert (report.clips, report.tracks, report.groups) == (4, 3, 3)
    assert report.lengths == Lengths(30.0, 30.0, 30.0, 120.0)
    assert report.parts == {}


def test_a_subset_may_lack_a_label() -> None:
    data = plain({"a": 6, "b": 6}).subset(range(4))
    report = data_report(data)
    assert [b.clips for b in report.balance] == [4, 0]
    assert report.balance[1].largest == 0.0


def test_counts_come_most_frequent_first() -> None:
    data = plain({"a": 5, "b": 5}, clips=1)
    own = [
        Facts(i.path, seconds=n + 1.0, sr=44100 if n < 7 else 22050, channels=2, codec="mp3")
        for n, i in enumerate(data.items)
    ]
    report = data_report(data, own)
    assert list(report.rates.items()) == [(44100, 7), (22050, 3)]
    assert report.channels == {2: 10}
    assert report.codecs == {"mp3": 10}
    assert report.lengths == Lengths(1.0, 6.0, 10.0, 55.0)


def test_trouble_with_files() -> None:
    data = plain({"a": 5, "b": 5}, clips=1)
    own = facts(data)
    own[0] = Facts(data.items[0].path, error="0 bytes; expected an audio file")
    own[1] = Facts(data.items[1].path, seconds=20.0, stated=30.0, lost=10.0, partial=True, sr=44100)
    own[2] = Facts(data.items[2].path, seconds=30.0, silent=0.5, sr=44100)
    own[3] = Facts(data.items[3].path, seconds=30.0, silent=0.49, clipped=0.001, sr=44100)
    own[4] = Facts(data.items[4].path, seconds=30.0, clipped=0.00099, sr=44100)
    report = data_report(data, own)
    assert report.unreadable == (("a/0.wav", "0 bytes; expected an audio file"),)
    assert report.damaged == (("a/1.wav", 10.0),)
    assert report.silent == (("a/2.wav", 0.5),)
    assert report.clipped == (("a/3.wav", 0.001),)
    # What cannot be read counts for no length and no rate.
    assert sum(report.rates.values()) == 9
    assert report.lengths is not None
    assert report.lengths.total == 260.0


def test_pairs_worst_first() -> None:
    data = dataset(
        ("a", "g", "t0"), ("a", "g", "t1"), ("b", "g", "t2"), ("a", "h", "t3"), ("b", "i", "t4")
    )
    found = [
        Duplicate(0, 1, 0.0, 30.0, 0.0),
        Duplicate(0, 2, 0.0, 30.0, 0.2),
        Duplicate(0, 3, 2.0, 28.0, 0.1),
        Duplicate(0, 4, 0.0, 30.0, 0.3),
    ]
    report = data_report(data, facts(data), found)
    assert [(p.second, p.across_groups, p.labels_differ) for p in report.pairs] == [
        ("b/4.wav", True, True),
        ("a/3.wav", True, False),
        ("b/2.wav", False, True),
        ("a/1.wav", False, False),
    ]
    told = " ".join(report.warnings)
    assert "2 pairs of near-duplicates lie in different groups" in told
    assert "2 pairs hold the same audio under two labels, such as a/0.wav and b/4.wav" in told
    shown = text(report)
    assert "near-duplicates across groups: 2" in shown
    assert "  a/0.wav = a/3.wav from +2.0 s (28 s, 10% differs)\n" in shown
    assert "  a/0.wav = b/2.wav (30 s, 20% differs) UNDER TWO LABELS\n" in shown


def test_duplicates_are_searched_in_the_facts() -> None:
    data = plain({"a": 5, "b": 5}, clips=1)
    rng = np.random.default_rng(0)
    own = [
        Facts(i.path, seconds=30.0, sr=44100, prints=rng.integers(1, 2**32, 480, dtype=np.uint32))
        for i in data.items
    ]
    own[7] = Facts("b/7.wav", seconds=30.0, sr=44100, prints=own[2].prints)
    (pair,) = data_report(data, own).pairs
    assert (pair.first, pair.second, pair.error) == ("a/2.wav", "b/7.wav", 0.0)
    assert data_report(data, own, []).pairs == ()


@pytest.mark.parametrize(
    ("groups", "warning"),
    [
        ({"a": 6}, "one genre only: there is nothing to tell apart"),
        ({"a": 40, "b": 10}, "uneven: 80 clips of a, 20 of b; read macro figures"),
        ({"a": 6, "b": 4, "c": 3}, "fewer than 5 groups in b (4), c (3): figures"),
        ({"a": 6, "b": 6}, ""),
    ],
)
def test_warnings_about_classes(groups: dict[str, int], warning: str) -> None:
    warnings = data_report(plain(groups)).warnings
    if warning:
        assert any(warning in w for w in warnings), warnings
    else:
        assert warnings == ()


def test_a_dominant_group_is_told() -> None:
    rows = [("a", "Marley", f"m{i}") for i in range(10)]
    rows += [("a", f"g{i}", f"t{i}") for i in range(9)]
    rows += [("b", f"h{i}", f"u{i}") for i in range(19)]
    warnings = data_report(dataset(*rows)).warnings
    assert warnings == ("53% of a lies in one group: it stands on one side of every split",)


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(22050, 44100, True), (11025, 48000, True), (44100, 48000, False), (22050, 22050, False)],
)
def test_mixed_rates_are_told(low: int, high: int, told: bool) -> None:
    data = plain({"a": 5, "b": 5})
    own = [Facts(f.path, seconds=1.0, sr=low if n % 2 else high) for n, f in enumerate(facts(data))]
    assert any("sample rates" in w for w in data_report(data, own).warnings) == told


def test_warnings_of_the_reader_come_first() -> None:
    data = dataset(
        *(("ab"[i % 2], f"g{i}", f"t{i}") for i in range(12)),
        warnings=("3 rows are left out",),
        passed=("columns passed over: x",),
    )
    report = data_report(data)
    assert report.warnings == ("3 rows are left out",)
    assert text(report).endswith("warnings\n  3 rows are left out\n\n(columns passed over: x)\n")


def test_parts_of_the_split_column() -> None:
    items = tuple(
        Item(f"{i}", "ab"[i % 2], f"g{i}", f"t{i}", s)
        for i, s in enumerate(["train", "train", "valid", ""])
    )
    report = data_report(Dataset("x", ".", items, ("a", "b")))
    assert report.parts == {"": 1, "train": 2, "valid": 1}
    assert "  split     outside 1, train 2, valid 1\n" in text(report)


def test_text_is_aligned() -> None:
    data = plain({"a long genre name": 5, "b": 12})
    lines = text(data_report(data, facts(data))).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("  genre"))
    assert lines[start : start + 3] == [
        "  genre              clips  tracks  groups  minutes  largest group",
        "  a long genre name     10      10       5      5.0            20%",
        "  b                     24      24      12     12.0             8%",
    ]
    assert lines[0] == "mine (audio)"
    assert lines[1] == "  clips     34 of 34 tracks in 17 groups"
    assert lines[2] == "  lengths   17:00 in all; 30.0 s to 30.0 s, median 30.0 s"
    assert lines[3] == "  rates     44100 Hz (34)"


def test_long_lists_are_cut() -> None:
    data = plain({"a": 15, "b": 15}, clips=1)
    own = [Facts(i.path, error="broken") for i in data.items]
    shown = text(data_report(data, own), most=4)
    assert "unreadable: 30" in shown
    assert "  a/3.wav: broken\n  and 26 more\n" in shown
    assert "a/4.wav" not in shown
    assert html(data_report(data, own), most=4).count("<li>") == 5


class Checker(HTMLParser):
    """Opens and closes in order, and loads nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {"src", "href", "style", "onclick"} & {name for name, _ in attrs}
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_sound_and_escaped() -> None:
    evil = "<script>alert(1)</script>&"
    items = tuple(Item(f"{evil}/{i}.wav", evil, f"g{i}", f"t{i}") for i in range(6))
    data = Dataset(evil, ".", items, (evil,), warnings=(evil,), passed=(evil,))
    own = [Facts(i.path, error=evil) for i in items]
    for shown in (html(data_report(data, own)), page(data_report(data, own))):
        assert "<script" not in shown
        assert "&lt;script&gt;" in shown
        checker = Checker()
        checker.feed(shown)
        assert checker.open == []
        assert "table" in checker.seen
    assert page(data_report(data)).startswith("<!doctype html>")


def test_json_has_everything() -> None:
    data = plain({"a": 5, "b": 5})
    values = data_report(data, facts(data)).to_json()
    again = json.loads(json.dumps(values))
    assert again["clips"] == 20
    assert again["balance"][0] == {
        "label": "a",
        "clips": 10,
        "tracks": 10,
        "groups": 5,
        "seconds": 300.0,
        "largest": 0.2,
    }
    assert again["codecs"] == {"mp3": 20}
    assert set(again) >= {"unreadable", "damaged", "silent", "clipped", "pairs", "warnings"}


def test_without_audio_there_are_no_minutes() -> None:
    report = data_report(plain({"a": 5, "b": 5}))
    assert report.lengths is None
    assert report.rates == {}
    assert "–" in text(report)
    assert "lengths" not in text(report)
