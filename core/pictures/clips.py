"""Clips in, clips out: every frame is handed over, and what was made of it goes into a file of the same kind.

A process of its own reads the clip and writes the other one, within limits of memory and time, because what strangers
send is decoded in it (`core.pictures.decoders` has the reasons). It has no secrets; plain pixels go to and fro, one
frame at a time, so that a long clip takes no more memory than a short one. It looks through the whole clip first: then
it is known how long it is, and what its frames have in common. `core.pictures.film` knows how clips are read and
written.

`python -m core.pictures.clips` is such a process.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, BinaryIO

from PIL import Image

from core import amounts, files
from core.errors import UserError
from core.pictures import decoders, film
from core.pictures.images import fit_size
from core.visitors import policy

SAMPLES = 3  # frames that tell what a clip looks like
SMALLEST = 16  # px of the shorter side


class Clip:
    """A clip that was looked through. `size`: width and height its frames have here; `frames`: how many, `seconds`: how
    long; `samples`: some of them. `note` says afterwards what a person has to know."""

    def __init__(self, process: subprocess.Popen, about: Mapping[str, Any], samples: list[Image.Image]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._asked, self._answers, self.samples, self.note = process.stdin, process.stdout, samples, ""
        width, height = about["size"]
        self.size: tuple[int, int] = (width, height)
        self.frames, self.seconds = about["frames"], about["seconds"]

    def pictures(self, palette: Image.Image) -> Iterator[Image.Image]:
        """Frame after frame; each has to be answered by `put` before the next is asked for. `palette`: about the
        colours that what is put has."""
        _send(self._asked, {"go": True}, palette)
        while True:
            about, picture = _received(self._answers)
            if picture is None:
                self.note = about["note"]
                return
            yield picture

    def put(self, picture: Image.Image) -> None:
        """In the place of the frame that was handed over last."""
        _send(self._asked, {"go": True}, picture)

    def end(self) -> None:
        """In place of `put`: what there is, is the clip."""
        _send(self._asked, {"go": False})
        about, _ = _received(self._answers)
        self.note = about["note"]


@contextlib.contextmanager
def repainted(source: str | os.PathLike, name: str, longer: int, target: Path, most: int | None) -> Iterator[Clip]:
    """The clip at `source`, with at most `longer` pixels on its longer side, to be written to `target` anew: the whole
    file or none of it. `most`: frames at most.

    Raises `UserError` where it is no clip, is longer than is allowed, or takes more memory or time than it may.
    """
    limits = policy.limits()
    size = _size(source, name)
    if limits.clip_bytes is not None and size > limits.clip_bytes:
        raise UserError(
            f"{name} is {amounts.megabytes(size)}; up to {amounts.megabytes(limits.clip_bytes)} can be painted here, "
            f"so save it smaller ({policy.ELSEWHERE})."
        )
    with tempfile.TemporaryDirectory(prefix="ganvas-") as folder:
        made = Path(folder) / f"clip{target.suffix.lower()}"
        task = {"source": os.path.abspath(source), "name": name, "longer": longer, "target": str(made), "frames": most,
                "seconds": limits.clip_seconds, "pixels": limits.picture_pixels, "memory": limits.decoder_bytes,
                "time": limits.clip_processor}  # fmt: skip
        with _started() as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                _send(process.stdin, task)
                about, _ = _received(process.stdout)
                samples = [picture for _ in range(about["samples"]) if (picture := _received(process.stdout)[1])]
                yield Clip(process, about, samples)
            except (OSError, EOFError):  # it is gone
                raise UserError(f"{name} takes more memory or time to open than a clip may; save a shorter or smaller "
                                "one.") from None  # fmt: skip
        with files.writing(target) as file, open(made, "rb") as ready:
            shutil.copyfileobj(ready, file)


def _size(source: str | os.PathLike, name: str) -> int:
    with _opened(source, name) as file:
        return file.seek(0, os.SEEK_END)


def _opened(source: str | os.PathLike, name: str) -> BinaryIO:
    try:
        return files.opened(source)
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or "not a file name"
        raise UserError(f"{name} cannot be read ({reason}); choose another file.") from error


@contextlib.contextmanager
def _started() -> Iterator[subprocess.Popen]:
    process = decoders.started("core.pictures.clips")
    try:
        yield process
    finally:
        decoders.ended(process)


# ---------------------------------------------------------------- pictures through a pipe


def _send(pipe: IO[bytes], about: Mapping[str, Any], picture: Image.Image | None = None) -> None:
    body = picture.tobytes() if picture else b""
    shape = {"mode": picture.mode, "shape": picture.size} if picture else {}
    pipe.write(json.dumps({**about, **shape, "bytes": len(body)}).encode() + b"\n")
    pipe.write(body)
    pipe.flush()


def _received(pipe: IO[bytes]) -> tuple[dict[str, Any], Image.Image | None]:
    head = pipe.readline()
    if not head:
        raise EOFError
    about = json.loads(head)
    if "refusal" in about:
        raise UserError(about["refusal"])
    if "errno" in about:
        with files.in_words("The painted clip", Path(tempfile.gettempdir())):
            raise OSError(about["errno"], os.strerror(about["errno"]))
    if "defect" in about:
        raise RuntimeError(about["defect"])
    if "shape" not in about:
        return about, None
    body = pipe.read(about["bytes"])
    if len(body) < about["bytes"]:
        raise EOFError
    return about, Image.frombytes(about["mode"], about["shape"], body)


# ---------------------------------------------------------------- in such a process


def main() -> None:
    asked, answers = decoders.alone()
    task, _ = _received(asked)
    decoders.limit(task["memory"], task["time"])
    try:
        _work(task, asked, answers)
    except (MemoryError, BrokenPipeError, EOFError):  # as if the system had ended it; or nobody asks any more
        return
    except UserError as refusal:
        _send(answers, {"refusal": str(refusal)})
    except OSError as error:
        _send(answers, {"errno": error.errno} if error.errno else {"defect": traceback.format_exc()})
    except Exception:
        _send(answers, {"defect": traceback.format_exc()})


def _work(task: Mapping[str, Any], asked: IO[bytes], answers: IO[bytes]) -> None:
    target = Path(task["target"])
    with _opened(task["source"], task["name"]) as file:
        seen = _looked_through(film.Source(file, task["name"]), task)
    size = fit_size(*seen.size, min(task["longer"], max(seen.size)), minimum=SMALLEST)
    if target.suffix == film.VIDEO:  # colours are stored for two by two pixels
        size = size[0] + size[0] % 2, size[1] + size[1] % 2
    about = {"size": size, "frames": seen.frames, "seconds": float(seen.seconds), "samples": len(seen.samples)}
    _send(answers, about)
    for picture in seen.samples:
        _send(answers, {}, _fitted(picture, size))
    _, palette = _received(asked)
    assert palette is not None, "it comes with the word to go on"
    with _opened(task["source"], task["name"]) as file:
        note = _written(film.Source(file, task["name"]), seen, target, size, task["pixels"], palette, asked, answers)
    _send(answers, {"note": " ".join(filter(None, [_of_size(seen.size, size, task["longer"]), note]))})


def _of_size(there: tuple[int, int], painted: tuple[int, int], longer: int) -> str:
    """What a person has to know of a clip's size."""
    width, height = painted
    if fit_size(*there, max(painted), minimum=SMALLEST) != fit_size(*there, max(painted), minimum=1):
        return (f"The clip is {there[0]} × {there[1]}, too small or narrow to be painted as it is; it was stretched to "
                f"{width} × {height}.")  # fmt: skip
    return f"It is as large as the clip is, {there[0]} × {there[1]}." if longer > max(painted) else ""


