"""Where weights come from: the registry (`weights/registry.toml`), the bundle, the cache, and last of all the Hub.

Weights are data here, never code: safetensors, read as numpy arrays. `fetch_file` brings a whole file; of a large
safetensors file `fetch_tensors` reads the header, then only the tensors that are needed. What was made of them is
kept with `store_tensors` and comes back, checked, with `load_stored`. All is pinned to a commit, and written under a
temporary name that changes when it is complete and its digest right: nothing broken is ever found in the cache.

Knows nothing of networks and layers (`core.perceptual`, `core.gan`), of torch, or how to ask the Hub
(`core.hub.client`).
"""

from __future__ import annotations

import contextlib
import difflib
import fnmatch
import functools
import hashlib
import json
import os
import re
import shutil
import threading
import time
import tomllib
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core import files
from core.errors import UserError
from core.files import PART
from core.hub import client
from core.hub.fetches import OnBytes
from core.hub.safetensors_header import Slot, coalesced, read_layout
from core.visitors import identity, policy

if typing.TYPE_CHECKING:
    import numpy as np

BUNDLE = Path(__file__).resolve().parents[2] / "weights"
MAX_GAP = 2**20  # unneeded bytes between two tensors that are cheaper to read along than a second request


# ---------------------------------------------------------------- the registry


@dataclass(frozen=True)
class Entry:
    """One set of weights. Without `repo`, `file` is a bundled one; with it, `revision` is a full commit."""

    name: str
    title: str
    kind: str  # "features" or "generator"
    file: str
    architecture: str
    licence: str
    size: str
    repo: str = ""
    revision: str = ""
    tensors: tuple[str, ...] = ()  # the names needed, as glob patterns; empty: all
    sha256: str = ""  # of the whole file, where known

    def __post_init__(self) -> None:
        if self.kind not in ("features", "generator"):
            raise ValueError(f"{self.name}: kind is {self.kind!r}")
        if self.repo and not client.COMMIT.fullmatch(self.revision):
            raise ValueError(f"{self.name}: {self.repo} is not pinned to a full commit but to {self.revision!r}")
        if Path(self.file).is_absolute() or ".." in Path(self.file).parts or "\\" in self.file:
            raise ValueError(f"{self.name}: {self.file!r} leads out of its folder")


@functools.cache
def registry() -> dict[str, Entry]:
    """All weights Ganvas knows by name, in the order of the file."""
    table = tomllib.loads((BUNDLE / "registry.toml").read_text(encoding="utf-8"))
    return {
        name: Entry(name, **{key: tuple(value) if isinstance(value, list) else value for key, value in about.items()})
        for name, about in table.items()
    }


def entry(name: str) -> Entry:
    """The entry of that name, or a `UserError` with the nearest one."""
    if name not in registry():
        near = difflib.get_close_matches(name, registry(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(registry())}."
        raise UserError(f"There are no weights called {name!r}; {hint}")
    return registry()[name]


def bundled(name: str) -> Path:
    """The file of bundled weights."""
    path = BUNDLE / entry(name).file
    if entry(name).repo:
        raise UserError(f"{entry(name).title} is not bundled; it has to be fetched from the Hub first.")
    if not path.is_file():
        raise UserError(f"weights/{path.name} is missing from this copy of Ganvas; install it again.")
    return path


# ---------------------------------------------------------------- fetching


def fetch_file(what: str | Entry, progress: OnBytes | None = None) -> Path:
    """A whole file: the bundled one, the one in the cache, or else the Hub's, checked against its digest.

    `what` is a name in the registry or an `Entry` made for any repository (see `client.list_repo` for its commit).
    """
    item = entry(what) if isinstance(what, str) else what
    there = _local(item)
    if there:
        return there
    remote = _look(item)
    _not_too_large(item.file, remote.size)
    sha256, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % remote.size, usedforsecurity=False)
    done = 0
    target = _file_path(item)
    with _writing(target, remote.size) as file, contextlib.closing(client.chunks(remote, 0, remote.size)) as chunks:
        for chunk in chunks:
            file.write(chunk)
            sha256.update(chunk)
            git.update(chunk)
            done += len(chunk)
            if progress:
                progress(done, remote.size)
        expected = {item.sha256, remote.digest} - {""}
        if not expected <= {sha256.hexdigest(), git.hexdigest()}:
            raise UserError(f"{_this(item)} arrived damaged (its digest is wrong); nothing was kept, try again.")
    return target


