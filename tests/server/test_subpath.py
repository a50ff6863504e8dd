"""The studio below a path that a proxy puts before it, as JupyterHub does: pages, frame, uploads, downloads."""

from urllib.parse import urlsplit

import httpx
import pytest
from gradio_client import Client, handle_file
from playwright.sync_api import expect

from core.pictures import images
from support.chromium import upload_pictures
from support.pictures import scene, texture
from support.reverse_proxy import below
from support.studio import serving
from support.waiting import PATIENCE, until
from ui.server import subpath

PATH = "/user/me/proxy/7860"


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("below"), env={"GANVAS_PATH": PATH}) as address:
        yield address


@pytest.fixture(params=[True, False], ids=["taken off", "left in place"])
def address(request, studio):
    with below(PATH, urlsplit(studio).port, strips=request.param) as address:
        yield address


def shown(place) -> None:
    """Every picture there is, and at least one, is loaded."""
    loaded = "all => all.length && all.every(one => one.loading == 'lazy' || (one.complete && one.naturalWidth))"
    until(lambda: place.locator("img").evaluate_all(loaded))


@pytest.mark.server
def test_a_visitor_paints_below_a_path(browser, address, tmp_path, request):
    """The whole way where the path is taken off; where it is left in place, as far as there is anything new."""
    scene(160, 120).save(tmp_path / "photo.jpg")
    texture(90, 90).save(tmp_path / "painting.png")
    page, outside = browser.new_page(), []
    page.on("request", lambda request: outside.append(request.url) if not request.url.startswith(
        (address, "data:", "blob:", "about:")) else None)  # fmt: skip
    page.goto(f"{address}/")
    shown(page.locator("[data-testid=stMain]"))
    page.get_by_role("link", name="Style").first.click()
    inside = page.frame_locator("iframe[src*='/style/']")
    expect(inside.get_by_role("button", name="Paint", exact=True)).to_be_visible()
    shown(inside)
    if request.node.callspec.params["address"]:
        paint(page, inside, tmp_path)
        page.goto(f"{address}/style/")  # the style app by itself, where it is found again
        expect(page.get_by_text("Painted in")).to_be_visible()
        shown(page)
        page.get_by_role("link", name="Ganvas").click()
        expect(page.get_by_role("heading", name="Ganvas")).to_be_visible()
    page.close()
    assert not outside


def paint(page, inside, tmp_path) -> None:
    upload_pictures(inside, tmp_path)
    inside.get_by_text("More settings").click()
    for label, value in (("Size", "64"), ("Steps", "2")):
        inside.get_by_label(f"number input for {label}", exact=False).fill(value)
    inside.get_by_label("number input for Steps", exact=False).press("Tab")
    inside.get_by_role("button", name="Paint", exact=True).click()
    expect(inside.get_by_text("Painted in")).to_be_visible()
    shown(inside.locator("#compare"))
    with page.expect_download() as download:
        inside.get_by_text("Download PNG").click()
    download.value.save_as(tmp_path / "painted.png")
    assert images.read_recipe(tmp_path / "painted.png")["size"] == 64


@pytest.mark.server
def test_a_program_paints_below_a_path(address, tmp_path):
    scene(160, 120).save(tmp_path / "photo.jpg")
    texture(90, 90).save(tmp_path / "painting.png")
    client = Client(f"{address}/style/", verbose=False)
    photo, style = handle_file(tmp_path / "photo.jpg"), handle_file(tmp_path / "painting.png")
    job = client.submit(photo=photo, styles=style, size="64", steps=1, api_name="/paint")
    path, ended = job.result(timeout=PATIENCE)
    assert images.open_picture(path).size == (64, 48)
    assert ended["recipe"]["size"] == 64


@pytest.mark.server
def test_the_path_itself_leads_to_what_is_below_it(studio):
    assert httpx.get(studio + PATH).headers["location"] == f"{PATH}/"
    for before in ("", PATH):
        assert httpx.get(f"{studio}{before}/style").headers["location"] == "style/"  # to a browser, beside this page


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://localhost:7860/paint", ""),
        ("https://hub.example.org/user/me/proxy/7860/paint", PATH),
        ("https://hub.example.org/user/me/proxy/7860/paint/", PATH),
        ("https://hub.example.org//evil.example/paint", "/evil.example"),  # no address of another host
        (None, ""),
    ],
)
def test_the_path_is_known_by_a_page_s_address(url, path):
    assert subpath.before(url, "paint") == path
