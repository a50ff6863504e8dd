"""Runs: names, archives, clocks and workers that stand still."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable

import psutil
from strangers import ROOT, Fell, Page, Stranger, attack, picture

from attacks.pictures import flat
from core import files
from core.gan.request import TrainRequest
from core.runs import lifecycle, processes, states
from core.visitors import identity

DRAWN = {"kind": "drawn", "name": "portraits", "count": 64}


@attack("8")
def long_names_of_runs(me: Stranger) -> str:
    """A run with a name of 78 Japanese letters, made on the Train page: it can be deleted, or is not made."""
    me.http.get("/", headers={"Accept": "text/html"})
    page = Page(me, "train")
    told = Counter()
    for name in ("素" * 78, "\U0001f3a8" * 60, "a" * 80, "../" * 20, "\0\n" * 30, ".deleted", "con"):
        page.run("Check the images", Name=("string_value", name))
        with identity.asking(me.name):
            for run in lifecycle.all_runs():
                until = time.monotonic() + 30
                while run.alive and time.monotonic() < until:
                    time.sleep(0.2)
                try:
                    lifecycle.remove(run)  # what the sweeper does
                except OSError as error:
                    raise Fell(f"a run called {name[:9]}… cannot be removed: {error.strerror}") from None
                told["made and removed"] += 1
    page.close()
    return f"{dict(told)} of 7 names"


@attack("8")
def the_sweep_goes_on(_: Stranger) -> str:
    """A run that cannot be removed lies among old runs: within some minutes the others are swept away. (Left in the
    folder by hand: a name that is too long to be renamed, as could be made before.)"""
    place = files.home() / identity.FOLDER / ("a" * 64) / "runs"
    stubborn, old = place / ("素" * 78), files.home() / identity.FOLDER / ("f" * 64) / "runs" / "old"
    for folder in (stubborn, old):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text('{"name": "old", "request": {}, "source": {}}')
        for path in (folder / "config.json", folder):
            os.utime(path, (1e9, 1e9))
    until = time.monotonic() + 150
    while old.exists() and time.monotonic() < until:
        time.sleep(1)
    if old.exists():
        raise Fell("after 150 s the old run is still there: nothing is swept any more")
    return f"swept; the stubborn one is {'still there' if stubborn.exists() else 'gone as well'}"


def _zip(entries: int, content: Callable[[int], bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for number in range(entries):
            archive.writestr(f"{number}.png", content(number))
    return file


def _overlapping(entries: int, content: bytes) -> io.BytesIO:
    """A zip whose directory names the same bytes again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush()
    crc, name = zlib.crc32(content), b"a.png"
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, crc, len(packed), len(content), len(name), 0) + name
    central = b""
    for number in range(entries):
        called = f"{number:05d}.png".encode()
        central += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0, crc, len(packed), len(content),
                               len(called), 0, 0, 0, 0, 0, 0) + called  # fmt: skip
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, entries, entries, len(central), len(local) + len(packed), 0)
    return io.BytesIO(local + packed + central + end)


def _prepared(me: Stranger, archive: io.BytesIO, seconds: float) -> tuple[str, float]:
    """A run on an uploaded zip, checked on the server's machine; -> its status and message, and how long it took."""
    me.http.get("/", headers={"Accept": "text/html"})
    began = time.monotonic()
    with identity.asking(me.name):
        run = lifecycle.create_with([("set.zip", archive)], TrainRequest(size=16, steps=20), "Set")
        processes.start_check(run)
        while run.alive and time.monotonic() - began < seconds:
            time.sleep(0.2)
        took = time.monotonic() - began
        alive, said = run.alive, f"{run.status}: {run.state.get('message', '')}"
        if alive:
            with contextlib.suppress(psutil.Error, KeyError):
                psutil.Process(run.state["pid"]).kill()
    if alive:
        raise Fell(f"still being prepared after {seconds:.0f} s")
    return said, took


@attack("9")
def a_zip_that_takes_hours_to_prepare(me: Stranger) -> str:
    """250 pictures of 49 megapixels in a zip of 36 MB: refused soon, by the pixels they have in all. (Put into the
    run's folder as the page does, checked by a worker of the same program.)"""
    bomb = flat(7000)
    said, took = _prepared(me, _zip(250, lambda n: bomb + bytes([n])), 240)
    return f"over after {took:.0f} s: {said}"


