"""The `train` command of `python -m core`. Importing it does not import torch."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.errors import UserError
from core.runs import states
from core.runs.run_folder import Run


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

    from core.gan.worker import work

    work(run, check_only=options.check)
