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

    def ranked(self, values: Mapping[int, float]) -> list[int]:
        """The steps of these values, the best first; of equal ones the one that comes first."""
        return sorted(values, key=values.__getitem__, reverse=self.best == "highest")

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
