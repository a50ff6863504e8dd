"""Which pictures of a set are held out: never learned from, so that what was learned by heart can be told from what was
understood. Plain: no torch.
"""

from __future__ import annotations

import numpy as np

FROM = 200  # pictures: of fewer, none can be spared
ONE_IN = 20


def places(count: int) -> np.ndarray:
    """Of so many pictures: every twentieth, so that those of all parts of a folder are among them."""
    return np.arange(ONE_IN - 1, count, ONE_IN) if count >= FROM else np.arange(0)
