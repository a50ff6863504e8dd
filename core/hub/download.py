"""Brings weights here: from the bundle, from the cache, and last of all from the Hub.

Weights are data, never code: safetensors, read as numpy arrays. `fetch_file` brings a whole file; of a large
safetensors file `fetch_tensors` reads the header, then only the tensors that are needed. All is pinned to a commit.
Knows nothing of networks and layers (`core.perceptual`, `core.gan`), of torch, or how to ask the Hub
(`core.hub.client`).
"""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import hashlib
import os
import typing
from collections.abc import Callable, Collection, Generator, Mapping
from pathlib import Path

from core import amounts
from core.errors import UserError
from core.hub import cache, client, fetches, registry
from core.hub.fetches import OnBytes
from core.hub.registry import Entry
from core.hub.safetensors_header import Slot, coalesced, read_layout
from core.visitors import policy

if typing.TYPE_CHECKING:
    import numpy as np

MAX_GAP = 2**20  # unneeded bytes between two tensors that are cheaper to read along than a second request


# ---------------------------------------------------------------- fetching


def listing(repo: str, revision: str = "") -> client.Listing:
    """What a repository of the Hub holds (`client.list_repo`), asked once for all who want to know, few at a time."""
    return fetches.shared(f"list {repo}@{revision}", lambda _: client.list_repo(repo, revision or None))


def fetch_file(what: str | Entry, progress: OnBytes | None = None) -> Path:
    """A whole file: the bundled one, the one in the cache, or else the Hub's, checked against its digest.

    `what` is a name in the registry or an `Entry` made for any repository (see `client.list_repo` for its commit).
    """
    item = registry.entry(what) if isinstance(what, str) else what
    there = _local(item)
    if there:
        return there
    remote = _file_info(item)
    _not_too_large(item.file, remote.size)
    sha256, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % remote.size, usedforsecurity=False)
    done = 0
    target = cache.file_path(item)
    with (
        cache.writing(target, remote.size) as file,
        contextlib.closing(client.chunks(remote, 0, remote.size)) as chunks,
    ):
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
    item = registry.entry(what) if isinstance(what, str) else what
    there = _local(item)
    if there:
        remote, size, read = None, there.stat().st_size, functools.partial(_file_chunks, there)
    else:
        remote = _file_info(item)
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


def _file_info(item: Entry) -> client.RemoteFile:
    remote = client.file_info(item.repo, item.revision, item.file)
    if item.sha256 and len(remote.digest) == 64 and remote.digest != item.sha256:
        raise UserError(f"{_this(item)} is not the file Ganvas knows (its digest is another); nothing was fetched.")
    return remote


def _this(item: Entry) -> str:
    return f"{item.file} of {item.repo or 'the bundle'}"


def _not_too_large(what: str, size: int) -> None:
    most = policy.limits().download_bytes
    if size > most:
        raise UserError(f"{what} has {amounts.megabytes(size)}; Ganvas fetches at most {amounts.megabytes(most)} here.")


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


def _file_chunks(path: Path, start: int, end: int) -> Generator[bytes, None, None]:
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (chunk := file.read(min(end - start, 2**20))):
            start += len(chunk)
            yield chunk


# ---------------------------------------------------------------- the cache


def _local(item: Entry) -> Path | None:
    """The file on this computer: bundled, in our cache, or in the one huggingface_hub shares among programs."""
    if not item.repo:
        return registry.bundled(item.name)
    path = cache.file_path(item)
    if os.path.isfile(path):  # pathlib's raises where a name is too long for any file
        cache.touch(path)
        return path
    return client.in_shared_cache(item.repo, item.revision, item.file)
