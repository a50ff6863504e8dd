"""What stands still in a clip stays as it was painted, beside what moves too.

A painter sees some way around every place, so strokes change beside a thing that passes. Where the clip itself has not
changed, they go to what they would be in small steps: nothing flickers, and nothing stays of what has passed. Knows
tensors, no files and no painter.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

NOISE, CLEAR = 4 / 255, 16 / 255  # so much change, of one colour's light, is none yet; is something else
AROUND = 4  # px around what has changed that change with it; and as many for the way to what stays
SETTLES = 0.1  # of the way that what stands still goes, every frame


class Still:
    """Told one frame of a clip after the other, in [0, 1], what to show of its painting."""

    def __init__(self) -> None:
        self._before: tuple[Tensor, Tensor, Any] | None = None  # what was seen and shown, from where

    def __call__(self, seen: Tensor, made: Tensor, place: Any) -> Tensor:
        """A frame [1, 3, H, W], its painting, and where the camera is -> the painting to show."""
        if self._before and self._before[2] == place:
            was_seen, shown, _ = self._before
            part = _part(seen, was_seen)
            seen, made = torch.lerp(was_seen, seen, part), torch.lerp(shown, made, part)
        self._before = seen, made, place
        return made


def _part(seen: Tensor, before: Tensor) -> Tensor:
    """How much of the new painting is shown where, [1, 1, H, W]."""
    change = F.avg_pool2d((seen - before).abs().amax(1, keepdim=True), 3, 1, 1, count_include_pad=False)
    change = F.max_pool2d(change, 2 * AROUND + 1, 1, AROUND)
    part = ((change - NOISE) / (CLEAR - NOISE)).clamp(SETTLES, 1)
    return F.avg_pool2d(part, 2 * AROUND + 1, 1, AROUND, count_include_pad=False)
