"""What may be asked for, and what comes back: plain values, no torch, no UI.

A *request* is a frozen dataclass. Each of its settings is stated once, in its field: default, bounds, unit,
label and help. Sliders, command-line options and validation are all built from `settings_of(RequestClass)`. A
request turns into JSON, the *recipe* that travels with every picture, and back.

`Progress` and `Result` are what an engine yields. Nothing here knows how a picture is made or shown.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from core import __version__
from core.errors import UserError

if typing.TYPE_CHECKING:
    from PIL import Image


# ---------------------------------------------------------------- what a setting is


@dataclass(frozen=True)
class Setting:
    """One setting of a request, as a widget or an option shows it."""

    name: str
    type: type
    default: Any
    label: str
    help: str
    lo: float | None
    hi: float | None
    step: float | None
    unit: str
    choices: Mapping[str, str]  # value -> what the page calls it; empty when the setting is a number or a switch
    advanced: bool

    def check(self, value: Any) -> Any:
        """The value in this setting's type, or a `UserError` that says what is allowed."""
        if self.choices:
            named = {str(choice): choice for choice in self.choices}
            if str(value) not in named:
                near = difflib.get_close_matches(str(value), named, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise UserError(f"{self.label} is {value!r}; choose one of {', '.join(named)}.{hint}")
            return named[str(value)]
        if self.type is bool:
            if not isinstance(value, bool):
                raise UserError(f"{self.label} is {value!r}; it can only be true or false.")
            return value
        if self.type is str:
            if not isinstance(value, str):
                raise UserError(f"{self.label} is {value!r}; it has to be text.")
            return value
        try:
            number = float(value)
            if not math.isfinite(number) or isinstance(value, bool) or (self.type is int and number % 1):
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            kind = "a whole number" if self.type is int else "a number"
            raise UserError(f"{self.label} is {value!r}; it has to be {kind} {self.allowed()}.") from None
        if (self.lo is not None and number < self.lo) or (self.hi is not None and number > self.hi):
            raise UserError(f"{self.label} is {number:g}{self.unit}; choose a value {self.allowed()}.")
        return self.type(number)

    def allowed(self) -> str:
        """The bounds in words."""
        return f"from {self.lo} to {self.hi}{self.unit}"


def setting(
    default: Any,
    label: str,
    help: str,
    *,
    lo: float | None = None,
    hi: float | None = None,
    step: float | None = None,
    unit: str = "",
    choices: Mapping[str, str] | None = None,
    advanced: bool = False,
) -> Any:
    """A dataclass field that carries everything a page, an option and a check need to know."""
    about = {"label": label, "help": help, "lo": lo, "hi": hi, "step": step, "unit": unit}
    return field(default=default, metadata={**about, "choices": choices or {}, "advanced": advanced})


def settings_of(request: type[Request] | Request) -> dict[str, Setting]:
    """The settings of a request class, by name, in the order a page shows them."""
    hints = typing.get_type_hints(request if isinstance(request, type) else type(request))
    return {
        f.name: Setting(f.name, _plain(hints[f.name]), f.default, **f.metadata)
        for f in dataclasses.fields(request)
        if f.metadata
    }


def _plain(hint: Any) -> type:
    """`float | None` is shown and read as `float`."""
    if isinstance(hint, types.UnionType):
        return next(a for a in typing.get_args(hint) if a is not type(None))
    return hint


@dataclass(frozen=True)
class Request:
    """What all requests share: checking on creation, and the way to a recipe and back."""

    kind: ClassVar[str]

    def __post_init__(self) -> None:
        for name, about in settings_of(self).items():
            value = getattr(self, name)
            if value is not None or about.default is not None:  # None: not set, where that is the default
                object.__setattr__(self, name, about.check(value))

    def recipe(self, **more: Any) -> dict[str, Any]:
        """This request as plain JSON, with the version that wrote it. `more` adds what the result knows."""
        return {"ganvas": __version__, "kind": self.kind, **dataclasses.asdict(self), **more}

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> Self:
        """The request a recipe describes.

        A recipe of another version works as far as it is understood: settings it lacks take their defaults,
        settings unknown here are left out. A value out of bounds or a recipe of another kind is a `UserError`.
        """
        if recipe.get("kind") != cls.kind:
            raise UserError(
                f"This is a recipe for {recipe.get('kind')!r}; here only recipes for {cls.kind!r} can be used."
            )
        known = {f.name for f in dataclasses.fields(cls)}
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in recipe.items() if k in known}
        return cls(**values)


