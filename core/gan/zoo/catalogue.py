"""Which generators there are, and how they are called. Plain: no torch, nothing is opened here.

    portraits                        one of weights/registry.toml: bundled, or on the Hub
    run:my-run, run:my-run@3000      one of your own, finished or so far; at one of its checkpoints
    hub:owner/name@commit:file       any repository of the Hub; commit and file may be left out, then they are looked up
    file:/home/me/netG.pth           a file of one's own computer, or a folder that Ganvas wrote
    upload:0f3c...                   a file that was handed over to a page, by a digest of it

Behind a foreign file may stand how it is to be read, where it does not tell: hub:owner/name@commit:file:relu,sigmoid.
Such a *reference* stands in requests and recipes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from core import files
from core.errors import UserError
from core.gan import points
from core.gan.data import prepare
from core.gan.methods import ADVERSARIAL
from core.gan.request import SampleRequest
from core.gan.zoo import notes
from core.hub import cache, client, registry
from core.pictures import images
from core.runs import lifecycle
from core.runs.run_folder import Run
from core.settings import Result
from core.visitors import identity, policy

DISCRIMINATOR = "discriminator.safetensors"
SHEET = 8  # rows and columns of the sheet of samples that a generator comes with
FILES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".pkl")
NOT_GENERATORS = re.compile(r"discrim|critic|netd|optim|sched|training_args|classif|inception|(^|[/_.-])d[/_.-]", re.I)
GENERATORS = re.compile(r"gen|netg|ema|(^|[/_.-])g[/_.-]|^model\.safetensors$|^pytorch_model\.bin$", re.I)


@dataclass(frozen=True)
class Choice:
    """A generator that can be sampled now, or after fetching. `where`: "bundled", "run", "hub" or "upload".
    `has_discriminator`: whether its discriminator is there, which can sort its pictures; `classes`: the names that it
    has for them; `readings`: the ways a foreign file can be read, tags -> words, where it does not tell, of which
    whoever is asking has `chosen` one, or none yet."""

    ref: str
    title: str
    where: str
    here: bool = True
    has_discriminator: bool = False
    classes: tuple[str, ...] = ()
    readings: Mapping[str, str] = field(default_factory=dict)
    chosen: str = ""


@dataclass(frozen=True)
class HubRef:
    """hub:repo@revision:file:reading, taken apart; all but the repository may be empty."""

    repo: str
    revision: str = ""
    file: str = ""
    reading: str = ""

    def __str__(self) -> str:
        whole = f"hub:{self.repo}" + (f"@{self.revision}" if self.revision else "")
        return ":".join(part for part in (whole, self.file, self.reading) if part)

    @property
    def pinned(self) -> bool:
        return bool(client.COMMIT.fullmatch(self.revision) and self.file)

    @property
    def stored(self) -> str:
        """The name of what was made of it in the cache."""
        digest = hashlib.blake2b(str(self).encode(), digest_size=6).hexdigest()
        return f"{re.sub(r'[^A-Za-z0-9.-]+', '--', self.repo).lstrip('.-')[:80]}@{self.revision[:8]}-{digest}"


def hub_ref(text: str) -> HubRef:
    """What a person may type: owner/name, hub:owner/name@revision:file, or an address on huggingface.co."""
    if _is_local(text.strip()):
        where = "not opened here" if policy.public() else "opened by the command line: sample ./netG.pth"
        raise UserError(
            f"{client.shown(text.strip())!r} is a file or folder of this computer, and those are {where}; write "
            "run:name for a run of yours, or hub:owner/name for a repository."
        )
    text = re.sub(r"^(hub:|https?://(www\.)?(huggingface\.co|hf\.co)/)", "", text.strip()).rstrip("/")
    text = re.sub(r"^([^/@:]+/[^/@:]+)/(?:tree|blob|resolve)/([^/]+)/?", r"\1@\2:", text).rstrip(":")
    found = re.fullmatch(r"([^@:]+)(?:@([\w./-]+?))?(?::(.+?))?(?::([a-z][a-z\d.,-]*))?", text)
    if not found or ".." in text:
        raise client.not_a_name(text)
    client.require_name(found[1])
    if found[3] and not client.nameable(found[3]):
        raise UserError(
            f"{client.shown(found[3])!r} is no file name that Ganvas reads: up to {client.MAX_NAME} bytes of letters, "
            "numbers and signs that can be seen, no colon or backslash."
        )
    return HubRef(found[1], found[2] or "", found[3] or "", found[4] or "")


@dataclass(frozen=True)
class LocalRef:
    """file:path:reading, taken apart; a file of foreign weights, or a folder that Ganvas wrote."""

    path: Path
    reading: str = ""

    def __str__(self) -> str:
        return f"file:{self.path}" + (self.reading and f":{self.reading}")


def local_ref(text: str) -> LocalRef | None:
    """The file or folder of one's own computer that a person means, or None for another reference. `UserError` when
    there is nothing, and in public mode, where no stranger learns what there is."""
    if text in registry.entries() or text.startswith(("run:", "hub:", "upload:")) or not _is_local(text.strip()):
        return None
    if policy.public():
        hub_ref(text)
    plain = re.sub(r"^file:(//)?", "", text.strip())
    found = re.fullmatch(r"(.+?):([a-z][a-z\d.,-]*)", plain)
    whole, reading = (found[1], found[2]) if found and not os.path.exists(plain) else (plain, "")
    path = Path(whole).expanduser().absolute()
    if not path.is_file() and not (path / "model.safetensors").is_file():
        raise UserError(f"There is no file of weights {whole[:200]!r}, and no folder of a generator; check its name.")
    return LocalRef(path, reading)


def read_as(ref: str, reading: str) -> str:
    """The reference of a file of one's own computer, to be read so; others as they are. `UserError` for a way to read
    what needs none."""
    local = local_ref(ref)
    if reading and not local:
        raise UserError(f"{ref} is not foreign, so there is one way to read it; leave out how.")
    return str(dataclasses.replace(local, reading=reading or local.reading)) if local else ref


def _is_local(text: str) -> bool:
    """Whether a person means a path. What there is on a server's disk is nobody's business: there its form decides."""
    if re.match(r"[./~\\]|file:|[A-Za-z]:[\\/]", text):
        return True
    return not policy.public() and (os.path.isfile(text) or os.path.isfile(os.path.join(text, "model.safetensors")))


def on_hub(ref: str) -> bool:
    """Whether it may have to be fetched. `UserError` for a name that is not known."""
    if local_ref(ref):
        return False
    return not ref.startswith(("run:", "upload:")) and (
        ref.startswith("hub:") or "/" in ref or bool(registry.entry(ref).repo)
    )


def run_ref(ref: str) -> tuple[Run, int | None]:
    """The run of run:id@step, and the step, if one is named."""
    found = re.fullmatch(r"run:([^@/\\]+)(?:@(\d{1,9}))?", ref)
    if not found:
        raise UserError(f"{ref[:100]!r} names no run; write run:name, or run:name@step.")
    return lifecycle.find(found[1]), int(found[2]) if found[2] else None


# ---------------------------------------------------------------- lists


def choices() -> list[Choice]:
    """All generators that can be sampled at once: bundled, own, and those fetched before."""
    return [*bundled(), *own(), *fetched()]


def bundled() -> list[Choice]:
    """Those that come with Ganvas."""
    entries = [e for e in registry.entries().values() if e.kind == "generator" and not e.repo]
    return [
        Choice(
            e.name,
            e.title,
            "bundled",
            has_discriminator=_has_discriminator(bundled_folder(e.name)),
            classes=_classes(bundled_folder(e.name)),
        )
        for e in entries
    ]


def bundled_folder(name: str) -> Path:
    """The folder of a bundled generator: model.safetensors, config.json, samples.png, README.md."""
    return registry.bundled(name).parent


def shipped(request: SampleRequest) -> Result | None:
    """The pictures of a request from the sheet that a bundled generator came with: those of its first seed, made by
    the script that shipped it. To show something while the engine wakes up; another processor may round them
    otherwise. None for all other requests."""
    usual = SampleRequest(request.generator, count=min(request.count, SHEET**2))
    if request != usual or request.generator not in {choice.ref for choice in bundled()}:
        return None
    folder = bundled_folder(request.generator)
    config = json.loads((folder / "config.json").read_text())
    sheet = Image.open(folder / "samples.png").convert("L" if config["channels"] == 1 else None)
    tiles = images.cells(sheet, SHEET, gap=2)[: request.count]
    small = tuple(tile.resize((config["size"],) * 2, Image.Resampling.NEAREST) for tile in tiles)
    return Result(small, request.recipe(points=list(points.of_seed(0, request.count))), 0.0)


def _has_discriminator(folder: Path | None) -> bool:
    return folder is not None and (folder / DISCRIMINATOR).is_file()


def own() -> list[Choice]:
    """Your own runs, newest first: finished ones and those with a checkpoint."""
    return [
        Choice(
            f"run:{r.id}",
            r.name,
            "run",
            has_discriminator=_has_discriminator(r.result) or _learns_with_one(r),
            classes=_classes(r.result) if r.result else _learned_classes(r),
        )
        for r in lifecycle.all_runs()
        if r.result or r.checkpoints()
    ]


def _classes(folder: Path | None) -> tuple[str, ...]:
    with contextlib.suppress(OSError):
        return _named((folder / "config.json").read_text("utf-8")) if folder else ()
    return ()


def _learned_classes(run: Run) -> tuple[str, ...]:
    """Those of a run that has not made its generator yet."""
    with contextlib.suppress(UserError):  # its settings cannot be read
        report = prepare.read_report(run.path)
        return tuple(report.classes) if report and run.request.by_folder else ()
    return ()


def _named(config: str) -> tuple[str, ...]:
    """The classes that a generator's configuration names."""
    with contextlib.suppress(ValueError, AttributeError, RecursionError):  # damaged: who opens it will be told
        classes = json.loads(config).get("classes", ())
        return tuple(map(str, classes)) if isinstance(classes, list) else ()
    return ()


