"""Inputs that look at the samples of a window by themselves, as some published systems did.

Each window is framed anew, so nothing of its neighbours gets in at its edges.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from genrewise.errors import RecipeError, UnknownName
from genrewise.features.frontend import FrontEnd
from genrewise.input_base import F32, Feed, Input, fill

if TYPE_CHECKING:
    from genrewise.features.pictures import Kind

__all__ = ["SETS", "CentroidInput", "PictureInput", "SummaryInput"]

#: Feature sets of :mod:`genrewise.features.summary` and the size of their vectors.
SETS: Mapping[str, int] = {"gtzan57": 57, "fma518": 518, "pyaudio136": 136}


class _Samples(Feed):
    """A row is a sample."""

    def push(self, y: F32, last: bool) -> F32:  # noqa: ARG002
        return y


class SampleInput(Input):
    """An input whose rows are the samples themselves."""

    def __init__(self, sr: int) -> None:
        self.frontend = FrontEnd(sr=sr)
        self.rate, self.offset = float(sr), 0.0

    def feed(self) -> Feed:
        """Start a track."""
        return _Samples()

    def stem(self) -> str:
        """All that look at samples of one rate share them."""
        return f"samples {self.frontend.sr}"

    @abstractmethod
    def window(self, rows: F32) -> F32:
        """Array of one window from its samples."""


class PictureInput(SampleInput):
    """A spectrogram as a picture, scaled to 0..1 (:mod:`genrewise.features.pictures`).

    Parameters
    ----------
    picture : {"grey", "mel", "colour"}
        The last has three channels.
    size : (int, int)
        Width and height.
    sr : int
        Hz.
    """

    kind = "picture"

    def __init__(self, picture: Kind, size: tuple[int, int], sr: int = 22050) -> None:
        from genrewise.features.pictures import KINDS

        if picture not in KINDS:
            raise UnknownName("kind of picture", picture, KINDS)
        if min(size) < 1:
            raise RecipeError(f"pictures of {size[0]} x {size[1]}", "1 pixel or more each way")
        super().__init__(sr)
        self.picture, self.size = picture, size

    def window(self, rows: F32) -> F32:
        """Array of shape (1 or 3, height, width)."""
        from genrewise.features.pictures import picture

        pixels = picture(rows, self.frontend.sr, self.picture, self.size)
        scaled = pixels.astype(np.float32) / np.float32(255)
        return scaled[None] if scaled.ndim == 2 else np.ascontiguousarray(scaled.transpose(2, 0, 1))

    def to_json(self) -> dict[str, Any]:
        """Plain values for :func:`genrewise.input_kinds.make_input`."""
        return {
            "kind": self.kind,
            "picture": self.picture,
            "size": list(self.size),
            "sr": self.frontend.sr,
        }


class CentroidInput(SampleInput):
    """The spectral centroid of the frames of a window in kHz, shape (n_frames,).

    Frames of 2,048 samples every 512 at 22,050 Hz, librosa's defaults.
    """

    kind = "centroid"

    def __init__(self, n_frames: int) -> None:
        if n_frames < 1:
            raise RecipeError(f"a centroid of {n_frames} frames", "1 or more")
        super().__init__(22050)
        self.n_frames = n_frames

    def window(self, rows: F32) -> F32:
        """Array of shape (n_frames,); a window with fewer frames is repeated."""
        from genrewise.features.spectral import Spectra, spectral_centroid

        hz = spectral_centroid(Spectra(rows, self.frontend).magnitude, self.frontend.sr)
        return fill(hz / np.float32(1000), self.n_frames)

    def to_json(self) -> dict[str, Any]:
        """Plain values for :func:`genrewise.input_kinds.make_input`."""
        return {"kind": self.kind, "n_frames": self.n_frames}


class SummaryInput(SampleInput):
    """A window as one vector of well-known features (:mod:`genrewise.features.summary`).

    Parameters
    ----------
    name : {"gtzan57", "fma518", "pyaudio136"}
    """

    kind = "summary"

    def __init__(self, name: str) -> None:
        if name not in SETS:
            raise UnknownName("feature set", name, SETS)
        super().__init__(22050)
        self.name = name

    def window(self, rows: F32) -> F32:
        """Array of the set's size."""
        from genrewise.features import summary

        values: F32 = getattr(summary, self.name)(rows, self.frontend.sr).values
        assert values.shape == (SETS[self.name],), values.shape
        return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)

    def to_json(self) -> dict[str, Any]:
        """Plain values for :func:`genrewise.input_kinds.make_input`."""
        return {"kind": self.kind, "set": self.name}
