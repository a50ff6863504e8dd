"""The names of classes, where a set of pictures has any. Plain: no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MOST = 100
LONGEST = 40  # characters of a name


def told(names: Sequence[str]) -> dict[str, Any]:
    """What a configuration says of them."""
    return {"classes": list(names)} if names else {}


def sound(names: Any) -> bool:
    """Whether they can be names of classes, whoever wrote them; or none."""
    return (
        isinstance(names, list)
        and (not names or 1 < len(names) <= MOST)
        and all(isinstance(name, str) and 0 < len(name) <= LONGEST and name.isprintable() for name in names)
    )
