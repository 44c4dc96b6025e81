"""Values as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.plain import json_text, plain_numbers

VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1234567894, "0.123456789"),
        (1 / 3, "0.333333333"),
        (1e-12, "0.0"),
        (float("nan"), "null"),
        (float("-inf"), "null"),
        (True, "true"),
        (3, "3"),
        ((1.0, "ü"), '[1.0, "ü"]'),
        ({"a": [{"b": float("inf")}]}, '{"a": [{"b": null}]}'),
    ],
)
def test_text(value: Any, text: str) -> None:
    assert json_text(value) == text


def test_indented() -> None:
    assert json_text({"a": [1]}, 1) == '{\n "a": [\n  1\n ]\n}'


@given(VALUES)
def test_the_text_holds_the_plain_numbers(value: Any) -> None:
    assert json.loads(json_text(value)) == plain_numbers(value)


@given(VALUES)
def test_plain_numbers_are_plain(value: Any) -> None:
    assert plain_numbers(plain_numbers(value)) == plain_numbers(value)
