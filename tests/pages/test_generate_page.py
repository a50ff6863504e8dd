"""The Generate and Models pages: driven by AppTest piece by piece, and once in a browser from end to end."""

import base64
import io
import json
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image
from playwright.sync_api import expect
from streamlit.runtime.uploaded_file_manager import DeletedFile
from streamlit.testing.v1 import AppTest
from torch import nn

from core.errors import UserError
from core.gan import checkpoint, points, sample
from core.gan.networks import build
from core.gan.pictures import to_pictures
from core.gan.request import SampleRequest
from core.gan.zoo import catalogue
from core.hub import cache, registry
from core.pictures import images
from core.runs import lifecycle
from core.visitors import policy, shelf, tray
from support.chromium import settled
from support.finished import finished_run
from support.foreign_networks import Cryptopunks, Tutorial, lively, saved
from support.studio import changed, serving
from support.waiting import PATIENCE
from ui.generate import files, own_file, view
from ui.telling import plain

STUDIO = Path(__file__).parents[2] / "pages" / "studio.py"


def opened(page: str) -> AppTest:
    return AppTest.from_file(str(STUDIO), default_timeout=PATIENCE).switch_page(page).run()


@pytest.fixture
def page():
    return opened("generate.py")


def newest(page: AppTest) -> tuple[SampleRequest, object]:
    return list(page.session_state["made"].items())[-1]


# ---------------------------------------------------------------- generate


@pytest.mark.slow
def test_a_sliders_value_forged_on_the_socket_does_nothing(page):
    """What a program sends in place of a slider's value: neither the page nor what it calls believes it."""
    keep(page, "7:1", "7:2")
    page.toggle(key="way").set_value(True).run()
    made = len(page.session_state["made"])
    for forged in (10**9, -1, float("nan"), float("inf")):
        for label in ("Frames", "How different"):
            (slider,) = [one for one in page.slider if one.label == label]
            slider.set_value(forged)
        page.run()
        assert not page.exception
        assert len(page.session_state["made"]) == made
        for ask in (lambda n: points.interpolate(["7:1", "7:2"], n), lambda n: points.variations("7:1", n, 0.3)):
            with pytest.raises(UserError, match="pictures are asked for"):
                ask(forged)
        with pytest.raises(UserError, match="How different"):
            points.variations("7:1", 16, forged)


@pytest.mark.slow
def test_pictures_are_there_at_once_and_follow_the_settings(page):
    assert not page.exception
    assert not page.error
    request, result = newest(page)
    assert request == SampleRequest(next(iter(weights_bundled())))
    assert len(result.images) == 36
    page.number_input(key="seed").set_value(7).run()
    page.slider(key="truncation").set_value(0.6).run()
    page.toggle(key="sort").set_value(True).run()
    request, result = newest(page)
    assert (request.seed, request.truncation, request.sort) == (7, 0.6, True)
    assert result.recipe["opinions"] == sorted(result.recipe["opinions"], reverse=True)
    assert not page.exception


def weights_bundled() -> list[str]:
    return [name for name, entry in registry.entries().items() if entry.kind == "generator" and not entry.repo]


