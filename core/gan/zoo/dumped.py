"""Tensors and whole modules as `pickle.dump` writes them, read without `pickle.load`, which would do what they say.

Their instructions are followed by our own reader: in the place of a class it puts an inert one, and the few functions
it calls are its own, so that all it makes are dictionaries, inert objects and tensors of bytes that lie in the file.
Knows no files.
"""

from __future__ import annotations

import io
import re
from typing import Any

import torch
from torch import Tensor

from core.gan.zoo import programs
from core.gan.zoo.programs import Follower, Ignored

TORCHS = b"l\xfc\x9cF\xf9 j\xa8P\x19"  # a number that stands at the beginning of what torch itself wrote before 2020
KINDS = {
    "Double": torch.double, "Float": torch.float, "Half": torch.half, "BFloat16": torch.bfloat16, "Long": torch.long,
    "Int": torch.int, "Short": torch.short, "Char": torch.int8, "Byte": torch.uint8, "Bool": torch.bool,
}  # fmt: skip
NEVER = programs.ODD | {"PERSID", "BINPERSID"}
COUNT = 8  # bytes before the numbers of a storage, which say how many there are


def is_one(begin: bytes) -> bool:
    """By its first bytes."""
    return begin[:1] == b"\x80" and not begin.startswith(TORCHS, 4) and not begin.startswith(TORCHS, 13)


def read(data: bytes, name: str) -> Any:
    """What is in a file: a dictionary of tensors, numbers and inert objects, or a lone object. `name` is what to call
    it in messages. `UserError`, or what broken pickles raise."""
    stream = io.BytesIO(data)
    return programs.followed(stream, _Reader(stream, len(data), {}, name), NEVER)


class _Reader(Follower):
    """Makes tensors; `room` is how many bytes of them it may still make."""

    allowed = re.compile(
        programs.ALLOWED.pattern
        + r"|torch\.storage _load_from_bytes|torch\.nn\.backends\.thnn _get_thnn_function_backend"  # modules of 2018
    )

    def find_class(self, module: str, name: str) -> Any:
        self.require_known(f"{module} {name}")
        match name:
            case "_load_from_bytes":
                return self._storage
            case "_get_thnn_function_backend":
                return Ignored
            case "encode":  # of bytes, which are letters to Python 2
                return lambda letters, *_: letters
        return super().find_class(module, name)

    def _storage(self, data: Any) -> Tensor:
        """The numbers that torch wrote into bytes of their own: five pickles, how many there are, the numbers."""
        self.room -= len(data)  # the same bytes may be taken again and again
        if self.room < 0:
            self.refuse()
        data = data.encode("latin1") if isinstance(data, str) else data
        stream = io.BytesIO(data)
        *_, (kind, count), _ = (
            programs.followed(stream, _OfStorage(stream, len(data), {}, self.called)) for _ in range(5)
        )
        numbers = data[stream.tell() + COUNT :]
        if len(numbers) != count * programs.ITEM_BYTES[kind]:
            self.refuse()
        return torch.frombuffer(bytearray(numbers), dtype=KINDS[kind]) if numbers else torch.empty(0)

    def _tensor(self, storage: Any, offset: int, size: tuple, stride: tuple, *_: Any) -> Tensor:
        if not isinstance(storage, Tensor):
            raise ValueError("a tensor of no storage")
        super()._tensor(len(storage), offset, size, stride)
        return storage.as_strided(size, stride, offset)


class _OfStorage(Follower):
    def persistent_load(self, pid: Any) -> tuple[str, int]:
        """What kind of numbers, and how many."""
        return pid[1].removesuffix("Storage"), super().persistent_load(pid)
