"""From a generator's images to pictures, and to a sheet of them. Knows no network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from core.pictures import images

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
TILE = 64  # px: smaller pictures are enlarged on sheets, each pixel becoming a square


def to_pictures(pixels: Tensor) -> list[Image.Image]:
    """[N, 1 | 3 | 4, H, W] in [-1, 1] -> grey, RGB or RGBA pictures."""
    array = ((pixels.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    mode = MODES[array.shape[-1]]
    return [Image.fromarray(picture[..., 0] if mode == "L" else picture) for picture in array]


def sheet(pictures: Sequence[Image.Image]) -> Image.Image:
    """All pictures on one, small ones enlarged without smoothing."""
    times = max(1, TILE // pictures[0].width)
    return images.grid(
        [p.resize((p.width * times, p.height * times), Image.Resampling.NEAREST) for p in pictures], gap=2
    )
