"""Settings behind the colon of a data set's name."""

from __future__ import annotations

import pytest

from genrewise.errors import RecipeError
from genrewise.training.datasets.settings import numbers

DEFAULTS = {"tracks": 12, "seconds": 6.0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (12, 6)),
        ("tracks=3", (3, 6)),
        ("seconds=.5,tracks=1e2", (100, 0.5)),
        (" tracks = 4 , ", None),
        ("tracks=1,tracks=2", (2, 6)),
        (",,seconds=2,", (12, 2)),
    ],
)
def test_what_is_set(text: str, expected: tuple[float, float] | None) -> None:
    if expected is None:
        with pytest.raises(RecipeError, match="made: no setting ''; expected one of tracks"):
            numbers("made", text, DEFAULTS)
    else:
        found = numbers("made", text, DEFAULTS)
        assert (found["tracks"], found["seconds"]) == expected
    assert DEFAULTS == {"tracks": 12, "seconds": 6.0}


def test_blanks_around_a_setting() -> None:
    assert numbers("made", "tracks = 4, seconds =1", DEFAULTS) == {"tracks": 4, "seconds": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trakcs=3", "made: no setting 'trakcs'; expected one of tracks, seconds. Did you mean"),
        ("tracks", "made: tracks=''; expected a number"),
        ("seconds=soon", "made: seconds='soon'; expected a number"),
    ],
)
def test_what_is_wrong_is_told(text: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        numbers("made", text, DEFAULTS)
    assert message in str(caught.value)
