"""What the two networks want. What D says are logits [N], or [N, judges] where several judge; losses are means.

Original: Goodfellow et al. 2014 (arXiv:1406.2661), the generator's in the non-saturating form of section 3.
Hinge: Lim & Ye 2017, Tran et al. 2017.
Relativistic: D says of a real and a generated picture which is the real one (Jolicoeur-Martineau 2018,
arXiv:1807.00734; with R1 and R2 as in R3GAN, Huang et al. 2024, arXiv:2501.05441, section 2).
Wasserstein: how far D's scores of real and generated pictures are apart (Arjovsky et al. 2017), with the gradient
penalty of Gulrajani et al. 2017 (arXiv:1704.00028, equation 3), and, since D makes one step for each of G's here
instead of five, the drift term of Karras et al. 2018 (arXiv:1710.10196, appendix A.1), who do so as well.
R1, and R2, which is the same on generated pictures: Mescheder et al. 2018 (arXiv:1801.04406, equation 9).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

DRIFT = 0.001  # keeps D's scores of real pictures near 0, which only their differences would not
COMPARING = ("relativistic", "wasserstein")  # D's logits say nothing but in comparison


def discriminator_loss(kind: str, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """Real pictures are 1, generated ones 0; with label smoothing real ones are 1 - smoothing (Salimans et al. 2016:
    only these, or the generator's mistakes would be held in place). The other losses have no labels to smooth."""
    real, fake = real.float(), fake.float()
    if kind == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    if kind == "relativistic":
        return F.softplus(fake - real).mean()
    if kind == "wasserstein":
        return fake.mean() - real.mean() + DRIFT * real.square().mean()
    ones = torch.full_like(real, 1 - smoothing)
    return F.binary_cross_entropy_with_logits(real, ones) + F.softplus(fake).mean()  # softplus(x) = -log(1 - D)


def generator_loss(kind: str, fake: Tensor, real: Tensor) -> Tensor:
    """Generated pictures should be taken for 1: -log D(G(z)), which has a gradient even when D is sure. Only the
    relativistic loss asks what D says of real ones."""
    fake, real = fake.float(), real.float()
    if kind == "relativistic":
        return F.softplus(real - fake).mean()
    return -fake.mean() if kind in ("hinge", "wasserstein") else F.softplus(-fake).mean()


def beliefs(kind: str, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """How probably D takes each real and each generated picture for real, in their shape; where it only compares, for
    the real one of a pair."""
    real, fake = real.float(), fake.float()
    if kind in COMPARING:
        return (real - fake).sigmoid(), (fake - real).sigmoid()
    return real.sigmoid(), fake.sigmoid()


def slope_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """R1 or R2: mean over the batch of |d logit / d image|^2. `images` [N, ...] must require gradients."""
    slopes = _slopes(logits, images)
    return slopes.square().sum(tuple(range(1, slopes.ndim))).mean()


def gradient_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """Mean over the batch of (|d logit / d image| - 1)^2. `images` [N, ...], between real and generated ones, must
    require gradients."""
    return (_slopes(logits, images).flatten(1).norm(dim=1) - 1).square().mean()


def _slopes(logits: Tensor, images: Tensor) -> Tensor:
    (slopes,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return slopes.float()
