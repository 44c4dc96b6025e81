"""What is taken where nothing else is said, by the command line and by Python alike."""

from __future__ import annotations

__all__ = ["LISTEN"]

#: Windows of a long track that are listened to: docs/accuracy.md has what fewer cost and more
#: bring.
LISTEN = 10
