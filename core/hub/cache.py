"""What came from the Hub, or was made of it, and is kept: whole files, and tensors under a name of ours.

Written under a temporary name that changes when it is complete and its digest right: nothing broken is ever found
here. Knows nothing of networks and of how to ask the Hub.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import threading
import time
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core import amounts, files
from core.errors import UserError
from core.files import PART
from core.hub import registry
from core.hub.registry import Entry
from core.visitors import identity, policy

if typing.TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Cached:
    """Something in the cache. `used` is a time as `time.time()` counts it."""

    name: str
    title: str
    path: Path
    size: int
    used: float


folder = files.cache


def find(name: str) -> Path | None:
    """What the cache has of these weights: the stored tensors, else the fetched file, else None."""
    candidates = [_tensors_path(name)]
    if name in registry.entries() and registry.entry(name).repo:
        candidates.append(file_path(registry.entry(name)))
    return next((path for path in candidates if os.path.isfile(path)), None)


def store_tensors(name: str, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> Path:
    """Keeps tensors (numpy arrays, or what numpy can view) as `name` in the cache, with a digest over all of it."""
    import numpy as np
    from safetensors.numpy import save

    arrays = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
    metadata = dict(metadata or {})
    metadata["sha256"] = _digest(arrays, metadata)
    data = save(arrays, metadata)
    path = _tensors_path(name)
    with writing(path, len(data)) as file:
        file.write(data)
    return path


def load_stored(name: str) -> tuple[dict[str, np.ndarray], dict[str, str]] | None:
    """What `store_tensors` kept: (tensors, metadata), or None. A damaged file counts as none, and is removed."""
    from safetensors import SafetensorError, safe_open

    path = _tensors_path(name)
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (a safe_open is no dict)
            metadata = dict(file.metadata() or {})
        sound = metadata.pop("sha256", "") == _digest(tensors, metadata)
    except (SafetensorError, OSError):
        sound = False
    if not sound:
        path.unlink(missing_ok=True)
        return None
    touch(path)
    return tensors, metadata


def entries() -> list[Cached]:
    """Everything in the cache, the last used first."""
    by_file = {file_path(item): item for item in registry.entries().values() if item.repo}
    found = []
    for path in sorted(folder().rglob("*")):
        if not path.is_file() or path.name.endswith(PART):
            continue
        where = path.relative_to(folder()).parts
        if where[0] == "tensors":
            name = path.stem
            title = registry.entries()[name].title if name in registry.entries() else name
        elif where[0] == "files" and len(where) > 3:
            name = "/".join((where[1].replace("--", "/", 1), *where[3:])) + "@" + where[2][:8]
            title = by_file[path].title if path in by_file else name
        else:
            continue
        with contextlib.suppress(FileNotFoundError):  # deleted since it was listed
            about = path.stat()
            found.append(Cached(name, title, path, about.st_size, about.st_mtime))
    return sorted(found, key=lambda item: -item.used)


def delete(name: str) -> None:
    """Removes what `entries` lists under that name."""
    matching = [item for item in entries() if item.name == name]
    if not matching:
        raise UserError(f"There is nothing called {name!r} in the cache.")
    for item in matching:
        try:
            item.path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"{item.path} could not be deleted ({error.strerror}); delete it by hand.") from None


FRESH = 600.0  # seconds after its use for which nothing makes room for others
A_DAY = 24 * 3600.0


def _tensors_path(name: str) -> Path:
    if not re.fullmatch(r"\w[\w.@-]*", name):
        raise ValueError(f"{name!r} cannot name a file in the cache")
    return folder() / "tensors" / f"{name}.safetensors"


def file_path(item: Entry) -> Path:
    return folder() / "files" / item.repo.replace("/", "--") / item.revision / item.file


def _digest(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name, values in sorted(tensors.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        digest.update(values.reshape(-1).view("u1").data)
    return digest.hexdigest()


def touch(path: Path) -> None:
    """Notes that it was used. A cache on a read-only disk simply keeps its old time."""
    try:
        os.utime(path)
    except OSError:
        return


@contextlib.contextmanager
def writing(path: Path, size: int) -> Iterator[typing.BinaryIO]:
    """A file that has its name only when it is complete; whatever the disk has against it is a `UserError`."""
    files.make_folder(path.parent)
    for left in path.parent.glob(f"*{PART}"):  # by a process that was killed
        with contextlib.suppress(FileNotFoundError):  # another visitor's fetch, over by now
            if time.time() - left.stat().st_mtime > A_DAY:
                left.unlink()
    with contextlib.ExitStack() as written:
        with _room:
            _make_room(path, size)
            file = written.enter_context(files.writing(path))
            _growing[part := Path(file.name)] = size
            written.callback(_growing.pop, part)
        yield file
        with _room:  # else somebody who counts could miss it between its two names
            written.close()


_room = threading.Lock()
_growing: dict[Path, int] = {}  # files that are being written, and the bytes they will have


def _coming(part: Path, whole: int) -> int:
    """Bytes of a file that are still to be written; none where it has just become whole, or was given up."""
    with contextlib.suppress(FileNotFoundError):
        return whole - part.stat().st_size
    return 0


def _make_room(path: Path, size: int) -> None:
    """What is being written beside it counts as whole already. Where strangers come, what was not used for the longest
    time makes room; else one of them could fill the cache for all others."""
    coming = sum(_coming(part, whole) for part, whole in [*_growing.items()])
    most = policy.limits().cache_bytes
    if most is not None:
        over = identity.size_of(folder()) + coming + size - most
        if over > 0 and size + sum(_growing.values()) <= most:
            for item in reversed(entries()):
                if over > 0 and item.name not in registry.entries() and time.time() - item.used > FRESH:
                    item.path.unlink(missing_ok=True)
                    over -= item.size
        if over > 0:
            raise UserError(f"The {amounts.megabytes(most)} for weights from the Hub are full; try again later.")
    free = shutil.disk_usage(path.parent).free - coming
    if size > free:
        raise UserError(
            f"There is no room for {path.name}: it needs {amounts.megabytes(size)} and {folder()} has "
            f"{amounts.megabytes(free)}; free some, or let GANVAS_CACHE name another folder."
        )
