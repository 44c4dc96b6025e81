"""Real music from another world: styles that a map turns into the model's genres."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from genrewise.training.evaluate import Question, evaluate

#: What each style of the loops is in the ten genres; africa and latin are none of them.
STYLES = {"rap": "hiphop", "bigband": "jazz", "blues": "blues", "africa": "", "latin": ""}


@pytest.fixture(scope="module")
def manifests(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Six loops a style, once by style and once by genre."""
    folder = tmp_path_factory.mktemp("loops")
    with (shared_data / "loops" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = [r for style in STYLES for r in [r for r in rows if r["style"] == style][:6]]
    assert len(chosen) == 30
    for column in ("style", "label"):
        lines = [f"{shared_data / 'loops' / r['path']},{r[column]},{r['group']}" for r in chosen]
        (folder / f"{column}.csv").write_text("\n".join(["path,label,group", *lines]))
    return folder / "style.csv", folder / "label.csv"


def ask(source: Path, **more: Any) -> dict[str, Any]:
    return evaluate(Question("small-gtzan-v1", (str(source),), workers=1, **more)).report


def test_styles_through_a_map_are_the_genres_that_the_list_names(
    manifests: tuple[Path, Path], tmp_path: Path
) -> None:
    by_style, by_genre = manifests
    lines = [f"{style},{genre}" for style, genre in STYLES.items()]
    (tmp_path / "styles.csv").write_text("\n".join(["label,model", *lines]))
    mapped = ask(by_style, map_file=str(tmp_path / "styles.csv"))
    plain = ask(by_genre)
    assert mapped["clip"]["n"] == plain["clip"]["n"] == 18
    assert mapped["left_out"] == ["africa", "latin"]
    assert mapped["repaired"] == {}
    for key in ("accuracy", "macro_f1", "answered", "ece", "nll", "confusion", "per_label"):
        assert mapped["clip"][key] == plain["clip"][key]


def test_without_a_map_a_known_spelling_is_repaired_and_the_rest_left_out(
    manifests: tuple[Path, Path],
) -> None:
    found = ask(manifests[0])
    assert found["repaired"] == {"rap": "hiphop"}
    assert sorted(found["outside"]) == ["africa", "bigband", "latin"]
    assert found["clip"]["n"] == 12
