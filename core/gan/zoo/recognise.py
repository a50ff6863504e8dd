"""What network a set of named tensors belongs to: the DCGAN family and fully connected generators, told from shapes.

Names say which tensors belong together and which kind they are; shapes say the rest: layers are put in the order in
which channels fit, from the latents to the picture. What is *not* in such a file is assumed and said: strides and
paddings (below), ReLU or leaky ReLU between the layers, tanh at the end. Whatever else is found, a condition, an
attention, a kind of norm not known here, is a `UserError` that names it. Knows no files and no Hub.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import UserError
from core.gan import folding
from core.gan.methods.method import GeneratorNetwork
from core.gan.zoo import cost

PICTURE_CHANNELS = (1, 3, 4)
MAX_LAYERS = 12
MAX_TRIES = 20_000  # orders and strides looked at before giving up
MAX_SIZE = 512  # px
# Stride, padding and output padding of up-convolutions by kernel, the usual one first: 2 and 4 double the side.
USUAL = {
    1: [(1, 0, 0)], 2: [(2, 0, 0)], 3: [(2, 1, 1), (2, 1, 0), (2, 0, 0), (1, 1, 0), (1, 0, 0)],
    4: [(2, 1, 0), (2, 0, 0), (1, 0, 0)], 5: [(2, 2, 1), (1, 2, 0), (1, 0, 0)], 6: [(2, 2, 0)], 7: [(1, 0, 0)],
}  # fmt: skip
# Chains of kernels that belong to widely used code, with what that code does.
PUBLISHED: dict[tuple[int, ...], list[tuple[int, int, int]]] = {
    (3, 3, 4, 4): [(1, 0, 0), (2, 1, 0), (2, 0, 0), (2, 1, 0)],  # 24 px: cryptopunks-gan
    (3, 4, 3, 4): [(2, 0, 0), (1, 0, 0), (2, 0, 0), (2, 0, 0)],  # 28 px: the MNIST DCGAN of many courses
    (3, 3, 3, 3): [(2, 0, 0), (2, 0, 0), (2, 0, 0), (2, 0, 0)],  # 31 px: AI-For-Beginners, lesson 17
}


@dataclass(frozen=True)
class Layer:
    """One layer as a configuration holds it. `kind`: "up" (transposed convolution), "flat" (convolution) or "linear";
    `reshape` is the side of the picture a linear layer's output is taken for, 0 for none; `after` is what follows."""

    kind: str
    inputs: int
    outputs: int
    kernel: int = 0
    stride: int = 0
    padding: int = 0
    more: int = 0  # output padding
    bias: bool = False
    reshape: int = 0
    norm: int = 0  # channels of the batch norm behind it; 0 for none
    after: str = "relu"


class Inferred(GeneratorNetwork):
    """A generator made of `Layer`s: latents [N, latent] -> images [N, channels, size, size] in [-1, 1]."""

    def __init__(self, layers: Sequence[Layer], size: int):
        super().__init__()
        self.plan = tuple(layers)
        self.config: dict[str, Any] = {
            "latent": layers[0].inputs, "channels": _channels(layers), "size": size,
            "layers": [asdict(layer) for layer in layers],
        }  # fmt: skip
        self.layers = nn.Sequential(*(part for layer in layers for part in _modules(layer)))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Inferred:
        return cls([Layer(**layer) for layer in config["layers"]], config["size"])

    def forward(self, latents: Tensor) -> Tensor:
        return self.layers(latents if self.plan[0].kind == "linear" else latents[:, :, None, None])

    def sampling_form(self) -> nn.Module:
        return folding.folded(self.layers)


def _channels(layers: Sequence[Layer]) -> int:
    last = layers[-1]
    return last.outputs // last.reshape**2 if last.reshape else last.outputs


