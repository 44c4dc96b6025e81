"""Features of audio: spectra, harmony, rhythm, statistics and pictures."""

from __future__ import annotations

from genrewise.registry import Registry

__all__ = ["FEATURES"]

#: Layouts of a track as one vector: functions ``(y, sr) -> NamedVector``.
FEATURES = Registry(
    "feature",
    {
        "gtzan57": "genrewise.features.summary:gtzan57",
        "fma518": "genrewise.features.summary:fma518",
        "pyaudio136": "genrewise.features.summary:pyaudio136",
        "statistics": "genrewise.features.summary:statistics",
    },
)
