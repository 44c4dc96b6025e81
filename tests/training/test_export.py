"""Every model says the same as an ONNX graph, alone, voted, stacked and spread."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading

from genrewise.errors import ParityError, RecipeError
from genrewise.training import export, models
from genrewise.training.graphs import IR_VERSION, ML_OPSET, OPSET

QUICK = {
    "forest": {"n_estimators": 40},
    "gradient-boosting": {"n_estimators": 20},
    "xgboost": {"n_estimators": 25, "n_jobs": 1},
    "lightgbm": {"n_estimators": 30, "n_jobs": 1},
    "mlp": {"hidden": (24,), "max_epochs": 8},
    "ann-001": {"max_epochs": 8},
}
PICTURES = [name for name in models.MODELS if name.startswith(("cnn", "crnn"))]
VECTORS = [name for name in models.MODELS if name not in PICTURES]


def music(n=150, n_classes=4, d=24, seed=0):
    """Columns from a hundredth to thousands, some with few values, as features have them."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) // 3 % n_classes
    X = (rng.normal(size=(n, d)) + 2.0 * np.eye(n_classes, d)[y]) * np.logspace(-2, 4, d)
    X[:, 5] = np.round(X[:, 5] / X[:, 5].std())
    X[:, 20:] += 1e5
    return X.astype(np.float32), y, np.arange(n) // 3


def far(X, seed=1):
    """Rows seen, rows mixed of others' columns, and rows far outside."""
    rng = np.random.default_rng(seed)
    return np.concatenate([X, rng.permuted(X, axis=0), 30.0 * X, np.zeros_like(X[:2])])


def fit(name, X, y, groups, **params):
    estimator = models.make(name, int(y.max()) + 1, 0, **QUICK.get(name, {}), **params)
    return models.fit(estimator, X, y, groups=groups)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("name", VECTORS)
def test_parity_of_every_model(name, n_classes):
    X, y, groups = music(n_classes=n_classes)
    estimator = fit(name, X, y, groups)
    graph = export.to_onnx(estimator, X[:1])
    assert export.check_parity(estimator, graph, far(X), tolerance=1e-5) <= 1e-5


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("svc", {"unit": True}),
        ("svc", {"kernel": "linear", "class_weight": "balanced"}),
        ("linear-svc", {"unit": True}),
        ("logistic", {"unit": True, "C": 10.0}),
        ("knn", {"weights": "uniform", "n_neighbors": 3}),
        ("forest", {"max_depth": 3, "class_weight": "balanced"}),
        ("mlp", {"batch_norm": False, "standardise": "global"}),
    ],
)
def test_parity_of_other_settings(name, params):
    X, y, groups = music()
    estimator = fit(name, X, y, groups, **params)
    assert export.check_parity(estimator, export.to_onnx(estimator, X[:1]), far(X)) <= 1e-5


def test_neighbours_without_unit_length():
    """Far outside, where all rows are nearly as far, float32 distances leave fewer digits."""
    X, y, groups = music()
    knn = fit("knn", X, y, groups, unit=False)
    graph = export.to_onnx(knn, X[:1])
    assert export.check_parity(knn, graph, X) <= 1e-5
    assert export.check_parity(knn, graph, far(X), tolerance=1e-3) <= 1e-3


def test_neighbours_that_are_the_row_itself():
    X, y, groups = music()
    X[10] = X[20]
    knn = fit("knn", X, y, groups, n_neighbors=5)
    assert export.check_parity(knn, export.to_onnx(knn, X), X) <= 1e-4


def test_kernel_of_many_large_features_keeps_its_digits():
    """Squared distances are differences of large sums: in float32 they would not hold."""
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(200, 400)) + 1e4).astype(np.float32)
    y = np.arange(200) % 3
    X[np.arange(200), y] += 4.0
    svc = fit("svc", X, y, None, C=10.0)
    assert export.check_parity(svc, export.to_onnx(svc, X[:1]), X, tolerance=1e-6) < 1e-6


@pytest.fixture(scope="module")
def members():
    X, y, _ = music()
    names = ("svc", "logistic", "lightgbm", "knn", "mlp")
    return X, y, [(name, models.make(name, 4, 0, **QUICK.get(name, {}))) for name in names]


@pytest.mark.parametrize("weights", [None, [3.0, 1.0, 2.0, 1.0, 0.5]])
def test_soft_votes_of_any_members(members, weights):
    X, y, estimators = members
    vote = VotingClassifier(estimators, voting="soft", weights=weights).fit(X, y)
    graph = export.to_onnx(vote, X[:1])
    assert export.check_parity(vote, graph, far(X), tolerance=1e-5) <= 1e-5


def test_votes_without_a_dropped_member(members):
    X, y, estimators = members
    vote = VotingClassifier(estimators[:3], voting="soft", weights=[1, 2, 3])
    vote.set_params(logistic="drop").fit(X, y)
    assert export.check_parity(vote, export.to_onnx(vote, X[:1]), far(X)) <= 1e-5


