"""A real Ganvas server for tests: `python app.py` in its own process, with its own folders and port."""

import contextlib
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


def process_at(address: str) -> psutil.Process:
    """The server at `address`, which this process has started. Others of its children may end at any moment."""
    port = address.rpartition(":")[2]
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.environ().get("PORT") == port:
                return child
    raise ProcessLookupError(f"no server at {address}")


def changed(home: Path, code: str, module: str = "app") -> str:
    """A script for `serving`: `module`'s program, once `code` has changed something in it."""
    (script := home / "changed.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nimport {module}\n{code}\n{module}.main()\n"
    )
    return str(script)


def for_training(home: Path) -> str:
    """A script for `serving`, of a studio whose trainings do not stand back for whatever else the machine does: here
    somebody waits for them."""
    return changed(home, "from core.runs import processes\nprocesses.NICENESS = 0")


@contextlib.contextmanager
def serving(
    home: Path,
    script: str = "app.py",
    ready: str = "/style/",
    *,
    root: Path = ROOT,
    python: str = sys.executable,
    user: int | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Start `script`, wait until `ready` answers, yield its address; stop it afterwards.

    `root` is the project's folder, `user` the number of the user who runs it, `env` what is different for it.
    """
    marks.require("server")
    port = free_port()
    own = {"GANVAS_HOME": str(home / "runs"), "GANVAS_CACHE": str(home / "cache"), "PORT": str(port), **(env or {})}
    log = (home / "server.log").open("w")
    process = subprocess.Popen(
        [python, script], cwd=root, env={**os.environ, **own}, stdout=log, stderr=log, user=user, group=user,
        extra_groups=None if user is None else [],
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(address + ready, timeout=PATIENCE).close()
                break
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{script} did not start:\n{(home / 'server.log').read_text()}")
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
        log.close()
