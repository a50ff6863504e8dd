"""The places pictures come from, in words: which point of the latent space a picture belongs to.

    7:12                picture 12 of seed 7
    7:12#3              the same of class 3, where a generator has classes; without it they take turns
    7:12~3/0.4          the third picture like it; 0.4 says how different: 0 not at all, 1 entirely
    7:12-7:3+8:0        this without what that has, with what the other has (Radford et al. 2015, figure 7)
    7:12>7:3@0.25       a quarter of the way from one to the other
    (7:12-7:3)~1/0.4    brackets, where they are needed

A point is text, so it fits in a recipe, a caption and an address, and depends on nothing but itself: not on how many
pictures are made along with it. Plain: numpy, no torch. Knows no network but the number of its latents and classes.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import UserError

MAX_LENGTH = 400  # characters: "more like this" of "more like this" ends somewhere
MAX_BRACKETS = 50
MAX_POINTS = 1000  # made at a time
SHARE = r"([01](?:\.\d+)?)"
SAME = 1e-6  # radians: two latents in one direction have no way between them

# ---------------------------------------------------------------- points made of points


def of_seed(seed: int, count: int) -> tuple[str, ...]:
    """The first `count` points of a seed."""
    return tuple(f"{seed}:{index}" for index in range(count))


def variations(point: str, count: int, spread: float) -> tuple[str, ...]:
    """`point` itself, then others near it; `spread` from 0 (equal) to 1 (unrelated)."""
    _require(count)
    if not 0 <= spread <= 1:
        raise UserError(f"How different is {spread!r}; choose a value from 0 to 1.")
    return (point, *(f"{_bracketed(point)}~{index}/{spread:g}" for index in range(1, count)))


def interpolate(points: Sequence[str], frames: int, closed: bool = False) -> tuple[str, ...]:
    """`frames` points on the way through all of `points`; a closed one leads back to the first, without repeating it,
    so that it can be shown again and again."""
    if len(points) < 2:
        raise UserError(f"A way needs two pictures or more; {len(points)} were chosen.")
    _require(frames)
    stops = [*points, points[0]] if closed else list(points)
    found = []
    for frame in range(frames):
        at = frame * (len(stops) - 1) / max(1, frames if closed else frames - 1)
        leg = min(int(at), len(stops) - 2)
        share = round(at - leg, 6)
        found.append(
            stops[leg + round(share)]
            if share in (0, 1)
            else f"{_bracketed(stops[leg])}>{_bracketed(stops[leg + 1])}@{share:g}"
        )
    return tuple(found)


def _require(count: int) -> None:
    """A page's slider has an end; what a program says in its place has none."""
    if count != count or not 1 <= count <= MAX_POINTS or count % 1:
        raise UserError(f"{count} pictures are asked for; choose a whole number from 1 to {MAX_POINTS}.")


def of_class(points: Sequence[str], number: int) -> tuple[str, ...]:
    """The same points, all of this class, but those that say theirs."""
    return tuple(re.sub(r"\d+:\d+(?![\d#])", rf"\g<0>#{number}", point) for point in points)


def arithmetic(this: str, minus: str, plus: str) -> str:
    """this - minus + plus."""
    return f"{_bracketed(this)}-{_bracketed(minus)}+{_bracketed(plus)}"


def recipe_of(recipe: Mapping[str, Any], index: int) -> dict[str, Any]:
    """The recipe of one of the pictures that `recipe` describes."""
    own = {name: value for name, value in recipe.items() if name != "opinions"}
    return {**own, "points": [recipe["points"][index]], "count": 1, "sort": False}


def _bracketed(point: str) -> str:
    return point if re.fullmatch(r"\d+:\d+(#\d+)?(~\d+/[\d.]+)*", point) else f"({point})"


def seed_of(point: str) -> int:
    """The seed of a point; of one made of several, that of the first."""
    found = re.search(r"\d+", point)
    return int(found[0]) if found else 0


# ---------------------------------------------------------------- latents


def latents(points: Sequence[str], size: int, of: int = 0) -> np.ndarray:
    """float32 [len(points), size], each row from its point alone, whatever its class `of` so many. `UserError` for
    what is not a point."""
    return np.stack([_Reader(point, _Sphere(size), of).read().place for point in points]).astype(np.float32)


def classes(points: Sequence[str], of: int) -> np.ndarray:
    """float32 [len(points), of]: how much of each class a point is, one in all."""
    return np.stack([_Reader(point, _Sphere(1), of).read().shares for point in points]).astype(np.float32)


