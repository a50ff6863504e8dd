"""What is measured of a run now and then while it trains, beside its losses: what there is, and what it means.

A measure is a line of `MEASURES` and a module of that name beside this file, whose `measure(Moment) -> float | None`
takes it; None where there is nothing to measure, as with too few pictures. Everything else follows: the worker takes it
and writes it into the run's `scores.jsonl`, the page draws it, the doctor reads it. Plain: no torch until one is taken.
Knows no runs and no pages.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.gan.data import held_out
from core.gan.methods import SEEING

if TYPE_CHECKING:
    from core.gan.measures.moment import Moment

FLATTERED = (
    "A projected GAN learns from the very network that this looks with, which flatters it: compare it with projected "
    "GANs only."
)


@dataclass(frozen=True)
class Measure:
    """`best`: which of its values is best; `meaning`: a sentence for people; `unit` stands behind every value.

    `quick` ones take milliseconds and are taken every few seconds; the others look at pictures with our own network.
    `needs`: of fewer pictures to learn from it says nothing. `near`: it says how near samples are to real pictures
    by our own network's features."""

    label: str
    best: Literal["lowest", "highest"]
    meaning: str
    unit: str = ""
    quick: bool = False
    needs: int = 0
    near: bool = False

    def said(self, method: str) -> str:
        """What it means of a run of this method."""
        return f"{self.meaning} {FLATTERED}" if self.near and method in SEEING else self.meaning

    def ranked(self, values: Mapping[int, float]) -> list[int]:
        """The steps of these values, the best first; of equal ones the one that comes first."""
        return sorted(values, key=values.__getitem__, reverse=self.best == "highest")

    def best_of(self, checkpoints: Sequence[int], values: Mapping[int, float]) -> int | None:
        """Which of these steps is best by it; where it was taken at none of them, by what was taken nearest to each."""
        there = {step: values[step] for step in checkpoints if step in values}
        near = {step: values[min(values, key=lambda at: abs(at - step))] for step in checkpoints if values}
        return next(iter(self.ranked(there or near)), None)

    def shown(self, value: float) -> str:
        return f"{value:,.0f}{self.unit}" if abs(value) >= 1000 else f"{value:.3g}{self.unit}"


MEASURES: Mapping[str, Measure] = {
    "kid": Measure(
        "KID", "lowest", "It says how far the samples are from the real pictures; 0 is no difference.", near=True
    ),
    "kid_spread": Measure(
        "KID's spread", "lowest", "So much KID differs from half of the pictures to another half; less is chance.",
        needs=20,
    ),
    "density": Measure(
        "Density", "highest",
        "How many samples are in the neighbourhood of real pictures: 1 is as it should be; less, and samples look like "
        "none.", needs=20, near=True,
    ),
    "coverage": Measure(
        "Coverage", "highest",
        "The share of real pictures that have a sample in their neighbourhood; below 0.5 whole kinds are missing.",
        needs=20, near=True,
    ),
    "duplicates": Measure(
        "Near duplicates", "lowest",
        "The share of samples that have another one nearer than real pictures ever are to each other.", " %", needs=20,
    ),
    "by_heart": Measure(
        "Distance from what was learned", "highest",
        "How far samples are from the nearest picture that was learned from, compared with real pictures it has never "
        "seen: 1 is as far as those, below 0.7 they are copies.", needs=4,
    ),
    "by_heart_pixels": Measure(
        "Distance from what was learned, in pixels", "highest",
        "The same without a network, of very small pictures; blurred ones are near to all, so look at diversity too.",
        quick=True, needs=4,
    ),
    "diversity": Measure(
        "Diversity", "highest",
        "How much samples differ from each other, compared with real pictures: 1 is as much, 0 is always the same.",
        quick=True,
    ),
    "sign_real": Measure(
        "D's sign on real pictures", "lowest",
        "How many more of the pictures it learned from the discriminator takes for real than not: 1 is all, 0 is a "
        "guess; staying above 0.6, it is winning or knows them by heart.", quick=True,
    ),
    "sign_held_out": Measure(
        "D's sign on held-out pictures", "highest",
        "The same of real pictures that it has never seen: far below the other, it knows the others by heart.",
        quick=True, needs=held_out.FROM - held_out.FROM // held_out.ONE_IN,
    ),
    "gradient_d": Measure(
        "Discriminator's gradient", "lowest",
        "How strongly the discriminator was pulled in the last step; growing without end it runs away.", quick=True,
    ),
    "gradient_g": Measure(
        "Generator's gradient", "lowest",
        "How strongly the generator was pulled in the last step; near nothing it learns no more, growing without end "
        "it runs away.", quick=True,
    ),
}  # fmt: skip
DECISIVE = "kid"  # which of them says which step's generator is kept


def take(moment: Moment, quick: bool | None = None) -> Iterator[tuple[str, float]]:
    """All measures of one moment, or only those that are (not) quick, by name; left out are those that say nothing."""
    for name, about in MEASURES.items():
        if quick in (None, about.quick) and moment.real.count >= about.needs:
            value = importlib.import_module(f"{__name__}.{name}").measure(moment)
            if value is not None:
                yield name, value


def too_few(pictures: int) -> str:
    """A sentence about what is not measured with so few pictures; "" where everything is."""
    without = [about.label for about in MEASURES.values() if pictures < about.needs]
    most = max(about.needs for about in MEASURES.values())
    return f"Not measured with {pictures:,} pictures: {', '.join(without)}; {most:,} are enough." if without else ""
