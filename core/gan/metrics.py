"""How near a generator's pictures are to the real ones, as one number: KID on the features of our own network.

Knows no runs and no training; `KidScorer` asks only for pictures.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core import perceptual
from core.pictures import images

COMPARED = 256  # pictures on each side: enough to tell a collapse from progress, and quick


def kid(a: Tensor, b: Tensor) -> float:
    """The unbiased squared maximum mean discrepancy between features [N, D] and [M, D], with the cubic kernel of
    Binkowski et al. 2018 (arXiv:1801.01401, equation 4), times 1000. 0: no difference; may come out slightly below."""
    a, b = a.double(), b.double()

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x: Tensor) -> Tensor:
        products = kernel(x, x)
        return (products.sum() - products.diag().sum()) / (len(x) * (len(x) - 1))

    return 1000 * (within(a) + within(b) - 2 * kernel(a, b).mean()).item()


class KidScorer:
    """Compares pictures with a fixed choice of real ones. Our network's features, so the scale is not that of FID or
    KID in papers; it is for comparing moments of one run."""

    def __init__(self, real: np.ndarray):
        """`real` is uint8 [N, size, size, channels]."""
        self.network = perceptual.load("bundled")
        chosen = np.random.default_rng(0).permutation(len(real))[:COMPARED]
        self.real = self._features([Image.fromarray(np.squeeze(real[i])) for i in chosen])

    def __call__(self, pictures: list[Image.Image]) -> float:
        return kid(self.real, self._features(pictures))

    @torch.no_grad()
    def _features(self, pictures: list[Image.Image]) -> Tensor:
        return perceptual.embed(self.network, [images.on_white(picture) for picture in pictures])