# ---------------------------------------------------------------- the requests


@dataclass(frozen=True)
class StyleRequest(Request):
    """Repaint a photo in the style of one or several pictures (Gatys et al., 2016)."""

    kind: ClassVar[str] = "style"

    size: int = setting(
        512, "Size", "The longer side of the painting.", lo=64, hi=2048, step=32, unit=" px"
    )  # fmt: skip
    steps: int = setting(
        180, "Steps", "Steps at full size; more follow the style more closely.", lo=1, hi=1000, step=1,
    )  # fmt: skip
    stroke_size: float = setting(
        1.0, "Stroke size", "How large strokes come out; at 1 the style picture counts as long as the painting.",
        lo=0.25, hi=2.0, step=0.05,
    )  # fmt: skip
    start: str = setting(
        "photo", "Start from", "The photo keeps its forms best; noise shows the method at work.",
        choices={"photo": "The photo", "noise": "Noise"},
    )  # fmt: skip
    strength: float = setting(
        1.0, "Strength", "How much of the painting replaces the photo. Works at once, without painting again.",
        lo=0.0, hi=1.0, step=0.05,
    )  # fmt: skip
    keep_colour: bool = setting(
        False, "Keep the photo's colours", "Only light and dark are painted. Works at once, without painting again."
    )
    network: str = setting(
        "auto", "Network", "Which network compares the pictures. Choosing VGG-19 downloads it once (50 MB).",
        choices={"auto": "Automatic", "bundled": "Bundled", "vgg19": "VGG-19"}, advanced=True,
    )  # fmt: skip
    optimiser: str = setting(
        "lbfgs", "Optimiser", "How the picture is changed at every step.",
        choices={"lbfgs": "L-BFGS", "adam": "Adam", "sgd": "Gradient descent"}, advanced=True,
    )  # fmt: skip
    rate: float = setting(
        1.0, "Step size", "Relative to what suits the optimiser.", lo=0.05, hi=5.0, step=0.05, advanced=True
    )
    content_weight: float = setting(
        1.0, "Content", "How firmly the forms of the photo are held.", lo=0.0, hi=10.0, step=0.05, advanced=True
    )
    style_weight: float = setting(
        1.0, "Style", "How strongly strokes and texture are asked for.", lo=0.0, hi=10.0, step=0.05, advanced=True
    )
    palette_weight: float = setting(
        1.0, "Palette", "How strongly the style's colours are asked for.", lo=0.0, hi=10.0, step=0.05, advanced=True
    )
    variation_weight: float = setting(
        1.0, "Smoothness", "How strongly noise is held down (total variation).",
        lo=0.0, hi=10.0, step=0.05, advanced=True,
    )  # fmt: skip
    fine_strokes: float = setting(
        1.0, "Fine strokes", "Weight of the first two style layers.", lo=0.0, hi=4.0, step=0.1, advanced=True
    )
    large_forms: float = setting(
        1.0, "Large forms", "Weight of the last two style layers.", lo=0.0, hi=4.0, step=0.1, advanced=True
    )
    seed: int = setting(
        0, "Seed", "The same seed and settings give the same picture.", lo=0, hi=2**32 - 1, step=1, advanced=True
    )
    style_shares: tuple[float, ...] = ()  # how much each style picture counts; () shares equally

    def __post_init__(self) -> None:
        super().__post_init__()
        shares = self.style_shares
        if not isinstance(shares, tuple) or not all(isinstance(s, (int, float)) and 0 <= s <= 1e6 for s in shares):
            raise UserError(f"Style weights are {shares!r}; each has to be a number from 0 to 1000000.")
        if shares and not sum(shares):
            raise UserError("All style weights are 0; at least one style picture has to count.")
        if not (self.content_weight or self.style_weight or self.palette_weight):
            raise UserError("Content, Style and Palette are all 0; at least one of them has to count.")


