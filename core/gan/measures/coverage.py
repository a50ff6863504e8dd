"""Whether samples are as varied as real pictures: coverage (Naeem et al. 2020, arXiv:2002.09797, equation 7)."""

from __future__ import annotations

from torch import Tensor

from core.gan.measures.density import within
from core.gan.measures.moment import Moment


def measure(moment: Moment) -> float:
    real = moment.real.features
    return coverage(real, moment.features[: len(real)])


def coverage(real: Tensor, fake: Tensor) -> float:
    """Of features [N, D] and [M, D]: the share of real ones in whose neighbourhood is a fake. About 0.97 where both are
    of one distribution and as many."""
    return within(real, fake).any(1).double().mean().item()
