"""From a reference to a network that is ready: bundled, one's own, or foreign and understood.

What comes from the Hub is read as data only (`core.gan.zoo.pickles`), understood once (`core.gan.zoo.foreign`), and
kept in the cache as safetensors with its configuration in the header; from then on no network is needed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from core import amounts
from core.errors import UserError
from core.gan import networks
from core.gan.data import prepare
from core.gan.methods import ADVERSARIAL
from core.gan.methods.method import GeneratorNetwork, Network
from core.gan.zoo import catalogue, cost, foreign, model_folder, pickles
from core.gan.zoo.catalogue import HubRef, LocalRef
from core.gan.zoo.layers import Foreign
from core.gan.zoo.modules import Module
from core.hub import cache, client, download, fetches, registry
from core.hub.fetches import OnBytes
from core.hub.registry import Entry
from core.hub.safetensors_header import Slot
from core.runs.run_folder import Run
from core.visitors import policy

SIZES = ("size", "image_size", "img_size", "imsize", "resolution")  # what configurations call a picture's side
Shape = tuple[int, ...]  # of one picture, or of what it is made of
Published = TypeVar("Published", bound=Network)
OURS = {"method", "size", "channels", "latent"}  # in every config.json that Ganvas writes
NOT_KEPT = "That file is not kept here, or no longer; open it again."
FILES_TRIED = 4  # of a repository, until one is a generator


@dataclass(frozen=True, eq=False)
class Loaded:
    """A generator ready to be sampled, on the CPU. `said` tells what was understood of a foreign one, and `open` lists
    what its file leaves open: for each question the ways to read it, tag -> words, the one taken first; `readings`: the
    ways to answer all of them."""

    ref: str
    title: str
    network: GeneratorNetwork
    discriminator: Network | None = None
    said: str = ""
    open: tuple[Mapping[str, str], ...] = ()
    readings: tuple[foreign.Reading, ...] = ()

    @property
    def config(self) -> dict[str, Any]:
        """At least latent, size, channels."""
        return self.network.config

    @functools.cached_property
    def weights(self) -> str:
        """What tells these weights from others of the same generator: of a run that went on, or of a later Ganvas."""
        digest = hashlib.blake2b(digest_size=8)
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(name.encode() + tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def open_generator(ref: str, averaged: bool = True) -> Loaded:
    """The generator of a reference (see `core.gan.zoo.catalogue`), fetched first where that is needed.

    `averaged` chooses between the average of the last steps and the last step, for runs; others have one only.
    """
    if ref.startswith("run:"):
        run, _ = catalogue.run_ref(ref)
        stamp = _stamp(run.path / "result" / "model.safetensors", *run.checkpoints().values())
        return _of_run(run, ref, averaged, stamp)
    if local := catalogue.local_ref(ref):
        return _of_file(local, _stamp(local.path, local.path / "model.safetensors"))
    if catalogue.on_hub(ref):
        name, found = _located(ref)
        pinned = ref if name or found.pinned else fetch(ref)
        return _fetched(pinned, cache.folder())
    if ref.startswith("upload:"):
        stored = _upload_stored(ref)
        if not catalogue.brought(catalogue.unread(ref)):
            raise UserError(NOT_KEPT)
        return _uploaded(ref, stored, cache.folder())
    return _bundled(ref, _stamp(registry.bundled(ref)))


def _stamp(*paths: Path) -> float:
    """Changes when one of the files does, so that a network kept in memory is not an old one."""
    return max((path.stat().st_mtime for path in paths if path.exists()), default=0.0)


# ---------------------------------------------------------------- bundled and own


@functools.lru_cache(8)
def _bundled(name: str, _stamp: float) -> Loaded:
    folder = catalogue.bundled_folder(name)
    return Loaded(name, registry.entry(name).title, model_folder.load(folder), model_folder.load_discriminator(folder))


@functools.lru_cache(4)
def _of_run(run: Run, ref: str, averaged: bool, _stamp: float) -> Loaded:
    _, step = catalogue.run_ref(ref)  # `run` too is what is remembered: equal names are other runs for other visitors
    checkpoints = run.checkpoints()
    if step is None and averaged and run.result:
        return Loaded(ref, run.name, model_folder.load(run.result), model_folder.load_discriminator(run.result))
    if not checkpoints or (step is not None and step not in checkpoints):
        there = ", ".join(map(str, checkpoints)) or "none yet"
        raise UserError(f"{run.name} has no checkpoint at step {step or 'any'}; there are: {there}.")
    network, discriminator = _of_checkpoint(run, step or max(checkpoints), averaged)
    return Loaded(ref, f"{run.name}, step {step or max(checkpoints)}", network, discriminator)


def _of_checkpoint(run: Run, step: int, averaged: bool) -> tuple[GeneratorNetwork, Network | None]:
    labels = prepare.load_labels(run.path, run.request)
    g, d = networks.build(run.request, torch.Generator(), labels.names if labels else ())
    found = pickles.read(run.checkpoints()[step], f"The checkpoint of step {step}")
    try:
        g.load_state_dict(found["average" if averaged else "g"])
        d.load_state_dict(found["d"])
    except (KeyError, RuntimeError, TypeError) as error:
        raise UserError(f"The checkpoint of step {step} of {run.name} is damaged; choose another one.") from error
    judge = d.requires_grad_(False).eval() if run.request.method in ADVERSARIAL else None
    return g.requires_grad_(False).eval(), judge


@functools.lru_cache(4)
def _of_file(local: LocalRef, _stamp: float) -> Loaded:
    if local.path.is_dir():
        network, judge = model_folder.load(local.path), model_folder.load_discriminator(local.path)
        return Loaded(str(local), local.path.name, network, judge)
    tensors, modules = foreign.opened(local.path, local.path.name)
    config = local.path.parent / "config.json"
    beside = _read_config(config.read_bytes()) if config.is_file() else {}
    read = foreign.read(tensors, _size(beside), local.path.name, local.reading, modules)
    return Loaded(str(local), local.path.name, read.network, None, read.said, read.open, read.readings)


# ---------------------------------------------------------------- brought by hand


def take_in(data: bytes, name: str) -> str:
    """Understand a file of foreign weights that somebody hands over, keep it as what comes from the Hub; returns its
    reference. `UserError` for what is no generator; then nothing is kept."""
    if not name.lower().endswith(catalogue.FILES):
        raise UserError(f"{name[:80]} is no file of weights that Ganvas reads; it reads {', '.join(catalogue.FILES)}.")
    if len(data) > policy.limits().download_bytes:
        most = amounts.megabytes(policy.limits().download_bytes)
        raise UserError(f"{name[:80]} has {amounts.megabytes(len(data))}; Ganvas reads at most {most} here.")
    ref = f"upload:{hashlib.blake2b(data, digest_size=16).hexdigest()}"

    def understood(_: OnBytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"weights{Path(name).suffix.lower()}"
            path.write_bytes(data)
            tensors, modules = foreign.opened(path, name)
            read = foreign.read(tensors, None, name, modules=modules)
        _store(_upload_stored(ref), Loaded(ref, name, read.network, None, read.said, read.open, read.readings))

    if not cache.load_stored(_upload_stored(ref)):
        fetches.shared(ref, understood)
    catalogue.note(ref)
    return ref


def _upload_stored(ref: str) -> str:
    """The name of what was made of it in the cache."""
    found = re.fullmatch(r"upload:([0-9a-f]{32})(?::[a-z][a-z\d.,-]*)?", ref)
    if not found:
        raise UserError(f"{ref[:60]!r} names no file that was handed over; open the file again.")
    return f"upload-{found[1]}"


@functools.lru_cache(4)
def _uploaded(ref: str, name: str, _cache: Path) -> Loaded:
    stored = cache.load_stored(name)
    if stored is None:
        raise UserError(NOT_KEPT)
    return _opened(ref, stored, ref.partition(":")[2].partition(":")[2])


# ---------------------------------------------------------------- from the Hub


def fetch(what: str, progress: OnBytes | None = None, reading: str = "") -> str:
    """Bring a generator from the Hub, understand it, keep it; returns its reference, pinned to a commit and a file.

    `reading`: how a foreign file is to be read, where it does not tell (see `core.gan.zoo.foreign`). Nothing is asked
    of the network where that has been done before, and many who ask at once are served by one fetch. Where no file is
    named, the likeliest ones are tried. `UserError` for every fault of the Hub, and for files that hold something else;
    then nothing is kept.
    """
    name, found = _located(what)
    if reading:
        found = dataclasses.replace(found, reading=reading)
    beside: set[str] = set()  # what a foreign repository holds beside the file
    files = [found]
    if not name and not (found.pinned and (cache.load_stored(found.stored) or _left_open(found))):
        listing = download.listing(found.repo, found.revision)
        likely = [found.file] if found.file else [file.path for file in catalogue.candidates(listing)[:FILES_TRIED]]
        files = [HubRef(found.repo, listing.revision, file, found.reading) for file in likely]
        beside = {file.path for file in listing.files}
    found = next((file for file in files if cache.load_stored(name or file.stored)), files[0])
    if not cache.load_stored(name or found.stored) and not _left_open(found):
        found = fetches.shared(name or str(found), lambda progress: _bring(name, files, beside, progress), progress)
    ref = name or str(found)
    catalogue.note(ref)
    return ref


def _bring(name: str, files: Sequence[HubRef], beside: set[str], progress: OnBytes) -> HubRef:
    """Keeps the first of these files that is a generator."""
    reasons: list[foreign.NotUsable] = []
    for found in files:
        try:
            _keep(name, found, beside, progress)
            return found
        except foreign.NotUsable as reason:
            reasons.append(reason)
    raise reasons[0]


def _keep(name: str, found: HubRef, beside: set[str], progress: OnBytes) -> None:
    _store(name or found.stored, _understood(name, found, beside, progress))


def _store(name: str, loaded: Loaded) -> None:
    tensors = {f"g.{key}": value.numpy() for key, value in loaded.network.state_dict().items()}
    about = {
        "generator": loaded.ref, "title": loaded.title, "said": loaded.said, "config": json.dumps(loaded.config),
        "open": json.dumps([dict(question) for question in loaded.open]),
        "readings": json.dumps([dataclasses.asdict(reading) for reading in loaded.readings]),
    }  # fmt: skip
    if loaded.discriminator is not None:
        tensors |= {f"d.{key}": value.numpy() for key, value in loaded.discriminator.state_dict().items()}
        about["discriminator"] = json.dumps(loaded.discriminator.config)
    cache.store_tensors(name, tensors, about)


def _located(what: str) -> tuple[str, HubRef]:
    """The registry's name, if it is one, and where it is."""
    if what in registry.entries():
        entry = registry.entry(what)
        return what, HubRef(entry.repo, entry.revision, entry.file, entry.reading)
    return "", catalogue.hub_ref(what)