def fetch_tensors(
    what: str | Entry,
    wanted: Collection[str] | Callable[[str], bool] | None = None,
    progress: OnBytes | None = None,
    first: Callable[[Mapping[str, Slot], Mapping[str, str]], None] | None = None,
) -> dict[str, np.ndarray]:
    """Some tensors of a safetensors file, by name; bfloat16 comes back as float32, all else in its own dtype.

    `wanted` are the names, or a function that picks them; without it, those the entry lists. Of a file on the Hub
    only the header and the bytes of these tensors are read; `first` is shown what is where and the file's metadata,
    before any tensor is read, and may refuse it. A part of a file has no digest of its own: checked here
    are the one the Hub gives for the whole, and the layout against its length; shapes and values, by whoever knows
    the network.
    """
    item = entry(what) if isinstance(what, str) else what
    there = _local(item)
    if there:
        remote, size, read = None, there.stat().st_size, functools.partial(_file_chunks, there)
    else:
        remote = _look(item)
        size, read = remote.size, functools.partial(client.chunks, remote)
    try:
        layout, metadata = read_layout(read, size)
    except ValueError as problem:
        raise UserError(f"{_this(item)} is not a sound safetensors file: it {problem}.") from None
    picked = _pick(item, layout, wanted)
    total = sum(slot.end - slot.start for slot in picked.values())
    _not_too_large(f"What is needed of {item.file}", total)
    if first:
        first(picked, metadata)

    max_gap = MAX_GAP if remote is None or remote.ranged else size
    found, done = {}, 0
    for group in coalesced(picked, max_gap):
        start, end = next(iter(group.values())).start, max(slot.end for slot in group.values())
        data = bytearray()
        with contextlib.closing(read(start, end)) as chunks:
            for chunk in chunks:
                data += chunk
                if progress:
                    progress(min(done + len(data), total), total)
        for name, slot in group.items():
            found[name] = slot.array(memoryview(data)[slot.start - start : slot.end - start])
            done += slot.end - slot.start
    return found


def _look(item: Entry) -> client.RemoteFile:
    remote = client.look(item.repo, item.revision, item.file)
    if item.sha256 and len(remote.digest) == 64 and remote.digest != item.sha256:
        raise UserError(f"{_this(item)} is not the file Ganvas knows (its digest is another); nothing was fetched.")
    return remote


def _this(item: Entry) -> str:
    return f"{item.file} of {item.repo or 'the bundle'}"


def _not_too_large(what: str, size: int) -> None:
    most = policy.limits().download_bytes
    if size > most:
        raise UserError(f"{what} has {policy.megabytes(size)}; Ganvas fetches at most {policy.megabytes(most)} here.")


def _pick(
    item: Entry, layout: dict[str, Slot], wanted: Collection[str] | Callable[[str], bool] | None
) -> dict[str, Slot]:
    if wanted is None:
        picked = [n for n in layout if not item.tensors or any(fnmatch.fnmatchcase(n, t) for t in item.tensors)]
    elif callable(wanted):
        picked = [name for name in layout if wanted(name)]
    else:
        missing = [name for name in wanted if name not in layout]
        if missing:
            raise UserError(f"{_this(item)} has no tensor {missing[0]!r}; it is not {item.architecture}.")
        picked = [name for name in layout if name in set(wanted)]
    if not picked:
        raise UserError(f"{_this(item)} has none of the tensors needed; it is not {item.architecture}.")
    return {name: layout[name] for name in picked}


