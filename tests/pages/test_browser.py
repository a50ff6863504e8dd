"""The whole studio, in a real browser and through the API: two files in, a painting out."""

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import expect

from core.pictures import images
from core.style import dispatch
from core.style.instant import clip
from core.style.request import ClipRequest, InstantRequest, StyleRequest, enough
from support.axe import violations
from support.chromium import at_both_widths, upload_pictures
from support.pictures import scene, texture
from support.studio import ROOT, changed, serving
from support.waiting import PATIENCE, until

pytestmark = pytest.mark.server


# The studio, painting at a walk: one that goes on while its page is looked at leaves the processor to the browser.
WALKING = """
import time
from core.style import dispatch
from core.style.instant import clip
def at_a_walk(paint):
    def walking(*asked, **more):
        for event in paint(*asked, **more):
            yield event
            time.sleep(0.1)
    return walking
dispatch.paint, clip.paint = at_a_walk(dispatch.paint), at_a_walk(clip.paint)
"""


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    home = tmp_path_factory.mktemp("studio")
    with serving(home, changed(home, WALKING)) as address:
        yield address


@pytest.fixture
def page(window):
    return window(1280, 900)


@pytest.fixture
def files(tmp_path):
    scene(320, 240).save(tmp_path / "photo.jpg", quality=95)
    texture(200, 200).save(tmp_path / "painting.png")
    return tmp_path


def setting(page, label: str):
    return page.get_by_label(f"number input for {label}", exact=False)


def set_size(page, size: int, steps: int) -> None:
    setting(page, "Freedom").fill("0")  # at which all steps that are asked for are taken at full size
    setting(page, "Size").fill(str(size))
    setting(page, "Steps").fill(str(steps))
    setting(page, "Steps").press("Tab")


def moving(path, count: int):
    """A GIF of so many frames, over which a ball goes again and again."""
    pictures = [Image.new("P", (40, 30), 1) for _ in range(min(count, 8))]
    for k, picture in enumerate(pictures):
        picture.putpalette([200, 90, 30, 20, 60, 140])
        picture.paste(0, (4 * k, 10, 4 * k + 10, 20))
    first, *more = [pictures[k % len(pictures)] for k in range(count)]
    first.save(path, save_all=True, append_images=more, duration=40, loop=0)
    return path


def painted_here(request: StyleRequest, files):
    """By the engine alone, from the same files, opened as large as the painting can use."""
    of_photo, of_style = enough(request)
    photo = images.open_picture(files / "photo.jpg", max_pixels=of_photo)
    styles = [images.open_picture(files / "painting.png", max_pixels=of_style)]
    return dispatch.paint(request, photo, styles)


def paint_in_browser(page) -> None:
    page.get_by_role("button", name="Paint", exact=True).click()


FRAMES = """{
  const frame = window.requestAnimationFrame;
  window.frames_asked = 0;
  window.requestAnimationFrame = (then) => { window.frames_asked++; return frame.call(window, then); };
}"""


def at_rest(page) -> bool:
    """Whether a page asks for no frames to draw."""
    before = page.evaluate("frames_asked")
    page.wait_for_timeout(300)
    return page.evaluate("frames_asked") == before


def test_what_is_uploaded_replaces_the_example_unless_styles_are_mixed_and_paint_stays_in_sight(studio, page, files):
    """An uploaded style was once mixed into the example, with the switch off. By itself the style app has a window that
    scrolls."""
    texture(90, 90).save(files / "other.png")
    page.goto(f"{studio}/style/")
    go = page.get_by_role("button", name="Paint", exact=True)
    expect(go).to_be_visible()
    for _ in at_both_widths(page):
        for top in (10**6, 0):
            page.evaluate("top => window.scrollTo({top, behavior: 'instant'})", top)
            until(functools.partial(in_sight, page, go))
    page.set_viewport_size({"width": 1280, "height": 900})
    upload, mix = page.locator("#styles input[type=file]"), page.get_by_label("Mix several styles")
    pictures = page.locator("#styles .thumbnail-item")
    expect(page.locator("#styles img")).to_have_count(1)
    upload.set_input_files(files / "painting.png")
    expect(page.locator("#styles img[src*='painting.png']")).to_have_count(1)
    expect(page.locator("#styles img")).to_have_count(1)
    expect(mix).not_to_be_checked()
    mix.check()
    upload.set_input_files(files / "other.png")
    for name in ("painting.png", "other.png"):  # both have arrived; a gallery that is drawn anew shows one twice
        expect(page.locator(f"#styles img[src*='{name}']")).to_have_count(1)
    mix.uncheck()
    expect(page.locator("#styles img")).to_have_count(1)
    expect(page.locator("#styles img[src*='other.png']")).to_have_count(1)
    upload.set_input_files([files / "painting.png", files / "photo.jpg"])  # several at once are a mix
    expect(mix).to_be_checked()
    expect(page.locator("#styles img[src*='other.png']")).to_have_count(0)
    expect(pictures).to_have_count(2)
    page.get_by_text("More settings").click()
    weights = page.get_by_label("Style weights")
    weights.fill("2, 1")
    expect(page.get_by_text("A first look.")).to_be_visible()
    page.get_by_label("Remove style picture 1").click()
    expect(page.get_by_text("There are 2 style weights for 1 style picture")).to_be_visible()
    mix.uncheck()
    expect(weights).to_have_value("")
    expect(page.get_by_text("A first look.")).to_be_visible()


