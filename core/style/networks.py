"""The feature networks in use: brought from the Hub when they are asked for and missing, loaded once per process."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator

import torch

from core import device as devices
from core import perceptual
from core.errors import UserError
from core.settings import Progress
from core.style import choice


def ensure_downloaded(name: str, stopped: Callable[[], bool]) -> Iterator[Progress]:
    """See to it that network `name` can be loaded; yields progress while VGG-19 is downloaded.

    Raises `UserError` when it cannot be had, or when `stopped()` turns true on the way.
    """
    if choice.available()[name]:
        return
    seen, failed = [0, 0], []

    def progress(done: int, total: int) -> None:
        if stopped():
            raise UserError("Stopped while VGG-19 was being downloaded.")
        seen[:] = done, total

    def fetch() -> None:
        try:
            perceptual.fetch_vgg19(progress)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=fetch, name="ganvas-download", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.3)
        if stopped():  # the download ends by itself at its next piece
            raise UserError("Stopped while VGG-19 was being downloaded.")
        done, total = (round(number / 1e6) for number in seen)
        yield Progress(
            done, max(total, 1), note=f"Downloading VGG-19: {done} of {total} MB" if total else "Asking the Hub"
        )
    if failed:
        raise failed[0]


@functools.cache
def network(name: str, device: torch.device) -> perceptual.FeatureNet:
    """The feature network `name`, loaded once per process and shared: it is frozen."""
    return perceptual.load(name, device=device, dtype=devices.dtype(device))
