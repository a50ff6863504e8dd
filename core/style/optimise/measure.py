"""How fast this machine paints: a few real steps at two sizes, once per network, remembered by
`core.style.optimise.budget`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import torch

from core import device as devices
from core.errors import UserError
from core.settings import Progress, Result
from core.style.networks import network
from core.style.optimise import budget
from core.style.optimise.descent import descend
from core.style.optimise.objective import Objective, Weights
from core.style.request import MeasureRequest, StyleRequest

SIDES = (128, 384)  # px of the two square test pictures
STEPS = 4


def measure(request: MeasureRequest, stopped: Callable[[], bool] = lambda: False) -> Iterator[Progress | Result]:
    """Times `STEPS` steps at both sizes and counts the bytes kept for the way back; yields the figures as a recipe."""
    began = time.perf_counter()
    device = devices.pick()
    devices.hold_memory()
    net = network(request.network, device)
    seconds, stored = [], []
    for k, side in enumerate(SIDES):
        if stopped():
            raise UserError("Stopped while this machine was being measured.")
        yield Progress(k, len(SIDES), note="Measuring this machine, once.")
        picture = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0)).to(device)
        objective = Objective(net, picture, [picture.flip(3)], [1.0], Weights.of(StyleRequest()))
        stored.append(_stored_bytes(objective, picture.clone().requires_grad_()))
        seconds.append(_seconds_a_step(objective, picture))
    (small, large), (few, many) = (s * s for s in SIDES), stored
    per_pixel = max(0.0, (seconds[1] - seconds[0]) / (large - small))
    bytes_a_pixel = (many - few) / (large - small)
    measured = budget.Measured(
        seconds_a_step=max(0.0, seconds[0] - per_pixel * small),
        seconds_a_pixel=per_pixel,
        # Besides what is kept, gradients of it live at the same time: as large again at the peak (bench/style.py).
        bytes_a_pixel=2 * bytes_a_pixel,
        bytes_in_all=2 * max(0.0, few - bytes_a_pixel * small) + 4e8,
        device=device.type,
    )
    budget.remember(request.network, measured)
    yield Result((), {"kind": "measure", "network": request.network}, time.perf_counter() - began)


def _seconds_a_step(objective: Objective, picture: torch.Tensor) -> float:
    marks = [time.perf_counter()]
    with devices.threads_to_spare():  # as a painting will
        for step in descend(picture, objective, "lbfgs", 1.0, STEPS + 1):
            float(step.image[0, 0, 0, 0])  # wait for the device
            marks.append(time.perf_counter())
    # The first step also prepares kernels; of the rest the fastest is least disturbed by other programs.
    return min(b - a for a, b in itertools.pairwise(marks[1:]))


def _stored_bytes(objective: Objective, picture: torch.Tensor) -> int:
    """Bytes of all tensors autograd keeps between the forward and the backward pass, each storage once."""
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss, _ = objective(picture)
    own = {p.untyped_storage().data_ptr() for p in objective.network.parameters()}
    loss.backward()
    return sum(size for pointer, size in kept.items() if pointer not in own)
