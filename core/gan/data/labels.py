"""Which class each picture of a set is of, where the folders that pictures lie in say so. Plain: numpy, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import files
from core.errors import UserError
from core.gan import classes

FILE = "labels.u8"  # beside the pictures


@dataclass(frozen=True)
class Labels:
    """`names` of the classes, `of` uint8 [N] the number of each picture's."""

    names: tuple[str, ...]
    of: np.ndarray


def numbered(labels: Sequence[str]) -> Labels:
    """Of each picture's class by name. `UserError` where they are too few or too many to be classes."""
    names = sorted(set(labels))
    if not 2 <= len(names) <= classes.MOST:
        listed = ", ".join(name or "no folder" for name in names[:5]) + (", ..." if len(names) > 5 else "")
        raise UserError(
            f"The pictures are of {len(names)} kinds ({listed}); classes are 2 to {classes.MOST}. Put the "
            "pictures of each class in a folder of its own, or switch off that folders are classes."
        )
    places = {name: number for number, name in enumerate(names)}
    return Labels(tuple(names), np.array([places[label] for label in labels], np.uint8))


def write(labels: Labels, folder: Path) -> None:
    files.write_bytes(folder / FILE, labels.of.tobytes(), sure=True)


def read(folder: Path, names: Sequence[str], count: int) -> Labels | None:
    """What `write` wrote of so many pictures, or None where it is not that."""
    try:
        of = np.fromfile(folder / FILE, np.uint8)
    except OSError:
        return None
    return Labels(tuple(names), of) if len(of) == count and of.max(initial=0) < len(names) else None
