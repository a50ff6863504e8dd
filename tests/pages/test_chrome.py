"""The Streamlit pages in a real browser, at the width of a desk and of a phone: what is in sight, where an answer
stands, what the keyboard reaches and what is read out."""

import json
import re

import pytest
from playwright.sync_api import expect

from core.gan.data import drawn
from core.gan.request import TrainRequest
from core.runs import lifecycle, run_folder, states
from support.axe import violations
from support.chromium import at_both_widths, settled
from support.finished import finished_run
from support.studio import serving
from support.waiting import until

pytestmark = pytest.mark.server

# Nothing goes over from one colour to another any more: half-way, words cannot be read.
IN_ITS_COLOURS = "() => !document.getAnimations().some(one => one instanceof CSSTransition)"
OF_COLOUR = ["color-contrast", "link-in-text-block"]  # what axe asks that day and night may answer differently


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """With a finished run, "My cats", and one that is paused and has curves, "Faces"."""
    home = tmp_path_factory.mktemp("studio")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_HOME", str(home / "runs"))
        finished_run()
        paused_run()
    with serving(home) as address:
        yield address


def paused_run() -> None:
    run = lifecycle.create(TrainRequest(steps=30), {"kind": "drawn", "name": "portraits", "count": 500}, "Faces")
    (run.path / "samples").mkdir()
    for step in (10, 20):
        drawn.draw("portraits", step, 64).save(run.path / "samples" / f"step-{step:08d}.png")
    metrics = [{"step": step, "loss_d": 1.5, "loss_g": 2.5, "real": 0.7, "fake": 0.3} for step in (10, 20)]
    scores = [{"step": step, "name": "kid", "value": 3.5} for step in (10, 20)]
    for name, lines in (("metrics", metrics), ("scores", scores)):
        (run.path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    run_folder.write_state(run, status=states.PAUSED, step=20, seconds=3.0)


@pytest.fixture(scope="module")
def context_options(studio):
    return {"base_url": studio}


@pytest.fixture
def page(window):
    return window()


def is_beside(answer, pressed) -> bool:
    """Whether one is in sight with the other."""
    expect(answer).to_be_in_viewport()
    expect(pressed).to_be_in_viewport()
    one, other = answer.bounding_box(), pressed.bounding_box()
    return abs(one["y"] - other["y"]) < 300


def test_a_painting_of_the_front_page_opens_style_with_its_pair(page):
    page.goto("/")
    settled(page)
    expect(page.locator("[class*=st-key-pair-] img")).to_have_count(18)
    page.wait_for_function("() => [...document.images].every(image => image.complete)")  # nothing moves any more
    page.locator(".st-key-pair-cat-mosaic").click(position={"x": 40, "y": 40})  # on the painting
    expect(page).to_have_url(re.compile(r"/paint\?example=cat-mosaic\."))
    style = page.frame_locator("iframe")
    expect(style.locator("#photo img[src*='cat.jpg']")).to_be_visible()
    expect(style.locator("#styles img[src*='mosaic.jpg']")).to_have_count(1)
    expect(style.locator("#compare img[src*='cat-mosaic.jpg']")).to_be_attached()
    page.go_back()
    page.get_by_role("link", name="Dahlia + autumn").press("Enter")
    expect(style.locator("#photo img[src*='dahlia.jpg']")).to_be_visible()


def test_the_name_and_every_page_are_in_sight_and_cover_nothing(page):
    page.goto("/")
    names = ["Ganvas", "Generate", "Style", "Train", "Lab", "Models"]
    for name in [*names[1:], names[0]]:
        page.get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_title(f"{'Home' if name == 'Ganvas' else name} · Ganvas")
        for _ in at_both_widths(page):
            for link in names:
                expect(page.get_by_role("link", name=link, exact=True)).to_be_in_viewport(ratio=1)
            if name != "Style":
                heading = page.get_by_role("heading", name=name, exact=True)
                expect(heading).to_be_in_viewport(ratio=1)
                assert heading.bounding_box()["y"] > page.locator(".st-key-navigation").bounding_box()["height"]
            assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    for _ in at_both_widths(page):
        for button in ("Paint a photo", "Play with a GAN", "Train a GAN"):  # what to press first
            expect(page.get_by_role("button", name=button)).to_be_in_viewport(ratio=1)


def test_start_stays_in_sight_and_refuses_beside_itself(page):
    page.goto("/train")
    start = page.get_by_role("button", name="Start", exact=True)
    for _ in at_both_widths(page):
        expect(start).to_be_in_viewport(ratio=1)
    page.get_by_text("My files").click()
    start.click()
    for _ in at_both_widths(page):
        assert is_beside(page.get_by_text("There are no images yet"), start)


def test_on_a_phone_a_picture_is_a_sheet_over_the_page(window):
    page = window(390)
    page.goto("/generate")
    first = page.locator(".st-key-grid").get_by_label("Picture 0:3", exact=True)
    first.scroll_into_view_if_needed()
    first.click()
    large = page.get_by_alt_text("Picture 0:3", exact=True)
    expect(large).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_role("button", name="Do not keep")).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="Close", exact=True).click()
    expect(large).not_to_be_in_viewport()
    page.reload()
    page.locator(".st-key-shelf").get_by_label("Picture 0:3, Portraits, truncation 1").click()  # it is found again
    expect(large).to_be_in_viewport(ratio=1)


