"""Values as JSON: the same text wherever an answer is written, in a file or by a server."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["json_text", "plain_numbers"]


def plain_numbers(value: Any) -> Any:
    """A value for JSON: floats to nine decimals, those that are not finite as null."""
    if isinstance(value, float):
        return round(value, 9) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: plain_numbers(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_numbers(v) for v in value]
    return value


def json_text(value: Any, indent: int | None = None) -> str:
    """A value as JSON text, readable in any script."""
    import json

    return json.dumps(plain_numbers(value), ensure_ascii=False, indent=indent, allow_nan=False)
