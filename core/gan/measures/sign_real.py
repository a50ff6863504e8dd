"""Whether D has an easy time with the pictures it learned from: the heuristic r_t of Karras et al. 2020
(arXiv:2006.06676, equation 1), whose target is 0.6."""

from __future__ import annotations

from core.gan.measures.moment import Moment


def measure(moment: Moment) -> float | None:
    return moment.opinions.real.sign().mean().item() if moment.opinions else None
