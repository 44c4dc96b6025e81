"""The catalogue as rows for tables and records for JSON."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Iterator
from typing import Any

from genrewise.library.catalogue import PAGE, Entry, Model

__all__ = ["embeddings", "record", "row"]


def record(entry: Entry, model: Model | None) -> dict[str, Any]:
    """All that is known of a file, for JSON.

    Parameters
    ----------
    entry : Entry
    model : Model or None
        Whose answer the entry holds.
    """
    file, answer, decision = entry.file, entry.answer, entry.decision
    found: dict[str, Any] = {
        "path": file.path,
        "state": file.state,
        "reason": file.error,
        "genres": list(file.genres),
        "written": list(file.ours),
        "artist": file.artist,
        "album": file.album,
        "albumartist": file.albumartist,
        "title": file.title,
        "format": file.format or file.container,
        "seconds": entry.seconds,
        "decision": decision.verdict if decision else None,
        "decided": list(decision.genres) if decision else [],
        "model": model.name if model and answer else None,
    }
    if answer is None:
        return found
    return found | {
        "genre": answer.genre,
        "confidence": answer.confidence,
        "runner_up": answer.runner_up,
        "unknown": answer.reason,
        "probabilities": answer.probabilities,
        "timeline": answer.more.get("timeline", []),
    }


def row(
    entry: Entry, model: Model | None, vector: Iterable[float] | None = None
) -> dict[str, str | float]:
    """The same in one line of plain columns, for CSV and Parquet.

    Every row has the same columns: ``p_LABEL`` holds the probability of a label and, where vectors
    are asked for, ``e_000`` and so on the embedding; 0 where there is no answer.
    """
    found = record(entry, model)
    answer = entry.answer
    flat: dict[str, str | float] = {
        name: "; ".join(found[name]) if isinstance(found[name], list) else found[name] or ""
        for name in ("path", "state", "reason", "genres", "written", "artist", "album")
    }
    flat |= {name: found[name] or "" for name in ("albumartist", "title", "format")}
    flat["seconds"] = float(entry.seconds)
    flat |= {"decision": found["decision"] or "", "decided": "; ".join(found["decided"])}
    flat["model"] = found["model"] or ""
    flat["genre"] = (answer.genre or "") if answer else ""
    flat["confidence"] = answer.confidence if answer else 0.0
    flat["runner_up"] = answer.runner_up if answer else ""
    for label in model.labels if model else ():
        flat[f"p_{label}"] = answer.probabilities[label] if answer else 0.0
    if vector is not None:
        flat |= {f"e_{i:03}": float(value) for i, value in enumerate(vector)}
    return flat


def embeddings(
    db: sqlite3.Connection, entries: Iterable[Entry], model: Model
) -> Iterator[tuple[Entry, tuple[float, ...]]]:
    """Entries with the embedding of their audio; zeros where there is none."""
    page: list[Entry] = []
    for entry in entries:
        page.append(entry)
        if len(page) == PAGE:
            yield from _with_vectors(db, page, model)
            page = []
    yield from _with_vectors(db, page, model)


def _with_vectors(
    db: sqlite3.Connection, page: list[Entry], model: Model
) -> Iterator[tuple[Entry, tuple[float, ...]]]:
    audio = [entry.file.audio for entry in page]
    marks = ", ".join("?" * len(audio))
    rows = db.execute(
        f"SELECT audio, vector FROM embeddings WHERE model = ? AND audio IN ({marks})",
        (model.id, *audio),
    )
    held = {row["audio"]: row["vector"] for row in rows.fetchall()}
    nothing = bytes(2 * model.embedding_size)
    for entry in page:
        data = held.get(entry.file.audio, nothing)
        yield entry, struct.unpack(f"<{len(data) // 2}e", data)
