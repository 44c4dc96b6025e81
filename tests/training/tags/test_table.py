"""The vocabulary as it is written: complete, without contradiction, in the words of others."""

from __future__ import annotations

import pytest

from genrewise.backbone.musicnn import MSD_TAGS
from genrewise.labels import LABEL_SETS, ancestors, fold, genre
from genrewise.training.datasets.free_music_labels import REVIEWED
from genrewise.training.tags.table import HARD_TECHNO, KINDS, KNOWN, LEFT_OUT, TABLE, TagRule

BY_LABEL = {rule.label: rule for rule in TABLE}
WANTED = (
    *("rock", "pop", "electronic", "jazz", "metal", "hiphop", "folk", "blues", "country", "soul"),
    *("rnb", "punk", "funk", "ambient", "house", "techno", "classical", "reggae", "disco"),
)


def test_the_vocabulary_has_what_a_library_needs() -> None:
    assert set(WANTED) <= set(BY_LABEL)
    assert len(TABLE) == len(BY_LABEL) == 22
    assert [rule.label for rule in TABLE] == sorted(BY_LABEL)


@pytest.mark.parametrize("rule", TABLE, ids=lambda rule: rule.label)
def test_every_tag_is_sound(rule: TagRule) -> None:
    assert genre(rule.label) is not None
    assert fold(rule.label) == rule.label
    assert set(rule.own) <= set(MSD_TAGS)
    sides = [*rule.positive, *rule.unsure, *rule.negative]
    assert len(set(sides)) == len(sides)
    assert rule.own or rule.positive  # it rests on something
    if rule.positive:
        assert sorted(sides) == sorted(KINDS)
        assert rule.negative
    else:
        assert sides == []
        assert len(rule.own) == 1
    if rule.rows:
        assert rule.own == ()  # all fifty tags are seen


def test_words_are_those_of_the_collections() -> None:
    words = {*LABEL_SETS["gtzan-10"].labels, *(r.label for r in REVIEWED), *HARD_TECHNO.values()}
    assert set(KINDS) == words
    assert tuple(sorted(KINDS)) == KINDS
    assert {*HARD_TECHNO, "non-techno-drop"} == set(LABEL_SETS["techno-7"].labels)


def test_a_kind_is_no_counter_example_of_its_parent() -> None:
    for rule in TABLE:
        for above in ancestors(rule.label):
            if above in BY_LABEL and rule.positive:
                assert set(rule.positive) <= set(BY_LABEL[above].positive)


def test_what_was_settled() -> None:
    assert BY_LABEL["rock"].positive == ("rock", "metal")
    assert "blues" in BY_LABEL["rock"].unsure
    assert "rock" in BY_LABEL["metal"].negative
    assert BY_LABEL["electronic"].positive == ("electronic", "techno")
    assert "pop" in BY_LABEL["disco"].unsure
    assert BY_LABEL["soul"].positive == ()
    assert BY_LABEL["disco"].rows
    assert not BY_LABEL["reggae"].rows


def test_known_artists_are_of_tags_without_labels() -> None:
    for label, artists in KNOWN.items():
        assert not BY_LABEL[label].positive
        assert len(set(artists)) == len(artists) > 0


def test_what_was_left_out_is_no_tag() -> None:
    own = {tag for rule in TABLE for tag in rule.own}
    for names in LEFT_OUT:
        for name in names.split(", "):
            assert name in MSD_TAGS
            assert name not in own
