"""Records of ``classify`` as a table, CSV, JSON and JSON Lines."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from genrewise.cli.results import ranking, stretches, writer

LABELS = ("blues", "classical", "rock")


def answer(genre: str | None = "rock", **more: Any) -> dict[str, Any]:
    return {
        "path": "songs/a.mp3",
        "status": "ok",
        "genre": genre,
        "confidence": 0.7,
        "probabilities": {"blues": 0.1, "classical": 0.2, "rock": 0.7},
        "seconds": 185.4,
        "elapsed": 0.25,
        "model": "small-gtzan-v1",
        "runner_up": "classical",
        "reason": "" if genre else "low confidence",
        "stated": 185.4,
        "lost": 0.0,
        "distance": 1.5,
        "deciding": [{"start": 30.0, "stop": 33.0, "genre": "rock", "confidence": 0.9}],
        "nearest": [
            {"track": "rock.00017", "genre": "rock", "similarity": 0.9},
            {"track": "pop.00003", "genre": "pop", "similarity": 0.8},
        ],
        "timeline": [
            {"start": 0.0, "stop": 3.0, "genre": "rock", "confidence": 0.6},
            {"start": 3.0, "stop": 6.0, "genre": "rock", "confidence": 0.8},
            {"start": 6.0, "stop": 185.4, "genre": "blues", "confidence": 0.5},
        ],
        **more,
    }


FAILED: dict[str, Any] = {
    "path": "b.mp3",
    "status": "failed",
    "genre": None,
    "confidence": 0.0,
    "probabilities": {},
    "seconds": 0.0,
    "elapsed": 0.0,
    "model": "small-gtzan-v1",
    "error": "0 bytes; expected an audio file",
    "cause": "failed",
}


def shown(
    form: str,
    *records: dict[str, Any],
    top: int = 2,
    timeline: bool = False,
    several: bool = False,
) -> str:
    out = io.StringIO()
    made = writer(form, out, top=top, timeline=timeline, several=several)
    for record in records:
        made.write(record)
    made.close()
    return out.getvalue()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_table() -> None:
    text = shown("table", answer(), FAILED, answer("classical", path="日本.mp3", seconds=29.95))
    assert text.splitlines() == [
        "genre      confidence  runner-up        length  file",
        "rock             0.70  classical 0.20     3:05  songs/a.mp3",
        "classical        0.70  rock 0.70        0:30.0  日本.mp3",
    ]


def test_unknown_shows_the_best_guess_beside_it() -> None:
    line = shown("table", answer(None)).splitlines()[1]
    assert line.split() == ["unknown", "rock", "0.70", "3:05", "songs/a.mp3"]


def test_silence_has_no_guess() -> None:
    even = dict.fromkeys(LABELS, 1 / 3)
    record = answer(None, reason="silent", confidence=1 / 3, probabilities=even)
    line = shown("table", record).splitlines()[1]
    assert line.split() == ["unknown", "(silent)", "3:05", "songs/a.mp3"]


def test_a_partial_file_shows_both_lengths() -> None:
    record = answer(status="partial", seconds=27.1, stated=30.0, lost=2.9)
    assert "0:27.1 of 0:30.0  songs/a.mp3" in shown("table", record)
    assert "0:27.1  songs/a.mp3" in shown("table", record | {"stated": None})


def test_more_labels_where_they_are_asked_for() -> None:
    line = shown("table", answer(), top=3).splitlines()[1]
    assert "classical 0.20, blues 0.10" in line
    assert "classical 0.20" in shown("table", answer(), top=1)


def test_names_cannot_break_the_table() -> None:
    text = shown("table", answer(path="a\nb\x1b[2J.mp3"))
    assert text.count("\n") == 2
    assert text.endswith("a\\nb\\x1b[2J.mp3\n")


def test_only_failures_make_no_table() -> None:
    assert shown("table", FAILED) == ""


def test_the_timeline_joins_neighbours() -> None:
    lines = shown("table", answer(), timeline=True).splitlines()[2:]
    assert lines == [
        "     0:00.0 –  0:06.0  rock  0.70",
        "     0:06.0 –    3:05  blues  0.50",
        "    decided by 0:30.0 – 0:33.0",
        "    sounds like rock.00017 (rock), pop.00003 (pop)",
    ]
    silent = answer(None, reason="silent", timeline=[], deciding=[], nearest=[])
    assert shown("table", silent, timeline=True).splitlines()[2:] == ["    unknown: silent"]


def test_stretches_end_at_gaps() -> None:
    segments = [
        {"start": 0.0, "stop": 3.0, "genre": "rock", "confidence": 0.5},
        {"start": 9.0, "stop": 12.0, "genre": "rock", "confidence": 0.9},
    ]
    assert stretches(segments) == [(0.0, 3.0, "rock", 0.5), (9.0, 12.0, "rock", 0.9)]
    assert stretches([]) == []


def test_ranking_is_by_probability() -> None:
    assert ranking(answer()) == [("rock", 0.7), ("classical", 0.2), ("blues", 0.1)]
    assert ranking(FAILED) == []


def test_csv_has_a_row_a_file() -> None:
    first, second = rows(shown("csv", answer(path="a,b.mp3"), FAILED))
    assert first["path"] == "a,b.mp3"
    assert (first["genre"], first["confidence"], first["seconds"]) == ("rock", "0.7", "185.4")
    assert (first["label_1"], first["p_1"]) == ("rock", "0.7")
    assert (first["label_2"], first["p_2"]) == ("classical", "0.2")
    assert first["error"] == ""
    assert (second["status"], second["genre"], second["label_1"]) == ("failed", "", "")
    assert second["error"] == "0 bytes; expected an audio file"


def test_csv_of_a_timeline_has_a_row_a_segment() -> None:
    found = rows(shown("csv", answer(), FAILED, timeline=True))
    assert [(r["path"], r["start"], r["genre"]) for r in found] == [
        ("songs/a.mp3", "0.0", "rock"),
        ("songs/a.mp3", "3.0", "rock"),
        ("songs/a.mp3", "6.0", "blues"),
        ("b.mp3", "", ""),
    ]
    assert found[3]["error"] == FAILED["error"]
    assert found[2]["stop"] == "185.4"


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_json_holds_the_records_whole(form: str) -> None:
    text = shown(form, answer(), FAILED)
    lines = json.loads(text) if form == "json" else [json.loads(x) for x in text.splitlines()]
    assert lines == [answer(), FAILED]
    assert list(lines[0])[:8] == [
        "path", "status", "genre", "confidence", "probabilities", "seconds", "elapsed", "model",
    ]  # fmt: skip


def test_nothing_is_still_a_document() -> None:
    assert shown("json") == "[]\n"
    assert shown("jsonl") == ""
    assert shown("table") == ""
    assert shown("csv").startswith("path,status,genre,")


# ------------------------------------------------- models of several genres at once


def bearing(*genres: str, **more: Any) -> dict[str, Any]:
    """An answer with several genres, best first; metal stands before rock though it has less."""
    p = {"jazz": 0.04, "metal": 0.81, "punk": 0.18, "rock": 0.95}
    values = {"genres": list(genres), "probabilities": p, "model": "tags-v1", **more}
    first = genres[0] if genres else None
    confidence = p[first] if first else max(p.values())
    return answer(first, **{"confidence": confidence, **values})


def test_the_table_of_several() -> None:
    text = shown(
        "table",
        bearing("metal", "rock", "punk"),
        FAILED,
        bearing("rock"),
        bearing(reason="no tag above its threshold"),
        bearing(reason="silent", probabilities=dict.fromkeys(("jazz", "metal", "rock"), 0.0)),
        several=True,
    )
    assert text.splitlines() == [
        "genres                  next         length  file",
        "metal 0.81, rock 0.95   jazz 0.04      3:05  songs/a.mp3",
        "rock 0.95               metal 0.81     3:05  songs/a.mp3",
        "unknown                 rock 0.95      3:05  songs/a.mp3",
        "unknown                 (silent)       3:05  songs/a.mp3",
    ]


def test_as_many_of_several_as_are_asked_for() -> None:
    one, three = (
        shown("table", bearing("metal", "rock", "punk"), top=n, several=True).splitlines()[1]
        for n in (1, 3)
    )
    assert one.split("  ")[0] == "metal 0.81"
    assert three.split("  ")[0] == "metal 0.81, rock 0.95, punk 0.18"


def test_why_there_is_none_of_several() -> None:
    reason = "no tag above its threshold"
    lines = shown("table", bearing(reason=reason), timeline=True, several=True).splitlines()
    assert lines[-1] == f"    unknown: {reason}"


def test_csv_of_several() -> None:
    text = shown("csv", bearing("metal", "rock", "punk"), bearing(), FAILED, several=True)
    assert text.splitlines()[0] == (
        "path,status,genre,genres,confidence,seconds,elapsed,model,reason,lost,error,"
        "label_1,p_1,label_2,p_2"
    )
    first, none, failed = rows(text)
    assert (first["genre"], first["genres"], first["confidence"]) == (
        "metal",
        "metal; rock",
        "0.81",
    )
    assert (first["label_1"], first["label_2"], first["p_2"]) == ("metal", "rock", "0.95")
    assert (none["genre"], none["genres"], none["label_1"]) == ("", "", "rock")
    assert (failed["status"], failed["genres"]) == ("failed", "")


def test_json_has_all_of_several() -> None:
    (found,) = json.loads(shown("json", bearing("metal", "rock", "punk"), top=1, several=True))
    assert found["genres"] == ["metal", "rock", "punk"]


def test_csv_of_one_genre_is_as_it_was() -> None:
    assert "genres" not in shown("csv", answer(genres=["rock"])).splitlines()[0]
