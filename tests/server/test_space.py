"""A Space, as it will be: the files that are deployed, started as Spaces starts them, seen through the Hub's frame.

Read-only code, an unprivileged user, `SPACE_ID`, another host name behind a proxy, a frame of another origin, and rules
for cookies as strict as browsers have them. A real Chromium uploads, paints, trains and samples through all that.
`GANVAS_SHOTS=FOLDER` keeps pictures of what it saw.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import expect, sync_playwright

from core.gan.data import drawn
from core.hub import deploy
from core.runs import processes
from support.chromium import launched, upload_pictures
from support.pictures import scene, texture
from support.reverse_proxy import HUB, SPACE, SPACE_HOST, proxied
from support.studio import process_at, serving
from support.waiting import PATIENCE, until

pytestmark = pytest.mark.server

USER = 1000
PACKAGES = os.pathsep.join(path for path in sys.path if path.endswith("-packages"))
SHOTS = os.environ.get("GANVAS_SHOTS")


def somebody() -> tuple[int | None, str]:
    """The user Spaces runs things as, and a Python of this version that user may start with the packages that are here;
    only root can become them, and only where the packages lie open to all."""
    if os.getuid() == 0:
        for python in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
            try:
                env = {**os.environ, "PYTHONPATH": PACKAGES}
                command = [python, "-c", "import psutil"]
                subprocess.run(command, user=USER, group=USER, extra_groups=[], env=env, cwd="/", check=True)
                return USER, python
            except (OSError, subprocess.CalledProcessError):
                continue
    return None, sys.executable


def dockerfile() -> tuple[dict[str, str], list[str], list[str]]:
    """What the Dockerfile says of the running container: environment, command, health check."""
    text = (deploy.ROOT / "Dockerfile").read_text().replace("\\\n", "")
    env = dict(line.removeprefix("ENV ").split("=", 1) for line in text.splitlines() if line.startswith("ENV "))
    health = re.search(r"^HEALTHCHECK .*CMD (\[.*\])$", text, re.MULTILINE)[1]
    return env, json.loads(re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)[1]), json.loads(health)


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    """The address of a running Space (behind the proxy it is `SPACE`), its folder and its home."""
    code, home = tmp_path_factory.mktemp("space") / "app", tmp_path_factory.mktemp("home")
    for name, what in deploy.space_files("docker")[0].items():
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_bytes(what if isinstance(what, bytes) else what.read_bytes())
    for path in [code, *code.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    user, python = somebody()
    base = tmp_path_factory.getbasetemp()  # in which, and above which, others may see nothing
    for above in (code.parent, home, base, *base.parents):
        if above == base or base in above.parents or above.name.startswith(("pytest-", "popen-")):
            above.chmod(0o755)
    (home / "tmp").mkdir()
    if user:
        os.chown(home, user, user)
        os.chown(home / "tmp", user, user)
    env, command, _ = dockerfile()
    assert command[0] == "python"
    env = {name: value.replace("/home/user", str(home)) for name, value in env.items() if name != "PORT"}
    env |= {"SPACE_ID": "somebody/ganvas", "SPACE_HOST": SPACE_HOST, "SYSTEM": "spaces", "TMPDIR": str(home / "tmp")}
    env |= {"PYTHONPATH": PACKAGES, "PYTHONDONTWRITEBYTECODE": "1"}  # where nobody else can be, root writes anywhere
    with serving(home, command[1], root=code, python=python, user=user, env=env) as address:
        yield address, code, home
    for path in [code, *code.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)  # so that it can be cleaned away


@pytest.fixture(scope="module")
def browser(space, tmp_path_factory, request):
    """One that knows the Space behind a proxy, by itself or by the visitor's name for it (`request.param`)."""
    port, keys = int(space[0].rsplit(":", 1)[1]), tmp_path_factory.mktemp("keys")
    with proxied(port, keys, request.param) as proxy, sync_playwright() as playwright:
        browser = launched(playwright, *proxy.chromium)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, ignore_https_errors=True)
    page = context.new_page()
    yield page
    shot(page, "last")
    context.close()


