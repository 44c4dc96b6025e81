"""Metrics in the text that Prometheus reads."""

from __future__ import annotations

import re
import threading

from genrewise.web.metrics import EDGES, TABLE, Metrics, resident_bytes

LINE = re.compile(r'[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\.)*"(,[a-z]+="(?:[^"\\\n]|\\.)*")*\})? \S+')


def samples(text: str) -> dict[str, float]:
    """Every sample by its name and labels."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(LINE.fullmatch(line) for line in lines)
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_counts() -> None:
    found = Metrics()
    found.add("genrewise_jobs_total", status="ok")
    found.add("genrewise_jobs_total", status="ok")
    found.add("genrewise_jobs_total", status="failed")
    found.add("genrewise_audio_seconds_total", 2.5)
    assert samples(found.text({"genrewise_running": 3})) == {
        'genrewise_jobs_total{status="failed"}': 1,
        'genrewise_jobs_total{status="ok"}': 2,
        "genrewise_audio_seconds_total": 2.5,
        "genrewise_running": 3,
    }


def test_times_are_cumulative() -> None:
    found = Metrics()
    for seconds in (0.001, 0.2, 0.2, 3000.0):
        found.time("genrewise_job_seconds", seconds)
    seen = samples(found.text({}))
    counts = [seen[f'genrewise_job_seconds_bucket{{le="{edge}"}}'] for edge in EDGES]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (1, 3)
    assert seen['genrewise_job_seconds_bucket{le="+Inf"}'] == 4
    assert seen["genrewise_job_seconds_count"] == 4
    assert abs(seen["genrewise_job_seconds_sum"] - 3000.401) < 1e-9


def test_every_metric_is_explained_before_it_is_given() -> None:
    found = Metrics()
    found.time("genrewise_request_seconds", 0.1, route="/x")
    lines = found.text({}).splitlines()
    for name, (kind, about) in TABLE.items():
        at = lines.index(f"# HELP {name} {about}")
        assert lines[at + 1] == f"# TYPE {name} {kind}"


def test_labels_are_escaped() -> None:
    found = Metrics()
    found.add("genrewise_jobs_total", status='a"b\\c\nd')
    assert 'genrewise_jobs_total{status="a\\"b\\\\c\\nd"} 1' in found.text({})


def test_threads_lose_nothing() -> None:
    found = Metrics()

    def work() -> None:
        for _ in range(1000):
            found.add("genrewise_jobs_total", status="ok")
            found.time("genrewise_job_seconds", 0.1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = samples(found.text({}))
    assert seen['genrewise_jobs_total{status="ok"}'] == 4000
    assert seen["genrewise_job_seconds_count"] == 4000


def test_memory_is_known_or_nought() -> None:
    assert resident_bytes() == 0 or resident_bytes() > 10**7
