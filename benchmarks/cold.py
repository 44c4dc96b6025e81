"""The first answer: a new process classifies one 30 s mp3.

Ours is ``genrewise classify``; the peer computes the usual librosa statistics and asks a
torch network of the same size (``peer.py``).  Both start with their files in the page cache;
the runs alternate, medians are compared.  Memory is measured in runs of its own, as looking
at it takes time.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from common import GENREWISE, ROOT, Row, Watched, alternate, median, music, save, watch, write_mp3

PAIRS = 9
MODEL = "small-gtzan-v1"


def main() -> None:
    """Measure and keep."""
    with tempfile.TemporaryDirectory() as folder:
        song = write_mp3(Path(folder) / "one.mp3", music(30.0, 0))
        ours = [GENREWISE, "classify", "--model", MODEL, song]
        peer = [sys.executable, ROOT / "benchmarks" / "peer.py", song]
        for command in (ours, peer):  # once for the page cache
            watch(command)
        found: list[list[Watched]] = alternate([lambda: watch(ours), lambda: watch(peer)], PAIRS)
        memory = [watch(command, poll=0.01) for command in (ours, peer)]
    mine, theirs = (median(w.seconds for w in runs) for runs in found)
    rows = [
        Row(f"first answer, {MODEL}", f"{mine:.2f} s", "≤ 0.5 s"),
        Row("the same with librosa + torch", f"{theirs:.2f} s"),
        Row("how many times faster", f"{theirs / mine:.1f}", "≥ 10"),
        Row("memory, all processes", f"{memory[0].together:.0f} MiB", "≤ 150 MB"),
        Row("memory of librosa + torch", f"{memory[1].together:.0f} MiB"),
    ]
    values = {
        "ours_seconds": [w.seconds for w in found[0]],
        "peer_seconds": [w.seconds for w in found[1]],
        "ours_mib": {"largest": memory[0].largest, "together": memory[0].together},
        "peer_mib": {"largest": memory[1].largest, "together": memory[1].together},
    }
    save("cold", rows, values)


if __name__ == "__main__":
    main()
