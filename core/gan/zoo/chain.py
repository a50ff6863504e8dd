"""From layers (`core.gan.zoo.groups`) to a chain of them: in which order they fit, from latents to a picture.

Names tell their order; gaps in their numbers tell of layers without tensors. What takes pictures instead of latents, a
discriminator or a network that repaints, is refused and called what it is. Knows nothing of strides and of what else no
file tells (`core.gan.zoo.questions`).
"""

from __future__ import annotations

import itertools
import math
import re
import types
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from core.errors import UserError
from core.gan.zoo.entrances import Entrance, joined
from core.gan.zoo.groups import DIGITS, Group, alone, grouped, natural, number
from core.gan.zoo.modules import Module
from core.gan.zoo.stated import Stated, loose, stated

PICTURE_CHANNELS = (1, 3, 4)
MAX_SIZE = 512  # px
MAX_LAYERS = 16
MAX_CLASSES = 1000
NUMBERED = 10  # classes, where they are told by their numbers: those of digits
MAX_TRIES = 20_000  # orders looked at before giving up
MAX_CHAINS = 64  # compared: six layers may be of either kind
COUNTED = re.compile(f"(?P<stem>.*?)(?P<number>{DIGITS})")  # what is called like its neighbours, but for a number
# What layers for classes are called.
LABEL = re.compile(r"lab|cls|class|cond|emb|(^|[._])fc_?[yc]|(^|[._])[yc][._\d]", re.I)
# What up-convolutions are called: "deconv2", "upconv", "convtrans", "tconv1", "ct1".
UP = re.compile(r"up|trans|deconv|dconv|tconv|convt|(^|[._])ct\d", re.I)
PAST = re.compile(r"short_?cut|skip|(^|[._])(c_)?sc([._]|$)", re.I)  # what layers beside others are called
JUDGE = "a discriminator, or another network that judges"


@dataclass(frozen=True)
class Step:
    """One layer with weights, as the file has it: `kind` is that of `core.gan.zoo.layers.Layer`.

    `gap`: how many layers without weights stand before it, `norm_gap`: between it and its norm; None where no numbers
    tell. `stated`: what its module says of it, where that was saved whole.
    """

    name: str
    kind: str
    inputs: int
    outputs: int
    weights: Group
    norm: Group | None = None
    slopes: Tensor | None = None  # of a PReLU
    gap: int | None = None
    norm_gap: int | None = None
    norm_name: str = ""
    stated: Stated = field(default_factory=Stated)

    @property
    def remembers(self) -> bool:
        """Whether its norm keeps what arrived at it in training, as batch norms do."""
        return self.norm is not None and "running_mean" in self.norm

    @property
    def kernel(self) -> int:
        return self.weights["weight"].shape[2] if self.kind != "linear" else 0


@dataclass(frozen=True)
class Chain:
    """From latents to a picture. `table` [classes, numbers]: what stands for a class; `told_by`: whether by a
    "table" of the file, by a "linear" layer from one-hot classes, or by one from the "number" of a class, which does
    not tell how many there are. `blank`: its norms remember nothing; `untrained`: they have never seen a picture
    either. `whole`: its modules were saved, not only their tensors; `between`, `ends`: activations that a whole module
    has between layers or at the end, without saying where. `either`: names of layers that may be up-convolutions or
    convolutions. `entrance`: where its first layer was two, side by side. `kinds`: of torch's
    own modules by name, where they were saved whole. `aside`: names of numbers that belong to no layer."""

    steps: tuple[Step, ...]
    table: Tensor | None = None
    told_by: str = ""
    untrained: bool = False
    blank: bool = False
    whole: bool = False
    between: Set[str] = frozenset()
    ends: Set[str] = frozenset()
    either: tuple[str, ...] = ()
    entrance: Entrance | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    aside: tuple[str, ...] = ()


