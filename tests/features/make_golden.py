"""Write golden.json: what librosa 0.11 and pyAudioAnalysis 0.3.14 say of a synthetic tune.

Run from the checkout: ``python tests/features/make_golden.py``.  The values stand in the
repository so that neither our code nor a newer library can change them unseen.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import librosa
import numpy as np
from numpy.typing import NDArray

GOLDEN = Path(__file__).with_name("golden.json")
SR = 22050


def samples() -> NDArray[np.float32]:
    """Three seconds of chords, a sweep and clicks; no random numbers, so the same anywhere."""
    t = np.arange(3 * SR) / SR
    chord = sum(np.sin(2 * np.pi * f * t) / (i + 1) for i, f in enumerate((220, 277.18, 329.63)))
    sweep = np.sin(2 * np.pi * (300 * t + 900 * t**2)) * (t / 3)
    clicks = np.where(np.arange(len(t)) % (SR // 2) < 60, 1.0, 0.0) * np.cos(5000 * t)
    # A floor of noise, or the faintest bins would hold nothing but rounding.
    noise = np.modf(np.sin(np.arange(len(t)) * 12.9898) * 43758.5453)[0]
    return (0.2 * chord + 0.2 * sweep + 0.5 * clicks + 0.01 * noise).astype(np.float32)


def rounded(x: Any) -> Any:
    return [float(f"{v:.7g}") for v in np.asarray(x, dtype=np.float64).ravel()]


def frames() -> dict[str, Any]:
    """Every feature of every twentieth frame."""
    y = samples()
    S = np.abs(librosa.stft(y))
    C = np.abs(librosa.cqt(y, sr=SR, n_bins=84))
    onset = librosa.onset.onset_strength(y=y, sr=SR)
    found = {
        "log_mel": librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=SR))[::16],
        "mfcc": librosa.feature.mfcc(y=y, sr=SR, n_mfcc=20),
        "centroid": librosa.feature.spectral_centroid(S=S, sr=SR),
        "bandwidth": librosa.feature.spectral_bandwidth(S=S, sr=SR),
        "rolloff": librosa.feature.spectral_rolloff(S=S, sr=SR),
        "contrast": librosa.feature.spectral_contrast(S=S, sr=SR),
        "flatness": librosa.feature.spectral_flatness(y=y),
        "rms": librosa.feature.rms(y=y),
        "zcr": librosa.feature.zero_crossing_rate(y),
        "chroma_stft": librosa.feature.chroma_stft(y=y, sr=SR),
        "chroma_cqt": librosa.feature.chroma_cqt(C=C, bins_per_octave=12),
        "chroma_cens": librosa.feature.chroma_cens(C=C, bins_per_octave=12),
        "tonnetz": librosa.feature.tonnetz(
            chroma=librosa.feature.chroma_cqt(C=C, bins_per_octave=12)
        ),
        "onset": onset[None],
        "tempogram": librosa.feature.tempogram(onset_envelope=onset, sr=SR)[::32],
    }
    values = {name: rounded(x.T[::20]) for name, x in found.items()}
    harmonic, percussive = librosa.effects.hpss(y)
    values["harmonic"] = rounded(harmonic[::3001])
    values["percussive"] = rounded(percussive[::3001])
    tempo, beats = librosa.beat.beat_track(onset_envelope=onset, sr=SR)
    values["tempo"] = rounded(np.atleast_1d(tempo))
    values["beats"] = [int(b) for b in beats]
    return values


def short_term() -> dict[str, Any]:
    """pyAudioAnalysis' features of every tenth frame."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyAudioAnalysis import ShortTermFeatures
    features, names = ShortTermFeatures.feature_extraction(
        samples() * 2**15, SR, round(0.05 * SR), round(0.025 * SR)
    )
    return {"names": names, "values": rounded(features.T[::10])}


def main() -> None:
    """Write the file."""
    made = {
        "made_by": {"librosa": librosa.__version__, "pyAudioAnalysis": "0.3.14"},
        "frames": frames(),
        "short_term": short_term(),
    }
    GOLDEN.write_text(json.dumps(made, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
