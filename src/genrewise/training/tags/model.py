"""The model file of a vocabulary: one network for all tags, and the embedding beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.bundle import Bundle, BundleInfo, Calibration, Member, Tag
from genrewise.errors import ParityError
from genrewise.evidence import packed
from genrewise.inputs import make_input
from genrewise.labels import genre
from genrewise.training.affine import affine_onnx
from genrewise.training.export import run_onnx
from genrewise.training.graphs import build
from genrewise.training.run import versions
from genrewise.training.tags.data import INPUT, N_TAGS, RULE, Pool
from genrewise.training.tags.heads import LEAST, looks, means
from genrewise.training.tags.learn import Learnt, sigmoid

__all__ = ["check", "network", "tags_of", "to_bundle"]

F64 = NDArray[np.float64]

#: Values of the embedding.
SIZE = 64
_TRACKS = "tracks.f16"
#: Largest difference of a probability between the network and the heads.
_TOLERANCE = 1e-4


def _matrix(learnt: Sequence[Learnt]) -> tuple[F64, F64]:
    """All heads in one: (250, C) and (C,)."""
    weights = np.stack([tag.head.weights for tag in learnt], axis=1)
    return weights, np.array([tag.head.bias for tag in learnt])


def network(learnt: Sequence[Learnt]) -> bytes:
    """The heads as ONNX: ``x`` (n, 250), as of :class:`.data.Pool`, to ``probabilities``."""
    from onnx import helper

    weights, bias = _matrix(learnt)
    constants: dict[str, NDArray[Any]] = {
        "start": np.array([0], np.int64),
        "middle": np.array([N_TAGS], np.int64),
        "end": np.array([len(weights)], np.int64),
        "columns": np.array([1], np.int64),
        "low": np.array(LEAST, np.float32),
        "high": np.array(1.0 - LEAST, np.float32),
        "one": np.array(1.0, np.float32),
        "tiny": np.array(1e-9, np.float32),
        "weights": weights.astype(np.float32),
        "bias": bias.astype(np.float32),
    }
    node = helper.make_node
    nodes = [
        node("Slice", ["x", "start", "middle", "columns"], ["raw"]),
        node("Slice", ["x", "middle", "end", "columns"], ["layer"]),
        node("Clip", ["raw", "low", "high"], ["p"]),
        node("Sub", ["one", "p"], ["q"]),
        node("Div", ["p", "q"], ["odds"]),
        node("Log", ["odds"], ["tags"]),
        node("ReduceL2", ["layer"], ["length"], axes=[1], keepdims=1),
        node("Max", ["length", "tiny"], ["safe"]),
        node("Div", ["layer", "safe"], ["direction"]),
        node("Concat", ["tags", "direction"], ["seen"], axis=1),
        node("Gemm", ["seen", "weights", "bias"], ["z"]),
        node("Sigmoid", ["z"], ["probabilities"]),
    ]
    model = build(nodes, constants, (len(weights),), len(bias))
    return bytes(model.SerializeToString())


def check(made: bytes, learnt: Sequence[Learnt], pool: Pool, most: int = 2000) -> float:
    """Largest difference between the network and the heads on windows that were heard.

    Raises
    ------
    ParityError
        A probability is farther off than 1e-4.
    """
    rows = np.linspace(0, len(pool.x) - 1, min(most, len(pool.x))).astype(int)
    seen = looks(pool.x[rows])
    ours = np.stack([sigmoid(tag.head(seen)) for tag in learnt], axis=1)
    worst = float(np.abs(run_onnx(made, pool.x[rows]) - ours).max(initial=0.0))
    if not worst <= _TOLERANCE:
        raise ParityError(f"tags differ by {worst:.2g}", f"at most {_TOLERANCE:g}")
    return worst


def tags_of(learnt: Sequence[Learnt]) -> dict[str, Tag]:
    """What the model file says of each tag."""
    labels = {tag.rule.label for tag in learnt}
    found = {}
    for tag in learnt:
        known = genre(tag.rule.label)
        parent = known.parent if known and known.parent in labels else ""
        threshold = round(tag.threshold, 4)
        found[tag.rule.label] = Tag(threshold, tag.calibrated, parent)
    return found


def _axes(layer: F64) -> tuple[F64, F64]:
    """Principal components of the layer and its mean, in units of the deviation along them."""
    mean = layer.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(layer, rowvar=False))
    found = vectors[:, ::-1][:, :SIZE]
    # Signs are the solver's whim; fix them so that the same data give the same file.
    found = found * np.sign(found[np.abs(found).argmax(axis=0), range(found.shape[1])])
    return found / np.sqrt(max(float(values[-SIZE:].mean()), 1e-12)), mean


def _bears(tag: Learnt, pool: Pool) -> NDArray[np.bool_]:
    """The tracks at whose middle the centre of a tag lies."""
    return (tag.side.truth == 1 if tag.calibrated else tag.answer) & pool.audio


def _embedding(learnt: Sequence[Learnt], pool: Pool) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Files and description of the embedding: the layer on its principal components."""
    heard = pool.only(pool.audio)
    layer = heard.x[:, N_TAGS:].astype(np.float64)
    axes, mean = _axes(layer)
    matrix = np.concatenate([np.zeros((N_TAGS, axes.shape[1])), axes])
    points = (layer - mean) @ axes
    z = np.stack([means(column, heard.track, len(heard)) for column in points.T], axis=1)
    labels = [tag.rule.label for tag in learnt]
    bears = [_bears(tag, pool)[pool.audio] for tag in learnt]
    centres = [z[mine].mean(axis=0) if mine.any() else z.mean(axis=0) for mine in bears]
    files = {"embedding.onnx": affine_onnx(matrix, -(mean @ axes)), _TRACKS: packed(z)}
    about = {
        "file": "embedding.onnx",
        "inputs": ["musicnn"],
        "size": int(axes.shape[1]),
        "centres": np.stack(centres).round(4).tolist(),
        "tracks": {
            "file": _TRACKS,
            "names": list(heard.tracks),
            "labels": [labels.index(kind) for kind in heard.kinds],
        },
    }
    return files, about


def to_bundle(
    learnt: Sequence[Learnt], pool: Pool, name: str, card: str, report: Mapping[str, Any]
) -> Bundle:
    """Put heads, thresholds, embedding and card together.

    Raises
    ------
    ParityError
        The network disagrees with the heads.
    """
    labels = tuple(tag.rule.label for tag in learnt)
    files, embedding = _embedding(learnt, pool)
    files["tags.onnx"] = network(learnt)
    check(files["tags.onnx"], learnt, pool)
    heard = make_input(INPUT)
    asked = sum(bool(tag.calibrated) for tag in learnt)
    info = BundleInfo(
        name=name,
        labels=labels,
        label_set="",
        licence="Apache-2.0; the backbone musicnn: ISC",
        inputs={"musicnn": heard.to_json()},
        fingerprints={"musicnn": heard.fingerprint()},
        windows=RULE.to_json(),
        members=(Member("tags.onnx", ("musicnn",), (1.0,) * len(labels)),),
        vote="mean",
        calibration=Calibration(1.0, f"{len(pool)} tracks out of fold, {asked} of the tags"),
        embedding=embedding,
        multi_label=True,
        training={
            "data": ", ".join(report["data"]["sets"]),
            "tracks": len(pool),
            "groups": report["data"]["groups"],
        },
        metrics={"protocol": "honest", "part": "out of fold", "tags": dict(report["mean"])},
        versions=versions(),
        tags=tags_of(learnt),
    )
    return Bundle(info, files, card)