def press(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click()
    return page.run()


def keep(page: AppTest, *names: str) -> AppTest:
    """As if each were clicked on in the grid, and kept."""
    for name in names:
        page.session_state["selected"] = name
        press(page.run(), "Keep")
    return page


def kept() -> list[SampleRequest]:
    return list(shelf.kept())


@pytest.mark.slow
def test_one_picture_is_kept_varied_and_sent_to_style(page):
    keep(page, "0:3")
    assert kept() == [SampleRequest(weights_bundled()[0], count=1, points=("0:3",))]
    press(page, "More like this")
    assert page.session_state["start"] == points.variations("0:3", 36, 0.35)
    press(page, "Back to the seed")
    assert page.session_state["start"] == ()
    press(page, "Do not keep")
    assert kept() == []
    before = set(tray._pictures)
    press(page, "Paint this")
    (name,) = set(tray._pictures) - before
    assert tray.take(name).size == (512, 512)
    assert tray.take("no such name") is None


@pytest.mark.slow
def test_what_is_kept_stays_what_it_was(page):
    """Its generator, seed and truncation are its own, whatever is chosen by then; also after other pages."""
    first, other = weights_bundled()[:2]
    page.number_input(key="seed").set_value(7).run()
    page.slider(key="truncation").set_value(0.6)
    keep(page, "7:2")
    (request,) = kept()
    assert request == SampleRequest(first, seed=7, truncation=0.6, count=1, points=("7:2",))
    before = shelf.kept()[request]
    recipe = images.read_recipe(files.one(before, 0))
    assert (recipe["generator"], recipe["seed"], recipe["truncation"], recipe["points"]) == (first, 7, 0.6, ["7:2"])

    page.selectbox(key="generator").set_value(other)
    page.slider(key="truncation").set_value(1.2)
    page.number_input(key="seed").set_value(0).run()
    page.switch_page("models.py").run().switch_page("generate.py").run()
    keep(page, "7:2")
    assert [(one.generator, one.truncation) for one in kept()] == [(first, 0.6), (other, 1.2)]
    assert shelf.kept()[request] is before
    page.session_state["selected"] = request  # clicked on in the shelf
    page.run()
    assert any("truncation 0.6" in plain_text(caption.value) for caption in page.caption)
    press(page, "More like this")
    assert (page.selectbox(key="generator").value, page.slider(key="truncation").value) == (first, 0.6)
    assert newest(page)[0].points == points.variations("7:2", 36, 0.35)
    assert not page.exception
    assert not page.error


@pytest.mark.slow
def test_what_is_kept_is_found_again_by_a_reload_and_from_another_tab(page):
    keep(page, "0:3")
    for _ in range(2):
        again = opened("generate.py")
        (shown,) = (one for one in again.get("bidi_component") if "shelf" in one.proto.id)
        assert json.loads(shown.proto.json)["names"] == ["0:3, Portraits, truncation 1"]
    again.session_state["selected"] = kept()[0]
    press(again.run(), "Do not keep")
    assert not [one for one in page.run().get("bidi_component") if "shelf" in one.proto.id]


def plain_text(markdown: str) -> str:
    return markdown.replace("\\", "")


@pytest.mark.slow
def test_what_is_kept_outlives_its_generator():
    run = finished_run()
    page = opened("generate.py")
    page.selectbox(key="generator").set_value("run:my-cats").run()
    keep(page, "0:3")
    lifecycle.delete(run)
    page.run()
    assert not page.exception
    assert not page.error
    assert page.selectbox(key="generator").value == weights_bundled()[0]
    page.session_state["selected"] = kept()[0]
    press(page.run(), "More like this")
    assert any("my-cats" in plain_text(error.value) for error in page.error)
    assert len(kept()) == 1


@pytest.mark.slow
def test_widgets_keep_their_values_from_page_to_page(page):
    other = weights_bundled()[1]
    page.selectbox(key="generator").set_value(other).run()
    page.number_input(key="seed").set_value(7)
    page.slider(key="truncation").set_value(0.6)
    page.select_slider(key="count").set_value(16)
    page.toggle(key="sort").set_value(True).run()
    page.switch_page("train.py").run()
    page.selectbox(key="preset").set_value("paper").run()
    page.number_input(key="paper-steps").set_value(700)
    page.segmented_control[0].set_value("path").run()
    page.text_input(key="images-path").set_value("/somewhere").run()
    for _ in range(2):
        page.switch_page("home.py").run()
        page.switch_page("generate.py").run()
        assert newest_asked(page) == (other, 7, 0.6, 16, True)
        page.switch_page("train.py").run()
        assert page.number_input(key="paper-steps").value == 700
        assert page.text_input(key="images-path").value == "/somewhere"
    again = opened("generate.py")  # a reload, or another tab
    assert newest_asked(again) == (other, 7, 0.6, 16, True)
    assert again.switch_page("train.py").run().number_input(key="paper-steps").value == 700
    for tab in (page, again):
        assert not tab.exception
        assert not tab.warning


def newest_asked(page: AppTest) -> tuple:
    widgets = (page.selectbox(key="generator"), page.number_input(key="seed"), page.slider(key="truncation"),
               page.select_slider(key="count"), page.toggle(key="sort"))  # fmt: skip
    return tuple(widget.value for widget in widgets)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [-7, 2**32])
