"""The front end of musicnn as a graph of few multiplications.

Its two timbral layers take four fifths of the network's multiplications, all of
them to keep one maximum over frequency. Both tricks here are exact:

*Timbral layers* (7 frames by 38 or 67 bands). Correlation along frequency is a product
of spectra. With the odd frequencies ``w_k = 2 pi (k + 1/2) / 96`` the 96 bands of a frame
have 48 complex coefficients and no real ones, and as only positions where the filter lies
within the bands are wanted, nothing wraps around. Position ``c + u``, c being the middle one, is

    y(c + u) = sum_k Re Z_k cos(w_k u) - sum_k Im Z_k sin(w_k u) = C(u) + S(u)

so that the larger one of ``y(c + u)`` and ``y(c - u)`` is ``C(u) + |S(u)|``: half of the
positions do. Four times fewer multiplications than the plain convolution.

*Temporal layers* (128, 64 or 32 frames by one band, 51 filters each). onnxruntime computes
channels in blocks of 16 and keeps its fast layout through the maximum where their number is a
multiple of it; so the 153 filters are dealt out in their order to 64 + 48 + 48, a short
filter among longer ones filled up with zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from genrewise.backbone.graph import Graph

__all__ = ["temporal", "timbral"]

F64 = NDArray[np.float64]

#: Channels that are computed together, so that what stands between two steps stays in the
#: processor's cache (2.4 MB measured best, flat from 1.2 to 7).
BLOCK = 68
#: Where the temporal filters, in their order, are dealt out.
DEALS = (64, 112)
#: onnxruntime's channels to a block.
LANES = 16


def _spectra(graph: Graph, x: str, frames: int, bands: int, taps: int) -> str:
    """Coefficients of each frame and the next ones: (bands / 2, 2 taps, frames)."""
    angles = np.outer(_odd_frequencies(bands), np.arange(bands))
    forward = np.stack([np.cos(angles), -np.sin(angles)], axis=1).reshape(bands, bands)
    spectra = graph.add("MatMul", forward, graph.add("Transpose", x, perm=[1, 0]))
    spectra = graph.reshape(spectra, bands // 2, 2, frames + taps - 1)
    shifted = [graph.slice(spectra, tap, tap + frames, 2) for tap in range(taps)]
    return graph.add("Concat", *shifted, axis=1)


def _odd_frequencies(bands: int) -> F64:
    return np.asarray(2 * np.pi * (np.arange(bands // 2) + 0.5) / bands)


def _filter_spectra(kernel: F64, bands: int) -> tuple[F64, F64]:
    """Weights (bands / 2, filters, 2 taps) of the real and of the imaginary part of Z."""
    taps, height, filters = kernel.shape
    centre = (bands - height) / 2
    angles = np.outer(_odd_frequencies(bands), np.arange(height) + centre)
    spectra = np.einsum("kh,tho->kot", np.exp(1j * angles) / (bands // 2), kernel)
    shape = (bands // 2, filters, 2 * taps)
    real = np.stack([spectra.real, -spectra.imag], axis=-1).reshape(shape)
    imaginary = np.stack([spectra.imag, spectra.real], axis=-1).reshape(shape)
    return real, imaginary


def _largest(graph: Graph, spectra: str, kernel: F64, frames: int, bands: int) -> list[str]:
    """Maxima over frequency of one timbral layer: blocks of (1, 1, 1, channels, frames)."""
    count = bands - kernel.shape[1] + 1
    distances = np.arange((count + 1) // 2) + (0.0 if count % 2 else 0.5)
    angles = np.outer(distances, _odd_frequencies(bands))
    cosine, sine = graph.constant(np.cos(angles)), graph.constant(np.sin(angles))
    real, imaginary = _filter_spectra(kernel, bands)
    found = []
    for start in range(0, kernel.shape[2], BLOCK):
        parts = []
        for weights, wave in ((real, cosine), (imaginary, sine)):
            block = weights[:, start : start + BLOCK]
            z = graph.add("MatMul", block, spectra)
            z = graph.reshape(z, bands // 2, -1)
            parts.append(graph.add("MatMul", wave, z))
        both = graph.add("Add", parts[0], graph.add("Abs", parts[1]))
        both = graph.reshape(both, 1, 1, len(distances), -1, frames)
        # As pooling, because ReduceMax takes five times as long.
        found.append(graph.add("MaxPool", both, kernel_shape=[len(distances), 1, 1]))
    return found


def timbral(graph: Graph, x: str, size: tuple[int, int], layers: Sequence[tuple[F64, F64]]) -> str:
    """Largest values over frequency of layers that span several frames and many bands.

    Parameters
    ----------
    graph : Graph
        Is added to.
    x : str
        Value of the shape `size`.
    size : tuple of int
        Frames and bands; the bands are an even number.
    layers : sequence of (ndarray, ndarray)
        Kernels (taps, height, filters), all of the same odd number of taps, and
        biases (filters,).

    Returns
    -------
    str
        Value of the shape (all filters, frames).
    """
    frames, bands = size
    taps = layers[0][0].shape[0]
    padded = graph.add("Pad", x, np.array([taps // 2, 0, taps // 2, 0]))
    spectra = _spectra(graph, padded, frames, bands, taps)
    found = [part for k, _ in layers for part in _largest(graph, spectra, k, frames, bands)]
    largest = graph.reshape(graph.add("Concat", *found, axis=3), -1, frames)
    return graph.add("Add", largest, np.concatenate([bias for _, bias in layers])[:, None])


def _dealt(layers: Sequence[tuple[F64, F64]]) -> list[tuple[F64, F64]]:
    """The filters (filters, taps) and biases of all layers in groups of full blocks."""
    longest = max(len(kernel) for kernel, _ in layers)
    rows, reach = [], []
    for kernel, _ in layers:
        before = (longest - 1) // 2 - (len(kernel) - 1) // 2
        rows.append(np.pad(kernel.T, ((0, 0), (before, longest - before - len(kernel)))))
        reach += [len(kernel)] * kernel.shape[1]
    bias = np.concatenate([b for _, b in layers])
    groups = []
    for part in filter(len, np.split(np.arange(len(bias)), DEALS)):
        taps = max(reach[i] for i in part)
        before = (longest - 1) // 2 - (taps - 1) // 2
        kernel = np.concatenate(rows)[part, before : before + taps]
        groups.append((kernel, bias[part]))
    return groups


def temporal(graph: Graph, x: str, size: tuple[int, int], layers: Sequence[tuple[F64, F64]]) -> str:
    """Largest values over frequency of layers that span one band and many frames.

    Parameters
    ----------
    graph : Graph
        Is added to.
    x : str
        Value of the shape `size`.
    size : tuple of int
        Frames and bands.
    layers : sequence of (ndarray, ndarray)
        Kernels (taps, filters), the longest first, and biases (filters,).

    Returns
    -------
    str
        Value of the shape (all filters, frames).
    """
    frames, bands = size
    picture = graph.reshape(x, 1, 1, frames, bands)
    found = []
    for kernel, bias in _dealt(layers):
        count, taps = kernel.shape
        fill = -count % LANES
        weights = np.pad(kernel, ((0, fill), (0, 0)))[:, None, :, None]
        pads = [(taps - 1) // 2, 0, taps // 2, 0]
        out = graph.add("Conv", picture, weights, np.pad(bias, (0, fill)), pads=pads)
        out = graph.add("MaxPool", out, kernel_shape=[1, bands], strides=[1, bands])
        found.append(graph.slice(out, 0, count, 1))
    return graph.reshape(graph.add("Concat", *found, axis=1), -1, frames)
