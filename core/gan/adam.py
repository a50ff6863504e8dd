"""Adam (Kingma & Ba 2015), by torch's own arithmetic, without torch's class for it.

`torch.optim.Adam` imports torch's compiler, which nothing here uses: two seconds of a fast processor at the start of
every training. What is saved has that class's form, as in checkpoints of earlier versions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

EPSILON = 1e-8


class Adam:
    """Of one network's parameters. `betas`: the decays of the first and the second moment."""

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float, betas: tuple[float, float], fused: bool):
        self.parameters = list(parameters)
        self.rate, self.betas, self._fused = rate, betas, fused
        self._state: dict[int, dict[str, Tensor]] = {}  # by the parameter's place; from its first gradient on

    def zero_grad(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """One step down the gradients that there are."""
        parameters: list[Tensor] = []
        gradients: list[Tensor] = []
        states: list[dict[str, Tensor]] = []
        for number, parameter in enumerate(self.parameters):
            if parameter.grad is None:
                continue
            if number not in self._state:
                self._state[number] = {
                    "step": torch.zeros((), device=parameter.device if self._fused else "cpu"),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }
            parameters.append(parameter)
            gradients.append(parameter.grad)
            states.append(self._state[number])
        first, second, steps = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step"))
        adam(
            parameters, gradients, first, second, [], steps, fused=self._fused, amsgrad=False, beta1=self.betas[0],
            beta2=self.betas[1], lr=self.rate, weight_decay=0.0, eps=EPSILON, maximize=False,
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        group = {"lr": self.rate, "betas": self.betas, "eps": EPSILON, "params": list(range(len(self.parameters)))}
        return {"state": {number: dict(state) for number, state in self._state.items()}, "param_groups": [group]}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Only the moments; rate and decays stay what they are."""
        self._state = {}
        for number, state in saved["state"].items():
            parameter = self.parameters[number]
            self._state[number] = {
                "step": state["step"].to(parameter.device if self._fused else "cpu", torch.float32, copy=True),
                **{name: state[name].to(parameter, copy=True) for name in ("exp_avg", "exp_avg_sq")},
            }
