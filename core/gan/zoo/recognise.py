"""What network a set of named tensors may belong to: the DCGAN family and fully connected generators.

`core.gan.zoo.chain` puts layers in order by names and shapes. What is *not* in such a file is asked
(`core.gan.zoo.questions`). A `Found` can be read in one way or another by the answers given, and
`core.gan.zoo.evidence` finds those that the file bears out. Whatever else is found, an attention, a norm not known
here, is a `UserError` that names it. Knows no files and no Hub.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import UserError
from core.gan.zoo import chain, cost
from core.gan.zoo.blocks import blocks
from core.gan.zoo.chain import Chain, Step
from core.gan.zoo.cost import Cost
from core.gan.zoo.layers import NORMS, Foreign, Layer
from core.gan.zoo.questions import KEPT, RELU_END, Answers, normed_flat, options, questions
from core.gan.zoo.strides import Strides, strides


class Found:
    """A chain of layers, and the questions that are left."""

    def __init__(self, found: Chain, size: int | None = None, decodes: bool = False, latent: int | None = None):
        """`size`: the side of its pictures, where something beside the file tells it; `decodes`: whether it is part of
        an autoencoder, whose encoder makes `latent` numbers."""
        self.steps, self.table, self.whole = found.steps, found.table, found.whole
        self.untrained, self.blank = found.untrained, found.blank
        self.either, self.aside = found.either, found.aside
        self.decodes = decodes
        self.second = found.entrance.second if found.entrance else 0
        self.layouts = strides(self.steps, size)
        self.blocks = {block.last: block for block in blocks(self.steps, found.kinds)}
        asked = questions(found, list(self.blocks.values()), options(self.layouts[:KEPT]), decodes, latent)
        self.questions = tuple(question for question in asked if question.options)
        self._costs: dict[str, Cost] = {}

    @property
    def likeliest(self) -> Answers:
        return {question.name: question.options[0] for question in self.questions}

    @functools.cached_property
    def normed(self) -> bool:
        """Whether its norms remember what arrived at them in training."""
        return not self.blank and any(step.remembers for step in self.steps)

    def network(self, answers: Answers) -> Foreign:
        """Read with these answers, filled with its tensors. `UserError` where it is too large, or they do not fit."""
        value = {name: option.value for name, option in answers.items()}
        laid: Strides = value["strides"]
        residual = value.get("blocks", "")
        layers = []
        for i, (step, shape) in enumerate(zip(self.steps, laid.shapes, strict=True)):
            stated, after = step.stated, self._after(i, value)
            eps = value.get("eps", (1e-5, 1e-5))[not chain.opens_map(self.steps, i)]
            layers.append(
                Layer(
                    step.kind, step.inputs, step.outputs, step.kernel, shape.stride, shape.padding, shape.more,
                    bias="bias" in step.weights, reshape=shape.reshape, grown=shape.grown, after=after,
                    smooth=value.get("enlarged", "") if stated.smooth is None else stated.smooth,
                    norm=len(step.norm["weight"]) if step.norm else 0, groups=self._groups(step, value),
                    eps=eps if stated.eps is None else stated.eps,
                    norm_last=self._norm_last(i, value) if stated.norm_last is None else stated.norm_last,
                    slopes=len(step.slopes) if step.slopes is not None else 0,
                    rolled=0 if i or not value.get("beside") else self.second // (shape.reshape**2 or 1),
                    past=self._past(i) if residual else 0, early=residual == "early" and i in self.blocks,
                    padded=stated.padded or (value.get("padding", "zeros") if step.kind == "flat" else "zeros"),
                )
            )  # fmt: skip
        network = cost.planned(lambda: Foreign(layers, laid.side, value.get("labels"), value["latents"], laid.fitted))
        try:
            cost.check(self.cost(answers, network), "It")
            return self._filled(network)
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[-1].strip()[:120]
            raise UserError(f"Its tensors do not fit together ({reason}).") from error

    def _norm_last(self, i: int, value: Mapping[str, Any]) -> bool:
        """Whether the norm of a layer stands behind its activation."""
        return value.get("norm", False) or (i == len(self.steps) - 1 and value["end"] == RELU_END.value)

    def _past(self, i: int) -> int:
        """Of how many layers the block is that ends with this one; 0 where none does."""
        return i - self.blocks[i].first + 1 if i in self.blocks else 0

    def _groups(self, step: Step, value: Mapping[str, Any]) -> int:
        """How many groups of channels the norm behind a layer takes together; 0 where that is a batch norm."""
        if step.norm is None or step.remembers:
            return 0
        channels = len(step.norm["weight"])
        return 1 if normed_flat(step) else value.get("groups") or channels

    def _after(self, i: int, value: Mapping[str, Any]) -> str:
        """The activation behind a layer."""
        step = self.steps[i]
        if i == len(self.steps) - 1:
            return value["end"]
        if i in self.blocks and value["blocks"] == "bare":
            return ""
        if step.stated.after is not None:
            return step.stated.after
        if step.slopes is not None:
            return "prelu"
        if i == 0 and not value.get("first layer", True):
            return ""
        behind = value["first map"] if i == chain.first_map(self.steps) else True
        return behind if isinstance(behind, str) else value.get("activation", "") if behind else ""

    def cost(self, answers: Answers, network: Foreign) -> Cost:
        """What a reading takes: that hangs on the strides; and whether it can be padded, or its blocks be added, so."""
        key = "".join(answers[name].tag for name in ("strides", "padding", "blocks") if name in answers)
        if key not in self._costs:
            planned = cost.planned(lambda: Foreign.from_config(network.config))
            self._costs[key] = cost.of(planned, network.taken)[0]
        return self._costs[key]

    def _filled(self, network: Foreign) -> Foreign:
        def named(*kinds: type[nn.Module]) -> Iterator[str]:
            return (name for name, module in network.named_modules() if isinstance(module, kinds))

        layers, norms = named(nn.Linear, nn.Conv2d, nn.ConvTranspose2d), named(*NORMS)
        slopes = named(nn.PReLU)
        state: dict[str, Tensor] = {}
        for step in self.steps:
            layer = next(layers)
            state |= {f"{layer}.{leaf}": value for leaf, value in step.weights.items()}
            if step.norm:
                norm = next(norms)
                state |= {f"{norm}.{leaf}": value for leaf, value in step.norm.items()}
                if step.remembers:
                    state[f"{norm}.num_batches_tracked"] = torch.tensor(0)
            if step.slopes is not None:
                state[f"{next(slopes)}.weight"] = step.slopes
        if network.labels and network.labels.table and self.table is not None:
            state["joined.table"] = self.table.contiguous()
        return cost.filled(network, state)
