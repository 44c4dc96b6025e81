"""Decoding by FFmpeg (PyAV): what libsndfile cannot read, and the repair of damaged files.

Packets that cannot be decoded are passed over and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.audio_open import Handle
from genrewise.audio_resample import Resampler
from genrewise.audio_sf import Undecodable, to_mono

__all__ = ["AvDecoder"]

F32 = NDArray[np.float32]

#: Bad packets in a row after which the rest is given up.
MAX_BAD = 2000
#: Tries to read on in a container that gives no packet.
MAX_STUCK = 50
#: Seconds without sound between two frames that count as lost, not as rounding.
GAP = 0.1
#: Seconds decoded before the wanted start after a jump, so that the codec has settled.
SETTLE = 1.0
#: Containers whose header states the length; elsewhere FFmpeg guesses it from the bit rate.
_STATING = re.compile(
    "aiff|ape|asf|au|caf|dsf|flac|iff|matroska|mov|mpc|mpc8|ogg|tak|tta|w64|wav|wv"
)
#: Containers with times so fine that a gap between frames means lost sound.
_TIMED = frozenset(("flac", "matroska", "mov", "ogg"))
#: Bare streams of packets, in which a gap between packets is what was skipped.
_BARE = frozenset(("aac", "ac3", "dts", "eac3", "mp3"))
#: Containers with an index and exact times, in which a jump lands where it should.
_SEEKABLE = frozenset(("mov", "matroska"))
_SCALE = {"u1": 1 / 128, "i2": 1 / 32768, "i4": 1 / (1 << 31), "i8": 1 / (1 << 63)}
#: FFmpeg's sample formats, packed; planar ones end in "p".
_DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
_EMPTY = np.zeros(0, dtype=np.float32)


class AvDecoder:
    """One source through FFmpeg.

    Parameters
    ----------
    handle : Handle
    sr : int
        The rate wanted in Hz; 0 takes that of the first frame.
    channel : int, optional
        One channel in place of their mean.

    Attributes
    ----------
    codec, container, sr, channels, stated, cut, leftover
        As of :class:`~genrewise.audio_sf.SndDecoder`.
    damage : float
        Seconds that were passed over so far.

    Raises
    ------
    Undecodable
        Where FFmpeg finds no sound; says why.
    """

    cut = leftover = False

    def __init__(self, handle: Handle, sr: int = 0, channel: int | None = None) -> None:
        import av

        self._channel = channel
        self._error: type[Exception] = av.FFmpegError
        self._bad_bytes = self._good_bytes = self._next_byte = 0
        self._good_seconds = self._gaps = 0.0
        self._expected: float | None = None
        handle.seek(0)
        try:
            # No protocols: a list of files must not open the files that it names.
            # Tags need not be UTF-8.
            self._container: Any = av.open(
                handle, metadata_errors="ignore", options={"protocol_whitelist": ""}
            )
        except (av.FFmpegError, ValueError, IndexError) as error:
            raise Undecodable(_why_not(handle, error)) from None
        try:
            self._prepare(sr)
        except BaseException:
            self._container.close()
            raise

    def _prepare(self, sr: int) -> None:
        """Decode the first frame: only then are rate and channels known for sure."""
        self._stream = self._container.streams.best("audio")
        if self._stream is None:
            raise Undecodable("no sound track in it")
        context = self._stream.codec_context
        name = "unknown codec" if context is None else context.codec.canonical_name
        self.codec = name.removesuffix("le").removesuffix("be")
        self._format = self._container.format.name.split(",")[0]
        self._frames = self._decode()
        self._first: Any = next(self._frames, None)
        if self._first is None:
            raise Undecodable(f"its sound ({self.codec}) cannot be decoded")
        self.container = "mp4" if self._format == "mov" else self._format
        self.channels = len(self._first.layout.channels)
        self.sr = sr or int(self._first.sample_rate)
        self.stated = self._stated()

    def _stated(self) -> float | None:
        if not _STATING.fullmatch(self._format):
            return None
        if self._stream.duration:
            return float(self._stream.duration * self._stream.time_base)
        if self._container.duration and len(self._container.streams) == 1:
            return float(self._container.duration / 1_000_000)
        # Matroska states the length of a film's sound in a tag, if at all.
        tag = re.fullmatch(r"(\d+):(\d+):([\d.]+)", self._stream.metadata.get("DURATION", ""))
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3]) if tag else None

    @property
    def damage(self) -> float:
        """Seconds passed over: bad packets at the mean bit rate, or gaps between frames."""
        rate = self._good_seconds / self._good_bytes if self._good_bytes else 0.0
        return max(self._bad_bytes * rate, self._gaps)

    def _decode(self) -> Iterator[Any]:
        """Frames; packets that fail are passed over."""
        bad = 0
        for packet in self._packets():
            self._skipped(packet)
            try:
                frames = packet.decode()
            except EOFError:
                return
            except self._error:
                bad += 1
                self._bad_bytes += max(packet.size, 1)
                if bad > MAX_BAD:
                    return
                continue
            self._good_bytes += packet.size
            for frame in frames:
                bad = 0
                self._count(frame)
                yield frame

    def _packets(self) -> Iterator[Any]:
        """Packets of the track; the container is read on behind a fault."""
        stuck = 0
        while stuck < MAX_STUCK:
            try:
                for packet in self._container.demux(self._stream):
                    stuck = 0
                    yield packet
                return
            except EOFError:
                return
            except self._error:
                self._bad_bytes += not stuck
                stuck += 1

    def _skipped(self, packet: Any) -> None:
        """Keep account of the bytes that FFmpeg passed over before `packet`."""
        if packet.pos is None or packet.pos < 0 or self._format not in _BARE:
            return
        if self._next_byte:
            self._bad_bytes += max(0, packet.pos - self._next_byte)
        self._next_byte = packet.pos + packet.size

    def _count(self, frame: Any) -> None:
        """Keep account of the time decoded and of the time missing before `frame`."""
        length, at = frame.samples / frame.sample_rate, frame.time
        self._good_seconds += length
        if at is None:
            return
        # Opus in Matroska leaves out silence on purpose.
        timed = self._format in _TIMED and self.codec != "opus"
        if timed and self._expected is not None and at - self._expected > GAP:
            self._gaps += at - self._expected
        self._expected = at + length

    def blocks(self, start: int, size: int) -> Iterator[F32]:
        """Mono blocks of at least `size` samples, the last but one, from sample `start` on."""
        drop, parts, held = start - self._jump(start), [], 0
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

    def _jump(self, start: int) -> int:
        """Go to just before sample `start` where that is exact; the sample that comes next."""
        zero = self._first.time
        target = start / self.sr - SETTLE
        if self._format not in _SEEKABLE or target <= SETTLE or zero is None:
            return 0
        base = self._stream.time_base
        try:
            self._container.seek(int((target + zero) / base), stream=self._stream)
        except self._error:
            return 0
        self._expected, self._frames = None, self._decode()
        frame = next(self._frames, None)
        while frame is not None and frame.time is None:
            frame = next(self._frames, None)
        self._first = frame
        return start if frame is None else min(start, round((frame.time - zero) * self.sr))

    def _mono(self) -> Iterator[F32]:
        """Mono pieces at ``self.sr``, whatever rate a frame has."""
        rate, resampler = 0, Resampler(self.sr, self.sr)
        frame = self._first
        while frame is not None:
            if frame.sample_rate != rate:
                yield resampler.push(_EMPTY, last=True)
                rate = int(frame.sample_rate)
                resampler = Resampler(rate, self.sr)
            yield resampler.push(_frame_to_mono(frame, self._channel))
            frame = next(self._frames, None)
        yield resampler.push(_EMPTY, last=True)

    def close(self) -> None:
        """Release the decoder; the handle stays open."""
        self._container.close()


def _raw(frame: Any) -> NDArray[Any]:
    """Samples of a frame as they are, shape (channels, n).

    Not PyAV's own way: it takes planes until one is null, and where a damaged stream claims
    more than eight channels it reads behind the last.
    """
    dtype, channels = _DTYPES[frame.format.name.removesuffix("p")], len(frame.layout.channels)
    planes = frame.planes
    if not frame.format.is_planar:
        packed = np.frombuffer(planes[0], dtype, frame.samples * channels)
        return packed.reshape(-1, channels).T
    return np.stack([np.frombuffer(plane, dtype, frame.samples) for plane in planes[:channels]])


def _frame_to_mono(frame: Any, channel: int | None) -> F32:
    raw = _raw(frame)
    y: F32 = raw.astype(np.float32)
    if raw.dtype.kind in "iu":
        if raw.dtype.kind == "u":
            y -= 128
        y *= np.float32(_SCALE[raw.dtype.str[1:]])
    return to_mono(y.T, channel)


def _why_not(handle: Handle, error: Exception) -> str:
    """Why FFmpeg cannot open a file, in the user's words."""
    if handle.head[4:8] == b"ftyp":
        return "an MP4 file without its index, cut off"
    if handle.head[:3] == b"ID3":
        return "a tag without sound"
    if isinstance(error, EOFError):
        return "ends within its header"
    return "not a sound or video file that can be read"
