"""Strangers at a real server in public mode: what they try, and what comes of it.

Two visitors, each with a cookie of their own, as their browsers would keep it.
"""

import contextlib
import io
import json
import os
import pickle
import re
import shutil
import socket
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image, PngImagePlugin
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from core import files
from core.errors import UserError
from core.gan.data import prepare
from core.gan.request import SampleRequest, TrainRequest
from core.gan.zoo import catalogue, load
from core.pictures import images
from core.runs import lifecycle, processes, run_folder, states
from core.runs.run_folder import Run
from core.style.request import StyleRequest
from core.visitors import identity, policy, tray
from support.raw_pictures import noise
from support.studio import process_at, serving
from support.waiting import PATIENCE
from ui.server import visitor
from ui.train import view

pytestmark = pytest.mark.server

DRAWN = {"kind": "drawn", "name": "portraits", "count": 64}
ONE = (0, 1, 1.0, True, False, None)  # what else the API's /sample takes
EVIL = {"Origin": "https://evil.example"}
SCRIPT = "<img src=x onerror=\"window.stolen='yes'\">"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("public")


@pytest.fixture(scope="module")
def server(home):
    here = {"GANVAS_PUBLIC": "1", "GRADIO_TEMP_DIR": str(home / "gradio"), "HF_TOKEN": "hf_the-servers-own",
            "SPACE_HOST": "someone-ganvas.hf.space"}  # fmt: skip
    with serving(home, env=here) as address:
        yield address


@pytest.fixture
def visitors_here(server, home, monkeypatch):
    """-> two browsers without a screen, Anna's and Bert's."""
    monkeypatch.setenv("GANVAS_HOME", str(home / "runs"))
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    with (
        httpx.Client(base_url=server, timeout=PATIENCE) as anna,
        httpx.Client(base_url=server, timeout=PATIENCE) as bert,
    ):
        for client in (anna, bert):
            client.get("/", headers={"Accept": "text/html"})
        yield anna, bert


def name_of(client: httpx.Client) -> str:
    return identity.name_of(visitor.secret_in(client.cookies))


def uploaded(client: httpx.Client, name: str = "photo.png", content: bytes | None = None) -> str:
    answer = client.post("/style/gradio_api/upload", files={"files": (name, content or noise())})
    assert answer.status_code == 200, answer.text
    return answer.json()[0]


def called(client: httpx.Client, endpoint: str, *values) -> str:
    """What an endpoint of the API answers, all of it."""
    begun = client.post(f"/style/gradio_api/call/{endpoint}", json={"data": values})
    if begun.status_code != 200:
        return begun.text
    return client.get(f"/style/gradio_api/call/{endpoint}/{begun.json()['event_id']}").text


def finished_run(name: str = "Secret") -> Run:
    """A run with a generator, made without training."""
    run = lifecycle.create(TrainRequest(size=16), DRAWN, name)
    shutil.copytree(catalogue.bundled_folder("portraits"), run.path / "result")
    run_folder.write_state(run, status=states.FINISHED, step=20)
    return run


# ---------------------------------------------------------------- who one is


def test_the_secret_is_the_browsers_alone(visitors_here, server, home):
    anna, bert = visitors_here
    secrets = [client.cookies[visitor.COOKIE] for client in (anna, bert)]
    assert len(set(secrets)) == 2
    assert all(len(secret) >= 43 for secret in secrets)
    answer = httpx.get(server, headers={"Accept": "text/html", "X-Forwarded-Proto": "https"})
    assert re.search(r"HttpOnly; SameSite=None; Secure; Partitioned$", answer.headers["set-cookie"])
    assert "HttpOnly; SameSite=Lax" in httpx.get(server, headers={"Accept": "text/html"}).headers["set-cookie"]
    assert "set-cookie" not in anna.get("/", headers={"Accept": "text/html"}).headers, "it is kept"
    with identity.asking(name_of(anna)):
        lifecycle.create(TrainRequest(), DRAWN, "Mine")
    everything = [str(path) for path in home.rglob("*")]
    assert name_of(anna) in " ".join(everything)
    assert not [path for path in everything if secrets[0] in path]
    assert secrets[0] not in (home / "server.log").read_text()


