"""A Hub on this computer: the routes of huggingface.co that Ganvas uses, and their faults on demand.

    with LocalHub() as hub:
        hub.add("owner/name", {"model.safetensors": data})
        hub.fail("owner/name", "model.safetensors", "cut", after=1000)
        ... HF_ENDPOINT=hub.url ...
        hub.log  # every request: method, path, range, token

Reading: resolve (HEAD, GET, Range), api/models with revision and tree. Writing: repos/create, validate-yaml, preupload
(always "regular", so neither LFS nor xet is wanted), commit with deletions. Spaces have the same routes under
api/spaces, and settings; here they are repositories named "spaces/owner/name". Files of a megabyte or more, or with a
name like weights, are "LFS": their ETag is sha256, and with `cdn` set they are served by a second host, as on the real
Hub.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

LFS = (".safetensors", ".bin", ".pt", ".pth", ".png")
FAULTS = {
    "status": "answers with the status given",
    "hang": "says nothing at all for `seconds`, or until it is healed",
    "stall": "falls silent for `seconds` after `after` bytes of the body",
    "cut": "breaks the connection after `after` bytes of the body, `times` times",
    "length": "claims, when asked about the file, that it is `by` bytes longer than it is",
    "flip": "turns one bit around in the middle of the body",
    "huge": "claims to be `size` bytes long",
    "unranged": "answers a request for a part with the whole",
    "other part": "answers a request for a part with another part",
    "drip": "sends the list of files one byte at a time, `pause` seconds apart",
    "login page": "answers like a hotel's network that wants a room number",
}


@dataclass
class Repo:
    private: bool = False
    gated: bool = False
    sdk: str = ""  # of a Space
    hardware: str = ""  # asked for when a Space was made
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)  # the last one is main

    @property
    def head(self) -> str:
        return next(reversed(self.commits))


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    range: str | None
    token: str | None
    host: str  # "hub" or "cdn"


def lfs_digest(path: str, data: bytes) -> str:
    """What the Hub gives as ETag: sha256 of LFS files, git's blob sha1 of others."""
    if path.endswith(LFS) or len(data) >= 2**20:
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _blob(path: str, data: bytes) -> dict:
    """What the Hub says of a file's content when it is asked for `blobs`."""
    digest = lfs_digest(path, data)
    if len(digest) == 40:
        return {"blobId": digest}
    return {"blobId": "0" * 40, "lfs": {"sha256": digest, "size": len(data), "pointerSize": 132}}


class LocalHub:
    """Serves from threads until closed; `url` is the endpoint. `token` opens private repositories and lets write."""

    def __init__(self, token: str = "hf_local", cdn: bool = False):
        self.token = token
        self.repos: dict[str, Repo] = {}
        self.log: list[Seen] = []
        self.faults: dict[tuple[str, str], dict] = {}
        self.refusal: tuple[int, str] | None = None  # status and words for whoever makes a repository or commits
        self.over = threading.Event()
        self.servers = [self._serve("hub"), self._serve("cdn")] if cdn else [self._serve("hub")]
        self.url = self._address(0)
        self.cdn = self._address(1) if cdn else ""

    def _serve(self, name: str) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self, "host": name}))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True, name=f"local {name}").start()
        return server

    def _address(self, index: int) -> str:
        # Two names of this computer, so that hub and storage are different hosts to a client.
        return f"http://{('127.0.0.1', 'localhost')[index]}:{self.servers[index].server_port}"

    def __enter__(self) -> LocalHub:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.over.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def add(self, repo: str, files: dict[str, bytes], revision: str = "", **about: bool | str) -> str:
        """A commit with exactly these files; returns its 40 hex digits."""
        home = self.repos.setdefault(repo, Repo(**about))
        state = repr((repo, len(home.commits), sorted((p, lfs_digest(p, d)) for p, d in files.items())))
        revision = revision or hashlib.sha1(state.encode()).hexdigest()
        home.commits[revision] = dict(files)
        return revision

    def fail(self, repo: str, path: str, fault: str, **how: float) -> None:
        """`path` is a file, or "" for the repository's api. See `FAULTS`."""
        assert fault in FAULTS
        self.faults[repo, path] = {"fault": fault, **how}

    def heal(self, repo: str = "", path: str = "") -> None:
        """All, or the one of a file; `path` is "" for the api of `repo`."""
        self.faults.pop((repo, path), None) if repo else self.faults.clear()

    def reads(self) -> list[Seen]:
        """The requests for bytes of files, redirects left out."""
        host = "cdn" if self.cdn else "hub"
        return [seen for seen in self.log if seen.method == "GET" and "/resolve/" in seen.path and seen.host == host]


