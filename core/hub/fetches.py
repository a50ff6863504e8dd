"""Many who fetch at once: the same thing is fetched once for all who want it, a few things at a time, and fewer for one
visitor. Each is fetched in a thread of its own, so that whoever leaves the page takes nothing from the others; what
nobody waits for any more is given up.

Knows nothing of the Hub, or of what is fetched.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

from core.errors import UserError
from core.visitors import identity, policy

PATIENCE = 20.0  # seconds to wait for others' fetches
LOOK = 0.1  # seconds between two looks at how far it is

OnBytes = Callable[[int, int], None]  # (bytes done, bytes in all); an exception raised in it stops the reading
Result = TypeVar("Result")

_changed = threading.Condition()  # guards all below
_fetches: dict[str, _Fetch] = {}  # those at work
_askers: Counter[str] = Counter()  # visitors who wait for something


def shared(key: str, work: Callable[[OnBytes], Result], progress: OnBytes | None = None) -> Result:
    """What `work` returns, or raises, called once for all who ask for `key` meanwhile; all see its progress.

    `UserError` when this visitor waits for too much already, and when others' fetches leave no room in `PATIENCE`.
    """
    with _counted(identity.asker()):
        while True:
            fetch = _joined(key, work)
            try:
                while not fetch.over.wait(LOOK):
                    if progress and fetch.of:
                        progress(fetch.done, fetch.of)
            finally:
                with _changed:
                    fetch.wanted -= 1
            if isinstance(fetch.error, _Unwanted):
                continue  # given up a moment before this visitor came
            if isinstance(fetch.error, UserError):
                raise UserError(str(fetch.error))  # each visitor has an error, and a traceback, of their own
            if fetch.error:
                raise fetch.error
            if progress and fetch.of:
                progress(fetch.done, fetch.of)
            return fetch.result


@contextlib.contextmanager
def _counted(asker: str) -> Iterator[None]:
    with _changed:
        if not policy.within(_askers[asker] + 1, policy.limits().fetches):
            raise UserError(f"{_askers[asker]} fetches of yours are under way; wait for one of them.")
        _askers[asker] += 1
    try:
        yield
    finally:
        with _changed:
            _askers[asker] -= 1
            if not _askers[asker]:
                del _askers[asker]


def _joined(key: str, work: Callable[[OnBytes], Result]) -> _Fetch:
    most = policy.limits().fetches_all
    with _changed:
        if not _changed.wait_for(lambda: key in _fetches or len(_fetches) < most, PATIENCE):
            raise UserError(f"{most} fetches of other visitors are under way; try again in a minute.")
        new = key not in _fetches
        fetch = _fetches.setdefault(key, _Fetch(key, work))
        fetch.wanted += 1
        if new:
            threading.Thread(target=fetch.run, name=f"fetch {key}", daemon=True).start()
        return fetch


class _Unwanted(Exception):
    """Everybody who waited has left."""


class _Fetch:
    def __init__(self, key: str, work: Callable[[OnBytes], Result]):
        self.key, self.work = key, work
        self.wanted = 0  # by so many
        self.done = self.of = 0
        self.result: Result | None = None
        self.error: Exception | None = None
        self.over = threading.Event()

    def run(self) -> None:
        try:
            self.result = self.work(self._progress)
        except Exception as error:  # whoever waits raises it
            self.error = error
        finally:
            with _changed:
                del _fetches[self.key]
                _changed.notify_all()
            self.over.set()

    def _progress(self, done: int, of: int) -> None:
        self.done, self.of = done, of
        if not self.wanted:
            raise _Unwanted
