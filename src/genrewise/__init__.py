"""Genrewise: which genre a piece of music is, and how sure one can be.

::

    import genrewise

    genrewise.classify("song.mp3").genre

The public names are resolved when they are first used, so importing the package
loads no third-party library.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genrewise.bundle import ModelEntry, list_models
    from genrewise.errors import (
        AudioError,
        BundleError,
        DatasetError,
        GenrewiseError,
        LeakageError,
        LibraryError,
        MissingExtra,
        ParityError,
        RecipeError,
        UnknownName,
    )
    from genrewise.inference import Classifier, Prediction, Segment, classify

# onnxruntime 1.31 reports what it runs to its maker unless this is set before it is loaded;
# nothing here goes to the network unasked.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

__all__ = [
    "AudioError",
    "BundleError",
    "Classifier",
    "DatasetError",
    "GenrewiseError",
    "LeakageError",
    "LibraryError",
    "MissingExtra",
    "ModelEntry",
    "ParityError",
    "Prediction",
    "RecipeError",
    "Segment",
    "UnknownName",
    "__version__",
    "classify",
    "list_models",
]

#: Module of each public name; a name that is not here is one of `genrewise.errors`.
_HOME = {
    "Classifier": "genrewise.inference",
    "ModelEntry": "genrewise.bundle",
    "Prediction": "genrewise.inference",
    "Segment": "genrewise.inference",
    "classify": "genrewise.inference",
    "list_models": "genrewise.bundle",
}


def __getattr__(name: str) -> Any:
    """Import the module of a public name when the name is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'genrewise' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME.get(name, "genrewise.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, resolved or not."""
    return sorted({*globals(), *__all__})
