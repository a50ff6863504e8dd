"""Blocks of layers past which what came to them may go, to be added to what they make: residual ones. Names and shapes
tell where such blocks can be, not whether they are. Knows no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.gan.zoo.groups import number

if TYPE_CHECKING:
    from core.gan.zoo.chain import Step

DEEPEST = 16  # parts within parts: a stranger's file may name any number, whose names together grow with its square
CALLED = re.compile(r"res(?!h|c|t)|skip", re.I)  # "res1", "residual", "ResBlock"; not "reshape", "rescale", "restored"


@dataclass(frozen=True)
class Block:
    """The steps from `first` to `last`. `own`: in a part of the network that holds nothing else; `called`: by a name
    that says what it is; `early`: an activation or norm of its own stands before its first layer."""

    first: int
    last: int
    own: bool
    called: bool = False
    early: bool = False


def blocks(steps: Sequence[Step], kinds: Mapping[str, str]) -> tuple[Block, ...]:
    """Those that may be residual: in parts of their own, else pairs of layers alike that stand in no list. `kinds`: of
    torch's own modules by name, where they were saved whole."""
    found, at = [], 1
    while at < len(steps) - 1:
        block = next(_own(steps, at, kinds), None)
        found += [block] if block else []
        at = block.last + 1 if block else at + 1
    return tuple(found or _pairs(steps))


def _own(steps: Sequence[Step], first: int, kinds: Mapping[str, str]) -> Iterator[Block]:
    """The shortest first. A part that is a plain `nn.Sequential`, and within nothing else, does what it lists."""
    kind = steps[first].kind
    for last in range(first, len(steps) - 1):
        if steps[last].kind != kind or kind == "up":
            return
        if steps[first].inputs != steps[last].outputs:
            continue
        held = tuple(range(first, last + 1))
        holders = [holder for holder in _holders(steps[first].name) if _held(holder, steps) == held]
        called = any(CALLED.search(holder.rpartition(".")[2]) for holder in holders)
        plain = all(kinds.get(holder) == "Sequential" for holder in holders)
        if holders and not plain and (last > first or called):
            early = bool(steps[first].gap) or any(f"{steps[first - 1].norm_name}.".startswith(f"{holder}.")
                                                  for holder in holders)  # fmt: skip
            yield Block(first, last, True, called, early)


def _holders(name: str) -> list[str]:
    """The parts of a network that a layer of this name stands in, the innermost first."""
    parts = name.split(".", DEEPEST)[:-1]
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _held(holder: str, steps: Sequence[Step]) -> tuple[int, ...]:
    return tuple(i for i, step in enumerate(steps) if step.name.startswith(f"{holder}."))


def _pairs(steps: Sequence[Step]) -> Iterator[Block]:
    """Two convolutions alike between others. Those of a numbered list do what it lists."""
    alike = [step.kind == "flat" and step.inputs == step.outputs and number(step.name) is None for step in steps]
    for first in range(1, len(steps) - 2):
        if alike[first : first + 2] == [True, True] and not alike[first - 1] and not alike[first + 2]:
            yield Block(first, first + 1, False)
