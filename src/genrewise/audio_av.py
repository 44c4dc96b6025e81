"""Decoding by FFmpeg (PyAV): what libsndfile cannot read, and the repair of damaged files.

Packets that cannot be decoded are passed over and counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.audio_open import Handle
from genrewise.audio_sf import Undecodable, to_mono

__all__ = ["AvDecoder"]

F32 = NDArray[np.float32]

#: Bad packets in a row after which the rest is given up.
MAX_BAD = 2000
#: Containers whose header states the length; elsewhere FFmpeg guesses it from the bit rate.
_STATING = {
    "aiff", "ape", "asf", "au", "caf", "dsf", "flac", "iff", "matroska", "mov", "mp3",
    "mpc", "mpc8", "ogg", "tak", "tta", "w64", "wav", "wv",
}  # fmt: skip
_SCALE = {"u1": 1 / 128, "i2": 1 / 32768, "i4": 1 / (1 << 31), "i8": 1 / (1 << 63)}


class AvDecoder:
    """One source through FFmpeg; attributes as of :class:`~genrewise.audio_sf.SndDecoder`.

    Parameters
    ----------
    handle : Handle
    sr : int, optional
        The rate wanted; 0 takes that of the first frame.

    Raises
    ------
    Undecodable
        Where FFmpeg finds no sound.
    """

    def __init__(self, handle: Handle, sr: int = 0) -> None:
        import av

        self._error: type[Exception] = av.FFmpegError
        self.damage = 0.0
        handle.seek(0)
        try:
            # The empty list of protocols: a playlist must not open other files.
            self._container: Any = av.open(
                handle, metadata_errors="ignore", options={"protocol_whitelist": ""}
            )
        except (av.FFmpegError, ValueError, IndexError) as error:
            raise Undecodable(str(error)) from None
        try:
            self._prepare(sr)
        except BaseException:
            self._container.close()
            raise

    def _prepare(self, sr: int) -> None:
        if not self._container.streams.audio:
            raise Undecodable("no sound in it")
        self._stream = self._container.streams.audio[0]
        self._frames = self._decode()
        self._first = next(self._frames, None)
        if self._first is None:
            raise Undecodable("no sound could be decoded")
        context = self._stream.codec_context
        self.codec = context.codec.canonical_name.removesuffix("le").removesuffix("be")
        self.container = self._container.format.name.split(",")[0].replace("mov", "mp4")
        self.channels = len(self._first.layout.channels)
        self.native = int(self._first.sample_rate)
        self.sr = sr or self.native
        self.stated = self._stated()

    def _stated(self) -> float | None:
        name = self._container.format.name.split(",")[0]
        if name not in _STATING:
            return None
        if self._stream.duration:
            return float(self._stream.duration * self._stream.time_base)
        if self._container.duration and len(self._container.streams) == 1:
            return float(self._container.duration / 1_000_000)
        return None

    def _decode(self) -> Iterator[Any]:
        """Frames; packets that fail are passed over."""
        bad = 0
        for packet in self._packets():
            try:
                frames = packet.decode()
            except EOFError:
                return
            except self._error:
                bad += 1
                if packet.duration:
                    self.damage += float(packet.duration * packet.time_base)
                if bad > MAX_BAD:
                    return
                continue
            for frame in frames:
                bad = 0
                yield frame

    def _packets(self) -> Iterator[Any]:
        for _ in range(MAX_BAD):
            try:
                yield from self._container.demux(self._stream)
                return
            except EOFError:
                return
            except self._error:
                continue

    def blocks(self, start: int, size: int) -> Iterator[F32]:
        """Mono blocks of at most about `size` samples from sample `start` on."""
        drop, parts, held = start, [], 0
        for y in self._mono():
            if drop >= len(y):
                drop -= len(y)
                continue
            parts.append(y[drop:])
            held += len(y) - drop
            drop = 0
            if held >= size:
                yield np.concatenate(parts)
                parts, held = [], 0
        if parts:
            yield np.concatenate(parts)

    def _mono(self) -> Iterator[F32]:
        """Mono pieces at ``self.sr``, whatever rate a frame has."""
        from genrewise.audio import Resampler

        rate, resampler = 0, None
        frame = self._first
        while frame is not None:
            if frame.sample_rate != rate:
                if resampler is not None:
                    yield resampler.push(np.zeros(0, np.float32), last=True)
                rate = int(frame.sample_rate)
                resampler = Resampler(rate, self.sr) if rate != self.sr else None
            y = _frame_to_mono(frame)
            yield resampler.push(y) if resampler is not None else y
            frame = next(self._frames, None)
        if resampler is not None:
            yield resampler.push(np.zeros(0, np.float32), last=True)

    def close(self) -> None:
        """Release the decoder; the handle stays open."""
        self._container.close()


def _frame_to_mono(frame: Any) -> F32:
    raw = frame.to_ndarray()
    if not frame.format.is_planar:
        raw = raw.reshape(-1, len(frame.layout.channels)).T
    y: F32 = raw.astype(np.float32)
    if raw.dtype.kind in "iu":
        if raw.dtype.kind == "u":
            y -= 128
        y *= np.float32(_SCALE[raw.dtype.str[1:]])
    return to_mono(y.T)
