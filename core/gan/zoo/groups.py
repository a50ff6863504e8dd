"""From named tensors to layers: which of them are one layer's, by their names. Knows no order of layers, and not what
they make.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from core.errors import UserError

LEAVES = ("weight", "bias", "running_mean", "running_var")
# A number in a name, as lists count their layers: no longer than that, since a stranger's file may hold any names.
DIGITS = "[0-9]{1,9}"

Group = Mapping[str, Tensor]  # the tensors of one layer


def grouped(tensors: Mapping[str, Tensor]) -> tuple[dict[str, dict[str, Tensor]], bool | None]:
    """Tensors that belong to one module, in the order of the file; and whether any norm has seen a picture, where they
    count."""
    groups: dict[str, dict[str, Tensor]] = {}
    seen = []  # how many batches each norm has seen
    for key, value in tensors.items():
        way, leaf = _parted(key)
        if leaf == "num_batches_tracked":
            seen.append(bool(value.numel() == 1 and value > 0))
            continue
        if alone(key, value) or (not way and value.ndim == 0):  # a loss, kept along
            continue
        if leaf not in LEAVES:
            raise UserError(
                f"It has a tensor {key[:80]!r}, which is no part of a plain DCGAN; it cannot be sampled here."
            )
        groups.setdefault(way, {})[leaf] = value
    for way, group in groups.items():
        if group.keys() == {"running_mean", "running_var"}:  # a norm without numbers of its own
            group |= {"weight": torch.ones_like(group["running_mean"]), "bias": torch.zeros_like(group["running_mean"])}
        weight = group.get("weight")
        if any(value.numel() == 0 or (leaf != "weight" and value.ndim != 1) for leaf, value in group.items()):
            raise UserError(f"Its layer {way[:80]!r} holds no numbers, or in no order; it cannot be sampled here.")
        prelu = weight is not None and weight.ndim == 1 and group.keys() == {"weight"}
        plain = weight is not None and weight.ndim == 1 and group.keys() == {"weight", "bias"}
        normed = plain or ("running_mean" in group and "running_var" in group)
        if weight is None or weight.ndim not in (1, 2, 4) or ((weight.ndim == 1) != normed and not prelu):
            raise UserError(
                f"It has a layer {way[:80]!r} of a kind that is no part of a plain DCGAN; it cannot be sampled here."
            )
        if not all(value.is_floating_point() for value in group.values()):
            raise UserError(
                f"Its layer {way[:80]!r} holds no plain numbers (it is compressed); it cannot be sampled here."
            )
        made = weight.shape[:2] if weight.ndim > 1 else weight.shape[:1]
        if any(len(value) not in made for leaf, value in group.items() if leaf != "weight"):
            raise UserError(f"The tensors of its layer {way[:80]!r} do not fit together; it cannot be sampled here.")
    return groups, any(seen) if seen else None


def alone(key: str, value: Tensor) -> bool:
    """Whether this is one number, in no layer: mostly how far a decoder expects pictures to be off."""
    way, leaf = _parted(key)
    return not way and leaf not in LEAVES and value.ndim > 0 and value.numel() == 1


def _parted(key: str) -> tuple[str, str]:
    """The name of a layer, without what wrappers put before it, and what of it the tensor is."""
    way, _, leaf = re.sub(r"^(module\.|_orig_mod\.)+", "", key).rpartition(".")
    return way, leaf


def number(name: str) -> int | None:
    """What the last part of a layer's name counts, if it counts."""
    last = name.rpartition(".")[2]
    return int(last) if re.fullmatch(DIGITS, last) else None


def natural(name: str) -> list[tuple[int, int | str]]:
    """What names are sorted by, layer 10 behind layer 9."""
    return [(0, int(part)) if i % 2 else (1, part) for i, part in enumerate(re.split(f"({DIGITS})", name))]