def test_what_settings_do_is_seen_beside_them_however_far_down_they_are(studio, page):
    page.goto(f"{studio}/style/")
    page.get_by_text("Advanced", exact=True).click()
    low, peek = setting(page, "Smoothness"), page.get_by_label("Show the picture")
    low.scroll_into_view_if_needed()
    low.hover()
    expect(peek).to_be_visible()
    until(lambda: in_sight(page, peek))
    page.locator("#bar").hover()
    expect(peek).to_be_hidden()  # nothing below the picture is covered where somebody goes there
    low.click()
    page.locator("#bar").hover()
    expect(peek).to_be_hidden()  # though the focus is among the settings
    page.mouse.move(0, 0)
    expect(peek).to_be_visible()


def test_a_visitor_paints_stops_paints_again_downloads_and_restores(studio, page, files):
    page.add_init_script(FRAMES)
    page.goto(f"{studio}/style/")
    upload_pictures(page, files)
    expect(page.get_by_text("on this machine")).to_be_visible()  # told before it starts

    # It is seen painted at once, and when a setting is moved.
    expect(page.get_by_text("A first look. Press Paint for the finished painting.")).to_be_visible()
    look = page.locator("#compare img").nth(1)
    expect(look).not_to_have_attribute("src", re.compile("swirls"))  # which is that of the example
    before = look.get_attribute("src")
    page.get_by_label("Keep the photo's colours").check()
    expect(look).not_to_have_attribute("src", before)
    before = look.get_attribute("src")
    page.get_by_label("Keep the photo's colours").uncheck()
    expect(look).not_to_have_attribute("src", before)

    # One painting is watched and stopped.
    page.get_by_text("More settings").click()
    set_size(page, 96, 400)
    paint_in_browser(page)
    expect(page.locator("#preview img")).to_be_visible()
    expect(page.locator("#compare")).to_be_hidden()  # once there is something better than the first look
    previews = set()
    while len(previews) < 3:
        source = page.locator("#preview img").get_attribute("src")
        previews.add(source)
        expect(page.locator("#preview img")).not_to_have_attribute("src", source)
    expect(page.locator(".curves polyline").first).to_be_attached()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Stopped")).to_be_visible()  # and not "Painted in", after all its steps
    expect(page.locator("#compare img").first).to_be_visible()  # the picture so far is kept

    # Another is finished, downloaded, and its settings are restored from the file.
    setting(page, "Stroke size").fill("0.5")
    set_size(page, 96, 7)
    paint_in_browser(page)
    expect(page.get_by_text("Painted in")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_text("Download PNG").click()
    download.value.save_as(files / "painted.png")
    recipe = images.read_recipe(files / "painted.png")
    assert (recipe["size"], recipe["steps"], recipe["stroke_size"]) == (96, 7, 0.5)
    *_, same = painted_here(StyleRequest.from_recipe(recipe), files)
    with Image.open(files / "painted.png") as got:
        np.testing.assert_array_equal(np.asarray(got), np.asarray(same.images[0]))
    with page.expect_download() as download:
        page.get_by_text("Download time-lapse").click()
    download.value.save_as(files / "time-lapse.webp")
    with Image.open(files / "time-lapse.webp") as film:
        assert film.n_frames >= 2
    until(lambda: at_rest(page))

    # Its colours are the photo's without painting again, and its strength is what is written.
    def downloaded() -> dict:
        with page.expect_download() as download:
            page.get_by_text("Download PNG").click()
        return images.read_recipe(download.value.path())

    colours, strength = page.get_by_label("Keep the photo's colours"), setting(page, "Strength")
    before = look.get_attribute("src")
    colours.check()
    expect(look).not_to_have_attribute("src", before)
    before = look.get_attribute("src")
    strength.fill("0.4")
    expect(look).not_to_have_attribute("src", before)
    until(lambda: (downloaded()["strength"], downloaded()["keep_colour"]) == (0.4, True))

    # A newer clip of other settings leaves it as it is when the page is opened again.
    page.get_by_text("A clip in place of the photo").click()
    page.locator("#clip input[type=file]").set_input_files(moving(files / "short.gif", 3))
    expect(page.locator("#clip")).to_contain_text(re.compile(r"short ?\.gif"))
    set_size(page, 96, 9)
    page.get_by_role("button", name="Paint the clip").click()
    expect(page.get_by_text("Download clip")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Download clip")).to_be_visible()
    expect(strength).to_have_value("0.4")
    expect(colours).to_be_checked()
    expect(page.locator("#status")).not_to_contain_text("You have changed")
    page.get_by_text("More settings").click()
    expect(setting(page, "Steps")).to_have_value("7")
    for name, usual in ("Strength", "1"), ("Stroke size", "1"), ("Size", "512"):
        page.get_by_label(f"Reset {name}", exact=True).click()
        expect(setting(page, name)).to_have_value(usual)

    # Restored settings reach it, too.
    strength.fill("0.7")
    set_size(page, 96, 9)
    before = look.get_attribute("src")
    page.locator("#restore input[type=file]").set_input_files(files / "painted.png")
    expect(setting(page, "Steps")).to_have_value("7")
    expect(setting(page, "Stroke size")).to_have_value("0.5")
    expect(look).not_to_have_attribute("src", before)
    until(lambda: (downloaded()["strength"], downloaded()["keep_colour"]) == (1.0, False))


def test_on_a_phone_what_is_painted_is_seen_wherever_the_page_is(untouched, window, files):
    """It stands below all settings."""
    page = window(390)
    page.goto(f"{untouched}/style/")
    upload_pictures(page, files)
    expect(page.get_by_text("A first look.")).to_be_visible()
    peek, look = page.get_by_label("Show the picture"), page.locator("#compare img").nth(1)
    until(lambda: peek.locator("img").evaluate("it => it.src") == look.evaluate("it => it.src"))
    until(lambda: in_sight(page, peek))
    page.get_by_text("More settings").click()
    set_size(page, 96, 20)
    paint_in_browser(page)
    bar = page.locator("#bar")
    for picture in (page.locator("#preview"), page.locator("#compare")):
        expect(picture).to_be_visible()
        until(lambda it=picture: in_sight(page, it) and not overlap(it, bar))
    expect(peek).to_be_hidden()
    expect(page.get_by_text("Painted in")).to_be_visible()
    page.evaluate("window.scrollTo({top: 0, behavior: 'instant'})")
    peek.click()
    until(lambda: in_sight(page, page.locator("#compare")))


def test_a_picture_is_seen_as_large_as_the_window(studio, page):
    """In the studio Gradio's own way filled the frame, which is as high as the page: nothing was seen of it."""
    page.goto(f"{studio}/paint")
    inside = page.frame_locator("iframe[src*='/style/']")
    large = page.locator("dialog img")
    for _ in at_both_widths(page):
        for place in ("#photo", "#compare"):
            shown, button = inside.locator(f"{place} img").last, inside.locator(place).get_by_label("Fullscreen")
            expect(shown).to_be_visible()
            button.click()
            expect(large).to_have_js_property("complete", True)
            assert large.evaluate("it => it.src") == shown.evaluate("it => it.src")
            assert large.bounding_box() == {"x": 0, "y": 0, **page.viewport_size}
            page.get_by_role("button", name="Close", exact=True).click()
            expect(large).to_have_count(0)
            expect(button).to_be_focused()


def test_the_icons_below_a_photo_leave_it_until_there_is_another(studio, page, files):
    page.goto(f"{studio}/style/")
    upload_pictures(page, files)
    photo = page.locator("#photo")
    until(lambda: "photo.jpg" in (photo.get_attribute("data-shows") or ""))
    photo.get_by_label("Paste from clipboard").click()
    expect(page.locator(".answer")).to_contain_text("There is no picture in the clipboard")
    expect(photo.locator("img[src*='photo.jpg']")).to_be_visible()
    scene(90, 60).save(files / "new.jpg")
    with page.expect_file_chooser() as chooser:
        photo.get_by_label("Upload file").click()
    expect(photo.locator("img[src*='photo.jpg']")).to_be_visible()
    chooser.value.set_files(files / "new.jpg")
    expect(photo.locator("img[src*='new.jpg']")).to_be_visible()
    expect(page.locator(".answer")).to_have_count(0)


def test_a_photo_that_is_none_leaves_the_one_before_and_one_given_while_painting_is_told(untouched, page, files):
    page.goto(f"{untouched}/style/")
    upload_pictures(page, files)
    photo, upload, status = page.locator("#photo"), page.locator("#photo input[type=file]"), page.locator("#status")
    expect(status).to_contain_text("A first look.")
    (files / "notes.jpg").write_text("not a picture at all")
    upload.set_input_files(files / "notes.jpg")
    expect(page.locator("#photo-answer")).to_contain_text("notes.jpg is text, not a picture")
    expect(photo.locator("img[src*='photo.jpg']")).to_be_visible()
    page.get_by_text("More settings").click()
    set_size(page, 96, 900)
    paint_in_browser(page)
    expect(page.locator(".curves polyline").first).to_be_attached()
    page.get_by_role("button", name="Cat", exact=True).click()
    expect(photo.locator("img[src*='cat']")).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(status).to_contain_text("You have changed the pictures since; press Paint to paint the new ones.")
    photo.get_by_label("Remove Image").click()
    page.get_by_role("button", name="Throw away").click()
    page.get_by_role("button", name="Cat", exact=True).click()
    expect(status).to_contain_text("A first look.")
    photo.get_by_label("Remove Image").click()
    expect(status).not_to_contain_text("A first look.")


def test_a_painting_and_a_clip_are_found_again_with_what_went_in(untouched, window, files):
    """At work and finished, by reload, by Generate and back, by the Back button and from another tab; and a file that
    is no clip is told, and costs nothing that is there."""
    page = window(390)
    page.goto(f"{untouched}/style/")
    upload_pictures(page, files)
    page.get_by_text("More settings").click()
    set_size(page, 64, 7)
    page.get_by_text("A clip in place of the photo").click()
    place, file = page.locator("#clip-place"), page.locator("#clip input[type=file]")
    file.set_input_files(moving(files / "long.gif", 2000))  # which goes on until it is stopped
    expect(page.locator("#clip")).to_contain_text(re.compile(r"long ?\.gif"))
    paint_clip, at_work = page.get_by_role("button", name="Paint the clip"), re.compile(r"Frame \d+ of 2000")
    paint_clip.click()
    expect(place.get_by_text(at_work)).to_be_visible()
    page.reload()
    expect(place.get_by_text(at_work)).to_be_visible()
    expect(page.locator("#clip")).to_contain_text(re.compile(r"long ?\.gif"))
    expect(page.locator("#styles img[src*='painting.png']")).to_have_count(1)
    page.get_by_text("More settings").click()
    expect(setting(page, "Steps")).to_have_value("7")
    page.goto(f"{untouched}/generate")
    page.go_back()
    expect(place.get_by_text(at_work)).to_be_visible()
    other = window()
    other.goto(f"{untouched}/style/")
    other.get_by_role("button", name="Stop the clip").click()
    for each in (other, page):
        expect(each.locator("#clip-place").get_by_text("of 2000 frames.")).to_be_visible()

    upload_pictures(page, files)
    set_again(page, 96, 900)  # which goes on until it is stopped
    paint_in_browser(page)
    expect(page.locator("#status .bar")).to_be_visible()  # curves there are of a painting before
    expect(page.locator(".curves polyline").first).to_be_attached()
    page.reload()
    expect(page.locator("#photo img[src*='photo.jpg']")).to_be_visible()
    expect(page.locator("#styles img[src*='painting.png']")).to_have_count(1)
    expect(page.locator(".status .bar")).to_be_visible()
    expect(page.locator(".curves polyline").first).to_be_attached()
    expect(place.get_by_text("of 2000 frames.")).to_be_visible()
    page.get_by_text("More settings").click()
    expect(setting(page, "Steps")).to_have_value("900")
    page.goto(f"{untouched}/generate")
    page.go_back()
    expect(page.locator("#preview img")).to_be_visible()
    other.reload()
    other.get_by_role("button", name="Stop", exact=True).click()
    for each in (other, page):
        expect(each.get_by_text("Download PNG")).to_be_visible()
    other.close()

    moving(files / "still.gif", 1)
    page.locator("#clip").get_by_label("Clear").click()
    file.set_input_files(files / "still.gif")
    expect(page.locator("#clip")).to_contain_text(re.compile(r"still ?\.gif"))
    paint_clip.click()
    expect(place.get_by_role("alert")).to_contain_text("shows one picture only")
    expect(page.get_by_text("Download clip")).to_be_visible()  # of the one before
    page.locator("#clip").get_by_label("Clear").click()
    file.set_input_files(moving(files / "short.gif", 5))
    expect(page.locator("#clip")).to_contain_text(re.compile(r"short ?\.gif"))
    paint_clip.click()
    expect(place.get_by_text("Painted in")).to_be_visible()
    set_again(page, 96, 3)
    paint_in_browser(page)
    painted = page.locator("#status")
    expect(painted.get_by_text("Painted in")).to_be_visible()
    page.reload()
    for each in (place, painted):
        expect(each.get_by_text("Painted in")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_text("Download clip").click()
    download.value.save_as(files / "painted.gif")
    with Image.open(files / "painted.gif") as film:
        assert film.n_frames == 5
    page.get_by_role("button", name="Throw the clip away").click()
    expect(place.get_by_text("Thrown away")).to_be_visible()

    expect(page.locator("#compare img").nth(1)).to_be_visible()
    expect(page.get_by_text("Download time-lapse")).to_be_visible()
    page.get_by_text("More settings").click()
    expect(setting(page, "Steps")).to_have_value("3")
    kept = page.locator("#strip").get_by_role("button", name="Painting")
    count = kept.count()
    assert count >= 2
    kept.nth(1).click()  # the one before
    expect(setting(page, "Steps")).to_have_value("900")
    expect(painted.get_by_text("Stopped")).to_be_visible()
    page.get_by_role("button", name="Throw away").click()
    expect(painted.get_by_text("Thrown away")).to_be_visible()
    expect(kept).to_have_count(count - 1)
    page.reload()
    page.get_by_text("More settings").click()
    expect(setting(page, "Steps")).to_have_value("3")


def set_again(page, size: int, steps: int) -> None:
    if not setting(page, "Size").is_visible():
        page.get_by_text("More settings").click()
    set_size(page, size, steps)


def fits(frame) -> bool:
    """Whether the studio's frame comes to be as high as what is in it, and stays so."""
    return frame.evaluate(
        """async frame => {
          for (let tries = 0, still = 0, last = 0; tries < 150; tries++) {
            await new Promise(done => setTimeout(done, 100));
            const main = frame.contentDocument.querySelector('.framed .gradio-container .main');
            const height = frame.clientHeight, content = main ? main.getBoundingClientRect().height : NaN;
            still = height === last && content <= height && height <= content + 100 ? still + 1 : 0;
            last = height;
            if (still === 5) return true;
          }
          return false;
        }"""
    )


def in_sight(page, locator) -> bool:
    """Whether all of it is within the window, as a person sees it."""
    box = locator.bounding_box()
    return box is not None and box["y"] >= 0 and box["y"] + box["height"] <= page.viewport_size["height"]


def overlap(one, other) -> bool:
    """Of two that stand one above the other."""
    a, b = one.bounding_box(), other.bounding_box()
    return a["y"] < b["y"] + b["height"] and b["y"] < a["y"] + a["height"]


def just_below(answer, pressed) -> bool:
    """Whether the answer stands under what was pressed, and nothing between."""
    above, below = pressed.bounding_box(), answer.bounding_box()
    return 0 <= below["y"] - above["y"] - above["height"] < 40


def drop(place, selector: str, name: str, content: str) -> None:
    place.locator(selector).evaluate(
        """(element, [name, content]) => {
          const dropped = new DataTransfer();
          dropped.items.add(new File([content], name, {type: 'text/plain'}));
          element.dispatchEvent(new DragEvent('drop', {dataTransfer: dropped, bubbles: true, cancelable: true}));
        }""",
        [name, content],
    )


def test_answers_stand_beside_what_was_pressed_and_the_page_stays_as_high_as_its_content(studio, page, files):
    """They once stood 1,000 px below, or at the top of a page of which the phone showed the end. It once grew by
    2,800 px a second: what was measured grew with the frame."""

    def at_both(is_so) -> None:
        for _ in at_both_widths(page):
            until(is_so)

    broken = []
    page.on("response", lambda answer: broken.append(answer.url) if answer.status >= 500 else None)
    page.goto(f"{studio}/paint")
    frame, inside = page.locator("iframe[src*='/style/']"), page.frame_locator("iframe[src*='/style/']")
    expect(inside.get_by_role("button", name="Paint", exact=True)).to_be_visible()
    for _ in at_both_widths(page):
        assert fits(frame)
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    upload_pictures(inside, files)
    photo, answer = inside.locator("#photo"), inside.locator("#photo-answer")
    (files / "notes.jpg").write_text("not a picture at all")
    photo.get_by_label("Remove Image").click()
    photo.locator("input[type=file]").set_input_files(files / "notes.jpg")
    expect(answer).to_contain_text("notes.jpg is text, not a picture")
    expect(answer.get_by_role("alert")).to_be_visible()
    expect(photo.locator("input[type=file]")).to_be_attached()  # ready for another
    expect(inside.locator("#styles img").first).to_be_visible()
    at_both(lambda: just_below(answer, photo))
    drop(inside, "#photo .upload-container button", "notes.txt", "Gradio itself refuses this")
    refused = inside.locator(".answer", has_text="notes.txt")
    expect(refused).to_be_visible()
    at_both(lambda: just_below(refused, photo))

    go, told = inside.get_by_role("button", name="Paint", exact=True), inside.locator("#bar").get_by_role("alert")
    at_both(lambda: in_sight(page, go))
    go.click()
    expect(told).to_contain_text("There is no photo yet")
    at_both(lambda: in_sight(page, told))
    inside.get_by_role("button", name="Cat", exact=True).click()
    expect(answer).to_be_empty()

    inside.get_by_text("More settings").click()
    inside.get_by_text("Advanced").click()
    steps, seed = setting(inside, "Steps"), inside.get_by_label("Seed")
    steps.fill("999999")
    expect(inside.locator(".answer", has_text="Steps goes from 1 to 1000.")).to_be_visible()
    steps.press("Tab")
    expect(inside.get_by_text("Steps goes from 1 to 1000: 999999 became 1000.")).to_be_visible()
    expect(steps).to_have_value("1000")
    seed.fill("-7")
    expect(inside.get_by_text("Seed goes from 0 to 4294967295.")).to_be_visible()
    seed.fill("7")
    expect(inside.get_by_text("Seed goes from")).to_have_count(0)
    steps.fill("")
    steps.press("Tab")
    expect(steps).to_have_value("1000")
    set_size(inside, 96, 1000)
    for _ in at_both_widths(page):  # at the second, Stop once scrolled away
        go.click()
        expect(inside.locator(".curves polyline").first).to_be_attached()
        stop, bar = inside.get_by_role("button", name="Stop", exact=True), inside.get_by_role("progressbar")
        expect(inside.locator("#preview img")).to_be_in_viewport()
        assert fits(frame)  # nothing that comes while painting moves the page
        for top in (0, 10**6):
            page.get_by_test_id("stMain").evaluate("(main, top) => main.scrollTo({top, behavior: 'instant'})", top)
            for there in (stop, bar):
                until(functools.partial(in_sight, page, there))
        stop.click()
        stopped = inside.locator("#status").get_by_text("Stopped after")  # and not what may be said of a clip
        expect(stopped).to_be_visible()
        until(functools.partial(in_sight, page, stopped))
        assert fits(frame)
    assert broken == []


def style_in(page, studio):
    """The Style page. -> its frame, as what is found in and as what axe looks at; and its buttons Paint and Stop."""
    page.goto(f"{studio}/paint")
    inside = page.frame_locator("iframe[src*='/style/']")
    go, stop = (inside.get_by_role("button", name=name, exact=True) for name in ("Paint", "Stop"))
    expect(go).to_be_visible()
    return inside, next(frame for frame in page.frames if "/style/" in frame.url), go, stop


@pytest.fixture
def untouched(tmp_path):
    """A studio in which nobody has left anything open, such as a clip, which has buttons of its own."""
    with serving(tmp_path, changed(tmp_path, WALKING)) as address:
        yield address


def held(page, studio, *names: str):
    """Of the style page's functions named, as many answers as there are names are held back. -> What waits for the one
    of such a name, and gives what lets it go."""
    calls = httpx.get(f"{studio}/style/config").json()["dependencies"]
    name_of, wanted, late = {call["id"]: call["api_name"] for call in calls}, [*names], []

    def hold(route) -> None:
        name = name_of.get((route.request.post_data_json or {}).get("fn_index"))
        if name in wanted:
            wanted.remove(name)
            late.append((name, route, route.fetch()))
        else:
            route.continue_()

    def released(name: str):
        until(lambda: page.wait_for_timeout(50) or name in [one for one, _, _ in late])
        _, route, response = late.pop([one for one, _, _ in late].index(name))
        return functools.partial(route.fulfill, response=response)

    page.route("**/gradio_api/run/predict*", hold)
    return released


def test_a_painting_that_is_found_late_covers_no_new_photo(studio, window, files):
    """On a slow line the last painting once took the place of what somebody had uploaded meanwhile."""
    page = window()
    page.goto(f"{studio}/style/")
    upload_pictures(page, files)
    page.get_by_text("More settings").click()
    set_size(page, 64, 3)
    paint_in_browser(page)
    expect(page.get_by_text("Download PNG")).to_be_visible()

    answered = held(page, studio, "found", "opened")
    page.reload()
    found = answered("found")
    scene(90, 60).save(files / "new.jpg")
    page.locator("#photo input[type=file]").set_input_files(files / "new.jpg")
    opened = answered("opened")
    found()  # in the order in which they were asked for
    opened()
    expect(page.get_by_text("Download PNG")).to_be_visible()  # what was found has arrived
    expect(page.locator("#photo img[src*='new.jpg']")).to_be_visible()


def test_of_two_examples_picked_on_a_slow_line_the_last_one_counts(studio, page):
    """Gradio sends a question that waits for the answer to another with the event of that other."""
    page.goto(f"{studio}/style/")
    expect(page.locator("#styles img[src*='swirls']")).to_be_visible()
    answered = held(page, studio, "picked_style", "picked_style")
    shelf, answers = page.locator(".shelf", has=page.locator("img[src*='mosaic']")), []
    for name in ("mosaic", "poppies"):
        shelf.locator(f"img[src*='{name}']").click()
        answers.append(answered("picked_style"))
    for answer in answers:
        answer()
    expect(page.locator("#styles img[src*='poppies']")).to_be_visible()


def test_style_is_for_keyboards_and_screen_readers(untouched, window, files):
    """At a desk, and then what was painted there on a phone in the dark."""
    page = window(1280)
    inside, frame, go, stop = style_in(page, untouched)

    def focused(locator) -> bool:
        return locator.evaluate("element => element === document.activeElement")

    upload_pictures(inside, files)
    expect(inside.get_by_role("button", name="Night of swirls")).to_be_visible()  # and not "Thumbnail 1 of 13"
    go.evaluate("() => document.querySelector('#skip').focus()")
    tabs = 0
    while not focused(go):
        page.keyboard.press("Tab")
        tabs += 1
        assert tabs < 25, "they were 45"
    page.keyboard.press("Shift+Tab")
    go.evaluate("() => document.querySelector('#skip').focus()")
    page.keyboard.press("Enter")
    assert focused(go)
    asked: list = []
    page.on("filechooser", lambda chooser: asked.append(chooser))  # Playwright puts a mark on what it is given
    upload = inside.locator("#styles").get_by_label("Click to Upload", exact=True)
    until(lambda: upload.press("Enter") or asked)  # it is drawn anew when the server has looked at the pictures
    inside.get_by_role("button", name="Pagoda").focus()
    page.keyboard.press("ArrowRight")
    assert focused(inside.get_by_role("button", name="Cat", exact=True))

    inside.get_by_text("More settings").click()
    inside.get_by_text("Advanced").click()
    set_size(inside, 96, 1000)
    expect(inside.locator(".forecast")).to_contain_text("on this machine")
    go.focus()
    page.keyboard.press("Enter")
    expect(stop).to_be_focused()
    expect(inside.locator(".curves polyline").first).to_be_attached()
    assert violations(frame) == []
    page.keyboard.press("Enter")
    expect(inside.get_by_text("Download PNG")).to_be_visible()
    expect(go).to_be_focused()

    handle = inside.get_by_role("slider", name="How much of the photo is shown")
    expect(handle).to_have_attribute("aria-valuenow", "20")
    handle.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", "30")
    clip = inside.get_by_alt_text("The painting", exact=True).evaluate("image => image.style.clipPath")
    assert 29 < float(clip.split()[-1].rstrip("%)")) < 31, "the painting begins where the handle is"
    expect(inside.get_by_alt_text("The photo")).to_be_attached()
    shown = inside.locator("#compare img").nth(1)
    source = shown.get_attribute("src")
    inside.get_by_label("range slider for Strength").focus()
    page.keyboard.press("ArrowLeft")
    expect(shown).not_to_have_attribute("src", source)
    assert violations(frame) == []
    page.close()

    inside, frame, go, stop = style_in(window(390, theme="dark"), untouched)
    expect(inside.get_by_text("Download PNG")).to_be_visible()
    inside.get_by_text("More settings").click()
    inside.get_by_text("Advanced").click()
    expect(inside.locator(".forecast")).to_contain_text("on this machine")
    assert violations(frame) == []
    go.click()
    expect(inside.locator(".curves polyline").first).to_be_attached()
    assert violations(frame) == []
    stop.click()
    expect(inside.get_by_text("Download PNG")).to_be_visible()


def test_the_api_samples_a_generator(studio):
    answer = Client(f"{studio}/style/", verbose=False).predict(seed=3, count=2, api_name="/sample")
    assert answer["recipe"]["seed"] == 3
    assert len(answer["pictures"]) == 2


def test_the_api_paints_the_same_picture_and_sends_previews(studio, files):
    client = Client(f"{studio}/style/", verbose=False)
    style = [{"image": handle_file(files / "painting.png"), "caption": None}]
    job = client.submit(
        photo=handle_file(files / "photo.jpg"), styles=style, size=128, steps=20, seed=3, api_name="/paint"
    )
    path, ended = job.result(timeout=PATIENCE)
    assert any(update[0] for update in job.outputs()[:-1])  # previews on the way
    assert ended["recipe"]["seed"] == 3
    *_, result = painted_here(StyleRequest(size=128, steps=20, seed=3), files)
    with Image.open(path) as got:
        np.testing.assert_array_equal(np.asarray(got.convert("RGB")), np.asarray(result.images[0]))

    asked = {"photo": handle_file(files / "photo.jpg"), "styles": style, "size": 96, "api_name": "/instant"}
    path, ended = client.predict(**asked, stroke_size=0.5)
    *_, result = painted_here(InstantRequest(size=96, stroke_size=0.5), files)
    assert images.read_recipe(path) == ended["recipe"] == json.loads(json.dumps(result.recipe))
    with Image.open(path) as got:
        np.testing.assert_array_equal(np.asarray(got.convert("RGB")), np.asarray(result.images[0]))
    for wrong, words in ({"size": 99999}, "^size: Size is"), ({"photo": None}, "There is no photo yet"):
        with pytest.raises(AppError, match=words):
            client.predict(**asked | wrong)


def test_the_api_paints_a_clip_as_the_engine_does_and_tells_what_is_none(studio, files):
    client = Client(f"{studio}/style/", verbose=False)
    source, style = moving(files / "clip.gif", 8), images.open_picture(files / "painting.png", max_pixels=2 * 64**2)
    asked = {"styles": handle_file(files / "painting.png"), "size": 64, "seed": 3, "api_name": "/clip"}
    path, ended = client.predict(clip=handle_file(source), **asked)
    *_, result = clip.paint(ClipRequest(size=64, seed=3), source, [style], files / "here.gif")
    assert Path(path).read_bytes() == (files / "here.gif").read_bytes()
    assert ended["recipe"] == json.loads(json.dumps(result.recipe))
    (files / "clip.jpg").write_bytes(source.read_bytes())
    assert client.predict(clip=handle_file(files / "clip.jpg"), **asked)[1]["recipe"]["frames"] == 8
    (files / "cut.gif").write_bytes(source.read_bytes()[:-200])
    assert "The clip is damaged after 0." in client.predict(clip=handle_file(files / "cut.gif"), **asked)[1]["note"]
    (files / "words.gif").write_text("this does not move")
    for wrong, words in (
        (moving(files / "still.gif", 1), "shows one picture"),
        (files / "words.gif", "is text, not a clip"),
        (files / "photo.jpg", "photo.jpg is a JPEG picture, which does not move"),
    ):
        with pytest.raises(AppError, match=words):
            client.predict(clip=handle_file(files / wrong), **asked)


def test_the_api_takes_what_is_clear_and_tells_the_rest_by_its_name(studio, files):
    """By its client and by HTTP alone. It once said that it "has not enabled verbose error reporting"."""
    client = Client(f"{studio}/style/", verbose=False)
    given = {"photo": handle_file(files / "photo.jpg"), "styles": handle_file(files / "painting.png"), "size": "64",
             "steps": "1", "keep_colour": "no", "style_weights": [1], "rate": None, "api_name": "/paint"}  # fmt: skip
    assert client.predict(**given)[1]["recipe"]["size"] == 64
    for name, value in {"photo": "photo.jpg", "styles": "a.jpg", "size": 99999, "steps": "few", "start": "sky"}.items():
        with pytest.raises(AppError, match=f"^{name}: "):
            client.predict(**given | {name: value})
    with pytest.raises(AppError, match="cannot be fetched"):
        client.predict(**given | {"photo": handle_file("http://127.0.0.1:9/a.jpg")})
    for name, value in {"count": 0, "seed": "x", "sort": "perhaps"}.items():
        with pytest.raises(AppError, match=f"^{name}: "):
            client.predict(**{name: value}, api_name="/sample")

    with httpx.Client(base_url=f"{studio}/style/gradio_api/", timeout=PATIENCE) as plain:

        def asked(function: str, how: str = "call/v2", **body) -> str:
            begun = plain.post(f"{how}/{function}", json=body)
            number = begun.json().get("event_id")
            return plain.get(f"call/{function}/{number}").text if number else begun.text

        sent = [plain.post("upload", files={"files": (files / name).read_bytes()}).json()
                for name in ("photo.jpg", "painting.png")]  # fmt: skip
        assert '"state":"done"' in asked("paint", photo=sent[0], styles=sent[1][0], size="64", steps=1).replace(" ", "")
        assert "size: Size is" in asked("paint", photo=sent[0], styles=sent[1], size=1)
        assert "photo: " in asked("paint", "call", data=["a.jpg"])
        assert "takes 8: generator, seed" in asked("sample", "call", data=[None] * 9)
        assert "has no parameter 'sed'; did you mean seed?" in asked("sample", sed=3)
        assert "There is no /paints" in asked("paints")


def test_visitors_wait_in_turn_and_are_told_their_place(studio, files):
    painting = {"photo": handle_file(files / "photo.jpg"), "size": 64, "api_name": "/paint",
                "styles": [{"image": handle_file(files / "painting.png"), "caption": None}]}  # fmt: skip
    first, second = (Client(f"{studio}/style/", verbose=False) for _ in range(2))
    one = first.submit(**painting, steps=60, freedom=0)
    until(lambda: any(update[1]["state"] == "running" for update in one.outputs()))
    two = second.submit(**painting, steps=1)
    assert two.result(timeout=PATIENCE)[1]["state"] == "done"
    assert one.result(timeout=PATIENCE)[1]["state"] == "done"
    assert "Waiting: 1 painting before yours." in {update[1].get("words") for update in two.outputs()}


def test_the_api_explains_its_parameters(studio):
    described = Client(f"{studio}/style/", verbose=False).view_api(return_format="dict")["named_endpoints"]
    assert set(described) == {"/paint", "/instant", "/clip", "/sample"}
    names = [parameter["parameter_name"] for parameter in described["/paint"]["parameters"]]
    settings = [name for name in vars(StyleRequest()) if name != "style_shares"]
    assert names == ["photo", "styles", "style_weights", *settings]
    assert "The longer side" in described["/paint"]["description"]
    at_once = [parameter["parameter_name"] for parameter in described["/instant"]["parameters"]]
    assert at_once == ["photo", "styles", "style_weights", *InstantRequest.counting]
    assert "at once" in described["/instant"]["description"]


def test_a_taken_port_is_said_plainly(studio):
    port = studio.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, "PORT": port},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    assert f"Port {port} cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_style_app_runs_alone(tmp_path):
    with serving(tmp_path, script="style_app.py", ready="/config", anew=True) as address:
        assert "/paint" in Client(address, verbose=False).view_api(return_format="dict")["named_endpoints"]
