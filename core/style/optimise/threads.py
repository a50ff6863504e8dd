"""How many threads a painting takes: as many as pay now, found out from its own pace.

A step is shared among threads that wait for each other, spinning, so one that lost its core to another program holds up
all: two threads beside one busy program take several times as long as one alone. So a painting begins with as many as
there are processors to spare, and more are tried only where processors stand idle. Other programs come and go; so does
this watch, which knows seconds and what they should have been, no pictures.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from statistics import median_low

BETTER = 0.9  # times the pace there is: worth a change
LATELY = 5  # steps whose median is the pace: who only drops in, as a browser that draws, is no reason for a change
DIRE = 8  # times as long as with fewer: one such step is reason enough
SOON = 4  # steps until it is tried whether more threads pay again, at the least
SHARE = 0.05  # of the time that vain trials of more may take
WINDOW = 0.1  # seconds over which processors stood idle, at the least


class Threads:
    """`watched` passes on steps and times them; `use(n)` is called when another number of threads is to be taken.

    When steps get slower than they were with half as many threads, those are tried for a step, and kept where they are
    faster. With fewer than there are, more are tried when that many processors have stood idle: `idle()` tells the
    seconds they all did so far, or None. What was tried in vain is tried again the later the worse it was, at whatever
    stage of the painting. Alone all this costs a step of the cheap ones.
    """

    def __init__(
        self,
        most: int,
        use: Callable[[int], None],
        idle: Callable[[], float | None],
        spare: int,
        clock: Callable[[], float] = time.perf_counter,
    ):
        self.most, self._use, self._clock, self._idle = most, use, clock, idle
        self.history: list[tuple[int, int]] = []  # from which step on how many
        self._steps = 0
        self._lately: deque[float] = deque(maxlen=LATELY)  # paces of the last steps, with as many threads as now
        self._paces: dict[int, float] = {}  # with so many threads, when there last were
        self._left: tuple[int, float] | None = None  # on trial: how many there were before, and their pace
        self._patience, self._waited = float(SOON), 0  # steps until more are tried, and since then
        self._seen: tuple[float, float | None] = (0.0, None)  # when it was last looked how long processors stood idle
        self._free = 0  # and how many of them did
        self._take(max(1, min(spare, most)))

    def watched(self, steps: Iterator, seconds: float) -> Iterator:
        """The steps of one stage; each was measured to take so many seconds. (Its first looks at the pictures, too.)"""
        first = True
        while True:
            began = self._clock()
            step = next(steps, None)
            if step is None:
                return
            self._steps += 1
            if not first and self.most > 1:
                self._stepped((self._clock() - began) / max(seconds, 1e-9))
            first = False
            yield step

    def _stepped(self, pace: float) -> None:
        """One more step was made at this pace: how many seconds it took for each it was measured to take."""
        if self._left is not None:
            return self._tried(pace, *self._left)
        self._waited += 1
        self._lately.append(pace)
        usual, fewer = median_low(self._lately), self.now // 2
        with_fewer = self._paces.get(fewer, 0)
        if fewer and pace > DIRE * with_fewer:
            self._try(fewer, pace)
        elif fewer and usual > with_fewer and len(self._lately) > LATELY // 2:
            self._try(fewer, usual)
        elif self.now < self.most and (more := self._room()) > self.now and self._waited >= self._patience:
            self._try(more, usual)

    def _tried(self, pace: float, before: int, usual: float) -> None:
        """The step on trial was made at this pace; before it there were so many threads and that pace."""
        self._left, self._waited = None, 0
        self._paces[self.now] = pace
        if pace >= BETTER * usual:
            if self.now > before:
                self._patience = max(SOON, (pace / usual - 1) / SHARE)
            self._take(before)
            return
        self._lately.append(pace)
        self._patience = SOON
        if self.now < before:
            self._paces.pop(self.now // 2, None)  # perhaps still fewer pay
            self._free = 0  # somebody has come; it is seen when they go
            if self._seen[1] is not None:
                self._patience = 1

    def _room(self) -> int:
        """As many threads as there is room for, at most twice as many as now."""
        (now, idle), (before, stood) = self._reading(), self._seen
        if idle is None or stood is None:
            return min(2 * self.now, self.most)
        if now - before >= WINDOW:
            self._seen = now, idle
            crowded, self._free = not self._free, round((idle - stood) / (now - before))
            if crowded and self._free:  # somebody may have gone
                self._patience = max(SOON, self._patience / 2)
        return min(self.now + self._free, 2 * self.now, self.most)

    def _reading(self) -> tuple[float, float | None]:
        return self._clock(), self._idle()

    def _try(self, threads: int, pace: float) -> None:
        self._left = (self.now, pace)
        self._paces[self.now] = pace
        self._take(threads)

    def _take(self, threads: int) -> None:
        self.now = threads
        self._use(threads)
        self.history.append((self._steps + 1, threads))
        self._lately.clear()
        self._seen = self._reading()
