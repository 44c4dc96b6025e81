"""The network of musicnn in plain numpy, layer by layer as the paper draws it.

It exists to check the ONNX graph of :mod:`genrewise.backbone.musicnn` against something
that shares no code with it: double precision, the checkpoint's own layout (time,
frequency, channel), each batch normalisation where it stands, nothing folded or merged.

Source: Pons & Serra, "musicnn: pre-trained convolutional neural networks for music audio
tagging", ISMIR late-breaking demo 2019; Pons et al., "End-to-end learning for music audio
tagging at scale", ISMIR 2018.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["forward"]

F64 = NDArray[np.float64]
Weights = Mapping[str, NDArray[Any]]

#: Added to the variance in every batch normalisation.
EPSILON = 1e-3


def _name(layer: str, number: int) -> str:
    return f"{layer}_{number}" if number else layer


def _normalise(x: F64, weights: Weights, number: int) -> F64:
    """Batch normalisation `number` along the last axis."""
    layer = _name("batch_normalization", number)
    gamma, beta, mean, variance = (
        weights[f"{layer}/{part}"].astype(np.float64)
        for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    return np.asarray(gamma * (x - mean) / np.sqrt(variance + EPSILON) + beta)


def _convolve(x: F64, weights: Weights, number: int) -> F64:
    """Rectified convolution `number` of (time, frequency), padded along time only."""
    layer = _name("conv2d", number)
    kernel = weights[f"{layer}/kernel"].astype(np.float64)[:, :, 0]
    taps, height, _ = kernel.shape
    padded = np.pad(x, (((taps - 1) // 2, taps // 2), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (taps, height))
    out = np.tensordot(patches, kernel, axes=([2, 3], [0, 1]))
    return np.maximum(out + weights[f"{layer}/bias"], 0.0)


def _dense(x: F64, weights: Weights, layer: str) -> F64:
    return np.asarray(x @ weights[f"{layer}/kernel"].astype(np.float64) + weights[f"{layer}/bias"])


def forward(patch: NDArray[np.float32], weights: Weights) -> dict[str, F64]:
    """Run the network on one patch.

    Parameters
    ----------
    patch : ndarray, shape (frames, 96), float32
        Log-mel spectra, ``log10(10000 power + 1)``.
    weights : mapping of str to ndarray
        The checkpoint's tensors.

    Returns
    -------
    dict of str to ndarray, float64
        ``tags`` (50,), ``penultimate`` (200,), ``pooled`` (1506,): 753 maxima, 753 means.
    """
    x = _normalise(patch.astype(np.float64)[:, :, None], weights, 0)[:, :, 0]
    # Front end: two timbral widths and three temporal lengths, each pooled over frequency.
    front = [
        _normalise(_convolve(x, weights, number), weights, number + 1).max(axis=1)
        for number in range(5)
    ]
    features = np.concatenate(front, axis=1)
    # Mid end: three layers over all channels; the last two add what came before.
    layers = [features]
    for number in (5, 6, 7):
        out = _normalise(_convolve(layers[-1], weights, number)[:, 0], weights, number + 1)
        layers.append(out if number == 5 else out + layers[-1])
    # Back end: each channel's maximum and mean stand side by side.
    dense = np.concatenate(layers, axis=1)
    pooled = np.stack([dense.max(axis=0), dense.mean(axis=0)], axis=1)
    hidden = np.maximum(_dense(_normalise(pooled.ravel(), weights, 9), weights, "dense"), 0.0)
    penultimate = _normalise(hidden, weights, 10)
    tags = 1.0 / (1.0 + np.exp(-_dense(penultimate, weights, "dense_1")))
    return {"tags": tags, "penultimate": penultimate, "pooled": pooled.T.ravel()}
