"""How quickly a first look is there, and in how much memory.

    python bench/instant.py PHOTO PAINTING [--float32]

Seconds by the clock, with all of the machine: with a style that was not seen before, and again, when its statistics
are remembered. In a process of its own for each size; what is loaded once is loaded.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from core import device as devices

devices.wait_briefly()  # as the studio and the command line do

import torch

from core.pictures import images
from core.style import dispatch
from core.style.request import InstantRequest

SIZES = (512, 1024, 2048)  # px
AGAIN = 3  # times


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("photo")
    options.add_argument("painting")
    options.add_argument("--float32", action="store_true", help="as on a processor without bfloat16")
    given = options.parse_args()
    for size in SIZES:
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(given, size))
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(process.exitcode)


def measure(given: argparse.Namespace, size: int) -> None:
    if given.float32:
        devices.dtype = lambda _: torch.float32
    photo, painting = images.open_picture(given.photo), images.open_picture(given.painting)

    def seconds(request: InstantRequest) -> tuple[float, tuple[int, int]]:
        began = time.perf_counter()
        *_, result = dispatch.engine_of(request).paint(request, photo, [painting])
        return time.perf_counter() - began, result.images[0].size

    seconds(InstantRequest(size=64))
    first, (width, height) = seconds(InstantRequest(size=size))
    again = min(seconds(InstantRequest(size=size))[0] for _ in range(AGAIN))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{width} x {height} px: {first:.2f} s, again {again:.2f} s; at most {peak:.2f} GB", flush=True)


if __name__ == "__main__":
    main()
