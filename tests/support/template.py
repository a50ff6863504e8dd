"""Has imported what a studio is made of, and becomes one as often as it is asked to: see `serving` in studio.py.

A line of JSON is asked, the number of a process is the answer; or 0, where libraries have started threads here: a fork
is without them, and may wait for one. Such a studio differs from one that was started anew in this: its imports are
over, its machine counts as measured, and what the system shows of it (`/proc/N/environ`, its command) is that of this.
"""

import gc
import json
import os
import runpy
import signal
import sys
import tempfile
from pathlib import Path

import streamlit  # noqa: F401
import torch  # noqa: F401

import style_app  # noqa: F401
from core.style.optimise import budget


def serve() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever presses Ctrl-C tells the tests; and they this, by its input
    signal.signal(signal.SIGCHLD, reap)
    gc.collect()
    gc.freeze()  # what is here already is not gone through, and so copied, by each of them
    for line in sys.stdin:
        alone = len(os.listdir("/proc/self/task")) == 1
        if alone and not (pid := os.fork()):
            return become(**json.loads(line))
        print(pid if alone else 0, flush=True)


def reap(*_: object) -> None:
    while True:
        try:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                return
        except ChildProcessError:
            return


def become(script: str, env: dict[str, str], log: str) -> None:
    """What `python script` would be."""
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
    serve()