@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_stacks_of_any_members(n_classes, passthrough):
    X, y, _ = music(n_classes=n_classes)
    X = X[:, :15]
    names = ("svc", "forest", "xgboost")
    estimators = [(n, models.make(n, n_classes, 0, **QUICK.get(n, {}))) for n in names]
    top = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
    stack = StackingClassifier(
        estimators, top, cv=3, stack_method="predict_proba", passthrough=passthrough
    ).fit(X, y)
    graph = export.to_onnx(stack, X[:1])
    assert export.check_parity(stack, graph, far(X), tolerance=1e-5) <= 1e-5


def test_a_vote_of_stacks():
    X, y, _ = music()
    inner = StackingClassifier(
        [("forest", models.make("forest", 4, 0, n_estimators=10))],
        LogisticRegression(),
        cv=3,
        stack_method="predict_proba",
    )
    pair = [("inner", inner), ("logistic", models.make("logistic", 4))]
    vote = VotingClassifier(pair, voting="soft").fit(X, y)
    assert export.check_parity(vote, export.to_onnx(vote, X[:1]), far(X)) <= 1e-5


@pytest.mark.parametrize("name", ["svc", "logistic", "lightgbm", "mlp"])
def test_the_graph_is_what_a_model_file_promises(name):
    X, y, groups = music()
    graph = onnx.load_model_from_string(export.to_onnx(fit(name, X, y, groups), X[:1]))
    onnx.checker.check_model(graph)
    assert [i.name for i in graph.graph.input] == ["x"]
    assert [o.name for o in graph.graph.output] == ["probabilities"]
    assert graph.ir_version == IR_VERSION
    versions = {o.domain: o.version for o in graph.opset_import}
    assert versions.pop("") == OPSET
    assert set(versions.items()) <= {("ai.onnx.ml", ML_OPSET)}
    shape = graph.graph.input[0].type.tensor_type.shape.dim
    assert shape[0].dim_param  # any number of rows
    assert shape[1].dim_value == 24
    assert graph.graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert graph.producer_name == "genrewise"


def test_any_number_of_rows():
    X, y, groups = music()
    graph = export.to_onnx(fit("svc", X, y, groups), X[:1])
    whole = export.run_onnx(graph, X)
    assert whole.dtype == np.float32
    assert np.allclose(whole, export.run_onnx(graph, X, batch=7), atol=1e-6)
    assert export.run_onnx(graph, X[:1]).shape == (1, 4)
    assert np.allclose(whole.sum(1), 1.0, atol=1e-5)


def test_the_same_model_gives_the_same_bytes():
    X, y, groups = music()
    for name in ("svc", "logistic", "knn", "lightgbm", "mlp"):
        estimator = fit(name, X, y, groups)
        assert export.to_onnx(estimator, X[:1]) == export.to_onnx(estimator, X[:1])


@pytest.mark.parametrize("name", ["svc", "logistic", "xgboost"])
def test_labels_that_were_not_there_get_a_column_of_zeros(name):
    X, y, groups = music()
    here = y != 1
    estimator = fit(name, X[here], y[here], groups[here])
    graph = export.to_onnx(estimator, X[:1], n_classes=5)
    p = export.run_onnx(graph, X)
    assert p.shape == (150, 5)
    assert (p[:, [1, 4]] == 0).all()
    assert np.allclose(p, models.probabilities(estimator, X, 5), atol=1e-5)
    assert export.check_parity(estimator, graph, X) <= 1e-5


#: Networks on pictures, small, with the rows that they take.
ON_PICTURES = {
    "cnn-000": ((1, 64, 173), {}),
    "cnn-001": ((3, 52, 50), {"filters": (8, 8, 16), "lr": 1e-3}),
    "cnn-002": ((1, 24, 40), {"filters": (4, 8, 8), "units": 16}),
    "cnn-003": ((1, 16, 30), {"filters": (4, 8), "units": 16, "lr": 1e-3}),
    "cnn-004": ((1, 32, 45), {"filters": (4, 4, 8, 8, 8), "units": 16}),
    "crnn-004": ((1, 32, 45), {"filters": (4, 4, 8, 8, 8), "recurrent_units": 12}),
}


