"""The tracks that sound most alike, from the bytes of a model file."""

from __future__ import annotations

import numpy as np
import pytest

from genrewise.evidence import KnownTracks, Neighbour, packed

LABELS = ("blues", "jazz", "rock")
SPEC = {"names": ["a", "b", "b", "c"], "labels": [2, 1, 1, 0]}
VECTORS = np.array([[2.0, 0.0], [0.0, 3.0], [3.0, 4.0], [-1.0, 0.0]])


def known() -> KnownTracks:
    return KnownTracks(SPEC, LABELS, packed(VECTORS))


def test_rows_are_packed_at_unit_length_in_two_bytes_a_value() -> None:
    found = np.frombuffer(packed(VECTORS), "<f2").reshape(4, 2)
    np.testing.assert_allclose(found, [[1, 0], [0, 1], [0.6, 0.8], [-1, 0]], atol=5e-4)
    assert len(packed(VECTORS)) == 4 * 2 * 2
    assert not np.frombuffer(packed(np.zeros((1, 3))), "<f2").any()  # nothing is divided by nought


def test_the_nearest_come_first_and_a_track_once() -> None:
    found = known().nearest(np.array([0.6, 0.8], dtype=np.float32))
    assert [(n.track, n.genre) for n in found] == [("b", "jazz"), ("a", "rock"), ("c", "blues")]
    assert [n.similarity for n in found] == pytest.approx([1.0, 0.6, -0.6], abs=1e-3)


def test_no_more_than_asked_for_or_there_are() -> None:
    (only,) = known().nearest(np.array([1.0, 0.0], dtype=np.float32), 1)
    assert only == Neighbour("a", "rock", 1.0)
    assert len(known().nearest(np.array([1.0, 0.0], dtype=np.float32), 9)) == 3
    assert len(known()) == 4


@pytest.mark.parametrize("seed", range(3))
def test_halves_keep_the_order_of_what_is_not_alike(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(200, 64))
    tracks = KnownTracks(
        {"names": [str(i) for i in range(200)], "labels": [0] * 200}, LABELS, packed(vectors)
    )
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    asked = unit[17].astype(np.float32)
    exact = np.argsort(-(unit @ unit[17]), kind="stable")[:5]
    assert [int(n.track) for n in tracks.nearest(asked, 5)] == exact.tolist()