@pytest.mark.parametrize("cookie", ["", "x", "a" * 42, "../" * 14 + "a", "a" * 5000, '"; Path=/', "é" * 43])
def test_a_secret_we_did_not_make_is_none(cookie):
    assert visitor.secret_in({visitor.COOKIE: cookie}) == ""


def test_anothers_run_cannot_be_sampled(visitors_here):
    anna, bert = visitors_here
    with identity.asking(name_of(anna)):
        run = finished_run()
    assert '"pictures"' in called(anna, "sample", f"run:{run.id}", *ONE)
    hidden = f"{identity.FOLDER}/{name_of(anna)}/runs/{run.id}"
    for guess in (run.id, f"../{name_of(anna)}/runs/{run.id}", f"..%2f{run.id}", str(run.path), hidden, f"{run.id}\0"):
        answer = called(bert, "sample", f"run:{guess}", *ONE)
        assert '"pictures"' not in answer
        assert "event: error" in answer
        assert guess.startswith("/") or str(files.home()) not in answer  # what one sent oneself may be quoted


def test_a_tab_belongs_to_whoever_opened_it(visitors_here):
    """Gradio takes any name of a tab that is sent along; answers go to its owner alone."""
    anna, bert = visitors_here
    with anna.stream("GET", "/style/gradio_api/heartbeat/annas-tab") as stream:
        assert stream.status_code == 200
    assert bert.get("/style/gradio_api/queue/data?session_hash=annas-tab").status_code == 404
    assert bert.get("/style/gradio_api/heartbeat/annas-tab").status_code == 404
    assert httpx.get(f"{bert.base_url}/style/gradio_api/heartbeat/annas-tab").status_code == 404


def test_names_in_the_address_of_the_style_page_are_not_guessed(monkeypatch):
    names = {tray.put(Image.new("RGB", (8, 8))) for _ in range(3)}
    assert all(len(name) >= 16 for name in names)
    assert not [guess for guess in ("", "../x", "a" * 16, "%00", next(iter(names))[:-1]) if tray.take(guess)]


# ---------------------------------------------------------------- paths


@pytest.mark.parametrize("route", [
    "/style/gradio_api/file=", "/media/", "/component/x/", "/static/", "/app/static/", "/_stcore/bidi-components/x/",
    "/style/static/", "/style/assets/", "/style/svelte/", "/style/custom_component/1/client/component/",
])  # fmt: skip
def test_no_path_leads_out(visitors_here, server, home, route):
    """Sent as they are: an ordinary client would tidy such paths up."""
    secret = home / "runs" / "secret.txt"
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("the secret itself")
    for target in (secret, Path("/etc/passwd"), Path(__file__).parents[2] / "app.py"):
        up = "/".join([".."] * 12)
        for way in (f"{target}", f"{up}{target}", f"{up}{target}".replace("/", "%2f").replace("..", "%2e%2e"),
                    f"{home}/gradio/../..{target}", f"{up}{target}".replace("/", "\\"), f"{up}{target}%00.png",
                    f"%252e%252e{target}", f"file://{target}"):  # fmt: skip
            with contextlib.closing(httpx.HTTPTransport()) as transport:
                request = httpx.Request("GET", server)
                request.url = httpx.URL(server).copy_with(raw_path=(route + way).encode())
                answer = transport.handle_request(request)
                text = answer.read().decode(errors="replace")
            assert "the secret itself" not in text
            assert "root:" not in text
            assert "Composition only" not in text


def test_the_api_reads_no_file_of_the_server(visitors_here, home):
    anna, _ = visitors_here
    mine = {"path": uploaded(anna), "meta": {"_type": "gradio.FileData"}}
    painted = called(anna, "paint", mine, [{"image": mine, "caption": None}], "", *defaults())
    assert "event: complete" in painted
    assert "event: error" not in painted
    for path in ("/etc/passwd", str(home / "server.log"), "../../etc/passwd", "file:///etc/passwd",
                 "http://127.0.0.1:1/x.png", "HTTPS://example.org/huge.png"):  # fmt: skip
        theirs = {"path": path, "url": path, "meta": {"_type": "gradio.FileData"}}
        assert "event: error" in called(anna, "paint", theirs, [{"image": mine, "caption": None}], "", *defaults())
        assert "event: error" in called(anna, "paint", mine, [{"image": theirs, "caption": None}], "", *defaults())


