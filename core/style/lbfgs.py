"""L-BFGS for pictures: curvature is remembered tile by tile, and expected to be low where frequencies are low.

Knows a picture and its gradient, nothing of what is minimised.

What a painter's loss asks of one corner of a picture hardly depends on another corner, once the style as a whole is
met: each layer looks at a neighbourhood. The plain method (Nocedal 1980; Liu & Nocedal 1989) takes inner products over
all pixels, so a handful of remembered steps has to serve all corners at once. Here every tile has inner products of its
own, as in partitioned quasi-Newton methods (Griewank & Toint 1982): as many small problems, each with the same handful.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from core.style.budget import HISTORY

TILE = 32  # px
LONGEST = 1.5  # no tile moves more than so many times as far as tiles usually do: its curvature may be misjudged
FIRST = 0.012  # mean change of a pixel by the first step, which only feels for the curvature
LOWEST = 0.02  # cycles a pixel: below it all frequencies count as equally flat


class TiledLBFGS:
    """Moves `picture` [1, 3, H, W] by its `.grad` at every `step()`. `rate` 1 is the full quasi-Newton step."""

    def __init__(self, picture: Tensor, rate: float):
        self.picture, self.rate = picture, rate
        self.rows, self.columns = (-(-side // TILE) for side in picture.shape[2:])
        down = torch.fft.fftfreq(self.rows * TILE, device=picture.device)[:, None]
        across = torch.fft.rfftfreq(self.columns * TILE, device=picture.device)
        # The inverse curvature a loss of this kind was seen to have, over frequency f: about 1 / f.
        self.filter = 1 / (torch.hypot(down, across) + LOWEST)
        self.steps: list[Tensor] = []  # s of the literature; tiles [T, 3 TILE TILE], newest last
        self.changes: list[Tensor] = []  # y, of the gradient
        self.inverse: list[Tensor] = []  # 1 / (s . y) of each tile [T]; 0 where that is not positive: no memory there
        self.last: tuple[Tensor, Tensor] | None = None  # the gradient's tiles and the step's
        self.scale: Tensor | None = None  # of the expected curvature, each tile's own [T]

    @torch.no_grad()
    def step(self) -> None:
        g = self._tiles(self.picture.grad)
        if self.last is not None:
            self._remember(g)
        direction = self._direction(-g)
        length = direction.square().mean(1).sqrt()
        direction *= (LONGEST * length.median() / length.clamp(min=1e-20)).clamp(max=1)[:, None]
        if self.last is None:
            direction *= FIRST / direction.abs().mean().clamp(min=1e-20)
        direction *= self.rate
        self.last = g, direction
        self.picture += self._whole(direction)

    def _remember(self, g: Tensor) -> None:
        before, s = self.last
        y = g - before
        sy = _dot(s, y)
        expected = _dot(y, self._smoothed(y))
        usable = sy > 1e-6 * (_dot(s, s) * _dot(y, y)).sqrt()
        found = sy / expected.clamp(min=1e-30)
        usual = found[usable].median() if usable.any() else found.new_tensor(1.0)
        self.scale = torch.where(usable, found, usual if self.scale is None else self.scale)
        self.steps.append(s)
        self.changes.append(y)
        self.inverse.append(torch.where(usable, 1 / sy.clamp(min=1e-30), 0))
        if len(self.steps) > HISTORY:
            del self.steps[0], self.changes[0], self.inverse[0]

    def _direction(self, q: Tensor) -> Tensor:
        """The two loops of the method (Nocedal & Wright 2006, algorithm 7.4), for all tiles at once."""
        weights = []
        for s, y, inverse in zip(self.steps[::-1], self.changes[::-1], self.inverse[::-1], strict=True):
            weights.append(inverse * _dot(s, q))
            q = q.addcmul(weights[-1][:, None], y, value=-1)
        if self.scale is None:
            q = self._smoothed(q)
        else:
            root = self.scale.sqrt()[:, None]  # half before and half after: the guess has to stay symmetric
            q = root * self._smoothed(root * q)
        for s, y, inverse in zip(self.steps, self.changes, self.inverse, strict=True):
            q.addcmul_((weights.pop() - inverse * _dot(y, q))[:, None], s)
        return q

    def _smoothed(self, tiles: Tensor) -> Tensor:
        """The expected inverse curvature, applied: low frequencies are lifted."""
        grid = self._grid(tiles)
        height, width = self.picture.shape[2:]
        smooth = torch.fft.irfft2(torch.fft.rfft2(grid) * self.filter, grid.shape[1:])
        smooth[:, height:] = 0  # beyond the border there is nothing to move
        smooth[:, :, width:] = 0
        return self._cut(smooth)

    def _tiles(self, picture: Tensor) -> Tensor:
        """[1, 3, H, W] -> [T, 3 TILE TILE], zeros beyond the border."""
        height, width = picture.shape[2:]
        return self._cut(F.pad(picture[0], (0, self.columns * TILE - width, 0, self.rows * TILE - height)))

    def _whole(self, tiles: Tensor) -> Tensor:
        height, width = self.picture.shape[2:]
        return self._grid(tiles)[None, :, :height, :width]

    def _cut(self, grid: Tensor) -> Tensor:
        """[3, rows TILE, columns TILE] -> [T, 3 TILE TILE]."""
        tiles = grid.view(3, self.rows, TILE, self.columns, TILE).permute(1, 3, 0, 2, 4)
        return tiles.reshape(self.rows * self.columns, -1)

    def _grid(self, tiles: Tensor) -> Tensor:
        grid = tiles.view(self.rows, self.columns, 3, TILE, TILE).permute(2, 0, 3, 1, 4)
        return grid.reshape(3, self.rows * TILE, self.columns * TILE)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Tile by tile: [T, n], [T, n] -> [T]."""
    return torch.linalg.vecdot(a, b)
