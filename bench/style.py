"""What a painting takes on this machine: time, memory, and where the time of a step goes.

    python bench/style.py PHOTO PAINTING [PHOTO PAINTING ...] [--size 512] [--float32]
    python bench/style.py PHOTO PAINTING --memory
    python bench/style.py PHOTO PAINTING --profile

A faithful painting (freedom 0) is what the first edition painted, in as many steps; the default is compared with it.
Seconds are this machine's; look at the ratios. How paintings look, `bench/looks.py` tells.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from core import device as devices

devices.wait_briefly()  # as the studio and the command line do

import torch
from PIL import Image

from core.pictures import images
from core.settings import Progress, Result
from core.style import dispatch
from core.style.optimise.paint import paint
from core.style.optimise.schedule import scales
from core.style.request import StyleRequest

CPU = torch.device("cpu")
FAITHFUL, DEFAULT = "faithful (freedom 0)", "the default"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("pictures", type=Path, nargs="+", metavar="PHOTO PAINTING")
    options.add_argument("--size", type=int, default=512)
    options.add_argument("--network", default="auto")
    options.add_argument("--float32", action="store_true", help="as on a processor without bfloat16")
    options.add_argument("--memory", action="store_true", help="peak memory at 512, 1024 and 2048 px instead")
    options.add_argument("--profile", action="store_true", help="where the time of a step goes instead")
    given = options.parse_args()
    if len(given.pictures) % 2:
        options.error(f"got {len(given.pictures)} pictures; give a painting after every photo")
    if (given.memory or given.profile) and len(given.pictures) > 2:
        options.error("--memory and --profile take one photo and one painting")
    if given.float32:
        devices.dtype = lambda _: torch.float32
    if given.memory:
        for size in (512, 1024, 2048):
            peak_memory(given, size)
    elif given.profile:
        profile(given)
    else:
        times(given)


# ---------------------------------------------------------------- time


def times(given: argparse.Namespace) -> None:
    print(f"{given.size} px, {devices.dtype(CPU)}, {torch.get_num_threads()} threads; seconds")
    print(f"{'':40} {'forecast':>14} {'took':>9} {'processor':>9} {'first picture after':>20}")
    asked = StyleRequest(size=given.size, network=given.network)
    shares = []
    for number, pair in enumerate(zip(given.pictures[::2], given.pictures[1::2], strict=True)):
        photo, painting = map(images.open_picture, pair)
        if not number:
            measured(replace(asked, size=128, steps=2), photo, painting)  # loads the network, measures the machine
        print(" x ".join(picture.stem for picture in pair))
        processor = {}
        for name, request in ((FAITHFUL, replace(asked, freedom=0.0)), (DEFAULT, asked)):
            told = dispatch.engine_of(request).estimate(request, photo.size)
            forecast = f"{told.seconds:.1f} to {told.seconds_at_most or told.seconds:.1f}"
            took, processor[name], first = measured(request, photo, painting)
            print(f"    {name:36} {forecast:>14} {took:9.1f} {processor[name]:9.1f} {first:20.2f}", flush=True)
        shares.append(processor[DEFAULT] / processor[FAITHFUL])
    print(f"{DEFAULT} takes of a faithful one's processor time: {' '.join(f'{share:.2f}' for share in shares)}")


def measured(request: StyleRequest, photo: Image.Image, painting: Image.Image) -> tuple[float, float, float]:
    """Seconds by the clock and of processor time that a painting took, and those until there was a first picture."""
    began, worked, first = time.perf_counter(), time.process_time(), 0.0
    for event in paint(request, photo, [painting]):
        if not first and (isinstance(event, Result) or event.preview is not None):
            first = time.perf_counter() - began
    return time.perf_counter() - began, time.process_time() - worked, first


# ---------------------------------------------------------------- memory and profile


def peak_memory(given: argparse.Namespace, size: int) -> None:
    """Peak resident memory of a process of its own that paints four steps at every scale up to `size`."""
    code = f"""
import resource, sys
import torch
from core import device
if {given.float32}:
    device.dtype = lambda _: torch.float32
from core.pictures import images
from core.style.request import StyleRequest
from core.style.optimise import budget
from core.style.optimise.paint import paint
photo, painting = images.open_picture(sys.argv[1]), images.open_picture(sys.argv[2])
request = StyleRequest(freedom=0, size={size}, steps=4, network={given.network!r})
for event in paint(request, photo, [painting]):
    if not hasattr(event, "images") and event.step == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from core.style import choice
forecast = budget.estimate(request, photo.size, budget.recall(choice.choose({given.network!r}))).memory
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(f"{size} px: peak {{peak / 1e6:.2f}} GB, {{before / 1e6:.2f}} of it before the first step;", end=" ")
print(f"told beforehand: {{forecast / 1e9:.2f}} GB")
"""
    pictures = [picture.resolve() for picture in given.pictures]
    subprocess.run([sys.executable, "-c", code, *pictures], check=True, cwd=ROOT)


def profile(given: argparse.Namespace) -> None:
    """Where the time of full-size steps goes, by operator."""
    photo, painting = map(images.open_picture, given.pictures)
    request = StyleRequest(freedom=0, size=given.size, steps=8, network=given.network)
    events: Iterator = paint(request, photo, [painting])
    last = scales(request, photo.size)[-1]
    total = sum(s.steps for s in scales(request, photo.size))
    for event in events:
        if isinstance(event, Progress) and event.step == total - 5:
            break
    with torch.profiler.profile() as profiler:
        for _ in range(4):
            next(events)
    print(f"4 steps at {last.width} x {last.height} px, {devices.dtype(CPU)}")
    print(profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=14, max_name_column_width=40))


if __name__ == "__main__":
    main()