def _modules(layer: Layer) -> Iterator[nn.Module]:
    match layer.kind:
        case "linear":
            yield nn.Linear(layer.inputs, layer.outputs, bias=layer.bias)
        case "up":
            shape = (layer.kernel, layer.stride, layer.padding, layer.more)
            yield nn.ConvTranspose2d(layer.inputs, layer.outputs, *shape, bias=layer.bias)
        case "flat":
            yield nn.Conv2d(layer.inputs, layer.outputs, layer.kernel, 1, layer.padding, bias=layer.bias)
    if layer.norm and layer.norm == layer.outputs and layer.kind == "linear":
        yield nn.BatchNorm1d(layer.norm)
    if layer.reshape:
        yield nn.Unflatten(1, (layer.outputs // layer.reshape**2, layer.reshape, layer.reshape))
    if layer.norm and (layer.kind != "linear" or layer.norm != layer.outputs):
        yield nn.BatchNorm2d(layer.norm)
    match layer.after:
        case "relu":
            yield nn.ReLU(True)
        case "leaky":
            yield nn.LeakyReLU(0.2, True)
        case "tanh":
            yield nn.Tanh()


# ---------------------------------------------------------------- from tensors


def infer(tensors: Mapping[str, Tensor], size: int | None = None) -> tuple[Inferred, str]:
    """The generator these tensors belong to, filled with them, and what was understood, in a sentence.

    `size` is the side of its pictures, where a configuration beside the file tells it. `UserError` when the tensors
    are not those of a generator that is known here.
    """
    groups = _groups(tensors)
    weights = {name: group for name, group in groups.items() if group["weight"].ndim in (2, 4)}
    norms = [(name, group) for name, group in groups.items() if name not in weights]
    if not 1 < len(weights) <= MAX_LAYERS:
        raise UserError(
            f"This has {len(weights)} layers with weights; Ganvas understands generators of 2 to {MAX_LAYERS}."
        )
    chain = _chained(weights)
    if chain is None:
        shapes = "; ".join(
            f"{name[:40]} {'x'.join(map(str, g['weight'].shape))}" for name, g in list(weights.items())[:4]
        )
        raise UserError(
            "Its layers do not fit together as a DCGAN's do, from latents to a picture of 1, 3 or 4 channels "
            f"({shapes}...)."
        )
    placed = _norms_placed(chain, weights, norms)
    layers, side = _plan(chain, weights, placed, size)
    network = cost.planned(lambda: Inferred(layers, side))
    try:
        cost.check(cost.of(network, network.config["latent"])[0], "It")
        return _filled(network, chain, weights, placed), _understood(network)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"Its tensors do not fit together ({str(error).splitlines()[-1].strip()[:120]}).") from error


Step = tuple[str, str]  # (name of the group, kind of layer)


def _groups(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Tensors that belong to one module, in the order of the file."""
    groups: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        way, _, leaf = re.sub(r"^(module\.|_orig_mod\.)+", "", key).rpartition(".")
        if leaf == "num_batches_tracked":
            continue
        if leaf not in ("weight", "bias", "running_mean", "running_var") or re.search(r"emb", way):
            raise UserError(
                f"It has a tensor {key[:80]!r}, which is no part of a plain DCGAN; it cannot be sampled here."
            )
        groups.setdefault(way, {})[leaf] = value
    for way, group in groups.items():
        weight = group.get("weight")
        if any(value.numel() == 0 or (leaf != "weight" and value.ndim != 1) for leaf, value in group.items()):
            raise UserError(f"Its layer {way[:80]!r} holds no numbers, or in no order; it cannot be sampled here.")
        if weight is None or weight.ndim not in (1, 2, 4) or (weight.ndim == 1) != ("running_mean" in group):
            raise UserError(
                f"It has a layer {way[:80]!r} of a kind that is no part of a plain DCGAN; it cannot be sampled here."
            )
        if not all(value.is_floating_point() for value in group.values()):
            raise UserError(
                f"Its layer {way[:80]!r} holds no plain numbers (it is compressed); it cannot be sampled here."
            )
    return groups


def _kinds(name: str, weight: Tensor) -> list[tuple[str, int, int]]:
    """(kind, inputs, outputs): what a weight can be. Transposed convolutions have their inputs first."""
    if weight.ndim == 2:
        return [("linear", weight.shape[1], weight.shape[0])]
    first, second = weight.shape[:2]
    up, flat = ("up", first, second), ("flat", second, first)
    if weight.shape[2] != weight.shape[3]:
        return []
    # Where both fit, even kernels are those of up-convolutions.
    return [up, flat] if weight.shape[2] % 2 == 0 or "up" in name or "transpose" in name.lower() else [flat, up]


def _chained(weights: Mapping[str, Mapping[str, Tensor]]) -> list[Step] | None:
    """The layers in an order in which each fits the one before: that of the file if it fits, else of the names,
    else any. (A safetensors file is sorted by name.)"""
    for names in (list(weights), sorted(weights, key=_natural)):
        for chain in _chains(names, weights, free=False):
            return chain
    return next(_chains(sorted(weights, key=_natural), weights, free=True), None)


def _chains(names: list[str], weights: Mapping[str, Mapping[str, Tensor]], free: bool) -> Iterator[list[Step]]:
    tries = itertools.count()

    def grown(chain: list[Step], left: list[str], channels: int, convolved: bool) -> Iterator[list[Step]]:
        if next(tries) > MAX_TRIES:
            return
        if not left:
            if channels in PICTURE_CHANNELS if convolved else _picture(channels):
                yield chain
            return
        for name in left if free else left[:1]:
            weight = weights[name]["weight"]
            for kind, inputs, outputs in _kinds(name, weight):
                fits = inputs == channels or not chain
                if chain and not convolved and kind != "linear":  # the flat output of a linear layer, taken for a map
                    fits = chain[-1][1] == "linear" and bool(_side(channels, inputs))
                if fits and not (convolved and kind == "linear") and not (kind == "flat" and not chain):
                    rest = [other for other in left if other != name]
                    yield from grown([*chain, (name, kind)], rest, outputs, kind != "linear")

    yield from grown([], names, 0, False)


def _inputs(step: Step, weights: Mapping[str, Mapping[str, Tensor]]) -> int:
    name, kind = step
    return next(inputs for fitting, inputs, _ in _kinds(name, weights[name]["weight"]) if fitting == kind)


def _natural(name: str) -> list[tuple[int, int | str]]:
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name)]


def _side(numbers: int, channels: int) -> int:
    """The side of a square map of that many numbers and channels, or 0."""
    side = math.isqrt(numbers // channels)
    return side if side**2 * channels == numbers else 0


def _picture(numbers: int) -> tuple[int, int] | None:
    """(channels, side) of a picture that many numbers can be."""
    found = [(c, _side(numbers, c)) for c in PICTURE_CHANNELS if 8 <= _side(numbers, c) <= MAX_SIZE]
    return found[0] if found else None


def _norms_placed(
    chain: list[Step], weights: Mapping[str, Mapping[str, Tensor]], norms: list[tuple[str, dict[str, Tensor]]]
) -> dict[str, dict[str, Tensor]]:
    """Which batch norm follows which layer: the first one free whose output it fits."""
    placed: dict[str, dict[str, Tensor]] = {}
    for name, norm in sorted(norms, key=lambda item: _natural(item[0])):
        features = len(norm["running_mean"])
        for (layer, kind), following in itertools.pairwise(chain):  # what the last one makes is the picture
            weight = weights[layer]["weight"]
            outputs = weight.shape[1] if kind == "up" else weight.shape[0]
            mapped = kind == "linear" and following[1] != "linear"
            fits = features == outputs or (mapped and features == _inputs(following, weights))
            if fits and layer not in placed:
                placed[layer] = norm
                break
        else:
            raise UserError(f"Its batch norm {name[:80]!r} fits behind no layer; it cannot be sampled here.")
    return placed


# ---------------------------------------------------------------- sides, strides


def _plan(
    chain: list[Step],
    weights: Mapping[str, Mapping[str, Tensor]],
    placed: Mapping[str, Mapping[str, Tensor]],
    wanted: int | None,
) -> tuple[list[Layer], int]:
    linear_only = all(kind == "linear" for _, kind in chain)
    layers: list[Layer] = []
    for i, (name, kind) in enumerate(chain):
        weight, last = weights[name]["weight"], i == len(chain) - 1
        first, second, *kernel = weight.shape
        inputs, outputs = (first, second) if kind == "up" else (second, first)
        norm = len(placed[name]["running_mean"]) if name in placed else 0
        reshape = 0
        if kind == "linear" and last:
            _, reshape = _picture(outputs) or (0, 0)
        elif kind == "linear" and chain[i + 1][1] != "linear":
            reshape = _side(outputs, _inputs(chain[i + 1], weights))
        # Behind the layer that lays out the first map there is an activation only where there is a norm (StudioGAN).
        after = "tanh" if last else "" if reshape and not norm else "leaky" if linear_only else "relu"
        padding = kernel[0] // 2 if kind == "flat" else 0
        layers.append(
            Layer(kind, inputs, outputs, kernel[0] if kernel else 0, 1 if kernel else 0, padding,
                  bias="bias" in weights[name], reshape=reshape, norm=norm, after=after)
        )  # fmt: skip
    return _strided(layers, wanted)


def _strided(layers: list[Layer], wanted: int | None) -> tuple[list[Layer], int]:
    """Strides and paddings, which no file tells: those of code that is known, else the usual ones, else whichever
    make pictures of the size wanted."""
    ups = [layer.kernel for layer in layers if layer.kind == "up"]
    from_latents = bool(ups) and layers[0].kind == "up"  # 1x1 becomes a first map of the kernel's size
    options = [USUAL.get(kernel, []) for kernel in ups]
    if from_latents:
        options[0] = [(1, 0, 0)]
    if not all(options):
        raise UserError(f"It has up-convolutions of {max(ups)}x{max(ups)}, whose strides cannot be guessed.")
    guesses = [PUBLISHED[tuple(ups)]] if from_latents and tuple(ups) in PUBLISHED else []
    for guess in itertools.islice(itertools.chain(guesses, itertools.product(*options)), MAX_TRIES):
        strides = iter(guess)
        planned = [
            _with(layer, *next(strides)) if layer.kind == "up" else layer
            for layer in layers
        ]  # fmt: skip
        side = _final_side(planned)
        if side == wanted or (wanted is None and 0 < side <= MAX_SIZE):
            return planned, side
    raise UserError(
        f"Its layers cannot make pictures of {wanted or f'at most {MAX_SIZE}'} px; it cannot be sampled here."
    )


def _final_side(layers: Sequence[Layer]) -> int:
    side = 1
    for layer in layers:
        if layer.kind == "linear":
            side = layer.reshape or side
        elif layer.kind == "up":
            side = (side - 1) * layer.stride - 2 * layer.padding + layer.kernel + layer.more
        else:
            side += 2 * layer.padding - layer.kernel + 1
    return side


# ---------------------------------------------------------------- filled, explained


def _with(layer: Layer, stride: int, padding: int, more: int) -> Layer:
    return replace(layer, stride=stride, padding=padding, more=more)


def _filled(
    network: Inferred,
    chain: list[Step],
    weights: Mapping[str, Mapping[str, Tensor]],
    placed: Mapping[str, Mapping[str, Tensor]],
) -> Inferred:
    layers = [n for n, m in network.named_modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
    norms = iter(n for n, m in network.named_modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d))
    state: dict[str, Tensor] = {}
    for (name, _), layer in zip(chain, layers, strict=True):
        state |= {f"{layer}.{leaf}": value for leaf, value in weights[name].items()}
        if name in placed:
            norm = next(norms)
            state |= {f"{norm}.{leaf}": value for leaf, value in placed[name].items()}
            state[f"{norm}.num_batches_tracked"] = torch.tensor(0)
    return cost.filled(network, state)


def _understood(network: Inferred) -> str:
    c, plan = network.config, network.plan
    kinds = {"up": "up-convolution", "flat": "convolution", "linear": "linear layer"}
    counts = [(sum(layer.kind == kind for layer in plan), word) for kind, word in kinds.items()]
    layers = " and ".join(f"{n} {word}{'s' if n > 1 else ''}" for n, word in counts if n)
    colours = {1: "grey", 3: "colour", 4: "colour with transparency"}[c["channels"]]
    widths = ", ".join(str(layer.outputs // max(1, layer.reshape) ** 2) for layer in plan[:-1])
    biased = sum(layer.bias for layer in plan)
    biases = "no biases" if not biased else "with biases" if biased == len(plan) else "some with biases"
    inside = f"{widths} wide, {biases}" if widths else biases
    strides = ", ".join(str(layer.stride) for layer in plan if layer.kind == "up")
    assumed = f"strides {strides}; " if strides else ""
    between = "leaky ReLU" if any(layer.after == "leaky" for layer in plan) else "ReLU"
    norms = ", batch norm" if any(layer.norm for layer in plan) else ""
    return (
        f"{c['latent']} latent numbers, {layers} ({inside}){norms}: {c['size']} x {c['size']} px, {colours}. The file "
        f"does not tell, so assumed: {assumed}{between}, tanh."
    )
