"""Files of the server and of others, endless ones, and addresses in place of files."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
from strangers import API, Fell, Stranger, attack, file_at, picture


def _stolen(me: Stranger, answer: str, secrets: list[bytes]) -> bool:
    """Whether one of the paths an answer names can be fetched and holds a secret."""
    paths = set()

    def look(value: object) -> None:
        if isinstance(value, dict):
            paths.update(value[key] for key in ("path", "url") if isinstance(value.get(key), str))
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                look(item)

    with contextlib.suppress(ValueError):
        look(json.loads(answer))
    for path in paths:
        path = path.partition("file=")[2] or path
        got = me.http.get(f"{API}/file={path}").content
        if any(secret in got for secret in secrets):
            return True
    return any(secret in answer.encode() for secret in secrets if secret.isascii())


def leaks(folder: Path, secrets: list[bytes]) -> Path | None:
    """A file below a folder that holds a secret."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return next((path for path in files if any(secret in path.read_bytes() for secret in secrets)), None)


def _steal(me: Stranger, shapes: Callable[[str], list[dict]], targets: list[str]) -> str:
    """Try every event that takes a file with every target in every shape; nothing of a target may come back."""
    secrets = [me.studio.marker.encode(), b"root:x:0:0", me.studio.picture.read_bytes()[60:160]]
    kept = me.studio.home / "gradio"
    tried = Counter()
    for event in me.studio.events:
        kinds = {me.studio.widgets[number]["type"] for number in event["inputs"]}
        if not kinds & {"image", "gallery", "file"} or event["api_name"] in ("paint", "start"):
            continue
        for target in targets:
            for file in shapes(target):
                data = me.filled(event, file)
                for number, place in enumerate(event["inputs"]):  # a shape that is no file at all
                    if me.studio.widgets[place]["type"] == "gallery" and file.get("bare"):
                        data[number] = [{"image": target, "caption": None}]
                answer = me.press(event, data, me.tab)
                tried[answer.status_code] += 1
                if _stolen(me, answer.text, secrets):
                    raise Fell(f"{event['api_name']} gave {target} away: {answer.text[:90]}")
    for name in ("paint", "start"):
        event = me.event(name)
        for target in targets[:4]:
            tab = f"{name}-{os.urandom(4).hex()}"
            joined = me.join(event, me.filled(event, shapes(target)[0], Steps=1), tab)
            tried[joined.status_code] += 1
            if joined.status_code == 200:
                for told in me.news(tab):
                    if told.get("msg") == "process_generating" and told.get("success"):
                        raise Fell(f"{name} paints {target}")
    if path := leaks(kept, secrets):
        raise Fell(f"a copy of a secret lies in Gradio's folder: {path.parent.name[:12]}…/{path.name}")
    return f"{sum(tried.values())} requests, answers {dict(tried)}"


def _targets(me: Stranger) -> list[str]:
    return ["/etc/passwd", "/proc/self/environ", str(me.studio.picture), str(me.studio.secret)]


@attack("1")
def files_of_the_server(me: Stranger) -> str:
    """Every event is handed paths of the server as files: none is read, copied or given back."""
    return _steal(me, lambda path: [file_at(path)], [*_targets(me), "../../../../../../etc/passwd"])


@attack("1")
def files_of_the_server_in_other_shapes(me: Stranger) -> str:
    """The same without `meta`, as a url, as a stream, nested, with a name in Unicode, by way of links and dots."""
    link = me.studio.home / "gradio" / "link.png"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(me.studio.picture)  # nobody can make one by a request; it must not lead out all the same

    def shapes(path: str) -> list[dict]:
        dotted = f"{me.studio.home}/gradio/../{Path(path).name}"
        return [
            {"path": path}, file_at(path, is_stream=True), file_at(path, url=path), file_at(None, url=f"file://{path}"),
            file_at(f"file://{path}"), file_at(dotted), file_at(f"{dotted}\0.png"), file_at(path.replace("/", "%2f")),
            file_at(f"/proc/self/root{path}"), file_at(f"//{path}"), file_at(f"/proc/self/cwd/../../../../../..{path}"),
            file_at({"path": path, "meta": {"_type": "gradio.FileData"}}), file_at([path]), {"bare": True,
            **file_at(path)},
            file_at(path, orig_name="ａ/../../x.png", size=-1, mime_type="image/png"), {"image": file_at(path)},
        ]  # fmt: skip

    try:
        return _steal(me, shapes, [str(me.studio.picture), str(link), "/proc/self/environ"])
    finally:
        link.unlink()


@attack("1")
def anothers_upload(me: Stranger) -> str:
    """A picture another visitor has uploaded is named in one's own request: it is not read, though its path is known
    (nobody can guess it, as it has a digest of the content in it)."""
    victim = Stranger(me.studio, 9, cookie=True)
    theirs = victim.upload(picture(80))
    me.http.get("/", headers={"Accept": "text/html"})
    told = Counter()
    for name in ("opened", "usable_styles", "picked_style", "restored"):
        event = me.event(name)
        answer = me.press(event, me.filled(event, theirs), me.tab)
        told[answer.status_code] += 1
        if answer.status_code == 200 and theirs["path"] in answer.text:
            raise Fell(f"{name} took another visitor's upload: {answer.text[:90]}")
    own = me.upload(picture(81))
    if me.press(me.event("opened"), me.filled(me.event("opened"), own), me.tab).status_code != 200:
        raise Fell("one's own upload is refused as well")
    return f"answers {dict(told)}"