@functools.lru_cache(4)
def _fetched(ref: str, _cache: Path) -> Loaded:
    """What is pinned never changes, so it can be kept in memory; of another cache it is another."""
    name, found = _located(fetch(ref))
    stored, reading = cache.load_stored(name or found.stored), ""
    if stored is None:
        stored, reading = _left_open(found), found.reading
    if stored is None:  # removed in between
        raise UserError(f"{found.repo} is no longer in the cache; fetch it again.")
    return _opened(ref, stored, reading)


Stored = tuple[dict[str, np.ndarray], dict[str, str]]


def _left_open(found: HubRef) -> Stored | None:
    """What was kept of a file when it was not said yet how to read it, if this is one of the ways that were left."""
    stored = cache.load_stored(dataclasses.replace(found, reading="").stored) if found.reading else None
    return stored if stored and found.reading in {r["tags"] for r in _ways(stored[1])} else None


def _ways(about: Mapping[str, str]) -> list[dict[str, Any]]:
    return list(json.loads(about.get("readings", "[]")))


def _opened(ref: str, stored: Stored, reading: str) -> Loaded:
    """What was kept, read in one of the ways that were left where there is a `reading`."""
    tensors, about = _torch(stored[0]), stored[1]
    network = _planned(json.loads(about["config"]))
    network = cost.filled(network, {key[2:]: value for key, value in tensors.items() if key.startswith("g.")})
    discriminator = None
    if "discriminator" in about:
        of_discriminator = {key[2:]: value for key, value in tensors.items() if key.startswith("d.")}
        discriminator = model_folder.discriminator(json.loads(about["discriminator"]), of_discriminator)
    if reading:
        way = next((way for way in _ways(about) if way["tags"] == reading), None)
        if way is None or not isinstance(network, Foreign):
            raise UserError(f"{about['title']} cannot be read as {reading[:60]!r}.")
        return Loaded(ref, about["title"], foreign.read_as(network, way["config"]), None, _said(way))
    left_open = tuple(json.loads(about.get("open", "[]")))
    readings = tuple(foreign.Reading(**way) for way in _ways(about))
    return Loaded(ref, about["title"], network, discriminator, about["said"], left_open, readings)