def test_a_seed_out_of_bounds_is_answered_in_words(page, seed):
    page.number_input(key="seed").set_value(seed).run()
    assert not page.exception
    assert [error.value for error in page.error] == [plain(f"Seed is {seed}; choose a value from 0 to {2**32 - 1}.")]
    page.number_input(key="seed").set_value(7).run()
    assert not page.error
    assert newest(page)[0].seed == 7


@pytest.mark.slow
def test_ways_and_sums_of_kept_pictures(page):
    keep(page, "0:1", "0:2", "0:5")
    page.selectbox(key="generator").set_value(weights_bundled()[1]).run()
    keep(page, "0:9")  # one of another generator is not mixed with them
    page.toggle(key="way").set_value(True)
    page.toggle(key="sum").set_value(True)
    page.run()
    assert not page.exception
    mixed = [request for request in page.session_state["made"] if len(request.points) > 1]
    assert any(len(request.points) == 60 for request in mixed)
    assert any(request.points == ("0:1", "0:2", "0:5", "0:1-0:2+0:5") for request in mixed)
    assert {request.generator for request in mixed} == {weights_bundled()[0]}


@pytest.mark.slow
def test_pictures_for_a_sum_are_chosen_among_pictures(page):
    keep(page, "0:1", "0:2", "0:5")
    for place in range(3):
        (shown,) = (one for one in page.get("bidi_component") if f"pick-{place}" in one.proto.id)
        data = json.loads(shown.proto.json)
        assert data["names"] == ["0:1", "0:2", "0:5"]
        assert data["chosen"] == [data["names"][place]]
        assert data["sheet"].startswith("data:image/png;base64,")


def test_the_tray_keeps_only_the_newest():
    names = [tray.put(Image.new("RGB", (2, 2))) for _ in range(policy.PRIVATE.tray + 3)]
    assert tray.take(names[0]) is None
    assert tray.take(names[-1]) is not None


@pytest.mark.slow
def test_downloads_are_what_they_say(page):
    _, result = newest(page)
    with zipfile.ZipFile(io.BytesIO(files.zipped(result))) as archive:
        names = archive.namelist()
        assert len(names) == 36
        recipe = images.read_recipe(archive.read(names[5]))
    assert recipe["points"] == ["0:5"]
    assert images.read_recipe(files.one(result, 5)) == recipe
    assert len(images.read_recipe(files.sheet(result))["points"]) == 36
    for kind in ("webp", "gif"):
        assert Image.open(io.BytesIO(files.animated(result, kind))).n_frames > 30
    with av.open(io.BytesIO(files.animated(result, "mp4"))) as film:
        assert film.streams.video[0].frames == 36


@pytest.mark.slow
def test_a_picture_made_here_brings_its_settings_back(page):
    *_, (_, result) = list(page.session_state["made"].items())
    recipe = {**result.recipe, "points": ["4:9"], "truncation": 0.5, "seed": 4}
    page.file_uploader(key="opened").upload("kept.png", files.png(result.images[0], recipe), "image/png").run()
    assert not page.exception
    again, made = newest(page)
    assert (again.truncation, again.seed) == (0.5, 4)
    assert page.session_state["selected"] == "4:9"
    assert page.session_state["start"] == ("4:9",)
    assert not [caption for caption in page.caption if "other weights" in caption.value]
    file = files.png(result.images[0], {**recipe, "weights": "of a Ganvas before"})
    page.file_uploader(key="opened").upload("older.png", file, "image/png").run()
    assert any("Portraits has other weights now" in caption.value for caption in page.caption)
    page.file_uploader(key="opened").upload("photo.png", files.png(made.images[0]), "image/png").run()
    assert [error.value for error in page.error if "only recipes for 'sample'" in error.value]
    assert not page.run().error, "it is said once"


@pytest.mark.slow
def test_ones_own_runs_can_be_chosen():
    run = finished_run()
    page = opened("generate.py")
    page.selectbox(key="generator").set_value("run:my-cats").run()
    assert not page.error
    assert newest(page)[0] == SampleRequest("run:my-cats")
    assert not page.toggle(key="sort").disabled
    page.toggle(key="sort").set_value(True).run()
    assert newest(page)[1].recipe["opinions"]
    (run.result / "discriminator.safetensors").unlink()
    page.run()
    assert page.toggle(key="sort").disabled
    assert not page.error


