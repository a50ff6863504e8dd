"""What the two networks want. What D says are logits [N]; all losses are means over the batch.

Original: Goodfellow et al. 2014 (arXiv:1406.2661), the generator's in the non-saturating form of section 3.
Hinge: Lim & Ye 2017, Tran et al. 2017. R1: Mescheder et al. 2018 (arXiv:1801.04406, equation 9).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def discriminator_loss(kind: str, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """Real pictures are 1, generated ones 0; with label smoothing real ones are 1 - smoothing (Salimans et al. 2016:
    only these, or the generator's mistakes would be held in place). The hinge loss has no labels to smooth."""
    real, fake = real.float(), fake.float()
    if kind == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    ones = torch.full_like(real, 1 - smoothing)
    return F.binary_cross_entropy_with_logits(real, ones) + F.softplus(fake).mean()  # softplus(x) = -log(1 - D)


def generator_loss(kind: str, fake: Tensor) -> Tensor:
    """Generated pictures should be taken for 1: -log D(G(z)), which has a gradient even when D is sure."""
    return -fake.float().mean() if kind == "hinge" else F.softplus(-fake.float()).mean()


def r1_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """Mean over the batch of |d logit / d image|^2. `images` [N, C, H, W] must require gradients."""
    (slope,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return slope.float().square().sum((1, 2, 3)).mean()
