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

from core import policy
from core.runs import Run


def save(run: Run, state: dict[str, Any], seconds: float, score: float | None = None) -> None:
    """Written beside, forced to the disk, renamed, and only then are older ones thinned: neither a full disk
    (`OSError`) nor a lost process costs the previous checkpoint. `score`: how far from real, where it was judged."""
    folder = run.path / "checkpoints"
    folder.mkdir(exist_ok=True)
    path = folder / f"step-{state['steps']:08d}.pt"
    part = path.with_suffix(".part")
    try:
        with open(part, "wb") as file:
            try:
                torch.save({**state, "seconds": seconds}, file)
            except RuntimeError as error:  # how torch's writer tells of a full disk
                raise OSError(f"the checkpoint could not be written: {error}") from error
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        _sync_folder(folder)
    finally:
        part.unlink(missing_ok=True)
    if score is not None:
        part = folder / "scores.part"
        part.write_text(json.dumps({**_scores(run), str(state["steps"]): score}))
        os.replace(part, folder / "scores.json")
    _thin(run)


def newest(run: Run, device: torch.device) -> dict[str, Any] | None:
    """The newest checkpoint that can be read, or None. One that cannot is put aside under another name."""
    for path in reversed(run.checkpoints().values()):
        try:
            return read(path, device)
        except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
            print(f"{path.name} cannot be read ({error}); trying the one before.", flush=True)
            with contextlib.suppress(OSError):
                os.replace(path, path.with_suffix(".damaged"))
    return None


def read(path: Path, device: torch.device) -> dict[str, Any]:
    return torch.load(path, map_location=device, weights_only=True)


def best(run: Run) -> int | None:
    """The step of the checkpoint that was judged nearest to the real pictures, of those still there."""
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


def _sync_folder(folder: Path) -> None:
    """The renaming itself has to reach the disk; Windows cannot open folders and does not need it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