@pytest.mark.slow
def test_a_picture_from_a_checkpoint_comes_back_from_it(page):
    run = finished_run()
    _, result = newest(page)
    recipe = SampleRequest("run:my-cats@7", points=("3:1",)).recipe()
    file = files.png(result.images[0], recipe)
    page.file_uploader(key="opened").upload("then.png", file, "image/png").run()
    assert any("checkpoint is gone" in error.value for error in page.error)
    g, d = build(run.request, torch.Generator())
    state = {"steps": 7, "g": g.state_dict(), "d": d.state_dict(), "average": lively(g).state_dict()}
    checkpoint.save(run, state, 1.0)
    page.file_uploader(key="opened").upload("again.png", file, "image/png").run()
    assert not page.error
    assert newest(page)[0].generator == "run:my-cats@7"


def test_the_shipped_pictures_are_those_of_the_engine():
    for name in weights_bundled():
        request = SampleRequest(name, count=10)
        *_, made = sample.sample(request)
        shown = catalogue.shipped(request)
        assert shown.recipe == {**made.recipe, "weights": ""}  # nothing was loaded
        for one, other in zip(shown.images, made.images, strict=True):
            # Another kind of processor may add in another order.
            assert np.abs(np.asarray(one, int) - np.asarray(other, int)).max() <= 1
    for request in (SampleRequest("portraits", seed=1), SampleRequest("portraits", count=100), SampleRequest("run:x")):
        assert catalogue.shipped(request) is None


@pytest.mark.slow
def test_a_registered_generator_is_offered_and_fetched(local_hub):
    entry = registry.entry("cryptopunks")
    local_hub.add(entry.repo, {entry.file: saved(lively(Cryptopunks()).state_dict())}, revision=entry.revision)
    page = opened("generate.py")
    page.selectbox(key="generator").set_value("cryptopunks").run()
    assert any("licence: not stated" in caption.value for caption in page.caption)
    press(page, "Fetch it")
    assert not page.error
    assert newest(page)[0].generator == "cryptopunks"
    assert any("24 x 24 px" in caption.value for caption in page.caption)


@pytest.mark.parametrize(("key", "taken"), [("own-file", own_file._taken), ("opened", view.reopen)])
def test_a_file_that_the_server_has_not_got_any_more_is_none(monkeypatch, key, taken):
    """As after a start of the server anew, or where a program names one that never was."""

    class State(dict):
        __getattr__ = dict.__getitem__

    monkeypatch.setattr(st, "session_state", there := State({key: DeletedFile("x")}))
    taken()
    assert there == {key: DeletedFile("x")}


@pytest.mark.slow
def test_a_file_that_does_not_tell_is_read_as_its_owner_says(page):
    """Handed over, asked about in rows, answered, and its classes chosen by name."""
    net = lively(nn.Sequential(nn.Linear(26, 32), nn.LeakyReLU(0.2), nn.Linear(32, 256), nn.Tanh()))
    page.number_input(key="seed").set_value(3)
    page.file_uploader(key="own-file").upload("digits.pth", saved(net.state_dict()), "application/zip").run()
    assert not page.error
    ref = page.selectbox(key="generator").value
    assert ref.startswith("upload:")
    # On a phone the question is seen at once: nothing that waits for its answer stands before it.
    assert not page.number_input
    assert not page.slider
    rows = [request for request in page.session_state["made"] if request.generator.startswith(ref)]
    assert [row.generator.removeprefix(ref) for row in rows] == [
        ":classes-10-behind,relu", ":classes-10-behind,leaky", ":classes-10-front,relu",
        ":classes-10-front,leaky", ":classes-10-behind,leaky-0.1", ":classes-10-front,leaky-0.1",
        ":classes-10-behind,hidden-tanh", ":classes-10-front,hidden-tanh",
    ]  # fmt: skip
    assert any(caption.value.endswith("0, 1, 2, 3, 4, 5, 6, 7.") for caption in page.caption)  # are of these classes
    page.button(key="more-readings").click().run()
    assert page.button(key="reading-13").label == "This one"
    page.button(key="reading-1").click().run()
    request, result = newest(page)
    assert (request.generator, request.seed) == (f"{ref}:classes-10-behind,leaky", 3)
    z = torch.from_numpy(points.latents(["3:4"], 16, 10))
    one_hot = torch.eye(10)[4:5]
    made = to_pictures(net(torch.cat([z, one_hot], 1)).view(1, 1, 16, 16))
    assert made[0].tobytes() == result.images[4].tobytes()
    page.text_area(key=f"names-{ref}").set_value("\n".join(f"kind {i}" for i in range(10)))
    press(page, "Call them so")
    page.selectbox(key="class").set_value("7").run()
    assert "kind 7" in page.selectbox(key="class").options
    recipe = newest(page)[1].recipe
    assert (recipe["label"], recipe["points"][0]) == ("7", "3:0#7")
    page.button(key="read-again").click().run()
    assert page.button(key="reading-0").label == "This one"
    assert any("kind 0, kind 1, kind 2" in caption.value for caption in page.caption)
    picture = files.png(result.images[4], {**recipe, "points": recipe["points"][:1]})
    page.file_uploader(key="opened").upload("kept.png", picture, "image/png").run()  # which knows how it was read
    assert not page.error
    assert newest(page)[0].generator == request.generator
    page.file_uploader(key="own-file").upload("judge.pth", saved({"w": torch.zeros(3)}), "application/zip").run()
    assert any("judge.pth" in error.value.replace("\\", "") for error in page.error)


