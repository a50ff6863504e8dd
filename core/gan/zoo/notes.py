"""What visitors said of generators: names for classes, how a foreign file is to be read. Each visitor's own, in a file
of theirs; plain: no torch, and not what is said.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from core import files
from core.visitors import identity

MOST = 100  # generators of one visitor; what was said of others before is forgotten


def said(kind: str, ref: str) -> Any:
    """What whoever is asking said of a generator, or None. `kind`: "names" or "reading"."""
    return _all().get(kind, {}).get(ref)


def say(kind: str, ref: str, value: Any) -> None:
    """Remember it, in place of what was said before; None to forget that."""
    everything = _all()
    given = {other: theirs for other, theirs in everything.get(kind, {}).items() if other != ref}
    given |= {} if value is None else {ref: value}
    files.make_folder(_file().parent)
    files.write_json(_file(), {**everything, kind: dict(list(given.items())[-MOST:])}, "What you said of generators")


def _all() -> dict[str, dict[str, Any]]:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return {kind: dict(given) for kind, given in json.loads(_file().read_text("utf-8")).items()}
    return {}


def _file() -> Path:
    return identity.place(files.home()) / "generators.json"
