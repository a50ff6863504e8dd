"""Who is asking. In public mode every visitor has a name, and a folder that nobody else's requests reach.

A visitor is known by a secret that only their browser keeps (`ui.visitor`); the name used here is its SHA-256, so that
neither a folder nor a log gives the secret away. Whoever takes a request in says on whose behalf things are done
(`asking`, or `known_by` for a UI that can tell at any time); where nobody has, public mode refuses. In private mode
there is one owner, whose name is empty. Plain: knows no cookies and no UI.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path

from core import policy

FOLDER = "visitors"

_asking: ContextVar[str] = ContextVar("asking", default="")
_ways: list[Callable[[], str | None]] = []


def name_of(secret: str) -> str:
    """The name of the visitor who has this secret: 64 hex digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


@contextlib.contextmanager
def asking(name: str) -> Iterator[None]:
    """What is done inside is done on behalf of this visitor."""
    before = _asking.set(name)
    try:
        yield
    finally:
        _asking.reset(before)


def known_by(way: Callable[[], str | None]) -> None:
    """`way` can tell at any time who is asking: a name, or None when it is not its UI that asks."""
    if way not in _ways:
        _ways.append(way)


def asker() -> str:
    """Who is asking: a name, or "" in private mode."""
    if not policy.public():
        return ""
    name = _asking.get() or next((known for way in _ways if (known := way())), "")
    if not name:
        raise PermissionError("nobody is asking")  # a defect; better loud than another's things
    return name


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
    """Bytes in all files below a folder; links are not followed, and what vanishes meanwhile does not count."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(where, name)).st_size
    return total