def defaults() -> list:
    request = StyleRequest(size=64, steps=1)
    return [value for name, value in vars(request).items() if name != "style_shares"]


@pytest.mark.parametrize("path", [
    "/_stcore/metrics", "/style/gradio_api/file=https://example.org/x", "/style/gradio_api/proxy=https://x.hf.space/",
    "/style/gradio_api/deep_link?session_hash=a", "/style/gradio_api/dev/reload", "/style/gradio_api/vibe-code",
    "/style/monitoring", "/style/monitoring/summary",
])  # fmt: skip
def test_what_no_page_needs_is_closed(visitors_here, path):
    assert visitors_here[0].get(path).status_code == 404


def test_nobodys_files_are_listed(visitors_here, home):
    """A painting's address is a digest of what is in it: known to whoever has it already, and listed nowhere."""
    anna, bert = visitors_here
    path = Path(uploaded(anna))
    assert re.fullmatch(r"[0-9a-f]{64}", path.parent.name)
    for folder in (path.parent, path.parent.parent, home):
        assert bert.get(f"/style/gradio_api/file={folder}").status_code == 403
    for page in ("/style/config", "/style/gradio_api/info", "/style/gradio_api/startup-events", "/style/"):
        assert path.parent.name not in bert.get(page).text
        assert str(files.home()) not in bert.get(page).text


# ---------------------------------------------------------------- what is carried in


def told(server: str, method: str, route: str, length: str) -> int:
    """The status of the answer to a request of which only the head is sent."""
    host, port = server.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as line:
        line.sendall(f"{method} {route} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n".encode())
        return int(line.recv(1000).split()[1])


@pytest.mark.parametrize(("route", "method"), [
    ("/style/gradio_api/upload", "POST"), ("/_stcore/upload_file/session/file", "PUT"),
])  # fmt: skip
def test_too_large_an_upload_is_refused(visitors_here, server, route, method):
    """Whatever length is told beforehand: the true one, a false one, or none."""
    anna, _ = visitors_here
    assert told(server, method, route, "999999999999") == 413
    assert told(server, method, route, "-1") == 400

    def endless():
        for _ in range(400):  # 400 MB, and no length is told
            yield b"\0" * 10**6

    with contextlib.suppress(httpx.TransportError):  # cut off
        answer = anna.request(method, route, content=endless(), headers={
            "Content-Type": "multipart/form-data; boundary=x"})  # fmt: skip
        assert answer.status_code >= 400  # what still comes is read and forgotten


def test_a_picture_larger_than_allowed_is_refused(visitors_here):
    anna, _ = visitors_here
    answer = anna.post("/style/gradio_api/upload", files={"files": ("big.png", b"\0" * 21_000_000)})
    assert answer.status_code == 413


def test_what_is_no_upload_stays_small(server):
    assert told(server, "POST", "/style/gradio_api/queue/join", "5000000") == 413


@pytest.mark.parametrize("name", [
    "../../../x.png", "/etc/cron.d/x.png", "a/b\\c.png", "nul\0l.png", "two\nlines.png", "x" * 300 + ".png",
    "\u202egnp.exe", SCRIPT + ".png", "%2e%2e%2fx.png", ".", "..", "con.png",
])  # fmt: skip
def test_hostile_file_names(visitors_here, home, name):
    """Gradio's side keeps uploads in its folder; ours gives them names of its own."""
    anna, _ = visitors_here
    quoted = name.replace("\0", "%00").replace("\n", "%0A").replace('"', "%22")
    body = (f'--x\r\nContent-Disposition: form-data; name="files"; filename="{quoted}"\r\n'
            "Content-Type: image/png\r\n\r\n").encode() + noise() + b"\r\n--x--\r\n"  # fmt: skip
    answer = anna.post("/style/gradio_api/upload", content=body,
                       headers={"Content-Type": "multipart/form-data; boundary=x"})  # fmt: skip
    if answer.status_code == 200 and answer.json():
        assert Path(answer.json()[0]).resolve().is_relative_to(home / "gradio")
    with identity.asking("b" * 64):
        run = lifecycle.create_with([(name, io.BytesIO(noise()))], TrainRequest(), "Names")
        (kept,) = (path for path in run.path.rglob("*") if path.is_file() and "uploads" in path.parts)
        assert kept.resolve().is_relative_to(run.path)
        assert len(kept.name) < 120
        assert kept.name.isprintable()
        lifecycle.delete(run)