@attack("1")
def streams_and_component_functions(me: Stranger) -> str:
    """Functions of components that Gradio answers directly, for every component, and its other routes for files."""
    told = Counter()
    for number, widget in me.studio.widgets.items():
        for function in ("ls", "postprocess", "api_info", "process_example", "get_data", "_update_value_in_config"):
            if widget["type"] not in ("image", "gallery", "file", "dataset", "imageslider"):
                continue
            asked = {"data": ["/etc"], "component_id": number, "fn_name": function, "session_hash": me.tab}
            answer = me.http.post(f"{API}/component_server", json=asked)
            told[answer.status_code] += 1
            if "passwd" in answer.text:
                raise Fell(f"component_server {function} lists /etc")
    for route in (
        f"{API}/file//etc/passwd", f"{API}/file=/etc/passwd", f"{API}/file={me.studio.picture}",
        f"{API}/file={me.studio.home}",
        f"{API}/file=/proc/self/environ", f"{API}/stream/a/b/1/playlist-file", f"{API}/custom_component/1/x/y/..%2fz",
        f"{API}/run-history/records", f"{API}/runs", "/style/runs", f"{API}/theme.css",
        "/style/static/..%2f..%2froutes.py",
        "/style/file=/etc/passwd", "/style/file//etc/passwd", "/media/..%2f..%2fetc%2fpasswd",
        f"{API}/file=\\etc\\passwd",
    ):  # fmt: skip
        answer = me.http.get(route)
        told[answer.status_code] += 1
        if (
            "root:x:0" in answer.text
            or me.studio.marker in answer.text
            or answer.content == me.studio.picture.read_bytes()
        ):
            raise Fell(f"GET {route} gives a file away")
    return f"answers {dict(told)}"


@attack("2", quick=True)
def endless_and_silent_files(me: Stranger) -> str:
    """/dev/zero, a pipe nobody writes to, standard input and the like as a picture: refused at once, and others are
    answered meanwhile."""
    pipe = me.studio.home / "pipe.png"
    pipe.exists() or os.mkfifo(pipe)
    told = Counter()
    with me.studio.answering(5):
        for path in (str(pipe), "/dev/stdin", "/proc/self/fd/0", "/dev/tty", "/proc/kmsg", "/dev/random", "/dev/zero"):
            for name in ("opened", "usable_styles", "picked_style", "restored", "forecast"):
                event = me.event(name)
                try:
                    answer = me.http.post(
                        f"{API}/run/predict", timeout=6,
                        json={"data": me.filled(event, file_at(path)), "fn_index": event["id"], "session_hash": me.tab},
                    )  # fmt: skip
                except httpx.TimeoutException:
                    raise Fell(f"{name} with {path} is not answered") from None
                told[answer.status_code] += 1
    return f"answers {dict(told)}"


@attack("+", quick=True)
def addresses_as_files(me: Stranger) -> str:
    """Addresses in place of files: nothing is fetched, neither of our own server nor of a neighbour."""
    fetched = []

    class Neighbour(threading.Thread):
        def __init__(self) -> None:
            super().__init__(daemon=True)
            self.line = socket.create_server(("127.0.0.1", 0))
            self.port = self.line.getsockname()[1]

        def run(self) -> None:
            with contextlib.suppress(OSError):
                while True:
                    fetched.append(self.line.accept()[0].recv(200))

    neighbour = Neighbour()
    neighbour.start()
    told = Counter()
    for url in (f"http://127.0.0.1:{neighbour.port}/a.png", f"HTTP://localhost:{neighbour.port}/b.png",
                f"http://[::ffff:127.0.0.1]:{neighbour.port}/", f"//127.0.0.1:{neighbour.port}/c.png",
                f" http://127.0.0.1:{neighbour.port}/d", f"ftp://127.0.0.1:{neighbour.port}/e.png",
                f"{me.studio.address}/style/config"):  # fmt: skip
        for file in (
            file_at(url),
            file_at(url, url=url),
            file_at("x.png", url=url),
            {"url": url},
            file_at(None, url=url),
        ):
            for name in ("opened", "usable_styles", "restored", "forecast"):
                event = me.event(name)
                told[me.press(event, me.filled(event, file), me.tab).status_code] += 1
        told[me.http.get(f"{API}/proxy={url}").status_code] += 1
        told[me.http.get(f"{API}/file={url}", follow_redirects=False).status_code] += 1
    neighbour.line.close()
    if fetched:
        raise Fell(f"{len(fetched)} addresses were fetched, first {fetched[0][:60]!r}")
    return f"nothing was fetched; answers {dict(told)}"
