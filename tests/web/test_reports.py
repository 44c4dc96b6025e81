"""Reports of runs: found where runs leave them, told without paths, with the tracks gone wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.web.conftest import MODEL, Server, Start, is_problem

from genrewise.web.mistakes import mistakes
from genrewise.web.reports import folder_of_reports, of_model, without_paths

HEAD = "part,level,path,track,group,start,stop,truth,answer,confidence,runner_up,p_a,p_b\n"


def predictions(folder: Path, *rows: str) -> Path:
    path = folder / "predictions.csv"
    path.write_text(HEAD + "".join(f"{row},b,0.5,0.5\n" for row in rows), encoding="utf-8")
    return path


def leave(folder: Path, report: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    return folder


def test_mistakes_are_tracks_of_the_test_the_surest_first(tmp_path: Path) -> None:
    path = predictions(
        tmp_path,
        "validation,track,,v1,g,0,1,a,b,0.99",
        "test,window,x.wav,t1,g,0,1,a,b,0.9",
        "test,track,,Some/where/t1,g,0,1,a,b,0.6",
        "test,track,,t2,g,0,1,b,b,0.9",
        "test,track,,C:\\music\\t3,g,0,1,b,a,0.8",
    )
    assert mistakes(path) == [
        {"track": "t3", "truth": "b", "answer": "a", "confidence": 0.8},
        {"track": "t1", "truth": "a", "answer": "b", "confidence": 0.6},
    ]


def test_without_a_test_they_are_those_of_the_validation(tmp_path: Path) -> None:
    path = predictions(tmp_path, "validation,track,,v1,g,0,1,a,b,0.7")
    assert [row["track"] for row in mistakes(path)] == ["v1"]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", HEAD + "test,track\n", HEAD + "\0"])
def test_tables_that_are_none_hold_no_mistakes(tmp_path: Path, text: str) -> None:
    (tmp_path / "predictions.csv").write_text(text)
    assert mistakes(tmp_path / "predictions.csv") == []
    assert mistakes(tmp_path / "nothing.csv") == []


def test_a_table_that_changes_is_read_anew(tmp_path: Path) -> None:
    assert mistakes(predictions(tmp_path)) == []
    path = predictions(tmp_path, "test,track,,t,g,0,1,a,b,0.7")
    assert len(mistakes(path)) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("wrote /home/me/songs/a.genrewise, 1 MB", "wrote a.genrewise, 1 MB"),
        (r"C:\Users\me\a.wav: text", "a.wav: text"),
        ("a/b of 3 and 4/5", "a/b of 3 and 4/5"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        (["/tmp/x/y", {"k": "/tmp/x/y"}, 3, None], ["y", {"k": "y"}, 3, None]),
    ],
)
def test_no_path_of_a_machine_is_told(given: Any, told: Any) -> None:
    assert without_paths(given) == told


def test_a_models_report_is_found_where_runs_leave_it(tmp_path: Path) -> None:
    leave(tmp_path / "mine-v1" / "published", {"which": "published"})
    assert of_model([tmp_path], "mine-v1", "honest") == {"which": "published"}
    leave(tmp_path / "mine-v1" / "honest", {"which": "honest"})
    assert of_model([tmp_path], "mine-v1", "honest") == {"which": "honest"}
    other = tmp_path / "other"
    folder = leave(other / "own-report", {"which": "own"})
    predictions(folder, "test,track,,t,g,0,1,a,b,0.7")
    found = of_model([tmp_path, other], "own", "honest")
    assert found is not None
    assert (found["which"], found["mistakes"][0]["track"]) == ("own", "t")
    for name in ("..", "", "a/b", "../other/own", "nobody", "x" * 200):
        assert of_model([tmp_path, other], name, "honest") is None
    assert of_model([], "own", "honest") is None


@pytest.mark.parametrize("text", ["", "[]", "{", "3", '{"a": ' * 100_000])
def test_what_is_no_report_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine" / "honest").mkdir(parents=True)
    (tmp_path / "mine" / "honest" / "report.json").write_text(text)
    assert of_model([tmp_path], "mine", "honest") is None


def test_the_reports_that_come_along_are_those_of_the_repository(server: Server) -> None:
    folder = folder_of_reports()
    assert folder is not None
    rows = server.get("/reports").json
    there = {(p.parent.parent.name, p.parent.name) for p in folder.glob("*/*/report.json")}
    assert {(row["name"], row["protocol"]) for row in rows} == there
    (row,) = (r for r in rows if (r["name"], r["protocol"]) == ("000-cnn", "published"))
    report = server.get("/reports/000-cnn/published").json
    assert row["published"] == report["published"]["value"]
    assert row["ours"] == report["test"]["window"]["accuracy"]
    assert row["data"] == report["data"]["name"]
    assert "/" not in row["data"]
    assert server.get(f"/models/{MODEL}").json["report"]["name"] == MODEL


def test_reports_of_ones_own(start: Start, tmp_path: Path) -> None:
    leave(tmp_path / "runs" / "mine" / "honest", {"title": "Mine", "test": {"track": {}}})
    leave(tmp_path / "runs" / "broken" / "honest", [])
    leave(tmp_path / "runs" / "odd name" / "honest", {})
    server = start("--reports", str(tmp_path / "runs"))
    assert [row["title"] for row in server.get("/reports").json] == ["Mine"]
    for path in ("/reports/broken/honest", "/reports/..%2f/x", "/reports/mine/nobody"):
        reply = server.get(path)
        assert reply.status == 404
        is_problem(reply)
