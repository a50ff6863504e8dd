"""How many threads a painting takes: as many as pay now, found out from its own pace.

A step is shared among threads that wait for each other, spinning, so one that lost its core to another program holds up
all: two threads beside one busy program may take thirty times as long as one alone. So they begin with as many as there
are processors to spare, and more are tried only where processors stand idle. Other programs come and go; so does this
watch, which knows seconds and what they should have been, no pictures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

SLOWER = 1.3  # times the pace there was: somebody may have come
MUCH = 2.5  # times that: somebody has
BETTER = 0.9  # times the pace there is: worth a change
SOON = 4  # steps until it is tried whether more threads pay again, at the least
SHARE = 0.05  # of the time that vain trials of more may take
WINDOW = 0.2  # seconds over which processors stood idle, at the least


class Threads:
    """`watched` passes on steps and times them; `use(n)` is called when another number of threads is to be taken.

    When steps get slower, half as many threads are tried for a step, and kept where they are faster. With fewer than
    there are, more are tried when that many processors have stood idle: `idle()` tells the seconds they all did so far,
    or None. What was tried in vain is tried again the later the worse it was; that holds for all stages of a painting.
    Alone all this costs a step or two of the cheap ones.
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
        self.now = max(1, min(spare, most))
        use(self.now)
        self.history: list[tuple[int, int]] = [(1, self.now)]  # from which step on how many
        self._steps = 0
        self._pace: float | None = None  # with that many threads, lately
        self._slow = 0  # steps in a row that were slower than that
        self._patience, self._waited = float(SOON), 0  # steps until more are tried, and since then
        self._left: tuple[int, float] | None = None  # on trial: how many there were before, and their pace
        self._doubtful = True  # whether fewer were never tried
        self._seen, self._free = self._reading(), 0  # when it was last looked how many processors stand idle; how many did

    def watched(self, steps: Iterator, seconds: float) -> Iterator:
        """The steps of one stage; each was measured to take so many seconds. (Its first looks at the pictures, too.)"""
        first = True
        self._slow = 0
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
        if self._pace is None:
            self._pace = pace
        self._slow = self._slow + 1 if pace > SLOWER * self._pace else 0
        if self.now > 1 and (self._slow > 1 or pace > MUCH * self._pace or self._doubtful):
            self._doubtful = False
            self._try(self.now // 2, pace)
        elif self.now < self.most and (more := self._room()) > self.now and self._waited >= self._patience:
            self._try(more, pace)
        elif self._slow < 2:
            self._pace += (pace - self._pace) / 4

    def _tried(self, pace: float, before: int, usual: float) -> None:
        """The step on trial was made at this pace; before it there were so many threads and that pace."""
        self._left = None
        if pace < BETTER * usual:  # it pays; and perhaps still fewer, or more, do
            self._pace, self._slow, self._patience, self._waited = pace, 0, float(SOON), 0
            self._doubtful = self.now < before
            if self.now < before:
                self._free = 0
        else:
            if self.now > before:
                self._patience, self._waited = max(SOON, (pace / usual - 1) / SHARE), 0
            self._take(before)
            self._pace, self._slow = usual, 0

    def _room(self) -> int:
        """As many threads as there is room for, at most twice as many as now."""
        now, idle = self._reading()
        before, stood = self._seen
        if idle is None or stood is None:
            return min(2 * self.now, self.most)
        if now - before >= WINDOW:
            self._seen = now, idle
            crowded, self._free = not self._free, round((idle - stood) / (now - before))
            if crowded and self._free:  # somebody has gone
                self._patience = float(SOON)
        return min(self.now + self._free, 2 * self.now, self.most)

    def _reading(self) -> tuple[float, float | None]:
        return self._clock(), self._idle()

    def _try(self, threads: int, pace: float) -> None:
        self._left = (self.now, pace)
        self._take(threads)

    def _take(self, threads: int) -> None:
        self.now = threads
        self._use(threads)
        self.history.append((self._steps + 1, threads))
        self._seen = self._reading()