def read(tensors: Mapping[str, Tensor], modules: Mapping[str, Module] = types.MappingProxyType({})) -> Chain:
    """The chain these tensors form; `modules`: what those say that were saved whole. `UserError` when they are not
    those of a generator that is known here."""
    groups, seen = grouped(tensors)
    kinds = {name: module.kind for name, module in modules.items()}
    tables = {
        n for n, g in groups.items()
        if (kinds[n] == "Embedding" if kinds.get(n) else "emb" in n.lower()) and g["weight"].ndim == 2
        and "bias" not in g
    }  # fmt: skip
    weights = {n: g for n, g in groups.items() if g["weight"].ndim in (2, 4) and n not in tables}
    if len(weights) < 2 or (len(weights) > MAX_LAYERS and not _takes_pictures(weights)):
        raise UserError(
            f"This has {len(weights)} layers with weights; Ganvas understands generators of 2 to {MAX_LAYERS}."
        )
    if len(weights) > MAX_LAYERS:
        raise _unfit(weights)
    if len(tables) > 1:
        raise UserError(f"It has {len(tables)} tables of classes; Ganvas understands generators with one.")
    if past := next(filter(PAST.search, weights), None):
        raise UserError(
            f"It has a way past other layers ({past[:60]!r}), which no tensor tells; it cannot be sampled here."
        )
    orders = [list(groups), sorted(groups, key=natural)]
    for order in orders:  # sorted by name, convolutions may come before the layer that lays out their map
        names = [name for name in order if name in weights]
        _refuse_takers([weights[name] for name in names])
        if any(_chains(names, weights, kinds, free=False)):
            break
    table, told_by = (groups[next(iter(tables))]["weight"], "table") if tables else (None, "")
    chained = _chained(weights, orders, kinds)
    if chained is None and not tables:
        for name in _for_classes(weights):
            chained = _chained({other: group for other, group in weights.items() if other != name}, orders, kinds)
            if chained and len(weights[name]["weight"]) < chained[1][0].inputs:
                table, told_by = _said(weights[name])
                break
            chained = None
    entrance = None
    if chained is None:
        entrance, chained = _through_two(groups, tables, orders, kinds)
    if chained is None:
        raise _unfit(weights)
    if entrance:
        groups = entrance.groups
    if table is not None and not (1 < len(table) <= MAX_CLASSES):
        raise UserError(f"Its table has {len(table)} classes; Ganvas understands 2 to {MAX_CLASSES}.")
    order, steps = chained
    beside = {name: group for name, group in groups.items() if group["weight"].ndim == 1}
    placed = _unlisted(_placed(steps, beside, order))
    told = stated([(step.name, step.norm_name) for step in placed], modules)
    for i, of in enumerate(told):
        placed[i] = replace(placed[i], stated=replace(of, after="") if _bare(placed, i) else of)
    whole = all(step.name in modules for step in placed)
    norms = [step.norm for step in placed if step.norm and step.remembers]
    blank = bool(norms) and all(bool((n["running_mean"] == 0).all() and (n["running_var"] == 1).all()) for n in norms)
    untrained = blank and not any(n["bias"].any() for n in norms) if seen is None else not seen
    alike, aside = tuple(either(placed, kinds)), tuple(key for key, value in tensors.items() if alone(key, value))
    return Chain(
        tuple(placed), table, told_by, untrained, blank or untrained, whole, *loose(modules), alike, entrance, kinds,
        aside,
    )  # fmt: skip


def _kinds(name: str, weight: Tensor, known: str) -> list[tuple[str, int, int]]:
    """(kind, inputs, outputs): what a weight can be. Transposed convolutions have their inputs first. `known`: what its
    module is, or nothing."""
    if weight.ndim == 2:
        return [("linear", weight.shape[1], weight.shape[0])]
    first, second = weight.shape[:2]
    up, flat = ("up", first, second), ("flat", second, first)
    if weight.shape[2] != weight.shape[3]:
        return []
    if known in ("ConvTranspose2d", "Conv2d"):
        return [up if known == "ConvTranspose2d" else flat]
    # Where both fit, even kernels are those of up-convolutions, and what is called so.
    return [up, flat] if weight.shape[2] % 2 == 0 or UP.search(name) else [flat, up]


