"""The reader of checkpoints: values back bit for bit, damage refused."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.backbone import checkpoint
from genrewise.errors import BundleError


def slow_crc(data: bytes) -> int:
    """CRC-32C bit by bit, as the definition has it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


# ------------------------------------------------------------------ check sum


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        # RFC 3720, appendix B.4
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_crc_of_published_vectors(data: bytes, crc: int) -> None:
    assert checkpoint.crc32c(data) == crc


@pytest.mark.parametrize("size", [1023, 1024, 1025, 2048, 5000, 10_240])
def test_crc_in_lanes_equals_the_definition(size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    assert checkpoint.crc32c(data) == slow_crc(data)
    assert checkpoint.crc32c(memoryview(data)) == slow_crc(data)


@given(st.binary(max_size=200), st.integers(0, 199), st.integers(1, 255))
def test_crc_sees_every_changed_byte(data: bytes, at: int, flip: int) -> None:
    if at < len(data):
        changed = bytes([*data[:at], data[at] ^ flip, *data[at + 1 :]])
        assert checkpoint.crc32c(changed) != checkpoint.crc32c(data)


# ------------------------------------------------------------------ values


@pytest.fixture
def tensors() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "layer/kernel": rng.normal(size=(3, 4, 5)).astype(np.float32),
        "layer/kernel/Adam": np.zeros((3, 4, 5), dtype=np.float32),
        "layer_1/bias": rng.normal(size=300).astype(np.float64),
        "layer_1/steps": np.arange(7, dtype=np.int32),
        "layer_10/count": np.array(12, dtype=np.int64),
        "layer_2/empty": np.zeros((0, 3), dtype=np.float32),
        "ünlike": np.arange(2000, dtype=np.int64).reshape(10, 200),
    }


