"""What is speech by what its tags and its name say."""

from __future__ import annotations

import pytest

from genrewise.library.genre_field import Tags
from genrewise.library.speech import is_speech


@pytest.mark.parametrize(
    "genre",
    ["Speech", "AUDIOBOOK", "Podcast", "comedy", "Spoken Word", "Books & Spoken", "Hörbuch"],
)
def test_a_genre_that_says_so(genre: str) -> None:
    assert is_speech(None, Tags(genres=(genre,)))
    assert is_speech(None, Tags(genres=("Rock", genre)))


@pytest.mark.parametrize("genre", ["Rock", "", "Spoken Blues", "Musical Comedy", "Vocal"])
def test_a_genre_that_does_not(genre: str) -> None:
    assert not is_speech(None, Tags(genres=(genre,)))


@pytest.mark.parametrize(
    ("path", "speech"),
    [("a.m4b", True), ("/x/A.M4B", True), ("a.aax", True), ("a.m4a", False), ("m4b", False)],
)
def test_a_kind_of_file_that_says_so(path: str, speech: bool) -> None:
    assert is_speech({"genre": "jazz"}, Tags(), path) is speech
