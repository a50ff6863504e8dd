"""A run that somebody looks at between the phases of its steps: what they wish for, and what there is to see.

    watch.json      the pace, and as far as which turn it may go; written by a page, again and again
    duel.json       scores, losses, and a sheet of pictures; written by the worker (`core.gan.duel`)

Who closes the page wishes for nothing more, and the run goes on at its full pace. A turn is a phase: turn 2n is the
discriminator's of step n + 1, turn 2n + 1 the generator's. Plain: no torch, no UI.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core import files
from core.runs.run_folder import Run, read_json

WISH, SEEN = "watch.json", "duel.json"
LASTS = 10.0  # seconds after which a wish is over, unless it is repeated
AGAIN = 2.0  # seconds after which it is repeated
PACES = ("full", "slow", "held")


@dataclass(frozen=True)
class Wish:
    """`turn`: where a held run stops; while it is at one before, it goes on."""

    pace: str
    turn: int = 0


@dataclass(frozen=True)
class Seen:
    """A run between two phases. Of each picture, how probably D takes it for real, or None where that is no number;
    `sheet` is a PNG with a row of real pictures, one of generated ones, and one of what G is told to change in them."""

    turn: int  # that comes next
    learned: str  # "d" or "g": whose phase was the last one, or "" at the beginning
    real: tuple[float | None, ...]
    fake: tuple[float | None, ...]
    numbers: Mapping[str, float]  # losses of the last phases, and how strongly G is pulled
    before: tuple[float, float] | None  # the means of `real` and `fake` before the last phase
    sheet: bytes

    @property
    def next(self) -> str:
        return "g" if self.turn % 2 else "d"

    @property
    def step(self) -> int:
        """The one that is made, or was made last."""
        return (self.turn + 1) // 2

    @property
    def means(self) -> tuple[float, float] | None:
        """Of `real` and of `fake`; None where some of them are no numbers."""
        real, fake = ([score for score in scores if score is not None] for scores in (self.real, self.fake))
        if len(real) < len(self.real) or len(fake) < len(self.fake):
            return None
        return sum(real) / len(real), sum(fake) / len(fake)


def wish(run: Run, pace: str, turn: int = 0) -> None:
    """To be repeated while somebody looks; nothing is written while the same is wished for anyhow."""
    there = read_json(run.path / WISH)
    fresh = _age(there) < AGAIN
    if not fresh or (there.get("pace"), there.get("turn")) != (pace, turn):
        words = {"pace": pace, "turn": turn, "at": time.time()}
        files.write_json(run.path / WISH, words, "What is wished of this run")


def forget(run: Run) -> None:
    with contextlib.suppress(OSError):
        (run.path / WISH).unlink(missing_ok=True)


def wished(run: Run) -> Wish | None:
    """What somebody wishes for now."""
    there = read_json(run.path / WISH)
    if not there or _age(there) > LASTS or there.get("pace") not in PACES or type(there.get("turn")) is not int:
        return None
    return Wish(there["pace"], there["turn"])


def _age(there: Mapping[str, Any]) -> float:
    at = there.get("at")
    return abs(time.time() - at) if isinstance(at, int | float) else math.inf


def show(run: Run, seen: Seen) -> None:
    words = {**vars(seen), "numbers": dict(seen.numbers), "sheet": base64.b64encode(seen.sheet).decode()}
    files.write_json(run.path / SEEN, words, "What there is to see of this run")


def seen(run: Run) -> Seen | None:
    """What there is to see, or None where that is nothing, or makes no sense."""
    there = read_json(run.path / SEEN)
    try:
        before = there["before"] and (float(there["before"][0]), float(there["before"][1]))
        numbers = {str(name): float(value) for name, value in there["numbers"].items()}
        real, fake = (tuple(None if one is None else float(one) for one in there[name]) for name in ("real", "fake"))
        sheet = base64.b64decode(there["sheet"], validate=True)
        return Seen(int(there["turn"]), str(there["learned"]), real, fake, numbers, before or None, sheet)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, binascii.Error):
        return None
