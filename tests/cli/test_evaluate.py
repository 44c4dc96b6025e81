"""``genrewise evaluate`` as it is typed: what it prints, says and leaves, and its exit code."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from genrewise import bundle
from genrewise.cli import main

SR = 22050


def tone(hz: float, seconds: float = 1.0) -> Any:
    t = np.arange(round(seconds * SR)) / SR
    return (0.3 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def write(folder: Path, **clips: int) -> Path:
    """A folder of tones and noises: so many clips in each folder, named by what they are."""
    rng = np.random.default_rng(0)
    for label, n in clips.items():
        (folder / label).mkdir(parents=True)
        for i in range(n):
            y = rng.uniform(-0.5, 0.5, SR) if label == "noise" else tone(300.0 + 10 * i)
            soundfile.write(folder / label / f"{i}.wav", y, SR)
    return folder


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Five clips, of which the model is right about four."""
    folder = write(tmp_path / "é music", tone=2, noise=2)
    soundfile.write(folder / "noise" / "really a tone.wav", tone(500.0), SR)
    return folder


@pytest.fixture
def other(model: Path, tmp_path: Path) -> Path:
    """The same model with its labels the other way round."""
    from dataclasses import replace

    found = bundle.read(model)
    info = replace(found.info, name="other", labels=("tone", "noise"))
    return bundle.write(replace(found, info=info), tmp_path / "other.genrewise")


