"""What a painting will take on this machine, told before it starts: seconds and memory.

Figures come from `core.style.optimise.measure`, which paints a few steps once per network and machine, and from the
paintings made here since, which say how far it goes wrong; here they are kept in a file, read, and multiplied. Plain
arithmetic: no torch.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core import amounts, device, files
from core.errors import UserError
from core.hub import cache
from core.style.dispatch import Estimate
from core.style.optimise.schedule import Scale, scales
from core.style.request import StyleRequest

HISTORY = 15  # steps L-BFGS remembers: two pictures each
PACES = 5  # paintings whose pace is remembered, for each size
TELLING = 0.3  # seconds of measured work: what is shorter says little of the pace
SHALLOW = 0.8  # what a step that only touches up costs of a whole one
UNKNOWN = (1.0, 2.0)  # the pace where nothing was painted yet: steps are measured undisturbed, and few stay so


@dataclass(frozen=True)
class Measured:
    """What one step was seen to cost with one network: a fixed part and a part for every pixel; and how the last
    paintings went, newest last: pixels of the picture at work, and how many seconds its steps took for each that this
    says. That differs by size: a large picture does not fit where a small one does."""

    seconds_a_step: float
    seconds_a_pixel: float
    bytes_a_pixel: float
    bytes_in_all: float
    device: str = "cpu"
    seen: Sequence[tuple[int, float]] = ()

    def paces(self, stage: Scale) -> list[float]:
        """Those of steps about as large as this stage's, newest last."""
        return [pace for pixels, pace in self.seen if _alike(pixels, stage.width * stage.height)]

    def usual(self, stage: Scale) -> tuple[float, float]:
        """The least and the most that the pace is expected to be at this stage."""
        if known := self.paces(stage):
            return 0.9 * min(known), 1.2 * max(known)
        others = [pace for _, pace in self.seen]
        return min(*UNKNOWN, *others), max(*UNKNOWN, *others)

    def step(self, stage: Scale) -> float:
        """Seconds for one step at this stage."""
        looks = SHALLOW if stage.touches else 1.0
        return self.seconds_a_step + looks * self.seconds_a_pixel * stage.width * stage.height


def _alike(pixels: int, others: int) -> bool:
    return others < 2 * pixels and pixels < 2 * others


def worth(stages: Sequence[Scale], measured: Measured) -> float:
    """Seconds for all steps of these stages, by what was measured."""
    return sum(stage.steps * measured.step(stage) for stage in stages)


def estimate(request: StyleRequest, photo_size: tuple[int, int], measured: Measured) -> Estimate:
    """Seconds and memory for painting a photo of this size (width, height)."""
    stages = scales(request, photo_size)
    least, most = (sum(measured.usual(s)[end] * worth([s], measured) for s in stages) for end in (0, 1))
    pixels = stages[-1].width * stages[-1].height
    # The style picture is only looked at, without gradients: a quarter as much a pixel, and not at the same time.
    looked_at = max(pixels, stages[-1].style_size ** 2 // 4)
    memory = measured.bytes_in_all + measured.bytes_a_pixel * looked_at
    if request.optimiser == "lbfgs":
        memory += 2 * HISTORY * 3 * 4 * pixels
    return Estimate(least, int(memory), device.free_memory(measured.device), seconds_at_most=most)


def estimate_that_fits(request: StyleRequest, photo_size: tuple[int, int], measured: Measured) -> Estimate:
    """The estimate, or a `UserError` that names the largest size that fits."""
    wanted = estimate(request, photo_size, measured)
    if wanted.fits:
        return wanted
    smaller = (
        size
        for size in range(request.size - 32, 63, -32)
        if estimate(replace(request, size=size), photo_size, measured).fits
    )
    best = next(smaller, None)
    advice = f"up to {best} px fits" if best else "close other programs first"
    raise UserError(
        f"Painting at {request.size} px takes about {amounts.gigabytes(wanted.memory)} of memory and "
        f"{amounts.gigabytes(wanted.free)} are free; {advice}."
    )


def recall(network: str) -> Measured | None:
    """What was measured on this machine for `network` before, if it was."""
    path = _file(network)
    try:
        return Measured(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):  # never measured, or another version's file: measure again
        return _unwritten.get(path)


def measured(network: str) -> Measured:
    """What was measured on this machine for `network`, once it was."""
    found = recall(network)
    if found is None:
        raise LookupError(f"this machine has not been measured with {network}")
    return found


def learn(network: str, paces: Sequence[tuple[int, float]]) -> None:
    """A painting went at these paces, each at so many pixels; the last ones of every size are remembered."""
    before = recall(network)
    if before is None or not paces:  # what was measured may have been cleared away meanwhile
        return
    seen = list(before.seen)
    for pixels, pace in paces:
        alike = [one for one in seen if _alike(one[0], pixels)]
        if len(alike) >= PACES:
            seen.remove(alike[0])
        seen.append((pixels, round(pace, 3)))
    remember(network, replace(before, seen=seen))


def remember(network: str, measured: Measured) -> None:
    """Keep it for the next start; where nothing can be written, for as long as this process runs."""
    path = _file(network)
    try:
        files.make_folder(path.parent)
        files.write_json(path, asdict(measured))
    except UserError:
        _unwritten[path] = measured


_unwritten: dict[Path, Measured] = {}


def _file(network: str) -> Path:
    machine = f"{platform.node()}-{platform.machine()}-{os.cpu_count()}"
    return cache.folder() / "measured" / f"{network}-{machine}.json"
