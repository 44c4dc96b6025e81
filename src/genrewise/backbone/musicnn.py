"""The network of musicnn as an ONNX graph, written anew from the papers.

Front end: convolutions that span much frequency and little time (timbre) and ones that
span one band and much time (rhythm), each pooled over frequency. Mid end: three
convolutions along time, the last two residual. Back end: maximum and mean over time,
one hidden layer, one sigmoid a tag.

A batch normalisation stands behind each rectifier, so it cannot be folded into the
weights as such. With scale a and shift b, however, ``a * relu(x) + b`` is
``clip(a x) + b``, clipped below at 0 where a is positive and above at 0 where it is
negative; and clipping commutes with the maximum over frequency. So the scale goes into
the weights, and what stays is done on one value a frame and channel.

The original rounds its spectra to 16 bits before the logarithm, which overflows on loud
music; that fault is not copied.

Source: Pons et al., "End-to-end learning for music audio tagging at scale", ISMIR 2018;
Pons & Serra, "musicnn: pre-trained convolutional neural networks for music audio
tagging", ISMIR late-breaking demo 2019. The weights are theirs, under the ISC licence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.backbone.frontend_graph import temporal, timbral
from genrewise.backbone.graph import Graph, model
from genrewise.backbone.reference import EPSILON, forward
from genrewise.errors import ParityError
from genrewise.features.frontend import FrontEnd

__all__ = ["FRONT_END", "MSD_TAGS", "MTT_TAGS", "OUTPUTS", "PATCH", "build", "check_parity"]

F64 = NDArray[np.float64]
Weights = Mapping[str, NDArray[Any]]

#: What the patches are made with; librosa padded by reflection when the network was trained.
FRONT_END = FrontEnd(
    sr=16000, n_fft=512, hop_length=256, n_mels=96, pad_mode="reflect", log="log1e4"
)
#: Frames and bands of a patch: 3 s.
PATCH = (187, 96)
#: Outputs and their sizes; ``pooled`` is 753 maxima over time, then 753 means.
OUTPUTS = {"tags": 50, "penultimate": 200, "pooled": 1506}
#: Tags of the Million Song Dataset, in the order of the output (Last.fm's spelling).
MSD_TAGS = (
    *("rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s"),
    *("alternative rock", "jazz", "beautiful", "metal", "chillout", "male vocalists"),
    *("classic rock", "soul", "indie rock", "Mellow", "electronica", "80s", "folk", "90s"),
    *("chill", "instrumental", "punk", "oldies", "blues", "hard rock", "ambient", "acoustic"),
    *("experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country"),
    *("easy listening", "sexy", "catchy", "funk", "electro", "heavy metal"),
    *("Progressive rock", "60s", "rnb", "indie pop", "sad", "House", "happy"),
)
#: Tags of MagnaTagATune, in the order of the output.
MTT_TAGS = (
    *("guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock"),
    *("fast", "piano", "ambient", "beat", "violin", "vocal", "synth", "female", "indian"),
    *("opera", "male", "singing", "vocals", "no vocals", "harpsichord", "loud", "quiet"),
    *("flute", "woman", "male vocal", "no vocal", "pop", "soft", "sitar", "solo", "man"),
    *("classic", "choir", "voice", "new age", "dance", "male voice", "female vocal", "beats"),
    *("harp", "cello", "no voice", "weird", "country", "metal", "female voice", "choral"),
)
#: Largest difference of a tag between the graph and the reference.
TOLERANCE = 1e-5


def _name(layer: str, number: int) -> str:
    return f"{layer}_{number}" if number else layer


def _scale_shift(weights: Weights, number: int) -> tuple[F64, F64]:
    """Batch normalisation `number` as ``scale * x + shift``."""
    layer = _name("batch_normalization", number)
    gamma, beta, mean, variance = (
        weights[f"{layer}/{part}"].astype(np.float64)
        for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    scale = gamma / np.sqrt(variance + EPSILON)
    return scale, beta - mean * scale


def _kernel(weights: Weights, number: int) -> tuple[F64, F64]:
    """Kernel (taps, height, filters) and bias of a convolution, times the scale behind it."""
    layer = _name("conv2d", number)
    scale, _ = _scale_shift(weights, number + 1)
    kernel = weights[f"{layer}/kernel"].astype(np.float64)[:, :, 0]
    return kernel * scale, weights[f"{layer}/bias"] * scale


def _rectify(graph: Graph, weights: Weights, x: str, numbers: Sequence[int]) -> str:
    """Rectifier and the rest of the normalisations of (…, channels, frames)."""
    parts = zip(*(_scale_shift(weights, number) for number in numbers), strict=True)
    scale, shift = (np.concatenate(part)[:, None] for part in parts)
    low = np.where(scale < 0, -np.inf, 0.0)
    high = np.where(scale < 0, 0.0, np.inf)
    return graph.add("Add", graph.add("Min", graph.add("Max", x, low), high), shift)


def _front_end(weights: Weights) -> Any:
    """Graph of one patch (frames, bands) to its features (561, frames)."""
    graph = Graph("front_")
    scale, shift = _scale_shift(weights, 0)
    x = graph.add("Add", graph.add("Mul", "patch", scale), shift)
    wide = [_kernel(weights, number) for number in (0, 1)]
    long = [_kernel(weights, number) for number in (2, 3, 4)]
    timbre = timbral(graph, x, PATCH, wide)
    rhythm = temporal(graph, x, PATCH, [(kernel[:, 0], bias) for kernel, bias in long])
    features = graph.add("Concat", timbre, rhythm, axis=0)
    out = _rectify(graph, weights, features, range(1, 6))
    return graph.proto({"patch": PATCH}, {out: [561, PATCH[0]]})


def _mid_end(graph: Graph, weights: Weights, features: str) -> str:
    """Features (N, 561, frames) to (N, 753, frames), each layer's output beside them."""
    layers = [features]
    for number in (5, 6, 7):
        kernel, bias = _kernel(weights, number)
        out = graph.add("Conv", layers[-1], kernel.transpose(2, 1, 0), bias, pads=[3, 3])
        out = _rectify(graph, weights, out, [number + 1])
        layers.append(out if number == 5 else graph.add("Add", out, layers[-1]))
    return graph.add("Concat", *layers, axis=1)


