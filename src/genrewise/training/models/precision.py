"""Whether training in bfloat16 pays."""

from __future__ import annotations

from pathlib import Path

from torch import nn

__all__ = ["bf16_pays", "cpu_flags"]


def cpu_flags() -> frozenset[str]:
    """What the processor can do, by the names of Linux; empty where nothing tells."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    lines = (line for line in text.splitlines() if line.startswith("flags"))
    return frozenset(next(lines, "").partition(":")[2].split())


def bf16_pays(module: nn.Module) -> bool:
    """By a rule and not by a clock, so that the same run decides the same way twice.

    Convolutions gain where the processor multiplies bfloat16 itself; where it does not, it
    is emulated and slower.
    """
    has = not cpu_flags().isdisjoint(("avx512_bf16", "amx_bf16"))
    return has and any(isinstance(layer, nn.Conv2d) for layer in module.modules())