class _Handler(BaseHTTPRequestHandler):
    hub: LocalHub
    host: str
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # the client hung up: part of what is tested

    def do_HEAD(self) -> None:
        self._route()

    def do_GET(self) -> None:
        self._route()

    def do_POST(self) -> None:
        self._route()

    def do_PUT(self) -> None:
        self._route()

    # ---- routes

    def _route(self) -> None:
        url = urlsplit(self.path)
        self.query = parse_qs(url.query)
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        path = unquote(url.path)
        self.hub.log.append(Seen(self.command, path, self.headers.get("Range"), token, self.host))
        self.allowed = token == self.hub.token
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"] and len(parts) >= 4:
            self._api("/".join(parts[2:4]), parts[4:])
        elif parts[:2] == ["api", "spaces"] and len(parts) >= 4:
            self._api("/".join(parts[1:4]), parts[4:])
        elif path == "/api/repos/create" and self.command == "POST":
            self._create()
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif path == "/api/whoami-v2":
            self._json({"name": "local", "type": "user"}) if self.allowed else self._error(401, "")
        elif len(parts) > 4 and parts[2] == "resolve":
            self._resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            self._error(404, "NotFound")

    def _files(self, name: str, revision: str, path: str = "") -> tuple[str, dict[str, bytes]] | None:
        """The commit and its files, or None after the fault or refusal has been answered."""
        fault = self.hub.faults.get((name, path), {})
        if fault.get("fault") == "status":
            self._error(int(fault["status"]), "")
            return None
        if fault.get("fault") == "hang":
            end = time.monotonic() + fault["seconds"]
            while self.hub.faults.get((name, path)) is fault and time.monotonic() < end:
                if self.hub.over.wait(0.02):  # whoever asked has gone, and an event that is set waits for nothing
                    break
        if fault.get("fault") == "login page":
            self._answer(200, b"<html>Welcome! Please log in.</html>", {"Content-Type": "text/html"})
            return None
        repo = self.hub.repos.get(name)
        if repo is None or (repo.private and not self.allowed):
            # The real Hub says 401 to strangers in both cases, so that nobody learns which names are private.
            self._error(404 if self.allowed else 401, "RepoNotFound")
            return None
        if repo.gated:
            self._error(403 if self.allowed else 401, "GatedRepo")
            return None
        commit = repo.head if revision == "main" else revision
        if commit not in repo.commits:
            self._error(404, "RevisionNotFound")
            return None
        return commit, repo.commits[commit]

    def _resolve(self, name: str, revision: str, path: str) -> None:
        found = self._files(name, revision, path)
        if found is None:
            return
        commit, files = found
        if path not in files:
            self._error(404, "EntryNotFound", {"X-Repo-Commit": commit})
            return
        fault = self.hub.faults.get((name, path), {})
        kind = fault.get("fault")
        data = files[path]
        size = int(fault["size"]) if kind == "huge" else len(data)
        digest = lfs_digest(path, data)
        headers = {"ETag": f'"{digest}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if self.hub.cdn and self.host == "hub" and len(digest) == 64:
            linked = {"X-Linked-ETag": f'"{digest}"', "X-Linked-Size": str(size)}
            headers |= {"Location": f"{self.hub.cdn}{self.path}", **linked}
            self._answer(302, b"", headers)
            return
        status = 200
        if kind == "flip":
            data = bytearray(data)
            data[len(data) // 2] ^= 0x04
            data = bytes(data)
        asked = self.headers.get("Range")
        if asked and kind != "unranged" and self.command == "GET":
            start, end = (int(n) for n in asked.removeprefix("bytes=").split("-"))
            if start >= size:
                self._error(416, "")
                return
            end = min(end, size - 1)
            if kind == "other part":
                start, end = 0, end - start
            headers["Content-Range"] = f"bytes {start}-{end}/{size}"
            data, status = data[start : end + 1], 206
        if self.command == "HEAD":
            self._answer(200, b"", headers, length=size + int(fault.get("by", 0)))
            return
        length = size if kind == "huge" and status == 200 else len(data)
        if kind == "cut" and fault.setdefault("times", 1) > 0:
            fault["times"] -= 1
            self._answer(status, data[: int(fault["after"])], headers, length=length)
            self.close_connection = True
        elif kind == "stall":
            self._answer(status, data[: int(fault["after"])], headers, length=length)
            self.hub.over.wait(fault["seconds"])
            self.close_connection = True
        else:
            self._answer(status, data, headers, length=length)
            self.close_connection = length != len(data)

    def _api(self, name: str, rest: list[str]) -> None:
        if self.command != "GET":
            self._write(name, rest)
            return
        revision = rest[1] if len(rest) > 1 else "main"
        found = self._files(name, revision)
        if found is None:
            return
        commit, files = found
        if rest[:1] == ["tree"]:
            tree = [{"type": "file", "path": p, "size": len(d), "oid": lfs_digest(p, d)[:40]} for p, d in files.items()]
            self._json(tree)
        else:
            claimed = {p: int(self.hub.faults.get((name, p), {}).get("size", len(d))) for p, d in files.items()}
            siblings = [{"rfilename": p, "size": size, **_blob(p, files[p])} for p, size in claimed.items()]
            about = {"id": name, "sha": commit, "private": self.hub.repos[name].private, "siblings": siblings}
            fault = self.hub.faults.get((name, ""), {})
            self._json({**about, "sdk": self.hub.repos[name].sdk}, pause=fault.get("pause", 0.0))

    # ---- writing

    def _create(self) -> None:
        about = json.loads(self.body)
        name = f"{about.get('organization') or 'local'}/{about['name']}"
        if about.get("type") == "space":
            name = f"spaces/{name}"
        if self.hub.refusal:
            self._json({"error": self.hub.refusal[1]}, self.hub.refusal[0])
        elif not self.allowed:
            self._error(401, "")
        elif name in self.hub.repos:
            self._json({"error": "You already created this model repo", "url": f"{self.hub.url}/{name}"}, 409)
        else:
            private = bool(about.get("private")) or about.get("visibility") == "private"
            first = {".gitattributes": b""}
            if about.get("type") == "space":
                first["README.md"] = f"---\nsdk: {about['sdk']}\n---\n".encode()
            of_space = {"sdk": about.get("sdk", ""), "hardware": about.get("hardware", "")}
            self.hub.add(name, first, private=private, **of_space)
            self._json({"url": f"{self.hub.url}/{name}", "id": name, "name": name})

    def _write(self, name: str, rest: list[str]) -> None:
        if self.hub.refusal:
            self._json({"error": self.hub.refusal[1]}, self.hub.refusal[0])
            return
        if not self.allowed:
            self._error(401, "")
            return
        found = self._files(name, rest[1] if len(rest) > 1 else "main")
        if found is None:
            return
        if rest[0] == "settings":
            self.hub.repos[name].private = json.loads(self.body)["visibility"] == "private"
            self._json({"private": self.hub.repos[name].private})
        elif rest[0] == "preupload":
            asked = json.loads(self.body)["files"]
            self._json({"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in asked]})
        elif rest[0] == "commit":
            files = dict(found[1])
            for line in self.body.splitlines():
                step = json.loads(line)
                if step["key"] == "header" and step["value"].get("parentCommit", found[0]) != found[0]:
                    self._json({"error": "The branch has moved on"}, 412)
                    return
                if step["key"] == "file":
                    files[step["value"]["path"]] = base64.b64decode(step["value"]["content"])
                elif step["key"] == "deletedFile":
                    files.pop(step["value"]["path"], None)
            commit = self.hub.add(name, files)
            self._json({"success": True, "commitOid": commit, "commitUrl": f"{self.hub.url}/{name}/commit/{commit}"})
        else:
            self._error(404, "NotFound")

    # ---- answers

    def _answer(
        self, status: int, body: bytes, headers: dict[str, str], length: int | None = None, pause: float = 0.0
    ) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            for part in [bytes([byte]) for byte in body] if pause else [body]:
                self.wfile.write(part)
                if pause and self.hub.over.wait(pause):
                    return

    def _json(self, value: object, status: int = 200, pause: float = 0.0) -> None:
        self._answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"}, pause=pause)

    def _error(self, status: int, code: str, more: dict[str, str] | None = None) -> None:
        headers = {"X-Error-Message": code or f"error {status}", **(more or {})}
        if code:
            headers["X-Error-Code"] = code
        self._answer(status, b"", headers)
