"""The networks that foreign files are read as: a chain of layers as data, and the network that it describes.

A configuration (`Foreign.config`) tells all of it: which layers, what lies between them, how latents are drawn and how
a class joins them. Knows no files, and not how layers are told from tensors (`core.gan.zoo.recognise`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from core.gan import folding
from core.gan.methods.method import GeneratorNetwork

LATENTS = {
    "normal": "normal latents", "uniform": "latents uniform from -1 to 1", "unit": "latents uniform from 0 to 1",
}  # fmt: skip
Padding = Literal["zeros", "replicate", "reflect"]
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm)
JOINS = {"behind": "behind the latents", "front": "before the latents", "times": "multiplied with the latents"}


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
    norm: int = 0  # channels of the norm behind it; 0 for none
    after: str = "relu"
    grown: int = 1  # how often the map before it is enlarged
    smooth: str = ""  # each pixel a square, or running into each other: "bilinear", or so that "corners" stay
    eps: float = 1e-5  # of its norm
    norm_last: bool = False  # whether the norm stands behind what follows, instead of before it
    slopes: int = 0  # numbers of a PReLU
    padded: Padding = "zeros"  # with what a convolution is, as `nn.Conv2d` calls it
    rolled: int = 0  # channels of what it makes that come last in the file, and first here
    groups: int = 0  # of channels that its norm takes together, of one picture; 0 where it is a batch norm
    past: int = 0  # the last of so many layers, to which what came to the first of them is added
    early: bool = False  # both as they are before norms and activations of the layers that make them

    @property
    def width(self) -> int:
        """Channels of what it makes."""
        return self.outputs // self.reshape**2 if self.reshape else self.outputs


@dataclass(frozen=True)
class Labels:
    """How a class joins the latents: as `numbers` numbers, out of a table in the file (an embedding) or one-hot; or
    where there is a `step`, by its bare number, counted so from 0."""

    classes: int
    numbers: int
    join: str  # of JOINS
    table: bool
    relu: bool = False  # behind what stands in the table
    step: float = 0


class Foreign(GeneratorNetwork):
    """A generator made of `Layer`s: latents [N, latent] -> images [N, channels, size, size] in [-1, 1].

    With classes, latents are [N, latent + classes]: behind the random numbers stands how much of each class it is.
    """

    def __init__(
        self, layers: Sequence[Layer], size: int, labels: Labels | None = None, drawn: str = "normal", fitted: str = ""
    ):
        """`fitted`: how pictures of another size are brought to `size`, in one of the ways of `Fitted`."""
        super().__init__()
        self.plan, self.labels, self.drawn = tuple(layers), labels, drawn
        taken = layers[0].inputs
        latent = taken - labels.numbers if labels and labels.join != "times" else taken
        self.config: dict[str, Any] = {
            "latent": latent, "channels": layers[-1].width, "size": size, "layers": [asdict(layer) for layer in layers],
        }  # fmt: skip
        if labels:
            self.config |= {"classes": [str(i) for i in range(labels.classes)], "labels": asdict(labels)}
        if drawn != "normal":
            self.config["drawn"] = drawn
        if fitted:
            self.config["fitted"] = fitted
        self.joined = Joined(labels) if labels else nn.Identity()
        self.layers = nn.Sequential(*_built(layers), *([Fitted(size, fitted)] if fitted else []))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Foreign:
        labels = Labels(**config["labels"]) if "labels" in config else None
        layers = [Layer(**layer) for layer in config["layers"]]
        return cls(layers, config["size"], labels, config.get("drawn", "normal"), config.get("fitted", ""))

    @property
    def taken(self) -> int:
        """Numbers that `forward` takes for a picture."""
        return self.config["latent"] + (self.labels.classes if self.labels else 0)

    def started(self, latents: Tensor) -> Tensor:
        """What the first layer is given."""
        joined = self.joined(latents)
        return joined if self.plan[0].kind == "linear" else joined[:, :, None, None]

    def forward(self, latents: Tensor) -> Tensor:
        return self.layers(self.started(latents))

    def latents(self, count: int, rng: torch.Generator) -> Tensor:
        """As they were drawn in training; of all classes alike."""
        random = self._of_normal(torch.randn(count, self.config["latent"], generator=rng))
        if not self.labels:
            return random
        chosen = torch.randint(self.labels.classes, (count,), generator=rng)
        return torch.cat([random, nn.functional.one_hot(chosen, self.labels.classes).float()], 1)

    def latents_of(self, names: Sequence[str], truncation: float) -> Tensor:
        taken, latent = super().latents_of(names, truncation), self.config["latent"]
        return torch.cat([self._of_normal(taken[:, :latent]), taken[:, latent:]], 1)

    def _of_normal(self, numbers: Tensor) -> Tensor:
        """Normal numbers, made to what this generator was trained with."""
        match self.drawn:
            case "uniform":
                return torch.erf(numbers / 2**0.5)
            case "unit":
                return (torch.erf(numbers / 2**0.5) + 1) / 2
        return numbers

    def sampling_form(self) -> nn.Module:
        folded = folding.folded(self.layers)
        return nn.Sequential(self.joined, folded) if self.labels else folded


class Joined(nn.Module):
    """Latents and classes [N, latent + classes] -> what the first layer takes."""

    def __init__(self, labels: Labels):
        super().__init__()
        self.labels = labels
        if labels.table:
            self.table = nn.Parameter(torch.empty(labels.classes, labels.numbers))

    def forward(self, latents: Tensor) -> Tensor:
        random, shares = latents[:, : -self.labels.classes], latents[:, -self.labels.classes :]
        words = shares @ (self.table.relu() if self.labels.relu else self.table) if self.labels.table else shares
        if self.labels.step:
            words = shares @ torch.arange(self.labels.classes).to(shares)[:, None] * self.labels.step
        match self.labels.join:
            case "times":
                return random * words
            case "front":
                return torch.cat([words, random], 1)
        return torch.cat([random, words], 1)


class Fitted(nn.Module):
    """Pictures of another size -> of this one: "shrunk" and "smooth" as `functional.interpolate` does it with its mode
    "nearest" or "bilinear", "cut" by keeping what is above and to the left."""

    def __init__(self, size: int, way: str):
        super().__init__()
        self.size, self.way = size, way

    def forward(self, images: Tensor) -> Tensor:
        if self.way == "cut":
            return images[..., : self.size, : self.size]
        return nn.functional.interpolate(images, self.size, mode="bilinear" if self.way == "smooth" else "nearest")


class Rolled(nn.Module):
    """The last channels, so many of them, come first."""

    def __init__(self, last: int):
        super().__init__()
        self.last = last

    def forward(self, maps: Tensor) -> Tensor:
        return maps.roll(self.last, 1)


class Past(nn.Module):
    """A block of layers; what comes to it is added to what it makes."""

    def __init__(self, *parts: nn.Module):
        super().__init__()
        self.block = nn.Sequential(*parts)

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.block(maps.clone())  # activations write over what they are given


class Centred(nn.Module):
    """Pictures of 0 to 1 -> -1 to 1."""

    def forward(self, images: Tensor) -> Tensor:
        return images * 2 - 1


def _built(layers: Sequence[Layer]) -> list[nn.Module]:
    parts: list[nn.Module] = []
    begins: list[tuple[int, int]] = []  # of each layer: where it does, and where norm and activation behind it do
    for i, layer in enumerate(layers):
        made, behind = _modules(layer, i == len(layers) - 1)
        begin = len(parts)
        if layer.past:
            first = i - layer.past + 1
            begin = begins[first - 1][1] if layer.early else begins[first][0] if first < i else begin
            inside = [] if layer.early else [part for part in behind if isinstance(part, NORMS)]
            made = [Past(*parts[begin:], *made, *inside)]
            behind = [part for part in behind if part not in inside]
        parts[begin:] = [*made, *behind]
        begins.append((begin, begin + len(made)))
    return parts


def _modules(layer: Layer, last: bool) -> tuple[list[nn.Module], list[nn.Module]]:
    """What makes its maps or numbers; and its norm and activation, where those come behind."""
    made: list[nn.Module] = []
    if layer.grown > 1:
        corners = layer.smooth == "corners" or None
        mode = "bilinear" if layer.smooth else "nearest"
        made.append(nn.Upsample(scale_factor=layer.grown, mode=mode, align_corners=corners))
    match layer.kind:
        case "linear":
            made.append(nn.Linear(layer.inputs, layer.outputs, bias=layer.bias))
        case "up":
            way = (layer.kernel, layer.stride, layer.padding, layer.more)
            made.append(nn.ConvTranspose2d(layer.inputs, layer.outputs, *way, bias=layer.bias))
        case "flat":
            shape = (layer.kernel, layer.stride, layer.padding)
            made.append(nn.Conv2d(layer.inputs, layer.outputs, *shape, bias=layer.bias, padding_mode=layer.padded))
    reshaped = [nn.Unflatten(1, (layer.width, layer.reshape, layer.reshape))] if layer.reshape else []
    flat = layer.kind == "linear" and layer.norm == layer.outputs
    norm = [_norm(layer, flat)] if layer.norm else []
    after = list(_activation(layer, last))
    behind = [*after, *norm] if layer.norm_last else [*norm, *after]
    rolled = [Rolled(layer.rolled)] if layer.rolled else []
    if flat and reshaped:
        return [*made, *behind, *reshaped, *rolled], []
    return [*made, *reshaped], [*behind, *rolled]


def _norm(layer: Layer, flat: bool) -> nn.Module:
    if layer.groups:  # of a linear layer, one group is what `nn.LayerNorm` does
        return nn.GroupNorm(layer.groups, layer.norm, layer.eps)
    return (nn.BatchNorm1d if flat else nn.BatchNorm2d)(layer.norm, layer.eps)


def _activation(layer: Layer, last: bool) -> Iterator[nn.Module]:
    match layer.after:
        case "relu":
            yield nn.ReLU(True)
        case "leaky":
            yield nn.LeakyReLU(0.2, True)
        case slope if slope.startswith("leaky-"):
            yield nn.LeakyReLU(float(slope.removeprefix("leaky-")), True)
        case "prelu":
            yield nn.PReLU(layer.slopes)
        case "elu":
            yield nn.ELU()
        case "selu":
            yield nn.SELU()
        case "gelu":
            yield nn.GELU()
        case "silu":
            yield nn.SiLU()
        case "tanh" | "tanh-unit":
            yield nn.Tanh()
        case "sigmoid":
            yield nn.Sigmoid()
    if last and layer.after in ("sigmoid", "unit", "tanh-unit"):
        yield Centred()
