"""Where numbers are crunched: the device, the number format that is fast on it, and the memory there is.

Policy only; knows nothing of networks or requests. torch is imported by the calls that need it.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_chosen: str | None = None


def use(kind: str | None) -> None:
    """From now on this process computes on "cpu", "cuda" or "mps"; None: on the best there is, as without this call."""
    global _chosen
    _chosen = kind


def pick() -> torch.device:
    """The device of this process; unless one was chosen CUDA, then Apple's MPS, then the processor."""
    import torch

    if _chosen is not None:
        return torch.device(_chosen)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


@functools.cache
def dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it in hardware, else float32.

    On a processor without such instructions bfloat16 is emulated and slower than float32.
    """
    import torch

    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type == "cpu":
        capable = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return torch.bfloat16 if capable else torch.float32
    return torch.float32


@functools.cache
def hold_memory() -> None:
    """From now on tensors that are done with leave their memory to the next ones; `release_memory` returns it.

    glibc, left to itself, gives large pieces back to the system and asks for them again, in every step of a painting
    or training, and the system clears them page by page: a tenth of the time.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        for threshold in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            ctypes.CDLL(None).mallopt(threshold, 2**30)


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h


def release_memory() -> None:
    """What was freed goes back to the system."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


SPIN = 20_000  # turns of a waiting thread before it sleeps: about a millisecond


def wait_briefly() -> None:
    """Before torch is imported: its threads wait for one another spinning, but not for longer than other waits last.

    GNU's OpenMP lets them spin fifteen times as long, which is more than the time that a thread is given before another
    program has its turn: two threads beside one busy program then take thirty times as long as one alone, so four.
    (To sleep at once costs half as much again where nobody else is: bench/company.py.) And once a second thread of ours
    has computed, it would let all of them sleep almost at once, as there are more than processors then: a painting
    takes half as long again after a first look from another thread. An "active" policy leaves them that millisecond.
    """
    if sys.platform == "linux" and "OMP_WAIT_POLICY" not in os.environ:  # elsewhere torch has another OpenMP
        os.environ["OMP_WAIT_POLICY"] = "active"
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPIN))


@contextlib.contextmanager
def threads_to_spare() -> Iterator[None]:
    """Inside, torch computes with as many threads as there are processors that nobody else uses just now.

    OpenMP's threads wait for one another, spinning: of two on two processors of which another program wants one, both
    are several times slower than one alone.
    """
    import torch

    torch.set_num_threads(max(1, min(most_threads(), to_spare())))
    try:
        yield
    finally:
        torch.set_num_threads(most_threads())


@functools.cache
def most_threads() -> int:
    """As many threads as torch computes with where nobody is beside it.

    Asked once: torch tells a new thread of Python's the number that any of them has set last.
    """
    import torch

    return torch.get_num_threads()


def to_spare() -> int:
    """How many processors nobody else uses just now; all of them where the system does not say."""
    return (os.cpu_count() or 1) - _others()


def idle_seconds() -> float | None:
    """For how long processors have had nothing to do so far, all of them together; None where the system hides it."""
    import psutil

    return psutil.cpu_times().idle or None


def _others() -> int:
    """How many threads of this machine want a processor, without the one that asks; 0 where the system does not say."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        seen = []
        for _ in range(3):
            seen.append(int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0]))
            time.sleep(0.003)
        return sorted(seen)[1] - 1
    return 0


def free_memory(device: str = "cpu") -> int:
    """Bytes this process may still take on the kind of `device`: "cpu", "cuda" or "mps" (which shares the cpu's)."""
    if device == "cuda":
        import torch

        return torch.cuda.mem_get_info()[0]
    import psutil

    return min(psutil.virtual_memory().available, _container_memory())


def _container_memory() -> int:
    """What a container's limit (cgroup v2) leaves: inside one, the machine's own figure promises too much."""
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        stat = dict(line.split() for line in Path("/sys/fs/cgroup/memory.stat").read_text().splitlines())
        return int(limit) - used + int(stat["inactive_file"])  # cached files give way
    except (OSError, ValueError, KeyError):  # no cgroups here, or "max": no limit
        return 2**63
