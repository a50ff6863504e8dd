"""Amounts in words: how long, how large, how long ago. The same words on every page, in errors and on the command line.

Not humanize's: "a minute" and "an hour ago" leave out the number that one waits for. Plain: knows no subject.
"""

from __future__ import annotations

import time


def duration(seconds: float) -> str:
    """Seconds in words a person would use."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 300:
        return f"{round(seconds / 30) / 2:g} min"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def between(least: float, most: float | None) -> str:
    """A time that is not known well, in words: from the least to the most."""
    low, high = duration(least), duration(least if most is None else most)
    if low == high:
        return low
    (number, unit), (_, other) = low.split(), high.split()
    return f"{number if unit == other else low} to {high}"


def ago(when: float) -> str:
    """How long ago a time, as `time.time()` counts it, is."""
    seconds = time.time() - when
    for length, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"


def size(number: int | None) -> str:
    """A number of bytes to three digits, as of a file; nothing where it is not known."""
    if number is None:
        return ""
    for unit, length in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= length:
            return f"{number / length:.3g} {unit}" if number < 100 * length else f"{number / length:,.0f} {unit}"
    return f"{number} bytes"


def megabytes(number: float) -> str:
    """A number of bytes in round numbers, as of a limit and of what is held against it."""
    return gigabytes(number) if number >= 1e9 else f"{number / 1e6:.0f} MB"


def gigabytes(number: float) -> str:
    """A number of bytes, as of memory."""
    return f"{number / 1e9:.1f} GB"
