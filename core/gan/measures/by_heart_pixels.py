"""Whether samples are copies of pictures that were learned from, as anybody sees it: without a network, and quick."""

from __future__ import annotations

from core.gan.measures.by_heart import by_heart
from core.gan.measures.moment import Moment


def measure(moment: Moment) -> float:
    learned, unseen = moment.real.small
    return by_heart(moment.small, learned, unseen if len(unseen) else None)
