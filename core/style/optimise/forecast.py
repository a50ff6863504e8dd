"""How long a painting still takes, told from its own pace. Plain arithmetic: no torch, no clock.

What was measured on this machine says how much dearer a step is at one size than at another. How fast steps really go
is seen while painting: other programs come and go, and a large picture may not fit where a small one did.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.style.optimise.budget import TELLING, UNKNOWN, Measured, worth
from core.style.optimise.schedule import Scale

SURE_FROM = 0.1  # of the work: from there on one number is told in place of two, if all sizes to come are known
MEMORY = 15  # steps whose pace counts; older ones fade
HABIT = 8  # the pace of earlier paintings counts as much as so many steps


class Forecast:
    """Told of every step; tells how much is done and how long the rest takes.

    A pace is how many seconds a step takes for each second it was measured to take. That of a size no painting had yet
    is not told by smaller ones, so two numbers are told until it is reached.
    """

    def __init__(self, stages: Sequence[Scale], measured: Measured):
        self._stages, self._measured = stages, measured
        self._in_all = worth(stages, measured)
        self._stage, self._at_stage, self._seen = 0, 0, 0
        self._pace = self._habit(stages[0]) or 1.0
        self._took = [0.0] * len(stages)  # by all steps at a stage but the first
        self._steps = [0] * len(stages)
        self.elapsed = 0.0

    def stepped(self, stage: Scale, elapsed: float) -> None:
        """One more step was made at this stage or, as that one is over, the next; `elapsed` seconds after the start."""
        took, self.elapsed = elapsed - self.elapsed, elapsed
        if stage != self._stages[self._stage]:
            if habit := self._habit(stage):
                self._pace *= habit / (self._habit(self._stages[self._stage]) or self._pace)
            self._stage, self._at_stage, self._seen = self._stage + 1, 0, 0
        self._at_stage = min(self._at_stage + 1, stage.steps)
        # Before the first step at a size the pictures are looked at, which says nothing of the steps to come.
        if self._at_stage > 1:
            self._seen += 1
            self._took[self._stage] += took
            self._steps[self._stage] += 1
            before = HABIT if self._habit(stage) else 1
            self._pace += (took / self._measured.step(stage) - self._pace) / min(self._seen + before, MEMORY)

    @property
    def steps(self) -> int:
        """How many steps are made; those that were left out are over, too."""
        return sum(stage.steps for stage in self._stages[: self._stage]) + self._at_stage

    @property
    def share(self) -> float:
        """How much of the work is done, 0 to 1."""
        here = self._stages[self._stage]
        to_do = worth(self._stages[self._stage :], self._measured) - self._at_stage * self._measured.step(here)
        return 1 - to_do / self._in_all

    @property
    def left(self) -> tuple[float, float]:
        """Seconds still to go, at least and at most; both the same once the pace of all that is to come is known."""
        here = self._stages[self._stage]
        work = (here.steps - self._at_stage) * self._measured.step(here)
        least = most = self._pace
        if self.share < SURE_FROM or not (self._seen or self._habit(here)):
            usual_least, usual_most = self._measured.usual(here)
            least, most = min(least, usual_least), max(most, usual_most)
        least, most = least * work, most * work
        for stage in self._stages[self._stage + 1 :]:
            work, paces = worth([stage], self._measured), self._to_come(stage)
            least, most = least + paces[0] * work, most + paces[1] * work
        return least, most

    @property
    def paces(self) -> list[tuple[int, float]]:
        """How fast it went: pixels of a stage and its pace, where there were steps enough to tell."""
        seen = zip(self._stages, self._took, self._steps, strict=True)
        work = [(stage, took, steps * self._measured.step(stage)) for stage, took, steps in seen]
        return [(stage.width * stage.height, took / told) for stage, took, told in work if told >= TELLING]

    def _habit(self, stage: Scale) -> float | None:
        """The pace that earlier paintings had at a stage."""
        known = self._measured.paces(stage)
        return sum(known) / len(known) if known else None

    def _to_come(self, stage: Scale) -> tuple[float, float]:
        """The least and the most that the pace will be at a later stage, by what it is now."""
        if habit := self._habit(stage):
            least = most = habit * self._pace / (self._habit(self._stages[self._stage]) or self._pace)
        else:
            least, most = min(self._pace, UNKNOWN[0]), max(self._pace, UNKNOWN[1])
        if self.share < SURE_FROM:
            usual_least, usual_most = self._measured.usual(stage)
            least, most = min(least, usual_least), max(most, usual_most)
        return least, most
