"""Weights that a program keeps in parts, as spectral and weight norm do, put together as they are used: what stays is
what a network without those would have. Knows no layers and no files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

# What the parts are called: by `torch.nn.utils`, and by `torch.nn.utils.parametrizations`.
SPECTRAL = ({"": "weight_orig", "u": "weight_u", "v": "weight_v"},
            {"": "parametrizations.weight.original", "u": "parametrizations.weight.0._u",
             "v": "parametrizations.weight.0._v"})  # fmt: skip
LENGTHS = ({"length": "weight_g", "": "weight_v"},
           {"length": "parametrizations.weight.original0", "": "parametrizations.weight.original1"})  # fmt: skip
PART = re.compile(r"(^|\.)(weight_orig|weight_g|parametrizations\.weight\.original0?)$")


def unfolded(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a network, with whole weights where the parts of one stood: in the place of the first of them, as the
    order of a file tells that of its layers."""
    whole: dict[str, tuple[str, Tensor]] = {}  # a part -> what stands in its place
    gone: set[str] = set()
    for key in filter(PART.search, tensors):
        way = PART.sub(r"\1", key)
        for names, put_together in ((SPECTRAL, _of_spectral), (LENGTHS, _of_length)):
            for named in names:
                parts = {part: tensors[way + name] for part, name in named.items() if way + name in tensors}
                weight = put_together(parts) if len(parts) == len(named) else None
                if weight is not None:
                    whole[key] = f"{way}weight", weight
                    gone.update(way + name for name in named.values())
    return dict(whole.get(key, (key, value)) for key, value in tensors.items() if key in whole or key not in gone)


def _of_spectral(parts: Mapping[str, Tensor]) -> Tensor | None:
    """Divided by its largest singular value, as the two vectors kept beside it tell it; those of an up-convolution are
    of its outputs, which come second."""
    weight, u, v = parts[""].float(), parts["u"].float(), parts["v"].float()
    found = []
    for outputs in range(min(2, weight.ndim)):
        flat = weight.movedim(outputs, 0).flatten(1)
        if u.shape == flat.shape[:1] and v.shape == flat.shape[1:]:
            found.append(float(u @ flat @ v))
    largest = max(found, key=abs, default=0)
    return weight / largest if largest else None


def _of_length(parts: Mapping[str, Tensor]) -> Tensor | None:
    """Directions times lengths, of which there is one along one of the dimensions, or one of all."""
    direction, length = parts[""].float(), parts["length"].float()
    one = [i for i, (kept, whole) in enumerate(zip(length.shape, direction.shape, strict=False)) if kept == whole > 1]
    if length.numel() == 1:
        return direction * length.reshape(()) / direction.norm()
    if length.ndim != direction.ndim or len(one) != 1 or length.numel() != length.shape[one[0]]:
        return None
    others = [i for i in range(direction.ndim) if i != one[0]]
    return direction * length / torch.linalg.vector_norm(direction, dim=others, keepdim=True)
