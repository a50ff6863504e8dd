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
            if value not in self.choices:
                near = difflib.get_close_matches(str(value), self.choices, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise UserError(f"{self.label} is {value!r}; choose one of {', '.join(self.choices)}.{hint}")
            return value
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
        except (TypeError, ValueError):
            kind = "a whole number" if self.type is int else "a number"
            raise UserError(f"{self.label} is {value!r}; it has to be {kind} {self.allowed()}.") from None
        if (self.lo is not None and number < self.lo) or (self.hi is not None and number > self.hi):
            raise UserError(f"{self.label} is {value:g}{self.unit}; choose a value {self.allowed()}.")
        return self.type(number)

    def allowed(self) -> str:
        return f"from {self.lo:g} to {self.hi:g}{self.unit}"


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

    size: int = setting(512, "Size", "Longer side of the painting.", lo=64, hi=2048, step=32, unit=" px")
    steps: int = setting(
        100, "Steps", "Optimisation steps at every scale. More steps follow the style more closely.",
        lo=1, hi=1000, step=10,
    )  # fmt: skip
    stroke_size: float = setting(
        1.0, "Stroke size", "How large the painting's strokes come out: 1 keeps their size relative to the picture.",
        lo=0.25, hi=2.0, step=0.05,
    )  # fmt: skip
    start: str = setting(
        "photo", "Start from", "The photo keeps its forms best; noise shows the method at work.",
        choices={"photo": "The photo", "noise": "Noise"},
    )  # fmt: skip
    network: str = setting(
        "auto", "Network", "Whose features are compared. Automatic prefers VGG-19 when it has been downloaded.",
        choices={"auto": "Automatic", "bundled": "Bundled", "vgg19": "VGG-19"}, advanced=True,
    )  # fmt: skip
    seed: int = setting(
        0, "Seed", "The same seed and settings give the same picture.", lo=0, hi=2**32 - 1, step=1, advanced=True
    )


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