def _learns_with_one(run: Run) -> bool:
    with contextlib.suppress(UserError):  # its settings cannot be read
        return bool(run.checkpoints()) and run.request.method in ADVERSARIAL
    return False


def fetchable() -> list[Choice]:
    """Those of the registry that are on the Hub."""
    entries = [e for e in registry.entries().values() if e.kind == "generator" and e.repo]
    return [Choice(e.name, e.title, "hub", here=cache.find(e.name) is not None) for e in entries]


def fetched() -> list[Choice]:
    """What was fetched from the Hub and understood, the last used first; of strangers, what they themselves fetched."""
    kept = [_metadata(item.path) for item in cache.entries() if item.path.parent.name == "tensors"]
    everybodys, theirs = not policy.public(), _noted_refs()
    return [_kept(about) for about in kept if "generator" in about and (everybodys or about["generator"] in theirs)]


def _kept(about: Mapping[str, str]) -> Choice:
    ref = about["generator"]
    where = "upload" if ref.startswith("upload:") else "hub"
    ways = {way["tags"]: way["says"] for way in json.loads(about.get("readings", "[]"))}
    chosen = said if (said := notes.said("reading", ref)) in ways else ""
    return Choice(f"{ref}:{chosen}" if chosen else ref, about["title"], where, chosen=chosen, readings=ways,
                  has_discriminator="discriminator" in about, classes=_named(about.get("config", "")))  # fmt: skip


