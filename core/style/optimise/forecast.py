"""How long a painting still takes, told from its own pace. Plain arithmetic: no torch, no clock.

What was measured on this machine says how much dearer a step is at one size than at another. How fast steps really go
is seen while painting: other programs come and go, and a large picture may not fit where a small one did.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.style.optimise.budget import Measured, worth
from core.style.optimise.schedule import Scale

SURE_FROM = 0.1  # of the work: from there on one number is told in place of two
MEMORY = 30  # steps whose pace counts; older ones fade


class Forecast:
    """Told of every step; tells how much is done and how long the rest takes.

    A pace is how many seconds a step takes for each second it was measured to take.
    """

    def __init__(self, stages: Sequence[Scale], measured: Measured):
        self._stages, self._measured = stages, measured
        self._in_all = worth(stages, measured)
        self._stage, self._at_stage, self._skipped = 0, 0, 0.0
        self._pace, self._seen = measured.paces[-1] if measured.paces else 1.0, 0
        self.elapsed = 0.0

    def stepped(self, stage: Scale, elapsed: float) -> None:
        """One more step was made at this stage or, as that one is over, the next; `elapsed` seconds after the start."""
        took, self.elapsed = elapsed - self.elapsed, elapsed
        if stage != self._stages[self._stage]:
            self._skipped += self._to_do() - worth(self._stages[self._stage + 1 :], self._measured)  # it settled early
            self._stage, self._at_stage, self._seen = self._stage + 1, 0, 0
        self._at_stage = min(self._at_stage + 1, stage.steps)
        # Before the first step at a size the pictures are looked at, which says nothing of the steps to come.
        if self._at_stage > 1:
            self._seen += 1
            pace = took / self._measured.step(stage)
            # The pace at another size counts as much as one step at this one.
            self._pace += (pace - self._pace) / min(self._seen + 1, MEMORY)

    @property
    def steps(self) -> int:
        """How many steps are made; those that were left out are over, too."""
        return sum(stage.steps for stage in self._stages[: self._stage]) + self._at_stage

    @property
    def share(self) -> float:
        """How much of the work is done, 0 to 1."""
        return 1 - self._to_do() / self._in_all

    @property
    def left(self) -> tuple[float, float]:
        """Seconds still to go, at least and at most; both the same once this painting's own pace is known."""
        least = most = self._pace
        if self.share < SURE_FROM:
            usual_least, usual_most = self._measured.usual
            least, most = min(least, usual_least), max(most, usual_most)
        return least * self._to_do(), most * self._to_do()

    @property
    def done(self) -> float:
        """Seconds that what was done so far was measured to take."""
        return self._in_all - self._skipped - self._to_do()

    def _to_do(self) -> float:
        """Seconds that what is still to come was measured to take."""
        here = self._stages[self._stage]
        rest = (here.steps - self._at_stage) * self._measured.step(here)
        return rest + worth(self._stages[self._stage + 1 :], self._measured)
