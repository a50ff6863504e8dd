"""Pictures on their way from one page to another: put one down, carry its name in the address, pick it up there.

Both UIs live in one process, so memory is enough. Only the newest of each visitor and each address are kept, a name
cannot be guessed, and nobody else can use it. Plain.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from PIL import Image

from core.visitors import identity, policy


@dataclass(frozen=True, eq=False)
class _Put:
    picture: Image.Image
    visitor: identity.Visitor
    when: float


_pictures: OrderedDict[str, _Put] = OrderedDict()
_lock = threading.Lock()


def put(picture: Image.Image) -> str:
    """Put a picture down; returns its name."""
    name, visitor, limits = secrets.token_urlsafe(12), identity.who(), policy.limits()
    with _lock:
        _pictures[name] = _Put(picture, visitor, time.time())
        for own, most in (("account", limits.tray), ("address", limits.tray_address)):
            theirs = [n for n, other in _pictures.items() if getattr(other.visitor, own) == getattr(visitor, own)]
            for old in theirs[:-most]:
                del _pictures[old]
        for old in list(_pictures)[: -limits.tray_all]:
            del _pictures[old]
    return name


def take(name: str) -> Image.Image | None:
    """The picture of that name, or None when it is no longer there, or another's. It stays, so that a page can be
    reloaded."""
    with _lock:
        found = _pictures.get(name)
    return found.picture if found and found.visitor.account == identity.who().account else None


def forget(before: float) -> None:
    """Take away what was put down before then (as `time.time()` counts)."""
    with _lock:
        for name in [name for name, one in _pictures.items() if one.when < before]:
            del _pictures[name]
