"""Who is asking. In public mode every visitor has a name, and a folder that nobody else's requests reach.

A visitor is known by a secret that only their browser keeps (`ui.server.visitor`); the name used here is its SHA-256,
so that neither a folder nor a log gives the secret away. What is limited is counted by account, and by address: whoever
has no secret of ours shares the account of their address, and however many secrets somebody collects, the address stays
one. Whoever takes a request in says on whose behalf things are done (`asking`, or `identify_with` for a UI that can
tell at any time); where nobody has, public mode refuses. In private mode there is one owner, whose name is empty.
Plain: knows no cookies and no UI.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

from core.visitors import policy

FOLDER = "visitors"


class Visitor(NamedTuple):
    """Who asks. `name`: whose things are theirs. `account`: by which what one visitor may have is counted. `address`:
    by which what one place on the network may have is counted; "" where it is not known."""

    name: str
    account: str
    address: str


OWNER = Visitor("", "", "")

_asking: ContextVar[Visitor | None] = ContextVar("asking", default=None)
_ways: list[Callable[[], Visitor | None]] = []


def name_of(secret: str) -> str:
    """The name of the visitor who has this secret: 64 hex digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


@contextlib.contextmanager
def asking(visitor: Visitor | str) -> Iterator[None]:
    """What is done inside is done on behalf of this visitor; of a name alone, where the address plays no part."""
    before = _asking.set(visitor if isinstance(visitor, Visitor) else Visitor(visitor, visitor, ""))
    try:
        yield
    finally:
        _asking.reset(before)


def identify_with(way: Callable[[], Visitor | None]) -> None:
    """`way` can tell at any time who is asking, or says None when it is not its UI that asks."""
    if way not in _ways:
        _ways.append(way)


def who() -> Visitor:
    """Who is asking; `OWNER` in private mode."""
    if not policy.public():
        return OWNER
    found = _asking.get() or next((known for way in _ways if (known := way())), None)
    if found is None or not found.name:
        raise PermissionError("nobody is asking")  # a defect; better loud than another's things
    return found


def address() -> str:
    """Where whoever is asking is; "" where nobody asks, as in a worker, and in private mode."""
    try:
        return who().address
    except PermissionError:
        return ""


def asker() -> str:
    """The name of whoever is asking; "" in private mode."""
    return who().name


# ---------------------------------------------------------------- folders, below the home of all runs


def place(home: Path) -> Path:
    """Where the things of whoever is asking are. Not made before something is written."""
    name = asker()
    return home / FOLDER / name if name else home


def places(home: Path) -> list[Path]:
    """The places of everybody."""
    if not policy.public():
        return [home]
    with contextlib.suppress(OSError):
        return [Path(entry.path) for entry in os.scandir(home / FOLDER) if entry.is_dir(follow_symlinks=False)]
    return []


def size_of(folder: Path) -> int:
    """Bytes of all that is below a folder; links are not followed, and what vanishes meanwhile does not count."""
    total = 0
    for where, folders, names in os.walk(folder):
        for name in (*folders, *names):
            with contextlib.suppress(OSError):
                total += taken(os.lstat(os.path.join(where, name)))
    return total


def taken(about: os.stat_result) -> int:
    """Bytes of disk for a file or folder: one of few bytes, and its folder, take a block each."""
    return max(about.st_size, 512 * getattr(about, "st_blocks", 0))
