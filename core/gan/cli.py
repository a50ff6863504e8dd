"""The `train` command of `python -m core`. Importing it does not import torch.

What happens is read from the run's folder, as a page reads it: a bar on a terminal, a line now and then elsewhere.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from core import faults
from core.errors import UserError
from core.runs import states
from core.runs.run_folder import Run

LOOK_SECONDS = 0.5
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
    train.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> None:
    run = Run(Path(options.folder).resolve())
    if run.status == states.DAMAGED:
        raise UserError(f"{options.folder} is not the folder of a run; give one with the config.json of a run.")
    if int(os.environ.get("RANK", 0)):  # `accelerate launch` starts several, and the first one speaks
        _work(run, options.check)
        return
    with _shown(run):
        _work(run, options.check)
    _say(_outcome(run))


def _work(run: Run, check_only: bool) -> None:
    from core.gan.worker import work

    work(run, check_only=check_only)


@contextlib.contextmanager
def _shown(run: Run) -> Iterator[None]:
    """How far it is, while it is at work inside."""
    _say(f"{run.name}: {run.request.steps:,} steps, in {run.path}")
    layout = "{desc} {percentage:3.0f}% {bar} {n:,} of {total:,} steps {postfix}"
    with tqdm(desc=run.name, total=run.request.steps, disable=None, bar_format=layout) as bar:
        last, lines = ("", 0), bar.disable

        def show() -> None:
            nonlocal last
            state = run.state
            step, message = state.get("step", 0), state.get("message", "")
            left = f", {state['seconds_left']:.0f} s left" if state.get("seconds_left") is not None else ""
            bar.set_postfix_str(message or left.removeprefix(", "), refresh=False)
            bar.update(step - bar.n)
            news = (message.partition(":")[0], step * LINES // run.request.steps)
            if lines and news != last and state.get("pid") == os.getpid():
                _say(f"{step:,} of {run.request.steps:,} steps{left}" if left or not message else message)
                last = news

        with faults.again(show, LOOK_SECONDS):
            yield
        show()


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # the log's disk is full, which is no reason to end
        print(line, flush=True)


def _outcome(run: Run) -> str:
    state = run.state
    told = f"{run.name}: {run.status} at step {state.get('step', 0):,}. {state.get('message', '')}".strip()
    if run.status == states.READY:
        return f"{told} All of it takes about {run.budget.get('seconds', 0) / 60:.1f} minutes here."
    if run.result:
        return f"{told} Its generator is in {run.result}."
    if run.status == states.PAUSED:
        return f"{told} The same command goes on from there."
    return told
