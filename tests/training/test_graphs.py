"""Graphs written by hand, against numpy; and how they are put together."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from scipy.special import expit, softmax
from sklearn.neighbors import KNeighborsClassifier

from genrewise.training import graphs
from genrewise.training.export import run_onnx
from genrewise.training.models.classical import FADE, NEAREST, closeness


def gemm(weights, bias):
    """A graph of one affine map, as the simplest member there is."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("Add", ["y", "b"], ["probabilities"]),
    ]
    held = {"w": np.asarray(weights, np.float32), "b": np.asarray(bias, np.float32)}
    return graphs.build(nodes, held, (len(weights),), len(bias))


def run(model, X):
    return run_onnx(model.SerializeToString(), X)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_built_graph_is_checked():
    wrong = [helper.make_node("MatMul", ["x", "nowhere"], ["probabilities"])]
    with pytest.raises(onnx.checker.ValidationError):
        graphs.build(wrong, {}, (3,), 2)


def test_chains_are_compositions(rng):
    X, A, B = rng.normal(size=(9, 4)), rng.normal(size=(4, 3)), rng.normal(size=(3, 5))
    both = graphs.chain(gemm(A, np.zeros(3)), gemm(B, np.ones(5)), 5)
    assert np.allclose(run(both, X), X @ A @ B + 1, atol=1e-5)
    thrice = graphs.chain(both, gemm(np.eye(5), np.ones(5)), 5)
    assert np.allclose(run(thrice, X), X @ A @ B + 2, atol=1e-5)


def test_averages_are_weighted_means(rng):
    X = rng.normal(size=(9, 4))
    maps = [rng.normal(size=(4, 3)) for _ in range(4)]
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    mixed = graphs.average([gemm(A, np.zeros(3)) for A in maps], weights, (4,), 3)
    expected = sum(w * (X @ A) for w, A in zip(weights, maps, strict=True))
    assert np.allclose(run(mixed, X), expected, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=5))
def test_the_mean_of_equal_members_is_the_member(weights):
    X, A = np.eye(3), np.arange(9.0).reshape(3, 3)
    share = np.array(weights) / sum(weights)
    mixed = graphs.average([gemm(A, np.zeros(3))] * len(share), share, (3,), 3)
    assert np.allclose(run(mixed, X), A, atol=1e-4)


@pytest.mark.parametrize("with_input", [False, True])
@pytest.mark.parametrize("first", [0, 1])
def test_columns_stand_side_by_side(rng, first, with_input):
    X, A, B = rng.normal(size=(7, 4)), rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    members = [gemm(A, np.zeros(2)), gemm(B, np.zeros(2))]
    width = 2 * (2 - first) + 4 * with_input
    joined = graphs.side_by_side(members, (4,), first, width, with_input=with_input)
    parts = [(X @ A)[:, first:], (X @ B)[:, first:], *([X] if with_input else [])]
    assert np.allclose(run(joined, X), np.hstack(parts), atol=1e-5)


def test_a_member_may_stand_twice(rng):
    """Names inside one copy must not meet those of the other."""
    X, A = rng.normal(size=(5, 3)), rng.normal(size=(3, 2))
    member = gemm(A, np.ones(2))
    twice = graphs.average([member, member], np.array([0.5, 0.5]), (3,), 2)
    names = [c.name for c in twice.graph.initializer]
    assert len(set(names)) == len(names) == 6
    assert np.allclose(run(twice, X), X @ A + 1, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 6).flatmap(lambda n: st.tuples(st.just(n), st.permutations(range(n)))))
def test_spreading_moves_columns_and_adds_zeros(found):
    n, order = found
    classes = np.array(sorted(order[: n - 1]))
    X = np.random.default_rng(0).uniform(size=(4, len(classes)))
    p = run(graphs.spread(classes, n + 1), X)
    assert np.allclose(p[:, classes], X, atol=1e-6)
    assert (np.delete(p, classes, axis=1) == 0).all()


def test_linear_of_many_labels_is_the_softmax(rng):
    X, coef, bias = rng.normal(size=(9, 4)), rng.normal(size=(3, 4)), rng.normal(size=3)
    p = run(graphs.linear(coef, bias, (4,)), X)
    assert np.allclose(p, softmax(X @ coef.T + bias, axis=1), atol=1e-6)


def test_linear_of_two_labels_is_the_logistic_function(rng):
    X, coef, bias = rng.normal(size=(9, 4)), rng.normal(size=(1, 4)), rng.normal(size=1)
    p = run(graphs.linear(coef, bias, (4,)), X)
    second = expit(X @ coef[0] + bias[0])
    assert np.allclose(p, np.column_stack([1 - second, second]), atol=1e-6)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("k", [1, 4, 30])
