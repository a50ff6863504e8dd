"""Two first layers side by side, one for the latents and one for a class, whose outputs are joined: as one layer, whose
weights are zero where neither listens. Knows no chains and no files.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import torch
from torch import Tensor

from core.gan.zoo.groups import Group

AMONG = 4  # layers at the beginning of a file
MOST_TOLD = 100  # numbers of a class
MOST = 4  # times as many weights as both layers have


@dataclass(frozen=True)
class Entrance:
    """`groups`: all layers, with one in the place of two; `numbers` of a class, which come before or behind the
    latents; `second`: how many outputs are those of the second layer."""

    groups: dict[str, dict[str, Tensor]]
    name: str
    numbers: int
    join: str
    second: int


def joined(groups: Mapping[str, Group], order: Sequence[str]) -> Iterator[Entrance]:
    """All pairs that can be two first layers, as one."""
    first = [name for name in order if groups[name]["weight"].ndim in (2, 4)][:AMONG]
    for one, other in itertools.combinations(first, 2):
        a, b = groups[one]["weight"], groups[other]["weight"]
        if a.ndim != b.ndim or a.shape[2:] != b.shape[2:]:
            continue
        outputs = 0 if a.ndim == 2 else 1  # up-convolutions have their inputs first
        taken, made = (a.shape[1 - outputs], b.shape[1 - outputs]), (a.shape[outputs], b.shape[outputs])
        if sum(taken) * sum(made) * a[0, 0].numel() > MOST * (a.numel() + b.numel()) or min(taken) > MOST_TOLD:
            continue
        merged: dict[str, dict[str, Tensor]] = {one: _layer(groups[one], groups[other], outputs)}
        first_norm = _norm_behind(groups, order, one, {one, other})
        second_norm = _norm_behind(groups, order, max(other, first_norm or other, key=order.index), {one, other})
        gone = {other}
        if first_norm and second_norm and first_norm != second_norm:
            both = groups[first_norm], groups[second_norm]
            merged[first_norm] = {leaf: torch.cat([norm[leaf] for norm in both]) for leaf in both[0].keys() & both[1]}
            gone.add(second_norm)
        elif first_norm or second_norm:
            continue
        kept = {name: merged.get(name, dict(group)) for name, group in groups.items() if name not in gone}
        yield Entrance(kept, one, min(taken), "front" if taken[0] < taken[1] else "behind", made[1])


def _layer(a: Group, b: Group, outputs: int) -> dict[str, Tensor]:
    one, other = a["weight"], b["weight"]
    shape = [x + y for x, y in zip(one.shape[:2], other.shape[:2], strict=True)]
    weight = one.new_zeros(*shape, *one.shape[2:])
    weight[: len(one), : one.shape[1]], weight[len(one) :, one.shape[1] :] = one, other
    if "bias" not in a and "bias" not in b:
        return {"weight": weight}
    biases = [group.get("bias", one.new_zeros(group["weight"].shape[outputs])) for group in (a, b)]
    return {"weight": weight, "bias": torch.cat(biases)}


def _norm_behind(groups: Mapping[str, Group], order: Sequence[str], name: str, passed: Set[str]) -> str | None:
    """The norm that follows in the file, before any layer does but those that are passed."""
    for other in order[order.index(name) + 1 :]:
        if groups[other]["weight"].ndim > 1 and other not in passed:
            return None
        if "bias" in groups[other] and groups[other]["weight"].ndim == 1:
            return other
    return None
