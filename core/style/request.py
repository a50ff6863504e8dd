"""What may be asked of the painting engines: settings, their bounds, and presets. Plain: no torch, no UI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from core.errors import UserError
from core.pictures.images import WORKING_PIXELS
from core.settings import Request, setting


@dataclass(frozen=True)
class StyleRequest(Request):
    """Repaint a photo in the style of one or several pictures (Gatys et al., 2016)."""

    kind: ClassVar[str] = "style"

    size: int = setting(
        512, "Size", "The longer side of the painting.", lo=64, hi=2048, step=32, unit=" px"
    )  # fmt: skip
    steps: int = setting(
        180, "Steps", "How long it is painted; more steps follow the style more closely. Freedom and size take some "
        "more, or fewer.", lo=1, hi=1000, step=1,
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
    freedom: float = setting(
        0.5, "Freedom", "At 0 the photo keeps its forms, at 1 the style has its way with them.",
        lo=0.0, hi=1.0, step=0.05, formerly=0.0,
    )  # fmt: skip
    style_shares: tuple[float, ...] = ()  # how much each style picture counts; () shares equally

    def __post_init__(self) -> None:
        super().__post_init__()
        shares = self.style_shares
        if not isinstance(shares, tuple) or not all(isinstance(s, (int, float)) and 0 <= s <= 1e6 for s in shares):
            told = ", ".join(map(str, shares)) if isinstance(shares, tuple) else repr(shares)
            raise UserError(f"Style weights are {told}; each has to be a number from 0 to 1000000.")
        if shares and not sum(shares):
            raise UserError("All style weights are 0; at least one style picture has to count.")
        if not (self.content_weight or self.style_weight or self.palette_weight):
            raise UserError("Content, Style and Palette are all 0; at least one of them has to count.")


def of_freedom(freedom: float, faithful: float, bold: float, free: float) -> float:
    """What is `faithful` at freedom 0, `bold` at a half and `free` at 1, and in equal ratios between."""
    if freedom <= 0.5:
        return faithful * (bold / faithful) ** (2 * freedom)
    return bold * (free / bold) ** (2 * freedom - 1)


def enough(request: StyleRequest) -> tuple[int, int]:
    """How many pixels of the photo, and of a style picture, a painting can make use of: some more than it is going to
    look at, so that reducing them twice does not show. Larger pictures only fill the memory."""
    looked_at = request.size * max(1.0, request.stroke_size)
    return min(4 * request.size**2, WORKING_PIXELS), min(round(2 * looked_at**2), WORKING_PIXELS)


def shares_of(request: StyleRequest, styles: Sequence[Any]) -> list[float]:
    """How much each of the style pictures counts, 1 in all; a `UserError` where the weights are not as many."""
    if not styles:
        raise UserError("No style picture was given; add at least one picture whose style you like.")
    shares = request.style_shares or (1.0,) * len(styles)
    if len(shares) != len(styles):
        weights = "is 1 style weight" if len(shares) == 1 else f"are {len(shares)} style weights"
        pictures = "1 style picture" if len(styles) == 1 else f"{len(styles)} style pictures"
        raise UserError(f"There {weights} for {pictures}; give one for each, or none.")
    return [share / sum(shares) for share in shares]


@dataclass(frozen=True)
class InstantRequest(StyleRequest):
    """Show a painting at once. Size, stroke size, freedom, strength, colours, shares and seed count; what says how to
    descend (steps, weights, optimiser, network) waits for the painter, who goes on from here."""

    kind: ClassVar[str] = "instant"
    quick: ClassVar[bool] = True
    counting: ClassVar[tuple[str, ...]] = ("size", "stroke_size", "strength", "keep_colour", "seed", "freedom")


@dataclass(frozen=True)
class ClipRequest(InstantRequest):
    """Paint every frame of a clip in the very same way, so that what stands still stays still."""

    kind: ClassVar[str] = "clip"
    quick: ClassVar[bool] = False


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
