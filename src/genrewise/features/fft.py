"""The real Fourier transform of many rows at once, without the weight of its package.

``scipy.fft.rfft`` transforms float32 rows five times as fast as numpy's (measured on
2,048 samples: it works on several rows in one vector register), but importing
``scipy.fft`` takes 0.15–0.2 s, as long as classifying a song.  The transform itself is one
compiled module inside that package which needs nothing of the rest, so that is what is
loaded, in some 5 ms; the values are the same to the bit.  Where a SciPy keeps it
elsewhere, ``scipy.fft`` is imported as usual.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["rfft"]

F32 = NDArray[np.float32]
C64 = NDArray[np.complex64]


def _module() -> ModuleType | None:
    """The compiled module, loaded on its own; None where it is not found."""
    scipy = find_spec("scipy")
    folders = (scipy.submodule_search_locations or ()) if scipy else ()
    for folder in folders:
        for suffix in EXTENSION_SUFFIXES:
            path = Path(folder) / "fft" / "_pocketfft" / f"pypocketfft{suffix}"
            spec = spec_from_file_location("pypocketfft", path) if path.is_file() else None
            if spec is not None and spec.loader is not None:
                module = module_from_spec(spec)
                spec.loader.exec_module(module)
                return module
    return None


def _agrees(transform: Callable[[F32], C64]) -> bool:
    """Whether a transform is the one that is meant: on two impulses, as it is private."""
    found = transform(np.array([[1, 0, 0, 0], [0, 1, 0, 0]], dtype=np.float32))
    expected = np.array([[1, 1, 1], [1, -1j, -1]])
    return found.dtype == np.complex64 and found.shape == (2, 3) and bool((found == expected).all())


@lru_cache(maxsize=1)
def _transform() -> Callable[[F32], C64]:
    """The fastest way to transform rows that there is here."""
    if "scipy.fft" not in sys.modules:
        try:
            module: Any = _module()
            direct = _direct(module.r2c)
            if _agrees(direct):
                return direct
        except (AttributeError, ImportError, TypeError, ValueError):
            pass  # another layout or signature
    import scipy.fft

    return lambda x: np.asarray(scipy.fft.rfft(x, axis=1))


def _direct(r2c: Any) -> Callable[[F32], C64]:
    # r2c(a, axes, forward, inorm, out, nthreads)
    return lambda x: np.asarray(r2c(x, (1,), True, 0, None, 1))


def rfft(x: F32) -> C64:
    """Discrete Fourier transform of real rows.

    Parameters
    ----------
    x : ndarray, shape (t, n), float32

    Returns
    -------
    ndarray, shape (t, 1 + n // 2), complex64
        As ``scipy.fft.rfft(x, axis=1)``.
    """
    return _transform()(x)
