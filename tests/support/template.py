"""Has imported what a studio is made of, and becomes one as often as it is asked to: see `serving` in studio.py.

    python template.py PLACE        listens at the socket PLACE, until the last of those who came has gone

A line of JSON is asked, the number of a process is the answer; or 0, where libraries have started threads here: a fork
is without them, and may wait for one. Such a studio differs from one that was started anew in this: its imports are
over, its machine counts as measured, and what the system shows of it (`/proc/N/environ`, its command) is that of this.
"""

import contextlib
import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
import tempfile
from pathlib import Path


def main(place: str) -> None:
    Path(place).unlink(missing_ok=True)  # of one that is over
    door = socket.socket(socket.AF_UNIX)
    door.bind(place)
    door.listen()
    if os.fork():
        return
    import streamlit  # noqa: F401
    import torch  # noqa: F401

    import style_app  # noqa: F401

    serve(door)


def serve(door: socket.socket) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever presses Ctrl-C tells the tests; and they this, by leaving
    signal.signal(signal.SIGCHLD, reap)
    gc.collect()
    gc.freeze()  # what is here already is not gone through, and so copied, by each of them
    lines: dict[socket.socket, bytes] = {}  # with what has come on each of what is asked next
    while True:
        for ready in select.select([door, *lines], [], [])[0]:
            if ready is door:
                lines[door.accept()[0]] = b""
            elif said := heard(ready):
                lines[ready] += said
            else:
                del lines[ready]
                ready.close()
        if not lines:
            return None
        for line, said in lines.items():
            if not said.endswith(b"\n"):
                continue
            lines[line] = b""
            alone = len(os.listdir("/proc/self/task")) == 1
            if alone and not (pid := os.fork()):
                for one in (door, *lines):
                    one.close()
                return become(**json.loads(said))
            with contextlib.suppress(OSError):  # who asked has gone, as the next look will find
                line.sendall(str(pid if alone else 0).encode())


def heard(line: socket.socket) -> bytes:
    """What has come; nothing from one who has gone."""
    try:
        return line.recv(2**16)
    except OSError:
        return b""


def reap(*_: object) -> None:
    while True:
        try:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                return
        except ChildProcessError:
            return


def become(script: str, env: dict[str, str], log: str) -> None:
    """What `python script` would be."""
    from core.style.optimise import budget

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, place, how in ((0, os.devnull, os.O_RDONLY), (1, log, os.O_WRONLY), (2, log, os.O_WRONLY)):
        os.dup2(os.open(place, how | os.O_APPEND), number)
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None  # is found anew
    budget.remember("bundled", budget.Measured(0.01, 1e-6, 1000, 1e8))
    sys.argv = [script]
    sys.path[0] = str(Path(script).resolve().parent)
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1])
