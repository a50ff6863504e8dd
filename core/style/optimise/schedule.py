"""How large a painting is at each stage and how many steps it gets: coarse to fine.

A network sees only so far, so large forms settle on a small picture and fine strokes on a large one; coarse steps are
also cheap. (Gatys et al. 2017, "Controlling Perceptual Factors", section 6.) Plain arithmetic: no torch, no pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.pictures.images import fit_size
from core.style.request import StyleRequest, of_freedom

# px of the longer side, at least, when faithful, bold and free. Large forms of a style come from where little of the
# photo is left to see: on trial pairs 96 px were better than 192, and than 48; 64 px were as good as 128.
COARSEST = (128, 68, 68)
# Of 180 steps that are asked for, so many are taken on the coarsest scale, on those between and at full size; when
# faithful, bold and free. How boldly it is painted is decided where it is coarse, which is cheap; large forms need
# fewer steps of a full size than the many that put thin strokes over the photo's own.
STEPS, AT_COARSEST, BETWEEN, AT_FULL_SIZE = 180, (36, 100, 300), (36, 60, 120), (180, 20, 30)
ALONE = (180, 100, 300)  # where one scale is all
BOLD = 0.5  # from this freedom on full size only touches up what the scales before have found
SHORTEST = 16  # px: four halvings leave one position for the deepest layer


@dataclass(frozen=True)
class Scale:
    """One stage: the painting's size, the longest side a style picture gets, and the steps taken; and whether these
    only touch up, with an eye on fine strokes alone."""

    width: int
    height: int
    style_size: int
    steps: int
    touches: bool = False

    def of_style(self, width: int, height: int) -> tuple[int, int]:
        """What a style picture of this size is looked at as: enlarged twice at the most."""
        return fit_size(width, height, min(self.style_size, 2 * max(width, height)), minimum=SHORTEST)


def scales(request: StyleRequest, photo_size: tuple[int, int]) -> list[Scale]:
    """The stages for a photo of `photo_size` (width, height), smallest first.

    Sizes double up to the one asked for.
    """
    longer, coarsest = [request.size], of_freedom(request.freedom, *COARSEST)
    while longer[-1] >= 2 * coarsest:
        longer.append(longer[-1] // 2)
    bold = request.freedom >= BOLD and request.style_weight > 0
    stages: list[Scale] = []
    for side in longer[::-1]:
        width, height = fit_size(*photo_size, side, minimum=SHORTEST)
        last, only = side == request.size, len(longer) == 1
        taken = ALONE if only else AT_FULL_SIZE if last else BETWEEN if stages else AT_COARSEST
        steps = max(1, int(request.steps * of_freedom(request.freedom, *taken) / STEPS + 1e-6))
        seen = max(SHORTEST, round(side * request.stroke_size))
        stages.append(Scale(width, height, seen, steps, touches=bold and last and not only))
    return stages
