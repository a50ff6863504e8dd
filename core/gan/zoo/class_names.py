"""What the classes of generators are called: as the generator says, or as whoever is asking named them. A class is
always known by its number too. Plain: no torch.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from core.errors import UserError
from core.gan.classes import LONGEST
from core.gan.zoo import catalogue, notes


def called(ref: str, own: Sequence[str]) -> tuple[str, ...]:
    """The names of a generator's classes, in the order of their numbers: those given to them, else its `own`."""
    given = notes.said("names", _of(ref))
    return tuple(given) if isinstance(given, list) and len(given) == len(own) else tuple(own)


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
    notes.say("names", _of(ref), list(names) or None)


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
    """Of a run, whichever its step; of a file, however it is read."""
    return ref.partition("@")[0] if ref.startswith("run:") else catalogue.unread(ref)
