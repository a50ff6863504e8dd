"""What is old is cleaned away, where strangers come: runs, pictures on their way, downloads from the Hub, memory.

Nothing is cleaned in private mode. Plain: the server calls `sweep` now and then.
"""

from __future__ import annotations

import contextlib
import gc
import math
import os
import tempfile
import time
from pathlib import Path

from core import device, faults, files
from core.hub import cache, registry
from core.runs import lifecycle
from core.runs.run_folder import Run
from core.visitors import identity, paintings, policy, shelf, tray

EVERY_SECONDS = 120
SHARE = 0.8  # what is full is emptied down to this share, so that there is room for a while
TEMPORARY = ("ganvas-", "gradio")  # what both UIs call their folders for files on their way


def sweep() -> None:
    """Clean once. What is being trained is never touched; what cannot be cleaned does not keep the rest from it."""
    limits = policy.limits()
    if limits.hours is None:
        return
    oldest = time.time() - 3600 * limits.hours
    for clean in (
        lambda: tray.forget(oldest),
        lambda: shelf.forget(oldest),
        lambda: paintings.forget(oldest),
        lambda: _runs(oldest, limits.disk_all or math.inf),
        _empty_places,
        lambda: _cache(oldest, limits.cache_bytes or math.inf),
        lambda: _temporary(oldest),
        lambda: _uploads(limits.uploads_disk or math.inf),
        _memory,
    ):
        with faults.logged():
            clean()


def _runs(oldest: float, most: float) -> None:
    """Those nobody has looked after since `oldest`; then, while all take too much, the oldest one of whoever has
    most."""
    resting = sorted((run for run in lifecycle.everyones() if not run.alive), key=touched)
    for run in [run for run in resting if touched(run) < oldest]:
        resting.remove(run)
        with faults.logged():
            lifecycle.remove(run)
    used = identity.size_of(files.home())
    if used <= most:
        return
    taken = {run.path.parent: identity.size_of(run.path.parent) for run in resting}
    while resting and used > SHARE * most:
        run = max(resting, key=lambda run: taken[run.path.parent])
        resting.remove(run)
        with faults.logged():
            size = identity.size_of(run.path)
            lifecycle.remove(run)
            taken[run.path.parent] -= size
            used -= size


def _empty_places() -> None:
    for place in identity.places(files.home()):
        lifecycle.tidy(place / "runs")


def touched(run: Run) -> float:
    """When something last happened to a run."""
    times = [0.0]
    for name in ("config.json", "state.json"):
        with contextlib.suppress(OSError):  # not begun; deleted a moment ago
            times.append((run.path / name).stat().st_mtime)
    return max(times)


def _cache(oldest: float, most: float) -> None:
    entries = cache.entries()  # the last used first
    used = sum(entry.size for entry in entries)
    for entry in reversed(entries):
        if entry.name not in registry.entries() and (entry.used < oldest or used > SHARE * most):
            with faults.logged():
                entry.path.unlink(missing_ok=True)
                used -= entry.size


def _temporary(oldest: float) -> None:
    """Files of visits whose end nobody noticed."""
    for folder in Path(tempfile.gettempdir()).iterdir():
        if not folder.name.startswith(TEMPORARY) or folder.is_symlink() or not folder.is_dir():
            continue
        for where, _, names in os.walk(folder, topdown=False):
            with contextlib.suppress(OSError):  # not empty; gone already; another user's
                unused = os.lstat(where).st_mtime < oldest
                for name in names:
                    if os.lstat(os.path.join(where, name)).st_mtime < oldest:
                        os.unlink(os.path.join(where, name))
                if unused and Path(where) != files.uploads():
                    os.rmdir(where)


def _uploads(most: float) -> None:
    """The oldest of Gradio's files, while all take too much."""
    used, found = identity.size_of(files.uploads()), []
    if used <= most:
        return
    for where, _, names in os.walk(files.uploads()):
        for path in (os.path.join(where, name) for name in names):
            with contextlib.suppress(OSError):
                about = os.lstat(path)
                found.append((about.st_mtime, identity.taken(about), path))
    for _, size, path in sorted(found):
        if used <= SHARE * most:
            break
        with contextlib.suppress(OSError):  # gone already; others are beside it
            used -= size
            os.unlink(path)
            above = os.path.dirname(path)
            size = identity.taken(os.lstat(above))
            os.rmdir(above)
            used -= size


def _memory() -> None:
    """What visitors left behind goes back to the system. Streamlit is told not to collect after each run of a page
    (`.streamlit/config.toml`), and glibc keeps freed pieces for itself until it is asked."""
    gc.collect()
    device.release_memory()
