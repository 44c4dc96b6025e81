"""File, bytes, file object or address → mono float32 samples.

libsndfile decodes first (fast); FFmpeg through PyAV takes what libsndfile cannot read
and what it gives up in the middle of.  The decoded length is compared with the stated
one: what is missing is counted, and the answer is marked partial.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.audio_open import Handle, Source, open_source
from genrewise.audio_sf import SndDecoder, Undecodable
from genrewise.errors import AudioError

__all__ = ["Audio", "AudioInfo", "Resampler", "Source", "Stream", "load", "probe", "resample"]

F32 = NDArray[np.float32]

MIN_SR, MAX_SR = 1_000, 768_000
#: Shortfall in seconds that is a matter of rounding and encoder delay, not of damage.
TOLERANCE = 0.15


@dataclass(frozen=True)
class AudioInfo:
    """What a source says of itself.

    Parameters
    ----------
    codec, container : str
        FFmpeg's words: ``"mp3"``, ``"aac"``, ``"pcm_s16"``; ``"wav"``, ``"mp4"``.
    sr : int
        Sample rate in Hz.
    channels : int
    stated : float or None
        Length in seconds that the header states; None where it states none.
    """

    codec: str
    container: str
    sr: int
    channels: int
    stated: float | None


@dataclass(frozen=True)
class Audio:
    """Decoded samples and what was lost on the way.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
        Mean of the channels, full scale ±1.
    sr : int
        Hz.
    seconds : float
        Length of what was decoded.
    stated : float or None
        Length that the header states, of the whole source.
    lost : float
        Seconds that the header promises and the decoder could not give.
    partial : bool
        Whether the source is damaged.
    info : AudioInfo
    """

    y: F32
    sr: int
    seconds: float
    stated: float | None
    lost: float
    partial: bool
    info: AudioInfo


class Stream:
    """Mono blocks of a source at its own rate, in bounded memory.

    Parameters
    ----------
    source : path, address, bytes or binary file object
    start : float
        Second to begin at.
    duration : float, optional
        Seconds to take; None takes all.
    block_seconds : float
        Length of a block.
    max_seconds : float, optional
        Raise :class:`AudioError` as soon as more than this was decoded.

    Attributes
    ----------
    info : AudioInfo
    sr : int
        Hz.
    seconds, lost, partial : float, float, bool
        As in :class:`Audio`, final after the last block.

    Raises
    ------
    AudioError
        On opening or while iterating: nothing could be decoded, or a limit was passed.
    """

    def __init__(
        self,
        source: Source,
        *,
        start: float = 0.0,
        duration: float | None = None,
        block_seconds: float = 10.0,
        max_seconds: float | None = None,
    ) -> None:
        self.seconds, self.lost, self.partial = 0.0, 0.0, False
        self._start, self._limit = start, math.inf if max_seconds is None else max_seconds
        self._duration = math.inf if duration is None else duration
        self._handle: Handle = open_source(source)
        self.name = self._handle.name_shown
        try:
            self._decoder = self._open()
            self.info = self._check()
        except BaseException:
            self._handle.close()
            raise
        self.sr = self.info.sr
        self._size = max(1, round(block_seconds * self.sr))
        self._blocks = self._run()

    def _open(self) -> Any:
        try:
            return SndDecoder(self._handle)
        except Undecodable:
            if self._handle.is_text:
                raise AudioError(f"{self.name}: text", "an audio file") from None
        try:
            return self._av()
        except Undecodable as error:
            reason = self._handle.error or str(error)
            raise AudioError(f"{self.name}: no audio ({reason})", "an audio file") from None

    def _av(self, sr: int = 0) -> Any:
        from genrewise.audio_av import AvDecoder

        return AvDecoder(self._handle, sr)

    def _check(self) -> AudioInfo:
        d = self._decoder
        if not MIN_SR <= d.sr <= MAX_SR or d.channels < 1:
            d.close()
            raise AudioError(
                f"{self.name}: {d.channels} channels at {d.sr} Hz", f"{MIN_SR} to {MAX_SR} Hz"
            )
        return AudioInfo(d.codec, d.container, d.sr, d.channels, d.stated)

    def _run(self) -> Iterator[F32]:
        first, wanted = round(self._start * self.sr), self._duration * self.sr
        done, failed = 0, False
        bad_samples = 0
        while True:
            try:
                for y in self._decoder.blocks(first + done, self._size):
                    block = y if len(y) <= wanted - done else y[: math.ceil(wanted - done)]
                    bad_samples += _clean(block)
                    done += len(block)
                    self.seconds = done / self.sr
                    if self.seconds > self._limit:
                        raise AudioError(
                            f"{self.name}: longer than {self._limit:g} s", "a shorter file"
                        )
                    if len(block):
                        yield block
                    if done >= wanted:
                        break
            except Undecodable:
                failed = True
            short = done < wanted and self._missing(done) > TOLERANCE
            if not (failed or short or not done) or not isinstance(self._decoder, SndDecoder):
                break
            self._decoder.close()
            try:
                self._decoder = self._av(self.sr)
            except Undecodable:
                break
        if not done:
            raise AudioError(f"{self.name}: no audio from second {self._start:g} on")
        damage = self._decoder.damage + bad_samples / self.sr
        missing = self._missing(done) if done < wanted else 0.0
        self.partial = failed or damage > 0 or missing > TOLERANCE
        self.lost = max(missing, damage, 0.0) if self.partial else 0.0

    def _missing(self, done: int) -> float:
        """Seconds that the header promises beyond what was decoded."""
        stated = self.info.stated
        if stated is None:
            return 0.0
        return min(stated - self._start, self._duration) - done / self.sr

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> F32:
        return next(self._blocks)

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._decoder.close()
        self._handle.close()


def _clean(y: F32) -> int:
    """Zero what is not a number, in place; how many samples that were."""
    # The square sum of finite samples is finite: one pass, no temporary array.
    if np.isfinite(np.dot(y, y)):
        return 0
    bad = ~np.isfinite(y)
    y[bad] = 0
    return int(bad.sum())


class Resampler:
    """Resample a stream of blocks (soxr, quality "HQ"); the whole equals :func:`resample`.

    Parameters
    ----------
    sr_in, sr_out : int
        Hz.
    """

    def __init__(self, sr_in: int, sr_out: int) -> None:
        self._stream: Any = None
        if sr_in != sr_out:
            import soxr

            self._stream = soxr.ResampleStream(sr_in, sr_out, 1, dtype="float32", quality="HQ")

    def push(self, y: F32, last: bool = False) -> F32:
        """The samples that `y`, and what came before it, give.

        Parameters
        ----------
        y : ndarray, shape (n,), float32
            May be empty.
        last : bool
            Whether the stream ends here.

        Returns
        -------
        ndarray, shape (m,), float32
        """
        if self._stream is None:
            return y
        out: F32 = self._stream.resample_chunk(y, last=last)
        return out


def resample(y: F32, sr_in: int, sr_out: int) -> F32:
    """Resample whole samples (soxr, quality "HQ").

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    sr_in, sr_out : int
        Hz.

    Returns
    -------
    ndarray, shape (round(n * sr_out / sr_in),), float32
    """
    return Resampler(sr_in, sr_out).push(np.ascontiguousarray(y, dtype=np.float32), last=True)


def load(
    source: Source,
    sr: int | None = None,
    *,
    start: float = 0.0,
    duration: float | None = None,
    max_seconds: float | None = None,
) -> Audio:
    """Decode a source to mono float32.

    Parameters
    ----------
    source : path, address, bytes or binary file object
    sr : int, optional
        Rate wanted in Hz; None keeps that of the source.
    start : float
        Second to begin at.
    duration : float, optional
        Seconds to take; None takes all.
    max_seconds : float, optional
        Refuse what is longer.

    Returns
    -------
    Audio

    Raises
    ------
    AudioError
        Nothing could be decoded, or a limit was passed.
    MissingExtra
        For an address without the extra ``[url]``.
    """
    with Stream(source, start=start, duration=duration, max_seconds=max_seconds) as stream:
        rate = sr or stream.sr
        resampler = Resampler(stream.sr, rate)
        parts = [resampler.push(y) for y in stream]
        parts.append(resampler.push(np.zeros(0, dtype=np.float32), last=True))
        y = np.concatenate(parts)
        info = stream.info
        return Audio(y, rate, stream.seconds, info.stated, stream.lost, stream.partial, info)


def probe(source: Source) -> AudioInfo:
    """What a source says of itself, from its header and first frame.

    Raises
    ------
    AudioError
        Where it is no audio.
    """
    with Stream(source) as stream:
        return stream.info
