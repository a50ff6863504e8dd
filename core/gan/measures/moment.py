"""What measures look at: a training at one moment, and the real pictures it is compared with.

What several measures need is computed once, and only where one of them asks. Features are those of our own network,
so no scale is that of papers: they are for comparing moments of one run.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from torch import Tensor

from core import perceptual
from core.pictures import images

if TYPE_CHECKING:
    from core.gan.train import Training

COMPARED = 256  # pictures on each side: enough to tell a collapse from progress, and quick


class Real:
    """A fixed choice of the pictures a run learns from, kept from moment to moment."""

    def __init__(self, pixels: np.ndarray):
        """`pixels` is uint8 [N, size, size, channels]."""
        chosen = np.random.default_rng(0).permutation(len(pixels))[:COMPARED]
        self.pictures = [Image.fromarray(np.squeeze(pixels[i])) for i in chosen]

    @cached_property
    def features(self) -> Tensor:
        """[N <= COMPARED, 512]"""
        return features(self.pictures)


class Moment:
    """A training as it is now. The next step ends it, so all that is wanted of it has to be asked before."""

    def __init__(self, training: Training, real: Real):
        self.training, self.real = training, real

    @cached_property
    def samples(self) -> list[Image.Image]:
        """Of the moving average, from the same latents at every moment."""
        return self.training.sample(COMPARED)

    @cached_property
    def features(self) -> Tensor:
        """Of the samples: [COMPARED, 512]"""
        return features(self.samples)


def features(pictures: Sequence[Image.Image]) -> Tensor:
    """[N, 512]; what can be seen through is on white."""
    return perceptual.embed(_network(), [images.on_white(picture) for picture in pictures])


@functools.cache
def _network() -> perceptual.FeatureNet:
    return perceptual.load("bundled")
