"""DiffAugment (Zhao et al. 2020, arXiv:2006.10738): what D sees of real *and* generated pictures is varied alike,
by operations that gradients pass through, so that D cannot learn a small set by heart.

Images are [N, 1 | 3 | 4, H, W] in [-1, 1]; the fourth channel is opacity, which colour changes leave alone. Random
numbers come in from outside, [N, k] in [0, 1), so that a step can be repeated exactly.
"""

from __future__ import annotations

import torch
from torch import Tensor

DRAWS = 8  # random numbers per picture: flip, 3 for colour, 2 for translation, 2 for cutout

REACH = 1 / 8  # of the side, both ways: translation
HOLE = 1 / 2  # of the side: cutout


def flip(images: Tensor, draws: Tensor) -> Tensor:
    """Half of the pictures mirrored left to right. Applied to real pictures only: it doubles the set."""
    return torch.where(draws[:, 0, None, None, None] < 0.5, images.flip(3), images)


def augment(images: Tensor, draws: Tensor, *, colour: bool, translation: bool, cutout: bool) -> Tensor:
    """The chosen variations in the paper's order. `draws` [N, DRAWS]."""
    if colour:
        images = vary_colour(images, draws[:, 1:4])
    if translation:
        images = translate(images, draws[:, 4:6])
    if cutout:
        images = cut_out(images, draws[:, 6:8])
    return images


def vary_colour(images: Tensor, draws: Tensor) -> Tensor:
    """Brightness by -0.5..0.5, saturation by 0..2, contrast by 0.5..1.5, as in the authors' code."""
    brightness, saturation, contrast = draws[:, :, None, None, None].unbind(1)
    picture, opacity = images[:, :3], images[:, 3:]
    picture = picture + (brightness - 0.5)
    if picture.shape[1] == 3:
        grey = picture.mean(1, keepdim=True)
        picture = (picture - grey) * (saturation * 2) + grey
    mean = picture.mean((1, 2, 3), keepdim=True)
    picture = (picture - mean) * (contrast + 0.5) + mean
    return torch.cat([picture, opacity], 1) if opacity.shape[1] else picture


def translate(images: Tensor, draws: Tensor) -> Tensor:
    """Shifted by whole pixels, up to an eighth of the side; what comes in is mid-grey (0), as in the authors' code."""
    n, _, height, width = images.shape
    rows = torch.arange(height, device=images.device)[None] + _offsets(draws[:, 0], height)
    columns = torch.arange(width, device=images.device)[None] + _offsets(draws[:, 1], width)
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    index = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None, :]
    shifted = images.flatten(2).gather(2, index.view(n, 1, -1).expand(-1, images.shape[1], -1))
    return shifted.view(images.shape) * inside[:, None]


def _offsets(draw: Tensor, side: int) -> Tensor:
    reach = max(1, round(side * REACH))
    return (draw * (2 * reach + 1)).long()[:, None] - reach


def cut_out(images: Tensor, draws: Tensor) -> Tensor:
    """A square hole of half the side, anywhere (also half outside), in mid-grey."""
    height, width = images.shape[2:]
    rows = _covered(draws[:, 0], height, images.device)[:, :, None]
    columns = _covered(draws[:, 1], width, images.device)[:, None, :]
    return images * ~(rows & columns)[:, None]


def _covered(draw: Tensor, side: int, device: torch.device) -> Tensor:
    start = (draw * (side + 1)).long()[:, None] - int(side * HOLE) // 2
    place = torch.arange(side, device=device)[None]
    return (place >= start) & (place < start + int(side * HOLE))