def flat_png(side: int) -> bytes:
    """Some kilobytes that are hundreds of megabytes once they are decoded."""
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes(4 * side)) * side, 9)
    parts = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    made = b"".join(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
                    for kind, body in parts)  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + made


def test_many_bombs_at_once_take_the_memory_of_two(visitors_here, server):
    """Sixteen calls with a PNG of some kilobytes took eleven gigabytes, six would take four."""
    anna, bert = visitors_here
    process = process_at(server)
    honest = {"path": uploaded(bert), "meta": {"_type": "gradio.FileData"}}
    assert "event: complete" in called(bert, "paint", honest, [{"image": honest, "caption": None}], "", *defaults())
    bomb = {"path": uploaded(anna, "bomb.png", flat_png(5000)), "meta": {"_type": "gradio.FileData"}}
    style = {"path": uploaded(anna), "meta": {"_type": "gradio.FileData"}}
    taken, decoding, over = [], [], threading.Event()

    def watch():
        while not over.wait(0.02):
            with contextlib.suppress(psutil.NoSuchProcess):
                family = [process, *process.children(recursive=True)]
                taken.append(sum(one.memory_info().rss for one in family))
                decoding.append(sum("core.pictures.decoders" in one.cmdline() for one in family))

    watching = threading.Thread(target=watch)
    watching.start()
    while not taken:
        time.sleep(0.02)
    before = taken[0]
    with ThreadPoolExecutor(6) as threads:
        calls = [threads.submit(called, anna, "paint", bomb, [{"image": style, "caption": None}], "", *defaults())
                 for _ in range(6)]  # fmt: skip
        assert "event: complete" in called(bert, "paint", honest, [{"image": honest, "caption": None}], "", *defaults())
        answers = [call.result() for call in calls]
    over.set()
    watching.join()
    assert [answer for answer in answers if "event: complete" in answer], "a large picture is no crime"
    assert max(decoding) == policy.PUBLIC.decoders
    assert max(taken) - before < 1_500_000_000


# ---------------------------------------------------------------- other sites


def test_no_other_site_reads_or_sends(visitors_here, server):
    anna, _ = visitors_here
    for path in ("/", "/style/", "/style/config", "/style/gradio_api/info", "/_stcore/health", "/_stcore/host-config"):
        answer = anna.get(path, headers=EVIL)
        assert not [name for name in answer.headers if name.startswith("access-control-")], path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "x-frame-options" not in answer.headers, "huggingface.co shows it in a frame"
    for origin in ("https://evil.example", "null", f"{server}.evil.example", server.replace("http", "https") + "1"):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        assert anna.options("/style/gradio_api/queue/join", headers=asked).status_code == 403
        assert anna.post("/style/gradio_api/call/sample", json={}, headers={"Origin": origin}).status_code == 403
        assert anna.put("/_stcore/upload_file/a/b", headers={"Origin": origin}).status_code == 403
        with pytest.raises(InvalidStatus) as refused:
            connect(f"{server.replace('http', 'ws')}/_stcore/stream", origin=origin, subprotocols=["streamlit"])
        assert refused.value.response.status_code == 403


def test_its_own_page_does(visitors_here, server):
    anna, _ = visitors_here
    own = {"Origin": server}
    assert anna.post("/style/gradio_api/call/sample", json={"data": ["none"]}, headers=own).status_code == 200
    behind = {"Origin": "https://someone-ganvas.hf.space", "X-Forwarded-Host": "someone-ganvas.hf.space"}
    assert anna.post("/style/gradio_api/call/sample", json={"data": ["none"]}, headers=behind).status_code == 200
    for headers in (own, behind):
        address = f"{server.replace('http', 'ws')}/_stcore/stream"
        with connect(address, additional_headers=headers, subprotocols=["streamlit"]):
            pass


# ---------------------------------------------------------------- what pages tell


