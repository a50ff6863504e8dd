"""Public mode in a real browser: one's own things stay one's own, also after a reload; limits stand beside controls."""

import re
import shutil
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from core import amounts
from core.gan.request import TrainRequest
from core.gan.zoo import catalogue
from core.runs import lifecycle, run_folder, states
from core.runs.run_folder import Run
from core.visitors import identity, policy
from support.chromium import settled
from support.studio import serving
from ui.server import visitor

pytestmark = pytest.mark.server

DRAWN = {"kind": "drawn", "name": "portraits", "count": 64}


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("public")


@pytest.fixture(scope="module")
def server(home):
    with serving(home, env={"GANVAS_PUBLIC": "1", "GRADIO_TEMP_DIR": str(home / "gradio")}) as address:
        yield address


@pytest.fixture
def here(home, monkeypatch):
    monkeypatch.setenv("GANVAS_HOME", str(home / "runs"))
    monkeypatch.setenv("GANVAS_PUBLIC", "1")


def opened(page, address: str):
    """A page, once its script has run."""
    page.goto(address)
    settled(page)
    return page


def name_of(context) -> str:
    (secret,) = (cookie["value"] for cookie in context.cookies() if cookie["name"] == visitor.COOKIE)
    return identity.name_of(visitor.secret_in({visitor.COOKIE: secret}))


def finished_run(name: str) -> Run:
    run = lifecycle.create(TrainRequest(size=16), DRAWN, name)
    shutil.copytree(catalogue.bundled_folder("portraits"), run.path / "result")
    run_folder.write_state(run, status=states.FINISHED, step=20)
    return run


def test_each_of_two_visitors_has_their_own_things_and_limits_beside_their_controls(server, browser, window, here):
    bert, limits = browser.new_context(), policy.PUBLIC
    page = opened(window(), f"{server}/train")
    expect(page.get_by_text(f"{limits.images:,} pictures, {limits.train_minutes:g} minutes")).to_be_visible()
    expect(page.get_by_text("A folder", exact=True)).to_have_count(0)
    page.get_by_text("My files", exact=True).click()
    expect(page.get_by_text(f"Up to {amounts.megabytes(limits.upload_bytes)} in all.")).to_be_visible()
    expect(page.get_by_text("keeps no cookies")).to_have_count(0)
    with identity.asking(name_of(page.context)):
        run = finished_run("Annas stars")
        waiting, other = (lifecycle.create(TrainRequest(), DRAWN, name) for name in ("Annas moons", "At work"))
    with identity.asking("c" * 64):
        other = lifecycle.create(TrainRequest(), DRAWN, "Strangers")
    run_folder.write_state(other, status=states.QUEUED, queued=1)
    run_folder.write_state(waiting, status=states.QUEUED, queued=2)

    page.goto(f"{server}/train?run={run.id}")
    settled(page)
    expect(page.get_by_text("finished").first).to_be_visible()
    page.reload()
    settled(page)
    expect(page.get_by_text("finished").first).to_be_visible()
    assert run.id in page.url
    page.goto(f"{server}/generate")
    settled(page)
    page.get_by_role("combobox", name=re.compile("Generator")).click()
    expect(page.get_by_text("Annas stars").first).to_be_visible()

    theirs = opened(bert.new_page(), f"{server}/train?run={run.id}")
    expect(theirs.get_by_role("button", name="Start")).to_be_visible()
    assert "run=" not in theirs.url
    assert "Annas" not in theirs.content()
    for address in ("models", "generate"):
        theirs.goto(f"{server}/{address}")
        settled(theirs)
        assert "Annas" not in theirs.content()
        if address == "models":
            expect(theirs.get_by_text(f"Up to {amounts.megabytes(limits.download_bytes)}")).to_be_visible()
    bert.close()


def test_limits_of_the_style_app_stand_beside_its_controls(server):
    """In what it tells a browser to draw."""
    widgets = [part["props"] for part in httpx.get(f"{server}/style/config").json()["components"]]
    limits = policy.PUBLIC
    assert any(f"up to {amounts.megabytes(limits.picture_bytes)}" in str(about.get("value")) for about in widgets)
    assert [about["maximum"] for about in widgets if about.get("label") == "Size (px)"] == [1024]


def test_without_cookies_the_page_says_so(server, window):
    """A browser that keeps none: the open page still works, and is its own visitor."""
    page = window()
    # Nothing is set for whoever does not ask for a page.
    page.route(f"{server}/train", lambda route: route.continue_(headers={**route.request.headers, "accept": "*/*"}))
    opened(page, f"{server}/train")
    assert not [cookie for cookie in page.context.cookies() if cookie["name"] == visitor.COOKIE]
    expect(page.get_by_text("Your browser keeps no cookies")).to_be_visible()
    expect(page.get_by_role("button", name="Start")).to_be_visible()