def asked_for(page: AppTest, repo: str) -> AppTest:
    page.text_input(key="repository-generate").set_value(repo)
    return press(page, "Show its files")


@pytest.mark.slow
def test_any_repository_or_why_not(local_hub, page):
    local_hub.add("x/no-weights", {"README.md": b"hi"})
    for typed, words in (
        ("nobody/nothing", "shows no repository"),
        ("what is this", "owner/name"),
        ("x/no-weights", "no file of weights"),
    ):
        assert words in asked_for(page, typed).error[0].value
        assert bool(page.dataframe) == (typed == "x/no-weights")
    commit = local_hub.add("someone/punks", {"generator.pth": saved(lively(Cryptopunks()).state_dict())})
    asked_for(page, "someone/punks")
    assert not page.error
    page.button(key="fetch-generate").click().run()
    assert newest(page)[0].generator == f"hub:someone/punks@{commit}:generator.pth"
    assert not page.error
    assert any("24 x 24 px, colour with transparency" in caption.value for caption in page.caption)


@pytest.mark.slow
def test_of_several_files_one_is_chosen(local_hub, page):
    nets = {"epoch-10/generator.pth": Cryptopunks(), "epoch-9/generator.pth": Tutorial()}  # the last one first
    files = {path: saved(lively(net).state_dict()) for path, net in nets.items()}
    commit = local_hub.add("x/several", {**files, "netD.pth": b"x" * 3000, "notes.txt": b"n"})
    asked_for(page, "https://huggingface.co/x/several")
    table = page.dataframe[0].value
    assert list(table["File"]) == [*files, "netD.pth", "notes.txt"]
    assert list(table["Generator"]) == ["will be read", "may be one", "", ""]
    assert table["Size"][2:].to_list() == ["3 kB", "1 bytes"]
    page.selectbox(key="file-generate-x/several").set_value("epoch-9/generator.pth").run()
    assert page.dataframe[0].value["Generator"][1] == "will be read"
    page.button(key="fetch-generate").click().run()
    assert newest(page)[0].generator == f"hub:x/several@{commit}:epoch-9/generator.pth"


# ---------------------------------------------------------------- models


@pytest.mark.slow
def test_what_failed_stays_beside_its_name_and_what_is_fetched_can_be_deleted(local_hub):
    page = opened("models.py")
    assert not page.exception
    page.button(key="fetch-cryptopunks").click().run()
    assert "shows no repository" in page.error[0].value
    page.button(key="fetch-mnist-dcgan").click().run()
    assert len(page.error) == 2
    entry = registry.entry("cryptopunks")
    local_hub.add(entry.repo, {entry.file: saved(lively(Cryptopunks()).state_dict())}, revision=entry.revision)
    page.button(key="fetch-cryptopunks").click().run()
    assert len(page.error) == 1
    assert any("used just now" in markdown.value.replace("\\", "") for markdown in page.markdown)
    page.button(key="delete-cryptopunks").click().run()
    assert cache.entries() == []
    assert page.button(key="fetch-cryptopunks")