# ---------------------------------------------------------------- what takes pictures


def _refuse_takers(weights: Sequence[Group]) -> None:
    """Layers that fit in this order from a picture on are no generator's."""
    first, last = weights[0]["weight"], weights[-1]["weight"]
    if first.ndim == 2:
        if len(last) == 1 and last.ndim == 2:
            raise _is_a(JUDGE)
        flat, narrowest = all(group["weight"].ndim == 2 for group in weights), min(len(g["weight"]) for g in weights)
        # One that is nowhere narrower than its picture keeps nothing short: it is given as many random numbers.
        if first.shape[1] == len(last) > narrowest and picture(len(last)) and flat:
            raise _is_a("a network from pictures to pictures (an autoencoder)")
        return
    channels = first.shape[1]
    if channels > 2 * max(PICTURE_CHANNELS) or len(first) <= channels:
        return
    for group in weights:
        weight = group["weight"]
        fits = weight.shape[1] == channels if weight.ndim == 4 else not weight.shape[1] % channels
        if not fits or ("bias" in group and len(group["bias"]) != len(weight)):
            return
        channels = len(weight)
    raise _is_a("a network from pictures to pictures" if channels in (3, 4) else JUDGE)


def _is_a(what: str) -> UserError:
    return UserError(f"It is {what}: it takes pictures, while a generator takes random numbers.")


def _said(layer: Group) -> tuple[Tensor, str]:
    """What a linear layer makes of each class, [classes, numbers], and of what: see `Chain.told_by`."""
    weight, bias = layer["weight"].T, layer.get("bias", 0)
    if len(weight) > 1:
        return weight + bias, "linear"
    return torch.arange(NUMBERED, dtype=weight.dtype)[:, None] * weight + bias, "number"


def _for_classes(weights: Mapping[str, Group]) -> list[str]:
    """The linear layers that may make numbers of a class: those that are called so or take a single number, then the
    first of the file."""
    linear = [name for name, group in weights.items() if group["weight"].ndim == 2]
    called = [name for name in linear if LABEL.search(name) or weights[name]["weight"].shape[1] == 1]
    return [*called, *(name for name in linear[:1] if name not in called)]


def _takes_pictures(weights: Mapping[str, Group]) -> bool:
    first = next(iter(weights.values()))["weight"]
    return first.ndim == 4 and first.shape[1] in PICTURE_CHANNELS and len(first) > first.shape[1]


def _unfit(weights: Mapping[str, Group]) -> UserError:
    if _takes_pictures(weights):
        return _is_a("a network from pictures to pictures, or one that judges them")
    shapes = "; ".join(f"{name[:40]} {'x'.join(map(str, g['weight'].shape))}" for name, g in list(weights.items())[:4])
    return UserError(
        "Its layers do not fit together as a DCGAN's do, from latents to a picture of 1, 3 or 4 channels "
        f"({shapes}...)."
    )


# ---------------------------------------------------------------- in order


def _chained(
    weights: Mapping[str, Group], orders: Sequence[list[str]], known: Mapping[str, str]
) -> tuple[list[str], list[Step]] | None:
    """The layers in an order in which each fits the one before: that of the file if it fits, else of the names,
    else any. (A safetensors file is sorted by name.)"""
    for order in orders:
        fitting = _chains([name for name in order if name in weights], weights, known, free=False)
        found = list(itertools.islice(fitting, MAX_CHAINS))
        if found:
            return order, min(found, key=lambda steps: _unlike(steps, known))
    for steps in _chains([name for name in orders[1] if name in weights], weights, known, free=True):
        return orders[1], steps
    return None


