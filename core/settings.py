"""What a request is, and what an engine yields: plain values, no torch, no UI.

A *request* is a frozen dataclass. Each of its settings is stated once, in its field: default, bounds, unit,
label and help. Sliders, command-line options and validation are all built from `settings_of(RequestClass)`. A
request turns into JSON, the *recipe* that travels with every picture, and back. The requests themselves stand with
their engines (`core.style.request`, `core.gan.request`).

`Progress` and `Result` are what an engine yields. Nothing here knows how a picture is made or shown.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import reprlib
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

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


def shown(value: Any) -> str:
    """A value that somebody gave, fit for a sentence whatever it is."""
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return "an object" if isinstance(value, dict) else _short.repr(value)


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
    choices: Mapping[Any, str]  # value -> what the page calls it; empty when the setting is a number or a switch
    advanced: bool
    only_for: tuple[str, ...]  # the methods it says something to; empty: to all
    structural: bool  # what the networks are made of: fixed once a run has a checkpoint
    formerly: Any  # what recipes mean that were written before there was this setting; None: the default

    def applies(self, method: str) -> bool:
        return not self.only_for or method in self.only_for

    def convert(self, value: Any) -> Any:
        """The value in this setting's type, or a `UserError` that says what is allowed."""
        if self.choices:
            named = {str(choice): choice for choice in self.choices}
            if str(value) not in named:
                near = difflib.get_close_matches(str(value)[:60], named, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise UserError(f"{self.label} is {shown(value)}; choose one of {', '.join(named)}.{hint}")
            return named[str(value)]
        if self.type is bool:
            if not isinstance(value, bool):
                raise UserError(f"{self.label} is {shown(value)}; it can only be true or false.")
            return value
        if self.type is str:
            if not isinstance(value, str):
                raise UserError(f"{self.label} is {shown(value)}; it has to be text.")
            return value
        try:
            number = float(value)
            if not math.isfinite(number) or isinstance(value, bool) or (self.type is int and number % 1):
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            kind = "a whole number" if self.type is int else "a number"
            raise UserError(f"{self.label} is {shown(value)}; it has to be {kind} {self.allowed()}.") from None
        if (self.lo is not None and number < self.lo) or (self.hi is not None and number > self.hi):
            raise UserError(f"{self.label} is {number:.12g}{self.unit}; choose a value {self.allowed()}.")
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
    choices: Mapping[Any, str] | None = None,
    advanced: bool = False,
    only_for: tuple[str, ...] = (),
    structural: bool = False,
    formerly: Any = None,
) -> Any:
    """A dataclass field that carries everything a page, an option and a check need to know.

    One that is `only_for` some methods is not offered with the others, and there may have no value but its default:
    somebody who asks for more than that learns that it would do nothing.
    """
    about = {"label": label, "help": help, "lo": lo, "hi": hi, "step": step, "unit": unit, "choices": choices or {}}
    more = {"advanced": advanced, "only_for": only_for, "structural": structural, "formerly": formerly}
    return field(default=default, metadata={**about, **more})


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
    quick: ClassVar[bool] = False  # answered within a second, while a page waits for it: not in line with paintings

    def __post_init__(self) -> None:
        for name, about in settings_of(self).items():
            value = getattr(self, name)
            if value is not None or about.default is not None:  # None: not set, where that is the default
                object.__setattr__(self, name, about.convert(value))

    def recipe(self, **more: Any) -> dict[str, Any]:
        """This request as plain JSON, with the version that wrote it. `more` adds what the result knows."""
        return {"ganvas": __version__, "kind": self.kind, **dataclasses.asdict(self), **more}

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> Self:
        """The request a recipe describes.

        A recipe of another version works as far as it is understood: settings it lacks are what they formerly were,
        settings unknown here are left out. A value out of bounds or a recipe of another kind is a `UserError`.
        """
        if recipe.get("kind") != cls.kind:
            raise UserError(
                f"This is a recipe for {recipe.get('kind')!r}; here only recipes for {cls.kind!r} can be used."
            )
        fields = {f.name for f in dataclasses.fields(cls)}
        formerly = {n: about.formerly for n, about in settings_of(cls).items() if about.formerly is not None}
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in {**formerly, **recipe}.items() if k in fields}
        return cls(**values)


# ---------------------------------------------------------------- what an engine yields


@dataclass(frozen=True)
class Progress:
    """One sign of life of a job. `preview` is the picture so far, where there is a new one.

    `seconds_left` is the least where `seconds_left_at_most` is told too. `share` (0 to 1) says how much of the work is
    done where steps do not cost the same; `size` (width, height) what the picture at work has, where that changes.
    """

    step: int
    total: int
    losses: Mapping[str, float] = field(default_factory=dict)
    preview: Image.Image | None = None
    seconds_left: float | None = None
    note: str = ""
    seconds_left_at_most: float | None = None
    share: float | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Result:
    """What a job ends with: pictures and the recipe that makes them again."""

    images: tuple[Image.Image, ...]
    recipe: Mapping[str, Any]
    seconds: float
    note: str = ""