def _said(way: Mapping[str, Any]) -> str:
    return way.get("said") or f"Read with {way['says']}."  # kept before more was said of it


def _planned(config: Mapping[str, Any]) -> GeneratorNetwork:
    if "layers" in config:
        return cost.planned(lambda: Foreign.from_config(config))
    return model_folder.planned_generator(config)


def _torch(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(value) for name, value in arrays.items()}


def _understood(name: str, found: HubRef, beside: set[str], progress: OnBytes | None) -> Loaded:
    entry = registry.entry(name) if name else _entry(found, found.file)
    ref, title = name or str(found), registry.entry(name).title if name else found.repo
    config = _config(found) if "config.json" in beside else {}
    what = f"{found.file} of {found.repo}"
    if config.keys() >= OURS and found.file.endswith(".safetensors"):
        network = _published_generator(entry, config, progress)
        foreign.require_pictures(network, what)
        discriminator = _their_discriminator(found, config) if catalogue.DISCRIMINATOR in beside else None
        said = "Made with Ganvas: its config.json says all there is to know."
        return Loaded(ref, title, network, discriminator, said)
    modules: Mapping[str, Module] = {}
    if found.file.endswith(".safetensors"):
        tensors = {"": _torch(download.fetch_tensors(entry, progress=progress))}
    else:
        path = download.fetch_file(entry, progress)
        try:
            tensors, modules = foreign.opened(path, found.file)
        finally:
            if path.is_relative_to(cache.folder()):
                path.unlink(missing_ok=True)  # what is needed of it is kept as safetensors
    read = foreign.read(tensors, _size(config), what, found.reading, modules)
    return Loaded(ref, title, read.network, None, read.said, read.open, read.readings)


