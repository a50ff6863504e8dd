"""Every set of weights Ganvas knows by name (`weights/registry.toml`), and those bundled with it.

Knows neither the cache nor the Hub.
"""

from __future__ import annotations

import difflib
import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.hub import client

BUNDLE = Path(__file__).resolve().parents[2] / "weights"


@dataclass(frozen=True)
class Entry:
    """One set of weights. Without `repo`, `file` is a bundled one; with it, `revision` is a full commit."""

    name: str
    title: str
    kind: str  # "features", "generator" or "decoder" (of paintings at once)
    file: str
    architecture: str
    licence: str
    size: str
    repo: str = ""
    revision: str = ""
    tensors: tuple[str, ...] = ()  # the names needed, as glob patterns; empty: all
    sha256: str = ""  # of the whole file, where known
    reading: str = ""  # of a foreign generator: what its file does not tell (see `core.gan.zoo.foreign`)

    def __post_init__(self) -> None:
        if self.kind not in ("features", "generator", "decoder"):
            raise ValueError(f"{self.name}: kind is {self.kind!r}")
        if self.repo and not client.COMMIT.fullmatch(self.revision):
            raise ValueError(f"{self.name}: {self.repo} is not pinned to a full commit but to {self.revision!r}")
        if Path(self.file).is_absolute() or ".." in Path(self.file).parts or "\\" in self.file:
            raise ValueError(f"{self.name}: {self.file!r} leads out of its folder")


@functools.cache
def entries() -> dict[str, Entry]:
    """All weights Ganvas knows by name, in the order of the file."""
    table = tomllib.loads((BUNDLE / "registry.toml").read_text(encoding="utf-8"))
    return {
        name: Entry(name, **(about | {"tensors": tuple(about.get("tensors", ()))})) for name, about in table.items()
    }


def entry(name: str) -> Entry:
    """The entry of that name, or a `UserError` with the nearest one."""
    if name not in entries():
        near = difflib.get_close_matches(name, entries(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(entries())}."
        raise UserError(f"There are no weights called {name!r}; {hint}")
    return entries()[name]


def bundled(name: str) -> Path:
    """The file of bundled weights."""
    path = BUNDLE / entry(name).file
    if entry(name).repo:
        raise UserError(f"{entry(name).title} is not bundled; it has to be fetched from the Hub first.")
    if not path.is_file():
        raise UserError(f"weights/{path.name} is missing from this copy of Ganvas; install it again.")
    return path
