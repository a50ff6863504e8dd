"""How strongly G was pulled in the last step."""

from __future__ import annotations

from core.gan.measures.gradient_d import norm
from core.gan.measures.moment import Moment


def measure(moment: Moment) -> float | None:
    return norm(moment.training.g)
