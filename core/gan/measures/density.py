"""Whether samples look like real pictures: density (Naeem et al. 2020, arXiv:2002.09797, equation 6)."""

from __future__ import annotations

import torch
from torch import Tensor

from core.gan.measures.moment import Moment

NEAREST = 5  # the neighbourhood of a real picture reaches to its fifth neighbour, as in the paper


def measure(moment: Moment) -> float:
    real = moment.real.features
    return density(real, moment.features[: len(real)])


def density(real: Tensor, fake: Tensor) -> float:
    """Of features [N, D] and [M, D]: in how many neighbourhoods of real ones a fake is, compared with how many there
    should be. 1 where both are of one distribution; more where fakes keep to where real ones are dense."""
    return (within(real, fake).sum() / (NEAREST * len(fake))).item()


def within(real: Tensor, fake: Tensor) -> Tensor:
    """Which fake is in the neighbourhood of which real one: bool [N, M]."""
    real, fake = real.double(), fake.double()
    reach = torch.cdist(real, real).kthvalue(NEAREST + 1, dim=1).values  # the nearest is the picture itself
    return torch.cdist(real, fake) < reach[:, None]
