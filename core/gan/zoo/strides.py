"""Strides, paddings and enlargements, which no file tells: those with which pictures get a size that people use, and
how a program may fit pictures of another size to one.

Knows no tensors but the shapes that `core.gan.zoo.chain` found.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.errors import UserError
from core.gan.zoo.chain import MAX_SIZE, Step, opens_map, picture, square
from core.gan.zoo.cost import MAX_KERNEL

MAX_TRIES = 20_000
# Stride, padding and output padding of up-convolutions by kernel, the usual one first: 2 and 4 double the side.
USUAL = {
    1: [(1, 0, 0), (1, 2, 0)], 2: [(2, 0, 0), (1, 0, 0)], 3: [(2, 1, 1), (1, 1, 0), (2, 1, 0), (2, 0, 0), (1, 0, 0)],
    4: [(2, 1, 0), (2, 0, 0), (1, 0, 0), (2, 3, 0)],
    5: [(2, 2, 1), (1, 2, 0), (1, 0, 0), (2, 2, 0), (2, 1, 0), (2, 0, 0)],
    6: [(2, 2, 0), (2, 0, 0), (1, 0, 0)], 7: [(1, 3, 0), (1, 0, 0)], 8: [(2, 3, 0), (4, 2, 0)],
}  # fmt: skip
OTHERS = [(1, 0, 0), (2, 0, 0)]  # of kernels that few use
ON_LATENTS = [(1, 0, 0), (2, 1, 0)]  # 1x1 becomes a first map of the kernel's size
# Chains of kernels that belong to widely used code, with what that code does.
PUBLISHED: dict[tuple[int, ...], list[tuple[int, int, int]]] = {
    (3, 3, 4, 4): [(1, 0, 0), (2, 1, 0), (2, 0, 0), (2, 1, 0)],  # 24 px: cryptopunks-gan
    (3, 4, 3, 4): [(2, 0, 0), (1, 0, 0), (2, 0, 0), (2, 0, 0)],  # 28 px: the MNIST DCGAN of many courses
    (3, 3, 3, 3): [(2, 0, 0), (2, 0, 0), (2, 0, 0), (2, 0, 0)],  # 31 px: AI-For-Beginners, lesson 17
}
SIZES = {64: 0, 32: 0, 28: 0, 128: 0.5, 256: 1, 16: 1, 96: 1, 48: 1, 24: 2, 512: 2, 14: 2, 8: 2}  # and how rare
RARE = 4
ODDER = 0.5  # by how much one has to be odder than the likeliest, to be in doubt only where something speaks for it
# To which side pictures of another one are fitted, grey ones mostly to that of MNIST; and from how far.
GREY, COLOURED = (28, 32, 64, 128, 256), (32, 28, 64, 128, 256)
SMALLEST, LARGEST = 0.87, 1.15
SMALL_GREY = 24  # px: a size that is used; in grey mostly for digits, which have 28
FITTED = {"shrunk": "by leaving out pixels", "smooth": "smoothly", "cut": "by cutting"}  # the usual way first


@dataclass(frozen=True)
class Shape:
    """What one layer does to the side of a map."""

    stride: int = 0
    padding: int = 0
    more: int = 0
    grown: int = 1
    reshape: int = 0


@dataclass(frozen=True)
class Strides:
    """A shape for each layer, and the side of the pictures that come out. `odd`: how few have pictures of such a size,
    or let layers alike work in different ways; `fitted`: one of FITTED where they are `made` of another size."""

    shapes: tuple[Shape, ...]
    side: int
    odd: float = 0
    made: int = 0
    fitted: str = ""

    @property
    def tag(self) -> str:
        worked = [f"{s.stride}{s.padding}{s.more}{s.grown}" for s in self.shapes if s.stride]
        return "-".join(part for part in ("px", str(self.side), *worked, self.fitted) if part)


def strides(steps: Sequence[Step], wanted: int | None) -> list[Strides]:
    """All, the likeliest first. `wanted`: the side, where it is known. `UserError` where there are none."""
    if steps[-1].kind == "linear":
        _, side = picture(steps[-1].outputs) or (0, 0)
        if wanted in (None, side):
            return [Strides((*[Shape() for _ in steps[:-1]], Shape(reshape=side)), side)]
    options = [_options(steps, i) for i in range(len(steps))]
    if not all(options):
        largest = max(step.kernel for step in steps if step.kind == "up")
        raise UserError(f"It has up-convolutions of {largest}x{largest}, whose strides cannot be guessed.")
    found: dict[Strides, float] = {}
    grey = steps[-1].outputs == 1
    unproved = grey and not any(step.norm for step in steps)
    for rank, picked in enumerate(itertools.islice(itertools.product(*options), MAX_TRIES)):
        shapes = tuple(shape for _, shape in picked)
        side = _side(shapes, steps)
        if 0 < side <= MAX_SIZE:
            other = 1 if (side == 28) > grey else ODDER if unproved and side != 28 else 0  # most grey ones are of MNIST
            odd = picked[0][0] + SIZES.get(side, RARE) + other + _unlike(shapes, steps)
            rarity = min(sum(rare for rare, _ in picked), _plain(shapes, steps)) + odd + rank / MAX_TRIES
            found.setdefault(Strides(shapes, side, odd), rarity)
    kernels = tuple(step.kernel for step in steps if step.kind == "up")
    if steps[0].kind == "up" and kernels in PUBLISHED and len(kernels) == len(steps):
        shapes = tuple(Shape(*shape) for shape in PUBLISHED[kernels])
        found = {laid: rarity for laid, rarity in found.items() if laid.shapes != shapes}
        found[Strides(shapes, _side(shapes, steps))] = -1
    laid = [way for each in sorted(found, key=found.__getitem__) for way in _fitted(each, grey, wanted)]
    if not laid:
        raise UserError(
            f"Its layers cannot make pictures of {wanted or f'at most {MAX_SIZE}'} px; it cannot be sampled here."
        )
    return laid


def _fitted(laid: Strides, grey: bool, wanted: int | None) -> list[Strides]:
    """The ways in which pictures of a side that few use may be fitted to a usual one, or to the side that is wanted;
    and as they are."""
    as_made = [laid] if wanted in (None, laid.side) else []
    targets = (wanted,) if wanted else GREY if grey else COLOURED
    smallest = SMALL_GREY / 28 if grey else SMALLEST
    near = [side for side in targets if smallest <= laid.side / side <= LARGEST]
    usual = laid.side in SIZES and not (grey and laid.side == SMALL_GREY)
    if not laid.odd or usual or not near or near[0] == laid.side:
        return as_made
    ways = [way for way in FITTED if way != "cut" or laid.side > near[0]]
    shrunk, *others = [replace(laid, side=near[0], made=laid.side, fitted=way) for way in ways]
    return [shrunk, *as_made, *others]


def _options(steps: Sequence[Step], i: int) -> list[tuple[float, Shape]]:
    """(how rare, what it does): of one layer."""
    step, stated = steps[i], steps[i].stated
    if step.kind == "linear":
        return [(0, Shape(reshape=square(step.outputs, steps[i + 1].inputs) if opens_map(steps, i) else 0))]
    if stated.shape:
        shape = Shape(*stated.shape)
        times = [1] if step.kind == "up" and stated.grown is None else [stated.grown] if stated.grown else [2, 1]
        return [(rare, replace(shape, grown=grown)) for rare, grown in enumerate(times)]
    if step.kind == "up":
        listed = USUAL.get(step.kernel, OTHERS if step.kernel <= MAX_KERNEL else [])
        if i == 0 or (opens_map(steps, i - 1) and square(steps[i - 1].outputs, step.inputs) == 1):
            listed = ON_LATENTS if step.kernel > 2 else [(1, 0, 0)]
        return [(rare, Shape(*shape)) for rare, shape in enumerate(listed)]
    if step.kernel == 2:  # a map that was laid out twice as large is halved; or it becomes a pixel larger or smaller
        return [(0, Shape(2, 0)), (2, Shape(1, 1)), (2, Shape(1, 0))]
    same, grown = Shape(1, step.kernel // 2), Shape(1, step.kernel // 2, grown=2)
    spoken = opens_map(steps, i - 1) or steps[i - 1].norm_gap  # there is an activation already, or there may be none
    if step.gap == 0 or (step.gap == 1 and not spoken):  # there is room for an activation at most
        return [(0, same)]
    last, only_flat = i == len(steps) - 1, all(other.kind != "up" for other in steps)
    likely = step.gap is not None or (only_flat and not last)
    return [(0, grown), (1, same)] if likely else [(0, same), (1, grown)]


def _unlike(shapes: Sequence[Shape], steps: Sequence[Step]) -> float:
    """How many layers of one kind and kernel are worked in different ways; few programs do that, more of them with
    another output padding only, as from 4 to 7, 14 and 28."""
    ways: dict[tuple[str, int], set[Shape]] = {}
    for i, (shape, step) in enumerate(zip(shapes, steps, strict=True)):
        if i and step.kind == "up":
            ways.setdefault((step.kind, step.kernel), set()).add(shape)
    padded = {key: {replace(shape, more=0) for shape in found} for key, found in ways.items()}
    return sum(len(found) + len(padded[key]) - 2 for key, found in ways.items()) / 2


def _plain(shapes: Sequence[Shape], steps: Sequence[Step]) -> float:
    """How rare it is to give no padding to any of several up-convolutions: rarer to give none to one of them."""
    worked = [shape for shape, step in zip(shapes, steps, strict=True) if step.kind == "up"][1:]
    if len(worked) < 2 or any(shape.padding or shape.more for shape in worked):
        return math.inf
    return 1 + sum(shape.stride == 1 for shape in worked) / 2


def _side(shapes: Sequence[Shape], steps: Sequence[Step]) -> int:
    side = 1
    for shape, step in zip(shapes, steps, strict=True):
        side *= shape.grown
        if step.kind == "linear":
            side = shape.reshape or side
        elif step.kind == "up":
            side = (side - 1) * shape.stride - 2 * shape.padding + step.kernel + shape.more
        else:
            side = (side + 2 * shape.padding - step.kernel) // shape.stride + 1
        if side < 1:
            return 0
    return side
