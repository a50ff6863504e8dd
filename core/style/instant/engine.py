"""Painting at once, as an engine of `core.style.dispatch`. Plain: torch comes with the first painting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from PIL import Image

from core import amounts, device
from core.errors import UserError
from core.hub import registry
from core.settings import Progress, Result
from core.style.dispatch import Beforehand, Estimate
from core.style.optimise import budget
from core.style.optimise.schedule import Scale, scales
from core.style.request import InstantRequest

WEIGHTS = "instant"  # their name in the registry
NETWORK = "bundled"  # the decoder has learnt to read this one's features only
# Against one step of the painter for each pixel, which the machine has been timed with: the way in and out without the
# way back, and the style's way in.
STEPS_A_PAINTING = 1.0
BYTES_A_PIXEL, BYTES_IN_ALL = 450, 4e8
USUAL = budget.Measured(0.0, 2e-6, BYTES_A_PIXEL, BYTES_IN_ALL)  # where the machine was never timed


def ready(_request: InstantRequest) -> Beforehand | None:
    """None unless this copy of Ganvas lacks the weights."""
    try:
        registry.bundled(WEIGHTS)
    except UserError as error:
        return Beforehand(str(error))
    return None


def estimate(request: InstantRequest, photo_size: tuple[int, int]) -> Estimate:
    """Seconds and memory for painting a photo of this size (width, height); a `UserError` where it does not fit."""
    return estimate_of(scales(request, photo_size)[-1])


def estimate_of(stage: Scale, together: int = 1) -> Estimate:
    """Seconds for one picture of this size, and memory for so many of them at once; a `UserError` as above."""
    measured = budget.recall(NETWORK) or USUAL
    largest = max(together * stage.width * stage.height, stage.style_size**2)
    memory = int(BYTES_IN_ALL + BYTES_A_PIXEL * largest)
    takes = Estimate(STEPS_A_PAINTING * measured.step(stage), memory, device.free_memory(measured.device))
    if not takes.fits:
        raise UserError(
            f"Painting at {max(stage.width, stage.height)} px takes about {amounts.gigabytes(takes.memory)} of memory "
            f"and {amounts.gigabytes(takes.free)} are free; choose a smaller size, or close other programs first."
        )
    return takes


def paint(
    request: InstantRequest,
    photo: Image.Image,
    styles: Sequence[Image.Image],
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Progress | Result]:
    """`core.style.instant.paint.paint`."""
    from core.style.instant import paint as painter

    return painter.paint(request, photo, styles, stopped)
