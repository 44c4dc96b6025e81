"""The one front end: samples to (log-)mel or power spectra, whole or as a stream.

A :class:`FrontEnd` is frozen and has a fingerprint, so a model file can say exactly
what it was trained on.  A :class:`Framer` takes samples as they come and gives the
same frames as the whole track would, so a file of any length needs bounded memory.

Definitions follow librosa 0.11 (``librosa.stft``, ``librosa.filters.mel``); the tests
hold the values against it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import RecipeError
from genrewise.features.fft import rfft

__all__ = [
    "Framer",
    "FrontEnd",
    "apply_mel",
    "dct_matrix",
    "hann_window",
    "log_mel",
    "mel_filters",
    "mel_frames",
    "power_frames",
    "stream_log_mel",
]

F32 = NDArray[np.float32]

#: Frames transformed at once: a block of this many stays in the cache (measured).
BLOCK = 64
#: Mel bands multiplied at once.  The filters are nearly empty, so small pieces save most of
#: the work; and a piece times a block is too small for BLAS to wake its other threads.
GROUP = 16


@dataclass(frozen=True)
class FrontEnd:
    """Parameters of a spectrogram, named as in librosa.

    Parameters
    ----------
    sr : int
        Sample rate in Hz that the samples are resampled to.
    n_fft, hop_length, win_length : int
        Samples; `win_length` 0 means `n_fft`.
    center : bool
        Frame t is centred on sample ``t * hop_length``; the ends are padded.
    pad_mode : {"constant", "reflect"}
        How the ends are padded where `center` is true.
    power : float
        Exponent of the magnitude before the mel filters: 1 or 2.
    n_mels : int
        Mel bands; 0 leaves the linear spectrum.
    fmin, fmax : float
        Edges of the mel bands in Hz; `fmax` 0 means half of `sr`.
    mel_scale : {"slaney", "htk"}
    mel_norm : {"slaney", "none"}
        Bands of equal area, or of equal height.
    log : {"db", "log", "log1e4", "none"}
        ``10 log10(max(x, 1e-10))``, ``ln(max(x, 1e-10))``, ``log10(10000 x + 1)``
        (Pons & Serra 2019), or none.
    """

    sr: int = 22050
    n_fft: int = 2048
    hop_length: int = 512
    win_length: int = 0
    center: bool = True
    pad_mode: Literal["constant", "reflect"] = "constant"
    power: float = 2.0
    n_mels: int = 128
    fmin: float = 0.0
    fmax: float = 0.0
    mel_scale: Literal["slaney", "htk"] = "slaney"
    mel_norm: Literal["slaney", "none"] = "slaney"
    log: Literal["db", "log", "log1e4", "none"] = "db"

    def __post_init__(self) -> None:
        if not 0 < self.hop_length <= self.n_fft:
            raise RecipeError(
                f"hop_length {self.hop_length} with n_fft {self.n_fft}", "0 < hop_length <= n_fft"
            )
        if self.win_length > self.n_fft:
            raise RecipeError(
                f"win_length {self.win_length} with n_fft {self.n_fft}", "win_length <= n_fft"
            )

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.sr / self.hop_length

    @property
    def n_bins(self) -> int:
        """Rows of the linear spectrum: ``1 + n_fft // 2``."""
        return 1 + self.n_fft // 2

    def n_frames(self, n_samples: int) -> int:
        """Frames that `n_samples` samples give; none of no samples."""
        if self.center:
            return 1 + n_samples // self.hop_length if n_samples else 0
        return max(0, 1 + (n_samples - self.n_fft) // self.hop_length)

    def fingerprint(self) -> str:
        """Twelve hex digits that change when any parameter changes."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_json(self) -> dict[str, Any]:
        """The parameters as plain values, for a model file."""
        return asdict(self)


@lru_cache(maxsize=16)
def hann_window(n_fft: int, win_length: int) -> F32:
    """Periodic Hann window of `win_length` samples, centred in `n_fft`; 0 means all of them."""
    length = win_length or n_fft
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    left = (n_fft - length) // 2
    window = np.pad(hann, (left, n_fft - length - left)).astype(np.float32)
    window.flags.writeable = False
    return window


def _hz_to_mel(hz: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    if scale == "htk":
        return np.asarray(2595.0 * np.log10(1.0 + hz / 700.0))
    linear = hz / (200.0 / 3)
    logarithmic = 15.0 + np.log(np.maximum(hz, 1e-10) / 1000.0) / (np.log(6.4) / 27.0)
    return np.where(hz >= 1000.0, logarithmic, linear)


def _mel_to_hz(mel: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    if scale == "htk":
        return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))
    linear = mel * (200.0 / 3)
    return np.where(mel >= 15.0, 1000.0 * np.exp((np.log(6.4) / 27.0) * (mel - 15.0)), linear)


@lru_cache(maxsize=16)
def mel_filters(frontend: FrontEnd) -> F32:
    """Triangular mel filters (Slaney 1998), as ``librosa.filters.mel``.

    Returns
    -------
    ndarray, shape (n_bins, n_mels), float32
    """
    fmax = frontend.fmax or frontend.sr / 2
    edges = np.array([frontend.fmin, fmax], dtype=np.float64)
    low, high = _hz_to_mel(edges, frontend.mel_scale)
    centres = _mel_to_hz(np.linspace(low, high, frontend.n_mels + 2), frontend.mel_scale)
    bins = np.linspace(0.0, frontend.sr / 2, frontend.n_bins)
    widths = np.diff(centres)
    ramps = centres[None, :] - bins[:, None]
    rising = -ramps[:, :-2] / widths[:-1]
    falling = ramps[:, 2:] / widths[1:]
    weights = np.maximum(0.0, np.minimum(rising, falling))
    if frontend.mel_norm == "slaney":
        weights *= 2.0 / (centres[2:] - centres[:-2])
    filters = weights.astype(np.float32)
    filters.flags.writeable = False
    return filters


def _log(x: F32, kind: str) -> F32:
    """The logarithm named by ``FrontEnd.log``, in place."""
    if kind == "none":
        return x
    if kind == "log1e4":
        x *= np.float32(10000.0)
        x += np.float32(1.0)
        return np.log10(x, out=x)
    np.maximum(x, np.float32(1e-10), out=x)
    if kind == "log":
        return np.log(x, out=x)
    np.log10(x, out=x)
    x *= np.float32(10.0)
    return x


def _power_block(frames: F32, frontend: FrontEnd) -> F32:
    """Spectra of a few frames at once; see :func:`power_frames`."""
    spectrum = rfft(frames * hann_window(frontend.n_fft, frontend.win_length))
    out: F32 = spectrum.real * spectrum.real
    out += spectrum.imag * spectrum.imag
    if frontend.power == 2.0:
        return out
    np.sqrt(out, out=out)
    return out if frontend.power == 1.0 else np.power(out, np.float32(frontend.power), out=out)


def power_frames(frames: F32, frontend: FrontEnd) -> F32:
    """Spectra of samples that are already cut into frames.

    Parameters
    ----------
    frames : ndarray, shape (t, n_fft), float32

    Returns
    -------
    ndarray, shape (t, n_bins), float32
        ``|rfft|**power``.
    """
    out = np.empty((len(frames), frontend.n_bins), dtype=np.float32)
    for i in range(0, len(frames), BLOCK):
        out[i : i + BLOCK] = _power_block(frames[i : i + BLOCK], frontend)
    return out


@lru_cache(maxsize=16)
def _mel_groups(frontend: FrontEnd) -> tuple[tuple[slice, slice, F32], ...]:
    """The mel filters as dense pieces: (bins, bands, weights) without the empty corners."""
    filters = mel_filters(frontend)
    groups = []
    for j in range(0, frontend.n_mels, GROUP):
        bins = np.flatnonzero(filters[:, j : j + GROUP].any(axis=1))
        first, last = (int(bins[0]), int(bins[-1]) + 1) if len(bins) else (0, 1)
        weights = np.ascontiguousarray(filters[first:last, j : j + GROUP])
        groups.append((slice(first, last), slice(j, j + GROUP), weights))
    return tuple(groups)


def _mel_block(S: F32, frontend: FrontEnd, out: F32) -> None:
    """Mel filters and logarithm of a few spectra into `out`."""
    for bins, bands, weights in _mel_groups(frontend):
        np.matmul(S[:, bins], weights, out=out[:, bands])
    _log(out, frontend.log)


def apply_mel(S: F32, frontend: FrontEnd) -> F32:
    """Mel filters and logarithm of power spectra.

    Parameters
    ----------
    S : ndarray, shape (t, n_bins), float32

    Returns
    -------
    ndarray, shape (t, n_mels), float32
        Or the logarithm of `S` itself where ``n_mels`` is 0.
    """
    if frontend.n_mels == 0:
        return _log(S.copy(), frontend.log)
    out = np.empty((len(S), frontend.n_mels), dtype=np.float32)
    for i in range(0, len(S), BLOCK):
        _mel_block(S[i : i + BLOCK], frontend, out[i : i + BLOCK])
    return out


def mel_frames(frames: F32, frontend: FrontEnd) -> F32:
    """(Log-)mel spectra of samples that are already cut into frames.

    The same as ``apply_mel(power_frames(frames))``, but a block's linear spectra are
    gone before the next block comes, which is half the time.

    Parameters
    ----------
    frames : ndarray, shape (t, n_fft), float32

    Returns
    -------
    ndarray, shape (t, n_mels), float32
        ``n_bins`` columns where ``n_mels`` is 0.
    """
    if frontend.n_mels == 0:
        return _log(power_frames(frames, frontend), frontend.log)
    out = np.empty((len(frames), frontend.n_mels), dtype=np.float32)
    for i in range(0, len(frames), BLOCK):
        S = _power_block(frames[i : i + BLOCK], frontend)
        _mel_block(S, frontend, out[i : i + BLOCK])
    return out


class Framer:
    """Samples in, frames of samples out, as one pass over a stream.

    The frames of all pushes together are those of the whole track, centred and
    padded as the front end says.

    Parameters
    ----------
    frontend : FrontEnd
    """

    def __init__(self, frontend: FrontEnd) -> None:
        self.frontend = frontend
        self._tail = np.zeros(0, dtype=np.float32)
        self._recent = self._tail  # what the right end mirrors, of the unpadded samples
        self._started = False

    def _pad(self, y: F32, left: int, right: int) -> F32:
        mode: Any = self.frontend.pad_mode if len(y) > 1 else "constant"
        return np.pad(y, (left, right), mode=mode)

    def push(self, y: F32, last: bool = False) -> F32:
        """Add samples.

        Parameters
        ----------
        y : ndarray, shape (n,), float32
        last : bool
            These are the last samples of the track.

        Returns
        -------
        ndarray, shape (t, n_fft), float32
            A read-only view of the frames that are complete now; t may be 0.
        """
        fe = self.frontend
        half = fe.n_fft // 2
        self._tail = np.concatenate([self._tail, y])
        if fe.center:
            self._recent = np.concatenate([self._recent, y])[-half - 1 :]
            if not self._started and (len(self._recent) > half or last) and len(self._recent):
                self._tail = self._pad(self._tail, half, 0)
                self._started = True
            if not self._started:
                return np.zeros((0, fe.n_fft), dtype=np.float32)
            if last:
                end = self._pad(self._recent, 0, half)[len(self._recent) :]
                self._tail = np.concatenate([self._tail, end])
        if len(self._tail) < fe.n_fft:
            return np.zeros((0, fe.n_fft), dtype=np.float32)
        count = 1 + (len(self._tail) - fe.n_fft) // fe.hop_length
        frames = np.lib.stride_tricks.sliding_window_view(self._tail, fe.n_fft)[:: fe.hop_length]
        self._tail = self._tail[count * fe.hop_length :]
        return frames[:count]


def stream_log_mel(blocks: Iterator[F32], frontend: FrontEnd) -> Iterator[F32]:
    """Frames of (log-)mel spectra from blocks of samples; see :func:`log_mel`."""
    framer = Framer(frontend)
    for y in blocks:
        yield mel_frames(framer.push(y), frontend)
    rest = framer.push(np.zeros(0, dtype=np.float32), last=True)
    yield mel_frames(rest, frontend)


def log_mel(y: F32, frontend: FrontEnd) -> F32:
    """Log-mel spectrogram of a whole track.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
        Samples at ``frontend.sr``.

    Returns
    -------
    ndarray, shape (t, n_mels), float32
        Time first, as the windows are cut along it; transpose for librosa's layout.
        The unit is that of ``frontend.log`` (dB, natural log, …).
    """
    frames = Framer(frontend).push(np.ascontiguousarray(y, dtype=np.float32), last=True)
    return mel_frames(frames, frontend)


@lru_cache(maxsize=16)
def dct_matrix(n: int, n_out: int) -> F32:
    """Orthonormal DCT-II as a matrix, as ``scipy.fft.dct(norm="ortho")``.

    Returns
    -------
    ndarray, shape (n, n_out), float32
        ``x @ dct_matrix(n, n_out)`` gives the first `n_out` coefficients.
    """
    angles = np.pi / n * (np.arange(n)[:, None] + 0.5) * np.arange(n_out)[None, :]
    matrix = np.sqrt(2.0 / n) * np.cos(angles)
    matrix[:, 0] /= np.sqrt(2.0)
    out: F32 = matrix.astype(np.float32)
    out.flags.writeable = False
    return out
