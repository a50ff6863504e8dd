"""How much samples differ from each other. Quick: pictures are compared as they are, very small."""

from __future__ import annotations

import torch
from torch import Tensor

from core.gan.measures.moment import FEW, Moment


def measure(moment: Moment) -> float:
    return diversity(moment.real.small[0][:FEW], moment.small)


def diversity(real: Tensor, fake: Tensor) -> float:
    """Of [N, D] and [M, D]: the mean distance between two fakes over that between two real ones."""
    return _apart(fake) / max(_apart(real), 1e-9)


def _apart(pictures: Tensor) -> float:
    exact = "donot_use_mm_for_euclid_dist"  # equal ones are no distance apart
    return torch.cdist(pictures, pictures, compute_mode=exact).sum().item() / (len(pictures) * (len(pictures) - 1))
