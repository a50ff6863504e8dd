"""Pickles looked through before anything is made of them: little programs that may ask for any function to be called,
and for any amount of memory.

Their instructions are listed without following them: not too many, and whatever asks for more than tensors and objects
is refused by name. Then they are followed with stand-ins that make nothing, and check what each tensor claims to be
against the bytes there are. Knows no files.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from collections.abc import Callable, Sequence, Set
from typing import Any

from core.errors import UserError
from core.gan.zoo import modules
from core.gan.zoo.modules import Inert
from core.hub.safetensors_header import MAX_TENSORS

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
    r"torch\.(nn|optim|utils|distributions)\.[\w.]+ \w+|torch\._C\._nn \w+"
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
MAX_CLASSES, MAX_OBJECTS = 100, 3000  # in a file
BY_NAME = frozenset({"STACK_GLOBAL"})  # never in a file that torch.save wrote
# In no file of weights: other ways to call, and bytes that are reserved before they are there.
ODD = frozenset({"INST", "OBJ", "EXT1", "EXT2", "EXT4", "BYTEARRAY8", "NEXT_BUFFER", "READONLY_BUFFER"})


def checked(data: bytes, number: int, room: int, name: str) -> dict[str, type[Inert]]:
    """The pickles at the beginning of `data`; their tensors' numbers have to fit into `room` bytes. Returns what stands
    for the classes they name."""
    stream, classes = io.BytesIO(data), dict[str, type[Inert]]()
    for _ in range(number):
        followed(stream, Follower(stream, room, classes, name))
    return classes


def followed(stream: io.BytesIO, follower: Follower, never: Set[str] = BY_NAME | ODD) -> Any:
    """What a follower makes of the pickle that begins here; the stream stands behind it then. `never`: instructions
    that are refused."""
    begin = stream.tell()
    _require_sound(stream, follower, never)
    end = stream.tell()
    stream.seek(begin)
    made = follower.load()
    stream.seek(end)
    return made


def _require_sound(stream: io.BytesIO, follower: Follower, never: Set[str]) -> None:
    objects, name = 0, follower.called
    for step, (instruction, argument, _) in enumerate(pickletools.genops(stream)):
        if step > MAX_STEPS:
            raise UserError(f"{name} has more than {MAX_STEPS:,} instructions; it was not opened.")
        if instruction.name in never:
            raise UserError(
                f"{name} was not written by torch.save, or calls functions in a way weights never need; it was not "
                "opened. Save the network's state_dict() with torch.save."
            )
        objects += instruction.name == "NEWOBJ"
        if objects > MAX_OBJECTS:
            raise UserError(f"{name} holds more than {MAX_OBJECTS:,} objects; it was not opened.")
        if instruction.name == "GLOBAL":
            follower.require_known(str(argument))


def _require_plain(keys: Sequence[Any]) -> None:
    """Tuples of tuples of tuples take for ever to be looked up."""
    if any(isinstance(part, tuple | frozenset) for key in keys if isinstance(key, tuple | frozenset) for part in key):
        raise ValueError("keys within keys")


def _require_object(of: Sequence[Any]) -> None:
    """Only what stands here for an object has a state: a function would keep it for ever."""
    if not isinstance(of[0], Inert | Ignored | Dictionary):
        raise ValueError("a state of what has none")


def _guarded(
    code: bytes, seen: Callable[[list[Any]], Sequence[Any]], require: Callable[[Sequence[Any]], None] = _require_plain
) -> tuple[int, Callable[[Any], None]]:
    """An instruction that is followed only where what it is about to use passes."""
    follow = pickle._Unpickler.dispatch[code[0]]

    def guarded(follower: Any) -> None:
        require(seen(follower.stack))
        follow(follower)

    return code[0], guarded


class Follower(pickle._Unpickler):
    """Follows instructions with stand-ins that make nothing. Not the faster `pickle.Unpickler`: that one believes the
    lengths and places in a file, and reserves memory for them."""

    allowed = ALLOWED
    dispatch = pickle._Unpickler.dispatch | dict([
        _guarded(pickle.SETITEM, lambda stack: stack[-2:-1]), _guarded(pickle.SETITEMS, lambda stack: stack[::2]),
        _guarded(pickle.ADDITEMS, lambda stack: stack), _guarded(pickle.FROZENSET, lambda stack: stack),
        _guarded(pickle.BUILD, lambda stack: stack[-2:-1], _require_object),
    ])  # fmt: skip

    def __init__(self, stream: io.BytesIO, room: int, classes: dict[str, type[Inert]], name: str):
        super().__init__(stream, encoding="latin1")  # of Python 2
        self.room, self.classes, self.called = room, classes, name
        self.storages: set[str] = set()
        self.pairs = 0

    def require_known(self, of: str) -> None:
        """`of`: a module and what it holds, with a space between."""
        if not (self.allowed.fullmatch(of) or CLASS.fullmatch(of)):
            wanted = of.replace(" ", ".")[:80]
            raise UserError(f"{self.called} wants to call {wanted}; weights never need that, so it was not opened.")

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
                return Ignored
        return name  # of storages and types of numbers; whatever calls them fails

    def persistent_load(self, pid: Any) -> Any:
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
            self.refuse()
        return numbers

    def _dictionary(self, pairs: Any = ()) -> Dictionary:
        """Made empty, or of a list of pairs, as Python 2 wrote it; again and again, that would fill the memory."""
        self.pairs += len(pairs)
        named = all(isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs)
        if not isinstance(pairs, list | tuple) or self.pairs > MAX_TENSORS or not named:
            self.refuse()
        return Dictionary(pairs)

    def _tensor(self, numbers: int, offset: int, size: tuple, stride: tuple, *_: Any) -> Any:
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
            self.refuse()

    def _small(self, *values: Any) -> None:
        for value in values:
            if not isinstance(value, int | str):
                _require_plain(value)
                if len(value) > MAX_DIMENSIONS:
                    self.refuse()
        if len(values) > 2:
            self.refuse()

    def refuse(self) -> None:
        raise UserError(f"{self.called} is not sound: it claims to be larger than it is.")


class Ignored:
    """In the place of a thing of numpy's: takes whatever is told of it, and keeps nothing."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


class Dictionary(dict):
    """An OrderedDict as torch writes it, with a few attributes."""

    def __setstate__(self, attributes: dict) -> None:
        if len(attributes) > MAX_ATTRIBUTES:
            raise ValueError("a dictionary of too many attributes")