def drawn(server: str, client: httpx.Client, page: str, query: str = "") -> bytes:
    """All that a visitor's browser is told to draw."""
    message = BackMsg()
    message.rerun_script.page_name, message.rerun_script.query_string = page, query
    headers = {"Origin": server, "Cookie": f"{visitor.COOKIE}={client.cookies[visitor.COOKIE]}"}
    told, way = b"", f"{server.replace('http', 'ws')}/_stcore/stream"
    with connect(way, additional_headers=headers, subprotocols=["streamlit"], max_size=None) as socket:
        socket.send(message.SerializeToString())
        for data in socket:
            told += data
            if ForwardMsg.FromString(data).WhichOneof("type") == "script_finished":
                return told
    raise AssertionError("the page was not drawn")


def test_no_page_tells_where_the_servers_files_are(visitors_here, server, home):
    """That words stay words is tested in gan/zoo/test_hostile_hub.py, in a browser."""
    anna, _ = visitors_here
    with identity.asking(name_of(anna)):
        run = finished_run("Annas stars")
        run_folder.write_state(run, status=states.FAILED, step=20, message="It failed.")
    for page, query in (("train", f"run={run.id}"), ("models", ""), ("generate", "")):
        told = drawn(server, anna, page, query)
        assert b"Annas stars" in told, page
        assert str(home).encode() not in told


# ---------------------------------------------------------------- a poisoned run folder


POISON = {
    "config.json": [
        {"name": 7}, {"name": {"a": []}, "request": []}, {"request": {"kind": "train", "size": "x"}},
        {"request": {"kind": "train", "steps": 10**400}}, {"request": {"kind": "train", "size": {"__class__": 1}}},
        {"request": {"kind": "train", "size": 1e308, "rate_g": "NaN"}}, [], 5, "text",
    ],
    "state.json": [
        {"status": ["finished"]}, {"status": "running", "pid": -1, "started": "x"},
        {"status": "running", "pid": 10**30, "started": 1},
        {"status": "paused", "step": "many", "seconds": [], "message": {}}, {"status": "finished", "step": 10**300},
        {"status": "queued", "queued": "never"}, {"status": "running", "pid": os.getpid(), "started": {}},
    ],
    "budget.json": [{"seconds": "long"}, {"steps": None}, []],
    "data/report.json": [
        {"source": 1}, {"source": "a", "licence": "b", "found": "x", "usable": [], "size": 1, "channels": 1},
        {"source": "a", "licence": "b", "found": 1, "usable": 1, "size": 1, "channels": 1, "problems": [{}]},
    ],
    "metrics.jsonl": [{"step": "x"}, {"step": 1, "loss_d": float("nan")}, {"step": float("inf")}, [1]],
    "scores.jsonl": [{"step": {}, "name": "kid", "value": 1}, {"step": 1, "name": "kid", "value": "x"}, [1]],
}  # fmt: skip


def looked_at(run: Run) -> None:
    """All that pages ask of a run."""
    assert run.status in {*states.WRITTEN, states.INTERRUPTED, states.DAMAGED}
    assert isinstance(run.name, str)
    assert f"{run.state.get('step', 0):,} {run.state.get('seconds', 0):.0f} {run.state.get('message', '')}"
    assert all(isinstance(value, int | float) for line in run.metrics() for value in line.values())
    assert all(f"{step:,} {value:.3g}" for values in run.scores().values() for step, value in values.items())
    assert run.budget == {} or f"{run.budget['seconds']:.0f}"
    report = prepare.read_report(run.path)
    assert report is None or f"{report.usable:,}"
    for path in (*run.samples().values(), *run.checkpoints().values(), *([run.result] if run.result else [])):
        assert not path.is_symlink()
    assert processes.queue_position(run) >= 0
    processes.start_next()


@pytest.mark.parametrize(("file", "value"), [(file, value) for file, values in POISON.items() for value in values])
def test_a_poisoned_folder_is_looked_at_without_harm(monkeypatch, file, value):
    monkeypatch.setattr(
        processes, "_spawn", lambda run, status, *options: run_folder.write_state(run, status=states.FAILED)
    )
    run = lifecycle.create(TrainRequest(), DRAWN, "Poisoned")
    (run.path / file).parent.mkdir(exist_ok=True)
    (run.path / file).write_text(json.dumps(value))
    looked_at(run)
    (run.path / file).unlink()
    (run.path / file).mkdir()
    looked_at(run)


