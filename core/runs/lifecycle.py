"""Training runs: made, found, changed, branched and deleted. Their processes are `core.runs.processes`'.

A run's folder is the only channel between a page and the worker that trains (`python -m core train FOLDER`): either
may be closed, killed or restarted, and the other goes on. Each visitor has a folder of runs; those of all wait in one
line. Plain: no torch, no UI; nothing of how training works. What a folder says is read by `core.runs.run_folder`.

    config.json     name, request, where the images come from        written here
    control         "pause" or "stop", until the worker obeys        written here
    data/           images.u8, report.json, preview.png, uploads/    written by the worker (uploads: here)
    budget.json     what twenty steps took                           written by the worker
    state.json      status, process, step, seconds, message          written by both, whole or not at all
    metrics.jsonl   losses and speed, one line now and then          written by the worker
    scores.jsonl    what was measured: step, name, value             "
    diary.jsonl     what was done to heal it                         "
    samples/        step-00001234.png                                 "
    checkpoints/    step-00001234.pt                                  "
    closest.png     samples beside the nearest pictures learned from  "
    watch.json      what who looks at it wishes                       written by a page, see core.runs.watching
    duel.json       what there is to see                              written by the worker
    result/         the generator: model.safetensors, config.json …   "
    log.txt         what the worker printed
    reserve         nothing: room for last words on a full disk       written here
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from core import amounts, files
from core.errors import UserError
from core.files import home
from core.gan.request import TrainRequest
from core.pictures.images import save_name
from core.runs.run_folder import Run, named, write_state
from core.runs.states import FAILED, NEW, PAUSED, READY
from core.settings import settings_of
from core.visitors import identity, policy

DELETED = ".deleted-"
PICTURES = ("images.u8", "report.json", "preview.png")  # in data/, once they are prepared
UPLOADS = "data/uploads"  # where uploaded files go, seen from the run's folder


# ---------------------------------------------------------------- found


def folder() -> Path:
    """Where the runs of whoever is asking are."""
    return identity.place(home()) / "runs"


def all_runs() -> list[Run]:
    """All runs of whoever is asking, newest first; folders that are no runs are left out, damaged ones are not."""
    return sorted(runs_in(folder()), key=lambda run: _time_of(run.path / "config.json"), reverse=True)


def everyones() -> list[Run]:
    """The runs of all visitors, for keeping order among them. Not to be shown."""
    found = []
    for place in identity.places(home()):
        with contextlib.suppress(UserError):  # one who comes there is told; the others' go on
            found += runs_in(place / "runs")
    return found


def runs_in(folder: Path) -> list[Run]:
    with files.in_words("The runs", folder, "read in"):
        return [Run(path) for path in folder.iterdir() if _is_run(path)] if folder.is_dir() else []


def _is_run(path: Path) -> bool:
    try:
        return (path / "config.json").is_file() and not path.is_symlink()
    except OSError:  # another user's
        return False


def _time_of(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # deleted a moment ago
        return 0.0


@contextlib.contextmanager
def on_behalf_of(run: Run) -> Iterator[None]:
    """What is done inside is done on behalf of whoever has this run: for its worker, which nobody asks."""
    with identity.asking(run.path.parent.parent.name):
        yield


def find(run_id: str) -> Run:
    """The run with this id. `UserError` when there is none."""
    for run in all_runs():
        if run.id == run_id:
            return run
    raise UserError(f"There is no run {run_id!r}; choose one of the list.")


# ---------------------------------------------------------------- made, named, branched, deleted


def create(request: TrainRequest, source: Mapping[str, Any], name: str) -> Run:
    """A new run that has not begun. `source` is what `core.gan.data.prepare.prepare` takes. `UserError` when it asks
    for more than is allowed here, or when there is no room for another run."""
    with _making(request, source, name) as run:
        return run


@contextlib.contextmanager
def _making(request: TrainRequest, source: Mapping[str, Any], name: str, **more: Any) -> Iterator[Run]:
    """A new run, to be filled; what fails on the way leaves nothing behind."""
    _allow(request, source)
    run = Run(_new_folder(name))
    about = {"name": named(name), "created": time.time(), "request": request.recipe(), "source": dict(source)}
    try:
        _write_config(run, {**about, "held_out": True, **more})
        yield run
    except BaseException:
        with contextlib.suppress(UserError):
            remove(run)
        raise


def create_with(uploads: Sequence[tuple[str, BinaryIO]], request: TrainRequest, name: str) -> Run:
    """A new run on uploaded files, given as (name, file)."""
    limits = policy.limits()
    total = sum(file.seek(0, os.SEEK_END) for _, file in uploads)
    if not policy.within(len(uploads), limits.upload_files) or not policy.within(total, limits.upload_bytes):
        raise UserError(
            f"These are {len(uploads)} files of {amounts.megabytes(total)}; give up to {limits.upload_files} of up to "
            f"{amounts.megabytes(limits.upload_bytes or total)} in all ({policy.ELSEWHERE})."
        )
    with _making(request, {"kind": "folder", "path": UPLOADS}, name) as run:
        for called, file in uploads:
            file.seek(0)
            add_upload(run, called, file)
        return run


def add_upload(run: Run, name: str, file: BinaryIO) -> None:
    """Copy one uploaded file into the run; its source is then {"kind": "folder", "path": "data/uploads"}."""
    folder = run.path / UPLOADS
    files.make_folder(folder)
    place = files.make_folder(folder / f"{len(list(folder.iterdir())):06d}")  # each its own: equal names do not meet
    with files.writing(place / save_name(name), f"The file {name[:80]!r}") as copy:
        shutil.copyfileobj(file, copy)


def change(run: Run, request: TrainRequest) -> None:
    """Other settings for a run that has not begun; its images have to be checked again."""
    if run.status not in (NEW, READY, FAILED) or run.checkpoints():
        raise UserError(f"{run.name} has begun; branch it to go on with other settings.")
    policy.require_allowed(request)
    _write_config(run, {**run.config, "request": request.recipe()})
    write_state(run, status=NEW, seconds=run.state.get("seconds", 0.0))


def rename(run: Run, name: str) -> None:
    """Give it another name; its folder stays where it is."""
    configure(run, name=named(name))


def configure(run: Run, **about: Any) -> None:
    """What else there is to know of it."""
    _write_config(run, {**run.config, **about})


def _write_config(run: Run, config: Mapping[str, Any]) -> None:
    files.write_json(run.path / "config.json", config, "The settings of this run", sure=True)


def branch(run: Run, step: int, changes: Mapping[str, Any], name: str) -> Run:
    """A new, paused run that goes on from `run`'s checkpoint at `step` with other settings.

    `UserError` when the checkpoint is gone or a setting is changed that the networks are made of.
    """
    checkpoint = run.checkpoints().get(step)
    if checkpoint is None:
        raise UserError(f"{run.name} has no checkpoint at step {step}; choose one that is still kept.")
    request = replace(run.request, **changes)
    for setting, about in settings_of(TrainRequest).items():
        if about.structural and getattr(request, setting) != getattr(run.request, setting):
            raise UserError(f"A branch goes on with the same networks, so {setting} cannot change; start a new run.")
    if request.steps <= step:
        raise UserError(f"The branch begins at step {step} and would end at {request.steps}; choose more steps.")
    with _making(request, run.config["source"], name, branch_of=run.id, branched_at=step, **_kept(run)) as new:
        _share(run, new, checkpoint, *_pictures(run))
        write_state(new, status=PAUSED, step=step)
        return new


def begin_anew(run: Run, changes: Mapping[str, Any], name: str) -> Run:
    """A new run on the same pictures, with other settings; those the networks are made of may change too."""
    request = replace(run.request, **changes)
    with _making(request, run.config["source"], name, branch_of=run.id, branched_at=0, **_kept(run)) as new:
        _share(run, new, *_pictures(run))
        return new


def _pictures(run: Run) -> list[Path]:
    """What was prepared, and where it is known, what for: without that a run that begins anew prepares them again."""
    parts = [*PICTURES, *(["labels.u8"] if run.request.by_folder else [])]
    known = run.path / "data" / "prepared_for.json"
    return [*(run.path / "data" / part for part in parts), *([known] if known.is_file() else [])]


def _kept(run: Run) -> dict[str, bool]:
    """What holds for a run and what comes of it: which pictures it never learns from, and whether it is healed."""
    return {"held_out": run.holds_out, "heal": run.heals}


def set_healing(run: Run, on: bool) -> None:
    """Whether it is to be healed unattended when it falls sick (`core.gan.doctor.heal`); at work, it hears of it."""
    configure(run, heal=on)


def _share(run: Run, new: Run, *paths: Path) -> None:
    for path in paths:
        target = new.path / path.relative_to(run.path)
        files.make_folder(target.parent)
        _linked(path, target)


def delete(run: Run) -> None:
    """Remove the run and all it made. `UserError` while it is being trained."""
    if run.alive:
        raise UserError(f"{run.name} is being trained; pause it before deleting it.")
    if run.path.parent != folder() or run.path.is_symlink():
        raise UserError(f"{run.name} is not in the folder of runs; delete it by hand.")
    remove(run)


def remove(run: Run) -> None:
    """Take a run's folder away, whosever it is, and the folders it was the last in."""
    # Renamed first: what a slow disk, or a killed process, leaves half deleted is not a run any more.
    doomed = run.path.with_name(f"{DELETED}{time.time_ns()}")
    with files.in_words(f"The folder {run.id}", run.path.parent, "deleted from"):
        os.rename(run.path, doomed)
    tidy(run.path.parent)


