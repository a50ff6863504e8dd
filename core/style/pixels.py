"""Pictures as the numbers networks take, and back. Knows no networks and no requests."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.pictures import images

PREVIEW_EVERY = 0.5  # seconds between pictures of what is being painted


def to_tensor(picture: Image.Image, size: tuple[int, int], device: torch.device) -> Tensor:
    """A picture of any kind at `size` (width, height), on white -> float32 [1, 3, H, W] in [0, 1]."""
    resized = images.on_white(picture).resize(size, Image.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.array(resized))
    return pixels.permute(2, 0, 1)[None].to(device).float() / 255


def to_picture(image: Tensor) -> Image.Image:
    """[1, 3, H, W] in [0, 1] -> an RGB picture."""
    pixels = (image[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
    return Image.fromarray(pixels.cpu().numpy())