def test_neighbours_by_hand(rng, weights, k):
    rows, y = rng.normal(size=(30, 5)), rng.integers(0, 3, 30)
    X = rng.normal(size=(11, 5)).astype(np.float32)
    knn = KNeighborsClassifier(k, weights=weights).fit(rows, y)
    expected = np.zeros((11, 3))
    for i, x in enumerate(X.astype(np.float64)):
        distance = np.linalg.norm(rows - x, axis=1)
        for j in np.argsort(distance)[:k]:
            expected[i, y[j]] += 1.0 if weights == "uniform" else 1.0 / distance[j]
    expected /= expected.sum(1, keepdims=True)
    floor = None if weights == "uniform" else 1e-12
    assert np.allclose(run(graphs.neighbours(knn, (5,), floor, 0.0), X), expected, atol=1e-6)


def test_a_copy_of_a_row_is_its_own_neighbour(rng):
    rows, y = rng.normal(size=(30, 5)).astype(np.float32), np.arange(30) % 3
    knn = KNeighborsClassifier(5, weights="distance").fit(rows, y)
    p = run(graphs.neighbours(knn, (5,), 1e-12, 0.0), rows)
    assert (p[np.arange(30), y] > 0.999).all()


def test_copies_of_a_row_with_two_labels_share_it(rng):
    """One over a rounding error would give all to either; the least distance does not."""
    rows = np.repeat(rng.normal(size=(15, 5)).astype(np.float32), 2, axis=0)
    knn = KNeighborsClassifier(2, weights=closeness).fit(rows, np.arange(30) % 2)
    p = run(graphs.neighbours(knn, (5,), NEAREST, FADE), rows)
    assert np.allclose(p, 0.5, atol=1e-6)
    assert np.allclose(p, knn.predict_proba(rows), atol=1e-6)


def test_the_last_of_equally_far_neighbours_makes_no_difference():
    """Rows 2 and 3 are as far and have two labels: whichever is counted, the answer stays."""
    rows = np.array([[0.0], [1.0], [2.0], [-2.0]])
    for order in ([0, 1, 2, 3], [0, 1, 3, 2]):
        knn = KNeighborsClassifier(3, weights=closeness).fit(rows[order], np.array([0, 0, 1, 2]))
        p = run(graphs.neighbours(knn, (1,), NEAREST, FADE), [[0.0]])
        assert np.allclose(p, [[1.0, 0.0, 0.0]], atol=1e-5)
        assert np.allclose(p, knn.predict_proba([[0.0]]), atol=1e-6)


def test_neighbours_all_equally_far_share_alike():
    rows = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    knn = KNeighborsClassifier(4, weights=closeness).fit(rows, [0, 0, 0, 1])
    p = run(graphs.neighbours(knn, (1,), NEAREST, FADE), [[0.0]])
    assert np.allclose(p, [[0.75, 0.25]], atol=1e-5)
    assert np.allclose(knn.predict_proba([[0.0]]), p, atol=1e-6)


def test_a_converted_graph_gets_our_names_and_one_output():
    nodes = [
        helper.make_node("Identity", ["in"], ["label"], name="a", doc_string="said"),
        helper.make_node("Identity", ["in"], ["p"], name="b"),
    ]
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, 2])
        for name in ("in", "label", "p")
    ]
    made = helper.make_model(helper.make_graph(nodes, "theirs", ends[:1], ends[1:]))
    made.metadata_props.add(key="k", value="v")
    ours = graphs.stamp(graphs.renamed(made))
    onnx.checker.check_model(ours)
    assert [i.name for i in ours.graph.input] == ["x"]
    assert [o.name for o in ours.graph.output] == ["probabilities"]
    assert ours.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    assert ours.graph.name == "genrewise"
    assert not ours.metadata_props
    assert {n.name for n in ours.graph.node} == {n.doc_string for n in ours.graph.node} == {""}
    assert np.array_equal(run(ours, [[1, 2]]), [[1, 2]])


def test_random_names_do_not_reach_the_file(rng):
    A = rng.normal(size=(3, 2))
    first, second = gemm(A, np.ones(2)), gemm(A, np.ones(2))
    for model, mark in ((first, "5f3a"), (second, "91c0")):
        for node in model.graph.node:
            for row in (node.input, node.output):
                for i, name in enumerate(row):
                    row[i] = name if name in ("x", "probabilities") else name + mark
        for held in model.graph.initializer:
            held.name += mark
    one, other = (graphs.stamp(m).SerializeToString() for m in (first, second))
    assert one == other


def test_an_older_opset_is_declared_as_ours():
    model = gemm(np.eye(2), np.zeros(2))
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", 9))
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
    model.ir_version = 4
    graphs.stamp(model)
    declared = {o.domain: o.version for o in model.opset_import}
    assert declared == {"": graphs.OPSET, "ai.onnx.ml": graphs.ML_OPSET}
    assert model.ir_version == graphs.IR_VERSION
