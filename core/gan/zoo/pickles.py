"""Tensors out of a .pth, .pt or .bin file, and what a whole module in it says of itself; nothing else.

Such a file is a pickle: a little program that may ask for any function to be called, and for any amount of memory. It
is read three times. First its instructions are listed without following them: not too many, and whatever asks for more
than tensors and objects is refused by name. Then they are followed with stand-ins that make nothing, and check what
each tensor claims to be against the bytes there are. Only then torch loads it, with weights only. In the place of an
object of any other class it is given an inert one (`core.gan.zoo.modules`): no code of the file's is ever called.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
import threading
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core import amounts
from core.errors import UserError
from core.gan.zoo import modules
from core.gan.zoo.modules import Inert, Module
from core.hub.safetensors_header import MAX_TENSORS, POINTER, require_content
from core.visitors import policy

# What torch.save writes for dictionaries of tensors and numbers.
ALLOWED = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_(tensor|tensor_v2|parameter)|torch (\w+Storage|Size|device)"
    r"|torch\.storage (UntypedStorage|TypedStorage)|torch\.nn\.parameter Parameter"
    r"|torch (float|double|half|bfloat|int|uint|long)\d*"
    r"|numpy(\._core|\.core)?\.multiarray (scalar|_reconstruct)|numpy (ndarray|dtype)|_codecs encode"
    r"|(builtins|__builtin__) set"
)
# Classes that a file may name beside: an inert object is made in the place of each of theirs, and none is called. What
# torch would take for something of its own, or never lets through, is not among them.
CLASS = re.compile(
    r"torch\.(nn|optim|utils)\.[\w.]+ \w+|torch\._C\._nn \w+"
    r"|(?!(torch|collections|builtins|__builtin__|_codecs|os|posix|nt|sys|subprocess)\b)[\w.]+ [\w.]+"
)
# Losses that checkpoints keep as numpy's numbers: of no use here, so they are not made, and numpy is not called.
NUMPYS = [f"numpy.{inner}.multiarray.{name}" for inner in ("_core", "core") for name in ("scalar", "_reconstruct")]
ITEM_BYTES = {
    "Double": 8, "Long": 8, "ComplexFloat": 8, "ComplexDouble": 16, "Float": 4, "Int": 4, "Half": 2, "BFloat16": 2,
    "Short": 2, "Char": 1, "Byte": 1, "Bool": 1, "Untyped": 1,
}  # fmt: skip
MAX_PROGRAM = 8 * 2**20  # bytes of instructions; the tensors themselves lie beside them
MAX_STEPS = 1_000_000  # instructions: each may take 64 bytes and a microsecond
MAX_DIMENSIONS = 16
MAX_ATTRIBUTES = 8  # of a dictionary: torch gives its own one
MAX_DEPTH = 4  # dictionaries within dictionaries
MAX_CLASSES, MAX_OBJECTS, MAX_WHOLE = 100, 3000, 50  # in a file
CALLS_BY_NAME = {"STACK_GLOBAL", "INST", "OBJ", "EXT1", "EXT2", "EXT4"}  # never in a file that torch.save wrote
ZIP = b"PK\x03\x04"  # how torch tells its two formats apart
_one_at_a_time = threading.Lock()  # torch keeps what it may make for the whole program


def read(path: Path, name: str) -> Mapping[str, Any]:
    """The dictionary in a file: tensors, numbers, inert objects and dictionaries of them; a lone object is that of "".
    `name` is what to call it in messages."""
    try:
        with open(path, "rb") as file:
            require_content(file.read(len(POINTER)), name)
            file.seek(0)
            zipped = file.read(len(ZIP)) == ZIP
            file.seek(0)
            if zipped:
                classes = _checked_zip(path, name)
            else:  # as torch wrote before 2020: five pickles, then the numbers
                classes = _checked_programs(file.read(MAX_PROGRAM), 5, path.stat().st_size, name)
        ignored = (*NUMPYS, "numpy.ndarray", "numpy.dtype")
        made: list[Any] = [*((_Ignored, of) for of in ignored), *((inert, of) for of, inert in classes.items())]
        with _one_at_a_time, torch.serialization.safe_globals(made):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(f"{name} holds more than tensors and modules; it was not opened.") from None
    except (zipfile.BadZipFile, EOFError, LookupError, TypeError, AttributeError, RuntimeError, MemoryError,
            ValueError, NotImplementedError, OverflowError, AssertionError) as error:  # fmt: skip
        raise UserError(f"{name} is damaged or not a file of weights ({_first_line(error)}).") from None
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


# ---------------------------------------------------------------- looked through before anything is made


def _checked_zip(path: Path, name: str) -> dict[str, type[Inert]]:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        # torch never compresses: what claims to be larger inside than the file itself was made to do harm.
        inside = sum(entry.file_size for entry in entries)
        if inside > min(policy.limits().download_bytes, path.stat().st_size):
            raise UserError(f"{name} would unpack to {amounts.megabytes(inside)}; it was not opened.")
        if len({entry.filename.casefold() for entry in entries}) < len(entries):
            raise UserError(f"{name} holds two things of one name; it was not opened.")
        programs = [entry for entry in entries if entry.filename.casefold().endswith(".pkl")]
        if not programs:
            raise UserError(f"{name} is a zip without tensors in it; it is not a file of weights.")
        if any(entry.filename.endswith("constants.pkl") for entry in programs):
            raise UserError(
                f"{name} is a TorchScript program, which would have to be run; save the network's state_dict() instead."
            )
        if (size := sum(entry.file_size for entry in programs)) > MAX_PROGRAM:
            raise UserError(f"{name} has {amounts.megabytes(size)} of instructions; it was not opened.")
        classes: dict[str, type[Inert]] = {}
        for entry in programs:
            classes |= _checked_programs(archive.read(entry), 1, inside, name)
        return classes


def _checked_programs(data: bytes, number: int, room: int, name: str) -> dict[str, type[Inert]]:
    """The pickles at the beginning of `data`; their tensors' numbers have to fit into `room` bytes. Returns what stands
    for the classes they name."""
    stream, classes = io.BytesIO(data), dict[str, type[Inert]]()
    for _ in range(number):
        begin = stream.tell()
        _list(stream, name)
        end = stream.tell()
        stream.seek(begin)
        _Follower(stream, room, classes, name).load()
        stream.seek(end)
    return classes


def _list(stream: io.BytesIO, name: str) -> None:
    objects = 0
    for step, (instruction, argument, _) in enumerate(pickletools.genops(stream)):
        if step > MAX_STEPS:
            raise UserError(f"{name} has more than {MAX_STEPS:,} instructions; it was not opened.")
        if instruction.name in CALLS_BY_NAME:
            raise UserError(
                f"{name} was not written by torch.save, or calls functions in a way weights never need; it was not "
                "opened. Save the network's state_dict() with torch.save."
            )
        objects += instruction.name == "NEWOBJ"
        if objects > MAX_OBJECTS:
            raise UserError(f"{name} holds more than {MAX_OBJECTS:,} objects; it was not opened.")
        if instruction.name == "GLOBAL" and not (ALLOWED.fullmatch(str(argument)) or CLASS.fullmatch(str(argument))):
            wanted = str(argument).replace(" ", ".")[:80]
            raise UserError(f"{name} wants to call {wanted}; weights never need that, so it was not opened.")


class _Follower(pickle._Unpickler):
    """Follows instructions with stand-ins that make nothing. Not the faster `pickle.Unpickler`: that one believes the
    lengths and places in a file, and reserves memory for them."""

    def __init__(self, stream: io.BytesIO, room: int, classes: dict[str, type[Inert]], name: str):
        super().__init__(stream)
        self.room, self.classes, self.called = room, classes, name
        self.storages: set[str] = set()
        self.pairs = 0

    def find_class(self, module: str, name: str) -> Any:  # only what is ALLOWED or a CLASS comes here
        of = f"{module}.{name}"
        if not ALLOWED.fullmatch(f"{module} {name}"):
            if of not in self.classes and len(self.classes) >= MAX_CLASSES:
                raise UserError(f"{self.called} names more than {MAX_CLASSES} classes; it was not opened.")
            return self.classes.setdefault(of, modules.inert(of))
        match name:
            case "OrderedDict":
                return self._dictionary
            case "_rebuild_tensor" | "_rebuild_tensor_v2":
                return self._tensor
            case "_rebuild_parameter" | "Parameter":
                return lambda tensor, *_: tensor
            case "Size" | "device" | "set":
                return self._small
            case "scalar" | "_reconstruct" | "ndarray" | "dtype" | "encode":
                return _Ignored
        return name  # of storages and types of numbers; whatever calls them fails

    def persistent_load(self, pid: Any) -> int:
        if pid[0] == "module":
            raise UserError(
                f"{self.called} holds a whole module as torch wrote it before 2020, with its code; save the network's "
                "state_dict() instead."
            )
        kind, storage, key, _, numbers = pid[:5]
        item = ITEM_BYTES[storage.removesuffix("Storage")]
        if kind != "storage" or type(numbers) is not int or numbers < 0:
            raise ValueError("a storage that is none")
        if key not in self.storages:
            self.storages.add(key)
            self.room -= numbers * item
        if self.room < 0:
            self._refuse()
        return numbers

    def _dictionary(self, pairs: Any = ()) -> _Dictionary:
        """Made empty, or of a list of pairs, as Python 2 wrote it; again and again, that would fill the memory."""
        self.pairs += len(pairs)
        named = all(isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs)
        if not isinstance(pairs, list | tuple) or self.pairs > MAX_TENSORS or not named:
            self._refuse()
        return _Dictionary(pairs)

    def _tensor(self, numbers: int, offset: int, size: tuple, stride: tuple, *_: Any) -> None:
        whole = (offset, *size, *stride)
        if (
            len(whole) > 2 * MAX_DIMENSIONS
            or len(size) != len(stride)
            or any(type(n) is not int or n < 0 for n in whole)
        ):
            raise ValueError("a tensor of a shape that makes no sense")
        reach = sum((length - 1) * step for length, step in zip(size, stride, strict=True))
        # Strides may make few numbers look like many; they would become many as soon as they are copied.
        if math.prod(size) and (math.prod(size) > numbers or offset + reach >= numbers):
            self._refuse()

    def _small(self, *values: Any) -> None:
        if len(values) > 2 or any(not isinstance(v, int | str) and len(v) > MAX_DIMENSIONS for v in values):
            self._refuse()

    def _refuse(self) -> None:
        raise UserError(f"{self.called} is not sound: it claims to be larger than it is.")


class _Ignored:
    """In the place of a thing of numpy's: takes whatever is told of it, and keeps nothing."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


class _Dictionary(dict):
    """An OrderedDict as torch writes it, with a few attributes."""

    def __setstate__(self, attributes: dict) -> None:
        if len(attributes) > MAX_ATTRIBUTES:
            raise ValueError("a dictionary of too many attributes")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