def styles(points: Sequence[str], size: int, of: int, style: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """float32 [len(points), ...]: places in a space of styles, where straight ways are. `style` tells that of `size`
    latents, and behind them how much of each class, where there are any."""
    return np.stack([_Reader(point, _Flat(size, style), of).read().place for point in points]).astype(np.float32)


def _normal(key: str, size: int) -> np.ndarray:
    """Normal numbers from a text, the same on every machine."""
    bits = np.frombuffer(hashlib.blake2b(key.encode(), digest_size=16).digest(), "<u8")
    return np.random.Generator(np.random.Philox(key=bits)).standard_normal(size)


@dataclass(frozen=True)
class _Sphere:
    """Normal numbers, which are all about equally far from the middle; elsewhere a generator has never been."""

    size: int

    def drawn(self, key: str, _shares: np.ndarray) -> np.ndarray:
        return _normal(key, self.size)

    def between(self, a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
        return slerp(a, b, share)

    def near(self, a: np.ndarray, other: np.ndarray, spread: float) -> np.ndarray:
        """On the circle through both, so that it stays as long as normal numbers are."""
        turn = spread * math.pi / 2
        return math.cos(turn) * a + math.sin(turn) * other

    def settled(self, total: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Sums of normal numbers are longer than any the generator has seen; back to the length of the first. (The
        paper's latents are uniform and averaged over three pictures, which keeps them short.)"""
        return total * (float(np.linalg.norm(first)) / max(float(np.linalg.norm(total)), 1e-9))


@dataclass(frozen=True)
class _Flat:
    """Styles (see `styles`): what lies between two of them is one."""

    size: int
    style: Callable[[np.ndarray], np.ndarray]

    def drawn(self, key: str, shares: np.ndarray) -> np.ndarray:
        return self.style(np.concatenate([_normal(key, self.size), shares]))

    def between(self, a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
        return (1 - share) * a + share * b

    near = between

    def settled(self, total: np.ndarray, _first: np.ndarray) -> np.ndarray:
        return total


@dataclass
class _Value:
    text: str  # without spaces: what random numbers of its relatives are drawn from
    place: np.ndarray
    shares: np.ndarray  # of each class


class _Reader:
    """Reads one point from left to right: `way` > `sum` > `term` > `atom`."""

    def __init__(self, point: str, space: _Sphere | _Flat, classes: int):
        self.point, self.space, self.classes, self.at = point, space, classes, 0
        self.text = point.replace(" ", "")
        if len(self.text) > MAX_LENGTH or self.text.count("(") > MAX_BRACKETS:
            raise UserError(f"{point[:40]}... has {len(point)} characters; a picture's name has at most {MAX_LENGTH}.")

    def read(self) -> _Value:
        value = self._way()
        if self.at != len(self.text):
            raise self._not_a_point()
        return value

    def _way(self) -> _Value:
        start = self._sum()
        if not self._next(">"):
            return start
        end = self._sum()
        share = min(float(self._next(f"@{SHARE}", must=True)), 1.0)
        text, shares = f"{start.text}>{end.text}@{share:g}", (1 - share) * start.shares + share * end.shares
        return _Value(text, self.space.between(start.place, end.place, share), shares)

    def _sum(self) -> _Value:
        value = self._term()
        first, total = value.place, value.place
        while sign := self._next("[+-]"):
            other = self._term()
            total = total + other.place if sign == "+" else total - other.place
            shares = value.shares + other.shares if sign == "+" else value.shares - other.shares
            value = _Value(f"{value.text}{sign}{other.text}", total, shares)
        if total is not first:
            shares = value.shares.clip(0)
            settled = self.space.settled(total, first)
            value = _Value(value.text, settled, shares / max(float(shares.sum()), 1e-9))
        return value

    def _term(self) -> _Value:
        value = self._atom()
        while number := self._next(r"~(\d{1,9})"):
            spread = float(self._next(f"/{SHARE}", must=True))
            text = f"{value.text}~{number}"
            near = self.space.near(value.place, self.space.drawn(text, value.shares), min(spread, 1.0))
            value = _Value(f"{text}/{spread:g}", near, value.shares)
        return value

    def _atom(self) -> _Value:
        if self._next(r"\("):
            inner = self._way()
            self._next(r"\)", must=True)
            return _Value(f"({inner.text})", inner.place, inner.shares)
        seed = int(self._next(r"(\d{1,10}):", must=True))
        index = int(self._next(r"\d{1,9}", must=True))
        text, asked = f"{seed}:{index}", self._next(r"#(\d{1,4})")
        if asked and int(asked) >= self.classes:
            there = f"has the classes 0 to {self.classes - 1}" if self.classes else "has no classes"
            raise UserError(f"{self.point[:60]!r} is of class {asked}, and this generator {there}.")
        shares = np.zeros(self.classes)
        if self.classes:
            shares[int(asked or index) % self.classes] = 1
        return _Value(f"{text}#{asked}" if asked else text, self.space.drawn(text, shares), shares)

    def _next(self, pattern: str, must: bool = False) -> str:
        """What `pattern` finds here (its group, if it has one), or ""."""
        found = re.compile(pattern).match(self.text, self.at)
        if found is None:
            if must:
                raise self._not_a_point()
            return ""
        self.at = found.end()
        return found[found.re.groups]

    def _not_a_point(self) -> UserError:
        return UserError(f"{self.point[:60]!r} names no picture; write a seed and a number, like 7:12.")


def slerp(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """From a (0) to b (1) along the sphere (White 2016, arXiv:1609.04468): the straight way would cut through the
    middle, where a generator has never been. Lengths go over from one to the other."""
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    a1, b1 = a / max(lengths[0], 1e-9), b / max(lengths[1], 1e-9)
    angle = math.acos(np.clip(a1 @ b1, -1, 1))
    length = (1 - share) * lengths[0] + share * lengths[1]
    if angle < SAME or math.pi - angle < SAME:  # no way, or every way
        return (1 - share) * a + share * b
    return length * (math.sin((1 - share) * angle) * a1 + math.sin(share * angle) * b1) / math.sin(angle)
