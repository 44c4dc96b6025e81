"""Samples with their channels side by side: from a file, and as the bytes of a coded one."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.audio import Source, load, probe, resample
from genrewise.errors import AudioError

__all__ = ["MP3_RATES", "aac", "channels", "mp3", "opus", "resampled"]

F32 = NDArray[np.float32]

#: Bit rate in kbit/s: the sample rate in Hz that encoders choose for it, and the lowest and
#: highest bit rate of that sample rate, between which libsndfile counts its level of compression.
MP3_RATES = {
    320: (44_100, 32, 320),
    128: (44_100, 32, 320),
    64: (44_100, 32, 320),
    32: (22_050, 8, 160),
}

#: Hz.
AAC_RATE = 44_100
OPUS_RATE = 48_000

#: Samples that an encoder is given at once.
_GIVEN = 1 << 16


def channels(source: Source, start: float = 0.0, duration: float | None = None) -> tuple[F32, int]:
    """Samples of a stereo file side by side; of any other the mean of its channels.

    Returns
    -------
    y : ndarray, shape (n, 1 or 2), float32
    sr : int
        Hz.

    Raises
    ------
    AudioError
        Nothing could be decoded.
    """
    sides = (0, 1) if probe(source).channels == 2 else (None,)
    found = [load(source, start=start, duration=duration, channel=side) for side in sides]
    return np.stack([audio.y for audio in found], axis=1), found[0].sr


def resampled(y: F32, sr_in: int, sr_out: int) -> F32:
    """Every channel at another rate.

    Parameters
    ----------
    y : ndarray, shape (n, channels), float32
    sr_in, sr_out : int
        Hz.

    Returns
    -------
    ndarray, shape (m, channels), float32
    """
    return np.stack([resample(column, sr_in, sr_out) for column in y.T], axis=1)


def mp3(y: F32, sr: int, kbps: int) -> bytes:
    """Samples as MPEG layer III at a constant bit rate.

    Parameters
    ----------
    y : ndarray, shape (n, channels), float32
    sr : int
        Hz.
    kbps : {320, 128, 64, 32}
        Of all channels together.
    """
    import soundfile

    rate, least, most = MP3_RATES[kbps]
    how = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT"}
    out = io.BytesIO()
    level = (most - kbps) / (most - least)
    soundfile.write(out, resampled(y, sr, rate), rate, compression_level=level, **how)
    return out.getvalue()


def opus(y: F32, sr: int, kbps: int) -> bytes:
    """Samples as Ogg Opus at a constant bit rate (libopus).

    Parameters
    ----------
    y : ndarray, shape (n, 1 or 2), float32
    sr : int
        Hz; Opus has 48 kHz whatever it is given.
    kbps : int
        Of all channels together.

    Raises
    ------
    AudioError
        This build of PyAV cannot write it.
    """
    options = {"vbr": "off"}
    return _coded(resampled(y, sr, OPUS_RATE), OPUS_RATE, ("ogg", "libopus"), kbps, options)


def aac(y: F32, sr: int, kbps: int) -> bytes:
    """Samples as an m4a file: AAC (low complexity, FFmpeg's encoder) at 44.1 kHz.

    Parameters
    ----------
    y : ndarray, shape (n, 1 or 2), float32
    sr : int
        Hz.
    kbps : int
        Of all channels together, on average.

    Raises
    ------
    AudioError
        This build of PyAV cannot write it.
    """
    return _coded(resampled(y, sr, AAC_RATE), AAC_RATE, ("ipod", "aac"), kbps, {})


def _coded(y: F32, sr: int, kind: tuple[str, str], kbps: int, options: Mapping[str, str]) -> bytes:
    """Samples in a container by an encoder, both by FFmpeg's names; the same bytes each time."""
    import av
    from av.codec.codec import UnknownCodecError

    container, encoder = kind
    out = io.BytesIO()
    try:
        # Without the flag an Ogg stream bears a number that is drawn anew for each file.
        with av.open(out, "w", format=container, options={"fflags": "+bitexact"}) as file:
            layout = "stereo" if y.shape[1] == 2 else "mono"
            stream: Any = file.add_stream(encoder, rate=sr, options=dict(options), layout=layout)
            stream.bit_rate, stream.codec_context.thread_count = 1000 * kbps, 1
            # What passes full scale is clipped, as in the 16-bit files that encoders are given.
            sides = np.ascontiguousarray(np.clip(y.T, -1.0, 1.0), dtype=np.float32)
            for at in range(0, len(y), _GIVEN):
                piece = np.ascontiguousarray(sides[:, at : at + _GIVEN])
                frame: Any = av.AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
                frame.sample_rate, frame.pts = sr, at
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    except (av.FFmpegError, UnknownCodecError) as error:
        raise AudioError(f"not to be written by {encoder}: {error}", "an FFmpeg that can") from None
    return out.getvalue()
