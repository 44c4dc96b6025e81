"""Decoding by libsndfile: wav, flac, mp3, ogg, opus, aiff, au and others, the fast way."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.audio_header import bytes_left, cut_ogg_page, mp3_counts_frames, stated_ratio
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
#: Samples decoded before the wanted start of an mp3: its frames lean on earlier ones.
_SETTLE = 10 * 1152
#: libsndfile's count of frames where the header does not say one is about 2 ** 63.
_UNKNOWN = 1 << 62


class Undecodable(Exception):
    """A decoder cannot open the source or cannot go on; the next one is tried."""


def to_mono(y: F32, channel: int | None = None) -> F32:
    """Mean of the channels, or one of them.

    Parameters
    ----------
    y : ndarray, shape (n, channels), float32
    channel : int, optional
        From 0; the last one where there are not so many.

    Returns
    -------
    ndarray, shape (n,), float32
        A view where there is one channel, else a new array.
    """
    channels = y.shape[1]
    if channels == 1:
        return y[:, 0]
    if channel is not None:
        return y[:, min(channel, channels - 1)].copy()
    # A product with a vector is thirty times as fast as a mean along the short axis.
    mono: F32 = y @ np.full(channels, 1 / channels, dtype=np.float32)
    return mono


class SndDecoder:
    """One source through libsndfile.

    Parameters
    ----------
    handle : Handle
    channel : int, optional
        One channel in place of their mean.

    Attributes
    ----------
    codec, container : str
    sr, channels : int
        Hz, count.
    stated : float or None
        Seconds, where the header says so.
    cut : bool
        The file ends within a page.
    leftover : bool
        After the last block: bytes are left that may hold more sound.
    damage : float
        Seconds that were passed over: 0, libsndfile stops instead.

    Raises
    ------
    Undecodable
        Where libsndfile does not know the format.
    """

    damage = 0.0

    def __init__(self, handle: Handle, channel: int | None = None) -> None:
        self._handle, self._channel, self.leftover = handle, channel, False
        self._noisy = not handle.head.startswith(_QUIET)
        # Both look into the file, so they come before libsndfile holds a position in it.
        guessed = self._noisy and not mp3_counts_frames(handle)
        page = cut_ogg_page(handle) if handle.head.startswith(b"OggS") else None
        self.cut = page is not None
        handle.seek(0)
        kind, self._errors = _soundfile()
        try:
            with _without_noise(self._noisy):
                self._file: Any = kind(handle.descriptor(), closefd=False)
        except self._errors as error:
            raise Undecodable(str(error)) from None
        self.sr, self.channels = int(self._file.samplerate), int(self._file.channels)
        self.container = str(self._file.format).lower().replace("wavex", "wav")
        subtype = str(self._file.subtype)
        self.codec = "flac" if self.container == "flac" else _CODECS.get(subtype, subtype.lower())
        self.stated = None if self.container == "mp3" and guessed else self._stated(page)

    def _stated(self, page: int | None) -> float | None:
        frames = int(self._file.frames)
        if not 0 < frames < _UNKNOWN or self.sr < 1:
            return None
        if page is not None:
            # Opus counts at 48 kHz whatever its rate (RFC 7845).
            rate = 48_000 if self.codec == "opus" else self.sr
            return max(frames / self.sr, page / rate)
        return frames / self.sr * stated_ratio(self._file.extra_info)

    def blocks(self, start: int, size: int) -> Iterator[F32]:
        """Mono blocks of at most `size` samples from sample `start` on.

        Raises
        ------
        Undecodable
            Where libsndfile gives up.
        """
        buffer = np.empty((size, self.channels), dtype=np.float32)
        try:
            self._jump(start)
            while True:
                if self.channels == 1:  # what is given away must not be written over
                    buffer = np.empty((size, 1), dtype=np.float32)
                with _without_noise(self._noisy):
                    block = self._file.read(out=buffer)
                if not len(block):
                    break
                yield to_mono(block, self._channel)
        except self._errors as error:
            raise Undecodable(str(error)) from None
        # libsndfile knows no length of an Ogg file that several were joined to.
        joined = self.container == "ogg" and self.stated is None
        streamed = self.container in ("mp3", "ogg", "flac")
        self.leftover = joined or (streamed and bytes_left(self._handle))

    def _jump(self, start: int) -> None:
        """Go to sample `start`."""
        if not start:
            return
        lead = min(start, _SETTLE) if self.container == "mp3" else 0
        with _without_noise(self._noisy):
            self._file.seek(start - lead)
            if lead:
                self._file.read(out=np.empty((lead, self.channels), dtype=np.float32))

    def close(self) -> None:
        """Release the decoder; the handle stays open."""
        self._file.close()


@cache
def _soundfile() -> tuple[type[Any], tuple[type[Exception], ...]]:
    """The class to read with, and what it raises for a file that it cannot read."""
    import soundfile

    class Unseeking(soundfile.SoundFile):  # type: ignore[misc]
        """soundfile seeks after every read, which jumps over sound in a damaged Ogg file."""

        def seekable(self) -> bool:
            return False

    return Unseeking, (soundfile.SoundFileError, RuntimeError, TypeError, ValueError)


_LOCK = threading.Lock()
_REDIRECTED: list[tuple[int, Any]] = []


@contextmanager
def _without_noise(noisy: bool) -> Iterator[None]:
    """Drop what libmpg123 writes to stderr; pass on whatever else was written meanwhile.

    libsndfile offers no way to quieten it, so the file descriptor itself is turned to a
    temporary file.  Threads share one redirection.
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
        if _REDIRECTED:
            _REDIRECTED.append(_REDIRECTED[0])
            return True
        try:
            sink = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by _restore
            saved = os.dup(2)
            os.dup2(sink.fileno(), 2)
        except OSError:  # no stderr, or no temporary folder
            return False
        _REDIRECTED.append((saved, sink))
        return True


def _restore() -> None:
    with _LOCK:
        saved, sink = _REDIRECTED.pop()
        if _REDIRECTED:
            return
        os.dup2(saved, 2)
        os.close(saved)
    if sink.tell():
        sink.seek(0)
        lines = sink.read().splitlines(keepends=True)
        os.write(2, b"".join(line for line in lines if not _NOISE.match(line)))
    sink.close()