@pytest.mark.slow
def test_what_was_fetched_from_any_repository_is_listed_and_deleted(local_hub):
    page = opened("models.py")
    local_hub.add("x/an_odd_name", {"generator.pth": saved(lively(Cryptopunks()).state_dict())})
    page.text_input(key="repository-models").set_value("x/an_odd_name")
    press(page, "Show its files")
    page.button(key="fetch-models").click().run()
    assert newest(page)[0].generator.startswith("hub:x/an_odd_name@")
    page = opened("models.py")
    assert any(r"**x/an\_odd\_name**" in markdown.value for markdown in page.markdown)
    (item,) = cache.entries()
    page.button(key=f"delete-{item.name}").click().run()
    assert cache.entries() == []


@pytest.mark.slow
def test_ones_own_generator_is_published(local_hub):
    finished_run()
    page = opened("models.py")
    page.button(key="publish-my-cats").click().run()
    assert page.error[0].value == "The name of a repository is missing; write it as owner/name."
    page.text_input(key="repo-my-cats").set_value("me/cats")
    page.text_input(key="token-my-cats").set_value("hf_local")
    page.button(key="publish-my-cats").click().run()
    assert "licence of the training images" in page.error[0].value
    page.selectbox(key="licence-my-cats").set_value("mit")
    page.button(key="publish-my-cats").click().run()
    assert not page.error
    assert page.success[0].value == f"Published: {local_hub.url}/me/cats"
    assert local_hub.repos["me/cats"].private


# ---------------------------------------------------------------- from end to end


# The studio, whose engines awake only once there is a file at `GO`.
SLEEPING = """
import os, time
from core import jobs
engine = jobs._engine
def awake(job):
    while not os.path.exists(os.environ["GO"]):
        time.sleep(0.02)
    return engine(job)
jobs._engine = awake
"""


@pytest.fixture
def awake(tmp_path) -> Path:
    """The file by which the engines awake."""
    return tmp_path / "awake"


@pytest.fixture
def page_of(local_hub, browser, tmp_path, monkeypatch, awake):
    """A fresh server, which has no torch yet, with a finished run and the local Hub, and a browser's page."""
    monkeypatch.setenv("GANVAS_HOME", str(tmp_path / "runs"))
    monkeypatch.setenv("HF_TOKEN", local_hub.token)  # what is private can be pulled back
    finished_run()
    with serving(tmp_path, changed(tmp_path, SLEEPING), anew=True, env={"GO": str(awake)}) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 900}, base_url=address)
        yield page
        page.close()


def grid_of(page):
    """The first picture of the grid; its background holds them all."""
    return page.locator(".st-key-grid .pictures button").first


def sheet_of(page) -> str:
    """The pictures of the grid, as they arrived in the browser."""
    expect(grid_of(page)).to_be_visible()
    return grid_of(page).evaluate("button => getComputedStyle(button).backgroundImage")


def downloaded(page, name: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=True).click()
    return Path(download.value.path()).read_bytes()


def sent_to_style(page) -> None:
    """A picture as the photo and, by Back, as the style; and back again."""
    page.locator(".st-key-grid").get_by_label("Picture 0:3", exact=True).click()
    expect(page.get_by_alt_text("Picture 0:3", exact=True)).to_be_visible()
    page.get_by_role("button", name="Paint this").click()
    page.wait_for_url("**/paint?photo=*")
    style = page.locator("iframe[src*='/style/']").element_handle().content_frame()
    style.wait_for_function("() => document.querySelector('#photo img')?.naturalWidth == 512")  # not the usual photo
    address = style.evaluate("() => document.querySelector('#photo img').src")
    *_, made = sample.sample(SampleRequest("portraits", points=("0:3",)))
    arrived = images.open_picture(page.request.get(address).body())
    assert arrived.tobytes() == images.enlarged(made.images[0], 512).tobytes()

    page.go_back()
    page.get_by_role("button", name="Paint in this style").click()
    page.wait_for_url("**/paint?style=*")
    style = page.locator("iframe[src*='/style/']").element_handle().content_frame()
    style.wait_for_function("() => document.querySelector('#styles img')?.naturalWidth == 512")
    address = style.evaluate("() => document.querySelector('#styles img').src")
    assert images.open_picture(page.request.get(address).body()).size == (512, 512)
    page.go_back()
    expect(page.get_by_alt_text("Picture 0:3", exact=True)).to_be_visible()
    settled(page)


