"""Model files that are damaged, hostile or of the future: always one line, never a surprise."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genrewise import bundle as bundles
from genrewise.bundle import Bundle, Tag, needs, read
from genrewise.errors import BundleError
from genrewise.inference import Classifier

FUZZ = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def good(tmp_path: Path, tiny: Callable[..., Bundle]) -> bytes:
    return bundles.write(tiny(), tmp_path / "good.genrewise").read_bytes()


def refused(path: Path, text: str | None = None) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(BundleError, match=text) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 400
    return message


def rewritten(tmp_path: Path, good: bytes, change: Callable[[dict[str, Any]], None]) -> Path:
    """The good file with its bundle.json changed, and all else in order."""
    path = tmp_path / "changed.genrewise"
    with (
        zipfile.ZipFile(io.BytesIO(good)) as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as new,
    ):
        for name in old.namelist():
            data = old.read(name)
            if name == "bundle.json":
                values = json.loads(data)
                change(values)
                data = json.dumps(values).encode()
            new.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"no zip at all", b"PK\x05\x06" + bytes(18), b"\0" * 70_000]
)
def test_what_is_no_bundle(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.genrewise"
    path.write_bytes(data)
    assert "not a readable model file" in refused(path)
    with pytest.raises(BundleError):
        needs(path)


@given(share=st.floats(0, 1, exclude_max=True))
@FUZZ
def test_truncated_files(tmp_path: Path, good: bytes, share: float) -> None:
    path = tmp_path / "cut.genrewise"
    path.write_bytes(good[: int(share * len(good))])
    refused(path, "not a readable model file")


def outcome(action: Callable[[], Any]) -> Any:
    """What an action gives; None where it refuses, which must take one line."""
    try:
        return action()
    except BundleError as error:
        message = str(error)
    assert "\n" not in message
    assert len(message) < 600
    return None


def same_or_refused(path: Path, good: bytes, tmp_path: Path) -> None:
    """Either refused, or nothing that anybody uses differs (a date in the archive, say)."""
    (tmp_path / "whole").write_bytes(good)
    expected = read(tmp_path / "whole")
    found = outcome(lambda: read(path))
    if isinstance(found, Bundle):
        assert (found.info, found.files, found.card) == (
            expected.info,
            expected.files,
            expected.card,
        )
    assert outcome(lambda: needs(path)) in ((), None)


@given(place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
@FUZZ
def test_a_flipped_byte(tmp_path: Path, good: bytes, place: float, mask: int) -> None:
    data = bytearray(good)
    data[int(place * len(data))] ^= mask
    path = tmp_path / "flipped.genrewise"
    path.write_bytes(bytes(data))
    same_or_refused(path, good, tmp_path)


@given(back=st.integers(1, 420), mask=st.integers(1, 255), more=st.integers(0, 255))
@FUZZ
def test_flipped_bytes_in_the_directory_of_the_archive(
    tmp_path: Path, good: bytes, back: int, mask: int, more: int
) -> None:
    """Where all sizes, names and offsets stand."""
    data = bytearray(good)
    data[-back] ^= mask
    data[-1 - back // 2] ^= more
    path = tmp_path / "flipped.genrewise"
    path.write_bytes(bytes(data))
    same_or_refused(path, good, tmp_path)


def test_every_byte_of_a_network_counts(tmp_path: Path, good: bytes) -> None:
    at = good.index(b"tests") if b"tests" in good else len(good) // 2
    data = bytearray(good)
    data[at] ^= 1
    (tmp_path / "x").write_bytes(bytes(data))
    refused(tmp_path / "x")


def test_a_network_that_was_exchanged(tmp_path: Path, good: bytes) -> None:
    """The archive is whole, the checksum in bundle.json is not that of the file."""
    path = tmp_path / "x.genrewise"
    with (
        zipfile.ZipFile(io.BytesIO(good)) as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, b"other" if name == "tiny.onnx" else old.read(name))
    refused(path, r"tiny\.onnx does not match its checksum\. Get or train")


# ----------------------------------------------------------------- the archive


def archive(tmp_path: Path, good: bytes, drop: str = "", method: int = 0, **add: bytes) -> Path:
    path = tmp_path / "x.genrewise"
    with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(path, "w", method) as new:
        for name in old.namelist():
            if name != drop:
                new.writestr(name, old.read(name))
        for name, data in add.items():
            new.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("drop", "text"),
    [
        ("bundle.json", "not a readable model file"),
        ("tiny.onnx", "'tiny.onnx' is not in both"),
        ("card.md", "'card.md' is not in both"),
    ],
)
def test_a_missing_file(tmp_path: Path, good: bytes, drop: str, text: str) -> None:
    refused(archive(tmp_path, good, drop), text)


@pytest.mark.parametrize("name", ["more.onnx", "../../outside", "/etc/passwd", "a/b"])
def test_a_file_that_nobody_lists(tmp_path: Path, good: bytes, name: str) -> None:
    refused(archive(tmp_path, good, **{name: b"x"}), "is not in both the file and its list")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["good.genrewise", "x.genrewise"]


def test_a_bomb_is_not_inflated(tmp_path: Path, good: bytes) -> None:
    """A kilobyte that would become a gigabyte."""
    path = archive(tmp_path, good, method=zipfile.ZIP_DEFLATED, bomb=bytes(50_000_000))
    assert path.stat().st_size < 100_000
    refused(path, "not a readable model file")
    with pytest.raises(BundleError):
        needs(path)


def test_members_that_lie_over_each_other(tmp_path: Path, good: bytes) -> None:
    """Many entries of one stretch of bytes: small to send, large to read."""
    path = tmp_path / "x.genrewise"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as new:
        with zipfile.ZipFile(io.BytesIO(good)) as old:
            for name in old.namelist():
                new.writestr(name, old.read(name))
        new.writestr("fat", bytes(100_000))
        fat = new.getinfo("fat")
        for i in range(100):
            twin = zipfile.ZipInfo(f"fat{i}")
            twin.header_offset, twin.CRC = fat.header_offset, fat.CRC
            twin.file_size = twin.compress_size = fat.file_size
            new.filelist.append(twin)
            new.NameToInfo[twin.filename] = twin
    refused(path, "not a readable model file")


def test_the_same_name_twice(tmp_path: Path, good: bytes) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = archive(tmp_path, good, **{"tiny.onnx": b"other"})
    refused(path, "not a readable model file")


# ----------------------------------------------------------------- bundle.json


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"format": NaN}',
        b"[" * 100_000,
        b'{"format": ' + b"9" * 5000 + b"}",
        b'{"format": 1e999}',
    ],
)
def test_bundle_json_that_is_none(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "x.genrewise"
    with zipfile.ZipFile(path, "w") as new:
        new.writestr("bundle.json", text)
    refused(path)
    with pytest.raises(BundleError):
        needs(path)


EMBEDDING = {"file": "place.onnx", "inputs": ["s"], "size": 3, "centres": [[0, 0, 0], [1, 1, 1]]}
TRACKS = {"file": "place.onnx", "names": ["a", "b"], "labels": [0, 1]}
TAG = {"threshold": 0.5, "calibrated": True, "parent": ""}
TAGS = {"noise": TAG, "tone": TAG}
LOOP = {"noise": {**TAG, "parent": "tone"}, "tone": {**TAG, "parent": "noise"}}
MEMBER = {"file": "tiny.onnx", "inputs": ["s"], "weights": [1.0, 1.0]}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"format": 2}, "format 2; expected at most 1. Install a newer genrewise"),
        ({"format": 10**30}, "expected at most 1"),
        ({"format": 0}, "format 0; expected 1"),
        ({"format": "1"}, "format '1'"),
        ({"format": True}, "format in bundle.json is True"),
        ({"colour": 1}, "unknown key 'colour' in bundle.json"),
        ({"lables": 1}, "unknown key 'lables' .* did you mean labels?"),
        ({"name": "a/b"}, "the name 'a/b'"),
        ({"name": ["x"]}, "name in bundle.json is \\['x'\\]; expected text"),
        ({"labels": "ab"}, "labels in bundle.json is 'ab'; expected a list"),
        ({"labels": ["a", "a"]}, "2 labels; expected two different"),
        ({"labels": ["a", 1]}, "labels in bundle.json; expected names"),
        ({"labels": ["a", ""]}, "expected names"),
        ({"labels": []}, "0 labels"),
        ({"labels": ["a", "b", "c"]}, "weights of a member; expected 3"),
        ({"inputs": {"s": 1}}, "the input 's'"),
        ({"inputs": {"s": {"kind": 7}}}, "the input 's'"),
        ({"inputs": {}}, "fingerprints in bundle.json; expected one an input"),
        ({"inputs": {"s": {"kind": "backbone", "backbone": "../x"}}}, "the backbone of 's'"),
        ({"inputs": {"s": {"kind": "backbone"}}}, "the backbone of 's'"),
        ({"fingerprints": {"s": 5}}, "fingerprints"),
        ({"fingerprints": {}}, "one an input"),
        ({"members": []}, "a label without a weight"),
        ({"members": [5]}, "a member in bundle.json; expected an object"),
        ({"members": [{**MEMBER, "weight": 1}]}, "unknown key 'weight' in a member"),
        ({"members": [{"file": "tiny.onnx", "inputs": ["s"]}]}, "a member without 'weights'"),
        ({"members": [{**MEMBER, "weights": [1.0]}]}, "weights of a member; expected 2"),
        ({"members": [{**MEMBER, "weights": [1.0, -1.0]}]}, "from 0 to a million"),
        ({"members": [{**MEMBER, "weights": [1.0, "1"]}]}, "from 0 to a million"),
        ({"members": [{**MEMBER, "weights": [1.0, 0]}]}, "a label without a weight"),
        ({"members": [{**MEMBER, "inputs": ["t"]}]}, "a member takes 't'"),
        ({"members": [{**MEMBER, "inputs": []}]}, "inputs of a member"),
        ({"members": [{**MEMBER, "inputs": "s"}]}, "inputs of a member"),
        ({"members": [{**MEMBER, "file": "card.md"}]}, "no network 'card.md'"),
        ({"members": [{**MEMBER, "file": ["tiny.onnx"]}]}, "no network"),
        ({"members": [{**MEMBER, "file": "../tiny.onnx"}]}, "no network"),
        ({"vote": None}, "vote in bundle.json is None"),
        ({"calibration": {"temperature": 0}}, "a temperature of 0"),
        ({"calibration": {"temperature": "hot"}}, "a temperature of 'hot'"),
        ({"calibration": {"heat": 1}}, "unknown key 'heat' in calibration"),
        ({"calibration": {"fitted_on": 1}}, "fitted_on"),
        ({"unknown": {"min_confidence": -1}}, "min_confidence of -1"),
        ({"unknown": {"max_distance": "far"}}, "max_distance of 'far'"),
        ({"unknown": {"min_confidence": 10**400}}, "min_confidence of 1000"),
        ({"embedding": {"file": "place.onnx"}}, "embedding without 'inputs'"),
        ({"embedding": {**EMBEDDING, "size": 0}}, "an embedding of 0 values"),
        ({"embedding": {**EMBEDDING, "size": "3"}}, "an embedding of '3' values"),
        ({"embedding": {**EMBEDDING, "centres": [[0, 0, 0]]}}, "2 rows of 3 numbers"),
        ({"embedding": {**EMBEDDING, "centres": [[0, 0], [1, 1]]}}, "2 rows of 3 numbers"),
        ({"embedding": {**EMBEDDING, "centres": [[0, 0, None], [1, 1, 1]]}}, "expected numbers"),
        ({"embedding": {**EMBEDDING, "file": "gone"}}, "the embedding: no network 'gone'"),
        *(
            ({"embedding": {**EMBEDDING, "tracks": tracks}}, text)
            for tracks, text in (
                ([], "tracks of the embedding; expected an object"),
                ({**TRACKS, "genres": []}, "unknown key 'genres' in tracks of the embedding"),
                ({"file": "place.onnx", "names": []}, "tracks of the embedding without 'labels'"),
                ({**TRACKS, "file": "gone"}, "no file 'gone'"),
                ({**TRACKS, "names": ["a", 2]}, "names of tracks; expected texts"),
                ({**TRACKS, "labels": [0]}, "labels of tracks; expected 2 places"),
                ({**TRACKS, "labels": [0, 2]}, "labels of tracks; expected 2 places"),
                ({**TRACKS, "labels": [0, True]}, "labels of tracks; expected 2 places"),
            )
        ),
        ({"multi_label": 0}, "multi_label in bundle.json is 0; expected true or false"),
        ({"tags": []}, "tags in bundle.json is \\[\\]; expected an object"),
        ({"tags": {"noise": TAG}}, "tags in bundle.json; expected multi_label where"),
        *(
            ({"multi_label": True, **change}, text)
            for change, text in (
                ({}, "tags in bundle.json; expected each label once"),
                ({"tags": {"noise": TAG}}, "tags in bundle.json; expected each label once"),
                ({"tags": {**TAGS, "hum": TAG}}, "tags in bundle.json; expected each label once"),
                ({"tags": {**TAGS, "tone": 1}}, "the tag 'tone'; expected an object"),
                ({"tags": {**TAGS, "tone": {}}}, "the tag 'tone' without 'threshold'"),
                ({"tags": {**TAGS, "tone": {**TAG, "limit": 1}}}, "unknown key 'limit' in the tag"),
                ({"tags": {**TAGS, "tone": {**TAG, "threshold": 0}}}, "a threshold of 0"),
                ({"tags": {**TAGS, "tone": {**TAG, "threshold": 1.1}}}, "a threshold of 1.1"),
                ({"tags": {**TAGS, "tone": {**TAG, "threshold": True}}}, "a threshold of True"),
                ({"tags": {**TAGS, "tone": {**TAG, "calibrated": 1}}}, "calibrated of the tag"),
                ({"tags": {**TAGS, "tone": {**TAG, "parent": "hum"}}}, "the parent 'hum'"),
                ({"tags": {**TAGS, "tone": {**TAG, "parent": None}}}, "the parent None"),
                ({"tags": {**TAGS, "tone": {**TAG, "parent": "tone"}}}, "expected a tree"),
                ({"tags": LOOP}, "the parents of 'noise'; expected a tree"),
                ({"tags": TAGS, "calibration": {"temperature": 2}}, "temperature of 2; expected 1"),
            )
        ),
        ({"versions": {"numpy": 2}}, "versions"),
        ({"metrics": []}, "metrics in bundle.json is \\[\\]; expected an object"),
        ({"files": {"../../etc/cron.d/x": "0" * 64}}, "a name without a path"),
        ({"files": {"tiny.onnx": "0"}}, "the checksum of tiny.onnx"),
        ({"files": []}, "files in bundle.json"),
    ],
)
def test_values_that_are_refused(
    tmp_path: Path, good: bytes, change: dict[str, Any], text: str
) -> None:
    refused(rewritten(tmp_path, good, lambda values: values.update(change)), text)


def test_every_key_must_be_there(tmp_path: Path, good: bytes) -> None:
    keys = set(bundles.BundleInfo.__dataclass_fields__) - {"tags"}
    for key in keys:
        message = refused(rewritten(tmp_path, good, lambda values, key=key: values.pop(key)))
        assert key in message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(key=st.sampled_from(sorted(bundles.BundleInfo.__dataclass_fields__)), value=JSON)
@FUZZ
def test_any_value_of_any_key(tmp_path: Path, good: bytes, key: str, value: Any) -> None:
    """What is read can be used; all else is one line."""
    path = rewritten(tmp_path, good, lambda values: values.update({key: value}))
    outcome(lambda: Classifier(path))


@given(key=st.sampled_from(["threshold", "calibrated", "parent"]), value=JSON)
@FUZZ
def test_any_value_of_any_tag(tmp_path: Path, good: bytes, key: str, value: Any) -> None:
    change = {"multi_label": True, "tags": {"noise": TAG, "tone": {**TAG, key: value}}}
    path = rewritten(tmp_path, good, lambda values: values.update(change))
    outcome(lambda: Classifier(path))


def test_a_file_of_one_genre_says_nothing_of_tags(good: bytes, tmp_path: Path) -> None:
    """So that a program which knows of no tags reads it, as it did before."""
    held: dict[str, Any] = {}
    path = rewritten(tmp_path, good, held.update)
    assert "tags" not in held
    assert read(path).info.tags == {}


def test_tags_that_are_good(tmp_path: Path, good: bytes) -> None:
    tags = {"noise": {**TAG, "threshold": 1, "parent": "tone"}, "tone": TAG}
    change = {"multi_label": True, "tags": tags}
    found = read(rewritten(tmp_path, good, lambda values: values.update(change))).info
    assert found.tags == {"noise": Tag(1, True, "tone"), "tone": Tag(0.5, True, "")}


def test_the_good_one_is_good(tmp_path: Path, good: bytes) -> None:
    path = rewritten(tmp_path, good, lambda values: values.update(embedding=EMBEDDING))
    found = read(path)
    assert found.info.labels == ("noise", "tone")
    assert found.info.files["card.md"] == hashlib.sha256(b"# Tiny\n").hexdigest()
