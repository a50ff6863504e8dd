"""A real Ganvas server for tests: `python app.py` in its own process, with its own folders and port."""

import atexit
import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from support import marks
from support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """Not one of those that the system gives to whoever asks for any: other tests run beside this one, and until the
    server has it, it is anybody's."""
    while True:
        port = secrets.choice(range(10_000, 32_000))
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


_studios: dict[str, psutil.Process] = {}  # by their addresses


def process_at(address: str) -> psutil.Process:
    """The server at `address`, which this process has started."""
    return _studios[address]


def changed(home: Path, code: str, module: str = "app") -> str:
    """A script for `serving`: `module`'s program, once `code` has changed something in it."""
    (script := home / "changed.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nimport {module}\n{code}\n{module}.main()\n"
    )
    return str(script)


FOR_TRAINING = """
from core.runs import processes
from ui.train import view
processes.NICENESS, view.LOOK_SECONDS = 0, 0.5
"""


def for_training(home: Path) -> str:
    """A script for `serving`, of a studio whose trainings do not stand back for whatever else the machine does, and
    whose pages look at them more often: here somebody waits for them."""
    return changed(home, FOR_TRAINING)


SHARED = "GANVAS_TESTS"  # the folder of all test processes of one call of pytest (see conftest.py)
_template: socket.socket | None = None  # this process's line to it


def _forked(script: str, env: Mapping[str, str], log: Path) -> psutil.Process | None:
    """`python script`, as template.py makes it of itself; None where it cannot."""
    global _template
    _template = _template or _line_to_template()
    _template.sendall(json.dumps({"script": script, "env": dict(env), "log": str(log)}).encode() + b"\n")
    number = int(_template.recv(100))
    return psutil.Process(number) if number else None


def _line_to_template() -> socket.socket:
    """To the one template that all test processes share; who is the first to need it starts it. It ends with the last
    line to it."""
    import fcntl  # which Windows has not

    place = Path(os.environ[SHARED], "template")
    line = socket.socket(socket.AF_UNIX)
    atexit.register(line.close)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            line.connect(str(place))
        except OSError:
            still = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}  # what is forked has one thread
            subprocess.run(  # which ends as soon as it listens, and leaves it behind
                [sys.executable, Path(__file__).with_name("template.py"), place], cwd=ROOT, check=True,
                env={**os.environ, "PYTHONPATH": str(ROOT), **still}, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            line.connect(str(place))
    return line


@contextlib.contextmanager
def serving(
    home: Path,
    script: str = "app.py",
    ready: str = "/style/",
    *,
    anew: bool = False,
    root: Path = ROOT,
    python: str = sys.executable,
    user: int | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Start `script`, wait until `ready` answers, yield its address; stop it afterwards.

    `anew`: as everybody starts it. Else it has its imports from template.py, which saves most of what a start takes;
    what is about starting and ending, what there is before torch, or what takes how long, is `anew`. So is what
    follows.
    `root` is the project's folder, `user` the number of the user who runs it, `env` what is different for it.
    """
    marks.require("server")
    port = free_port()
    own = {"GANVAS_HOME": str(home / "runs"), "GANVAS_CACHE": str(home / "cache"), "PORT": str(port), **(env or {})}
    env = {**os.environ, **own}
    (log := home / "server.log").write_text("")
    anew |= (root, python, user) != (ROOT, sys.executable, None) or sys.platform != "linux"
    if anew or not (process := _forked(script, env, log)):
        with log.open("a") as said:
            process = psutil.Popen(
                [python, script], cwd=root, env=env, stdout=said, stderr=said, user=user, group=user,
                extra_groups=None if user is None else [],
            )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    _studios[address] = process
    try:
        until = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(address + ready, timeout=PATIENCE).close()
                break
            if not _alive(process) or time.monotonic() > until:
                raise RuntimeError(f"{script} did not start:\n{log.read_text()}")
            time.sleep(0.1)
        yield address
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
        try:
            process.wait(10)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait()
        del _studios[address]


def _alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