# A person picks one of these and need not touch anything else.
STYLE_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "draft": {"size": 256, "steps": 100},
    "good": {"size": StyleRequest.size, "steps": StyleRequest.steps},
    "fine": {"size": 1024, "steps": StyleRequest.steps},
}


@dataclass(frozen=True)
class MeasureRequest(Request):
    """Find out once how fast this machine is with a feature network, and how much memory it takes."""

    kind: ClassVar[str] = "measure"

    network: str = "bundled"


@dataclass(frozen=True)
class TrainRequest(Request):
    """Train a GAN on a set of images. The defaults are for small sets on a processor."""

    kind: ClassVar[str] = "train"

    size: int = setting(
        32, "Size", "Side of the pictures. Twice the side takes about four times as long.",
        choices={16: "16 px", 32: "32 px", 64: "64 px", 128: "128 px"},
    )  # fmt: skip
    method: str = setting(
        "dcgan", "Method", "DCGAN sees shapes; fully connected is where the lesson begins.",
        choices={"dcgan": "DCGAN", "connected": "Fully connected"},
    )  # fmt: skip
    colour: str = setting(
        "rgb", "Colours", "What the pictures are made of.",
        choices={"rgb": "Colour", "grey": "Grey", "rgba": "Colour with transparency"},
    )  # fmt: skip
    shape: str = setting(
        "crop", "Odd shapes", "Pictures that are not square are cropped to the middle, or shrunk to fit, with edges.",
        choices={"crop": "Crop", "fit": "Fit"},
    )  # fmt: skip
    steps: int = setting(
        3000, "Steps", "How many times both networks learn from one batch.", lo=20, hi=1_000_000, step=100
    )
    flip: bool = setting(False, "Mirror", "Also show every picture mirrored. Not for text or faces with a parting.")
    batch: int = setting(64, "Batch", "Pictures per step.", lo=2, hi=512, step=2, advanced=True)
    loss: str = setting(
        "original", "Loss", "What the networks want.",
        choices={"original": "Original (2014)", "hinge": "Hinge"}, advanced=True,
    )  # fmt: skip
    latent: int = setting(
        64, "Latent numbers", "How many numbers describe one picture.", lo=2, hi=512, step=2, advanced=True
    )
    width_g: int = setting(
        32, "Generator's width", "Channels before its last layer.", lo=4, hi=128, step=4, advanced=True
    )
    width_d: int = setting(
        32, "Discriminator's width", "Channels after its first layer.", lo=4, hi=128, step=4, advanced=True
    )
    norm_g: str = setting(
        "batch", "Generator's normalisation", "Batch norm is the paper's.",
        choices={"batch": "Batch norm", "none": "None"}, advanced=True,
    )  # fmt: skip
    norm_d: str = setting(
        "spectral", "Discriminator's normalisation", "Spectral norm keeps it from winning; batch norm is the paper's.",
        choices={"spectral": "Spectral norm", "batch": "Batch norm", "none": "None"}, advanced=True,
    )  # fmt: skip
    rate_g: float = setting(
        0.0004, "Generator's learning rate", "Too high: pictures jump about.",
        lo=0.0, hi=0.1, step=0.0001, advanced=True,
    )  # fmt: skip
    rate_d: float = setting(
        0.0004, "Discriminator's learning rate", "Too high: it wins and nothing more is learned.",
        lo=0.0, hi=0.1, step=0.0001, advanced=True,
    )  # fmt: skip
    beta1: float = setting(0.5, "Momentum", "Adam's first beta; the paper's is 0.5.", lo=0.0, hi=0.99, step=0.05,
                           advanced=True)  # fmt: skip
    smoothing: float = setting(
        0.0, "Label smoothing", "Real pictures count as 1 minus this. Original loss only.",
        lo=0.0, hi=0.5, step=0.05, advanced=True,
    )  # fmt: skip
    skip_d_below: float = setting(
        0.0, "Let the discriminator wait below", "It skips its step while its loss is below this; 0: never.",
        lo=0.0, hi=2.0, step=0.05, advanced=True,
    )  # fmt: skip
    r1: float = setting(
        0.0, "R1", "Punishes a discriminator that reacts strongly to small changes; 0: off.",
        lo=0.0, hi=100.0, step=0.1, advanced=True,
    )  # fmt: skip
    vary_colour: bool = setting(
        False, "Vary colours", "DiffAugment: for sets of less than a few hundred.", advanced=True
    )
    translate: bool = setting(True, "Shift", "DiffAugment: for sets of less than some thousands.", advanced=True)
    cut_out: bool = setting(False, "Cut holes", "DiffAugment: for sets of less than a few hundred.", advanced=True)
    ema: float = setting(
        0.995, "Averaging", "The final generator is a moving average over about 1 / (1 - this) steps; 0: off.",
        lo=0.0, hi=0.9999, step=0.001, advanced=True,
    )  # fmt: skip
    seed: int = setting(
        0, "Seed", "The same seed, settings, images and machine give the same networks.",
        lo=0, hi=2**32 - 1, step=1, advanced=True,
    )  # fmt: skip