def _size(config: Mapping[str, Any]) -> int | None:
    """The side of pictures that a configuration beside a file tells."""
    return next((config[key] for key in SIZES if type(config.get(key)) is int and config[key] in range(1, 10**4)), None)


def _published_generator(entry: Entry, config: Mapping[str, Any], progress: OnBytes | None) -> GeneratorNetwork:
    def plan(_: Mapping[str, str]) -> tuple[GeneratorNetwork, Shape, Shape]:
        network = model_folder.planned_generator(config)
        latents = network.latents(1, torch.Generator())
        return network, tuple(latents.shape[1:]), (config["channels"], config["size"], config["size"])

    return _published(entry, plan, progress)


def _published_discriminator(entry: Entry) -> Network:
    def plan(metadata: Mapping[str, str]) -> tuple[Network, Shape, Shape]:
        config = model_folder.read_config(metadata["config"])
        return model_folder.planned_discriminator(config), (config["channels"], config["size"], config["size"]), ()

    return _published(entry, plan)


def _published(
    entry: Entry,
    plan: Callable[[Mapping[str, str]], tuple[Published, Shape, Shape]],
    progress: OnBytes | None = None,
) -> Published:
    """A network that Ganvas published. `plan` makes it, without its numbers, given the file's metadata, and tells the
    shapes of what it takes and makes; its configuration is believed only as far as the tensors bear it out, and no
    tensor is read or made before."""
    unfit = UserError(f"{entry.repo} is not a whole generator: its tensors do not fit its config.json.")
    planned: list[Published] = []

    def first(layout: Mapping[str, Slot], metadata: Mapping[str, str]) -> None:
        try:
            network, inputs, outputs = plan(metadata)
            taken, made = cost.of(network, *inputs)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise unfit from error
        cost.check(taken, f"{entry.file} of {entry.repo}")
        shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        if made != outputs or shapes != {name: slot.shape for name, slot in layout.items()}:
            raise unfit
        planned.append(network)

    arrays = download.fetch_tensors(entry, progress=progress, first=first)
    return cost.filled(planned[0], _torch(arrays))


def _their_discriminator(found: HubRef, config: Mapping[str, Any]) -> Network | None:
    """The discriminator that Ganvas published along; one that is damaged, or of other pictures, is left out, as
    sampling works without."""
    entry = _entry(found, catalogue.DISCRIMINATOR)
    try:
        discriminator = _published_discriminator(entry)
    except UserError:
        return None
    return discriminator if all(discriminator.config[name] == config[name] for name in ("size", "channels")) else None


def _config(found: HubRef) -> dict[str, Any]:
    """The config.json beside the file, or an empty one when it is none."""
    remote = client.file_info(found.repo, found.revision, "config.json")
    if remote.size > model_folder.MAX_CONFIG:
        return {}
    return _read_config(b"".join(client.chunks(remote, 0, remote.size)))


def _read_config(text: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        return model_folder.read_config(text)
    return {}


def _entry(found: HubRef, file: str) -> Entry:
    return Entry(
        name=found.stored, title=found.repo, kind="generator", file=file, architecture="a generator", licence="",
        size="", repo=found.repo, revision=found.revision,
    )  # fmt: skip
