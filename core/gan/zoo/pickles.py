"""Tensors out of a .pth, .pt or .bin file, and what a whole module in it says of itself; nothing else.

Such a file is a pickle: a little program that may ask for any function to be called, and for any amount of memory. It
is looked through first (`core.gan.zoo.programs`). Only then torch loads it, with weights only. In the place of an
object of any other class it is given an inert one (`core.gan.zoo.modules`): no code of the file's is ever called.
What `pickle.dump` wrote, which torch does not load so, is read by `core.gan.zoo.dumped`.
"""

from __future__ import annotations

import pickle
import threading
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core import amounts
from core.errors import UserError
from core.gan.zoo import dumped, modules, programs
from core.gan.zoo.modules import Inert, Module
from core.hub.safetensors_header import MAX_TENSORS, POINTER, require_content
from core.visitors import policy

MAX_DEPTH = 4  # dictionaries within dictionaries
ZIP = b"PK\x03\x04"  # how torch tells its two formats apart
_one_at_a_time = threading.Lock()  # torch keeps what it may make for the whole program
MAX_WHOLE = 50  # dictionaries or modules, where there are whole ones


def read(path: Path, name: str) -> Mapping[str, Any]:
    """The dictionary in a file: tensors, numbers, inert objects and dictionaries of them; a lone object is that of "".
    `name` is what to call it in messages."""
    try:
        with open(path, "rb") as file:
            begin = file.read(len(POINTER))
            require_content(begin, name)
            file.seek(0)
            if dumped.is_one(begin):
                return _named(dumped.read(file.read(), name), name)
            if begin.startswith(ZIP):
                classes = _checked_zip(path, name)
            else:  # as torch wrote before 2020: five pickles, then the numbers
                classes = programs.checked(file.read(programs.MAX_PROGRAM), 5, path.stat().st_size, name)
        ignored = (*programs.NUMPYS, "numpy.ndarray", "numpy.dtype")
        made: list[Any] = [*((programs.Ignored, of) for of in ignored), *((inert, of) for of, inert in classes.items())]
        with _one_at_a_time, torch.serialization.safe_globals(made):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(f"{name} holds more than tensors and modules; it was not opened.") from None
    except (zipfile.BadZipFile, EOFError, LookupError, TypeError, AttributeError, RuntimeError, MemoryError,
            ValueError, NotImplementedError, OverflowError, AssertionError) as error:  # fmt: skip
        raise UserError(f"{name} is damaged or not a file of weights ({_first_line(error)}).") from None
    return _named(found, name)


def _named(found: Any, name: str) -> Mapping[str, Any]:
    if isinstance(found, Inert):
        return {"": found}
    if not isinstance(found, Mapping):
        raise UserError(f"{name} holds a {type(found).__name__}, not tensors with names.")
    return found


def opened(found: Mapping[str, Any], name: str) -> tuple[dict[str, dict[str, Tensor]], dict[str, Module]]:
    """Every dictionary of tensors in there, by the way to it ("" for the outermost), the outermost first; that of a
    whole module is what its `state_dict` would be. And all modules of those, by the ways to them, in their order."""
    dictionaries: dict[str, dict[str, Tensor]] = {}
    described: dict[str, Module] = {}
    for whole, (way, tensors, inner) in enumerate(_walk(found, "", set(), name)):
        if inner and whole > MAX_WHOLE:
            raise UserError(f"{name} holds more than {MAX_WHOLE} dictionaries or modules; it was not opened.")
        dictionaries |= {way: tensors} if tensors else {}
        described |= {f"{way}.{at}".strip("."): module for at, module in inner.items()}
    return dictionaries, described


def _walk(
    found: Mapping[str, Any], way: str, seen: set[int], name: str
) -> Iterator[tuple[str, dict[str, Tensor], dict[str, Module]]]:
    seen.add(id(found))  # one dictionary may be named a thousand times, or hold itself
    tensors = {key: value for key, value in found.items() if isinstance(key, str) and isinstance(value, Tensor)}
    if len(tensors) > MAX_TENSORS:
        raise UserError(f"{name} holds {len(tensors)} tensors; Ganvas reads at most {MAX_TENSORS}.")
    yield way, tensors, {}
    for key, value in found.items():
        if not isinstance(key, str) or id(value) in seen or way.count(".") >= MAX_DEPTH:
            continue
        inner = f"{way}.{key}".strip(".")
        if modules.is_module(value):
            seen.add(id(value))
            yield inner, *modules.laid_open(value)
        elif isinstance(value, Mapping | Inert):
            yield from _walk(value if isinstance(value, Mapping) else vars(value), inner, seen, name)


def _checked_zip(path: Path, name: str) -> dict[str, type[Inert]]:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        pickled = [entry for entry in entries if entry.filename.casefold().endswith(".pkl")]
        if not pickled:
            raise UserError(f"{name} is a zip without tensors in it; it is not a file of weights.")
        if any(entry.filename.endswith("constants.pkl") for entry in pickled):
            raise UserError(
                f"{name} is a TorchScript program, which would have to be run; save the network's state_dict() instead."
            )
        # torch never compresses: what claims to be larger inside than the file itself was made to do harm.
        inside = sum(entry.file_size for entry in entries)
        if inside > min(policy.limits().download_bytes, path.stat().st_size):
            raise UserError(f"{name} would unpack to {amounts.megabytes(inside)}; it was not opened.")
        if len({entry.filename.casefold() for entry in entries}) < len(entries):
            raise UserError(f"{name} holds two things of one name; it was not opened.")
        if (size := sum(entry.file_size for entry in pickled)) > programs.MAX_PROGRAM:
            raise UserError(f"{name} has {amounts.megabytes(size)} of instructions; it was not opened.")
        classes: dict[str, type[Inert]] = {}
        for entry in pickled:
            classes |= programs.checked(archive.read(entry), 1, inside, name)
        return classes


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
