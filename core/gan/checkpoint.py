"""Checkpoints: written whole or not at all, read back with care, thinned; and which of them is kept at the end.

A checkpoint is what `Training.state()` returned, plus the seconds of training. Files are opened with weights only:
tensors and numbers, never code.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from core import files
from core.gan.measures import DECISIVE, MEASURES
from core.runs.run_folder import Run
from core.visitors import policy

# What torch says of a file that is torn or none of its own; its unpickler trusts that one begins like a checkpoint.
UNREADABLE = (OSError, RuntimeError, ValueError, EOFError, LookupError, TypeError, AttributeError,
              pickle.UnpicklingError, zipfile.BadZipFile)  # fmt: skip


def save(run: Run, state: dict[str, Any], seconds: float) -> None:
    """Forced to the disk, and only then are older ones thinned: neither a full disk (`UserError`) nor a lost process
    costs the previous checkpoint."""
    folder = files.make_folder(run.path / "checkpoints")
    with files.writing(folder / f"step-{state['steps']:08d}.pt", "The checkpoint", sure=True) as file:
        try:
            torch.save({**state, "seconds": seconds}, file)
        except RuntimeError as error:  # torch's writer at times wraps what the file said
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise
    _thin(run)


def newest(run: Run, device: torch.device) -> dict[str, Any] | None:
    """The newest checkpoint that can be read, or None."""
    found = (opened(path, device) for path in reversed(run.checkpoints().values()))
    return next((saved for saved in found if saved), None)


def opened(path: Path, device: torch.device) -> dict[str, Any] | None:
    """A checkpoint; one that cannot be read is None, and put aside under another name."""
    try:
        return read(path, device)
    except UNREADABLE as error:
        with contextlib.suppress(OSError):  # a full disk, where the log is too
            print(f"{path.name} cannot be read ({error}).", flush=True)
        with contextlib.suppress(OSError):
            os.replace(path, path.with_suffix(".damaged"))
        return None


def read(path: Path, device: torch.device) -> dict[str, Any]:
    return torch.load(path, map_location=device, weights_only=True)


# ---------------------------------------------------------------- which is kept


def ranked(run: Run) -> list[int]:
    """The steps of the checkpoints still there that were measured, the best first."""
    return MEASURES[DECISIVE].ranked(scores(run))


def scores(run: Run) -> dict[int, float]:
    """Of the checkpoints still there, what was measured of them and decides."""
    values, there = run.scores().get(DECISIVE, {}), run.checkpoints()
    return {step: value for step, value in values.items() if step in there}


def reason(run: Run, step: int, asked: int | None) -> str:
    """Why a run's generator is that of this step, in words for the page and the card."""
    measure, values, last = MEASURES[DECISIVE], scores(run), max(run.checkpoints(), default=step)
    kept = f"Step {step:,}, the last, was kept" if step == last else f"Step {step:,} was kept"
    if step == asked:
        return f"{kept}: it was chosen by hand."
    if step not in values or len(values) == 1:
        return f"{kept}: no other step that is still there was measured."
    others = f"the {measure.best} of {len(values)} steps that were measured"
    end = f"; the last step, {last:,}, has {measure.shown(values[last])}" if step != last and last in values else ""
    meaning = measure.said(run.request.method)
    return f"{kept}: its {measure.label} of {measure.shown(values[step])} is {others}{end}. {meaning}"


def _thin(run: Run) -> None:
    """Of more than may be kept, the one between the closest neighbours goes; never the first, the best or the two
    newest."""
    while len(checkpoints := list(run.checkpoints().items())) > policy.limits().checkpoints:
        steps, best = [step for step, _ in checkpoints], ranked(run)[:1]
        inner = [i for i in range(1, len(steps) - 2) if steps[i] not in best]
        closest = min(inner, key=lambda i: steps[i + 1] - steps[i - 1])
        checkpoints[closest][1].unlink()
