"""What the doctor looks at: the curves of a run, from its folder."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.gan.data import held_out, prepare
from core.gan.measures import DECISIVE
from core.gan.request import TrainRequest
from core.runs.run_folder import Run

Curve = Mapping[int, float]  # step -> value, in the order of steps


@dataclass(frozen=True)
class Signals:
    """`curves` are losses and measures by name. `broken` are those that were no number, and the step since when.
    `checkpoints` are the steps one can go back to, `pictures` how many are learned from; None where it is not known."""

    request: TrainRequest
    curves: Mapping[str, Curve]
    broken: Mapping[str, int] = field(default_factory=dict)
    checkpoints: tuple[int, ...] = ()
    pictures: int | None = None

    @property
    def step(self) -> int:
        """How far it is."""
        return max((max(curve) for curve in self.curves.values() if curve), default=0)

    @property
    def best(self) -> int | None:
        """The step of the best checkpoint that was measured."""
        found = {step: value for step, value in self.curve(DECISIVE).items() if step in self.checkpoints}
        return min(found, key=found.__getitem__, default=None)

    def curve(self, name: str) -> Curve:
        return self.curves.get(name, {})

    def recent(self, name: str, share: float, least: int = 1) -> Curve:
        """The last `share` of the steps so far, and no fewer than `least` values where there are as many."""
        curve = self.curve(name)
        steps = list(curve)
        since = self.step * (1 - share)
        return {step: curve[step] for at, step in enumerate(steps) if step > since or at >= len(steps) - least}


def read(run: Run) -> Signals:
    curves: dict[str, dict[int, float]] = {}
    for line in run.metrics():
        for name, value in line.items():
            if name not in ("step", "seconds", "images_per_second"):
                curves.setdefault(name, {})[int(line["step"])] = value
    scores, checkpoints = run.scores(), tuple(run.checkpoints())
    return Signals(run.request, {**curves, **scores}, run.broken(), checkpoints, pictures_of(run))


def pictures_of(run: Run) -> int | None:
    """How many it learns from; None where it is not known."""
    report = prepare.read_report(run.path)
    if report is None:
        return None
    return report.usable - (len(held_out.places(report.usable)) if run.holds_out else 0)


def middle(curve: Curve) -> float:
    """The median of its values; `statistics.StatisticsError` where there are none."""
    return statistics.median(curve.values())
