"""The processes in which foreign pictures are decoded: so many at once, each with so much memory and time.

A small file can ask a decoder for gigabytes or minutes in more ways than anybody foresees: by its size, its metadata,
the order of its parts. So none runs in the process that asks. The operating system holds the limits, in the middle of
a library's loop as well; what they end costs one picture, in one sentence. A process takes one file after another and
has no secrets: the file's bytes go in, plain pixels come out. `core.pictures.decode` knows what is done in there.

`python -m core.pictures.decoders` is such a process. Each line it is sent is a task, followed by the file.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from PIL import AvifImagePlugin, Image

from core.errors import UserError
from core.pictures import decode
from core.pictures.decode import Source
from core.visitors import identity, policy

ROOT = Path(__file__).resolve().parents[2]
CHUNK = 2**20  # bytes
PATIENCE = 6  # times the processor time a picture may take is waited for it: a busy machine is slower
KEPT = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "SYSTEMROOT")  # of the environment, where tokens stand

# ---------------------------------------------------------------- what is asked for


def pixels(
    source: Source, name: str | None, max_pixels: int, spent: Callable[[int], None] = lambda _: None
) -> Image.Image:
    """The picture as `core.pictures.decode.decoded` gives it. `spent` is told how many pixels were decoded, also in
    vain.

    Waits while as many pictures as allowed are being decoded. Raises `UserError`, also where a picture takes more
    memory or time than it may, and where the wait is too long.
    """
    with decode.recognised(source, name) as (file, size, kind, name):
        most = policy.limits().picture_pixels
        task = {"kind": kind, "name": name, "size": size, "max_pixels": max_pixels, "most": most}
        answer, body = _answer(task, file, spent)
    return Image.frombytes(answer["mode"], answer["shape"], body)


def text(source: Source, name: str | None, keyword: str) -> tuple[str | None, str]:
    """What a PNG says under a keyword, None where it says nothing; and what to call the file. Decodes no pixels."""
    with decode.recognised(source, name) as (file, size, kind, name):
        answer, _ = _answer({"kind": kind, "name": name, "size": size, "keyword": keyword}, file)
    return (answer["text"] if kind == "PNG" else None), name


def _answer(
    task: dict[str, Any], file: BinaryIO, spent: Callable[[int], None] = lambda _: None
) -> tuple[dict[str, Any], bytes]:
    limits = policy.limits()
    task |= {"memory": limits.decoder_bytes, "seconds": limits.decoder_seconds}
    with _process(task["name"]) as process:
        try:
            answer, body = _asked(process, task, file)
        except (OSError, EOFError):  # it is gone
            process.kill()
            spent(task.get("most", 0))
            raise UserError(
                f"{task['name']} takes more memory or time to open than a picture may; open it elsewhere and save it "
                "as PNG or JPEG."
            ) from None
    spent(answer.get("pixels", 0))
    if "refusal" in answer:
        raise UserError(answer["refusal"])
    if "defect" in answer:
        raise RuntimeError(answer["defect"])
    return answer, body


def _asked(process: subprocess.Popen, task: dict[str, Any], file: BinaryIO) -> tuple[dict[str, Any], bytes]:
    assert process.stdin is not None
    assert process.stdout is not None
    seconds = task["seconds"]
    late = threading.Timer(PATIENCE * seconds, process.kill) if seconds else None
    if late:
        late.daemon = True
        late.start()
    try:
        process.stdin.write(json.dumps(task).encode() + b"\n")
        left = task["size"]
        while left:
            part = file.read(min(left, CHUNK))
            if not part:  # shorter than it was
                raise EOFError
            process.stdin.write(part)
            left -= len(part)
        process.stdin.flush()
        head = process.stdout.readline()
        if not head:
            raise EOFError
        answer = json.loads(head)
        body = process.stdout.read(answer["bytes"])
        if len(body) < answer["bytes"]:
            raise EOFError
        return answer, body
    finally:
        if late:
            late.cancel()


# ---------------------------------------------------------------- so many at once


@dataclass(eq=False)
class _Turn:
    """A picture's place in the line, and then its process."""

    address: str
    process: subprocess.Popen | None = None
    ended: bool = False  # by `end`: the process may seem alive for a moment, and would not answer the next picture


_changed = threading.Condition()
_line: list[_Turn] = []  # who waits, in the order they came
_busy: list[_Turn] = []
_served: dict[str, int] = {}  # when the addresses of these had their last turn
_numbers = itertools.count(1)
_idle: list[subprocess.Popen] = []


def at_once() -> int:
    """How many pictures may be decoded at the same time here."""
    return policy.limits().decoders or min(os.cpu_count() or 1, 8)


