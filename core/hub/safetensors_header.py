"""What lies where in a safetensors file, told from its header alone, so that single tensors can be read.

The safetensors package reads files that are here in full; this is for those elsewhere. It believes nothing:
lengths and offsets are checked before a byte more is asked for. Knows neither the Hub nor what tensors are for.
"""

from __future__ import annotations

import json
import math
import typing
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass

from core import amounts
from core.errors import UserError

if typing.TYPE_CHECKING:
    import numpy as np

Read = Callable[[int, int], Generator[bytes, None, None]]  # (start, end) -> those bytes of the file, in pieces

MAX_HEADER = 4 * 2**20
MAX_TENSORS = 5000
POINTER = b"version https://git-lfs"  # how a Git LFS pointer begins
FIRST_READ = 64 * 2**10  # holds the whole header of most files, so that one request is enough
NUMPY = {"F64": "f8", "F32": "f4", "F16": "f2", "BF16": "u2", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1"}
NUMPY |= {"U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1", "BOOL": "b1"}


@dataclass(frozen=True)
class Slot:
    """Where one tensor lies: `start` and `end` count from the beginning of the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    def array(self, data: memoryview) -> np.ndarray:
        """The tensor these bytes stand for. bfloat16, which numpy lacks, is the upper half of a float32."""
        import numpy as np

        values = np.frombuffer(data, "<" + NUMPY[self.dtype]).reshape(self.shape)
        if self.dtype == "BF16":
            return (values.astype(np.uint32) << 16).view(np.float32)
        return values.copy()


def require_content(begin: bytes, name: str) -> None:
    """Raises `UserError` for a file that only says where another one is; `begin` is what it begins with."""
    if begin.startswith(POINTER):
        raise UserError(
            f"{name} is a Git LFS pointer, a note that stands for a file: the weights themselves are not there. Get "
            "them with `git lfs pull`, or where the repository is from."
        )


def read_layout(read: Read, size: int) -> tuple[dict[str, Slot], dict[str, str]]:
    """The slots of a file of `size` bytes, and what it says of itself: 8 bytes of length, header, data
    (huggingface/safetensors, README).

    `ValueError`, as the second half of a sentence about the file, where it is not to be trusted.
    """
    head = b"".join(read(0, min(size, FIRST_READ)))
    require_content(head, "The file")
    length = int.from_bytes(head[:8], "little")
    if size < 8 or 8 + length > size:
        raise ValueError("is shorter than its header")
    if length > MAX_HEADER:
        raise ValueError(f"has a header of {amounts.megabytes(length)}")
    if 8 + length > len(head):
        head += b"".join(read(len(head), 8 + length))
    return parse_header(head[8 : 8 + length], 8 + length, size)


def parse_header(header: bytes, data_start: int, size: int) -> tuple[dict[str, Slot], dict[str, str]]:
    """Slots by name, in the order they lie in the file, and the metadata; `ValueError` as above.

    As the format demands, the tensors fill the file from `data_start` to `size` with neither holes nor overlaps.
    Nobody can thus make us read elsewhere, or allocate more than the file is long.
    """
    slots = {}
    try:
        table = json.loads(header.decode("utf-8"), object_pairs_hook=unique)
        metadata = dict(table.pop("__metadata__", {}))
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("has a header that cannot be read")
        if len(table) > MAX_TENSORS:
            raise ValueError(f"holds {len(table):,} tensors, and Ganvas reads at most {MAX_TENSORS:,}")
        for name, about in table.items():
            start, end = about["data_offsets"]
            dtype, shape = about["dtype"], tuple(about["shape"])
            if dtype not in NUMPY:
                raise ValueError(f"holds numbers of type {str(dtype)[:20]!r}, which Ganvas does not read")
            if any(type(n) is not int or n < 0 for n in (start, end, *shape)) or len(shape) > 32:
                raise ValueError(f"gives {name[:40]!r} a shape or place that makes no sense")
            slots[name] = Slot(dtype, shape, data_start + start, data_start + end)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise ValueError("has a header that cannot be read") from None
    except (TypeError, KeyError, AttributeError):
        raise ValueError("has a header without the fields it needs") from None

    slots = dict(sorted(slots.items(), key=lambda pair: (pair[1].start, pair[1].end)))
    at = data_start
    for name, slot in slots.items():
        if math.prod(slot.shape) * int(NUMPY[slot.dtype][1]) != slot.end - slot.start:
            raise ValueError(f"gives {name[:40]!r} a place that does not fit its shape")
        if slot.start != at:
            raise ValueError("has tensors that overlap or leave holes")
        at = slot.end
    if at != size:
        raise ValueError(f"should be {at} bytes long but is {size}")
    return slots, metadata


def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """For `json.loads`, which else takes the last of several things of one name."""
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("names something twice")
    return dict(pairs)


def coalesced(slots: Mapping[str, Slot], max_gap: int) -> Iterator[dict[str, Slot]]:
    """Slots in their order, grouped so that those no further apart than `max_gap` bytes are read in one go."""
    group: dict[str, Slot] = {}
    at = 0
    for name, slot in slots.items():
        if group and slot.start - at > max_gap:
            yield group
            group = {}
        group[name] = slot
        at = slot.end
    yield group