def shot(page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png")


def upload(place, tmp_path) -> None:
    """Into the style app, wherever it is, in place of the examples."""
    scene(200, 150).save(tmp_path / "photo.jpg", quality=95)
    texture(100, 100).save(tmp_path / "painting.png")
    upload_pictures(place, tmp_path)


def hasten_training(address: str) -> None:
    """It stands back for whatever else the machine does; here somebody waits for it. (Only root may change that.)"""
    server = process_at(address)
    until(lambda: any(worker.nice() == processes.NICENESS for worker in server.children()))
    for worker in server.children():
        with contextlib.suppress(psutil.Error, OSError):
            worker.nice(0)
            Path(f"/proc/{worker.pid}/autogroup").write_text("0")


def paint(place) -> None:
    """The smallest painting."""
    place.get_by_text("More settings").click()
    for name, value in (("Size", "64"), ("Steps", "3")):
        place.get_by_label(f"number input for {name}", exact=False).fill(value)
        place.get_by_label(f"number input for {name}", exact=False).press("Tab")
    place.get_by_role("button", name="Paint", exact=True).click()
    expect(place.get_by_text("Painted in")).to_be_visible()
    painted = place.locator("#compare img").last
    expect(painted).to_be_visible()
    assert painted.evaluate("image => image.naturalWidth") == 64  # it came through, under an address that is right


BEHIND = {"inner host": False, "visitor's host": True}


@pytest.mark.parametrize("browser", BEHIND.values(), indirect=True, ids=BEHIND)
def test_at_the_spaces_own_address_both_uis_answer_and_take_files(space, page, tmp_path):
    page.goto(SPACE)
    expect(page.get_by_role("heading", name="Ganvas")).to_be_visible()  # it came through the WebSocket
    page.goto(f"{SPACE}/style/")
    upload(page, tmp_path)
    shown = page.locator("#photo img")
    expect(shown).to_have_attribute("src", re.compile(f"^({SPACE})?/style/"))
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") == 200


@pytest.mark.parametrize("browser", [False], indirect=True, ids=["inner host"])
def test_the_hubs_frame_uploads_paints_trains_and_samples(space, page, tmp_path):
    pictures = tmp_path / "faces.zip"
    with zipfile.ZipFile(pictures, "w") as archive:
        for number in range(40):
            drawn.draw("portraits", number, 32).save(tmp_path / "face.png")
            archive.write(tmp_path / "face.png", f"faces/{number}.png")

    page.goto(f"{HUB}/paint")
    frame = page.frame_locator("#space")
    style = frame.frame_locator("iframe[src*='/style/']")
    upload(style, tmp_path)
    paint(style)
    shot(page, "hub-paint")

    frame.get_by_role("link", name="Train").first.click()
    frame.get_by_text("My files").click()
    frame.locator("input[type=file]").set_input_files(pictures)
    expect(frame.get_by_text("faces.zip")).to_be_visible()
    steps = frame.get_by_role("spinbutton", name="Steps")
    steps.fill("20")
    steps.press("Enter")
    frame.get_by_role("button", name="Start", exact=True).click()
    hasten_training(space[0])
    expect(frame.get_by_text("finished", exact=True)).to_be_visible()
    expect(frame.locator("[data-testid=stImage] img").first).to_be_visible()
    shot(page, "hub-train")

    frame.get_by_role("link", name="Generate").first.click()
    first = frame.locator(".pictures button").first
    expect(first).to_be_visible()
    bundled = first.get_attribute("style")
    frame.get_by_role("combobox", name="Generator").click()
    frame.get_by_role("option", name=re.compile("My pictures")).click()
    expect(first).not_to_have_attribute("style", bundled)
    shot(page, "hub-generate")

    page.reload()  # the frame remembers its visitor, though it may keep no cookies of its own site
    page.goto(f"{HUB}/train")
    frame = page.frame_locator("#space")
    frame.get_by_role("combobox", name="Run").click()
    expect(frame.get_by_role("option", name=re.compile("My pictures"))).to_be_visible()


def test_it_runs_as_nobody_special_and_changed_nothing_of_its_code(space):
    _, code, home = space
    held = {path.relative_to(code).as_posix() for path in code.rglob("*") if path.is_file()}
    assert held == deploy.space_files("docker")[0].keys()
    if somebody()[0]:
        owners = {path.stat().st_uid for path in home.rglob("*") if path.name != "server.log"}
        assert owners == {USER}
    assert "Traceback" not in (home / "server.log").read_text()


def test_the_health_check_of_the_dockerfile(space):
    python, *check = dockerfile()[2]
    port = space[0].rsplit(":", 1)[1]
    asked = [part.replace("7860", port) for part in check]
    assert asked != check
    assert subprocess.run([sys.executable, *asked], timeout=PATIENCE).returncode == 0
    assert python == "python"


def test_another_sites_page_is_turned_away(space):
    headers = {"Origin": "https://evil.example", "X-Forwarded-Host": SPACE_HOST, "X-Forwarded-Proto": "https"}
    with urllib.request.urlopen(urllib.request.Request(f"{space[0]}/style/config", headers=headers)) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] is None