@pytest.mark.server
def test_a_visitor_from_the_first_picture_by_way_of_style_to_a_generator_given_away(page_of, awake, local_hub):
    page = page_of
    page.goto("/generate")
    page.locator(".st-key-first .pictures button").first.wait_for()  # before the engine is awake; see bench/sample.py
    awake.touch()
    pictures = page.locator(".pictures").first.locator("button")
    expect(pictures).to_have_count(36)
    sent_to_style(page)

    page.get_by_label("Seed", exact=True).fill("5")
    page.get_by_label("Seed", exact=True).press("Enter")
    expect(page.get_by_label("Picture 5:0", exact=True)).to_be_visible()
    bold = sheet_of(page)
    page.get_by_role("slider", name="Truncation").press("ArrowLeft")
    expect(page.get_by_text("0.95", exact=True)).to_be_visible()
    expect(grid_of(page)).not_to_have_css("background-image", bold)
    for index in (1, 2):
        page.get_by_label(f"Picture 5:{index}", exact=True).first.click()
        expect(page.get_by_alt_text(f"Picture 5:{index}", exact=True)).to_be_visible()
        page.get_by_role("button", name="Keep", exact=True).click()
        expect(page.get_by_role("button", name="Do not keep")).to_be_visible()
    recipe = images.read_recipe(downloaded(page, "Download PNG"))
    assert (recipe["points"], recipe["truncation"]) == (["5:2"], 0.95)
    page.get_by_text("Show the way").click()
    expect(page.get_by_alt_text("The way, animated")).to_be_visible()
    film = base64.b64encode(downloaded(page, "MP4")).decode()
    seen = page.evaluate(
        """film => new Promise((done, failed) => {
            const video = document.createElement('video');
            video.onloadeddata = () => done([video.videoWidth, video.duration]);
            video.onerror = () => failed(video.error.message);
            video.src = 'data:video/mp4;base64,' + film;
        })""",
        film,
    )
    assert seen == [256, 3]  # 60 frames at 20 a second

    local_hub.add("someone/punks", {"generator.pth": saved(lively(Cryptopunks()).state_dict()), "notes.txt": b"n"})
    local_hub.fail("someone/punks", "", "hang", seconds=5)  # a slow Hub: the page says what it waits for
    local_hub.fail("someone/punks", "generator.pth", "hang", seconds=5)
    page.get_by_role("button", name="More generators").click()
    page.get_by_placeholder("owner/name").fill("someone/punks")
    page.get_by_placeholder("owner/name").press("Enter")
    expect(page.get_by_text("Asking the Hub; it gets 6 seconds to answer.")).to_be_visible()
    local_hub.heal("someone/punks")
    page.get_by_role("button", name="and open").click()
    expect(page.get_by_text("Asking the Hub; it gets 6 seconds to answer.")).to_be_visible()
    local_hub.heal("someone/punks", "generator.pth")
    expect(page.get_by_text("24 x 24 px, colour with transparency")).to_be_visible()
    expect(pictures).to_have_count(36)

    page.goto("/models")
    page.locator(".st-key-open-run-my-cats button").click()
    own = sheet_of(page)
    page.goto("/models")
    page.get_by_role("button", name="Publish").click()
    page.get_by_placeholder("your-name/my-cats").fill("me/cats")
    page.get_by_label("Licence of the training images").click()
    page.get_by_role("option", name="MIT").click()
    page.get_by_label("Token that may write", exact=True).fill(local_hub.token)
    page.get_by_role("button", name="Publish").last.click()
    expect(page.get_by_text("Published:")).to_be_visible()

    page.goto("/models")
    page.get_by_placeholder("owner/name").fill("me/cats")
    page.get_by_placeholder("owner/name").press("Enter")
    page.get_by_role("button", name="and open").click()
    expect(page.get_by_text("Made with Ganvas")).to_be_visible()
    expect(pictures).to_have_count(36)
    assert sheet_of(page) == own
    page.get_by_text("Best first").click()  # its discriminator came along
    expect(grid_of(page)).not_to_have_css("background-image", own)
