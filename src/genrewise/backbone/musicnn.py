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

from genrewise.backbone.reference import EPSILON, forward
from genrewise.errors import MissingExtra, ParityError
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


def _onnx() -> Any:
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingExtra("converting a network", "backbone", "onnx") from error
    return onnx


def _name(layer: str, number: int) -> str:
    return f"{layer}_{number}" if number else layer


class _Graph:
    """Nodes and constants of a graph under construction; each method gives a value's name."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: NDArray[Any]) -> str:
        name = f"constant{len(self.constants)}"
        kind = np.int64 if values.dtype.kind == "i" else np.float32
        array = np.ascontiguousarray(values, dtype=kind)
        self.constants.append(_onnx().numpy_helper.from_array(array, name))
        return name

    def add(self, op: str, *inputs: str | NDArray[Any], name: str = "", **attributes: Any) -> str:
        output = name or f"value{len(self.nodes)}"
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        self.nodes.append(_onnx().helper.make_node(op, names, [output], **attributes))
        return output

    def scale_shift(self, number: int) -> tuple[F64, F64]:
        """Batch normalisation `number` as ``scale * x + shift``."""
        layer = _name("batch_normalization", number)
        gamma, beta, mean, variance = (
            self.weights[f"{layer}/{part}"].astype(np.float64)
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + EPSILON)
        return scale, beta - mean * scale

    def kernel(self, number: int) -> tuple[F64, F64]:
        """Kernel (taps, height, filters) and bias of a convolution, times the scale behind it."""
        layer = _name("conv2d", number)
        scale, _ = self.scale_shift(number + 1)
        kernel = self.weights[f"{layer}/kernel"].astype(np.float64)[:, :, 0]
        return kernel * scale, self.weights[f"{layer}/bias"] * scale

    def rectify(self, x: str, numbers: Sequence[int]) -> str:
        """Rectifier and the rest of the normalisations of (N, channels, frames)."""
        scale, shift = (
            np.concatenate(part)[:, None]
            for part in zip(*(self.scale_shift(n) for n in numbers), strict=True)
        )
        low = np.where(scale < 0, -np.inf, 0.0)
        high = np.where(scale < 0, 0.0, np.inf)
        return self.add("Add", self.add("Min", self.add("Max", x, low), high), shift)


def _front_end(graph: _Graph) -> str:
    """Patches (N, frames, bands) to features (N, 561, frames)."""
    scale, shift = graph.scale_shift(0)
    x = graph.add("Add", graph.add("Mul", "patches", scale), shift)
    x = graph.add("Unsqueeze", x, np.array([1]))
    pooled = []
    for number in range(5):
        kernel, bias = graph.kernel(number)
        taps, height, _ = kernel.shape
        pads = [(taps - 1) // 2, 0, taps // 2, 0]
        out = graph.add("Conv", x, kernel.transpose(2, 0, 1)[:, None], bias, pads=pads)
        width = PATCH[1] - height + 1
        pooled.append(graph.add("MaxPool", out, kernel_shape=[1, width], strides=[1, width]))
    features = graph.add("Squeeze", graph.add("Concat", *pooled, axis=1), np.array([3]))
    return graph.rectify(features, range(1, 6))


def _mid_end(graph: _Graph, features: str) -> str:
    """Features (N, 561, frames) to (N, 753, frames), with each layer's output beside them."""
    layers = [features]
    for number in (5, 6, 7):
        kernel, bias = graph.kernel(number)
        out = graph.add("Conv", layers[-1], kernel.transpose(2, 1, 0), bias, pads=[3, 3])
        out = graph.rectify(out, [number + 1])
        layers.append(out if number == 5 else graph.add("Add", out, layers[-1]))
    return graph.add("Concat", *layers, axis=1)


def _back_end(graph: _Graph, dense: str) -> None:
    time = np.array([2])
    extremes = [graph.add(op, dense, time, keepdims=0) for op in ("ReduceMax", "ReduceMean")]
    pooled = graph.add("Concat", *extremes, axis=1, name="pooled")
    scale, shift = graph.scale_shift(9)
    kernel = graph.weights["dense/kernel"].astype(np.float64)
    bias = graph.weights["dense/bias"] + shift @ kernel
    # The checkpoint's rows alternate between a channel's maximum and its mean.
    kernel = (kernel * scale[:, None]).reshape(-1, 2, kernel.shape[1])
    kernel = np.concatenate([kernel[:, 0], kernel[:, 1]])
    hidden = graph.add("Relu", graph.add("Gemm", pooled, kernel, bias))
    scale, shift = graph.scale_shift(10)
    penultimate = graph.add("Add", graph.add("Mul", hidden, scale), shift, name="penultimate")
    kernel, bias = graph.weights["dense_1/kernel"], graph.weights["dense_1/bias"]
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
        Input ``patches`` float32 (N, 187, 96); outputs ``tags`` (N, 50), in 0 to 1,
        ``penultimate`` (N, 200) and ``pooled`` (N, 1506).

    Raises
    ------
    MissingExtra
        Where onnx is not installed.
    """
    onnx = _onnx()
    graph = _Graph(weights)
    _back_end(graph, _mid_end(graph, _front_end(graph)))
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    proto = helper.make_graph(
        graph.nodes,
        "musicnn",
        [helper.make_tensor_value_info("patches", number, ["N", *PATCH])],
        [helper.make_tensor_value_info(k, number, ["N", n]) for k, n in OUTPUTS.items()],
        graph.constants,
    )
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(proto, opset_imports=opset, ir_version=9, producer_name="genrewise")
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def check_parity(model: bytes, weights: Weights, seed: int = 0) -> float:
    """Compare a graph, run by onnxruntime, with the reference in plain numpy.

    Parameters
    ----------
    model : bytes
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
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
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
