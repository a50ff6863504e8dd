"""A painting's hues as its styles have them: not only their mean and covariance, which the descent sees to (see
`objective.PALETTE`), but which there are at all.

Blue and yellow in the right shares have the covariance of greys and ochres: what is loud in both directions balances
out, and the loss is content with a neon that no style has. Here each colour goes where its rank has its place among the
styles' colours, along the axes of one basis after another (Pitié et al. 2007, "Automated colour grading using colour
distribution transfer", section 3). Where we depart from the paper: every colour stays as bright as it is, as forms are
the descent's business. Knows tensors, no requests and no networks.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

TURNS = 6  # bases; the paper turns until nothing moves any more, which takes some ten to twenty
SAMPLED = 2**14  # colours that speak for all of a picture
RANKS = 65  # at which distributions are compared; between them it is a straight way
GRID = 33  # colours along each edge of the cube for which it is worked out; those between lie between


def of(styles: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Pictures [1, 3, H, W] in [0, 1] of any sizes, that count by their `shares` (summing to 1) -> colours [N, 3]."""
    return torch.cat([_sample(style, round(SAMPLED * share)) for style, share in zip(styles, shares, strict=True)])


def with_hues(image: Tensor, wanted: Tensor, amount: float) -> Tensor:
    """`image` [1, 3, H, W] in [0, 1] with hues like those of the colours `wanted` [N, 3], and as bright as it is.

    `amount`: near 0 it is left alone, at 1 it has them, between is between. By the processor, whatever device the
    image is on: not all can look up in a cube, and it is done once for each size of a painting.
    """
    edge = torch.linspace(0, 1, GRID)
    cube = torch.cartesian_prod(edge, edge, edge)  # [GRID ** 3, 3], in which blue changes first
    found, moved = _sample(image, SAMPLED), cube
    ranks = torch.linspace(0, 1, RANKS)
    for basis in _bases():
        before, after = (torch.quantile(colours @ basis, ranks, dim=0).T.contiguous() for colours in (found, wanted))
        found, moved = (_moved(colours @ basis, before, after) @ basis.T for colours in (found, moved))
    moved = moved + (cube - moved).mean(1, keepdim=True)
    table = torch.lerp(cube, moved.clamp(0, 1), amount).T.reshape(1, 3, GRID, GRID, GRID)
    places = image.cpu().permute(0, 2, 3, 1)[:, None].flip(-1) * 2 - 1  # [1, 1, H, W, 3]; what changes first leads
    return F.grid_sample(table, places, padding_mode="border", align_corners=True)[:, :, 0].to(image.device)


def _sample(image: Tensor, count: int) -> Tensor:
    """[1, 3, H, W] -> so many colours [N, 3], evenly from all over it."""
    colours = image[0].flatten(1).T
    places = torch.linspace(0, len(colours) - 1, count, device=image.device).round().long()
    return colours[places].cpu()


def _bases() -> Tensor:
    """[TURNS, 3, 3], orthonormal; in the first grey, yellow to blue and red to green are apart."""
    first = torch.tensor([[1.0, 1, 1], [1, 1, -2], [1, -1, 0]])
    turned = torch.randn(TURNS - 1, 3, 3, generator=torch.Generator().manual_seed(0))
    return torch.cat([F.normalize(first).T[None], torch.linalg.qr(turned).Q])


def _moved(values: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Values [N, 3] along three axes, each from its rank in `before` to that rank's value in `after`, [3, RANKS]."""
    columns = values.T.contiguous()
    right = torch.searchsorted(before, columns).clamp(1, RANKS - 1)
    low, high = before.gather(1, right - 1), before.gather(1, right)
    way = ((columns - low) / (high - low).clamp_min(1e-6)).clamp(0, 1)
    return torch.lerp(after.gather(1, right - 1), after.gather(1, right), way).T
