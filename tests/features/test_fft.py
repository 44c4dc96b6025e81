"""The transform is SciPy's to the bit, however it was reached, and light to reach."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import scipy.fft

from genrewise.features import fft

REFERENCE = scipy.fft.rfft


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    fft._transform.cache_clear()
    yield
    fft._transform.cache_clear()


def rows(t: int, n: int) -> fft.F32:
    return np.random.default_rng(t * n).standard_normal((t, n)).astype(np.float32)


@pytest.fixture(params=["direct", "package"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "direct":
        monkeypatch.delitem(sys.modules, "scipy.fft")  # where it is there, it is used
    return str(request.param)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("t", "n"), [(1, 2048), (128, 2048), (7, 512), (3, 1000), (0, 64), (2, 9)])
def test_values_are_scipys_to_the_bit(t: int, n: int) -> None:
    x = rows(t, n)
    found = fft.rfft(x)
    assert found.dtype == np.complex64
    assert found.shape == (t, 1 + n // 2)
    np.testing.assert_array_equal(found, REFERENCE(x, axis=1))


@pytest.mark.usefixtures("way")
def test_rows_do_not_depend_on_each_other() -> None:
    x = rows(130, 2048)
    np.testing.assert_allclose(fft.rfft(x)[64:65], fft.rfft(x[64:65]), atol=1e-5)


@pytest.mark.usefixtures("way")
def test_views_with_strides_are_taken() -> None:
    x = np.lib.stride_tricks.sliding_window_view(rows(1, 4096)[0], 1024)[::256]
    np.testing.assert_array_equal(fft.rfft(x), REFERENCE(np.ascontiguousarray(x), axis=1))


@pytest.mark.parametrize("fault", ["absent", "renamed", "changed", "wrong"])
def test_another_layout_falls_back_to_the_package(
    monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    class Other:
        @staticmethod
        def r2c(x: fft.F32, *more: object) -> object:
            if fault == "changed":
                raise TypeError(more)
            return np.zeros((len(x), 1 + x.shape[1] // 2), dtype=np.complex64)

    made = {"absent": None, "renamed": object(), "changed": Other, "wrong": Other}
    monkeypatch.setattr(fft, "_module", lambda: made[fault])
    monkeypatch.delitem(sys.modules, "scipy.fft")
    x = rows(4, 256)
    np.testing.assert_array_equal(fft.rfft(x), REFERENCE(x, axis=1))
    assert "scipy.fft" in sys.modules


def test_the_package_is_not_loaded() -> None:
    script = (
        "import sys, numpy as np; from genrewise.features.fft import rfft\n"
        "x = np.ones((2, 8), np.float32); y = rfft(x)\n"
        "print('scipy' in sys.modules, y[0, 0].real)\n"
        "import scipy.fft; print((scipy.fft.rfft(x, axis=1) == y).all())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "8.0", "True"]
