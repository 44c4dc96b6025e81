"""Counts and times in the text format that Prometheus reads (exposition format 0.0.4)."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: Upper edges of the times' classes in seconds.
EDGES = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0)

#: Every metric: its name, its kind and what it says.
TABLE: Mapping[str, tuple[str, str]] = {
    "genrewise_requests_total": ("counter", "Requests by method, route and status."),
    "genrewise_request_seconds": ("histogram", "Time that requests took, by route."),
    "genrewise_jobs_total": ("counter", "Files by what became of them."),
    "genrewise_job_seconds": ("histogram", "Time that files took to decode and listen to."),
    "genrewise_audio_seconds_total": ("counter", "Seconds of audio in answers."),
    "genrewise_upload_bytes_total": ("counter", "Bytes of uploaded files."),
    "genrewise_queue_length": ("gauge", "Files that wait."),
    "genrewise_queue_limit": ("gauge", "Files that may wait."),
    "genrewise_running": ("gauge", "Files under way."),
    "genrewise_streams": ("gauge", "Open streams of events."),
    "genrewise_workers": ("gauge", "Processes that listen."),
    "process_resident_memory_bytes": ("gauge", "Memory of the server without its workers."),
}

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """All metrics of a server; counted from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, Labels], float] = {}
        self._times: dict[tuple[str, Labels], list[float]] = {}

    def add(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Count something."""
        key = (name, tuple(sorted(labels.items())))
        with self._lock:
            self._counts[key] = self._counts.get(key, 0.0) + amount

    def time(self, name: str, seconds: float, **labels: str) -> None:
        """Note how long something took."""
        key = (name, tuple(sorted(labels.items())))
        with self._lock:
            # One place for each class, one for all, one for the sum.
            held = self._times.setdefault(key, [0.0] * (len(EDGES) + 2))
            for i, edge in enumerate(EDGES):
                held[i] += seconds <= edge
            held[-2] += 1
            held[-1] += seconds

    def text(self, gauges: Mapping[str, float]) -> str:
        """All of them, with `gauges` as they are now."""
        with self._lock:
            counts, times = dict(self._counts), {k: list(v) for k, v in self._times.items()}
        lines: list[str] = []
        for name, (kind, about) in TABLE.items():
            lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
            if name in gauges:
                lines.append(f"{name} {_number(gauges[name])}")
            lines += [
                f"{name}{_labels(labels)} {_number(value)}"
                for (of, labels), value in sorted(counts.items())
                if of == name
            ]
            for (of, labels), held in sorted(times.items()):
                if of == name:
                    lines += _histogram(name, labels, held)
        return "\n".join(lines) + "\n"


def _histogram(name: str, labels: Labels, held: list[float]) -> Iterable[str]:
    for edge, count in zip((*map(str, EDGES), "+Inf"), held[:-1], strict=True):
        yield f"{name}_bucket{_labels((*labels, ('le', edge)))} {_number(count)}"
    yield f"{name}_sum{_labels(labels)} {_number(held[-1])}"
    yield f"{name}_count{_labels(labels)} {_number(held[-2])}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels) + "}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def resident_bytes() -> float:
    """Memory of this process; 0 where the system does not say."""
    try:
        import os

        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return float(pages * os.sysconf("SC_PAGE_SIZE"))
    except (OSError, ValueError, IndexError):
        return 0.0
