"""Features against librosa: log-mel spectra and the 57 columns of the GTZAN table.

Both sides get the same 30 s of samples in the same process, one thread each; the calls
alternate, and the ratio is the median of the pairs' ratios.  librosa's calls are those that
made the table.  Both are warm: librosa's functions are compiled before the first pair.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from common import Row, alternate, median, music, save, timed
from genrewise.audio import resample
from genrewise.features import FEATURES
from genrewise.features.frontend import FrontEnd, log_mel

SR = 22050
SECONDS = 30.0
PAIRS = 21
F32 = NDArray[np.float32]


def librosa_log_mel(y: F32) -> F32:
    """Log-mel with librosa's own settings, which are those of our front end."""
    decibels: F32 = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=SR))
    return decibels


def librosa_gtzan57(y: F32) -> list[float]:
    """The calls that made the well-known table."""
    harmonic, percussive = librosa.effects.hpss(y)
    rows = [
        librosa.feature.chroma_stft(y=y, sr=SR),
        librosa.feature.rms(y=y),
        librosa.feature.spectral_centroid(y=y, sr=SR),
        librosa.feature.spectral_bandwidth(y=y, sr=SR),
        librosa.feature.spectral_rolloff(y=y, sr=SR),
        librosa.feature.zero_crossing_rate(y),
        harmonic,
        percussive,
        *librosa.feature.mfcc(y=y, sr=SR, n_mfcc=20),
    ]
    tempo = float(librosa.feature.tempo(y=y, sr=SR)[0])
    return [tempo, *(float(f(x)) for x in rows for f in (np.mean, np.var))]


def compare(
    ours: Callable[[F32], Any], theirs: Callable[[F32], Any], y: F32, pairs: int
) -> tuple[list[float], list[float], float]:
    """Seconds of each call of both, and the median of the ratios of pairs."""
    ours(y)
    theirs(y)
    mine, other = alternate([timed(lambda: ours(y)), timed(lambda: theirs(y))], pairs)
    return mine, other, median(b / a for a, b in zip(mine, other, strict=True))


def main() -> None:
    """Measure and keep."""
    y = resample(music(SECONDS, 0)[:, 0], 44100, SR)
    frontend = FrontEnd()
    gtzan57 = FEATURES.get("gtzan57")
    mel = compare(lambda x: log_mel(x, frontend), librosa_log_mel, y, PAIRS * 3)
    columns = compare(lambda x: gtzan57(x, SR), librosa_gtzan57, y, PAIRS)
    rows = []
    for what, (mine, other, ratio), target in (
        ("log-mel of 30 s", mel, "≥ 2"),
        ("57 GTZAN columns of 30 s", columns, "≥ 6"),
    ):
        rows += [
            Row(what, f"{1000 * median(mine):.1f} ms"),
            Row("the same with librosa", f"{1000 * median(other):.1f} ms"),
            Row("how many times faster", f"{ratio:.1f}", target),
        ]
    for layout in ("fma518", "pyaudio136", "statistics"):
        function = FEATURES.get(layout)
        function(y, SR)
        seconds = [timed(lambda f=function: f(y, SR))() for _ in range(5)]
        rows.append(Row(f"{layout} of 30 s", f"{1000 * median(seconds):.1f} ms"))
    values = {
        "log_mel": {"ours": mel[0], "librosa": mel[1], "ratio": mel[2]},
        "gtzan57": {"ours": columns[0], "librosa": columns[1], "ratio": columns[2]},
    }
    save("features", rows, values)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
