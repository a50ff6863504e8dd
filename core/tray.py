"""Pictures on their way from one page to another: put one down, carry its name in the address, pick it up there.

Both UIs live in one process, so memory is enough. Only the newest are kept, and a name cannot be guessed. Plain.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

from PIL import Image

ROOM = 40  # pictures

_pictures: OrderedDict[str, Image.Image] = OrderedDict()
_lock = threading.Lock()


def put(picture: Image.Image) -> str:
    """Put a picture down; returns its name."""
    name = secrets.token_urlsafe(12)
    with _lock:
        _pictures[name] = picture
        while len(_pictures) > ROOM:
            _pictures.popitem(last=False)
    return name


def take(name: str) -> Image.Image | None:
    """The picture of that name, or None when it is no longer there. It stays, so that a page can be reloaded."""
    with _lock:
        return _pictures.get(name)