def _through_two(
    groups: Mapping[str, Group], tables: Set[str], orders: Sequence[list[str]], known: Mapping[str, str]
) -> tuple[Entrance | None, tuple[list[str], list[Step]] | None]:
    """Of layers of which two are the first, side by side: those as one, and all in order."""
    told = {groups[name]["weight"].shape[1] for name in tables}
    beside = {name: group for name, group in groups.items() if name not in tables}
    for entrance in joined(beside, list(beside)):
        weights = {name: group for name, group in entrance.groups.items() if group["weight"].ndim in (2, 4)}
        chained = _chained(weights, orders, known) if told <= {entrance.numbers} else None
        if chained is None or len(weights) < 2:
            continue
        first, second = chained[1][:2]
        side = square(first.outputs, second.inputs) if opens_map(chained[1], 0) else 1
        if first.name == entrance.name and not entrance.second % side**2:
            return entrance, chained
    return None, None


def _unlike(steps: Sequence[Step], known: Mapping[str, str]) -> int:
    """How many layers that may be either kind of convolution are not of the kind that most of their kernel are."""
    made = [step for step in steps[1:-1] if step.kind != "linear"]
    told = [step for step in made if step.name not in either(steps, known)]
    return sum(
        sum(other.kind != step.kind for other in told if other.kernel == step.kernel)
        > sum(other.kind == step.kind for other in told if other.kernel == step.kernel)
        for step in made if step not in told
    )  # fmt: skip


def either(steps: Sequence[Step], known: Mapping[str, str]) -> list[str]:
    """The layers that may be an up-convolution or a convolution, by all that names and shapes tell."""
    return [
        step.name for step in steps[1:]
        if step.kind != "linear" and step.inputs == step.outputs and step.kernel % 2
        and not UP.search(step.name) and not known.get(step.name)
    ]  # fmt: skip


def _chains(
    names: list[str], weights: Mapping[str, Group], known: Mapping[str, str], free: bool
) -> Iterator[list[Step]]:
    tries = itertools.count()

    def grown(chain: list[Step], left: list[str]) -> Iterator[list[Step]]:
        if next(tries) > MAX_TRIES:
            return
        made = chain[-1].outputs if chain else 0
        convolved = bool(chain) and chain[-1].kind != "linear"
        if not left:
            if made in PICTURE_CHANNELS if convolved else picture(made):
                yield chain
            return
        for name in left if free else left[:1]:
            for kind, inputs, outputs in _kinds(name, weights[name]["weight"], known.get(name, "")):
                bias = len(weights[name].get("bias", range(outputs))) == outputs
                # Of one number a judge is made, read backwards.
                fits = bias and (inputs == made if chain else inputs > 1) and not (free and _overtakes(name, left))
                if chain and not convolved and kind != "linear":  # the flat output of a linear layer, taken for a map
                    fits = chain[-1].kind == "linear" and bool(square(made, inputs)) and bias
                if fits and not (convolved and kind == "linear") and not (kind == "flat" and not chain):
                    step = Step(name, kind, inputs, outputs, weights[name])
                    yield from grown([*chain, step], [other for other in left if other != name])

    yield from grown([], names)


def _overtakes(name: str, left: Sequence[str]) -> bool:
    """Whether a layer would be run before one that stands before it by its number: layers.0, layers.2; map1, map2."""
    numbered = COUNTED.fullmatch(name)
    others = filter(None, map(COUNTED.fullmatch, left))
    return numbered is not None and any(
        other["stem"] == numbered["stem"] and int(other["number"]) < int(numbered["number"]) for other in others
    )