def _file_chunks(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (chunk := file.read(min(end - start, 2**20))):
            start += len(chunk)
            yield chunk


# ---------------------------------------------------------------- the cache


@dataclass(frozen=True)
class Cached:
    """Something in the cache. `used` is a time as `time.time()` counts it."""

    name: str
    title: str
    path: Path
    size: int
    used: float


cache_dir = files.cache


def cached(name: str) -> Path | None:
    """What the cache has of these weights: the stored tensors, else the fetched file, else None."""
    candidates = [_tensors_path(name)]
    if name in registry() and entry(name).repo:
        candidates.append(_file_path(entry(name)))
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
    with _writing(path, len(data)) as file:
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
    _touch(path)
    return tensors, metadata


def cache_entries() -> list[Cached]:
    """Everything in the cache, the last used first."""
    by_file = {_file_path(item): item for item in registry().values() if item.repo}
    found = []
    for path in sorted(cache_dir().rglob("*")):
        if not path.is_file() or path.name.endswith(PART):
            continue
        where = path.relative_to(cache_dir()).parts
        if where[0] == "tensors":
            name = path.stem
            title = registry()[name].title if name in registry() else name
        elif where[0] == "files" and len(where) > 3:
            name = "/".join((where[1].replace("--", "/", 1), *where[3:])) + "@" + where[2][:8]
            title = by_file[path].title if path in by_file else name
        else:
            continue
        with contextlib.suppress(FileNotFoundError):  # deleted since it was listed
            about = path.stat()
            found.append(Cached(name, title, path, about.st_size, about.st_mtime))
    return sorted(found, key=lambda item: -item.used)


def delete_cached(name: str) -> None:
    """Removes what `cache_entries` lists under that name."""
    matching = [item for item in cache_entries() if item.name == name]
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
    return cache_dir() / "tensors" / f"{name}.safetensors"


def _file_path(item: Entry) -> Path:
    return cache_dir() / "files" / item.repo.replace("/", "--") / item.revision / item.file


def _local(item: Entry) -> Path | None:
    """The file on this computer: bundled, in our cache, or in the one huggingface_hub shares among programs."""
    if not item.repo:
        return bundled(item.name)
    path = _file_path(item)
    if os.path.isfile(path):  # pathlib's raises where a name is too long for any file
        _touch(path)
        return path
    return client.shared(item.repo, item.revision, item.file)


def _digest(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name, values in sorted(tensors.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        digest.update(values.reshape(-1).view("u1"))
    return digest.hexdigest()


def _touch(path: Path) -> None:
    """Notes that it was used. A cache on a read-only disk simply keeps its old time."""
    try:
        os.utime(path)
    except OSError:
        return


@contextlib.contextmanager
def _writing(path: Path, size: int) -> Iterator[typing.BinaryIO]:
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


_room = threading.Lock()
_growing: dict[Path, int] = {}  # files that are being written, and the bytes they will have


def _make_room(path: Path, size: int) -> None:
    """What is being written beside it counts as whole already. Where strangers come, what was not used for the longest
    time makes room; else one of them could fill the cache for all others."""
    coming = sum(whole - part.stat().st_size for part, whole in [*_growing.items()] if part.exists())
    most = policy.limits().cache_bytes
    if most is not None:
        over = identity.size_of(cache_dir()) + coming + size - most
        if over > 0 and size + sum(_growing.values()) <= most:
            for item in reversed(cache_entries()):
                if over > 0 and item.name not in registry() and time.time() - item.used > FRESH:
                    item.path.unlink(missing_ok=True)
                    over -= item.size
        if over > 0:
            raise UserError(f"The {policy.megabytes(most)} for weights from the Hub are full; try again later.")
    free = shutil.disk_usage(path.parent).free - coming
    if size > free:
        raise UserError(
            f"There is no room for {path.name}: it needs {size / 1e6:,.0f} MB and {cache_dir()} has "
            f"{free / 1e6:,.0f} MB; free some, or let GANVAS_CACHE name another folder."
        )
