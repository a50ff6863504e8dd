"""Painting by optimisation as an engine of `core.style.dispatch`. Plain: torch comes with the first painting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from PIL import Image

from core.settings import Progress, Result, settings_of
from core.style import choice
from core.style.dispatch import Beforehand, Estimate
from core.style.optimise import budget
from core.style.request import MeasureRequest, StyleRequest


def ready(request: StyleRequest) -> Beforehand | None:
    """None when the network is here and this machine has been measured with it."""
    name = choice.choose(request.network)
    if not choice.available()[name]:
        return Beforehand("VGG-19 is downloaded first (50 MB), once.")
    if budget.recall(name) is None:
        return Beforehand("What it takes will be measured when your turn comes.", MeasureRequest(name))
    return None


def estimate(request: StyleRequest, photo_size: tuple[int, int]) -> Estimate:
    """From what was measured; a `UserError` that names the largest size that fits where this one does not."""
    name = choice.choose(request.network)
    takes = budget.estimate_that_fits(request, photo_size, budget.measured(name))
    return replace(takes, note=f"Network: {settings_of(StyleRequest)['network'].choices[name]}.")


def paint(
    request: StyleRequest,
    photo: Image.Image,
    styles: Sequence[Image.Image],
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Progress | Result]:
    """`core.style.optimise.paint.paint`."""
    from core.style.optimise import paint as painter

    return painter.paint(request, photo, styles, stopped)
