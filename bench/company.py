"""How long a painting takes beside other programs, against alone: under the painter's watch, and with fixed threads.

    python bench/company.py [--size 512] [--float32] [--repeat 2] [--no-browser]

On an otherwise quiet machine; about five minutes on two cores at the defaults. What takes a minute is ended then. Busy
programs count, one core each, in sessions of their own, like what was opened in other windows. The last line is a
painting in the studio, with its page open in headless Chromium, which draws each preview: from the click to the
finished picture, and what browser and server took of the processor meanwhile. What is painted is what the style page
shows first.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from core import device as devices

devices.wait_briefly()

import torch

from core.pictures import images
from core.style.optimise import paint as painter
from core.style.optimise.threads import Threads
from core.style.request import StyleRequest

PICTURES = ROOT / "examples/photos/pagoda.jpg", ROOT / "examples/paintings/swirls.jpg"
ENOUGH = 60  # seconds: what takes longer is ended and counts as so many
BUSY = "n = 0\nwhile True: n += 1"
# The studio as it is on a processor without bfloat16.
FLOAT32 = """import runpy, sys
sys.path[0] = {root!r}
from core import device
device.dtype = lambda _: __import__("torch").float32
runpy.run_path("app.py", run_name="__main__")
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", type=int, default=512)
    options.add_argument("--repeat", type=int, default=2, help="paintings for each figure, of which the median counts")
    options.add_argument("--float32", action="store_true", help="as on a processor without bfloat16")
    options.add_argument("--no-browser", action="store_true")
    given = options.parse_args()
    if given.float32:
        devices.dtype = lambda _: torch.float32
    most = torch.get_num_threads()
    seconds(given, None, size=256)  # loads the network and measures the machine
    print(f"{given.size} px, {devices.dtype(torch.device('cpu'))}, {most} threads; seconds, and times alone")
    print(f"{'':30} {'watched':>16} {f'{most} threads':>16} {'1 thread':>16}   threads from which step on")
    alone = 0.0
    for number in range(3):
        with busy(number):
            (first, history), *more = (seconds(given, None) for _ in range(given.repeat))
            took = [statistics.median([first, *(one for one, _ in more)]), *(seconds(given, n)[0] for n in (most, 1))]
        alone = alone or took[0]
        told = " ".join(f"{one:8.1f} ({one / alone:4.2f})" for one in took)
        name = "alone" if not number else f"beside {number} busy program{'s' if number > 1 else ''}"
        print(f"{name:30} {told}   {history}", flush=True)
    if not given.no_browser:
        took, browser, server = (statistics.median(each) for each in zip(*in_browser(given), strict=True))
        print(f"{'with its page in Chromium':30} {took:8.1f} ({took / alone:4.2f})   "
              f"processor: browser {browser:.1f} s, server {server:.1f} s")  # fmt: skip


@contextlib.contextmanager
def busy(number: int) -> Iterator[None]:
    programs = [subprocess.Popen([sys.executable, "-c", BUSY], start_new_session=True) for _ in range(number)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def seconds(given: argparse.Namespace, threads: int | None, size: int | None = None) -> tuple[float, list]:
    """Of one painting under watch, or with that many threads throughout; and which it had."""
    photo, painting = map(images.open_picture, PICTURES)
    before = torch.get_num_threads()
    if threads:
        torch.set_num_threads(threads)
        painter.Threads = lambda _, __, *machine: Threads(1, lambda _: None, *machine)
    try:
        last = time.perf_counter() + ENOUGH
        request, enough = StyleRequest(size=size or given.size), lambda: time.perf_counter() > last
        *_, result = painter.paint(request, photo, [painting], enough)
    finally:
        painter.Threads = Threads
        torch.set_num_threads(before)
    return result.seconds, result.recipe["threads"]


def in_browser(given: argparse.Namespace) -> list[tuple[float, float, float]]:
    """Of each painting: seconds, and processor seconds of the browser and of the server."""
    from playwright.sync_api import sync_playwright

    from support.chromium import launched
    from support.studio import process_at, serving

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, contextlib.ExitStack() as stack:
        home = Path(folder)
        script = "app.py"
        if given.float32:
            script = str(home / "float32.py")
            Path(script).write_text(FLOAT32.format(root=str(ROOT)))
        address = stack.enter_context(serving(home, script, anew=True))
        page = launched(playwright).new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/style/")
        page.get_by_text("More settings").click()
        size = page.get_by_label("number input for Size", exact=False)
        server, took = process_at(address), []
        for wanted in (128, *[given.size] * given.repeat):  # the first loads the network and measures the machine
            size.fill(str(wanted))
            size.press("Tab")
            page.get_by_text("on this machine").wait_for()
            before = busy_so_far(server)
            began = time.perf_counter()
            page.get_by_role("button", name="Paint", exact=True).click()
            page.get_by_role("button", name="Stop", exact=True).wait_for()
            page.get_by_text("Painted in").wait_for(state="hidden")  # of the painting before
            while not page.get_by_text("Painted in").count():
                page.wait_for_timeout(400)  # a look takes a while itself; Playwright's own way looks with every frame
            seconds = time.perf_counter() - began
            took.append((seconds, *(now - then for now, then in zip(busy_so_far(server), before, strict=True))))
        return took[1:]


def busy_so_far(server: psutil.Process) -> tuple[float, float]:
    """Processor seconds of the browsers started here, and of the server."""

    def taken(process: psutil.Process) -> float:
        times = process.cpu_times()
        return times.user + times.system

    browsers = [one for one in psutil.Process().children(recursive=True) if "chrom" in one.name()]
    return sum(map(taken, browsers)), taken(server)


if __name__ == "__main__":
    main()
