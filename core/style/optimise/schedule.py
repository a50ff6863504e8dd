"""How large a painting is at each stage and how many steps it gets: coarse to fine.

A network sees only so far, so large forms settle on a small picture and fine strokes on a large one; coarse steps are
also cheap. (Gatys et al. 2017, "Controlling Perceptual Factors", section 6.) Plain arithmetic: no torch, no pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.pictures.images import fit_size
from core.style.request import StyleRequest, of_freedom

COARSEST = 128  # px, longer side: below it VGG's deepest layers have next to nothing left to see
# Of 180 steps that are asked for, so many are taken at full size and at each coarser one; when faithful, bold and free.
# How boldly it is painted is decided on the coarse scales, which are cheap; large forms need fewer steps of a full size
# than the many that put thin strokes over the photo's own.
STEPS, AT_FULL_SIZE, COARSER = 180, (180, 40, 60), (36, 120, 300)
SHORTEST = 16  # px: four halvings leave one position for the deepest layer


@dataclass(frozen=True)
class Scale:
    """One stage: the painting's size, the longest side a style picture gets, and the steps taken."""

    width: int
    height: int
    style_size: int
    steps: int

    def of_style(self, width: int, height: int) -> tuple[int, int]:
        """What a style picture of this size is looked at as: enlarged twice at the most."""
        return fit_size(width, height, min(self.style_size, 2 * max(width, height)), minimum=SHORTEST)


def scales(request: StyleRequest, photo_size: tuple[int, int]) -> list[Scale]:
    """The stages for a photo of `photo_size` (width, height), smallest first.

    Sizes double up to the one asked for.
    """
    longer = [request.size]
    while longer[-1] >= 2 * COARSEST:
        longer.append(longer[-1] // 2)
    stages = []
    for k, side in enumerate(longer):
        width, height = fit_size(*photo_size, side, minimum=SHORTEST)
        share = of_freedom(request.freedom, *(COARSER if k else AT_FULL_SIZE)) / STEPS
        steps = max(1, int(request.steps * share + 1e-6))
        stages.append(Scale(width, height, max(SHORTEST, round(side * request.stroke_size)), steps))
    return stages[::-1]
