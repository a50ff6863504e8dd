"""How much samples differ from each other. Quick: pictures are compared as they are, very small."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from core.gan.measures.moment import FEW, Moment
from core.pictures import images

SIDE = 8  # px: what is where, in which colour


def measure(moment: Moment) -> float:
    return diversity(moment.real.pictures[:FEW], moment.few)


def diversity(real: Sequence[Image.Image], fake: Sequence[Image.Image]) -> float:
    """The mean distance between two fakes over that between two real pictures."""
    return float(_apart(fake) / max(_apart(real), 1e-9))


def _apart(pictures: Sequence[Image.Image]) -> float:
    small = [images.on_white(p).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX) for p in pictures]
    pixels = np.stack([np.asarray(p, np.float64).ravel() for p in small])
    squares = (pixels**2).sum(1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * pixels @ pixels.T, 0))
    return distances.sum() / (len(pixels) * (len(pixels) - 1))
