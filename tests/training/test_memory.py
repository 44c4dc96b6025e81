"""Memory that a training step takes from the last one."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from genrewise.training.models.memory import keep_memory


def test_memory_is_kept_only_where_the_system_can_be_told(monkeypatch):
    keep_memory.cache_clear()
    monkeypatch.setattr("sys.platform", "darwin")
    assert keep_memory() is False
    keep_memory.cache_clear()


STEPS = """
import resource, sys, torch
from genrewise.training.models import nets
from genrewise.training.models.memory import keep_memory

print(keep_memory() if sys.argv[1] == "kept" else None)
torch.set_num_threads(1)
net = nets.build("cnn-002", (1, 96, 96), 4, units=16)
for _ in range(6):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    net(torch.zeros(32, 1, 96, 96)).sum().backward()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(after - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_a_step_takes_its_memory_from_the_last_one():
    """Pages that the system clears anew in the sixth step, with and without."""
    pages = {}
    for way in ("kept", "given back"):
        done = subprocess.run(
            [sys.executable, "-c", STEPS, way], capture_output=True, text=True, check=True
        )
        told, count = done.stdout.split()
        assert told == ("True" if way == "kept" else "None")
        pages[way] = int(count)
    assert pages["given back"] > 8192  # 32 MB
    assert pages["kept"] < pages["given back"] / 3
