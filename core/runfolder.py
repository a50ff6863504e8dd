"""A run's folder: what can be read in it, whatever has happened to it, and how its files are written.

Folders may be half-written, of another version, or tampered with: what makes no sense counts as not there, and links
are not followed. Plain: no torch, no UI; who may see a run, and how its process is started, is `core.runs`'.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from core.errors import UserError
from core.settings import TrainRequest

# What a run can be. Those marked * have a living process.
NEW, CHECKING, READY = "new", "checking", "ready"  # CHECKING*: images are prepared and twenty steps measured
QUEUED, STARTING, RUNNING = "queued", "starting", "running"  # STARTING*, RUNNING*
PAUSED, FINISHED, FAILED = "paused", "finished", "failed"
INTERRUPTED, DAMAGED = "interrupted", "damaged"  # never written: its process is gone; its folder cannot be read
ALIVE = {CHECKING, STARTING, RUNNING}
WRITTEN = [NEW, CHECKING, READY, QUEUED, STARTING, RUNNING, PAUSED, FINISHED, FAILED]

METRICS = ("step", "seconds", "loss_d", "loss_g", "real", "fake", "images_per_second")

METRICS = ("step", "seconds", "loss_d", "loss_g", "real", "fake", "images_per_second")
BUDGET = ("steps", "seconds_per_step", "seconds_per_thousand", "seconds", "threads")
MAX_NAME = 80


@dataclass(frozen=True)
class Run:
    """A run's folder. Everything is read afresh: what was true a moment ago may not be now."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def config(self) -> dict[str, Any]:
        return read_json(self.path / "config.json")

    @property
    def name(self) -> str:
        try:
            return named(self.config["name"])
        except (KeyError, TypeError, UserError):
            return self.id

    @property
    def request(self) -> TrainRequest:
        """Raises `UserError` when the folder's settings cannot be understood."""
        recipe = self.config.get("request")
        if not isinstance(recipe, dict):
            raise UserError(f"The settings of {self.id} cannot be read; delete the run or mend its config.json.")
        return TrainRequest.from_recipe(recipe)

    @property
    def state(self) -> dict[str, Any]:
        """What was written last, as far as it makes sense: words are words and numbers are numbers."""
        return _sound(read_json(self.path / "state.json"), ("status", "message"))

    @property
    def status(self) -> str:
        """One of the words above. A run whose process is gone is not running, whatever its folder says."""
        try:
            _ = self.request
        except (UserError, TypeError, ValueError):
            return DAMAGED
        state = self.state
        status = state.get("status")
        if status not in WRITTEN:
            return NEW
        if status in ALIVE and not lives(state.get("pid"), state.get("started")):
            return INTERRUPTED
        return status

    @property
    def alive(self) -> bool:
        return self.status in ALIVE

    @property
    def budget(self) -> dict[str, Any]:
        found = _sound(read_json(self.path / "budget.json"))
        return found if all(name in found for name in BUDGET) else {}

    def metrics(self) -> list[dict[str, float]]:
        """Lines of `METRICS`, oldest first; a torn line is left out."""
        lines = []
        with contextlib.suppress(OSError), open(self.path / "metrics.jsonl", encoding="utf-8") as file:
            for text in file:
                with contextlib.suppress(ValueError):
                    line = json.loads(text)
                    if isinstance(line, dict) and all(name in _sound(line) for name in METRICS):
                        lines.append(line)
        return lines

    def samples(self) -> dict[int, Path]:
        """Sheets of samples by step, oldest first."""
        return _numbered(self.path / "samples", ".png")

    def checkpoints(self) -> dict[int, Path]:
        """Checkpoints by step, oldest first."""
        return _numbered(self.path / "checkpoints", ".pt")

    @property
    def result(self) -> Path | None:
        """The folder of the finished generator, where there is one."""
        folder = self.path / "result"
        plain = not folder.is_symlink() and not (folder / "model.safetensors").is_symlink()
        return folder if plain and (folder / "model.safetensors").is_file() else None

    def log(self, characters: int = 4000) -> str:
        """The end of what the worker printed."""
        try:
            if (self.path / "log.txt").is_symlink():
                return ""
            with open(self.path / "log.txt", "rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - characters))
                return file.read().decode(errors="replace")
        except OSError:
            return ""


# ---------------------------------------------------------------- a process


def process(pid: int) -> dict[str, Any]:
    """What tells this process from a later one with the same number."""
    try:
        return {"pid": pid, "started": psutil.Process(pid).create_time()}
    except psutil.NoSuchProcess:
        return {"pid": pid, "started": 0.0}


def lives(pid: Any, started: Any) -> bool:
    try:
        found = psutil.Process(pid)
        return found.status() != psutil.STATUS_ZOMBIE and abs(found.create_time() - started) < 2
    except (psutil.Error, TypeError, ValueError):
        return False


# ---------------------------------------------------------------- files


def control(run: Run) -> str:
    """What the worker should do now: "pause", "stop", or "" for going on."""
    try:
        return (run.path / "control").read_text().strip()
    except OSError:
        return ""


def write_state(run: Run, **state: Any) -> None:
    write_json(run.path / "state.json", {**state, "updated": time.time()})


def named(name: str) -> str:
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if not name or len(name) > MAX_NAME:
        raise UserError(f"The name has {len(name)} characters; give the run a name of 1 to {MAX_NAME}.")
    return name


def _numbered(folder: Path, suffix: str) -> dict[int, Path]:
    found = {}
    for path in folder.glob(f"step-*{suffix}"):
        with contextlib.suppress(ValueError):
            if not path.is_symlink():
                found[int(path.stem.removeprefix("step-"))] = path
    return dict(sorted(found.items()))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, or an empty one for anything else: folders may be half-written or tampered with."""
    try:
        with open(path, encoding="utf-8") as file:
            value = json.loads(file.read(1_000_000))
        return value if isinstance(value, dict) else {}
    except (OSError, ValueError, RecursionError):
        return {}


def _sound(found: Mapping[str, Any], words: Sequence[str] = ()) -> dict[str, Any]:
    """Of what a file says, the finite numbers, and the words where words are expected."""
    return {
        name: value
        for name, value in found.items()
        if (isinstance(value, str) if name in words else type(value) in (int, float) and abs(value) < 1e15)
    }


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False))


def write_text(path: Path, text: str) -> None:
    """Whole or not at all: written beside, then renamed."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
