"""How the picture is changed: Adam, L-BFGS or plain gradient descent on its pixels, and a watch over them.

Knows a loss of a picture and nothing else: no networks, no scales, no requests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import UserError
from core.style.optimise.lbfgs import WindowedLBFGS

PATIENCE = 30  # steps without getting better by 0.1 % in all before a stage counts as settled
ADAM = 0.03  # its usual step, in [0, 1]
GRADIENT = 0.0005  # times the gradient: about the longest step of plain descent that photos and paintings stand
ROLLBACKS = 6  # each halves the step, so after six it is a sixty-fourth
TINY = 1e-6  # a loss this small is as good as none
RUNAWAY = 10  # a loss this many times the best is no detour but a fall


# A picture and how far along the descent is, 0 to 1 -> its loss, and the parts of it.
LossOf = Callable[[Tensor, float], tuple[Tensor, dict[str, Tensor]]]


@dataclass(frozen=True)
class Step:
    """The picture after one step, in [0, 1], and the parts of the loss it had before that step."""

    image: Tensor
    parts: dict[str, float]
    note: str = ""


def descend(
    image: Tensor,
    loss_of: LossOf,
    method: str,
    rate: float,
    steps: int,
) -> Iterator[Step]:
    """Lower `loss_of` from `image` ([1, 3, H, W] in [0, 1]) and yield every step.

    `loss_of` is asked for the loss of a picture and its parts, and told how far along the descent is, 0 to 1. `rate` is
    relative to what suits the method: 1 is the usual step. A step that makes the loss infinite, undefined or ten times
    the best is taken back and the rate halved. When nothing gets better any more it ends early and says so.
    Never ends on a picture that was taken back. When halving does not help it ends with the best picture so far, or
    raises `UserError` if there was none.
    """
    going = _Descent(image, method, rate)
    patience = _Patience()
    for step in range(steps):
        loss, before, parts = going.step(loss_of, step, steps)
        if not _sound(loss, going.best, going.x):
            if not going.take_back():
                yield going.best_step(f"Fell apart after {step + 1} of {steps} steps.")
                return
            note = "A step went wrong; taken back, going on with half the step size."
            yield Step(going.picture(), going.best_parts, note)
            continue
        going.keep(loss, before, parts)
        yield Step(going.picture(), parts)
        if patience.is_over(loss, step):
            yield going.best_step(f"Settled after {step + 1} of {steps} steps.")
            return
    # A loss belongs to the picture before its step, so the last picture has not been judged yet.
    with torch.no_grad():
        loss = float(loss_of(going.picture(), 1.0)[0])
    if not _sound(loss, going.best, going.x):
        yield going.best_step("The last step went wrong and was taken back.")


class _Descent:
    """A picture on its way down, and the best one so far, to go back to."""

    def __init__(self, image: Tensor, method: str, rate: float):
        self.x = image.detach().contiguous().clone().requires_grad_()
        self.method, self.rate = method, rate
        self.stepper = _stepper(self.x, method, rate)
        self.best, self.best_image = float("inf"), image.detach()
        self.best_parts: dict[str, float] = {}
        self.rollbacks, self.returned = 0, False  # without a better picture in between; whether the last step was one

    def step(self, loss_of: LossOf, step: int, steps: int) -> tuple[float, Tensor, dict[str, float]]:
        """Make one step; -> the loss of the picture before it, that picture, and the parts of its loss."""
        x = self.x
        before = x.detach().clone()
        x.grad = None
        # The gradient passes the clamp: a pixel that went too far is called back, and does not stay as a bright dot.
        inside = x + (x.clamp(0, 1) - x).detach()
        inner, parts = loss_of(inside, step / steps)
        whole = inner + (x - inside.detach()).square().mean()
        # Losses are means, so their gradient shrinks as the picture grows, and plain descent multiplies it: all methods
        # are given the sum over pixels instead.
        (x.numel() * whole).backward()
        _slow_down(self.stepper, self.rate, step, steps)
        self.stepper.step()
        return float(whole.detach()), before, {name: float(part) for name, part in parts.items()}

    def keep(self, loss: float, before: Tensor, parts: dict[str, float]) -> None:
        """The step was sound: go on from there."""
        if loss < self.best:
            self.best, self.best_image, self.best_parts = loss, before, parts
            if not self.returned:  # after a return the same picture may count less by now: no progress
                self.rollbacks = 0
        self.returned = False
        # L-BFGS remembers where it has been, and being moved would mislead it: only what lies outside costs it.
        if self.method != "lbfgs":
            with torch.no_grad():
                self.x.clamp_(0, 1)

    def take_back(self) -> bool:
        """Return to the best picture, to go on with half the rate; False when that has been tried often enough."""
        self.rollbacks, self.returned = self.rollbacks + 1, True
        if self.rollbacks > ROLLBACKS:
            if self.best == float("inf"):
                raise UserError(
                    f"The painting fell apart {self.rollbacks} times in a row; choose a smaller Step size under "
                    "Advanced."
                )
            return False
        self.rate /= 2
        with torch.no_grad():
            self.x.copy_(self.best_image)
        self.stepper = _stepper(self.x, self.method, self.rate)
        return True

    def picture(self) -> Tensor:
        return self.x.detach().clamp(0, 1)

    def best_step(self, note: str) -> Step:
        return Step(self.best_image.clamp(0, 1), self.best_parts, note)


class _Patience:
    """Whether nothing has got clearly better for so long that nothing will."""

    def __init__(self) -> None:
        self.loss, self.step = float("inf"), 0  # the last that was clearly better than the one before

    def is_over(self, loss: float, step: int) -> bool:
        if loss < 0.999 * self.loss:
            self.loss, self.step = loss, step
        return step - self.step >= PATIENCE


def _sound(loss: float, best: float, x: Tensor) -> bool:
    return math.isfinite(loss) and loss <= RUNAWAY * best + TINY and math.isfinite(float(x.detach().sum()))


def _slow_down(stepper: torch.optim.Optimizer | WindowedLBFGS, rate: float, step: int, steps: int) -> None:
    """Adam's steps have a fixed length: let them grow in for a moment and shrink out, or noise stays in the picture."""
    if isinstance(stepper, torch.optim.Adam):
        warm = min(1.0, (step + 1) / 5)
        stepper.param_groups[0]["lr"] = ADAM * rate * warm * (0.1 + 0.9 * math.cos(math.pi / 2 * step / steps))


def _stepper(x: Tensor, method: str, rate: float) -> torch.optim.Optimizer | WindowedLBFGS:
    """What moves `x` by its gradient when its `step` is called."""
    if method == "adam":
        # A quick second moment (0.99) follows the changing gradients of a short run better than the usual 0.999.
        return torch.optim.Adam([x], lr=ADAM * rate, betas=(0.9, 0.99))
    if method == "lbfgs":
        return WindowedLBFGS(x, rate)
    return torch.optim.SGD([x], lr=GRADIENT * rate)
