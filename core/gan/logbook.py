"""What happens in a run, for TensorBoard: losses and measures as scalars, sheets of samples as pictures.

Everything is read from the run's folder, and what was written once is not written again. The writer is tensorboardX's,
which is small and not needed for anything else, so it is asked for only where somebody wants this.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
from PIL import Image

from core import files
from core.errors import UserError
from core.runs.run_folder import Run


class Logbook:
    """Of one run, in `folder`/its id."""

    def __init__(self, run: Run, folder: Path):
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise UserError(
                "--logdir is written by tensorboardX, which is not installed; say `pip install tensorboardX`, or "
                "leave out --logdir."
            ) from error
        place = folder / run.id
        files.make_folder(place)
        with files.in_words("What TensorBoard reads", place):
            self._writer = SummaryWriter(str(place))
        self.run = run
        self._written: dict[str, int] = {}  # up to which step

    def update(self) -> None:
        """Write what is new."""
        for line in self.run.metrics():
            for name, value in line.items():
                if name not in ("step", "seconds"):
                    self._scalar(f"steps/{name}", int(line["step"]), value)
        for name, values in self.run.scores().items():
            for step, value in values.items():
                self._scalar(f"measures/{name}", step, value)
        for step, path in self.run.samples().items():
            if step > self._written.get("samples", -1):
                with contextlib.suppress(OSError), Image.open(path) as sheet:  # thinned out a moment ago
                    self._writer.add_image("samples", np.asarray(sheet.convert("RGB")), step, dataformats="HWC")
                self._written["samples"] = step
        self._writer.flush()

    def _scalar(self, name: str, step: int, value: float) -> None:
        if step > self._written.get(name, -1):
            self._writer.add_scalar(name, value, step)
            self._written[name] = step

    def close(self) -> None:
        self.update()
        self._writer.close()
