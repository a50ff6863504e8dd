"""What all tests share: no test goes online, and none touches the visitor's own files."""

from __future__ import annotations

import functools
import gc
import itertools
import os
import random
import ssl
import sys
import tempfile
from collections import Counter

import pytest

from support import marks, studio
from ui.server import stubs

NOWHERE = "http://127.0.0.1:9"  # nobody listens at the discard port of a computer of today
MOST_WORKERS = 8  # each imports torch and may start a server and a browser
# About how much longer than a test without a mark one takes, which is what the order of files goes by.
LENGTHS = {"browser": 350, "server": 3, "slow": 25}
STARTING = 400  # a server, once for most files that have one
WAITING = {"browser", "server"}  # marks of tests that wait for other programs most of the time

if studio.SHARED not in os.environ:  # which the other processes of this call get from the first
    _shared = tempfile.TemporaryDirectory(prefix="ganvas-tests-")
    os.environ[studio.SHARED] = _shared.name
_hf_home = tempfile.mkdtemp(dir=os.environ[studio.SHARED])
# huggingface_hub reads these once, when it is first imported; the fixture below only reaches what reads them later.
os.environ.update(
    HF_ENDPOINT=NOWHERE,
    HF_HOME=_hf_home,
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_XET="1",
    GRADIO_ANALYTICS_ENABLED="False",
)
# Networks this small gain nothing from threads, and threads that wait for each other lose on a busy machine. Torch
# reads it when it is first imported, here and in the programs that tests start.
os.environ["OMP_NUM_THREADS"] = "1"
# Each client of httpx and of Gradio reads all certificates of the world anew: 25 ms, more than most of what it asks.
ssl.create_default_context = functools.cache(ssl.create_default_context)
stubs.leave_unwritten()
# All that torch, Gradio and Streamlit are made of is gone through again and again in search of garbage: a tenth of the
# processor's time. Tests that are about what is let go collect it themselves.
gc.set_threshold(20_000, 20, 50)


def pytest_xdist_auto_num_workers():
    """`-n auto` (Makefile): one for each processor that this process may use, and one more for the time that tests of
    servers and browsers wait."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable + 1, MOST_WORKERS)


def pytest_collection_modifyitems(items):
    """Whoever asks for the browser is marked; servers are marked where they are started, by module or test.

    Long files come first, so that beside the last of them no worker is left without work. And files that wait and files
    that compute take turns from the first to the last: beside one that waits, another has the processor.
    """
    lengths: Counter = Counter()
    waiting = set()
    for item in items:
        if "browser" in item.fixturenames:
            item.add_marker("browser")
        marks = {mark.name for mark in item.iter_markers()}
        lengths[item.path] += max([1, *(LENGTHS.get(name, 1) for name in marks)])
        if marks & WAITING:
            waiting.add(item.path)
    turn = {}  # of a file: how much of all that is of its kind comes before it
    for kind in (waiting, lengths.keys() - waiting):
        before = 0
        lengths.update(dict.fromkeys(kind & waiting, STARTING))
        for path in sorted(kind, key=lambda path: (-lengths[path], path)):
            turn[path] = before
            before += lengths[path]
        turn |= {path: turn[path] / before for path in kind}
    items.sort(key=lambda item: turn[item.path])


def pytest_runtest_setup(item):
    marks.now({mark.name for mark in item.iter_markers()})


_homes = itertools.count()


@pytest.fixture(autouse=True)
def _own_files(tmp_path_factory, monkeypatch):
    """Caches and runs go to a folder of this test, the Hub is nowhere, and nothing is remembered of earlier tests."""
    from core.hub import client
    from core.visitors import choices, shelf

    # `mktemp` looks through all folders there are for the next number: seconds where there are thousands.
    home = tmp_path_factory.getbasetemp() / "homes" / str(next(_homes))
    home.mkdir(parents=True)
    monkeypatch.setenv("GANVAS_HOME", str(home / "runs"))
    monkeypatch.setenv("GANVAS_CACHE", str(home / "cache"))
    monkeypatch.setenv("HF_HOME", str(home / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(client, "_failures", {})
    monkeypatch.setattr(client, "_answered", {})
    monkeypatch.setattr(shelf, "_shelves", {})
    monkeypatch.setattr(choices, "_chosen", choices.OrderedDict())


_main = sys.modules["__main__"]


@pytest.fixture(autouse=True)
def _own_program():
    """Streamlit puts a page in the place of the program that runs it; processes started later would run that page."""
    sys.modules["__main__"] = _main


@pytest.fixture(autouse=True)
def _same_numbers():
    """Whatever a test draws from the libraries' own random numbers is the same each time it runs, alone or not."""
    random.seed(0)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(0)
    if torch := sys.modules.get("torch"):  # a plain test does not import it
        torch.default_generator.manual_seed(0)  # `torch.manual_seed` takes a while to remember it for a GPU


@pytest.fixture(autouse=True)
def _own_accelerator():
    """Accelerate keeps one precision for all of a process; here each test has its own."""
    yield
    if accelerate := sys.modules.get("accelerate.state"):
        accelerate.AcceleratorState._reset_state(True)


@pytest.fixture
def measured_machine(_own_files):
    """This machine counts as measured, so that a painting starts at once."""
    from core.style.optimise import budget

    budget.remember("bundled", budget.Measured(0.01, 1e-6, 1000, 1e8))


@pytest.fixture
def local_hub(monkeypatch):
    """A Hub on this computer (see `tests/support/local_hub.py`) that Ganvas takes for the real one."""
    from support.local_hub import LocalHub

    with LocalHub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture(scope="module")
def browser():
    """A real, headless one, for the tests of one file."""
    from playwright.sync_api import sync_playwright

    from support.chromium import launched

    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def context_options() -> dict:
    """What the tests of a file need of the context of their windows, such as `base_url`."""
    return {}


@pytest.fixture(scope="module")
def _context(browser, context_options):
    with browser.new_context(**context_options) as context:
        yield context


@pytest.fixture
def window(_context):
    """`window(width, height, theme)` opens one of somebody who has never been here. Only what pages are made of is
    there already, after the first test of a file: fetching and compiling it takes longer than most of what is tested.
    """

    def opened(width: int = 1280, height: int = 844, theme: str = "light"):
        page = _context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=theme)
        return page

    yield opened
    for page in _context.pages:
        page.close()
    _context.set_storage_state({})
