"""Inputs for the tests of decoding: a chirp, so that every moment sounds different."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

F32 = NDArray[np.float32]

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def make_chirp(seconds: float = 3.0, sr: int = 44_100, channels: int = 1) -> F32:
    """Rising tones, shape (n, channels); each channel a little softer than the one before."""
    t = np.arange(round(seconds * sr)) / sr
    tone = np.sin(2 * np.pi * (200 * t + 300 * t**2 / max(seconds, 1e-3)))
    gains = 0.5 / np.arange(1, channels + 1)
    return (tone[:, None] * gains).astype(np.float32)


def encode_with_ffmpeg(
    path: Path,
    y: F32,
    sr: int,
    codec: str,
    form: str | None = None,
    *,
    picture: bool = False,
    title: str = "",
    options: dict[str, str] | None = None,
) -> Path:
    """Write samples of shape (n, channels) with a codec of FFmpeg's."""
    layout = LAYOUTS[y.shape[1]]
    with av.open(str(path), "w", format=form, options=options or {}) as container:
        if title:
            container.metadata["title"] = title
        video = container.add_stream("mpeg4", rate=5) if picture else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        stream = container.add_stream(codec, rate=sr, layout=layout)
        stream.bit_rate = 128_000
        stream.time_base = Fraction(1, sr)
        if video is not None:
            for n in range(int(len(y) / sr * 5)):
                image = np.full((48, 64, 3), n % 256, dtype=np.uint8)
                container.mux(video.encode(av.VideoFrame.from_ndarray(image)))
            container.mux(video.encode(None))
        context = stream.codec_context
        sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(y.T), format="fltp", layout=layout)
        sound.sample_rate, sound.pts = sr, 0
        fit = av.AudioResampler(
            format=context.format.name, layout=layout, rate=sr, frame_size=context.frame_size or 0
        )
        for frame in [*fit.resample(sound), *fit.resample(None)]:
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def likeness(a: F32, b: F32, most: int = 3000) -> float:
    """Correlation (-1 to 1) of two stretches at the best shift of up to `most` samples."""
    n = min(len(a), len(b))
    size = 1 << (2 * n).bit_length()
    product = np.fft.rfft(a[:n], size) * np.conj(np.fft.rfft(b[:n], size))
    cross = np.fft.irfft(product, size)
    around = np.concatenate((cross[: most + 1], cross[-most:]))
    return float(around.max() / (np.linalg.norm(a[:n]) * np.linalg.norm(b[:n]) + 1e-12))


@pytest.fixture(scope="session")
def chirp() -> Callable[..., F32]:
    return make_chirp


@pytest.fixture(scope="session")
def encode() -> Callable[..., Path]:
    return encode_with_ffmpeg


@pytest.fixture(scope="session")
def alike() -> Callable[..., float]:
    return likeness