def unread(ref: str) -> str:
    """The reference of a file whatever way it is read."""
    return re.sub(r"^((?:hub:[^:]+|upload):[^:]+):[a-z][a-z\d.,-]*$", r"\1", ref)


def choose(ref: str, tags: str) -> str:
    """Read a file so from now on, or "" to be asked again; returns its reference."""
    notes.say("reading", unread(ref), tags or None)
    return as_chosen(ref)


def choose_as(ref: str) -> None:
    """Read a file from now on as this reference does, where it is one of the ways to read it."""
    tags = ref.removeprefix(unread(ref)).removeprefix(":")
    if any(tags in choice.readings for choice in fetched() if unread(choice.ref) == unread(ref)):
        choose(ref, tags)


def as_chosen(ref: str) -> str:
    """The reference of a file in the way that whoever is asking has chosen for it; others as they are."""
    return next((choice.ref for choice in fetched() if unread(choice.ref) == unread(ref)), ref)


def note(ref: str) -> None:
    """Whoever is asking has fetched this generator: in public mode the cache is everybody's, the list is not."""
    if brought(ref):
        return
    files.make_folder(_noted().parent)
    files.append(_noted(), f"{ref}\n", "What you fetched")


def brought(ref: str) -> bool:
    """Whether whoever is asking has fetched this generator, or handed it over, themselves: its reference may be known
    from a recipe of somebody else's. On one's own computer all are one's own."""
    return not policy.public() or ref in _noted_refs()


def _noted_refs() -> list[str]:
    return _noted().read_text("utf-8").splitlines() if _noted().is_file() else []


def _noted() -> Path:
    return identity.place(files.home()) / "fetched.txt"


def _metadata(path: Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError):
        return {}


# ---------------------------------------------------------------- in a repository


def candidates(listing: client.Listing) -> list[client.ListedFile]:
    """The files of a repository that may hold a generator, the likeliest first. `UserError` when there is none."""
    all_files = [file for file in listing.files if file.path.endswith(FILES)]
    files = [file for file in all_files if client.nameable(file.path)]
    wanted = [file for file in files if not NOT_GENERATORS.search(file.path)] or files
    if not wanted and all_files:
        raise UserError(
            f"{listing.repo} has weights only under names that Ganvas does not read "
            f"({client.shown(all_files[0].path)!r}); its owner can rename them."
        )
    if not wanted:
        held = ", ".join(client.shown(file.path) for file in listing.files[:5]) or "nothing"
        raise UserError(f"{listing.repo} has no file of weights that Ganvas reads ({', '.join(FILES)}); it has {held}.")

    def rank(file: client.ListedFile) -> tuple:
        likely = not GENERATORS.search(file.path)
        # Of checkpoints that differ in a number, the last one; before them those that are called the last, or the best.
        family, numbers = re.sub(r"\d+", "", file.path), [-int(number) for number in re.findall(r"\d+", file.path)]
        settled = not re.search(r"final|best|last|latest", file.path, re.I)
        weights = not file.path.endswith(".safetensors")
        return (likely, weights, family.count("/"), settled, len(family), family, numbers, file.path)

    return sorted(wanted, key=rank)