def tidy(runs: Path) -> None:
    """Take away what is renamed for it in a folder of runs; then it, and those above it that are ours alone, where
    nothing is left in them."""
    with contextlib.suppress(OSError):  # there is none; not empty
        for doomed in runs.glob(f"{DELETED}*"):
            shutil.rmtree(doomed, ignore_errors=True)
        while runs != home():
            runs.rmdir()
            runs = runs.parent


# ---------------------------------------------------------------- what is allowed here


def _allow(request: TrainRequest, source: Mapping[str, Any]) -> None:
    """Raises `UserError` where a new run is more than its visitor may have."""
    policy.require_allowed(request)
    limits = policy.limits()
    if policy.public() and source.get("kind") == "folder" and source.get("path") != UPLOADS:
        raise UserError("Folders of this computer cannot be used by visitors; upload pictures instead.")
    if source.get("kind") == "drawn" and source.get("count", 0) > limits.images:
        raise UserError(f"{source['count']:,} pictures are too many; choose up to {limits.images:,} here.")
    if limits.runs is not None and len(all_runs()) >= limits.runs:
        raise UserError(f"There are {limits.runs} runs of yours, as many as can be kept here; delete one first.")
    allow_disk()


def allow_disk() -> None:
    limits = policy.limits()
    if limits.disk is not None and (used := identity.size_of(identity.place(home()))) > limits.disk:
        raise UserError(
            f"Your runs take {amounts.megabytes(used)} of the {amounts.megabytes(limits.disk)} a visitor has here; "
            "delete one first."
        )
    if limits.disk_all is not None and identity.size_of(home()) > limits.disk_all:
        raise UserError("The disk of this server is full; please try again later.")


# ---------------------------------------------------------------- files


def _new_folder(name: str) -> Path:
    place, stem = folder(), save_name(named(name).lower())
    try:
        files.make_folder(place)
        with files.in_words("A folder for this run", place, "made in"):
            path, others = place / stem, itertools.count(2)
            while True:
                try:
                    path.mkdir()
                    return path
                except FileExistsError:
                    path = place / f"{stem}-{next(others)}"
    except UserError:
        tidy(place)
        raise


def _linked(source: Path, target: Path) -> None:
    """Neither of the two is ever changed in place, so they may share their bytes where the disk allows it."""
    try:
        os.link(source, target)
    except OSError:
        with files.in_words("What the branch goes on from", target.parent):
            shutil.copyfile(source, target)
