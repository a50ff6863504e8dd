"""How strongly D was pulled in the last step it made."""

from __future__ import annotations

import torch
from torch import nn

from core.gan.measures.moment import Moment


def measure(moment: Moment) -> float | None:
    return norm(moment.training.d)


def norm(network: nn.Module) -> float | None:
    """The length of the gradient that the last step left behind; None before the first."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients).item() if gradients else None
