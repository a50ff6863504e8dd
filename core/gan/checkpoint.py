"""Checkpoints: written whole or not at all, read back with care, and thinned.

A checkpoint is what `Training.state()` returned, plus the seconds of training. Files are opened with weights only:
tensors and numbers, never code.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from core import files
from core.runs.run_folder import Run
from core.visitors import policy


def save(run: Run, state: dict[str, Any], seconds: float, score: float | None = None) -> None:
    """Forced to the disk, and only then are older ones thinned: neither a full disk (`UserError`) nor a lost process
    costs the previous checkpoint. `score`: its KID, where that was measured."""
    folder = files.make_folder(run.path / "checkpoints")
    with files.writing(folder / f"step-{state['steps']:08d}.pt", "The checkpoint", sure=True) as file:
        try:
            torch.save({**state, "seconds": seconds}, file)
        except RuntimeError as error:  # torch's writer at times wraps what the file said
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise
    if score is not None:
        files.write_json(folder / "scores.json", {**_scores(run), str(state["steps"]): score}, "The checkpoint's score")
    _thin(run)


def newest(run: Run, device: torch.device) -> dict[str, Any] | None:
    """The newest checkpoint that can be read, or None. One that cannot is put aside under another name."""
    for path in reversed(run.checkpoints().values()):
        try:
            return read(path, device)
        except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
            with contextlib.suppress(OSError):  # a full disk, where the log is too
                print(f"{path.name} cannot be read ({error}); trying the one before.", flush=True)
            with contextlib.suppress(OSError):
                os.replace(path, path.with_suffix(".damaged"))
    return None


def read(path: Path, device: torch.device) -> dict[str, Any]:
    return torch.load(path, map_location=device, weights_only=True)


def best(run: Run) -> int | None:
    """The step of the checkpoint with the best score, nearest to the real pictures, of those still there."""
    scores = {step: score for step in run.checkpoints() if (score := _scores(run).get(str(step))) is not None}
    return min(scores, key=scores.get, default=None)


def _scores(run: Run) -> dict[str, float]:
    try:
        return json.loads((run.path / "checkpoints" / "scores.json").read_text())
    except (OSError, ValueError):
        return {}


def _thin(run: Run) -> None:
    """Of more than may be kept, the one between the closest neighbours goes; never the first, the best or the two
    newest."""
    while len(checkpoints := list(run.checkpoints().items())) > policy.limits().checkpoints:
        steps, kept = [step for step, _ in checkpoints], best(run)
        inner = [i for i in range(1, len(steps) - 2) if steps[i] != kept]
        closest = min(inner, key=lambda i: steps[i + 1] - steps[i - 1])
        checkpoints[closest][1].unlink()
