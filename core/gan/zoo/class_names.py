"""What the classes of generators are called: as the generator says, or as whoever is asking named them.

Such names are each visitor's own, in a file. A class is always known by its number too. Plain: no torch.
"""

from __future__ import annotations

import contextlib
import difflib
import json
from collections.abc import Sequence
from pathlib import Path

from core import files
from core.errors import UserError
from core.gan.classes import LONGEST
from core.visitors import identity

MOST = 100  # generators of one visitor whose classes have names; the oldest are forgotten


def called(ref: str, own: Sequence[str]) -> tuple[str, ...]:
    """The names of a generator's classes, in the order of their numbers: those given to them, else its `own`."""
    given = _given().get(_of(ref), [])
    return tuple(given) if len(given) == len(own) else tuple(own)


def call(ref: str, own: Sequence[str], names: Sequence[str]) -> None:
    """Give the classes these names, one each; none at all give its own ones back."""
    names = [" ".join(name.split()) for name in names if name.strip()]
    if names and len(names) != len(own):
        raise UserError(f"There are {len(names)} names for {len(own)} classes; give each class one, in their order.")
    if wrong := next((name for name in names if len(name) > LONGEST or not name.isprintable()), None):
        raise UserError(f"{wrong[:LONGEST]!r} cannot be a class's name; up to {LONGEST} signs that can be seen can.")
    folded = [name.casefold() for name in names]
    if twice := next((name for name in names if folded.count(name.casefold()) > 1), None):
        raise UserError(f"Two classes are called {twice!r}; give each a name of its own.")
    given = _given()
    given.pop(_of(ref), None)
    given |= {_of(ref): list(names)} if names else {}
    files.make_folder(_file().parent)
    files.write_json(_file(), dict(list(given.items())[-MOST:]), "The names of classes")


def number(label: str, names: Sequence[str]) -> int:
    """The class that a person means, by its name or its number."""
    if not names:
        raise UserError(f"The class is {label[:LONGEST]!r}, but this generator has no classes; leave it out.")
    folded = {name.casefold(): i for i, name in enumerate(names)}
    if (found := folded.get(label.strip().casefold())) is not None:
        return found
    if label.strip().isdecimal() and int(label) < len(names):
        return int(label)
    near = difflib.get_close_matches(label.casefold(), folded, n=1)
    hint = f" Did you mean {names[folded[near[0]]]!r}?" if near else ""
    listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    raise UserError(f"The class is {label[:LONGEST]!r}; choose one of {listed}, or 0 to {len(names) - 1}.{hint}")


def _of(ref: str) -> str:
    """Of a run, whichever its step; else the file itself."""
    return ref.partition("@")[0] if ref.startswith("run:") else ref


def _file() -> Path:
    return identity.place(files.home()) / "class-names.json"


def _given() -> dict[str, list[str]]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(_file().read_text("utf-8"))
        return {ref: names for ref, names in found.items() if isinstance(names, list)}
    return {}
