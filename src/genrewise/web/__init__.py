"""The page and its interface for programs: ``genrewise serve``."""

from __future__ import annotations

__all__: list[str] = []
