"""What a generator that was saved whole states of each layer, where a file of tensors alone would leave a question.

Strides, paddings and epsilons are settings of its modules. What follows a layer is known inside an `nn.Sequential`,
which does what it lists, and where for each layer an activation was made, next after it; whatever else hangs on its
`forward`, which is not in the file, stays a question. Knows no files.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from core.errors import UserError
from core.gan.zoo.layers import Padding
from core.gan.zoo.modules import Module

WEIGHTED = ("Linear", "Conv2d", "ConvTranspose2d")
NORMS = ("BatchNorm1d", "BatchNorm2d")
ACTIVATIONS = {
    "ReLU": "relu", "LeakyReLU": "leaky", "ELU": "elu", "SELU": "selu", "GELU": "gelu", "SiLU": "silu", "Tanh": "tanh",
    "Sigmoid": "sigmoid", "PReLU": "prelu",
}  # fmt: skip
ENDS = {"tanh", "sigmoid"}  # of these
ENLARGERS = ("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d")
# Of these nothing is left in sampling, or nothing that the shapes do not tell.
QUIET = ("Dropout", "Dropout1d", "Dropout2d", "AlphaDropout", "Identity", "Flatten", "Unflatten", "Embedding")
CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")
SHAPERS = re.compile(r"view|shape|flat|ident|print|squeeze", re.I)  # classes of their own that only lay out a map


@dataclass(frozen=True)
class Stated:
    """Of one layer; None where nothing is stated. `shape`: (stride, padding, output padding); `grown`: how often the
    map before it is enlarged, `smooth` how pixels run into each other then, as of `Layer`; `after`: the activation
    behind it, "" for none; `eps` of its norm, and whether that stands last; `padded`: with what, as `nn.Conv2d` says.
    """

    shape: tuple[int, int, int] | None = None
    grown: int | None = None
    smooth: str | None = None
    after: str | None = None
    eps: float | None = None
    norm_last: bool | None = None
    padded: Padding | None = None


def stated(layers: Sequence[tuple[str, str]], modules: Mapping[str, Module]) -> list[Stated]:
    """Of layers in the order in which they are run, each by its name and that of its norm. `UserError` for what cannot
    be run here."""
    holders = {way for name in modules for way in itertools.accumulate(name.split("."), "{}.{}".format) if way != name}
    leaves = [name for name in modules if name and name not in holders]
    for name in leaves:
        _refuse_unknown(modules[name])
    told: list[Stated] = []
    made_behind = [_made_behind(name, leaves, modules) for name, _ in layers]
    each_its_own = all(made_behind[:-1])
    for i, (name, norm) in enumerate(layers):
        module = modules.get(name)
        if module is None:
            told.append(Stated())
            continue
        behind = [modules[other] for other in _sequence(name, leaves, modules)]
        before = [modules[other] for other in _sequence(name, leaves[::-1], modules)]
        found = _of(module, behind, before, last=i == len(layers) - 1)
        if found.after is None and each_its_own and made_behind[i]:
            found = replace(found, after=made_behind[i])
        eps = modules[norm].settings.get("eps") if norm in modules else None
        told.append(replace(found, eps=eps if isinstance(eps, float) else None))
    return told


def _made_behind(name: str, leaves: Sequence[str], modules: Mapping[str, Module]) -> str | None:
    """The activation that was made next after this layer, but for norms and dropout; None where another layer was."""
    behind = leaves[leaves.index(name) + 1 :] if name in leaves else []
    quiet = (*NORMS, *QUIET)
    first = next((modules[other] for other in behind if modules[other].kind not in quiet), None)
    return _activation(first) if first and first.kind in ACTIVATIONS else None


def loose(modules: Mapping[str, Module]) -> tuple[set[str], set[str]]:
    """The activations that stand in no sequence, so that `forward` calls them: between layers, and at the end."""
    alone = {
        _activation(module)
        for name, module in modules.items()
        if module.kind in ACTIVATIONS and not _is_listed(name, modules)
    }
    return alone - ENDS, alone & ENDS


def _of(module: Module, behind: Sequence[Module], before: Sequence[Module], last: bool) -> Stated:
    shape = grown = smooth = after = padded = None
    if module.kind in ("Conv2d", "ConvTranspose2d"):
        shape, padded = _shape(module.settings), module.settings["padding_mode"]
    enlarging = [other for other in itertools.takewhile(lambda m: m.kind not in WEIGHTED, before) if _enlarges(other)]
    if len(enlarging) > 1:
        raise UserError("It enlarges a map twice over; it cannot be sampled here.")
    if enlarging:
        grown, smooth = _enlarged(enlarging[0])
    elif any(other.kind in WEIGHTED for other in before):  # all that lies between is listed
        grown = 1
    between = list(itertools.takewhile(lambda m: m.kind not in WEIGHTED, behind))
    whole = len(between) < len(behind)
    actives = [(at, _activation(other)) for at, other in enumerate(between) if other.kind in ACTIVATIONS]
    norms = [at for at, other in enumerate(between) if other.kind in NORMS]
    if len(actives) > 1 or len(norms) > 1:
        raise UserError("It has two activations or norms in a row; it cannot be sampled here.")
    if actives:
        after = actives[0][1]
    elif whole and not last:
        after = ""
    norm_last = norms[0] > actives[0][0] if norms and actives else None
    return Stated(shape, grown, smooth, after, None, norm_last, padded)


def _sequence(name: str, leaves: Sequence[str], modules: Mapping[str, Module]) -> Iterator[str]:
    """The leaves behind this one that an `nn.Sequential` runs right after it."""
    at = leaves.index(name) if name in leaves else len(leaves)
    for one, other in itertools.pairwise(leaves[at:]):
        if not _in_sequence(one, other, modules):
            return
        yield other


def _in_sequence(one: str, other: str, modules: Mapping[str, Module]) -> bool:
    """Whether all that holds either of two leaves, up to what holds both, is an `nn.Sequential`."""
    shared = 0
    ways = [name.split(".")[:-1] for name in (one, other)]
    while shared < min(map(len, ways)) and ways[0][shared] == ways[1][shared]:
        shared += 1
    holders = [".".join(way[:length]) for way in ways for length in range(shared, len(way) + 1)]
    return all(holder in modules and modules[holder].kind == "Sequential" for holder in holders)


def _is_listed(name: str, modules: Mapping[str, Module]) -> bool:
    holder = name.rpartition(".")[0]
    return holder in modules and modules[holder].kind == "Sequential"


def _shape(settings: Mapping[str, Any]) -> tuple[int, int, int]:
    padding, kernel = settings.get("padding"), settings.get("kernel_size", ())
    if isinstance(padding, str):
        padding = tuple((length - 1) // 2 for length in kernel) if padding == "same" else (0, 0)
    found: list[Any] = [settings.get("stride"), padding, settings.get("output_padding", (0, 0))]
    if not all(_is_pair(pair) for pair in found) or not found[0][0]:
        raise UserError("It has a convolution that is not square; it cannot be sampled here.")
    if (
        settings.get("groups") != 1
        or settings.get("dilation") != (1, 1)
        or settings.get("padding_mode") not in get_args(Padding)
    ):
        raise UserError(
            "It has a convolution in groups, dilated, or padded in a way not known here; it cannot be sampled here."
        )
    stride, padded, added = (pair[0] for pair in found)
    return stride, padded, added


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and value[0] == value[1] and value[0] in range(99)


def _enlarges(module: Module) -> bool:
    return module.kind in ENLARGERS


def _enlarged(module: Module) -> tuple[int, str]:
    scale, mode = module.settings.get("scale_factor"), module.settings.get("mode")
    scales = set(scale if isinstance(scale, tuple) else (scale,))
    times = scales.pop() if len(scales) == 1 else None
    if not isinstance(times, int | float) or times != int(times) or not 1 <= times <= 8:
        raise UserError(f"It enlarges a map by {str(scale)[:20]}; Ganvas reads whole numbers up to 8.")
    if mode not in ("nearest", "bilinear"):
        raise UserError(f"It enlarges a map in the way {str(mode)[:20]!r}, which Ganvas does not know.")
    corners = "corners" if module.settings.get("align_corners") else "bilinear"
    return int(times), corners if mode == "bilinear" else ""


def _activation(module: Module) -> str:
    tag, slope = ACTIVATIONS[module.kind], module.settings.get("negative_slope")
    if tag == "leaky" and isinstance(slope, int | float) and 0 <= slope < 1:
        return tag if slope == 0.2 else f"leaky-{slope:g}"
    if tag == "leaky" or module.settings.get("alpha", 1) != 1 or module.settings.get("approximate", "none") != "none":
        raise UserError(f"It has an activation {module.kind} with settings that Ganvas does not know.")
    return tag


def _refuse_unknown(module: Module) -> None:
    """What has no tensors would not be missed in a file of tensors alone."""
    known = (*WEIGHTED, *NORMS, *ACTIVATIONS, *ENLARGERS, *QUIET, *CONTAINERS)
    name = module.of.rpartition(".")[2]
    if module.kind in known or module.kind.endswith("Loss") or (not module.kind and SHAPERS.search(name)):
        return
    raise UserError(f"It has a layer {name[:60]}, which Ganvas does not know; it cannot be sampled here.")
