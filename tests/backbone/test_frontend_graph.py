"""The two tricks of the front end's graph against plain correlation."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genrewise.backbone import frontend_graph
from genrewise.backbone.frontend_graph import temporal, timbral
from genrewise.backbone.graph import Graph, model

Layers = list[tuple[NDArray[np.float64], NDArray[np.float64]]]


def plain(x: NDArray[Any], layers: Layers) -> NDArray[np.float64]:
    """Maxima over frequency of correlations that are padded along time; one filter a row."""
    rows = []
    for kernel, bias in layers:
        taps, height, filters = kernel.shape
        padded = np.pad(x.astype(np.float64), (((taps - 1) // 2, taps // 2), (0, 0)))
        patches = np.lib.stride_tricks.sliding_window_view(padded, (taps, height))
        rows += [
            (patches * kernel[:, :, i]).sum(axis=(2, 3)).max(axis=1) + bias[i]
            for i in range(filters)
        ]
    return np.array(rows)


def run(which: Any, x: NDArray[Any], layers: Layers) -> NDArray[np.float32]:
    graph = Graph()
    out = which(graph, "x", x.shape, layers)
    rows = sum(len(bias) for _, bias in layers)
    proto = graph.proto({"x": x.shape}, {out: (rows, x.shape[0])})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model(proto), options, providers=["CPUExecutionProvider"]
    )
    found: NDArray[np.float32] = session.run(None, {"x": x.astype(np.float32)})[0]
    return found


def layer(rng: Any, *shape: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return rng.normal(size=shape), rng.normal(size=shape[-1])


@settings(max_examples=25, deadline=None)
@given(
    frames=st.integers(1, 20),
    half=st.integers(2, 16),
    taps=st.sampled_from([1, 3, 5, 7]),
    heights=st.lists(st.floats(0, 1), min_size=1, max_size=3),
    filters=st.integers(1, 9),
    block=st.integers(1, 10),
    seed=st.integers(0, 99),
)
def test_timbral_equals_correlation(
    *, frames: int, half: int, taps: int, heights: list[float], filters: int, block: int, seed: int
) -> None:
    rng, bands = np.random.default_rng(seed), 2 * half
    x = rng.normal(size=(frames, bands)).astype(np.float32)
    sizes = [1 + round(h * (bands - 1)) for h in heights]
    layers = [layer(rng, taps, height, filters) for height in sizes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frontend_graph, "BLOCK", block)
        found = run(timbral, x, layers)
    np.testing.assert_allclose(found, plain(x, layers), rtol=0, atol=2e-4)


@pytest.mark.parametrize("height", [38, 67])
def test_timbral_at_the_size_of_the_network(height: int) -> None:
    rng = np.random.default_rng(height)
    x = rng.gamma(2.0, 1.0, (187, 96)).astype(np.float32)
    layers = [(rng.normal(size=(7, height, 5)) * 0.1, rng.normal(size=5))]
    expected = plain(x, layers)
    found = run(timbral, x, layers)
    assert np.abs(found - expected).max() < 2e-6 * np.abs(expected).max()


@pytest.mark.parametrize("position", [0, 1, 28, 29, 30, 57, 58])
def test_timbral_finds_the_largest_wherever_it_stands(position: int) -> None:
    x = np.zeros((9, 96), dtype=np.float32)
    kernel = np.zeros((7, 38, 1))
    kernel[3, 0, 0] = 1.0  # picks the band at the filter's own position
    x[4, position] = 5.0
    x[4, (position + 20) % 59] = 4.0
    found = run(timbral, x, [(kernel, np.zeros(1))])
    np.testing.assert_allclose(found[0, 4], 5.0, atol=1e-5)
    np.testing.assert_allclose(np.delete(found[0], 4), 0.0, atol=1e-5)


def test_timbral_does_not_see_beyond_the_bands() -> None:
    x = np.zeros((7, 96), dtype=np.float32)
    x[:, 59:] = 9.0  # the first band of a filter of 38 bands never gets there
    kernel = np.zeros((7, 38, 1))
    kernel[3, 0, 0] = 1.0
    np.testing.assert_allclose(run(timbral, x, [(kernel, np.zeros(1))]), 0.0, atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(
    frames=st.integers(1, 40),
    bands=st.integers(1, 12),
    taps=st.lists(st.integers(1, 20), min_size=1, max_size=3),
    filters=st.integers(1, 60),
    seed=st.integers(0, 99),
)
def test_temporal_equals_correlation(
    frames: int, bands: int, taps: list[int], filters: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(frames, bands)).astype(np.float32)
    layers = [layer(rng, n, 1, filters) for n in sorted(taps, reverse=True)]
    flat = [(kernel[:, 0], bias) for kernel, bias in layers]
    np.testing.assert_allclose(run(temporal, x, flat), plain(x, layers), rtol=0, atol=1e-4)


def test_temporal_at_the_size_of_the_network() -> None:
    rng = np.random.default_rng(3)
    x = rng.gamma(2.0, 1.0, (187, 96)).astype(np.float32)
    layers = [layer(rng, taps, 1, 51) for taps in (128, 64, 32)]
    flat = [(kernel[:, 0] * 0.1, bias) for kernel, bias in layers]
    expected = plain(x, [(kernel * 0.1, bias) for kernel, bias in layers])
    found = run(temporal, x, flat)
    assert found.shape == (153, 187)
    assert np.abs(found - expected).max() < 2e-6 * np.abs(expected).max()


def test_the_filters_are_dealt_out_in_full_blocks() -> None:
    layers = [(np.ones((taps, 51)), np.zeros(51)) for taps in (128, 64, 32)]
    groups = frontend_graph._dealt(layers)
    assert [kernel.shape for kernel, _ in groups] == [(64, 128), (48, 64), (41, 32)]
    assert sum(kernel.sum() for kernel, _ in groups) == 51 * (128 + 64 + 32)
