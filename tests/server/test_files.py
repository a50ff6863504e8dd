"""Files that requests name, at real servers over HTTP: none is read but what was uploaded or ships with Ganvas."""

import contextlib
import functools
import os
import re
from pathlib import Path

import httpx
import pytest

from support.raw_pictures import noise
from support.studio import serving
from support.waiting import PATIENCE
from ui.style import programs

pytestmark = pytest.mark.server

API = "gradio_api"
ONCE = httpx.Limits(max_keepalive_connections=0)  # after a failed request the server closes the connection
PUBLIC, PRIVATE, ALONE = "a public studio", "a private studio", "style_app.py alone"


@pytest.fixture(scope="module", params=[PUBLIC, PRIVATE, ALONE])
def studio(request, tmp_path_factory):
    """-> a browser without a screen at the style app of a started server, and the folder of its uploads."""
    home = tmp_path_factory.mktemp("studio")
    env = {"GANVAS_PUBLIC": "1" if request.param == PUBLIC else "0", "GRADIO_TEMP_DIR": str(home / "gradio")}
    alone = {"script": "style_app.py", "ready": "/config"} if request.param == ALONE else {}
    with serving(home, env=env, **alone) as address:
        with httpx.Client(base_url=address + ("" if alone else "/style"), timeout=PATIENCE, limits=ONCE) as client:
            client.get("/", headers={"Accept": "text/html"})
            yield client, home / "gradio"


def file_at(path, **more) -> dict:
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}, **more}


@functools.cache
def configuration(address: str) -> dict:
    """Of the style app at `address`, the same for everybody."""
    return httpx.get(f"{address}/config", timeout=PATIENCE).json()


def events(client: httpx.Client, given) -> list[tuple[dict, list]]:
    """Every event of the page and the API, with values that name the file `given` wherever a value is taken."""
    config = configuration(str(client.base_url).rstrip("/"))
    kinds = {part["id"]: part["type"] for part in config["components"]}
    shapes = {"gallery": [{"image": given, "caption": None}]}
    return [
        (event, [shapes.get(kinds[part], given) for part in event["inputs"]])
        for event in config["dependencies"]
        if event["inputs"] and event["backend_fn"]
    ]


def kept_out(client: httpx.Client, event: dict, values: list) -> bool:
    """Whether an event with these files was refused: on the page by the words for that, of the API by its parameter."""
    said = answered(client, event, values)
    if event["api_name"] in programs.READ:
        return '"success":false' in said and re.search(r'"error":"\w+: ', said) is not None
    return "That file was not uploaded here" in said


def answered(client: httpx.Client, event: dict, values: list) -> str:
    """All that the server says when an event is sent as the page sends it."""
    body = {"data": values, "fn_index": event["id"], "session_hash": os.urandom(6).hex()}
    body["event_data"] = {"index": 0, "value": "x"}
    joined = client.post(f"/{API}/queue/join", json=body)
    assert joined.status_code == 200, joined.text
    return client.get(f"/{API}/queue/data?session_hash={body['session_hash']}").text


@pytest.fixture(params=["a picture", "a device", "the secrets", "a link", "a pipe", "a folder", "a way up", "nothing"])
def outside(request, studio, tmp_path) -> Path:
    """A name of what nobody uploaded. The picture could be painted, were it only read."""
    if request.node.callspec.params["studio"] != PUBLIC and request.param not in ("a picture", "a link"):
        pytest.skip("what is looked at before a file is opened is the same for strangers and for the owner")
    (picture_file := tmp_path / "theirs.png").write_bytes(noise())
    mine = Path(uploaded_here(studio[0]))
    match request.param:
        case "a picture":
            return picture_file
        case "a device":
            return Path("/dev/zero")
        case "the secrets":
            return Path("/proc/self/environ")
        case "a link":
            link = mine.with_name("link.png")
            link.unlink(missing_ok=True)
            link.symlink_to(picture_file)
            return link
        case "a pipe":
            pipe = mine.with_name("pipe.png")
            if not pipe.exists():
                os.mkfifo(pipe)
            return pipe
        case "a folder":
            return mine.parent
        case "a way up":
            return Path(os.path.join(mine.parent, os.path.relpath(picture_file, mine.parent)))
        case _:
            return mine.with_name("nothing.png")


def uploaded_here(client: httpx.Client) -> str:
    answer = client.post(f"/{API}/upload", files={"files": ("mine.png", noise())})
    assert answer.status_code == 200, answer.text
    return answer.json()[0]


