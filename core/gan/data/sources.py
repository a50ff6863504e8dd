"""Where pictures to train on come from: a folder (zips in it are looked into), or MNIST and its like.

Nothing is ever unpacked to disk, so no name inside an archive can lead anywhere; files are read one by one, within
limits. Knows nothing of what becomes of a picture (`core.gan.data.prepare`).
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import files
from core.errors import UserError
from core.gan.data import torchvision_shim
from core.gan.data.archives import Archives
from core.pictures.decode import called

DOWNLOADS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}


# ---------------------------------------------------------------- what there is


@dataclass(frozen=True)
class Found:
    """One candidate: its name, fit to be shown, and how to get its bytes (or path). Opening may raise `UserError`."""

    name: str
    open: Callable[[], Path | bytes]


def find(folder: Path) -> Iterator[Found]:
    """All files below a folder (or the one file), and all in its zips; hidden ones and links are passed over. A zip in
    a zip is a file like others, and no picture."""
    if not folder.exists():
        raise UserError(f"There is no folder {folder}; give the path of a folder of pictures on this computer.")
    archives = Archives()
    for path in [folder] if folder.is_file() else _walk(folder):
        if zipfile.is_zipfile(path):
            yield from _in_zip(path, archives)
        else:
            yield Found(called(path.name), lambda path=path: path)


def _walk(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(names):
            path = Path(where, name)
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _in_zip(path: Path, archives: Archives) -> Iterator[Found]:
    shown = called(path.name)
    try:
        entries = archives.entries(path)
    except UserError as problem:
        yield Found(shown, _refusal(str(problem)))
        return
    for entry in entries:
        name = entry.filename.replace("\\", "/").rsplit("/", 1)[-1]
        if entry.is_dir() or name.startswith(".") or entry.filename.startswith("__MACOSX"):
            continue
        name = called(name)
        yield Found(name, lambda entry=entry, name=name: archives.read(path, entry, name))


def _refusal(sentence: str) -> Callable[[], bytes]:
    def refuse() -> bytes:
        raise UserError(sentence)

    return refuse


# ---------------------------------------------------------------- one picture


def downloaded(name: str) -> np.ndarray:
    """MNIST and its like through torchvision, kept beside the runs. Needs a network the first time."""
    try:
        sets, folder = torchvision_shim.importable_torchvision().datasets, files.home() / "runs" / ".downloads"
        return getattr(sets, name)(folder, download=True).data.numpy()
    except (ImportError, OSError, RuntimeError) as error:
        raise UserError(f"{name} could not be downloaded ({error}); choose a set that is drawn here.") from error
