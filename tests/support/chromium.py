"""A real browser for tests, and what several of them do in it."""

import contextlib
import shutil

from playwright.sync_api import expect

from support import marks
from support.waiting import PATIENCE

CHROMIUM = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


def launched(playwright, *arguments: str):
    """A headless Chromium that asks nothing of the network by itself, and is given the time it takes."""
    marks.require("browser")
    expect.set_options(timeout=PATIENCE * 1000)
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *arguments])
    browser.on("context", lambda context: context.set_default_timeout(PATIENCE * 1000))
    return browser


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
    """What is done inside has a Streamlit page drawn anew; and that is over afterwards."""
    page.evaluate("""() => {
        const app = document.querySelector('[data-testid=stApp]'); window.drawings = 0;
        new MutationObserver(() => { window.drawings += app.dataset.testScriptState === 'notRunning' })
            .observe(app, {attributes: true, attributeFilter: ['data-test-script-state']});
    }""")
    yield
    page.wait_for_function("window.drawings > 0", timeout=PATIENCE * 1000)
    settled(page)


def settled(page) -> None:
    """Nothing of a Streamlit page is being drawn any more: what is fades meanwhile, and loses what is pressed."""
    expect(page.locator("h1").first).to_be_visible()
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_attached()
    expect(page.locator("[data-stale=true]")).to_have_count(0)
