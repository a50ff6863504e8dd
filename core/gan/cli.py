"""The `train` command of `python -m core`. Importing it does not import torch.

What happens is read from the run's folder, as a page reads it: a bar on a terminal, a line now and then elsewhere.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from core import console, faults
from core.errors import UserError
from core.gan import doctor
from core.gan.doctor import heal
from core.gan.logbook import Logbook
from core.gan.measures import DECISIVE, MEASURES
from core.runs import lifecycle, processes, run_folder, states
from core.runs.run_folder import Run

LOOK_SECONDS = 0.5
LOG_SECONDS = 2.0
LOSSES = {"loss_d": "D", "loss_g": "G", "reconstruction": "error"}
LINES = 20  # of a whole run, where there is no terminal


def add_train(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of `python -m core`."""
    train = commands.add_parser(
        "train",
        help="train a GAN in a run's folder, or resume it",
        description="Train the run in FOLDER as its config.json says, or resume it where it was left. Ctrl-C pauses.",
    )
    train.add_argument("folder", metavar="FOLDER")
    train.add_argument("--check", action="store_true", help="only prepare the images and measure twenty steps")
    train.add_argument(
        "--heal", action="store_true",
        help="stop it when it falls sick, and go on with a branch that tries a cure; its diary tells of it",
    )  # fmt: skip
    train.add_argument("--json", action="store_true", help="print a JSON object a line instead of a bar")
    train.add_argument("--logdir", metavar="LOGS", help="also write there what TensorBoard shows (needs tensorboardX)")
    train.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> None:
    run = Run(Path(options.folder).resolve())
    if run.status == states.DAMAGED:
        raise UserError(f"{options.folder} is not the folder of a run; give one with the config.json of a run.")
    if int(os.environ.get("RANK", 0)):  # `accelerate launch` starts several, and the first one speaks
        _work(run, options.check)
        return
    if options.heal:
        lifecycle.set_healing(run, True)
    while True:
        with _shown(run, options.json, options.logdir):
            branch = _work(run, options.check)
        if options.json:
            _say(json.dumps(_told(run) | {"status": run.status, "result": str(run.result or "") or None}))
        else:
            _say(_outcome(run, branch is not None))
        if branch is None:
            return
        # Where it was begun in a terminal, it goes on there; a page's worker leaves it to the line of all.
        if not options.heal or "RANK" in os.environ:
            _start(branch, run)
            return
        run = branch


def _start(branch: Run, run: Run) -> None:
    """In the place of `run`, which also has its place in the network."""
    about = {"status": states.NEW, **branch.state, "place": run.state.get("place", "")}
    try:
        run_folder.write_state(branch, **about)
        with lifecycle.on_behalf_of(run):
            processes.start(branch)
    except UserError as error:
        heal.note(branch, 0, said=f"{branch.name} could not be started: {error}")
        raise


def _work(run: Run, check_only: bool) -> Run | None:
    from core.gan.worker import work

    return work(run, check_only=check_only)


@contextlib.contextmanager
def _shown(run: Run, as_json: bool = False, logs: str | None = None) -> Iterator[None]:
    """How far it is, while it is at work inside."""
    with contextlib.ExitStack() as open_ones:
        show = _json_lines(run) if as_json else open_ones.enter_context(_bar(run))
        if logs is not None:
            logbook = Logbook(run, Path(logs).absolute())
            open_ones.callback(logbook.close)
            open_ones.enter_context(faults.again(logbook.update, LOG_SECONDS))
        with faults.again(show, LOOK_SECONDS):
            yield
        show()


def _json_lines(run: Run) -> Callable[[], None]:
    last = -1

    def show() -> None:
        nonlocal last
        told = _told(run)
        if told["step"] != last and run.state.get("pid") == os.getpid():
            last = told["step"]
            _say(json.dumps(told))

    return show


def _told(run: Run) -> dict[str, Any]:
    """Where a run is: step, total, message, losses and speed, the newest value of every measure, diagnosis."""
    state, diagnosis = run.state, doctor.diagnose(run)
    scores = {name: list(values.values())[-1] for name, values in run.scores().items()}
    about: dict[str, Any] = {name: state[name] for name in ("seconds", "seconds_left", "message") if name in state}
    metrics = run.metrics()
    losses = {name: value for name, value in metrics[-1].items() if name not in ("step", "seconds")} if metrics else {}
    return {
        "run": run.id, "step": state.get("step", 0), "total": run.request.steps, **about, "losses": losses,
        "scores": scores, "diagnosis": diagnosis.name, "said": diagnosis.sentence,
    }  # fmt: skip


@contextlib.contextmanager
def _bar(run: Run) -> Iterator[Callable[[], None]]:
    """Draws a bar, or a line now and then where there is no terminal; to be called again and again."""
    _say(f"{run.name}: {run.request.steps:,} steps, in {run.path}")
    layout, total = "{percentage:3.0f}% {bar:8} {n:,} of {total:,}{postfix}", run.request.steps
    with tqdm(total=total, disable=None, bar_format=layout, **console.shape()) as bar:
        last, lines = ("", 0), bar.disable

        def show() -> None:
            nonlocal last
            state = run.state
            step, message = state.get("step", 0), state.get("message", "")
            left = f"{state['seconds_left']:.0f} s left" if state.get("seconds_left") is not None else ""
            news = (message.partition(":")[0], step * LINES // run.request.steps)
            if lines and news == last:
                return
            told = ", ".join(filter(None, (left, _signs(run, doctor.written(run)) if left else "")))
            bar.set_postfix_str(message or told, refresh=False)
            bar.update(step - bar.n)
            if lines and state.get("pid") == os.getpid():
                how = f", {told}" if told else ""
                _say(f"{step:,} of {run.request.steps:,} steps{how}" if how or not message else message)
                last = news

        yield show


@functools.lru_cache(1)
def _signs(run: Run, _: tuple[object, ...]) -> str:
    """What the doctor says of it, the measure that decides, and losses, which a narrow terminal may cut off; read anew
    where something was written."""
    metrics, decisive = run.metrics(), run.scores().get(DECISIVE, {})
    losses = metrics[-1] if metrics else {}
    shown = [doctor.diagnose(run).label.lower()]
    shown += [f"{MEASURES[DECISIVE].label} {MEASURES[DECISIVE].shown(value)}" for value in list(decisive.values())[-1:]]
    return ", ".join([*shown, *(f"{label} {losses[name]:.2f}" for name, label in LOSSES.items() if name in losses)])


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # the log's disk is full, which is no reason to end
        print(line, flush=True)


def _outcome(run: Run, given_way: bool) -> str:
    state = run.state
    told = f"{run.name}: {run.status} at step {state.get('step', 0):,}. {state.get('message', '')}".strip()
    if run.status == states.READY:
        return f"{told} All of it takes about {run.budget.get('seconds', 0) / 60:.1f} minutes here."
    if run.result:
        return f"{told} Its generator is in {run.result}."
    if run.status == states.PAUSED and not given_way:
        return f"{told} The same command goes on from there."
    return told
