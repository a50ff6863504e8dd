"""Where pictures to train on come from: a folder (zips in it are looked into), or MNIST and its like.

Links are followed on one's own computer: a set as the Hub's cache lays it out is nothing else. Where strangers come,
they are named.

Nothing is ever unpacked to disk, so no name inside an archive can lead anywhere; files are read one by one, within
limits. Knows nothing of what becomes of a picture (`core.gan.data.prepare`).
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import files
from core.errors import UserError
from core.gan import classes
from core.gan.data import torchvision_shim
from core.gan.data.archives import Archives
from core.pictures.decode import READERS, called
from core.pictures.kinds import HEAD, kind_of
from core.visitors import policy

DOWNLOADS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}

# What Windows and macOS leave in folders of pictures; an uploaded file's name has lost the dot it began with.
SYSTEM_NAMES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "picasa.ini", "zbthumbnail.info"}
SYSTEM_FOLDERS = {"__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"}  # hold small copies
SYSTEM_HEADS = (b"\0\5\x16\7", b"\0\5\x16\0", b"\0\0\0\1Bud1")  # AppleDouble, AppleSingle, .DS_Store
# In a zip that is something else: of Microsoft, of OpenDocument and EPUB, of Java and Android.
OFFICE = {"[Content_Types].xml", "mimetype", "META-INF/MANIFEST.MF"}


# ---------------------------------------------------------------- what there is


@dataclass(frozen=True)
class Found:
    """One candidate: its name, fit to be shown, and how to get its bytes (or path). Opening may raise `UserError`.
    `label`: the folder it lies in, or the zip, fit to be shown; empty where it lies in none of its own."""

    name: str
    open: Callable[[], Path | bytes]
    label: str = ""


QUOTES = "\"'`<>\u201c\u201d\u2018\u2019"


def typed(path: str) -> Path:
    """The folder that a person means by what they typed, or pasted from a browser, a terminal or a letter. `UserError`
    where there is none."""
    text = path.strip().strip(QUOTES).strip()
    if text.lower().startswith("file:"):
        text = urllib.request.url2pathname(urllib.parse.urlsplit(text).path)
    for meant in (text, os.path.expandvars(text), re.sub(r"\\(.)", r"\1", text)):  # a terminal puts \ before blanks
        folder = Path(meant)
        with contextlib.suppress(RuntimeError):  # nobody's home
            folder = folder.expanduser()
        # Too long, a null character, or in a folder of somebody else's: as good as not there.
        with contextlib.suppress(OSError, ValueError):
            if meant and folder.exists():
                return folder.absolute()
    raise UserError(
        f"There is no folder {text!r} that can be read; give the path of a folder of pictures on this computer."
    )


def find(folder: Path) -> Iterator[Found]:
    """All files below a folder (or the one file), and all in its zips; hidden ones, and those that systems leave in
    folders, are passed over. A zip in a zip is a file like others, and no picture."""
    if not folder.exists():
        raise UserError(f"There is no folder {folder}; give the path of a folder of pictures on this computer.")
    archives = Archives()
    for path, problem in [(folder, "")] if folder.is_file() else _walk(folder):
        name = called(path.name)
        if problem:
            yield Found(name, _refusal(f"{name} {problem}."))
            continue
        kind, left_by_a_system = _looked_at(path)
        if left_by_a_system:
            continue
        if kind in READERS or not zipfile.is_zipfile(path):  # a picture may have a zip behind it
            cut = kind == "a ZIP archive"
            refuse = _refusal(f"{name} is a ZIP archive that breaks off early; copy or download it again.")
            label = "" if path.parent == folder or path == folder else _label(path.parent.name)
            yield Found(name, refuse if cut else functools.partial(Path, path), label)
        else:
            yield from _in_zip(path, archives)


def _label(name: str) -> str:
    return called(name)[: classes.LONGEST].strip()


def _looked_at(path: Path) -> tuple[str, bool]:
    """What a file is, and whether it is one that systems leave in folders."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except OSError:  # whoever opens it will be told
        head = b""
    return kind_of(head), path.name.lower() in SYSTEM_NAMES or head.startswith(SYSTEM_HEADS)


def _walk(folder: Path) -> Iterator[tuple[Path, str]]:
    """The files below a folder, each real folder once, each with what is to be said of it in place of opening it."""
    follow = not policy.public()
    seen: set[str] = set()
    closed: list[OSError] = []
    for where, folders, names in os.walk(folder, onerror=closed.append, followlinks=follow):
        real = os.path.realpath(where)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        links = [] if follow else [name for name in folders if os.path.islink(os.path.join(where, name))]
        folders[:] = sorted(name for name in folders if not _hidden(name) and name not in links)
        for name in sorted([*names, *links]):
            path = Path(where, name)
            if name.startswith("."):
                continue
            if path.is_symlink() and not follow:
                yield path, "is a link, and links are not followed here; give the file itself"
            elif path.is_file():
                yield path, ""
            elif path.is_symlink() and not path.exists():
                yield path, "is a link to a file that is not there; copy the file itself"
    for error in closed:
        yield (
            Path(error.filename),
            f"is a folder that cannot be opened ({error.strerror}); allow it, or copy the pictures",
        )


def _hidden(folder: str) -> bool:
    return (folder.startswith(".") and folder not in (".", "..")) or folder.lower() in SYSTEM_FOLDERS


def _in_zip(path: Path, archives: Archives) -> Iterator[Found]:
    shown = called(path.name)
    try:
        entries = archives.entries(path)
    except UserError as problem:
        yield Found(shown, _refusal(str(problem)))
        return
    if any(entry.filename in OFFICE for entry in entries):
        yield Found(shown, _refusal(f"{shown} is an office document or program; save its pictures by themselves."))
        return
    for entry in entries:
        *above, name = entry.filename.replace("\\", "/").split("/")
        if entry.is_dir() or name.startswith(".") or any(map(_hidden, above)):
            continue
        if name.lower() in SYSTEM_NAMES:
            continue
        name = called(name)
        label = _label(above[-1] if above else path.stem)
        yield Found(name, functools.partial(_inner_of, archives, path, entry, name), label)


def _inner_of(archives: Archives, path: Path, entry: zipfile.ZipInfo, name: str) -> bytes:
    return _inner(archives.read(path, entry, name), name)


def _inner(content: bytes, name: str) -> bytes:
    if kind_of(content[:HEAD]) == "a ZIP archive":
        raise UserError(f"{name} is a ZIP archive inside another; unpack the outer one, and give this one by itself.")
    return content


def _refusal(sentence: str) -> Callable[[], bytes]:
    def refuse() -> bytes:
        raise UserError(sentence)

    return refuse


# ---------------------------------------------------------------- one picture


def downloaded(name: str) -> tuple[np.ndarray, list[str]]:
    """MNIST and its like through torchvision, kept beside the runs: the pictures, and of each its class. Needs a
    network the first time."""
    folder = files.home() / "runs" / ".downloads"
    try:
        sets = torchvision_shim.importable_torchvision().datasets
        with files.in_words(name, folder):
            found = getattr(sets, name)(folder, download=True)
            return found.data.numpy(), [found.classes[number] for number in found.targets]
    except (ImportError, OSError, RuntimeError) as error:
        why = str(error).partition("\n")[0].rstrip(":.")
        raise UserError(f"{name} could not be downloaded ({why}); choose a set that is drawn here.") from error
