"""What a painting will take on this machine, told before it starts: seconds and memory.

Figures come from `core.style.measure`, which paints a few steps once per network and machine; here they are kept in a
file, read, and multiplied. Plain arithmetic: no torch.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass

from core import device, weights
from core.errors import UserError
from core.settings import StyleRequest
from core.style.schedule import scales

SHARE = 0.8  # of the free memory may be taken: other things run here too


@dataclass(frozen=True)
class Measured:
    """What one step was seen to cost with one network: a fixed part and a part for every pixel."""

    seconds_a_step: float
    seconds_a_pixel: float
    bytes_a_pixel: float
    bytes_in_all: float


@dataclass(frozen=True)
class Estimate:
    seconds: float
    memory: int  # bytes at the largest scale
    free: int  # bytes this process may still take

    @property
    def fits(self) -> bool:
        return self.memory <= SHARE * self.free


def estimate(request: StyleRequest, photo_size: tuple[int, int], measured: Measured) -> Estimate:
    """Seconds and memory for painting a photo of this size (width, height)."""
    stages = scales(request, photo_size)
    seconds = sum(s.steps * (measured.seconds_a_step + measured.seconds_a_pixel * s.width * s.height) for s in stages)
    # The style picture is seen at full stroke size too, but without gradients: less than the painting itself.
    pixels = stages[-1].width * stages[-1].height
    memory = measured.bytes_in_all + measured.bytes_a_pixel * pixels
    if request.optimiser == "lbfgs":
        memory += 2 * 10 * 3 * 4 * pixels  # ten steps and ten gradient changes are remembered
    return Estimate(seconds, int(memory), device.free_memory())


def check(request: StyleRequest, photo_size: tuple[int, int], measured: Measured) -> Estimate:
    """The estimate, or a `UserError` that names the largest size that fits."""
    wanted = estimate(request, photo_size, measured)
    if wanted.fits:
        return wanted
    smaller = (
        size
        for size in range(request.size - 32, 63, -32)
        if estimate(StyleRequest(size=size, optimiser=request.optimiser), photo_size, measured).fits
    )
    best = next(smaller, None)
    advice = f"up to {best} px fits" if best else "close other programs first"
    raise UserError(
        f"Painting at {request.size} px takes about {wanted.memory / 1e9:.1f} GB of memory and "
        f"{wanted.free / 1e9:.1f} GB are free; {advice}."
    )


def known(network: str) -> Measured | None:
    """What was measured on this machine for `network` before, if it was."""
    try:
        return Measured(**json.loads(_file(network).read_text()))
    except (OSError, ValueError, TypeError):  # never measured, or another version's file: measure again
        return None


def remember(network: str, measured: Measured) -> None:
    path = _file(network)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.part")
    beside.write_text(json.dumps(asdict(measured)))
    beside.replace(path)


def _file(network: str):
    machine = f"{platform.node()}-{platform.machine()}-{os.cpu_count()}"
    return weights.cache_dir() / "measured" / f"{network}-{machine}.json"