def test_no_event_reads_what_was_not_uploaded(studio, outside):
    client, uploads = studio
    before = {path for path in uploads.rglob("*") if outside.name == path.name}
    sent = events(client, file_at(outside))
    assert len(sent) >= 10
    assert {"picked_style", "opened", "usable_styles", "restored", "start", "forecast", "paint", "sample"} <= {
        event["api_name"] for event, _ in sent
    }
    for event, values in sent:
        assert kept_out(client, event, values), event["api_name"]
    assert {path for path in uploads.rglob("*") if outside.name == path.name} == before, "nothing was copied"
    assert client.get("/config").status_code == 200


@pytest.mark.parametrize("how", ["run", "api", "call", "call/v2"])
def test_nor_by_any_other_route(studio, tmp_path, how):
    client, _ = studio
    (outside := tmp_path / "theirs.png").write_bytes(noise())
    for given in (file_at(outside), {"path": str(outside)}, file_at(outside, url="/x", orig_name="../../x.png"),
                  file_at(outside, is_stream=True), {"deep": [{"er": file_at(outside)}]}):  # fmt: skip
        for name in ("picked_style", "opened", "restored", "paint", "sample"):
            (event, values), *_ = [one for one in events(client, given) if one[0]["api_name"] == name]
            body = {"data": values, "fn_index": event["id"], "event_data": {"index": 0, "value": "x"}}
            if how == "call/v2":
                body = {"photo": given, "generator": given}
            answer = client.post(f"/{API}/{how}/{name}", json=body)
            if answer.status_code == 200 and "event_id" in answer.json():
                answer = client.get(f"/{API}/{how}/{name}/{answer.json()['event_id']}")
                assert "event: error" in answer.text
            else:
                assert answer.status_code >= 400, answer.text
            assert "theirs" not in answer.text.replace(str(outside), "")


def test_a_plain_name_is_no_file(studio, tmp_path):
    client, _ = studio
    (outside := tmp_path / "theirs.png").write_bytes(noise())
    for event, values in events(client, str(outside)):
        if event["api_name"] in ("picked_style", "opened", "usable_styles", "restored", "start", "paint"):
            answer = answered(client, event, values)
            assert '"success":false' in answer, event["api_name"]


def test_what_was_uploaded_or_ships_with_ganvas_is_read(studio):
    client, _ = studio
    shipped = client.get("/config").json()
    (photo,) = [part["props"]["value"] for part in shipped["components"] if part["props"].get("elem_id") == "photo"]
    for given in (file_at(uploaded_here(client)), photo):
        for event, values in events(client, given):
            if event["api_name"] in ("opened", "usable_styles"):
                answer = answered(client, event, values)
                assert '"success":true' in answer
                assert "notice" not in answer


# ---------------------------------------------------------------- one visitor's and another's


@pytest.fixture
def strangers(studio, request):
    """-> three visitors of a public studio: two with cookies of their own, and one without."""
    anna, _ = studio
    if request.node.callspec.params["studio"] != PUBLIC:
        pytest.skip("a private studio has one owner")
    assert anna.cookies
    with contextlib.ExitStack() as open_clients:
        bert, nobody = (open_clients.enter_context(httpx.Client(base_url=anna.base_url, limits=ONCE)) for _ in "ab")
        bert.get("/", headers={"Accept": "text/html"})
        yield anna, bert, nobody


def places(answer: str) -> list[str]:
    """The addresses of all files in an answer."""
    return re.findall(r'"url":"[^"]*(/gradio_api/file=[^"]+)"', answer)


def test_anothers_upload_is_not_read(strangers):
    for owner in strangers:
        path = uploaded_here(owner)
        assert owner.get(f"/{API}/file={path}").status_code == 200
        for stranger in strangers:
            if stranger is owner:
                continue
            for way in ("file=", "file/", f"file={path}/../"):
                assert stranger.get(f"/{API}/{way}{path}").status_code in (403, 404)
                assert stranger.head(f"/{API}/{way}{path}").status_code in (403, 404)
            for event, values in events(stranger, file_at(path)):
                assert kept_out(stranger, event, values), event["api_name"]


def test_nor_what_was_made_of_it(strangers):
    """Cards on the shelf, too, become the visitor's own when picked."""
    for owner in strangers:
        for event, values in events(owner, file_at(uploaded_here(owner))):
            if event["api_name"] not in ("picked_style", "opened", "usable_styles"):
                continue
            for place in places(answered(owner, event, values)):
                assert owner.get(place).status_code == 200
                assert not [one for one in strangers if one is not owner and one.get(place).status_code != 403]


def test_every_file_has_an_owner(strangers, studio):
    for path in [path for path in studio[1].rglob("*") if path.is_file()]:
        owner = path.relative_to(studio[1]).parts[0]
        assert owner in ("everybody", "unknown") or re.fullmatch("[0-9a-f]{64}", owner), path


@pytest.mark.parametrize("page", ["docs", "redoc", "openapi.json", "docs/oauth2-redirect"])
def test_developers_pages_are_closed(studio, page):
    assert studio[0].get(f"/{page}").status_code == 404
