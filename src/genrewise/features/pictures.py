"""Spectrograms as pictures: grey, mel and in matplotlib's colours.

Pictures are arrays of bytes, low frequencies at the bottom, and PNG files, which are
written here: a header, the rows squeezed by zlib, an end.
"""

from __future__ import annotations

import struct
import zlib
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import AudioError, MissingExtra, UnknownName
from genrewise.features.fft import rfft
from genrewise.features.frontend import F32, FrontEnd
from genrewise.features.spectral import Spectra

__all__ = ["KINDS", "Kind", "colours", "picture", "png"]

Kind = Literal["grey", "mel", "colour"]
KINDS: tuple[Kind, ...] = ("grey", "mel", "colour")

U8 = NDArray[np.uint8]

#: Samples of a frame of the grey and of the coloured spectrogram.
_FRAME = 256


def _tukey() -> F32:
    """Window that scipy.signal.spectrogram uses unless told otherwise: an eighth of it rises."""
    at = np.arange(_FRAME)
    edge = np.minimum(at, _FRAME - at) / (_FRAME / 8)
    return np.where(edge < 1, 0.5 - 0.5 * np.cos(np.pi * edge), 1.0).astype(np.float32)


def _density_db(y: F32, sr: int, colour: bool) -> F32:
    """Power density in dB, shape (129, t): ``scipy.signal.spectrogram`` or ``pyplot.specgram``."""
    window = np.hanning(_FRAME).astype(np.float32) if colour else _tukey()
    hop = _FRAME // 2 if colour else _FRAME - _FRAME // 8
    frames = np.lib.stride_tricks.sliding_window_view(y, _FRAME)[::hop]
    if not colour:
        frames = frames - frames.mean(axis=1, keepdims=True)
    S = np.square(np.abs(rfft(frames * window))).T
    S[1:-1] *= 2.0  # the negative frequencies
    S /= sr * np.square(window).sum(dtype=np.float64)
    # Digital silence has no logarithm: it becomes the least that is heard.
    heard = S[S > 0]
    return np.asarray(10.0 * np.log10(np.maximum(S, heard.min() if len(heard) else 1.0)))


def _mel_db(y: F32, sr: int) -> F32:
    """128 mel bands in dB, 80 dB down from the maximum, bands upwards."""
    return Spectra(y, FrontEnd(sr=sr)).mel_db.T


def _weights(n_in: int, n_out: int) -> F32:
    """Shares of the old points in the new ones, shape (n_out, n_in): a triangle about each."""
    scale = n_in / n_out
    centres = (np.arange(n_out) + 0.5) * scale - 0.5
    distance = np.abs(np.arange(n_in) - centres[:, None]) / max(scale, 1.0)
    weights = np.maximum(1.0 - distance, 0.0)
    shares = weights / weights.sum(axis=1, keepdims=True)
    return np.asarray(shares, dtype=np.float32)


def _resized(S: F32, size: tuple[int, int]) -> F32:
    """An image at another (width, height), smoothed where it shrinks."""
    return np.asarray(_weights(S.shape[0], size[1]) @ S @ _weights(S.shape[1], size[0]).T)


def colours() -> U8:
    """Matplotlib's colours from dark to bright, "viridis".

    Returns
    -------
    ndarray, shape (256, 3), uint8

    Raises
    ------
    MissingExtra
        Without matplotlib.
    """
    try:
        from matplotlib import colormaps
    except ModuleNotFoundError as error:
        raise MissingExtra("coloured pictures", "train", error.name or "") from error
    return np.asarray(colormaps["viridis"](np.arange(256), bytes=True)[:, :3], dtype=np.uint8)


def picture(y: F32, sr: int, kind: Kind = "grey", size: tuple[int, int] = (128, 128)) -> U8:
    """A spectrogram as a picture.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    sr : int
        Hz.
    kind : {"grey", "mel", "colour"}
        The spectrogram that ``scipy.signal.spectrogram`` gives, 128 mel bands, or what
        ``matplotlib.pyplot.specgram`` draws; all in dB, from the least value that is
        left at this size to the largest.
    size : (int, int)
        Width and height in pixels.

    Returns
    -------
    ndarray, shape (height, width) or, for "colour", (height, width, 3), uint8
        Low frequencies in the last row.

    Raises
    ------
    AudioError
        Less audio than a frame.
    UnknownName
        A kind that there is none of.
    MissingExtra
        Colours without matplotlib.
    """
    if kind not in KINDS:
        raise UnknownName("kind of picture", kind, KINDS)
    if len(y) < _FRAME:
        raise AudioError(f"audio of {len(y)} samples", f"at least {_FRAME} for a spectrogram")
    S = _mel_db(y, sr) if kind == "mel" else _density_db(y, sr, kind == "colour")
    shown = _resized(S[::-1], size)
    shown -= shown.min()
    levels: U8 = np.rint(shown * (255.0 / max(float(shown.max()), 0.1))).astype(np.uint8)
    return np.asarray(colours()[levels]) if kind == "colour" else levels


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


def png(pixels: U8) -> bytes:
    """A PNG file (ISO/IEC 15948).

    Parameters
    ----------
    pixels : ndarray, shape (height, width) or (height, width, 3), uint8
        Grey, or red, green and blue.

    Returns
    -------
    bytes
        The same for the same pixels.
    """
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    # Each row begins with the number of its filter: 0, none.
    rows = np.pad(pixels.reshape(height, -1), ((0, 0), (1, 0)))
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)
