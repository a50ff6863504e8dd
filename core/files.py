"""Where Ganvas keeps things, and how it writes them: whole or not at all.

A file has its name only once all of it is there, so a full disk or a lost process leaves what was there before.
Whatever the system has against writing comes out as one `UserError`: what could not be written, where, why, and what
to do, with the variable that names another folder. Strangers are told neither folder nor variable. Plain: knows
nothing of what is written, and makes no folder before something is.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import platformdirs

from core.errors import UserError
from core.visitors import policy

PART = ".part"  # how the name of what is not complete yet ends

# What the system says: in words, and what one can do.
REASONS = {
    errno.ENOSPC: ("the disk is full", "make room there"),
    errno.EDQUOT: ("this user's share of the disk is used up", "make room there"),
    errno.EFBIG: ("the file would be larger than is allowed here", "raise that limit (ulimit -f)"),
    errno.EACCES: ("that is not allowed there", "allow it"),
    errno.EPERM: ("that is not allowed there", "allow it"),
    errno.EROFS: ("the disk is read-only", "make it writable"),
    errno.ENAMETOOLONG: ("a name is too long", "shorten it"),
    errno.ENOTDIR: ("a file is where a folder should be", "move the file away"),
    errno.EEXIST: ("a file is where a folder should be", "move the file away"),
    errno.EISDIR: ("a folder is where the file should be", "move the folder away"),
    errno.ENOENT: ("there is no such folder", "look whether it was moved or deleted"),
    errno.ELOOP: ("links lead in a circle there", "mend the links"),
    errno.EIO: ("the disk has a fault", "look after the disk"),
    errno.EMFILE: ("too many files are open", "try again in a minute"),
    errno.ENFILE: ("too many files are open", "try again in a minute"),
}
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


# ---------------------------------------------------------------- where


def home() -> Path:
    """Where runs live: `GANVAS_HOME`, or this system's place for a user's data."""
    return _place("GANVAS_HOME", "runs", platformdirs.user_data_path)


def cache() -> Path:
    """Where weights from the Hub are kept: `GANVAS_CACHE`, or this system's place for such things."""
    return _place("GANVAS_CACHE", "weights", platformdirs.user_cache_path)


def uploads() -> Path:
    """Where Gradio keeps what is uploaded and what it hands out."""
    if chosen := os.environ.get("GRADIO_TEMP_DIR"):
        return Path(chosen)
    try:
        return Path(tempfile.gettempdir()) / "gradio"
    except FileNotFoundError:
        raise UserError("No folder for temporary files can be written; let TMPDIR name one.") from None


PLACES = {"GANVAS_HOME": home, "GANVAS_CACHE": cache, "GRADIO_TEMP_DIR": uploads}


def _place(variable: str, what: str, of_system: Callable[..., Path]) -> Path:
    if os.environ.get("HOME") == "":  # which libraries take for the root of the disk; without it they ask the system
        del os.environ["HOME"]
    if chosen := os.environ.get(variable):
        place = Path(os.path.expanduser(chosen))  # not every file of variables is read by a shell
        if not place.parts[0].startswith("~"):
            return place.absolute()  # workers run in another folder
    else:
        place = of_system("ganvas", appauthor=False)
    if not place.is_absolute():  # so it is where the home is not known
        raise UserError(
            f"This user has no home folder for {what}; let HOME name it, or let {variable} name a folder "
            "(GANVAS_HOME is for runs, GANVAS_CACHE for weights)."
        )
    return place


# ---------------------------------------------------------------- what the system has against it


@contextlib.contextmanager
def in_words(what: str, place: Path, done: str = "written to", path: Path | None = None) -> Iterator[None]:
    """An `OSError` inside becomes the sentence "`what` could not be written to `place`: ...". Errors of networks, and
    those that libraries make up themselves, go on as they are. `path` is what is to be there, if not `place`."""
    try:
        yield
    except (ConnectionError, TimeoutError):
        raise
    except OSError as error:
        if error.errno is None:
            raise
        raise UserError(_sentence(what, place, done, error, path or place)) from error


def _sentence(what: str, place: Path, done: str, error: OSError, path: Path) -> str:
    reason, mend = REASONS.get(error.errno or 0, (error.strerror or str(error), "mend that"))
    if policy.public():
        if error.errno in FULL:
            reason, mend = "the disk of this server is full", "delete a run of yours, or try again later"
        elif error.errno != errno.ENAMETOOLONG:
            mend = "please try again later"
        return f"{what} could not be {done.split()[0]}: {reason}; {mend}."
    return f"{what} could not be {done} {place}: {reason}; {mend}, or {_elsewhere(path)}."


def _elsewhere(place: Path) -> str:
    for variable, folder in PLACES.items():
        with contextlib.suppress(UserError):
            if place.is_relative_to(folder()):
                return f"let {variable} name another folder"
    return "choose another place"


# ---------------------------------------------------------------- read


def opened(path: str | os.PathLike) -> BinaryIO:
    """A file, to be read. An `OSError` also where it is none: a pipe would be waited for, a device has no end."""
    if not stat.S_ISREG(mode := os.stat(path).st_mode) and not stat.S_ISDIR(mode):  # folders the system refuses
        raise OSError(errno.ESPIPE, "a pipe or a device, not a file")
    return open(path, "rb")


# ---------------------------------------------------------------- written


def make_folder(path: Path) -> Path:
    """A folder, with those above it, unless it is there."""
    with in_words(f"The folder {path.name}", path.parent, "made in", path):
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def writing(path: Path, what: str = "", *, sure: bool = False) -> Iterator[BinaryIO]:
    """A binary file that gets its name, and replaces what had it, when all is written. With `sure`, it is on the disk
    then, and survives a power cut. `what` it is, in a person's words; else its name says it."""
    part = path.with_name(f".{uuid.uuid4().hex}{PART}")
    try:
        with in_words(what or path.name, path.parent):
            with open(part, "xb") as file:
                yield file
                if sure:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(part, path)
            if sure:
                _sync(path.parent)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes, what: str = "", *, sure: bool = False) -> None:
    with writing(path, what, sure=sure) as file:
        file.write(data)


def write_text(path: Path, text: str, what: str = "", *, sure: bool = False) -> None:
    write_bytes(path, text.encode(), what, sure=sure)


def write_json(path: Path, value: Any, what: str = "", *, sure: bool = False) -> None:
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False), what, sure=sure)


def append(path: Path, text: str, what: str = "") -> None:
    """More at the end of a file: all of it, or what there is no room for leaves it as it was."""
    with in_words(what or path.name, path.parent), open(path, "ab", buffering=0) as file:
        data, before = text.encode(), file.tell()
        try:
            while data:
                data = data[file.write(data) :]
        except OSError:
            file.truncate(before)
            raise


@contextlib.contextmanager
def replacing(folder: Path, what: str = "") -> Iterator[Path]:
    """A new folder to be filled, which takes the place of `folder` when it is."""
    part = folder.with_name(f".{uuid.uuid4().hex}{PART}")
    try:
        with in_words(what or folder.name, folder.parent):
            part.mkdir(parents=True)
            yield part
            old = folder.with_name(f".{uuid.uuid4().hex}{PART}")
            with contextlib.suppress(FileNotFoundError):
                os.rename(folder, old)
            try:
                os.rename(part, folder)
            except OSError:
                with contextlib.suppress(OSError):
                    os.rename(old, folder)
                raise
            shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _sync(folder: Path) -> None:
    """The renaming itself has to reach the disk; Windows cannot open folders and does not need it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
