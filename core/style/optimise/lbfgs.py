"""L-BFGS for pictures: curvature is remembered place by place, and expected to be low where frequencies are low.

Knows a picture and its gradient, nothing of what is minimised.

What a painter's loss asks of one corner of a picture hardly depends on another corner, once the style as a whole is
met: each layer looks at a neighbourhood. The plain method (Nocedal 1980; Liu & Nocedal 1989) takes inner products over
all pixels, so a handful of remembered steps has to serve all corners at once. Here inner products are taken under
windows, as in partitioned quasi-Newton methods (Griewank & Toint 1982): many small problems, each with the same
handful. The windows overlap and sum to one, so what they find passes smoothly from one to the next. (With tiles side by
side in their place, calm skies showed the tiles.) Over the whole picture the last remembered step keeps the secant
equation.
"""

from __future__ import annotations

import torch
from torch import Tensor

from core.style.optimise.budget import HISTORY

SPACING = 96  # px from the middle of one window to the next
LONGEST = 1.5  # no place moves more than so many times as far as places usually do: its curvature may be misjudged
FIRST = 0.012  # mean change of a pixel by the first step, which only feels for the curvature
LOWEST = 0.02  # cycles a pixel: below it all frequencies count as equally flat


class WindowedLBFGS:
    """Moves `picture` [1, 3, H, W] by its `.grad` at every `step()`. `rate` 1 is the full quasi-Newton step."""

    def __init__(self, picture: Tensor, rate: float):
        self.picture, self.rate = picture, rate
        self.shape = height, width = picture.shape[2:]
        self.down, self.across = _windows(height).to(picture.device), _windows(width).to(picture.device)
        self.covered = 3 * self.down.sum(0)[:, None] * self.across.sum(0)  # numbers under each window
        self.padded = tuple(-(-side // 32) * 32 for side in self.shape)  # sizes a fast Fourier transform likes
        rows = torch.fft.fftfreq(self.padded[0], device=picture.device)[:, None]
        columns = torch.fft.rfftfreq(self.padded[1], device=picture.device)
        # The inverse curvature a loss of this kind was seen to have, over frequency f: about 1 / f.
        self.filter = 1 / (torch.hypot(rows, columns) + LOWEST)
        self.steps: list[Tensor] = []  # s of the literature [3, H, W], newest last
        self.changes: list[Tensor] = []  # y, of the gradient
        self.inverse: list[Tensor] = []  # 1 / (s . y) under each window; 0 where that is not positive: no memory there
        self.last: tuple[Tensor, Tensor] | None = None  # the gradient and the step
        self.scale: Tensor | None = None  # of the expected curvature, each window's own

    @torch.no_grad()
    def step(self) -> None:
        assert self.picture.grad is not None, "somebody has called backward()"
        g = self.picture.grad[0]
        if self.last is not None:
            self._remember(g, *self.last)
        direction = self._direction(-g)
        length = (self._dot(direction, direction) / self.covered).sqrt()
        direction *= self._spread((LONGEST * length.median() / length.clamp(min=1e-20)).clamp(max=1))
        if self.last is None:
            direction *= FIRST / direction.abs().mean().clamp(min=1e-20)
        direction *= self.rate
        self.last = g.clone(), direction
        self.picture += direction

    def _remember(self, g: Tensor, before: Tensor, s: Tensor) -> None:
        y = g - before
        sy = self._dot(s, y)
        expected = self._dot(y, self._smoothed(y))
        usable = sy > 1e-6 * (self._dot(s, s) * self._dot(y, y)).sqrt()
        found = sy / expected.clamp(min=1e-30)
        usual = found[usable].median() if usable.any() else found.new_tensor(1.0)
        self.scale = torch.where(usable, found, usual if self.scale is None else self.scale)
        self.steps.append(s)
        self.changes.append(y)
        self.inverse.append(torch.where(usable, 1 / sy.clamp(min=1e-30), 0))
        if len(self.steps) > HISTORY:
            del self.steps[0], self.changes[0], self.inverse[0]

    def _direction(self, q: Tensor) -> Tensor:
        """The two loops of the method (Nocedal & Wright 2006, algorithm 7.4), all windows at once. `q` is used up."""
        weights = []
        for s, y, inverse in zip(self.steps[::-1], self.changes[::-1], self.inverse[::-1], strict=True):
            weights.append(inverse * self._dot(s, q))
            q.addcmul_(self._spread(weights[-1]), y, value=-1)
        if self.scale is None:
            q = self._smoothed(q)
        else:
            root = self._spread(self.scale).sqrt()  # half before and half after: the guess has to stay symmetric
            q = root * self._smoothed(root * q)
        for s, y, inverse in zip(self.steps, self.changes, self.inverse, strict=True):
            q.addcmul_(self._spread(weights.pop() - inverse * self._dot(y, q)), s)
        return q

    def _smoothed(self, picture: Tensor) -> Tensor:
        """The expected inverse curvature, applied: low frequencies are lifted."""
        spectrum = torch.fft.rfft2(picture, self.padded)
        return torch.fft.irfft2(spectrum * self.filter, self.padded)[:, : self.shape[0], : self.shape[1]]

    def _dot(self, a: Tensor, b: Tensor) -> Tensor:
        """Inner products under each window: [3, H, W], [3, H, W] -> [rows of windows, columns of windows]."""
        product = a[0] * b[0]
        product.addcmul_(a[1], b[1]).addcmul_(a[2], b[2])
        return self.down.T @ product @ self.across

    def _spread(self, values: Tensor) -> Tensor:
        """One value for each window -> one for each pixel [H, W], from window to window a straight line."""
        return self.down @ values @ self.across.T


def _windows(side: int) -> Tensor:
    """Hats about `SPACING` px apart that sum to one everywhere: [side, number of windows]."""
    number = max(2, round(side / SPACING) + 1)
    at = torch.arange(side)[:, None] * ((number - 1) / (side - 1))
    return (1 - (at - torch.arange(number)).abs()).clamp(min=0)
