"""Reader of TensorFlow V2 checkpoints ("tensor bundles") with numpy alone.

A checkpoint is a table of names sorted by key (``.index``) and the raw values
(``.data-00000-of-00001``). The table is LevelDB's: blocks of prefix-compressed keys, each
with a check sum, found by an index block that the footer points to. The value of
a key is a protocol buffer (``BundleEntryProto``) with type, shape, place and check sum
of the tensor. Everything is checked before it is used; what is damaged is refused.

Source: the format notes of TensorFlow's ``tensor_bundle.proto`` and of LevelDB's
``table_format.md``; CRC-32C by Castagnoli et al. (1993).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import BundleError

__all__ = ["Entry", "crc32c", "entries", "read"]

U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]

FOOTER = 48
MAGIC = 0xDB4775248B80FB57
#: Bytes between the end of a block and the next: compression type and check sum.
TRAILER = 5
#: TensorFlow's numbers of the types that a network's weights have.
DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8"}
#: Bytes that one lane of the vectorised check sum takes.
LANE = 1024


@dataclass(frozen=True)
class Entry:
    """Where a tensor lies in the data file.

    Parameters
    ----------
    dtype : str
        numpy's name, little-endian: ``"<f4"``.
    shape : tuple of int
    offset, size : int
        Bytes.
    crc : int
        Masked CRC-32C of the bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int
    crc: int


def _damaged(what: str) -> BundleError:
    return BundleError(
        f"checkpoint: {what}", "an undamaged TensorFlow V2 checkpoint", "fetch the file again"
    )


@lru_cache(maxsize=1)
def _crc_table() -> U32:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1)
    return table


def _crc_bytes(crc: int, data: bytes) -> int:
    table = _crc_table().tolist()
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc


def _lanes(data: U8) -> U32:
    """Raw CRC (start 0, no final inversion) of each row, all rows at once."""
    table = _crc_table()
    crc = np.zeros(len(data), dtype=np.uint32)
    for column in np.ascontiguousarray(data.T):
        crc = table[(crc ^ column) & np.uint32(0xFF)] ^ (crc >> np.uint32(8))
    return crc


@lru_cache(maxsize=1)
def _advance_tables() -> list[list[int]]:
    """What a lane of zero bytes makes of each byte of a CRC, as it is linear."""
    table = _crc_table()
    crc = (
        np.arange(256, dtype=np.uint32)[None] << (8 * np.arange(4, dtype=np.uint32))[:, None]
    ).ravel()
    for _ in range(LANE):
        crc = table[crc & np.uint32(0xFF)] ^ (crc >> np.uint32(8))
    rows: list[list[int]] = crc.reshape(4, 256).tolist()
    return rows


def crc32c(data: bytes | memoryview) -> int:
    """CRC-32C (Castagnoli) of some bytes, in numpy lanes as a loop in Python is too slow.

    Parameters
    ----------
    data : bytes or memoryview

    Returns
    -------
    int
        0 to 2**32 - 1.
    """
    raw = np.frombuffer(data, dtype=np.uint8)
    whole = len(raw) // LANE * LANE
    crc = 0xFFFFFFFF
    if whole:
        a, b, c, d = _advance_tables()
        for lane in _lanes(raw[:whole].reshape(-1, LANE)).tolist():
            crc = a[crc & 255] ^ b[crc >> 8 & 255] ^ c[crc >> 16 & 255] ^ d[crc >> 24] ^ lane
    return _crc_bytes(crc, raw[whole:].tobytes()) ^ 0xFFFFFFFF


def _masked(crc: int) -> int:
    """LevelDB's form of a stored check sum: rotated by 15 and shifted by a constant."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer and the position behind it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _damaged("a number of more than ten bytes")


def _block(index: bytes, offset: int, size: int) -> bytes:
    """Contents of a block after its check sum was found right."""
    end = offset + size
    if end + TRAILER > len(index):
        raise _damaged("a block beyond the end of the index")
    if index[end]:
        raise _damaged(f"an index compressed by method {index[end]}")
    stored = int.from_bytes(index[end + 1 : end + TRAILER], "little")
    if _masked(crc32c(index[offset : end + 1])) != stored:
        raise _damaged("the check sum of an index block is wrong")
    return index[offset:end]


def _pairs(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block; each key repeats the start of the one before."""
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    if end < 0:
        raise _damaged("an index block without entries")
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        fresh, at = _varint(block, at)
        length, at = _varint(block, at)
        if shared > len(key) or at + fresh + length > end:
            raise _damaged("an entry beyond the end of its block")
        key = key[:shared] + block[at : at + fresh]
        at += fresh
        yield key, block[at : at + length]
        at += length


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a protocol buffer's fields."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        value: int | bytes
        if kind == 0:
            value, at = _varint(message, at)
        else:
            if kind == 2:
                length, at = _varint(message, at)
            elif kind in (1, 5):
                length = 8 if kind == 1 else 4
            else:
                raise _damaged(f"a field of unknown kind {kind}")
            value, at = message[at : at + length], at + length
            if at > len(message):
                raise _damaged("a field beyond the end of its message")
        yield tag >> 3, value