@contextlib.contextmanager
def _process(name: str) -> Iterator[subprocess.Popen]:
    """A process that nobody else uses meanwhile. Addresses take turns; within one, who comes first is served first."""
    limits = policy.limits()
    me = _Turn(identity.address())
    with _changed:
        nearby = sum(other.address == me.address != "" for other in [*_line, *_busy])
        if not policy.within(nearby + 1, limits.decoder_line_address):
            raise UserError(
                f"{nearby} pictures from your network are being opened, so {name} has to wait; try again in a minute."
            )
        if not policy.within(len(_line) + len(_busy) + 1 - at_once(), limits.decoder_line):
            raise UserError(f"Many pictures are being opened here, so {name} has to wait; try again in a minute.")
        _line.append(me)
        try:
            if not _changed.wait_for(lambda: len(_busy) < at_once() and _next() is me, limits.decoder_wait):
                raise UserError(
                    f"Many pictures are being opened here, and {name} waited {limits.decoder_wait:g} seconds for its "
                    "turn; try again in a minute."
                )
            me.process = _idle.pop() if _idle else None
            _busy.append(me)
            _served[me.address] = next(_numbers)
        finally:
            _line.remove(me)
            _forget(me.address)
            _changed.notify_all()
    try:
        if me.process is None or me.process.poll() is not None:  # none yet, or it has died meanwhile
            ended(me.process)
            me.process = started("core.pictures.decoders")
        yield me.process
    except BaseException:
        ended(me.process)  # whatever it is doing, its next answer would not be to the next task
        raise
    finally:
        with _changed:
            _busy.remove(me)
            _forget(me.address)
            if me.ended:
                ended(me.process)
            elif me.process and me.process.returncode is None:
                _idle.append(me.process)
            _changed.notify_all()


def _next() -> _Turn:
    """Whose turn it is: at the address that was not served for longest, who came first."""
    return min(_line, key=lambda turn: _served.get(turn.address, 0))


def _forget(address: str) -> None:
    """When its last turn was, once nobody there waits for another."""
    if not any(turn.address == address for turn in [*_line, *_busy]):
        _served.pop(address, None)


def started(module: str) -> subprocess.Popen:
    """A process of its own for a module's `main`, without this one's secrets; to be `ended`."""
    atexit.register(end)
    own = {name: os.environ[name] for name in KEPT if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", module], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env={**own, "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
    )  # fmt: skip


def ended(process: subprocess.Popen | None) -> None:
    if process:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):  # what was not sent yet
                if pipe:
                    pipe.close()


def end() -> None:
    """End all these processes: who waits for one gets a `UserError`. They are started again when they are needed."""
    with _changed:
        for turn in _busy:
            if turn.process:
                turn.ended = True
                turn.process.kill()
        while _idle:
            ended(_idle.pop())


# ---------------------------------------------------------------- in such a process


def alone() -> tuple[BinaryIO, BinaryIO]:
    """This process is such a one from now on; -> what it is sent, and where its answers go."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asked
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # pyrefly: ignore[bad-assignment]  # each takes memory, and several pictures are decoded at once
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    return sys.stdin.buffer, answers


def main() -> None:
    files, answers = alone()
    while line := files.readline():
        task = json.loads(line)
        data = files.read(task["size"])
        limit(task["memory"], task["seconds"])
        answer: dict[str, Any] = {"pixels": 0}
        body = b""
        try:
            body = _done(task, io.BytesIO(data), answer)
        except MemoryError:
            return  # as if the system had ended it
        except UserError as refusal:
            answer["refusal"] = str(refusal)
        except Exception:
            answer["defect"] = traceback.format_exc()
        limit(None, None)
        answers.write(json.dumps({**answer, "bytes": len(body)}).encode() + b"\n" + body)
        answers.flush()


def _done(task: dict[str, Any], file: BinaryIO, answer: dict[str, Any]) -> bytes:
    """Fills in the answer; -> the pixels, if they were asked for."""
    kind, name = task["kind"], task["name"]
    with decode.opened(file, kind, name, task.get("keyword")) as picture:
        if "keyword" in task:
            said = picture.info.get(task["keyword"])
            answer["text"] = said if isinstance(said, str) else None
            return b""
        answer["pixels"] = decode.allowed(picture, kind, name, task["most"])
        plain = decode.decoded(picture, kind, name, task["max_pixels"])
        answer["pixels"] *= 1 + picture.tell()  # blank frames of an animation
    answer |= {"mode": plain.mode, "shape": plain.size}
    return plain.tobytes()


def limit(memory: int | None, seconds: float | None) -> None:
    """What this process may take from now on. Past its time it is ended by the system's default for the signal."""
    if os.name == "posix":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (most if memory is None else memory, most))
        signal.setitimer(signal.ITIMER_PROF, seconds or 0)


if __name__ == "__main__":
    main()
