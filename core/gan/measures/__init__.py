"""What is measured of a run now and then while it trains, beside its losses: what there is, and what it means.

A measure is a line of `MEASURES` and a module of that name beside this file, whose `measure(Moment) -> float` takes it.
Everything else follows: the worker takes it and writes it into the run's `scores.jsonl`, the page draws it. Plain: no
torch until one is taken. Knows no runs and no pages.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from core.gan.measures.moment import Moment


@dataclass(frozen=True)
class Measure:
    """`best`: which of its values is best; `meaning`: a sentence for people; `unit` stands behind every value."""

    label: str
    best: Literal["lowest", "highest"]
    meaning: str
    unit: str = ""

    def best_step(self, values: Mapping[int, float]) -> int:
        """The step with the best value; of equal ones the first."""
        return (min if self.best == "lowest" else max)(values, key=values.__getitem__)

    def shown(self, value: float) -> str:
        return f"{value:,.0f}{self.unit}" if abs(value) >= 1000 else f"{value:.3g}{self.unit}"


MEASURES: Mapping[str, Measure] = {
    "kid": Measure("KID", "lowest", "It says how far the samples are from the real pictures; 0 is no difference."),
}
DECISIVE = "kid"  # which of them says which step's generator is kept


def take(moment: Moment) -> Iterator[tuple[str, float]]:
    """All measures of one moment, by name."""
    for name in MEASURES:
        yield name, importlib.import_module(f"{__name__}.{name}").measure(moment)
