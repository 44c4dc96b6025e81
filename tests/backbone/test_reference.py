"""The plain forward pass against torch's layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genrewise.backbone.reference import forward

torch = pytest.importorskip("torch")


class Oracle:
    """The same network by torch's own functions, in double precision."""

    def __init__(self, weights: dict[str, Any]) -> None:
        self.w = {name: torch.from_numpy(v.astype(np.float64)) for name, v in weights.items()}

    def norm(self, x: Any, i: int) -> Any:
        layer = f"batch_normalization_{i}" if i else "batch_normalization"
        parts = ("moving_mean", "moving_variance", "gamma", "beta")
        mean, variance, gamma, beta = (self.w[f"{layer}/{part}"] for part in parts)
        return torch.nn.functional.batch_norm(x, mean, variance, gamma, beta, eps=1e-3)

    def conv(self, x: Any, i: int) -> Any:
        layer = f"conv2d_{i}" if i else "conv2d"
        kernel = self.w[f"{layer}/kernel"].permute(3, 2, 0, 1)
        taps = kernel.shape[2]
        x = torch.nn.functional.pad(x, (0, 0, (taps - 1) // 2, taps // 2))
        out = torch.nn.functional.conv2d(x, kernel, self.w[f"{layer}/bias"]).relu()
        return self.norm(out, i + 1)

    def run(self, patch: Any) -> dict[str, Any]:
        x = self.norm(torch.from_numpy(patch.astype(np.float64))[None, None], 0)
        features = torch.cat([self.conv(x, i).amax(dim=3) for i in range(5)], dim=1)
        layers = [features]
        for i in (5, 6, 7):
            new = self.conv(layers[-1].transpose(1, 2)[:, None], i)[..., 0]
            layers.append(new if i == 5 else new + layers[-1])
        dense = torch.cat(layers, dim=1)[0]
        pooled = torch.stack([dense.amax(dim=1), dense.mean(dim=1)])
        hidden = self.norm(pooled.T.reshape(1, -1), 9)
        hidden = (hidden @ self.w["dense/kernel"] + self.w["dense/bias"]).relu()
        hidden = self.norm(hidden, 10)
        logits = hidden @ self.w["dense_1/kernel"] + self.w["dense_1/bias"]
        out = {"tags": logits.sigmoid()[0], "penultimate": hidden[0], "pooled": pooled.ravel()}
        return {name: value.numpy() for name, value in out.items()}


@pytest.mark.parametrize("seed", [0, 1])
def test_forward_equals_torch(weights: dict[str, Any], seed: int) -> None:
    patch = np.random.default_rng(seed).gamma(2.0, 1.0, (187, 96)).astype(np.float32)
    expected = Oracle(weights).run(patch)
    found = forward(patch, weights)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-9, err_msg=name)


def test_pooled_is_maxima_then_means(weights: dict[str, Any]) -> None:
    patch = np.random.default_rng(2).gamma(2.0, 1.0, (187, 96)).astype(np.float32)
    pooled = forward(patch, weights)["pooled"]
    assert (pooled[:753] >= pooled[753:] - 1e-9).all()


def test_a_longer_patch_is_taken(weights: dict[str, Any]) -> None:
    found = forward(np.zeros((200, 96), dtype=np.float32), weights)
    assert found["tags"].shape == (50,)
    assert ((found["tags"] > 0) & (found["tags"] < 1)).all()
