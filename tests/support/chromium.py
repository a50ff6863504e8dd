"""A real browser for tests, and what several of them do in it."""

import contextlib
import shutil
from collections import Counter
from collections.abc import Iterator

from playwright.sync_api import expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from support import marks
from support.waiting import PATIENCE, until

# The first has no windows: half the work for a page. Which there are is up to install_chromium.sh.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((p for n in BROWSERS if (p := shutil.which(n))), None)
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
_drawn: Counter = Counter()  # times that a page was drawn by Streamlit's script since it was loaded


def launched(playwright, *arguments: str):
    """A headless Chromium that asks nothing of the network by itself, and is given the time it takes."""
    marks.require("browser")
    expect.set_options(timeout=PATIENCE * 1000)
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *arguments])
    browser.on("context", _prepare)
    return browser


def _prepare(context) -> None:
    context.set_default_timeout(PATIENCE * 1000)
    context.on("page", _count_drawings)


def at_both_widths(page) -> Iterator[None]:
    """The page at a desk, and then on a phone, without loading it again."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": page.viewport_size["height"]})
        yield


def upload_pictures(place, folder) -> None:
    """photo.jpg and painting.png into the style app, in place of its examples. `place`: a page or a frame of one."""
    place.locator("#photo").get_by_label("Remove Image").click()
    clear = place.locator("#styles").get_by_label("Clear")
    expect(clear).to_have_count(1)  # while a gallery is drawn anew there are two
    clear.click()
    place.locator("#photo input[type=file]").set_input_files(folder / "photo.jpg")
    expect(place.locator("#photo img")).to_be_visible()
    place.locator("#styles input[type=file]").set_input_files(folder / "painting.png")
    expect(place.locator("#styles img").first).to_be_visible()


@contextlib.contextmanager
def redrawn(page):
    """What is done inside has a Streamlit page drawn anew; and that is over afterwards. The server says so: on a busy
    machine the page shows beginning and end at once, which is no change at all."""
    before = _drawn[page]
    yield
    _wait_for_drawing(page, before + 1)
    settled(page)


def _wait_for_drawing(page, number: int) -> None:
    def so_often() -> bool:
        page.wait_for_timeout(50)  # in which what it hears is counted
        return _drawn[page] >= number

    until(so_often)


def _count_drawings(page) -> None:
    def heard(message: bytes | str) -> None:
        if isinstance(message, bytes) and ForwardMsg.FromString(message).WhichOneof("type") == "script_finished":
            _drawn[page] += 1

    def opened(socket) -> None:
        _drawn[page] = 0
        socket.on("framereceived", heard)

    page.on("websocket", opened)


def settled(page) -> None:
    """Nothing of a Streamlit page is being drawn any more: what is fades meanwhile, and loses what is pressed."""
    expect(page.locator("h1").first).to_be_visible()  # which is drawn before much else
    _wait_for_drawing(page, 1)
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_attached()
    expect(page.locator("[data-stale=true]")).to_have_count(0)
