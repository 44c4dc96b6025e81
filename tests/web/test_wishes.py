"""What clients ask for, value by value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.web.problems import Problem
from genrewise.web.wishes import Asked, asked


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Asked()),
        ({"model": "small-gtzan-v1"}, Asked(model="small-gtzan-v1")),
        ({"timeline": "1", "picture": "true"}, Asked(timeline=True, picture=True)),
        ({"timeline": "0", "picture": "False"}, Asked()),
        ({"timeline": True, "picture": False}, Asked(timeline=True)),
        ({"timeline": ""}, Asked()),
        ({"start": "1.5", "duration": "30"}, Asked(start=1.5, duration=30.0)),
        ({"start": 0, "duration": 1e6}, Asked(duration=1e6)),
        ({"model": None, "timeline": None, "start": None, "duration": None}, Asked()),
    ],
)
def test_what_is_understood(values: dict[str, Any], expected: Asked) -> None:
    assert asked(values) == expected


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"timelien": "1"}, "There is no field of that name here. Did you mean timeline?"),
        ({"x" * 10000: "1"}, "There is no field of that name here."),
        ({"sample": "a.ogg"}, "There is no field of that name here."),
        ({"timeline": "maybe"}, "timeline is neither true nor false; expected 1 or 0."),
        ({"timeline": 1}, "timeline is neither true nor false"),
        ({"picture": ["1"]}, "picture is neither true nor false"),
        ({"start": "soon"}, "start is no number of seconds; expected 0 to 1000000."),
        ({"start": -1}, "start is no number"),
        ({"start": "nan"}, "start is no number"),
        ({"start": "inf"}, "start is no number"),
        ({"start": 10**400}, "start is no number"),
        ({"start": True}, "start is no number"),
        ({"start": [1]}, "start is no number"),
        ({"duration": 0}, "duration is 0; expected more than 0 seconds."),
        ({"duration": "1e7"}, "duration is no number"),
        ({"model": 3}, "model is no name"),
        ({"model": "m" * 201}, "model is no name"),
    ],
)
def test_what_is_refused(values: dict[str, Any], text: str) -> None:
    with pytest.raises(Problem) as caught:
        asked(values)
    assert caught.value.status == 422
    assert caught.value.detail.startswith(text)


def test_fields_of_others_are_left_alone() -> None:
    assert asked({"sample": "a.ogg", "start": 2}, ("sample",)) == Asked(start=2.0)


@given(
    st.dictionaries(
        st.sampled_from(["model", "timeline", "start", "duration", "picture"]) | st.text(),
        st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.lists(st.text()),
    )
)
def test_anything_is_understood_or_refused(values: dict[str, Any]) -> None:
    try:
        found = asked(values)
    except Problem as problem:
        refused = problem
        found = Asked()
    else:
        refused = Problem(422, "Not at all.")
    assert refused.status == 422
    assert refused.detail.endswith((".", "?"))
    assert 0 <= found.start <= 1e6
    assert found.duration is None or 0 < found.duration <= 1e6
