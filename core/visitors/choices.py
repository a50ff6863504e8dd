"""What visitors last chose on the pages, so that a reload and another tab begin with it. Each visitor's own, in memory,
as much as a person chooses. Plain: knows no widget.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

from core.visitors import identity

Choice = str | int | float | bool | None
MOST_VISITORS, MOST, LONGEST = 1000, 500, 500  # visitors; choices of one; characters of one

_chosen: OrderedDict[str, OrderedDict[str, Choice]] = OrderedDict()  # by the visitor's name; used last, last
_lock = threading.Lock()


def chosen() -> Mapping[str, Choice]:
    """What whoever is asking chose last, by name."""
    with _lock:
        return dict(_chosen.get(identity.who().name, {}))


def choose(values: Mapping[str, object]) -> None:
    """Remember these of whoever is asking; what is no plain value is left out."""
    with _lock:
        theirs = _chosen.setdefault(name := identity.who().name, OrderedDict())
        _chosen.move_to_end(name)
        for key, value in values.items():
            if isinstance(value, Choice) and len(str(value)) <= LONGEST:
                theirs[key] = value
                theirs.move_to_end(key)
        while len(theirs) > MOST:
            theirs.popitem(last=False)
        while len(_chosen) > MOST_VISITORS:
            _chosen.popitem(last=False)