def _back_end(graph: Graph, weights: Weights, dense: str) -> None:
    time = np.array([2])
    extremes = [graph.add(op, dense, time, keepdims=0) for op in ("ReduceMax", "ReduceMean")]
    pooled = graph.add("Concat", *extremes, axis=1, name="pooled")
    scale, shift = _scale_shift(weights, 9)
    kernel = weights["dense/kernel"].astype(np.float64)
    bias = weights["dense/bias"] + shift @ kernel
    # The checkpoint's rows alternate between a channel's maximum and its mean.
    kernel = (kernel * scale[:, None]).reshape(-1, 2, kernel.shape[1])
    kernel = np.concatenate([kernel[:, 0], kernel[:, 1]])
    hidden = graph.add("Relu", graph.add("Gemm", pooled, kernel, bias))
    scale, shift = _scale_shift(weights, 10)
    penultimate = graph.add("Add", graph.add("Mul", hidden, scale), shift, name="penultimate")
    kernel, bias = weights["dense_1/kernel"], weights["dense_1/bias"]
    graph.add("Sigmoid", graph.add("Gemm", penultimate, kernel, bias), name="tags")


def build(weights: Weights) -> bytes:
    """The network as a serialised ONNX model.

    Parameters
    ----------
    weights : mapping of str to ndarray
        The checkpoint's tensors by name.

    Returns
    -------
    bytes
        Input ``patches`` float32 (N, 187, 96), N at least 1; outputs ``tags`` (N, 50), in 0 to 1,
        ``penultimate`` (N, 200) and ``pooled`` (N, 1506).

    Raises
    ------
    MissingExtra
        Where onnx is not installed.
    """
    graph = Graph()
    # The front end goes over the patches one by one: together they leave the cache.
    features = graph.add("Scan", "patches", body=_front_end(weights), num_scan_inputs=1)
    _back_end(graph, weights, _mid_end(graph, weights, features))
    ends = {name: ("N", size) for name, size in OUTPUTS.items()}
    return model(graph.proto({"patches": ("N", *PATCH)}, ends))


def check_parity(network: bytes, weights: Weights, seed: int = 0) -> float:
    """Compare a graph, run by onnxruntime, with the reference in plain numpy.

    Parameters
    ----------
    network : bytes
        As :func:`build` gives it.
    weights : mapping of str to ndarray
    seed : int
        Of the random patches.

    Returns
    -------
    float
        The largest difference of a tag.

    Raises
    ------
    ParityError
        Where a tag differs by more than 1e-5, or another output by more than that part of
        its largest value.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(seed)
    # Spectra from near silence to loud, some with a beat, in the range that music has.
    patches = rng.uniform(0, 1, (3, 1, 1)) * rng.gamma(2.0, 1.0, (3, *PATCH))
    patches[1] *= rng.uniform(0, 1, (PATCH[0], 1)) > 0.7
    patches = patches.astype(np.float32)
    given = dict(zip(OUTPUTS, session.run(list(OUTPUTS), {"patches": patches}), strict=True))
    worst = dict.fromkeys(OUTPUTS, 0.0)
    for i, patch in enumerate(patches):
        for output, expected in forward(patch, weights).items():
            unit = 1.0 if output == "tags" else max(1.0, float(np.abs(expected).max()))
            difference = float(np.abs(given[output][i] - expected).max()) / unit
            # A NaN compares false with everything: it must not pass for parity.
            worst[output] = max(worst[output], difference if difference >= 0 else np.inf)
    for output, difference in worst.items():
        if difference > TOLERANCE:
            raise ParityError(
                f"the converted network's {output} differ by {difference:.1e}",
                f"at most {TOLERANCE:.0e} from the checkpoint",
                "update onnxruntime or report this with its version",
            )
    return worst["tags"]