@pytest.fixture
def evaluate(model: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Type the command; exit code, standard output, standard error."""

    def call(*args: str | Path) -> tuple[int, str, str]:
        code = main(["evaluate", str(model), *map(str, args), "--workers", "1"])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def lines(out: str) -> list[list[str]]:
    return [line.split() for line in out.splitlines()]


def test_the_table_and_what_is_said_beside_it(evaluate: Any, music: Path) -> None:
    code, out, err = evaluate(music)
    assert code == 0
    head, *rows = lines(out)
    assert head[:3] == ["set", "level", "n"]
    assert [row[2:5] for row in rows] == [
        ["window", "5", "0.800"],
        ["clip", "5", "0.800"],
        ["track", "5", "0.800"],
    ]
    assert all(row[:2] == ["é", "music"] for row in rows)
    assert "warning: " in err
    assert "own group" in err


def test_json_of_one_set(evaluate: Any, music: Path) -> None:
    code, out, _ = evaluate(music, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["clip"]["n"] == 5
    assert found["clip"]["accuracy"] == 0.8
    assert {"accuracy", "macro_f1", "weighted_f1", "ece", "n", "answered"} <= set(found["track"])
    assert "sets" not in found


def test_several_sets_and_the_fall(evaluate: Any, music: Path, tmp_path: Path) -> None:
    second = write(tmp_path / "second", tone=1, noise=1)
    code, out, _ = evaluate(second, music)
    assert code == 0
    assert sum(row[:1] == ["second"] for row in lines(out)) == 3
    rows = {row[0]: row[1:] for row in lines(out) if row and row[0] in {"tone", "noise", "mean"}}
    assert rows["noise"] == ["1", "3", "1.000", "0.667", "+0.333"]
    assert rows["tone"] == ["1", "2", "1.000", "1.000", "+0.000"]
    assert rows["mean"][:3] == ["1.000", "0.833", "+0.167"]
    code, out, _ = evaluate(second, music, "--json")
    found = json.loads(out)
    assert [one["dataset"] for one in found["sets"]] == ["second", "é music"]
    assert found["falls"][0]["genres"]["noise"]["fall"] == pytest.approx(1 / 3)


def test_sets_without_a_common_genre(evaluate: Any, tmp_path: Path) -> None:
    sets = [write(tmp_path / name, **{name: 1}) for name in ("tone", "noise")]
    code, _, err = evaluate(*sets)
    assert code == 0
    assert "tone and noise have no genre in common" in err


def test_against_another_model(evaluate: Any, music: Path, other: Path) -> None:
    code, out, err = evaluate(music, "--against", other)
    assert code == 0
    rows = [row for row in lines(out) if row and row[0] in {"clip", "track"}]
    assert rows[0][:6] == ["clip", "5", "0", "4", "1", "0"]
    assert rows[0][6] == "+0.600"
    assert rows[0][-1] == "0.38"  # 2 * (1 + 5) / 2 ** 5
    assert "A: tiny; B: other; p: McNemar's exact test" in err
    assert any(row[:2] == ["other", "clip"] and row[3] == "0.200" for row in lines(out))


def test_models_that_share_no_label(evaluate: Any, music: Path) -> None:
    code, out, err = evaluate(music, "--against", "small-gtzan-v1")
    assert (code, out) == (2, "")
    assert err.startswith("Error: tiny and small-gtzan-v1 share no label of é music (noise, tone)")
    assert err.count("\n") == 1


def test_robustness_is_a_row_a_damage(evaluate: Any, tmp_path: Path) -> None:
    clips = write(tmp_path / "m", tone=3, noise=3)
    code, out, err = evaluate(clips, "--robustness", "--limit", "2")
    assert code == 0
    rows = {line[:24].strip(): line[24:].split() for line in out.split("\n\n")[1].splitlines()}
    assert rows["clean"][:2] == ["2", "1.000"]
    assert rows["20 dB softer"][:2] == ["2", "1.000"]
    assert rows["telephone, 300–3400 Hz"][1] == "0.500"  # noise without its treble is a tone to it
    assert "-0.000" not in out
    assert "left channel only: changes none of these files" in err


@pytest.mark.parametrize("name", ["map.csv", "map.toml"])
def test_a_map_file_and_repairs_are_announced(
    evaluate: Any, music: Path, tmp_path: Path, name: str
) -> None:
    (music / "tone").rename(music / "pling")
    (music / "noise").rename(music / "NOISE")
    write(music, polka=1, humming=1)
    table = {"pling": "tone", "polka": "", "waltz": "tone"}
    if name.endswith("csv"):
        text = "\n".join(["label,model", *(f"{a},{b}" for a, b in table.items())])
    else:
        text = "\n".join(f'{a} = "{b}"' for a, b in table.items())
    (tmp_path / name).write_text(text)
    code, _, err = evaluate(music, "--map-file", tmp_path / name)
    assert code == 0
    assert "NOISE is taken for noise\n" in err
    assert "left out: polka, as the map says\n" in err
    assert "left out: humming, which the model does not know\n" in err
    assert f"warning: {tmp_path / name}: labels that the data do not have: waltz\n" in err


def test_a_label_that_is_taken_is_left_out_and_said(evaluate: Any, music: Path) -> None:
    (music / "Tone").mkdir()
    soundfile.write(music / "Tone" / "a.wav", tone(400.0), SR)
    code, _, err = evaluate(music)
    assert code == 0
    assert "left out: Tone; another label is tone already. Both: --map Tone=tone\n" in err


def test_failed_files_are_listed_and_make_the_exit_code(evaluate: Any, music: Path) -> None:
    (music / "tone" / "bad.mp3").write_bytes(b"words, not music. " * 40)
    code, out, err = evaluate(music, "--json", "--robustness")
    assert code == 1
    found = json.loads(out)
    assert [path for path, _ in found["failed"]] == ["tone/bad.mp3"]
    assert found["clip"]["n"] == 5
    assert err.count("tone/bad.mp3: ") == 1  # once, though it failed in both tables
    (music / "tone" / "bad.mp3").unlink()
    assert evaluate(music, "--json")[0] == 0


def test_a_damage_that_fails_makes_the_exit_code(evaluate: Any, tmp_path: Path) -> None:
    folder = write(tmp_path / "m", tone=1)
    soundfile.write(folder / "tone" / "short.wav", tone(400.0, 0.102), SR)
    code, _, err = evaluate(folder, "--robustness")
    assert code == 1
    assert "tone/short.wav: 5 % faster: 0.097 s of audio" in err
    assert evaluate(folder)[0] == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["none such"], "none such: no such folder, file or data set"),
        (["empty"], "empty: no music"),
        (["loose"], "loose: 1 files but no genre folders"),
        (["pictures"], "pictures: a data set of pictures; expected one of music"),
        (["silence.wav"], "silence.wav: a file; expected a folder"),
        (["music", "--part", "test"], "no item in part 'test'"),
        (["music", "--labels", "polka"], "no label named 'polka'"),
        (["music", "--group-by", "moon"], "moon"),
        (["music", "--map", "tone=polka"], "polka is no label of the model"),
        (["music", "--map-file", "none.csv"], "none.csv: No such file"),
        (["music", "--against", "none"], "no model named 'none'"),
        (["music", "none such"], "none such: no such folder"),
        (["music", "--labels", "tone", "--restrict"], "one label to choose among, tone"),
    ],
)
def test_wrong_use_is_one_line(
    evaluate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "music", tone=1, noise=1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "loose").mkdir()
    soundfile.write(tmp_path / "loose" / "a.wav", tone(300.0), SR)
    soundfile.write(tmp_path / "silence.wav", tone(300.0), SR)
    (tmp_path / "pictures" / "tone").mkdir(parents=True)
    (tmp_path / "pictures" / "tone" / "a.png").write_bytes(b"\x89PNG")
    code, out, err = evaluate(*args)
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("Error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("pair", ["=waltz", "waltz=", "waltz"])
def test_maps_are_pairs(evaluate: Any, music: Path, pair: str) -> None:
    code, _, err = evaluate(music, "--map", pair)
    assert code == 2
    assert "expected LABEL=LABEL" in err


@pytest.mark.parametrize("args", [[], ["--limit", "0"], ["--part", "middle"]])
def test_what_the_parser_refuses(
    evaluate: Any, music: Path, args: list[str], model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if args:
        assert evaluate(music, *args)[0] == 2
    else:
        assert main(["evaluate", str(model)]) == 2
        assert "FOLDER|MANIFEST|NAME" in capsys.readouterr().err


def test_silence_alone(evaluate: Any, tmp_path: Path) -> None:
    (tmp_path / "m" / "tone").mkdir(parents=True)
    soundfile.write(tmp_path / "m" / "tone" / "a.wav", np.zeros(SR), SR)
    code, out, _ = evaluate(tmp_path / "m", "-o", tmp_path / "report")
    assert code == 0
    assert [row[1] for row in lines(out)[1:]] == ["clip", "track"]
    assert (tmp_path / "report" / "report.html").is_file()


def test_the_folder_of_a_report(evaluate: Any, music: Path, other: Path, tmp_path: Path) -> None:
    out = tmp_path / "a" / "report"
    code, shown, err = evaluate(music, "--against", other, "-o", out)
    assert code == 0
    assert f"report: {out / 'report.html'}" in err
    assert "accuracy" in shown
    assert sorted(p.name for p in out.iterdir()) == [
        "predictions.csv",
        "report.html",
        "report.json",
        "table.tex",
    ]
    assert json.loads((out / "report.json").read_text("utf-8"))["clip"]["n"] == 5
    with (out / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 3 * 5
    right = [
        r["truth"] == r["answer"] for r in rows if (r["model"], r["level"]) == ("tiny", "clip")
    ]
    assert sum(right) == 4


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    """Of labels that the model does not know: three tones, a noise, and a silence."""
    folder = write(tmp_path / "strange", polka=3)
    (folder / "hiss").mkdir()
    soundfile.write(folder / "hiss" / "a.wav", np.random.default_rng(1).uniform(-0.5, 0.5, SR), SR)
    soundfile.write(folder / "hiss" / "b.wav", np.zeros(SR), SR)
    return folder


#: Rows of that table: n, groups, answered, its share, what it was taken for.
HISS, POLKA = (
    ["hiss", "2", "2", "1", "0.500", "noise", "1"],
    ["polka", *"333", "1.000", "tone", "3"],
)
ALL = ["all", "5", "5", "4", "0.800"]


def test_strangers_alone(evaluate: Any, strange: Path) -> None:
    code, out, err = evaluate(strange)
    assert (code, out) == (2, "")
    assert "strange: none of its labels (hiss, polka)" in err
    code, out, err = evaluate(strange, "--outside")
    assert code == 0
    head, hiss, polka, every = lines(out)
    assert head[:5] == ["outside,", "strange", "n", "groups", "answered"]
    assert (hiss, polka, every[:5], every[6:]) == (HISS, POLKA, ALL, ["tone", "3,", "noise", "1"])
    assert every[5].startswith("0.")
    assert "left out" not in err
    assert "warning: strange: no clip with a label of tiny, so no accuracy\n" in err


def test_strangers_beside_others(evaluate: Any, music: Path, strange: Path) -> None:
    write(music, polka=1)
    code, out, err = evaluate(music, "--outside", strange)
    assert code == 0
    levels, *tables = (part.splitlines() for part in out.split("\n\n"))
    assert [line.split()[2:5] for line in levels[1:]] == [
        ["window", "5", "0.800"],
        ["clip", "5", "0.800"],
        ["track", "5", "0.800"],
    ]
    assert [one[0].split("  ")[0] for one in tables] == [
        "outside, é music",
        "outside, strange",
        "outside, all sets",
    ]
    assert tables[2][2].split() == ["polka", *"444", "1.000", "tone", "4"]
    assert tables[2][3].split()[:5] == ["all", "6", "6", "5", "0.833"]
    assert "which the model does not know" not in err
    code, out, err = evaluate(music)
    assert "outside" not in out
    assert "left out: polka, which the model does not know\n" in err


def test_strangers_of_two_models(evaluate: Any, strange: Path, other: Path) -> None:
    code, out, _ = evaluate(strange, "--outside", "--against", other)
    assert code == 0
    first, second = (part.splitlines() for part in out.split("\n\n"))
    assert second[0].startswith("outside, strange, other  n")
    assert first[2].split()[-2:] == ["tone", "3"]
    assert second[2].split()[-2:] == ["noise", "3"]


def test_the_report_of_strangers_alone(evaluate: Any, strange: Path, tmp_path: Path) -> None:
    (strange / "polka" / "bad.mp3").write_bytes(b"words, not music. " * 40)
    code, out, err = evaluate(strange, "--outside", "--json", "-o", tmp_path / "report")
    assert code == 1
    assert err.count("polka/bad.mp3: ") == 1
    found = json.loads(out)
    assert (found["strangers"]["n"], found["strangers"]["n_answered"]) == (5, 4)
    assert not {"window", "clip", "track"} & set(found)
    kept = json.loads((tmp_path / "report" / "report.json").read_text("utf-8"))
    assert kept["strangers"]["per_label"] == found["strangers"]["per_label"]
    with (tmp_path / "report" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["level"], r["truth"], r["answered"]) for r in rows] == [
        ("clip", "hiss", "True"),
        ("clip", "hiss", "False"),
        *[("clip", "polka", "True")] * 3,
    ]
    assert (tmp_path / "report" / "table.tex").read_text("utf-8").count(r"\begin{table}") == 1


def test_how_many_can_be_answered_at_five_per_cent(evaluate: Any, tmp_path: Path) -> None:
    """The model is surer of tones than of noise, and here the noise is where it is wrong."""
    folder = write(tmp_path / "m", tone=3)
    y = np.random.default_rng(0).uniform(-0.5, 0.5, SR)
    soundfile.write(folder / "tone" / "really noise.wav", y, SR)
    code, out, _ = evaluate(folder)
    assert code == 0
    head, *rows = out.splitlines()
    assert head.endswith("  ECE  at 5 % wrong")
    assert [row[head.index("at 5 %") :].strip() for row in rows] == ["", "", "75%"]
    assert json.loads(evaluate(folder, "--json")[1])["track"]["answered_at_5_percent_wrong"] == 0.75
