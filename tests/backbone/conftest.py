"""A writer of TensorFlow checkpoints and a network with random weights, for the tests here."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from genrewise.backbone import checkpoint

Tensors = dict[str, NDArray[Any]]
Writer = Callable[..., tuple[bytes, bytes]]

CODES = {"<f4": 1, "<f8": 2, "<i4": 3, "<i8": 9}


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def message(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def masked(crc: int) -> bytes:
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def block(pairs: Iterable[tuple[bytes, bytes]], restart: int) -> bytes:
    """A block of LevelDB's table: every `restart`-th key is written in full."""
    out, restarts, before = bytearray(), [], b""
    for i, (key, value) in enumerate(pairs):
        shared = 0
        if i % restart:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        else:
            restarts.append(len(out))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:]
        out += value
        before = key
    return bytes(out) + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def header(endianness: int = 0) -> bytes:
    return number(1, 1) + number(2, endianness) + message(3, number(1, 1))


def entry(array: NDArray[Any], offset: int, crc: int, *, extra: bytes = b"") -> bytes:
    shape = b"".join(message(2, number(1, n)) for n in array.shape)
    out = number(1, CODES[array.dtype.newbyteorder("<").str]) + message(2, shape)
    out += number(4, offset) + number(5, array.nbytes)
    return out + varint(6 << 3 | 5) + masked(crc) + extra


def table(pairs: list[tuple[bytes, bytes]], *, per_block: int, restart: int) -> bytes:
    out, handles = bytearray(), []

    def put(contents: bytes) -> bytes:
        handle = varint(len(out)) + varint(len(contents))
        out.extend(contents + b"\0" + masked(checkpoint.crc32c(contents + b"\0")))
        return handle

    for i in range(0, len(pairs), per_block):
        part = pairs[i : i + per_block]
        handles.append((part[-1][0], put(block(part, restart))))
    meta, index = put(block([], 1)), put(block(handles, 1))
    return bytes(out) + (meta + index).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def write(
    tensors: Tensors,
    *,
    per_block: int = 5,
    restart: int = 16,
    endianness: int = 0,
    extra: bytes = b"",
) -> tuple[bytes, bytes]:
    """Index and data of a checkpoint."""
    data, pairs = bytearray(), [(b"", header(endianness))]
    for name, array in sorted(tensors.items(), key=lambda item: item[0].encode()):
        crc = checkpoint.crc32c(array.tobytes())
        pairs.append((name.encode(), entry(array, len(data), crc, extra=extra)))
        data += array.tobytes()
    return table(pairs, per_block=per_block, restart=restart), bytes(data)


@pytest.fixture(scope="session")
def write_checkpoint() -> Writer:
    return write


def network(seed: int) -> Tensors:
    """Weights of musicnn's shapes, with scales of both signs and of none."""
    rng = np.random.default_rng(seed)
    out: Tensors = {}

    def put(layer: str, i: int, **parts: NDArray[Any]) -> None:
        for part, values in parts.items():
            out[f"{layer}_{i}/{part}" if i else f"{layer}/{part}"] = values.astype(np.float32)

    def normal(*shape: int, scale: float = 1.0) -> NDArray[np.float64]:
        return rng.normal(0, scale, shape)

    kernels = [(7, 38, 204), (7, 67, 204), (128, 1, 51), (64, 1, 51), (32, 1, 51)]
    kernels += [(7, 561, 64), (7, 64, 64), (7, 64, 64)]
    for i, (taps, height, filters) in enumerate(kernels):
        kernel = normal(taps, height, 1, filters, scale=(taps * height) ** -0.5)
        put("conv2d", i, kernel=kernel, bias=normal(filters, scale=0.3))
    for i, size in enumerate([1, 204, 204, 51, 51, 51, 64, 64, 64, 1506, 200]):
        gamma = normal(size, scale=0.5)
        gamma[1::7] = 0.0
        variance = rng.uniform(0.1, 2.0, size)
        parts = {"beta": normal(size), "moving_mean": normal(size), "moving_variance": variance}
        put("batch_normalization", i, gamma=gamma, **parts)
    put("dense", 0, kernel=normal(1506, 200, scale=0.02), bias=normal(200))
    put("dense", 1, kernel=normal(200, 50, scale=0.07), bias=normal(50))
    return out


@pytest.fixture(scope="session")
def weights() -> Tensors:
    return network(7)
