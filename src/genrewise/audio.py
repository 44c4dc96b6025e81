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
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from genrewise.audio_open import EXPECTED, Handle, Source, open_source
from genrewise.audio_resample import Resampler, resample
from genrewise.audio_sf import SndDecoder, Undecodable
from genrewise.errors import AudioError

__all__ = ["Audio", "AudioInfo", "Resampler", "Source", "Stream", "load", "probe", "resample"]

F32 = NDArray[np.float32]

MIN_SR, MAX_SR = 1_000, 768_000
#: Numbers decoded at once: 16 MiB, however many channels.
MAX_BLOCK = 1 << 22
#: Shortfall in seconds that is a matter of rounding and encoder delay, not of damage.
TOLERANCE = 0.15
#: The same where packets were damaged: less cannot hold one of them.
ROUNDING = 0.02
TODO = "try to play it, copy it again, or convert it to FLAC"


class Decoder(Protocol):
    """What both decoders are: a header, mono blocks, and an account of the damage."""

    codec: str
    container: str
    sr: int
    channels: int
    stated: float | None
    cut: bool
    leftover: bool

    @property
    def damage(self) -> float:
        """Seconds that were passed over so far."""

    def blocks(self, start: int, size: int) -> Iterator[F32]:
        """Mono blocks of about `size` samples from sample `start` on."""

    def close(self) -> None:
        """Release the decoder; the handle stays open."""


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
    """Mono blocks of a source at its own rate, in bounded memory; one pass.

    Parameters
    ----------
    source : path, address with a scheme, bytes or binary file object
    start : float
        Second to begin at.
    duration : float, optional
        Seconds to take; None takes all.
    block_seconds : float
        Length of a block, about; shorter where there are many channels.
    max_seconds : float, optional
        Refuse a source of which more than this would have to be decoded.
    channel : int, optional
        One channel, from 0, in place of the mean of all; the last where there are not so many.

    Attributes
    ----------
    name : str
        What messages call the source.
    info : AudioInfo
    sr : int
        Hz.
    seconds, lost, partial : float, float, bool
        As in :class:`Audio`; final after the last block.

    Raises
    ------
    AudioError
        On opening or while iterating: no audio, nothing that can be decoded, no audio
        from `start` on, a limit passed.
    MissingExtra
        For an address without the extra ``[url]``.

    Examples
    --------
    >>> with Stream("mix.mp3") as stream:  # doctest: +SKIP
    ...     loudest = max(float(abs(y).max()) for y in stream)
    """

    def __init__(
        self,
        source: Source,
        *,
        start: float = 0.0,
        duration: float | None = None,
        block_seconds: float = 10.0,
        max_seconds: float | None = None,
        channel: int | None = None,
    ) -> None:
        if channel is not None and channel < 0:
            raise AudioError(f"channel {channel}", "0 or more")
        self._channel = channel
        self._start, self._duration = start, math.inf if duration is None else duration
        self._limit = math.inf if max_seconds is None else max_seconds
        self.seconds, self.lost, self.partial = 0.0, 0.0, False
        self._done, self._bad_samples, self._failed, self._excused = 0, 0, False, False
        _check_numbers(start, self._duration, block_seconds)
        self._handle: Handle = open_source(source)
        self.name = self._handle.name_shown
        self._decoder: Decoder | None = None
        try:
            self._decoder = self._open()
            self.info = self._check(self._decoder)
        except BaseException:
            self.close()
            raise
        self.sr = self.info.sr
        self._wanted = math.inf if duration is None else max(1, round(duration * self.sr))
        most = min(block_seconds * self.sr, MAX_BLOCK / self.info.channels, self._wanted)
        self._size = max(1, round(most))
        self._blocks = self._run()

    def _open(self) -> Decoder:
        try:
            return SndDecoder(self._handle, self._channel)
        except Undecodable:
            if self._handle.is_text:
                raise AudioError(f"{self.name}: text", EXPECTED) from None
        try:
            return self._repairer(0)
        except Undecodable as error:
            reason = self._handle.error or str(error)
            raise AudioError(f"{self.name}: {reason}", EXPECTED, TODO) from None

    def _repairer(self, sr: int) -> Decoder:
        from genrewise.audio_av import AvDecoder

        return AvDecoder(self._handle, sr, self._channel)

    def _check(self, decoder: Decoder) -> AudioInfo:
        """Refuse what no analysis makes sense of, before anything is decoded."""
        d = decoder
        if not MIN_SR <= d.sr <= MAX_SR:
            raise AudioError(f"{self.name}: {d.sr} Hz", f"{MIN_SR} to {MAX_SR} Hz")
        return AudioInfo(d.codec, d.container, d.sr, d.channels, d.stated)

    def _run(self) -> Iterator[F32]:
        try:
            yield from self._take()
            yield from self._repair()
            self._conclude()
        finally:
            self.close()

    def _take(self) -> Iterator[F32]:
        """What the decoder at hand gives beyond what was given already."""
        assert self._decoder is not None
        first = round(self._start * self.sr)
        try:
            for y in self._decoder.blocks(first + self._done, self._size):
                block = y[: int(min(len(y), self._wanted - self._done))]
                self._bad_samples += _clean(block)
                self._done += len(block)
                self.seconds = self._done / self.sr
                if self.seconds > self._limit:
                    raise AudioError(
                        f"{self.name}: too long", f"at the most {self._limit:g} s of audio"
                    )
                if len(block):
                    yield block
                if self._done >= self._wanted:
                    return
        except Undecodable:
            self._failed = True

    def _repair(self) -> Iterator[F32]:
        """Where libsndfile stopped early, go on with FFmpeg, which passes over faults."""
        snd, before = self._decoder, self._done
        if not isinstance(snd, SndDecoder) or before >= self._wanted:
            return
        faulty = self._failed or not before or self._missing() > TOLERANCE
        if not (faulty or snd.leftover):
            return
        snd.close()
        try:
            self._decoder = self._repairer(self.sr)
        except Undecodable:
            return
        self._failed = False
        yield from self._take()
        self._decoder.cut = snd.cut
        if not faulty and (self._done - before) / self.sr < TOLERANCE:
            # Junk behind the frames of an mp3 is no damage, an unreadable Ogg stream is.
            self._excused = snd.container == "mp3"
            self._failed = not self._excused and self._decoder.damage > 0

    def _conclude(self) -> None:
        """Say what is missing."""
        if not self._done and self._start:
            within = f"a start within its {self.info.stated or 0:.1f} s"
            expected = within if self.info.stated else "an earlier start"
            raise AudioError(f"{self.name}: no audio from second {self._start:g} on", expected)
        if not self._done:
            raise AudioError(f"{self.name}: 0 s of audio", EXPECTED)
        assert self._decoder is not None
        lost, broken = 0.0, False
        if self._done < self._wanted:
            broken = self._failed or self._decoder.cut or bool(self._handle.error)
            lost = self._missing()
        damage = 0.0 if self._excused else self._decoder.damage
        if self.info.stated is None:
            lost = damage
        elif lost < TOLERANCE and not broken and (not damage or lost < ROUNDING):
            # All that the header promises is there; a fault lay behind it.
            lost = 0.0
        lost = max(lost, 0.0) + self._bad_samples / self.sr
        self.partial = broken or lost > 0
        self.lost = lost

    def _missing(self) -> float:
        """Seconds that the header promises beyond what was decoded."""
        if self.info.stated is None:
            return 0.0
        return min(self.info.stated - self._start, self._duration) - self._done / self.sr

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
        """Release the file; a file object given by the caller stays open."""
        if self._decoder is not None:
            self._decoder.close()
        self._handle.close()


def _check_numbers(start: float, duration: float, block_seconds: float) -> None:
    if not 0 <= start < math.inf:
        raise AudioError(f"start at {start:g} s", "0 s or more")
    if not duration > 0:
        raise AudioError(f"a duration of {duration:g} s", "more than 0 s")
    if not 0 < block_seconds < math.inf:
        raise AudioError(f"blocks of {block_seconds:g} s", "more than 0 s")


def _clean(y: F32) -> int:
    """Zero what is not a number, in place; how many samples that were."""
    # The square sum of finite samples is finite: one pass, no temporary array.
    with np.errstate(over="ignore", invalid="ignore"):
        finite = math.isfinite(np.dot(y, y))
    if finite:
        return 0
    bad = ~np.isfinite(y)
    y[bad] = 0
    return int(bad.sum())


def load(
    source: Source,
    sr: int | None = None,
    *,
    start: float = 0.0,
    duration: float | None = None,
    max_seconds: float | None = None,
    channel: int | None = None,
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
    channel : int, optional
        One channel, from 0, in place of the mean of all.

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
    with Stream(
        source, start=start, duration=duration, max_seconds=max_seconds, channel=channel
    ) as stream:
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
