"""The process that trains: reads a run's folder, lets the engine run, writes what happens back to the folder.

`python -m core train FOLDER` runs `work`, alone or under `accelerate launch`: then every process trains on its part
of each batch and only the first one writes (`core.gan.run_writer`). Knows no pages.

A person ends it by the folder's `control` or with Ctrl-C: then the run is paused. The system ends it with SIGTERM
(a shutdown, a Space put to sleep): it saves and is gone within seconds, its last word still "running", so that the run
shows as interrupted; no other run is begun. Where a run has only so many minutes, it is finished when they are over;
preparing its pictures counts.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from accelerate import Accelerator

from core import device as devices
from core import files
from core.errors import UserError
from core.gan import checkpoint
from core.gan.data import held_out, prepare
from core.gan.doctor import heal
from core.gan.duel import Duel
from core.gan.methods import ADVERSARIAL
from core.gan.run_writer import RunWriter, say
from core.gan.train import R1_EVERY, RanAway, Training, nobody, train
from core.runs import processes, run_folder, states, twins
from core.runs.run_folder import Run
from core.settings import Progress
from core.visitors import policy

MEASURED_STEPS = 20
MEASURE_SECONDS = 10.0  # on a slow machine fewer steps have to do
NOTHING_LEARNED = "Nothing has been learned yet that a generator could be made of; press Start to train."


def work(run: Run, check_only: bool = False) -> Run | None:
    """Prepare, measure and train as far as the folder asks for. What ends it is written into the folder's state;
    a `UserError` or defect is raised as well. Where it was stopped to be healed, -> the branch that has to go on."""
    accelerator = _accelerator()
    if not accelerator.is_main_process:
        accelerator.wait_for_everyone()
        _train(run, accelerator)
        return None
    with processes.claimed(run):
        _forget_halves(run)
        stop_signal = StopSignal(run)
        before = run.state
        kept: dict[str, Any] = {name: before[name] for name in ("step", "seconds") if name in before}
        try:
            say(run, states.CHECKING if check_only else states.RUNNING, **kept, message="Preparing")
            _prepare(run, stop_signal, kept)
            alone = accelerator.num_processes == 1
            if alone and (check_only or "threads" not in run.budget):
                _measure(run, accelerator, stop_signal)
            if check_only:
                say(run, states.READY, **kept)
            else:
                accelerator.wait_for_everyone()
                return _train(run, accelerator, stop_signal, kept["seconds"])
        except _Ended:
            if not stop_signal.shutdown:
                message = "" if run.checkpoints() or stop_signal() == "pause" else NOTHING_LEARNED
                say(run, states.PAUSED if run.checkpoints() else states.NEW, **kept, message=message)
        except UserError as error:
            goes_on = " Once that is mended, the run can go on." if isinstance(error.__cause__, OSError) else ""
            _fail(run, kept, f"{error}{goes_on}")
            raise
        except RanAway as error:
            _note_broken(run, error)
            message = f"Training ran away ({error}). Branch from an earlier checkpoint with lower learning rates."
            _fail(run, kept, message)
            if branch := heal.treated(run):
                return branch
            raise UserError(message) from error
        except BaseException:
            _fail(run, kept, "It ended because of a fault in Ganvas; the log tells more. It can be resumed.")
            raise
        finally:
            stop_signal.forget()
            if not stop_signal.shutdown:
                _start_next()
    return None


def _accelerator() -> Accelerator:
    device = devices.pick()
    devices.hold_memory()
    precision = "bf16" if devices.dtype(device) == torch.bfloat16 else "no"
    if device.type == "cuda":  # the fastest algorithms do not add in the same order twice
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    return Accelerator(cpu=device.type == "cpu", mixed_precision=precision)


class _Ended(Exception):
    """The person, or the system, wants the worker to end before there is anything to save."""


class StopSignal:
    """Whether the worker shall end, and how: by the folder's `control`, or by a signal (Ctrl-C and shutdown: pause).

    Called, it gives the command as `run_folder.control` does; it looks into the folder now and then.
    """

    def __init__(self, run: Run):
        self.run, self.signalled, self.looked, self.last = run, 0, 0.0, ""
        self.handlers = {s: signal.signal(s, self._signal) for s in (signal.SIGTERM, signal.SIGINT)}

    def _signal(self, number: int, _: Any) -> None:
        self.signalled = number

    @property
    def shutdown(self) -> bool:
        return self.signalled == signal.SIGTERM

    def __call__(self) -> str:
        now = time.perf_counter()
        if now - self.looked > 0.2:
            self.looked, self.last = now, run_folder.control(self.run)
        return "pause" if self.signalled else self.last

    def latest(self) -> str:
        """The command of this moment: a person may have changed their mind."""
        self.looked = 0.0
        return self()

    def before_training(self) -> bool:
        """Whether to end while a run gets ready: to pause always, to finish only where nothing was learned before."""
        command = self()
        return command == "pause" or bool(command and not self.run.checkpoints())

    def forget(self) -> None:
        (self.run.path / "control").unlink(missing_ok=True)
        for number, handler in self.handlers.items():
            signal.signal(number, handler)


def _forget_halves(run: Run) -> None:
    """What a killed worker was just writing. Pages write too, but no folders and into none."""
    for half in [*run.path.glob(f"*{files.PART}"), *run.path.glob(f"*/*{files.PART}")]:
        if half.is_dir():
            shutil.rmtree(half, ignore_errors=True)
        elif half.parent != run.path:
            half.unlink(missing_ok=True)


def _fail(run: Run, kept: Mapping[str, Any], message: str) -> None:
    """The last words, in the room that was kept for them; `step` is where a failed run can go on."""
    with contextlib.suppress(OSError, UserError):
        (run.path / "reserve").unlink(missing_ok=True)
        say(run, states.FAILED, **{**kept, "step": max(run.checkpoints(), default=0)}, message=message)


def _note_broken(run: Run, error: RanAway) -> None:
    """So that the curves show it, and the doctor sees it."""
    line = json.dumps({"step": error.step, **error.losses})
    with contextlib.suppress(UserError):
        files.append(run.path / "metrics.jsonl", f"{line}\n", "The curves of this run")


def _start_next() -> None:
    """What another run cannot have is no fault of this one."""
    try:
        processes.start_next()
    except UserError as error:
        with contextlib.suppress(OSError):  # a full disk, where the log is too
            print(f"The next run was not started: {error}", flush=True)


# ---------------------------------------------------------------- before


def _prepare(run: Run, stop_signal: StopSignal, kept: dict[str, Any]) -> None:
    """The images, unless they are there already as this request wants them. It counts as time of the run, kept in
    `kept["seconds"]`: pictures can be made that take longer than any training."""
    request = run.request
    wanted = {name: getattr(request, name) for name in ("size", "colour", "shape")}
    wanted |= {"by_folder": True} if request.by_folder else {}
    marker = run.path / "data" / "prepared_for.json"
    kept.setdefault("seconds", 0.0)
    if prepare.fits(run.path, request) and (run.checkpoints() or run_folder.read_json(marker) == wanted):
        return
    if run.checkpoints() and not _source_is_there(run):
        raise UserError(
            f"The prepared pictures of {run.name} are damaged, and the files they were made of are gone; start a new "
            "run with them."
        )
    marker.unlink(missing_ok=True)
    began, status, minutes = time.perf_counter() - kept["seconds"], run.state["status"], policy.limits().train_minutes
    with contextlib.closing(prepare.prepare(run.config["source"], request, run.path)) as events:
        for event in events:
            kept["seconds"] = time.perf_counter() - began
            if stop_signal.before_training():
                raise _Ended
            if isinstance(event, Progress):
                if not policy.within(kept["seconds"] / 60, minutes):
                    raise UserError(
                        f"Preparing the pictures took the {minutes:g} minutes a run may take here, {event.step:,} of "
                        f"{event.total:,} were done; start a new one with fewer or smaller pictures."
                    )
                message = f"{event.note}: {event.step:,} of {event.total:,}"
                say(run, status, **kept, message=message, share=event.step / max(event.total, 1))
    files.write_json(marker, wanted, "The check-up")
    (run.path / "budget.json").unlink(missing_ok=True)


def _source_is_there(run: Run) -> bool:
    source = run.config["source"]
    return source["kind"] != "folder" or (run.path / source["path"]).exists()


def _measure(run: Run, accelerator: Accelerator, stop_signal: StopSignal) -> None:
    """What the run will take, from twenty steps of the real thing that are then thrown away."""
    status = run.state["status"]
    say(run, status, message="Measuring")
    try:
        training = _training(run, accelerator)
        budget = measure(training, stop_signal, lambda share: say(run, status, message="Measuring", share=share))
    except _Ended:
        if stop_signal.before_training():
            raise
        return  # it is to be finished, for which nothing need be known
    files.write_json(run.path / "budget.json", budget, "What was measured")


def _training(run: Run, accelerator: Accelerator) -> Training:
    pictures = prepare.load(run.path)
    spared = held_out.places(len(pictures) if run.holds_out else 0)
    return Training(run.request, pictures, accelerator, spared, prepare.load_labels(run.path, run.request))


def measure(
    training: Training, stopped: Callable[[], object] = lambda: False, said: Callable[[float], None] = lambda _: None
) -> dict[str, float]:
    """seconds_per_step, seconds_per_thousand (pictures), seconds (the whole run), steps (measured), threads,
    parameters. `said` is told which share of the steps is done. The training is of no use afterwards."""
    request = training.request
    training.steps = request.steps - 1  # where a method's steps take the longest, if they are not all alike
    threads = _best_threads(training, stopped)
    steps, lasted = 0, 0.0
    while steps < MEASURED_STEPS and (steps < 3 or lasted < MEASURE_SECONDS):
        if stopped():
            raise _Ended
        said(steps / MEASURED_STEPS)
        training.steps = _place(steps, request.steps)
        training.real_batch()  # the order of another epoch is made once for many steps
        began = time.perf_counter()
        _made(training)
        lasted += time.perf_counter() - began
        steps += 1
    each = lasted / steps
    return {
        "steps": steps,
        "seconds_per_step": each,
        "seconds_per_thousand": each / request.batch * 1000,
        "seconds": each * request.steps,
        "threads": threads,
        "parameters": sum(p.numel() for net in (training.g, training.d) for p in net.parameters()),
    }


def _place(number: int, steps: int) -> int:
    """Steps from all over the run, however few are measured: each next one lies where the others leave most room (the
    golden ratio does so). What comes every so many steps comes as often among twenty in a row."""
    place = int((0.5 + number * (math.sqrt(5) - 1) / 2) % 1 * steps)
    return place - place % R1_EVERY + number % R1_EVERY


def _made(training: Training) -> None:
    """A step, waited for until it is through."""
    for value in training.step().values():
        value.item()


def _best_threads(training: Training, stopped: Callable[[], object]) -> int:
    """How many threads are fastest here and now. Small networks gain little from several; and where other programs
    keep the cores busy, threads that wait for each other are many times slower than one."""
    most = torch.get_num_threads()
    candidates = [n for n in (1, 2, 4, 8, 16, 32) if n < most] + [most]
    lasted = {}
    for threads in candidates:
        if stopped():
            raise _Ended
        torch.set_num_threads(threads)
        training.step()  # reserves memory, chooses algorithms
        began = time.perf_counter()
        for _ in range(2):
            _made(training)
        lasted[threads] = time.perf_counter() - began
        if lasted[threads] > 2 * min(lasted.values()):
            break
    best = min(lasted, key=lasted.__getitem__)
    torch.set_num_threads(best)
    return best


# ---------------------------------------------------------------- training


def _train(
    run: Run, accelerator: Accelerator, stop_signal: StopSignal | None = None, seconds: float = 0.0
) -> Run | None:
    """`stop_signal`, and what the run has taken so far, are given to the first process only, the one that writes. What
    goes on in its place, where it was stopped to be healed."""
    request = run.request
    if request.batch % accelerator.num_processes:
        raise UserError(
            f"A batch of {request.batch} cannot be shared by {accelerator.num_processes} processes; "
            "choose a batch that can be divided by their number."
        )
    if accelerator.num_processes == 1:  # sums depend on it in their last bits, so it stays what it was measured to be
        torch.set_num_threads(run.budget.get("threads", torch.get_num_threads()))
    training = _training(run, accelerator)
    reached = max(run.checkpoints(), default=0)
    saved = checkpoint.newest(run, accelerator.device)
    if saved:
        try:
            seconds = saved.pop("seconds")
            training.restore(saved)
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"The last checkpoint of {run.name} is not of the networks that its settings ask for; put back the "
                "config.json it was trained with, or start a new run."
            ) from error
    if stop_signal is None:
        for _ in train(training):
            pass
        return None
    writer = RunWriter(run, request, training, seconds)
    writer.begin(reached)

    def over() -> bool:
        return bool(stop_signal()) or writer.time_is_up or writer.branch is not None

    duel = Duel(run, training, over) if request.method in ADVERSARIAL else None
    for progress in train(training, stopped=over, between=duel or nobody, marks=twins.marks(run)):
        writer.write(progress)
        twins.wait(run, over)
    if not training.steps and stop_signal.latest() != "pause":
        raise _Ended
    writer.save()
    if duel:  # who looks at a run that has ended sees how it ended
        duel.look()
    if stop_signal.shutdown:
        return None
    if writer.branch:
        writer.give_way(writer.branch)
        return writer.branch
    writer.end(stop_signal.latest)
    return None