@dataclass
class _Seen:
    """What there is in a clip. `size` is that of its first frame, `clear` whether one is see-through."""

    size: tuple[int, int] = (0, 0)
    frames: int = 0
    seconds: Fraction = Fraction(0)
    last: Fraction = Fraction(0)  # s that the last frame is shown
    clear: bool = False
    samples: list[Image.Image] = field(default_factory=list)


def _looked_through(source: film.Source, task: Mapping[str, Any]) -> _Seen:
    seen, every, begins = _Seen(), 1, None
    most, seconds, name = task["frames"], task["seconds"], task["name"]
    for frame in source.frames(task["pixels"]):
        if isinstance(frame, film.Sound):
            continue
        begins = frame.at if begins is None else begins
        seen.size = seen.size if seen.frames else frame.picture.size
        seen.clear = seen.clear or frame.picture.mode == "RGBA"
        seen.last, seen.seconds = frame.lasts, frame.at + frame.lasts - begins
        if seen.frames % every == 0:
            seen.samples.append(frame.picture)
            if len(seen.samples) == 2 * SAMPLES:
                seen.samples, every = seen.samples[::2], 2 * every
        seen.frames += 1
        if not policy.within(seen.frames, most):
            raise UserError(f"{name} has more than {most} frames, which is as many as can be painted here; cut it "
                            f"shorter ({policy.ELSEWHERE}).")  # fmt: skip
        if not policy.within(float(seen.seconds), seconds):
            raise UserError(f"{name} is longer than {seconds:g} seconds, which is as long as can be painted here; cut "
                            f"it shorter ({policy.ELSEWHERE}).")  # fmt: skip
    if seen.frames == 0:
        raise UserError(f"{name} has no frames that can be shown; choose another clip.")
    if seen.frames == 1:
        how = "save that as a PNG or JPEG and paint it" if source.container else "paint it as a photo"
        raise UserError(f"{name} shows one picture only, which does not move; {how}.")
    seen.samples = [seen.samples[k * (len(seen.samples) - 1) // (SAMPLES - 1)] for k in range(SAMPLES)]
    return seen


def _written(
    source: film.Source, seen: _Seen, target: Path, size: tuple[int, int], most: int, palette: Image.Image,
    asked: IO[bytes], answers: IO[bytes],
) -> str:  # fmt: skip
    """Asks for every frame of the source anew, and writes what is answered; -> what there is to know of it."""
    writer, number, at, go = None, 0, Fraction(0), True
    for each in source.frames(most):
        writer = writer or film.writer(target, size, seen.clear, seen.last, source.plays, source.sound, palette)
        if isinstance(each, film.Sound):
            writer.hear(each)
            continue
        _send(answers, {"number": number}, _fitted(each.picture, size))
        about, painted = _received(asked)
        go = about["go"]
        if not go or painted is None:
            break
        writer.show(each._replace(picture=painted))
        number, at = number + 1, each.at + each.lasts
    assert writer is not None, "it was looked through"
    if number:
        writer.close()
    notes = [writer.note]
    if not go:
        notes.append(f"Stopped after {number} of {seen.frames} frames.")
    elif source.breaks_off:
        notes.append(f"The clip is damaged after {float(at):.1f} s; what comes before was painted.")
    return " ".join(filter(None, notes))


def _fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
