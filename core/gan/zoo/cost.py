"""What a network takes, told before any of it is made.

It is built and run on torch's meta device, where tensors have shapes but no numbers: of a configuration that asks for
a hundred gigabytes this costs a few milliseconds. Then its real tensors are put in its place. Knows no files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from core import amounts, device
from core.errors import UserError
from core.visitors import policy

BLOCK = 16  # pictures made at a time, always (see core.gan.sample)
Network = TypeVar("Network", bound=nn.Module)
COPIES = 3  # of the tensors, for a moment: as they came, and while they are made ready for the device
MAX_KERNEL = 16  # px; larger ones are no part of a generator, and memory for them cannot be foretold


@dataclass(frozen=True)
class Cost:
    """`size`: bytes for its tensors and for one block of pictures on the way; `sums`: multiply-adds of a picture;
    `widest`: numbers of a picture on the way, where it has most."""

    size: int
    sums: int
    widest: int = 1


def planned(make: Callable[[], Network]) -> Network:
    """The network that `make` makes, without its numbers."""
    with torch.device("meta"):
        return make()


def filled(network: Network, tensors: Mapping[str, Tensor]) -> Network:
    """A planned network with these tensors in it, which are not copied. `RuntimeError` where they do not fit."""
    kinds = {name: value.dtype for name, value in network.state_dict().items()}
    network.load_state_dict({n: value.to(kinds.get(n, value.dtype)) for n, value in tensors.items()}, assign=True)
    return network.requires_grad_(False).eval()


@torch.no_grad()
def of(network: nn.Module, *shape: int) -> tuple[Cost, tuple[int, ...]]:
    """What a planned network takes with inputs of this shape, and the shape of what it makes of one."""
    widest, sums = 0, 0

    def hook(layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal widest, sums
        widest = max(widest, sum(value.numel() for value in (*inputs, output) if isinstance(value, Tensor)))
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            sums += layer.weight.numel() * (places := _places(layer, inputs[0], output))
            if places > 1 and not isinstance(layer, nn.Linear) and max(layer.kernel_size) > MAX_KERNEL:
                raise ValueError(f"a kernel of {max(layer.kernel_size)} px")

    handles = [layer.register_forward_hook(hook) for layer in network.modules()]
    try:
        made = network.eval()(torch.empty(1, *shape, device="meta"))
    finally:
        for handle in handles:
            handle.remove()
    numbers = sum(value.numel() for value in network.state_dict().values())
    return Cost(4 * (COPIES * numbers + BLOCK * widest), sums, max(1, widest)), tuple(made.shape[1:])


def sums_of(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
    """Multiply-adds of one layer for one picture."""
    if not isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        return 0
    return layer.weight.numel() * _places(layer, inputs, output)


def _places(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
    """How often the weights of a layer are used for one picture."""
    kept = output if isinstance(layer, nn.Conv2d) else inputs
    return 1 if kept.ndim == 2 else kept[0, 0].numel()


def check(cost: Cost, what: str) -> None:
    """Raises `UserError` where it is more than may be had here: in private mode, than there is."""
    most = policy.limits().generator_bytes
    if most is None:
        most = device.free_memory(device.pick().type)
    if cost.size > most:
        raise UserError(
            f"{what} would take {amounts.megabytes(cost.size)} of memory to make pictures; there are "
            f"{amounts.megabytes(most)} for it here, so nothing was kept."
        )
    if cost.sums > policy.limits().generator_sums:
        raise UserError(
            f"{what} needs {cost.sums:.0e} sums for one picture; Ganvas allows {policy.limits().generator_sums:.0e} "
            "here, so nothing was kept."
        )