def test_links_lead_nowhere():
    run = finished_run()
    for name in ("samples/step-00000001.png", "checkpoints/step-00000001.pt", "result/secret.txt", "log.txt"):
        (run.path / name).parent.mkdir(exist_ok=True)
        (run.path / name).symlink_to("/etc/passwd")
    assert run.samples() == run.checkpoints() == {}
    assert b"root:" not in view.zipped(run.result)
    assert run.log() == ""
    (run.path / "result" / "model.safetensors").unlink()
    (run.path / "result" / "model.safetensors").symlink_to("/etc/passwd")
    assert run.result is None
    linked = run.path.with_name("linked")
    linked.symlink_to("/etc")
    assert [found.id for found in lifecycle.all_runs()] == [run.id]


class Attack:
    def __reduce__(self):
        return os.mkdir, (os.environ["GANVAS_HOME"] + "/attacked",)


@pytest.mark.parametrize("kind", ["plain", "torch"])
def test_a_checkpoint_is_data(kind):
    import torch

    from core.gan import checkpoint

    run = lifecycle.create(TrainRequest(), DRAWN, "Trojan")
    (run.path / "checkpoints").mkdir()
    path = run.path / "checkpoints" / "step-00000005.pt"
    if kind == "plain":
        path.write_bytes(pickle.dumps({"average": Attack()}))
    else:
        torch.save({"average": Attack()}, path)
    with pytest.raises(UserError):
        load.open_generator(f"run:{run.id}@5")
    assert checkpoint.newest(run, torch.device("cpu")) is None
    assert not (files.home() / "attacked").exists()


# ---------------------------------------------------------------- a recipe with hostile metadata


def png_with(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with these chunks after its header."""
    plain = noise(8)
    made = b"".join(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
                    for kind, body in chunks)  # fmt: skip
    return plain[:33] + made + plain[33:]


def recipe_png(recipe) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_itxt(images.RECIPE_KEY, recipe if isinstance(recipe, str) else json.dumps(recipe))
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def test_compressed_text_does_not_fill_the_memory():
    bomb = zlib.compress(b"a" * 200_000_000, 9)
    began = time.process_time()
    for chunk in ((b"zTXt", b"ganvas\0\0" + bomb), (b"iTXt", b"ganvas\0\1\0\0\0" + bomb)):
        with contextlib.suppress(UserError):
            assert images.read_recipe(png_with(chunk)) is None
        with contextlib.suppress(UserError):
            images.open_picture(png_with(chunk))
    with contextlib.suppress(UserError):
        images.read_recipe(png_with(*[(b"zTXt", b"k%d\0\0" % n + zlib.compress(b"a" * 1_000_000)) for n in range(200)]))
    assert time.process_time() - began < 10


@pytest.mark.parametrize("recipe", [
    "[" * 100_000, '{"a":' * 5000, "null", "[]", "3", '{"kind": NaN}', '{"size": 1e999}', "\udc80", "{" * 70_000,
    {"kind": "sample", "__class__": "os.system", "generator": ["x"]}, {"kind": "sample", "points": [1, {}]},
    {"kind": "sample", "points": "x" * 50_000}, {"kind": "sample", "count": 10**30}, {"kind": {"a": 1}},
    {"kind": "style", "size": [1], "style_shares": [[]]}, {"kind": "style", "style_shares": {"a": "b"}},
    {"kind": "style", "style_shares": [1e308, 1e308]}, {"kind": "style", "seed": True},
    {"kind": "sample", "seed": None},
    {"kind": "sample", "generator": "run:../../etc/passwd"}, {"kind": "style", "__init__": 1, "recipe": 2},
])  # fmt: skip
def test_a_hostile_recipe_is_refused_or_harmless(recipe):
    try:
        found = images.read_recipe(recipe_png(recipe.encode("utf-8", "replace").decode() if isinstance(recipe, str)
                                              else recipe))  # fmt: skip
    except UserError:
        return
    if found is None:
        return
    for request in (SampleRequest, StyleRequest):
        with contextlib.suppress(UserError):
            request.from_recipe(found)


def test_a_restored_recipe_asks_for_no_more_than_is_allowed(visitors_here):
    anna, _ = visitors_here
    mine = {"path": uploaded(anna), "meta": {"_type": "gradio.FileData"}}
    large = [2048, *defaults()[1:]]
    answer = called(anna, "paint", mine, [{"image": mine, "caption": None}], "", *large)
    assert "Size is 2048 px; on this shared computer choose at most 1024 px" in answer