def square(numbers: int, channels: int) -> int:
    """The side of a square map of that many numbers and channels, or 0."""
    side = math.isqrt(numbers // channels)
    return side if side**2 * channels == numbers else 0


def picture(numbers: int) -> tuple[int, int] | None:
    """(channels, side) of a picture that many numbers can be."""
    found = [(c, square(numbers, c)) for c in PICTURE_CHANNELS if 8 <= square(numbers, c) <= MAX_SIZE]
    return found[0] if found else None


def first_map(steps: Sequence[Step]) -> int | None:
    """The layer that lays out the first map: a linear one, or an up-convolution of the latents themselves."""
    return 0 if steps[0].kind == "up" else next((i for i in range(len(steps)) if opens_map(steps, i)), None)


def opens_map(steps: Sequence[Step], i: int) -> bool:
    """Whether this linear layer's output is taken for the first map."""
    return steps[i].kind == "linear" and i + 1 < len(steps) and steps[i + 1].kind != "linear"


# ---------------------------------------------------------------- norms, slopes, gaps


def _placed(steps: Sequence[Step], beside: Mapping[str, Group], order: Sequence[str]) -> list[Step]:
    """The steps with their norms, slopes and gaps. What fits behind several layers belongs to the one it follows in
    the file, else to the first one."""
    placed = list(steps)
    where = {step.name: i for i, step in enumerate(placed)}
    before: str = ""  # the layer last seen
    for name in order:
        if name in where:
            before = name
        if name not in beside:
            continue
        group = beside[name]
        what = "norm" if "bias" in group else "slopes"
        free = [i for i, step in enumerate(placed) if getattr(step, what) is None and _fits(placed, i, group, what)]
        if not free:
            raise UserError(f"Its layer {name[:80]!r} fits behind no other; it cannot be sampled here.")
        i = where[before] if before and where[before] in free else free[0]
        placed[i] = replace(placed[i], norm=group) if what == "norm" else replace(placed[i], slopes=group["weight"])
        if what == "norm":
            placed[i] = replace(placed[i], norm_gap=_gap(name, [placed[i].name], order), norm_name=name)
    _share_slopes(placed, beside)
    return [replace(step, gap=_gap(step.name, [*where, *beside], order)) for step in placed]


def _share_slopes(placed: list[Step], beside: Mapping[str, Group]) -> None:
    """A PReLU of one slope that stands alone, and in no numbered list, is what follows every layer but the last."""
    slopes = [name for name, group in beside.items() if "bias" not in group]
    if len(slopes) != 1 or len(beside[slopes[0]]["weight"]) != 1 or number(slopes[0]) is not None:
        return
    for i, step in enumerate(placed[:-1]):
        placed[i] = replace(step, slopes=beside[slopes[0]]["weight"])
    placed[-1] = replace(placed[-1], slopes=None)


def _fits(steps: Sequence[Step], i: int, group: Group, what: str) -> bool:
    numbers = len(group["weight"])
    mapped = opens_map(steps, i) and numbers == steps[i + 1].inputs
    return numbers == steps[i].outputs or mapped or (what == "slopes" and numbers == 1)


def _unlisted(steps: Sequence[Step]) -> list[Step]:
    """Without the gaps of several layers that have none anywhere: they are a list, which tells nothing of what lies
    between them, and not an `nn.Sequential`, which would do nothing else."""
    parents = [step.name.rpartition(".")[0] for step in steps]
    gaps: dict[str, list[int]] = {}
    for step, parent in zip(steps, parents, strict=True):
        gaps.setdefault(parent, []).append((step.gap or 0) + (step.norm_gap or 0))
    listed = {parent for parent, found in gaps.items() if len(found) > 1 and not any(found)}
    return [
        replace(step, gap=None, norm_gap=None) if parent in listed else step
        for step, parent in zip(steps, parents, strict=True)
    ]


def _bare(steps: Sequence[Step], i: int) -> bool:
    """Whether there is no room for an activation between this layer and the next, both in an `nn.Sequential`."""
    if i + 1 == len(steps) or steps[i].name.rpartition(".")[0] != steps[i + 1].name.rpartition(".")[0]:
        return False
    return steps[i + 1].gap == 0 and not steps[i].norm_gap


def _gap(name: str, others: Sequence[str], order: Sequence[str]) -> int | None:
    """Layers without tensors between this one and the one before of the same `nn.Sequential`."""
    at, parent = number(name), name.rpartition(".")[0]
    if at is None:
        return None
    siblings = [number(other) for other in others if other in order and other.rpartition(".")[0] == parent]
    before = [other for other in siblings if other is not None and other < at]
    if before:
        return at - max(before) - 1
    return at if at and len(others) > 1 else None
