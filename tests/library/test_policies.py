"""What is to be written: every rule by itself, and what holds for all of them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.library.catalogue import STATES, Answer, Decision, Entry, File
from genrewise.library.names import names_of
from genrewise.library.policies import (
    EXISTING,
    MIN_CONFIDENCE,
    Policy,
    pick,
    propose,
    same,
    vote_album,
)

LABELS = ("blues", "hiphop", "jazz", "metal")
NAMES = names_of(LABELS)
POLICY = Policy(names=NAMES)


def file(**more: Any) -> File:
    values: dict[str, Any] = {
        "id": 1, "path": "/m/a.mp3", "size": 1, "mtime_ns": 1, "audio": 1, "container": "MP3",
        "format": "ID3v2.4", "genres": (), "ours": (), "artist": "", "album": "",
        "albumartist": "", "title": "", "comment": "", "grouping": "", "state": "new",
        "error": "", "seen": "",
    }  # fmt: skip
    return File(**(values | more))


def answer(*p: float, reason: str = "") -> Answer:
    p = p or (0.05, 0.85, 0.07, 0.03)
    order = sorted(LABELS, key=lambda label: -p[LABELS.index(label)])
    return Answer(
        "ok",
        None if reason else order[0],
        max(p),
        order[1],
        reason,
        dict(zip(LABELS, p, strict=True)),
        {},
    )


def entry(heard: Answer | None = None, said: Decision | None = None, **more: Any) -> Entry:
    return Entry(file(**more), heard or answer(), said)


def said(verdict: str, *genres: str) -> Decision:
    return Decision(verdict, genres, "2030-01-01T00:00:00Z")


# ------------------------------------------------------------------ nothing stands there


def test_a_sure_answer_is_proposed_under_its_display_name() -> None:
    found = propose(entry(), POLICY)
    assert (found.state, found.genres, found.runner_up) == ("proposed", ("Hip-Hop",), "Jazz")
    assert found.confidence == pytest.approx(0.85)
    assert found.reason == ""


@pytest.mark.parametrize(
    ("p", "state"), [(0.75, "proposed"), (0.7499, "review"), (0.26, "review"), (1.0, "proposed")]
)
def test_below_the_bound_a_person_looks(p: float, state: str) -> None:
    rest = (1 - p) / 3
    found = propose(entry(answer(rest, p, rest, rest)), POLICY)
    assert MIN_CONFIDENCE == POLICY.min_confidence == 0.75
    assert (found.state, found.genres) == (state, ("Hip-Hop",))
    assert found.reason == ("below 0.75" if state == "review" else "")


def test_unknown_is_for_review_however_probable() -> None:
    found = propose(entry(answer(reason="far from the training music")), POLICY)
    assert (found.state, found.reason) == ("review", "far from the training music")
    low = replace(POLICY, min_confidence=0.01)
    assert propose(entry(answer(reason="low confidence")), low).state == "review"


@pytest.mark.parametrize("reason", ["", "low confidence", "far from the training music", "silent"])
def test_a_bound_of_0_takes_the_most_probable_whatever_the_model_doubts(reason: str) -> None:
    found = propose(
        entry(answer(0.3, 0.2, 0.2, 0.3, reason=reason)), replace(POLICY, min_confidence=0.0)
    )
    assert (found.state, found.genres) == ("proposed", ("Blues",))


# ------------------------------------------------------------------ something stands there


@pytest.mark.parametrize(
    ("existing", "p", "state", "genres"),
    [
        ("keep", 0.9, "kept", ("Dub",)),
        ("keep", 0.3, "kept", ("Dub",)),
        ("append", 0.9, "proposed", ("Dub", "Hip-Hop")),
        ("append", 0.3, "kept", ("Dub",)),
        ("replace", 0.9, "proposed", ("Hip-Hop",)),
        ("replace", 0.3, "review", ("Hip-Hop",)),
    ],
)
def test_what_becomes_of_a_genre_that_stands_there(
    existing: str, p: float, state: str, genres: tuple[str, ...]
) -> None:
    rest = (1 - p) / 3
    found = propose(
        entry(answer(rest, p, rest, rest), genres=("Dub",)), replace(POLICY, existing=existing)
    )
    assert (found.state, found.genres) == (state, genres)


@pytest.mark.parametrize("existing", EXISTING)
@pytest.mark.parametrize("spelled", ["hip hop", "Hip-Hop", "HIPHOP"])
def test_the_same_genre_spelled_otherwise_is_left_as_it_is(existing: str, spelled: str) -> None:
    found = propose(entry(genres=(spelled,)), replace(POLICY, existing=existing))
    assert (found.state, found.genres) == ("kept", (spelled,))


def test_append_adds_only_what_is_not_there() -> None:
    policy = replace(POLICY, existing="append", genres=2)
    found = propose(entry(answer(0.3, 0.6, 0.05, 0.05), genres=("hip hop", "Dub")), policy)
    assert found.genres == ("hip hop", "Dub", "Blues")


def test_what_genrewise_wrote_stands_until_it_is_asked_to_tag_again() -> None:
    ours = entry(genres=("Jazz",), ours=("Jazz",))
    assert propose(ours, POLICY).state == "written"
    assert propose(ours, replace(POLICY, existing="append")).state == "written"
    again = propose(ours, replace(POLICY, retag=True))
    assert (again.state, again.genres) == ("proposed", ("Hip-Hop",))


def test_tagging_again_leaves_what_somebody_changed_and_what_is_unsure() -> None:
    retag = replace(POLICY, retag=True)
    assert propose(entry(genres=("Bebop",), ours=("Jazz",)), retag).state == "kept"
    unsure = entry(answer(0.3, 0.4, 0.2, 0.1), genres=("Jazz",), ours=("Jazz",))
    found = propose(unsure, retag)
    assert (found.state, found.genres) == ("written", ("Jazz",))
    assert propose(entry(genres=("Hip-Hop",), ours=("Hip-Hop",)), retag).state == "written"


def test_a_blank_field_is_an_empty_one() -> None:
    assert propose(entry(genres=(" ", "")), POLICY).state == "proposed"
    assert propose(entry(comment=" "), replace(POLICY, field="comment")).state == "proposed"


def test_a_field_that_was_emptied_is_filled_again() -> None:
    assert propose(entry(genres=(), ours=("Jazz",)), POLICY).state == "proposed"


def test_another_field_is_asked_what_stands_in_it() -> None:
    comment = replace(POLICY, field="comment")
    assert propose(entry(genres=("Dub",)), comment).state == "proposed"
    assert propose(entry(comment="ripped by me"), comment).state == "kept"
    assert propose(entry(comment="Jazz", ours=("Jazz",)), comment).state == "written"
    assert propose(entry(comment="ripped by me"), replace(POLICY, field="grouping")).genres == (
        "Hip-Hop",
    )


def test_a_sidecar_is_asked_what_stands_in_it() -> None:
    sidecar = replace(POLICY, sidecar=True)
    assert propose(entry(), sidecar).state == "proposed"
    assert propose(entry(ours=("Jazz",)), sidecar, beside=("Jazz",)).state == "written"
    assert propose(entry(), sidecar, beside=("Dub",)).state == "kept"
    assert propose(entry(genres=("Dub",)), sidecar).state == "kept"


# ------------------------------------------------------------------ what is passed over


@pytest.mark.parametrize(
    "more",
    [
        {"genres": ("Audiobook",)},
        {"genres": ("Rock", "spoken word")},
        {"genres": ("Comedy",)},
        {"path": "/m/book.M4B"},
        {"path": "/m/book.aax"},
    ],
)
def test_speech_is_passed_over(more: dict[str, Any]) -> None:
    found = propose(entry(**more), replace(POLICY, existing="replace", min_confidence=0.0))
    assert (found.state, found.reason) == ("skipped", "speech")


def test_tags_that_cannot_be_written_are_passed_over_but_a_sidecar_can() -> None:
    found = propose(entry(container="", format=""), POLICY)
    assert (found.state, found.reason) == ("skipped", "its tags cannot be written; a sidecar can")
    beside = replace(POLICY, sidecar=True)
    assert propose(entry(container="", format=""), beside).state == "proposed"


def test_a_file_that_failed_stays_so_with_its_reason() -> None:
    failed = Entry(file(state="failed", error="not audio", audio=None))
    found = propose(failed, POLICY)
    assert (found.state, found.reason) == ("failed", "not audio")
    assert propose(Entry(file()), POLICY).state == "new"
    assert propose(entry(state="missing"), POLICY).state == "missing"


# ------------------------------------------------------------------ what the user said


@pytest.mark.parametrize("existing", EXISTING)
def test_what_the_user_said_outweighs_model_and_policy(existing: str) -> None:
    policy = replace(POLICY, existing=existing)
    for genres in ((), ("Dub",)):
        found = propose(entry(said=said("changed", "Trip-Hop"), genres=genres), policy)
        assert (found.state, found.genres, found.confidence) == ("proposed", ("Trip-Hop",), 1.0)


def test_what_the_user_said_and_stands_there_is_done() -> None:
    word = said("changed", "Dub")
    assert propose(entry(said=word, genres=("Dub",)), POLICY).state == "kept"
    assert propose(entry(said=word, genres=("Dub",), ours=("Dub",)), POLICY).state == "written"


def test_the_later_word_counts() -> None:
    later = entry(said=said("changed", "Dub"), genres=("Ska",), ours=("Dub",))
    found = propose(later, POLICY)
    assert (found.state, found.genres) == ("kept", ("Ska",))
    assert propose(later, replace(POLICY, existing="replace")).genres == ("Dub",)
    newer = entry(said=said("changed", "Reggae"), genres=("Ska",), ours=("Dub",))
    assert propose(newer, POLICY).genres == ("Reggae",)


def test_skipped_by_the_user_is_never_proposed() -> None:
    found = propose(entry(said=said("skipped")), replace(POLICY, min_confidence=0.0))
    assert (found.state, found.reason) == ("skipped", "you said so")


# ------------------------------------------------------------------ several genres and names


@pytest.mark.parametrize(
    ("p", "n", "genres", "confidence"),
    [
        ((0.5, 0.3, 0.15, 0.05), 1, ("Blues",), 0.5),
        ((0.5, 0.3, 0.15, 0.05), 2, ("Blues", "Hip-Hop"), 0.8),
        ((0.5, 0.3, 0.15, 0.05), 4, ("Blues", "Hip-Hop"), 0.8),
        ((0.4, 0.35, 0.25, 0.0), 2, ("Blues", "Hip-Hop"), 0.75),
        ((0.4, 0.3, 0.25, 0.05), 3, ("Blues", "Hip-Hop", "Jazz"), 0.95),
        ((0.9, 0.05, 0.03, 0.02), 3, ("Blues",), 0.9),
    ],
)
def test_several_genres_count_together(
    p: tuple[float, ...], n: int, genres: tuple[str, ...], confidence: float
) -> None:
    found = pick(dict(zip(LABELS, p, strict=True)), replace(POLICY, genres=n))
    assert found.genres == genres
    assert found.confidence == pytest.approx(confidence)


def test_labels_of_one_name_count_together() -> None:
    names = {**NAMES, "blues": ("Roots",), "jazz": ("Roots",)}
    found = pick({"blues": 0.3, "hiphop": 0.4, "jazz": 0.25, "metal": 0.05}, Policy(names=names))
    assert (found.genres, found.runner_up) == (("Roots",), "Hip-Hop")
    assert found.confidence == pytest.approx(0.55)


def test_parent_and_child_are_written_once_each() -> None:
    names = {**NAMES, "metal": ("Rock", "Metal"), "blues": ("Rock", "Blues")}
    policy = Policy(names=names, genres=2)
    found = pick({"blues": 0.4, "hiphop": 0.1, "jazz": 0.0, "metal": 0.5}, policy)
    assert found.genres == ("Rock", "Metal", "Blues")


def test_a_label_without_a_name_stands_for_itself() -> None:
    assert pick({"my own": 1.0}, Policy()).genres == ("my own",)


# ------------------------------------------------------------------ albums


def test_an_album_votes_by_its_log_probabilities() -> None:
    songs = [answer(0.6, 0.3, 0.05, 0.05), answer(0.1, 0.8, 0.05, 0.05), answer()]
    together = vote_album(songs)
    assert together is not None
    logs = [sum(math.log(list(a.probabilities.values())[i]) for a in songs) / 3 for i in range(4)]
    total = sum(map(math.exp, logs))
    assert list(together.probabilities.values()) == pytest.approx(
        [math.exp(v) / total for v in logs]
    )
    assert together.genre == "hiphop"
    found = propose(entry(songs[0]), replace(POLICY, min_confidence=0.5), voted=together)
    assert (found.state, found.genres) == ("proposed", ("Hip-Hop",))
    assert found.confidence == pytest.approx(together.confidence)


def test_an_album_of_which_most_is_unknown_is_unknown() -> None:
    odd = answer(reason="far from the training music")
    assert vote_album([answer(), odd, odd]).genre is None  # type: ignore[union-attr]
    assert vote_album([answer(), odd]).genre == "hiphop"  # type: ignore[union-attr]


def test_silence_has_no_say() -> None:
    silent = answer(0.25, 0.25, 0.25, 0.25, reason="silent")
    alone = vote_album([answer(), silent])
    assert alone is not None
    assert alone.confidence == pytest.approx(0.85)
    assert vote_album([silent]) is None
    assert vote_album([]) is None


@given(st.lists(st.permutations([0.6, 0.2, 0.15, 0.05]), min_size=1, max_size=6))
def test_a_vote_does_not_ask_for_the_order(songs: list[list[float]]) -> None:
    one, other = (
        vote_album([answer(*p) for p in songs]),
        vote_album([answer(*p) for p in songs[::-1]]),
    )
    assert one is not None
    assert other is not None
    assert list(one.probabilities.values()) == pytest.approx(list(other.probabilities.values()))
    assert sum(one.probabilities.values()) == pytest.approx(1.0)


# ------------------------------------------------------------------ what holds for all


_GENRE = st.lists(st.sampled_from(["Dub", "Jazz", "hip hop", "Hip-Hop", "Comedy"]), max_size=2)


@given(
    p=st.permutations([0.7, 0.2, 0.08, 0.02]) | st.permutations([0.97, 0.01, 0.01, 0.01]),
    reason=st.sampled_from(["", "low confidence"]),
    genres=_GENRE,
    ours=_GENRE,
    verdict=st.sampled_from([None, "accepted", "changed", "skipped"]),
    policy=st.builds(
        Policy,
        min_confidence=st.sampled_from([0.0, 0.5, 0.75, 1.0]),
        existing=st.sampled_from(EXISTING),
        genres=st.integers(1, 3),
        names=st.just(NAMES),
        retag=st.booleans(),
    ),
)
def test_what_holds_for_all(
    p: list[float],
    reason: str,
    genres: list[str],
    ours: list[str],
    verdict: str | None,
    policy: Policy,
) -> None:
    word = said(verdict, "Ska") if verdict else None
    one = entry(answer(*p, reason=reason), word, genres=tuple(genres), ours=tuple(ours))
    found = propose(one, policy)
    assert found.state in STATES
    assert 0 <= found.confidence <= 1
    if found.state == "proposed":  # something is to be done, and asking again would not undo it
        assert found.genres
        assert not same(found.genres, genres)
        after = propose(
            replace(one, file=replace(one.file, genres=found.genres, ours=found.genres)), policy
        )
        assert after.state == "written"
    if found.state in ("kept", "written", "skipped"):
        assert found.genres == tuple(genres)
    if policy.existing == "keep" and genres and not policy.retag and word is None:
        assert found.state not in ("proposed", "review")
    if policy.existing == "append" and found.state == "proposed" and word is None:
        assert found.genres[: len(genres)] == tuple(genres)  # nothing that stood there is lost
