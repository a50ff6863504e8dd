"""Memory: held between the steps of an engine, and given back after its job."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource
from pathlib import Path
import torch
from core import device

def pages_cleared(times=20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.zeros(10, 2**20)  # 40 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

alone = pages_cleared()
device.hold_memory()
pages_cleared(1)
held = pages_cleared()
full = resident()
device.release_memory()
print(alone, held, full - resident())
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have their own ways")
def test_memory_is_held_between_steps_and_released_after_them():
    said = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True).stdout
    alone, held, released = map(int, said.split())
    assert held < alone / 2
    assert released > 40e6 / 4096 / 2