@attack("17")
def quines_and_overlapping_zips(me: Stranger) -> str:
    """A zip whose 5,000 entries are the same bytes, one that unpacks to gigabytes, one in itself: over within a
    minute, without filling the disk."""
    said = []
    inner = _zip(3, lambda _: picture(32)).getvalue()
    nested = io.BytesIO()
    with zipfile.ZipFile(nested, "w") as archive:
        for number in range(30):
            archive.writestr(f"{number}.zip", inner)
    big = io.BytesIO()
    with (
        zipfile.ZipFile(big, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.png", "w", force_zip64=True) as entry,
    ):
        for _ in range(1500):
            entry.write(bytes(10**6))
    for archive in (_overlapping(5000, flat(3000)), big, nested):
        before = psutil.disk_usage(str(me.studio.home)).used
        words, took = _prepared(me, archive, 60)
        if psutil.disk_usage(str(me.studio.home)).used - before > 2e9:
            raise Fell("more than 2 GB were written")
        said.append(f"{took:.0f} s {words[:60]}")
    return "; ".join(said)


@attack("13")
def a_clock_that_steps(_: Stranger) -> str:
    """The system's clock steps by three seconds while a run trains: its worker still counts as alive. (Simulated in
    another process, by what psutil reads: stepping this machine's clock would hurt others.)"""
    with identity.asking("c" * 64):
        run = lifecycle.create(TrainRequest(size=16, steps=20_000), DRAWN, "Clock")
        try:
            processes.start_check(run)
            until = time.monotonic() + 30
            while run.status != states.CHECKING and time.monotonic() < until:
                time.sleep(0.02)
            program = (
                "import psutil, psutil._pslinux as linux, sys, pathlib\n"
                "real = psutil.Process.create_time\n"
                "psutil.Process.create_time = lambda self: real(self) + 3\n"
                "psutil.boot_time = lambda real=psutil.boot_time: real() + 3\n"
                "from core.runs import run_folder\n"
                "print(run_folder.Run(pathlib.Path(sys.argv[1])).status)"
            )
            now = run.status
            told = subprocess.run([sys.executable, "-c", program, str(run.path)], cwd=ROOT, capture_output=True,
            text=True, check=True).stdout.strip()  # fmt: skip
        finally:
            with contextlib.suppress(psutil.Error, KeyError):  # what it was needed for is seen
                psutil.Process(run.state["pid"]).kill()
            until = time.monotonic() + 60
            while run.alive and time.monotonic() < until:
                time.sleep(0.1)
            lifecycle.delete(run)
    if now == states.CHECKING and told == states.INTERRUPTED:
        raise Fell(f"a living worker counts as {told}")
    return f"{now}, and after the step {told}"


@attack("16")
def a_stopped_worker(_: Stranger) -> str:
    """A worker that is stopped (SIGSTOP) gives up its place after a while, so that others train. (Another visitor's
    run; it waits behind the honest one's, so what is looked at is whether a stopped one counts as alive for ever.)"""
    with identity.asking("d" * 64):
        run = lifecycle.create(TrainRequest(size=16, steps=20_000), {**DRAWN, "count": 2000}, "Stopped")
        processes.start_check(run)
        until = time.monotonic() + 30
        while not run.state.get("pid") and time.monotonic() < until:
            time.sleep(0.05)
        os.kill(run.state["pid"], signal.SIGSTOP)
        began = time.monotonic()
        try:
            while run.alive and time.monotonic() - began < 200:
                processes.start_next()
                time.sleep(1)
            took, alive = time.monotonic() - began, run.alive
        finally:
            with contextlib.suppress(ProcessLookupError, KeyError):
                os.kill(run.state["pid"], signal.SIGCONT)
                os.kill(run.state["pid"], signal.SIGKILL)
    if alive:
        raise Fell(f"after {took:.0f} s a stopped worker still holds its place")
    return f"gave up its place after {took:.0f} s"