def log_mel(shape, n=24, seed=0):
    """Rows in decibels, from -80 to 0, that change slowly along both axes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, *shape)).cumsum(axis=-1).cumsum(axis=-2)
    return np.clip(-40.0 + 40.0 * x / np.abs(x).max(), -80.0, 0.0).astype(np.float32)


@pytest.fixture(scope="module")
def on_pictures():
    """Every network on pictures, fitted for two epochs."""
    made = {}
    for name, (shape, params) in ON_PICTURES.items():
        X, y = log_mel(shape), np.arange(24) % 4
        given = {"max_epochs": 2, "batch_size": 6, "precision": "float32", **params}
        made[name] = models.fit(models.make(name, 4, 0, **given), X, y, valid=(X, y))
    return made


def test_every_network_on_pictures_is_held():
    assert list(ON_PICTURES) == PICTURES


@pytest.mark.parametrize("name", PICTURES)
def test_parity_of_networks_on_pictures(on_pictures, name):
    shape = ON_PICTURES[name][0]
    X = np.concatenate([log_mel(shape, seed=1), 2.0 * log_mel(shape, 7, seed=2)])
    graph = export.to_onnx(on_pictures[name], X[:1])
    assert export.check_parity(on_pictures[name], graph, X, tolerance=1e-5) <= 1e-5
    assert np.ptp(export.run_onnx(graph, X), axis=0).max() > 1e-3  # it does tell rows apart
    assert np.allclose(export.run_onnx(graph, X), export.run_onnx(graph, X, batch=1), atol=1e-5)
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape[1:] == list(shape)


@pytest.mark.parametrize("name", PICTURES)
def test_embeddings_of_networks_are_exported_too(on_pictures, name):
    net, shape = on_pictures[name], ON_PICTURES[name][0]
    X = log_mel(shape, 9, seed=1)
    values = net.embed(X)
    rng = np.random.default_rng(0)
    matrix, offset = rng.normal(size=(values.shape[1], 5)), rng.normal(size=5)
    graph = export.embedding_onnx(net, shape, matrix, offset)
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (mapped,) = session.run(["embedding"], {"x": X})
    expected = values @ matrix + offset
    assert mapped.shape == (9, 5)
    assert np.allclose(mapped, expected, atol=1e-4 * np.abs(expected).max())
    (alone,) = session.run(["embedding"], {"x": X[4:5]})
    assert np.allclose(alone, mapped[4:5], atol=1e-5 * np.abs(expected).max())
    assert graph == export.embedding_onnx(net, shape, matrix, offset)


def test_embeddings_of_networks_on_vectors():
    X, y, groups = music()
    net = fit("mlp", X, y, groups)
    graph = export.embedding_onnx(net, (24,), np.eye(24), np.zeros(24))
    (mapped,) = ort.InferenceSession(graph).run(["embedding"], {"x": X})
    assert np.allclose(mapped, net.embed(X), atol=1e-4)


def test_parity_is_refused_where_probabilities_differ():
    X, y, groups = music()
    ours, other = fit("logistic", X, y, groups), fit("logistic", X, y, groups, C=0.001)
    graph = export.to_onnx(other, X[:1])
    with pytest.raises(ParityError, match=r"Pipeline: exported probabilities differ by 0\.\d"):
        export.check_parity(ours, graph, X)


def test_parity_is_refused_where_answers_turn():
    X, y, groups = music()
    ours = fit("logistic", X, y, groups)
    other = fit("logistic", X, y, groups)
    other[-1].coef_ = other[-1].coef_[[1, 0, 2, 3]]
    graph = export.to_onnx(other, X[:1])
    with pytest.raises(ParityError, match="answers turn on export"):
        export.check_parity(ours, graph, X, tolerance=1.0)


def test_parity_is_refused_for_another_number_of_labels():
    X, y, groups = music()
    fewer = fit("logistic", X[y < 2], y[y < 2], groups[y < 2])
    with pytest.raises(ParityError, match=r"outputs \(150, 2\)"):
        export.check_parity(fit("logistic", X, y, groups), export.to_onnx(fewer, X[:1]), X)


def test_what_has_no_graph_is_refused():
    X, y, _ = music()
    with pytest.raises(RecipeError, match="no converter to ONNX for LabelSpreading"):
        export.to_onnx(LabelSpreading("knn").fit(X, y), X)
    trees = HistGradientBoostingClassifier(max_iter=5).fit(X, y)
    with pytest.raises(RecipeError, match="HistGradientBoostingClassifier"):
        export.to_onnx(trees, X[:1])


def test_neighbours_of_others_are_converted_or_refused():
    X, y, _ = music()
    plain = KNeighborsClassifier(4, weights="distance").fit(X, y)
    # Distances of thousands in float32: the libraries' own digits end before ours.
    assert export.check_parity(plain, export.to_onnx(plain, X), 1.3 * X, tolerance=1e-3) < 1e-3
    strange = KNeighborsClassifier(4, weights=np.exp).fit(X, y)
    with pytest.raises(RecipeError, match="uniform or distance"):
        export.to_onnx(strange, X)


def test_ensembles_without_probabilities_are_refused():
    X, y, _ = music()
    hard = VotingClassifier([("logistic", models.make("logistic", 4))]).fit(X, y)
    with pytest.raises(RecipeError, match="hard vote"):
        export.to_onnx(hard, X[:1])
    stack = StackingClassifier([("logistic", models.make("logistic", 4))], cv=3)
    stack.set_params(stack_method="predict").fit(X, y)
    with pytest.raises(RecipeError, match="a stack of predict"):
        export.to_onnx(stack, X[:1])
