"""From a person's pictures to the one array that training reads: check-up, crop, uint8 on disk.

Plain: numpy and PIL, no torch. A source is a folder, a drawn set, or MNIST; what cannot be used is named. All that is
written are three files in the folder given.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import time
from collections import deque
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from core import files
from core.errors import UserError
from core.gan.data import drawn, labels, sources
from core.gan.data.sources import Found
from core.gan.request import TrainRequest
from core.pictures import decoders, images
from core.settings import Progress, settings_of
from core.visitors import policy

MINIMUM = 32  # different pictures: fewer are copied rather than learned from
NEWS = 0.5  # seconds between two words on how far it is
NAMED = 200  # unusable files told one by one; more are only counted
ODD = 2.0  # a side more than twice the other
PREVIEWS = 24
VERY_FEW, SMALL, PLENTY = 200, 1000, 10_000  # pictures: what is said of sets of fewer
AGAINST_COPYING = ("translate", "vary_colour", "cut_out")  # DiffAugment; the first helps larger sets as well

CHANNELS = {"grey": "L", "rgb": "RGB", "rgba": "RGBA"}


@dataclass(frozen=True)
class Report:
    """The check-up. `usable` pictures were written; the other counts say what was seen on the way."""

    source: str
    licence: str
    found: int
    usable: int
    size: int
    channels: int
    duplicates: int = 0  # left out
    too_small: int = 0  # smaller than the size asked for, enlarged
    odd_shapes: int = 0
    grey: int = 0
    transparent: int = 0
    unusable: int = 0
    classes: tuple[str, ...] = ()  # their names, where folders are classes
    problems: tuple[str, ...] = ()  # one sentence for each unusable file, the first `NAMED`


# ---------------------------------------------------------------- one picture


@dataclass(frozen=True)
class Prepared:
    pixels: np.ndarray  # uint8 [size, size, channels]
    too_small: bool
    odd_shape: bool
    grey: bool
    transparent: bool
    label: str = ""


def prepared(picture: Image.Image, request: TrainRequest, label: str = "") -> Prepared:
    """A picture as the network will see it, and what there was to notice."""
    size, mode = request.size, CHANNELS[request.colour]
    width, height = picture.size
    thumb = np.asarray(images.on_white(picture.resize((16, 16), Image.Resampling.BOX))).astype(int)
    fitted = picture.convert("RGBA") if mode == "RGBA" else images.on_white(picture)
    if request.shape == "crop":
        fitted = ImageOps.fit(fitted, (size, size), Image.Resampling.LANCZOS)
    else:
        fitted = ImageOps.pad(fitted, (size, size), Image.Resampling.LANCZOS, (255, 255, 255, 0)[: len(mode)])
    pixels = np.array(fitted.convert(mode)).reshape(size, size, len(mode))
    if mode == "RGBA":
        pixels[pixels[..., 3] == 0] = (255, 255, 255, 0)  # what is behind nothing should not be learned
    return Prepared(
        pixels,
        too_small=min(width, height) < size,
        odd_shape=max(width, height) > ODD * min(width, height),
        grey=bool((thumb.max(-1) - thumb.min(-1)).max() < 12),
        transparent=picture.mode == "RGBA" and bool(np.asarray(picture.getchannel("A")).min() < 255),
        label=label,
    )


def _opened(found: Found, request: TrainRequest) -> tuple[Prepared | UserError, int]:
    """What became of a file, and how many pixels were decoded for it."""
    decoded: list[int] = []
    if request.by_folder and not found.label:
        return UserError(f"{found.name} lies in no folder of its own, so it is of no class; put it in one."), 0
    try:
        # Eight times the side is enough to shrink from, and keep a phone's photo out of memory.
        picture = decoders.pixels(found.open(), found.name, 64 * request.size**2, decoded.append)
        return prepared(picture, request, found.label), sum(decoded)
    except UserError as problem:
        return problem, sum(decoded)


Candidate = Prepared | UserError | None
Candidates = Generator[Candidate, None, None]


def _candidates(source: Mapping[str, Any], request: TrainRequest, run: Path) -> tuple[int, Candidates]:
    """How many candidates a source has, and each as `Prepared`, or as the `UserError` that says what is wrong with it;
    None now and then while one takes its time."""
    match source["kind"]:
        case "drawn":
            count = source["count"]
            pictures = drawn.pictures(source["name"], count, request.size, request.colour == "rgba")
            labelled = zip(pictures, itertools.cycle(drawn.SETS[source["name"]].classes), strict=False)
            return count, (prepared(picture, request, label) for picture, label in labelled)
        case "download":
            arrays, kinds = sources.downloaded(sources.DOWNLOADS[source["name"]])
            arrays = arrays[: policy.limits().images]
            pairs = zip(arrays, kinds, strict=False)
            return len(arrays), (prepared(Image.fromarray(pixels), request, label) for pixels, label in pairs)
        case "folder":
            most = policy.limits().images
            found = list(
                itertools.islice(sources.find(run / source["path"]), most + 1)
            )  # an absolute path replaces `run`
            if len(found) > most:
                raise UserError(f"There are more than {most:,} files; a run takes up to {most:,} here, so give fewer.")
            return len(found), _in_threads(found, request)
    raise ValueError(f"unknown source {source}")


def _in_threads(found: list[Found], request: TrainRequest) -> Candidates:
    """Pictures are decoded elsewhere, so threads help; only so many ahead, so that results do not pile up."""
    most, pixels = policy.limits().images_pixels, 0
    threads, rest = ThreadPoolExecutor(decoders.at_once()), iter(found)
    ahead = deque(threads.submit(_opened, one, request) for one in itertools.islice(rest, 256))
    try:
        while ahead:
            try:
                one, decoded = ahead[0].result(timeout=NEWS)
            except TimeoutError:
                yield None
                continue
            ahead.popleft()
            pixels += decoded
            if most is not None and pixels > most:
                raise UserError(
                    f"The pictures have more than {most // 10**6:,} million pixels in all, the most a run takes here; "
                    "give fewer, or smaller ones."
                )
            yield one
            ahead += (threads.submit(_opened, one, request) for one in itertools.islice(rest, 1))
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        if ahead:  # nobody waits for what is still being decoded
            decoders.end()


# ---------------------------------------------------------------- all of them


def prepare(source: Mapping[str, Any], request: TrainRequest, run: Path) -> Generator[Progress | Report, None, None]:
    """Write `run`/data/images.u8, preview.png, report.json, and labels.u8 where folders are classes; yields `Progress`,
    at last the `Report`.

    `source` is {"kind": "drawn", "name", "count"}, {"kind": "folder", "path"} (absolute, or relative to `run`) or
    {"kind": "download", "name"}. Pictures appear once, duplicates (equal pixels after preparation) are left out.
    Raises `UserError` when fewer than `MINIMUM` different pictures remain.
    """
    folder = files.make_folder(run / "data")
    total, candidates = _candidates(source, request, run)
    counts = dict.fromkeys(("duplicates", "too_small", "odd_shapes", "grey", "transparent", "unusable"), 0)
    problems: list[str] = []
    previews: list[np.ndarray] = []
    seen: set[bytes] = set()
    of: list[str] = []  # the class of each picture written
    with files.writing(folder / "images.u8", "The pictures", sure=True) as file, contextlib.closing(candidates):
        done, told = 0, time.perf_counter()
        for one in candidates:
            done += one is not None
            if one is None or time.perf_counter() - told > NEWS:
                told = time.perf_counter()
                yield Progress(done, total, note="Preparing pictures")
            if one is None:
                continue
            if isinstance(one, UserError):
                counts["unusable"] += 1
                problems += [str(one)] if len(problems) < NAMED else []
                continue
            digest = hashlib.blake2b(one.pixels.tobytes(), digest_size=16).digest()
            if digest in seen:
                counts["duplicates"] += 1
                continue
            seen.add(digest)
            of.append(one.label)
            file.write(one.pixels.tobytes())
            previews += [one.pixels] if len(previews) < PREVIEWS else []
            for name, is_so in (
                ("too_small", one.too_small), ("odd_shapes", one.odd_shape), ("grey", one.grey),
                ("transparent", one.transparent),
            ):  # fmt: skip
                counts[name] += is_so
        if len(seen) < source.get("least", MINIMUM):  # a lab asks for as few as it likes
            raise UserError(_too_few(len(seen), total, counts["duplicates"], problems))
    kinds = labels.numbered(of) if request.by_folder else None
    if kinds:
        labels.write(kinds, folder)
    images.write_png(_sheet(previews), folder / "preview.png", {})
    report = Report(
        source=source.get("label") or _label(source),
        licence=_licence(source),
        found=total,
        usable=len(seen),
        size=request.size,
        channels=len(CHANNELS[request.colour]),
        classes=kinds.names if kinds else (),
        problems=tuple(problems),
        **counts,
    )
    files.write_json(folder / "report.json", asdict(report), "The check-up")
    yield report


def advice(count: int) -> str:
    """What the number of pictures means for training, in words."""
    if count < VERY_FEW:
        return f"{count} pictures are very few: expect variations of them, not new ones."
    if count < SMALL:
        return f"{count} pictures are a small set."
    return f"{count:,} pictures are {'a good number' if count < PLENTY else 'plenty'}."


def missing(count: int, request: TrainRequest) -> tuple[str, ...]:
    """The switches that would help with so few pictures and are off: by the names of their settings."""
    helpful = AGAINST_COPYING if count < VERY_FEW else AGAINST_COPYING[:1] if count < PLENTY else ()
    about = settings_of(request)
    return tuple(name for name in helpful if about[name].applies(request.method) and not getattr(request, name))


def load(run: Path) -> np.ndarray:
    """The prepared pictures, uint8 [N, size, size, channels], mapped from disk: only what is read takes memory."""
    report = read_report(run)
    if report is None or not sound(run):
        raise UserError(f"The pictures of {run.name} are missing or damaged; check the images again.")
    return np.memmap(run / "data" / "images.u8", np.uint8, "r", shape=_shape(report))


def load_labels(run: Path, request: TrainRequest) -> labels.Labels | None:
    """Which class each of them is of, where folders are classes."""
    if not request.by_folder:
        return None
    report = read_report(run)
    found = labels.read(run / "data", report.classes, report.usable) if report else None
    if not found:
        raise UserError(f"The classes of {run.name}'s pictures are missing or damaged; check the images again.")
    return found


def sound(run: Path) -> bool:
    """Whether the prepared pictures are all there, as the check-up says."""
    report = read_report(run)
    try:
        return report is not None and (run / "data" / "images.u8").stat().st_size == np.prod(_shape(report))
    except OSError:
        return False


def fits(run: Path, request: TrainRequest) -> bool:
    """Whether there are pictures, all of them, of the size and colours that a request asks for, and their classes."""
    report = read_report(run)
    if report is None or not sound(run):
        return False
    if request.by_folder and not labels.read(run / "data", report.classes, report.usable):
        return False
    return (report.size, report.channels) == (request.size, len(CHANNELS[request.colour]))


def _shape(report: Report) -> tuple[int, int, int, int]:
    return report.usable, report.size, report.size, report.channels


def read_report(run: Path) -> Report | None:
    """The check-up of a run, or None when there is none (yet)."""
    try:
        written = json.loads((run / "data" / "report.json").read_text(encoding="utf-8"))
        known = {field.name for field in fields(Report)}  # what another version wrote besides is left out
        report = Report(**{name: value for name, value in written.items() if name in known})
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    kinds = {"int": int, "str": str, "tuple[str, ...]": list}
    sound = all(isinstance(getattr(report, field.name), kinds[str(field.type)]) for field in fields(Report))
    return report if sound and all(isinstance(text, str) for text in (*report.problems, *report.classes)) else None


def _sheet(previews: list[np.ndarray]) -> Image.Image:
    times = max(1, 64 // previews[0].shape[0])
    enlarged = [np.squeeze(p.repeat(times, 0).repeat(times, 1)) for p in previews]
    return images.grid([Image.fromarray(p) for p in enlarged], columns=8, gap=2)


def _label(source: Mapping[str, Any]) -> str:
    match source["kind"]:
        case "drawn":
            chosen = drawn.SETS[source["name"]]
            return f"{chosen.label}, {chosen.by}"
        case "download":
            return sources.DOWNLOADS[source["name"]]
    return "own pictures"


def _licence(source: Mapping[str, Any]) -> str:
    if source["kind"] == "drawn":
        return drawn.SETS[source["name"]].licence
    return source.get("licence", "not stated")


def _too_few(usable: int, total: int, duplicates: int, problems: list[str]) -> str:
    reasons = [f"{duplicates} are copies of others"] if duplicates else []
    reasons += [problems[0].rstrip(".")] if problems else []
    why = f" ({'; '.join(reasons)})" if reasons else ""
    return f"{usable} of {total} files can be used{why}; at least {MINIMUM} different pictures are needed, so add more."
