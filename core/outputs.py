"""Where the pictures of a command go: settled before anything is made, so that nothing of a person's is written over.

A file that is there is replaced only where Ganvas made it and was not given it. Plain: makes folders, and writes no
picture.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from core import files
from core.errors import UserError
from core.pictures import images


def settled(out: str, endings: Sequence[str], given: Iterable[str], *, folder: bool, file: bool = True) -> Path:
    """The file, or the folder (`is_dir()` tells), that `out` names; it can be written, as far as can be known.

    `endings`: those of the files that can be made; `given`: the files that must not be lost. With `folder` a name
    without an ending is a folder's, as every name with a slash behind it is; with `file` one file may hold all.
    """
    if not out.strip():
        raise UserError(f"No place was named after -o; name a folder, or a file that ends in {endings[0]}.")
    path = _at_home(out)
    if out.endswith(("/", os.sep)) or os.path.isdir(path) or (folder and not path.suffix):
        return _writable(files.make_folder(path))
    if not file:
        raise UserError(f"Several pictures would go to {out}; name a folder, with a / behind it.")
    if path.suffix.lower() not in endings:
        allowed = " or ".join([", ".join(endings[:-1]), endings[-1]]) if len(endings) > 1 else endings[0]
        raise UserError(f"The pictures would go to {out}; give a name that ends in {allowed}, or name a folder, with a "
                        "/ behind it.")  # fmt: skip
    for theirs in given:
        with contextlib.suppress(OSError):  # one of them is not there
            if os.path.samefile(path, theirs):
                raise UserError(f"{out} would be written over, and it is {theirs}, which was given; choose another "
                                "name.")  # fmt: skip
    if os.path.exists(path) and not _ours(path):
        raise UserError(f"{out} is there already, and cannot be known to be made by Ganvas; choose another name, or "
                        "move it away.")  # fmt: skip
    _writable(files.make_folder(path.parent))
    with files.in_words(path.name, path.parent), contextlib.suppress(FileNotFoundError):
        os.lstat(path)  # which no name may be too long for
    return path


def _at_home(out: str) -> Path:
    """Not every shell reads ~ in --out=~/a.png; a folder of that name is never meant."""
    path = Path(os.path.expanduser(out))
    if path.parts and path.parts[0].startswith("~") and not os.path.exists(path.parts[0]):
        raise UserError(f"The home folder in {out} is not known; write the whole name of the folder.")
    return path


def _ours(path: Path) -> bool:
    """An empty file holds nothing that could be lost."""
    try:
        return os.path.getsize(path) == 0 or images.read_recipe(path) is not None
    except (OSError, UserError):
        return False


def _writable(folder: Path) -> Path:
    """Told before a painting is made that would be lost."""
    with files.in_words("The pictures", folder), tempfile.TemporaryFile(dir=folder):
        return folder
