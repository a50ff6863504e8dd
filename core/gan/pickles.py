"""Tensors out of a .pth, .pt or .bin file, and nothing else.

Such a file is a pickle: a little program that may ask for any function to be called. It is read twice. First its
instructions are listed without following them, and whatever asks for more than tensors is refused by name; only then
torch loads it, with weights only. Sizes are checked on the way, so that a small file cannot fill the memory.
"""

from __future__ import annotations

import pickle
import pickletools
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from core import policy
from core.errors import UserError

# What torch.save writes for dictionaries of tensors and numbers.
ALLOWED = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_(tensor|tensor_v2|parameter)|torch (\w+Storage|Size|device)"
    r"|torch\.storage (UntypedStorage|TypedStorage)|torch\.nn\.parameter Parameter"
    r"|torch (float|double|half|bfloat|int|uint|long)\d*"
)
MAX_PROGRAM = 8 * 2**20  # bytes of instructions; the tensors themselves lie beside them
MAX_DEPTH = 4  # dictionaries within dictionaries
MAX_TENSORS = 5000
CALLS_BY_NAME = {"STACK_GLOBAL", "INST", "OBJ", "EXT1", "EXT2", "EXT4"}  # never in a file that torch.save wrote


def read(path: Path, name: str) -> Mapping[str, Any]:
    """The dictionary in a file: tensors, numbers and dictionaries of them. `name` is what to call it in messages."""
    try:
        if zipfile.is_zipfile(path):
            _check_zip(path, name)
        else:  # as torch wrote before 2020: several pickles, then the numbers
            with open(path, "rb") as file:
                for _ in range(5):
                    _check_program(file, name)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(f"{name} holds more than tensors ({_first_line(error)}); it was not opened.") from None
    except (zipfile.BadZipFile, EOFError, KeyError, IndexError, TypeError, AttributeError, RuntimeError, MemoryError,
            ValueError, NotImplementedError, OverflowError) as error:  # fmt: skip
        raise UserError(f"{name} is damaged or not a file of weights ({_first_line(error)}).") from None
    if not isinstance(found, Mapping):
        raise UserError(f"{name} holds a {type(found).__name__}, not tensors with names.")
    return found


def dictionaries(found: Mapping[str, Any], name: str) -> dict[str, dict[str, Tensor]]:
    """Every dictionary of tensors in there, by the way to it ("" for the outermost), the outermost first."""
    return {way: tensors for way, tensors in _walk(found, "", set(), name) if tensors}


def _walk(found: Mapping[str, Any], way: str, seen: set[int], name: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
    seen.add(id(found))  # one dictionary may be named a thousand times, or hold itself
    tensors = {key: value for key, value in found.items() if isinstance(key, str) and isinstance(value, Tensor)}
    if len(tensors) > MAX_TENSORS:
        raise UserError(f"{name} holds {len(tensors)} tensors; Ganvas reads at most {MAX_TENSORS}.")
    for key, value in tensors.items():
        # Strides may make few numbers look like many; they would become many as soon as they are copied.
        if value.layout != torch.strided or value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise UserError(f"{name} is not sound: {key[:60]} claims to be larger than it is.")
    yield way, tensors
    for key, value in found.items():
        if isinstance(value, Mapping) and isinstance(key, str) and id(value) not in seen and way.count(".") < MAX_DEPTH:
            yield from _walk(value, f"{way}.{key}".lstrip("."), seen, name)


def _check_zip(path: Path, name: str) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        # torch never compresses: what claims to be larger inside than the file itself was made to do harm.
        inside = sum(entry.file_size for entry in entries)
        if inside > min(policy.limits().download_bytes, path.stat().st_size):
            raise UserError(f"{name} would unpack to {inside / 1e6:,.0f} MB; it was not opened.")
        programs = [entry for entry in entries if entry.filename.endswith(".pkl")]
        if not programs:
            raise UserError(f"{name} is a zip without tensors in it; it is not a file of weights.")
        for entry in programs:
            if entry.file_size > MAX_PROGRAM:
                raise UserError(f"{name} has {entry.file_size / 1e6:.0f} MB of instructions; it was not opened.")
            with archive.open(entry) as file:
                _check_program(file, name)


def _check_program(file: BinaryIO, name: str) -> None:
    for instruction, argument, _ in pickletools.genops(file):
        if instruction.name in CALLS_BY_NAME:
            raise UserError(f"{name} calls functions in a way weights never need; it was not opened.")
        if instruction.name == "GLOBAL" and not ALLOWED.fullmatch(argument):
            wanted = argument.replace(" ", ".")[:80]
            raise UserError(f"{name} wants to call {wanted}; weights never need that, so it was not opened.")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