@pytest.mark.parametrize("per_block", [1, 2, 100])
@pytest.mark.parametrize("restart", [1, 2, 16])
def test_values_come_back(
    write_checkpoint: Any, tensors: dict[str, Any], per_block: int, restart: int
) -> None:
    index, data = write_checkpoint(tensors, per_block=per_block, restart=restart)
    found = checkpoint.read(index, data)
    assert list(found) == sorted(tensors, key=str.encode)
    for name, array in tensors.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=12, unique=True),
    per_block=st.integers(1, 5),
    restart=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_any_names_come_back(
    write_checkpoint: Any, names: list[str], per_block: int, restart: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    names = [name for name in names if name.encode(errors="ignore").decode() == name]
    given_tensors = {name: rng.normal(size=rng.integers(0, 9)).astype("<f4") for name in names}
    index, data = write_checkpoint(given_tensors, per_block=per_block, restart=restart)
    found = checkpoint.read(index, data)
    assert set(found) == set(given_tensors)
    for name, array in given_tensors.items():
        np.testing.assert_array_equal(found[name], array)


def test_only_what_is_wanted_is_read(write_checkpoint: Any, tensors: dict[str, Any]) -> None:
    index, data = write_checkpoint(tensors)
    found = checkpoint.read(index, data, lambda name: "Adam" not in name)
    assert set(found) == set(tensors) - {"layer/kernel/Adam"}


def test_entries_say_where_a_tensor_lies(write_checkpoint: Any, tensors: dict[str, Any]) -> None:
    index, _ = write_checkpoint(tensors)
    found = checkpoint.entries(index)
    assert found["layer/kernel"].offset == 0
    assert found["layer/kernel/Adam"].offset == 240
    assert found["layer_1/bias"].size == 2400
    assert found["layer_1/bias"].dtype == "<f8"
    assert found["layer_10/count"].shape == ()
    assert found["layer_2/empty"].shape == (0, 3)


def test_values_are_read_only(write_checkpoint: Any, tensors: dict[str, Any]) -> None:
    found = checkpoint.read(*write_checkpoint(tensors))
    with pytest.raises(ValueError, match="read-only"):
        found["layer_1/bias"][0] = 1


# ------------------------------------------------------------------ damage


def test_every_damaged_byte_of_the_index_is_refused_or_harmless(
    write_checkpoint: Any, tensors: dict[str, Any]
) -> None:
    index, data = write_checkpoint(tensors)
    right = checkpoint.read(index, data)
    harmless = []
    for at in range(len(index)):
        damaged = index[:at] + bytes([index[at] ^ 0x55]) + index[at + 1 :]
        try:
            found = checkpoint.read(damaged, data)
        except BundleError:
            continue
        harmless.append(at)
        assert list(found) == list(right)
        assert all(np.array_equal(found[name], right[name]) for name in right)
    # Only the meta block, its handle and the padding of the footer carry nothing.
    assert all(at >= len(index) - 48 - 60 for at in harmless)


@pytest.mark.parametrize("keep", [0, 1, 47, 48, 49, 200])
def test_a_cut_index_is_refused(write_checkpoint: Any, tensors: dict[str, Any], keep: int) -> None:
    index, data = write_checkpoint(tensors)
    for part in (index[:keep], index[-keep:] if keep else b""):
        with pytest.raises(BundleError, match=r"checkpoint: .* expected an undamaged"):
            checkpoint.read(part, data)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(BundleError):
        checkpoint.entries(noise)
    # With a right footer in front of which everything is noise.
    footer = b"\0\0\0\x20".ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    with pytest.raises(BundleError):
        checkpoint.entries(noise + footer)


@pytest.mark.parametrize("at", [0, 100, 239, 240, 2900])
def test_damaged_values_are_refused(
    write_checkpoint: Any, tensors: dict[str, Any], at: int
) -> None:
    index, data = write_checkpoint(tensors)
    damaged = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    with pytest.raises(BundleError, match="check sum of layer"):
        checkpoint.read(index, damaged)


def test_damage_in_what_is_not_wanted_does_not_matter(
    write_checkpoint: Any, tensors: dict[str, Any]
) -> None:
    index, data = write_checkpoint(tensors)
    damaged = data[:240] + b"\xff" + data[241:]
    found = checkpoint.read(index, damaged, lambda name: "Adam" not in name)
    np.testing.assert_array_equal(found["layer/kernel"], tensors["layer/kernel"])


def test_cut_values_are_refused(write_checkpoint: Any, tensors: dict[str, Any]) -> None:
    index, data = write_checkpoint(tensors)
    with pytest.raises(BundleError, match="ünlike lies beyond the end"):
        checkpoint.read(index, data[:-1])


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"endianness": 1}, "big-endian"),
        ({"extra": b"\x3a\x00"}, "slices"),
        ({"extra": b"\x18\x01"}, "another file"),
        ({"extra": b"\x08\x07"}, "unknown type 7"),
        ({"extra": b"\x28\x05"}, "5 bytes for the shape"),
        ({"extra": b"\x0b"}, "unknown kind 3"),
        ({"extra": b"\x10\x05"}, "number where a message"),
        ({"extra": b"\x12\x09ab"}, "beyond the end of its message"),
        ({"extra": b"\x20" + b"\xff" * 11}, "more than ten bytes"),
    ],
)
def test_what_is_not_understood_is_refused(
    write_checkpoint: Any, how: dict[str, Any], match: str
) -> None:
    index, data = write_checkpoint({"a": np.ones(3, dtype="<f4")}, **how)
    with pytest.raises(BundleError, match=match):
        checkpoint.read(index, data)


def test_a_compressed_index_is_refused(write_checkpoint: Any) -> None:
    index, data = write_checkpoint({"a": np.ones(3, dtype="<f4")}, per_block=100)
    # The type of compression stands behind the first block, whose end is the meta block's start.
    footer = index[-48:]
    first = footer[0] | 0  # offset of the meta block, below 128 here
    assert first < 0x80
    at = first - 5
    damaged = index[:at] + b"\x01" + index[at + 1 :]
    with pytest.raises(BundleError, match="compressed by method 1"):
        checkpoint.read(damaged, data)