def _number(value: int | bytes) -> int:
    return value if isinstance(value, int) else int.from_bytes(value, "little")


def _message(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise _damaged("a number where a message belongs")
    return value


def _shape(message: bytes) -> tuple[int, ...]:
    dims = (_message(value) for number, value in _fields(message) if number == 2)
    return tuple(sum(_number(v) for n, v in _fields(dim) if n == 1) for dim in dims)


def _entry(name: str, message: bytes) -> Entry:
    found = dict(_fields(message))
    if 7 in found or _number(found.get(3, 0)):
        raise _damaged(f"{name} is cut in slices or lies in another file")
    code = _number(found.get(1, 0))
    if code not in DTYPES:
        raise _damaged(f"{name} is of unknown type {code}")
    entry = Entry(
        dtype=DTYPES[code],
        shape=_shape(_message(found.get(2, b""))),
        offset=_number(found.get(4, 0)),
        size=_number(found.get(5, 0)),
        crc=_number(found.get(6, 0)),
    )
    count = 1
    for length in entry.shape:
        count *= length
    if count * np.dtype(entry.dtype).itemsize != entry.size:
        raise _damaged(f"{name} has {entry.size} bytes for the shape {entry.shape}")
    return entry


def _entries(index: bytes) -> dict[str, Entry]:
    if len(index) < FOOTER or int.from_bytes(index[-8:], "little") != MAGIC:
        raise _damaged("the index has no table's footer")
    footer = index[-FOOTER:]
    at = 0
    for _ in range(2):  # the handle of the meta index, which holds nothing here
        _, at = _varint(footer, at)
    offset, at = _varint(footer, at)
    size, _ = _varint(footer, at)
    table: dict[str, Entry] = {}
    for _, handle in _pairs(_block(index, offset, size)):
        start, after = _varint(handle, 0)
        length, _ = _varint(handle, after)
        for key, value in _pairs(_block(index, start, length)):
            name = key.decode()
            if name:
                table[name] = _entry(name, value)
            elif _number(dict(_fields(value)).get(2, 0)):
                raise _damaged("values in big-endian order")
    return table


def entries(index: bytes) -> dict[str, Entry]:
    """The table of an index file.

    Parameters
    ----------
    index : bytes
        Contents of the ``.index`` file.

    Returns
    -------
    dict of str to Entry
        In the order of the names.

    Raises
    ------
    BundleError
        Where anything in the table is damaged, compressed or of an unknown type.
    """
    try:
        return _entries(index)
    except (IndexError, UnicodeDecodeError) as error:
        raise _damaged("the index ends too early or holds no names") from error


def read(
    index: bytes, data: bytes, wanted: Callable[[str], bool] = lambda _: True
) -> dict[str, NDArray[np.generic]]:
    """Tensors of a checkpoint whose values lie in one data file.

    Parameters
    ----------
    index, data : bytes
        Contents of the ``.index`` and the ``.data-00000-of-00001`` file.
    wanted : callable
        Says of a name whether it is read; an optimiser's state is mostly not.

    Returns
    -------
    dict of str to ndarray
        Read-only views of `data`.

    Raises
    ------
    BundleError
        Where the table or a tensor is damaged.
    """
    view = memoryview(data)
    tensors: dict[str, NDArray[np.generic]] = {}
    for name, entry in entries(index).items():
        if not wanted(name):
            continue
        if entry.offset + entry.size > len(view):
            raise _damaged(f"{name} lies beyond the end of the data")
        raw = view[entry.offset : entry.offset + entry.size]
        if _masked(crc32c(raw)) != entry.crc:
            raise _damaged(f"the check sum of {name} is wrong")
        tensors[name] = np.frombuffer(raw, dtype=entry.dtype).reshape(entry.shape)
    return tensors
