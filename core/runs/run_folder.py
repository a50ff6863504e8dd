"""A run's folder: what can be read in it, whatever has happened to it, and which process works on it.

Folders may be half-written, of another version, or tampered with: what makes no sense counts as not there, and links
are not followed. Plain: no torch, no UI; who may see a run, and how its process is started, is `core.runs`'.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from core import files
from core.errors import UserError
from core.gan.request import TrainRequest
from core.runs import states

BUDGET = ("steps", "seconds_per_step", "seconds_per_thousand", "seconds", "threads")
OLD_SCORES = Path("checkpoints") / "scores.json"  # where version 0.1 kept its only measure, step -> KID
MAX_NAME = 80
CLOCKS = 60.0  # seconds by which a clock may have been set since a process began, where only its time is known


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
    def twin(self) -> str:
        """The id of the run it is trained in step with; "" where there is none."""
        twin = self.config.get("twin")
        return twin if isinstance(twin, str) and twin == os.path.basename(twin) else ""

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
        return _sound(read_json(self.path / "state.json"), ("status", "message", "born", "place"))

    @property
    def status(self) -> str:
        """One of the words above. A run whose process is gone is not running, whatever its folder says."""
        try:
            _ = self.request
        except (UserError, TypeError, ValueError):
            return states.DAMAGED
        state = self.state
        status = state.get("status")
        if status not in states.WRITTEN:
            return states.NEW
        if status in states.ALIVE and not lives(state) and not self.claimed:
            return states.INTERRUPTED
        return status

    @property
    def alive(self) -> bool:
        return self.status in states.ALIVE

    @property
    def lock(self) -> FileLock:
        """Held by the one process that works on this run; the system frees it however that process ends."""
        return FileLock(self.path / "worker.lock")

    @property
    def claimed(self) -> bool:
        """Whether a process works on it, whatever is known of that process."""
        path = self.path / "worker.lock"
        if path.is_symlink() or not path.is_file():
            return False
        try:
            with self.lock.acquire(timeout=0):
                return False
        except Timeout:
            return True
        except OSError:  # one that cannot be opened is held by nobody
            return False

    @property
    def budget(self) -> dict[str, Any]:
        found = _sound(read_json(self.path / "budget.json"))
        return found if all(name in found for name in BUDGET) else {}

    def metrics(self) -> list[dict[str, float]]:
        """What the steps themselves said, oldest first: `step`, and of losses and speed whatever is there."""
        return [line for found in _lines(self.path / "metrics.jsonl") if "step" in (line := _sound(found))]

    def scores(self) -> dict[str, dict[int, float]]:
        """What was measured: the values of each measure by step. Names may be of another version."""
        found: dict[str, dict[int, float]] = {}
        for step, value in _sound(read_json(self.path / OLD_SCORES)).items():
            if step.isdecimal():
                found.setdefault("kid", {})[int(step)] = value
        for read in _lines(self.path / "scores.jsonl"):
            line = _sound(read, ("name",))
            if {"step", "name", "value"} <= line.keys() and 0 < len(line["name"]) <= MAX_NAME:
                found.setdefault(line["name"], {})[int(line["step"])] = line["value"]
        return {name: dict(sorted(values.items())) for name, values in found.items()}

    def broken(self) -> dict[str, int]:
        """Which losses and measures were no number, and at which step first."""
        found: dict[str, int] = {}
        for line in _lines(self.path / "metrics.jsonl"):
            values = {name: value for name, value in line.items() if name != "step"}
            _note_broken(found, line.get("step"), values)
        for line in _lines(self.path / "scores.jsonl"):
            if isinstance(line.get("name"), str) and 0 < len(line["name"]) <= MAX_NAME:
                _note_broken(found, line.get("step"), {line["name"]: line.get("value")})
        return found

    def diary(self) -> list[dict[str, Any]]:
        """What was done to heal it, oldest first: `at` (time), `step`; in words `run`, `diagnosis`, `said`, and where a
        cure was tried, `cure`, its `name`, and the id of its `branch`."""
        words = ("run", "diagnosis", "said", "cure", "name", "branch")
        return [_sound(line, words) for line in _lines(self.path / "diary.jsonl")]

    @property
    def holds_out(self) -> bool:
        """Whether some of its pictures are never learned from; runs of versions before learn from all."""
        return self.config.get("held_out") is True

    @property
    def heals(self) -> bool:
        """Whether it is to be healed unattended when it falls sick."""
        return self.config.get("heal") is True

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
    if sys.platform == "linux":
        return {"pid": pid, "born": _born(pid)}
    try:
        return {"pid": pid, "started": psutil.Process(pid).create_time()}
    except psutil.Error:
        return {"pid": pid}


def process_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """What `process` gave, of a state it was written into."""
    return {name: state[name] for name in ("pid", "born", "started") if name in state}


def lives(state: Mapping[str, Any]) -> bool:
    """Whether the process of which a state tells is still there."""
    pid = state.get("pid")
    if type(pid) is not int or pid <= 0:
        return False
    if "born" in state:
        return state["born"] != "" and state["born"] == _born(pid)
    try:
        found = psutil.Process(pid)
        return found.status() != psutil.STATUS_ZOMBIE and abs(found.create_time() - state["started"]) < CLOCKS
    except (psutil.Error, KeyError, TypeError, OverflowError):
        return False


def _born(pid: int) -> str:
    """The boot of this machine, and the tick since then at which a process began; "" when it is over. Both stay what
    they are when the clock is set, unlike the time of day that psutil computes of them."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        fields = stat.rpartition(")")[2].split()  # from the third on, see proc_pid_stat(5); a name may hold anything
        ticks = "" if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return ""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # some sandboxes have none
        boot = ""
    return ticks and f"{boot}/{ticks}"


# ---------------------------------------------------------------- files


def control(run: Run) -> str:
    """What the worker should do now: "pause", "stop", "stop 300" (with the generator of that step), or "" for going
    on."""
    try:
        return (run.path / "control").read_text().strip()
    except OSError:
        return ""


def write_state(run: Run, **state: Any) -> None:
    files.write_json(run.path / "state.json", {**state, "updated": time.time()}, "The state of this run")


def named(name: str) -> str:
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if not name:
        raise UserError(f"The run has no name yet; give it one of 1 to {MAX_NAME} characters.")
    if len(name) > MAX_NAME:
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
        with open(path, encoding="utf-8-sig") as file:  # some editors of Windows begin with a mark
            value = json.loads(file.read(1_000_000))
        return value if isinstance(value, dict) else {}
    except (OSError, ValueError, RecursionError):
        return {}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Of a file with a JSON object in every line, those that are one; the last may be torn."""
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        for text in file:
            with contextlib.suppress(ValueError, RecursionError):
                line = json.loads(text)
                if isinstance(line, dict):
                    yield line


def _note_broken(found: dict[str, int], step: Any, values: Mapping[str, Any]) -> None:
    if type(step) is int and 0 <= step < 1e15:
        for name, value in values.items():
            if type(value) is float and not abs(value) < 1e15 and len(name) <= MAX_NAME:
                found.setdefault(name, step)


def _sound(found: Mapping[str, Any], words: Sequence[str] = ()) -> dict[str, Any]:
    """Of what a file says, the finite numbers, and the words where words are expected."""
    return {
        name: value
        for name, value in found.items()
        if (isinstance(value, str) if name in words else type(value) in (int, float) and abs(value) < 1e15)
    }
