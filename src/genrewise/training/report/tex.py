"""The tables of a report for a paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["escape", "tables"]

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{c: "\\" + c for c in "&%$#_{}"},
}


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(_SPECIAL.get(c, c) for c in text)


def _table(columns: str, head: list[str], rows: list[list[str]], caption: str) -> list[str]:
    return [
        r"\begin{table}",
        rf"\caption{{{caption}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(head) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def tables(name: str, part: str, protocol: str, scores: Mapping[str, Any]) -> str:
    """Levels side by side, then the labels by track; for the package booktabs.

    Parameters
    ----------
    name : str
        Of the model.
    part : str
        ``"test"`` or ``"validation"``.
    protocol : str
    scores : mapping
        Level to figures, as of :func:`genrewise.training.metrics.level_scores`.
    """
    where = escape(f"{name}, {part}, protocol {protocol}")
    rows = [
        [
            level,
            str(s["n"]),
            f"{s['accuracy']:.3f}",
            f"[{s['interval'][0]:.3f}, {s['interval'][1]:.3f}]",
            f"{s['macro_f1']:.3f}",
            f"{s['weighted_f1']:.3f}",
            f"{s['ece']:.3f}",
        ]
        for level, s in scores.items()
    ]
    head = ["level", "$n$", "accuracy", r"95\,\%", "macro F1", "weighted F1", "ECE"]
    lines = _table("lrrcrrr", head, rows, where)
    level = list(scores)[-1]
    labels = [
        [
            escape(label),
            str(r["n"]),
            f"{r['precision']:.2f}",
            f"{r['recall']:.2f}",
            f"{r['f1']:.2f}",
        ]
        for label, r in scores[level]["per_label"].items()
    ]
    lines += ["", *_table("lrrrr", ["genre", "$n$", "precision", "recall", "F1"], labels, where)]
    return "\n".join(lines) + "\n"
