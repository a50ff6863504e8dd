"""Many who fetch at once: the same thing is fetched once for all who want it, a few things at a time, and fewer for one
visitor. Each is fetched in a thread of its own, so that whoever leaves the page takes nothing from the others; what
nobody waits for any more is given up.

Knows nothing of the Hub, or of what is fetched.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, cast

from core.errors import UserError
from core.visitors import identity, policy

PATIENCE = 20.0  # seconds to wait for others' fetches
LOOK = 0.1  # seconds between two looks at how far it is

OnBytes = Callable[[int, int], None]  # (bytes done, bytes in all); an exception raised in it stops the reading
Result = TypeVar("Result")

_changed = threading.Condition()  # guards all below
_fetches: dict[str, _Fetch[Any]] = {}  # those at work
_askers: Counter[str] = Counter()  # accounts that wait for something


def shared(key: str, work: Callable[[OnBytes], Result], progress: OnBytes | None = None) -> Result:
    """What `work` returns, or raises, called once for all who ask for `key` meanwhile; all see its progress.

    `UserError` when this visitor waits for too much already, when others' fetches leave no room in `PATIENCE`, and when
    it takes too long: then its place is free again, whatever the other side is still doing.
    """
    with _counted(identity.who().account):
        while True:
            fetch = _joined(key, work)
            try:
                while not fetch.over.wait(LOOK):
                    fetch.end_when_late()
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
            return cast(Result, fetch.result)  # it is over without an error


@contextlib.contextmanager
def _counted(account: str) -> Iterator[None]:
    with _changed:
        if not policy.within(_askers[account] + 1, policy.limits().fetches):
            raise UserError(f"{_askers[account]} fetches of yours are under way; wait for one of them.")
        _askers[account] += 1
    try:
        yield
    finally:
        with _changed:
            _askers[account] -= 1
            if not _askers[account]:
                del _askers[account]


def _joined(key: str, work: Callable[[OnBytes], Result]) -> _Fetch[Result]:
    most, address, until = policy.limits().fetches_all, identity.address(), time.monotonic() + PATIENCE
    with _changed:
        while key not in _fetches and not (len(_fetches) < most and _few(address)):
            if time.monotonic() > until:
                if not _few(address):
                    raise UserError("Several fetches from your network are under way; try again in a minute.")
                raise UserError(f"{most} fetches of other visitors are under way; try again in a minute.")
            _changed.wait(LOOK)
            for other in list(_fetches.values()):  # one that nobody waits for any more, too
                other.end_when_late()
        new = key not in _fetches
        fetch = _fetches.setdefault(key, _Fetch(key, work, address))
        fetch.wanted += 1
        if new:
            threading.Thread(target=fetch.run, name=f"fetch {key}", daemon=True).start()
        return fetch


def _few(address: str) -> bool:
    """Whether one more may be begun from there."""
    nearby = sum(fetch.address == address != "" for fetch in _fetches.values())
    return policy.within(nearby + 1, policy.limits().fetches_address)


class _Unwanted(Exception):
    """Everybody who waited has left."""


class _Fetch(Generic[Result]):
    def __init__(self, key: str, work: Callable[[OnBytes], Result], address: str):
        self.key, self.work, self.address = key, work, address
        self.began = time.monotonic()
        self.wanted = 0  # by so many
        self.done = self.of = 0
        self.result: Result | None = None
        self.error: Exception | None = None
        self.over = threading.Event()

    def run(self) -> None:
        result, error = None, None
        try:
            result = self.work(self._progress)
        except Exception as fault:  # whoever waits raises it
            error = fault
        self._end(result, error)

    def end_when_late(self) -> None:
        """After so long its place is free, and whoever waits is told. Its thread ends with the next bytes that come."""
        if not policy.within(time.monotonic() - self.began, policy.limits().fetch_seconds):
            self._end(None, UserError("That takes too long to fetch; try again later, or something smaller."))

    def _end(self, result: Result | None, error: Exception | None) -> None:
        with _changed:
            if self.over.is_set():
                return
            self.result, self.error = result, error
            del _fetches[self.key]
            _changed.notify_all()
            self.over.set()

    def _progress(self, done: int, of: int) -> None:
        self.done, self.of = done, of
        if not self.wanted or self.over.is_set():
            raise _Unwanted
