"""Decoding by libsndfile: wav, flac, mp3, ogg, opus, aiff, au and others, the fast way."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.audio_open import Handle

__all__ = ["SndDecoder", "Undecodable", "to_mono"]

F32 = NDArray[np.float32]

#: First bytes of what libsndfile reads without libmpg123, which alone writes to stderr.
_QUIET = (b"RIFF", b"RF64", b"FORM", b"fLaC", b"OggS", b".snd", b"caff", b"riff")
_NOISE = re.compile(rb"\s*(\[.*libmpg123|Note: |Warning: |$)")
_CODECS = {
    "PCM_S8": "pcm_s8",
    "PCM_U8": "pcm_u8",
    "PCM_16": "pcm_s16",
    "PCM_24": "pcm_s24",
    "PCM_32": "pcm_s32",
    "FLOAT": "pcm_f32",
    "DOUBLE": "pcm_f64",
    "ULAW": "pcm_mulaw",
    "ALAW": "pcm_alaw",
    "GSM610": "gsm",
    "MPEG_LAYER_I": "mp1",
    "MPEG_LAYER_II": "mp2",
    "MPEG_LAYER_III": "mp3",
}
#: libsndfile's count of frames where the header does not say one.
_UNKNOWN = 1 << 62


class Undecodable(Exception):
    """A decoder cannot open the source or cannot go on; the next one is tried."""


def to_mono(y: F32) -> F32:
    """Mean of the channels.

    Parameters
    ----------
    y : ndarray, shape (n, channels), float32

    Returns
    -------
    ndarray, shape (n,), float32
        A new array.
    """
    channels = y.shape[1]
    if channels == 1:
        return y[:, 0].copy()
    # A product with a vector is thirty times as fast as a mean along the short axis.
    mono: F32 = y @ np.full(channels, 1 / channels, dtype=np.float32)
    return mono


class SndDecoder:
    """One source through libsndfile.

    Parameters
    ----------
    handle : Handle

    Attributes
    ----------
    codec, container : str
    sr, channels : int
        Hz, count.
    stated : float or None
        Seconds, where the header says so.
    damage : float
        Seconds that were passed over; always 0, libsndfile stops instead.

    Raises
    ------
    Undecodable
        Where libsndfile does not know the format.
    """

    damage = 0.0

    def __init__(self, handle: Handle) -> None:
        import soundfile

        class Unseeking(soundfile.SoundFile):  # type: ignore[misc]
            """soundfile seeks after every read, which jumps in a damaged Ogg file."""

            def seekable(self) -> bool:
                return False

        self._noisy = not handle.head.startswith(_QUIET)
        self._errors = (soundfile.SoundFileError, RuntimeError, TypeError, ValueError)
        handle.seek(0)
        try:
            with _without_noise(self._noisy):
                self._file: Any = Unseeking(handle)
        except self._errors as error:
            raise Undecodable(str(error)) from None
        self.sr, self.channels = int(self._file.samplerate), int(self._file.channels)
        self.container = str(self._file.format).lower().replace("wavex", "wav")
        subtype = str(self._file.subtype)
        self.codec = "flac" if self.container == "flac" else _CODECS.get(subtype, subtype.lower())
        frames = int(self._file.frames)
        self.stated = frames / self.sr if 0 < frames < _UNKNOWN and self.sr else None

    def blocks(self, start: int, size: int) -> Iterator[F32]:
        """Mono blocks of at most `size` samples from sample `start` on.

        Raises
        ------
        Undecodable
            Where libsndfile gives up.
        """
        buffer = np.empty((size, self.channels), dtype=np.float32)
        try:
            with _without_noise(self._noisy):
                if start:
                    self._file.seek(start)
            while True:
                with _without_noise(self._noisy):
                    block = self._file.read(out=buffer)
                if not len(block):
                    return
                yield to_mono(block)
        except self._errors as error:
            raise Undecodable(str(error)) from None

    def close(self) -> None:
        """Release the decoder; the handle stays open."""
        self._file.close()


_LOCK = threading.Lock()
_REDIRECTED: list[tuple[int, Any]] = []


@contextmanager
def _without_noise(noisy: bool) -> Iterator[None]:
    """Drop what libmpg123 writes to stderr; pass on whatever else was written meanwhile.

    libsndfile offers no way to quieten it, so the file descriptor itself is turned to a
    temporary file.
    """
    if not noisy or not _redirect():
        yield
        return
    try:
        yield
    finally:
        _restore()


def _redirect() -> bool:
    with _LOCK:
        try:
            if not _REDIRECTED:
                sink = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
                saved = os.dup(2)
                os.dup2(sink.fileno(), 2)
                _REDIRECTED.append((saved, sink))
            else:
                _REDIRECTED.append(_REDIRECTED[0])
        except OSError:  # no stderr, or no temporary folder
            return False
        return True


def _restore() -> None:
    with _LOCK:
        saved, sink = _REDIRECTED.pop()
        if _REDIRECTED:
            return
        os.dup2(saved, 2)
        os.close(saved)
        sink.seek(0)
        written = sink.read()
        sink.close()
    rest = [line for line in written.splitlines(keepends=True) if not _NOISE.match(line)]
    if rest and sys.__stderr__ is not None:
        os.write(2, b"".join(rest))