def test_a_popover_closes_when_what_it_is_for_is_done(page):
    page.goto("/train?run=my-cats")
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("New name").fill("Our cats")
    page.get_by_label("New name").press("Tab")
    page.get_by_role("button", name="Rename").last.click()
    expect(page.get_by_label("New name")).to_have_count(0)
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_label("New name")).to_have_value("Our cats")


def in_the_dark(page) -> bool:
    return page.evaluate("getComputedStyle(document.querySelector('.stApp')).colorScheme") == "dark"


def test_nothing_is_broken_for_keyboards_and_screen_readers(page):
    """Every page, with what is folded away and what is said when something is missing, by day and once it has got dark.
    The inside of the style app's frame is asked in tests of its own."""
    broken = {}

    def ask(name: str) -> None:
        settled(page)
        page.wait_for_function(IN_ITS_COLOURS)
        broken[f"{name}, light"] = violations(page, "html")
        page.emulate_media(color_scheme="dark")
        until(lambda: in_the_dark(page))
        page.wait_for_function(IN_ITS_COLOURS)
        broken[f"{name}, dark"] = violations(page, "html", runOnly=OF_COLOUR)
        page.emulate_media(color_scheme="light")
        until(lambda: not in_the_dark(page))

    page.goto("/")
    ask("Home")
    page.goto("/paint")
    expect(page.frame_locator("iframe").get_by_role("button", name="Paint", exact=True)).to_be_visible()
    broken["Style"] = violations(page, "html")  # which is its frame: that chooses its colours once
    page.goto("/generate")
    for index in (11, 12, 13):
        page.locator(".st-key-grid").get_by_label(f"Picture 0:{index}", exact=True).click()
        expect(page.get_by_alt_text(f"Picture 0:{index}", exact=True)).to_be_visible()
        page.get_by_role("button", name="Keep", exact=True).click()
        expect(page.get_by_role("button", name="Do not keep")).to_be_visible()
    settled(page)
    page.get_by_text("Show the sum").click()
    expect(page.get_by_text("The last one is the sum.")).to_be_visible()
    page.get_by_label("Seed", exact=True).fill("-7")
    page.get_by_label("Seed", exact=True).press("Enter")
    expect(page.get_by_text("choose a value")).to_be_visible()
    ask("Generate")
    page.get_by_label("Seed", exact=True).fill("0")
    page.get_by_label("Seed", exact=True).press("Enter")
    expect(page.get_by_text("choose a value")).to_be_hidden()
    settled(page)  # drawn anew, a page loses what is pressed meanwhile
    page.get_by_role("button", name="Open a picture made here").click()
    expect(page.locator("[data-testid=stFileUploaderDropzone]")).to_be_visible()
    ask("Generate, opening")
    page.goto("/train")
    page.get_by_text("My files").click()
    page.get_by_text("Advanced").click()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("There are no images yet")).to_be_visible()
    ask("Train")
    page.goto("/train?run=faces")
    expect(page.locator("[data-testid=stVegaLiteChart] svg")).to_have_count(3)
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Delete for ever")).to_be_visible()
    ask("Train, a run")
    page.goto("/lab")
    expect(page.get_by_role("button", name="Break it")).to_be_visible()
    ask("Lab")
    page.goto("/models")
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("button", name="Publish").last.click()
    expect(page.get_by_text("The name of a repository is missing")).to_be_visible()
    ask("Models")
    assert not {name: found for name, found in broken.items() if found}