TRAIN_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "small": {},
    # Radford et al. 2015, section 4, with the widths of the usual code.
    "paper": {
        "size": 64, "batch": 128, "latent": 100, "width_g": 64, "width_d": 64, "norm_d": "batch", "rate_g": 0.0002,
        "rate_d": 0.0002, "translate": False, "ema": 0.0,
    },
    # AI-For-Beginners, lesson 17.
    "lesson": {
        "size": 32, "method": "connected", "colour": "grey", "batch": 256, "latent": 100, "width_g": 64, "width_d": 64,
        "norm_d": "none", "rate_g": 0.0002, "rate_d": 0.0002, "translate": False, "ema": 0.0,
    },
}  # fmt: skip


MAX_POINTS = 400


@dataclass(frozen=True)
class SampleRequest(Request):
    """Have a generator make pictures: `count` of a seed, or those that `points` name (see `core.gan.points`)."""

    kind: ClassVar[str] = "sample"

    generator: str = "portraits"  # what `core.gan.zoo.load` can open: a name, run:..., hub:...
    seed: int = setting(
        0, "Seed", "Another seed, other pictures; the same seed, the same pictures.", lo=0, hi=2**32 - 1, step=1
    )  # fmt: skip
    count: int = setting(36, "Pictures", "How many.", lo=1, hi=MAX_POINTS, step=1)
    truncation: float = setting(
        1.0, "Truncation", "Less makes pictures surer and more alike; more makes them bolder.",
        lo=0.0, hi=2.0, step=0.05,
    )  # fmt: skip
    averaged: bool = setting(True, "Averaged", "The average of the last training steps; usually better.", advanced=True)
    sort: bool = setting(False, "Best first", "Sorted by the discriminator's opinion.")
    points: tuple[str, ...] = ()  # in place of seed and count: exactly these pictures

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.generator or not isinstance(self.generator, str) or len(self.generator) > 400:
            raise UserError(f"The generator is {str(self.generator)[:40]!r}; it has to be the name of one.")
        if len(self.points) > MAX_POINTS or any(not isinstance(p, str) for p in self.points):
            raise UserError(f"{len(self.points)} pictures are named; give at most {MAX_POINTS}, like 7:12.")


# ---------------------------------------------------------------- what an engine yields


@dataclass(frozen=True)
class Progress:
    """One sign of life of a job. `preview` is the picture so far, where there is a new one."""

    step: int
    total: int
    losses: Mapping[str, float] = field(default_factory=dict)
    preview: Image.Image | None = None
    seconds_left: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Result:
    """What a job ends with: pictures and the recipe that makes them again."""

    images: tuple[Image.Image, ...]
    recipe: Mapping[str, Any]
    seconds: float
    note: str = ""
