"""What every request passes first: cookies, lengths, names of this host, methods, half-open lines, other's tabs."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import socket
import time
from collections import Counter

import httpx
import psutil
from strangers import API, PATIENCE, SAMPLE, Fell, Stranger, another_is_served, attack, picture


@attack("10", quick=True)
def other_cookies_in_front(me: Stranger) -> str:
    """Cookies of other programs in front of ours, in shapes a strict parser chokes on: one stays who one is."""
    me.http.get("/", headers={"Accept": "text/html"})
    own = me.cookie["Cookie"]
    for other in (
        '{"a":1}',
        "x[]=1",
        'a="unfinished',
        "=",
        ";;;",
        "a=b=c",
        "é=ü",
        "a b=c",
        "session=" + "x" * 3000,
        "$Version=1",
    ):
        answer = me.http.get("/", headers={"Accept": "text/html", "Cookie": f"{other}; {own}".encode()})
        if "set-cookie" in answer.headers:
            raise Fell(f"behind {other!r} the visitor is not known any more")
    return "known behind ten others"


@attack("11")
def cookieless_visitors_share_no_account(me: Stranger) -> str:
    """One sends 480 MB without a cookie: refused at some point, others without a cookie can still send."""
    told = Counter()
    content = os.urandom(10**6) * 19
    for size, count in ((len(content), 25), (10**6, 20), (10**5, 12), (10**4, 12)):  # to the last byte
        for number in range(count):
            files = {"files": ("a.png", content[number : number + size])}
            with contextlib.suppress(httpx.TransportError):
                told[me.http.post(f"{API}/upload", files=files).status_code] += 1
    other = Stranger(me.studio, 201)
    answer = other.http.post(f"{API}/upload", files={"files": ("a.png", picture())})
    if answer.status_code != 200:
        raise Fell(f"another without a cookie is answered with {answer.status_code}; answers {dict(told)}")
    return f"another can send; answers {dict(told)}"


@attack("11")
def one_address_with_many_cookies_fills_no_disk(me: Stranger) -> str:
    """One address sends 380 MB with each of eight cookies that we gave, 3 GB in all: refused before that."""
    told, content = Counter(), os.urandom(10**6) * 19
    for number in range(8):
        me.http.cookies.clear()
        me.http.get("/", headers={"Accept": "text/html"})
        for part in range(20):
            files = {"files": ("a.png", content[number * 100 + part :])}
            with contextlib.suppress(httpx.TransportError):
                told[me.http.post(f"{API}/upload", files=files).status_code] += 1
    for path in (me.studio.home / "gradio").rglob("*.png"):
        if path.stat().st_size > 10**7:
            path.unlink(missing_ok=True)  # the machine is shared
    if told[200] == 160:
        raise Fell("all of 3 GB were taken in")
    return f"answers {dict(told)}"


@attack("11", quick=True)
def lengths_that_lie(me: Stranger) -> str:
    """Bodies longer than told, told longer than allowed, in chunks without an end, told twice: refused or cut off."""
    told = Counter()
    for head in ("Content-Length: 99999999999", "Content-Length: -1", "Content-Length: 5\r\nContent-Length: 500000000",
                 "Content-Length: 0x10", "Transfer-Encoding: chunked\r\nContent-Length: 3",
                 "Transfer-Encoding: identity, chunked",
                 "Content-Encoding: gzip\r\nContent-Length: 99999999"):  # fmt: skip
        for route in (f"POST {API}/upload", "PUT /_stcore/upload_file/a/b", f"POST {API}/queue/join"):
            with socket.create_connection(("127.0.0.1", me.studio.port), 10, (me.here, 0)) as line:
                line.sendall(f"{route} HTTP/1.1\r\nHost: 127.0.0.1:{me.studio.port}\r\n{head}\r\n\r\n".encode())
                with contextlib.suppress(OSError):
                    line.settimeout(2)
                    for _ in range(50):
                        line.sendall(b"f4240\r\n" + b"\0" * 10**6 + b"\r\n")
                with contextlib.suppress(OSError):
                    answer = line.recv(200).split(b" ")
                    told[answer[1].decode() if len(answer) > 1 else "closed"] += 1
    if told["200"]:
        raise Fell(f"answers {dict(told)}")
    return f"answers {dict(told)}"


@attack("14", quick=True)
def another_sites_name_for_us(me: Stranger) -> str:
    """A foreign name that leads to this address (DNS rebinding): pages, files, calls and sockets are refused, also
    where a header of a proxy claims our own name."""
    let_in = []
    for host in (
        "evil.example",
        f"evil.example:{me.studio.port}",
        f"127.0.0.1.evil.example:{me.studio.port}",
        "127.0.0.1:1@evil.example",
        "localhost.evil",
    ):
        for more in ({}, {"X-Forwarded-Host": "127.0.0.1"}, {"X-Forwarded-Host": host}):
            headers = {"Host": host, "Origin": f"http://{host}", **more}
            for method, route in (("GET", "/"), ("POST", f"{API}/call/sample"), ("POST", f"{API}/upload"),
                                  ("GET", "/style/config"), ("PUT", "/_stcore/upload_file/a/b")):  # fmt: skip
                answer = me.http.request(
                    method, route, headers=headers, json={"data": list(SAMPLE)} if method == "POST" else None
                )
                if answer.status_code < 400:
                    let_in.append(f"{method} {route} as {host} {more}: {answer.status_code}")
            with contextlib.suppress(Exception), me.socket(headers={"Host": host, "Origin": f"http://{host}"}):
                let_in.append(f"a socket as {host}")
    if let_in:
        raise Fell(f"{len(let_in)} were let in, first {let_in[0]}")
    return "90 requests refused"


@attack("15")
def a_full_disk(me: Stranger) -> str:
    """No file of the server may grow beyond some kilobytes for a while, which is how a full disk looks to it (the
    honest visitor rests): uploads and paintings are refused in words, and afterwards everything works again."""
    told = Counter()
    most = (me.studio.home / "server.log").stat().st_size + 100_000
    with me.studio.resting():
        me.studio.process.rlimit(psutil.RLIMIT_FSIZE, (most, psutil.RLIM_INFINITY))
        try:
            for _ in range(3):
                answer = me.http.post(f"{API}/upload", files={"files": ("a.png", picture(1000))})
                told[f"upload {answer.status_code} {answer.text[:50]}"] += 1
            photo = me.upload(picture(100))
            data = me.filled(me.event("paint"), photo, **{"Size (px)": 512, "Steps": 1})
            told[f"paint {me.call('paint', *data)[-90:]}"] += 1
        finally:
            me.studio.process.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
    served = another_is_served(me.studio, 202)
    bare = [words for words in told if "upload 500" in words or words.endswith("null\n\n")]
    if bare:
        raise Fell(f"bare errors: {dict(told)}")
    return f"{served}; {dict(told)}"


@attack("16", quick=True)
def tabs_and_events_of_others(me: Stranger) -> str:
    """Names of tabs and events that are others', made up, giant or nonsense: nobody's answers are given away."""
    victim = Stranger(me.studio, 9, cookie=True)
    me.http.get("/", headers={"Accept": "text/html"})
    begun = victim.http.post(f"{API}/call/sample", json={"data": list(SAMPLE)}).json()["event_id"]
    told = Counter()
    for route in (f"call/sample/{begun}", f"call/paint/{begun}", f"queue/data?session_hash={begun}",
                  f"heartbeat/{begun}",
                  f"call/v2/sample/{begun}", f"stream/{begun}/1/1/playlist.m3u8"):  # fmt: skip
        with contextlib.suppress(httpx.TimeoutException), me.http.stream("GET", f"{API}/{route}", timeout=4) as stream:
            told[stream.status_code] += 1
            if stream.status_code == 200:
                for text in stream.iter_lines():
                    if '"pictures"' in text:
                        raise Fell(f"{route} gives another's answer away")
                    if "event: complete" in text or "process_completed" in text:
                        raise Fell(f"{route} takes another's answer")
    with me.studio.memory_within(300e6):
        for name in ("x" * 500_000, "../../etc", "\u0000", "a/b", "%00", "é" * 1000):
            asked = {"data": [], "fn_index": me.event("stop")["id"], "session_hash": name}
            told[me.http.post(f"{API}/run/predict", json=asked).status_code] += 1
    answer = victim.http.get(f"{API}/call/sample/{begun}", timeout=PATIENCE).text
    if '"pictures"' not in answer:
        raise Fell(f"the owner does not get the answer: {answer[:90]}")
    return f"the owner got the answer; others {dict(told)}"


@attack("16", quick=True)
def closed_doors(me: Stranger) -> str:
    """Documents and tools for developers are closed: /style/docs, /redoc, /openapi.json, metrics, monitoring."""
    open_ = []
    for route in ("/style/docs", "/style/redoc", "/docs", "/redoc", "/style/openapi.json", "/openapi.json",
                  "/style//docs",
                  "/style/docs/", "/style/docs/oauth2-redirect", "/_stcore/metrics", "/style/monitoring",
                  f"{API}/queue/status",
                  f"{API}/dev/reload", f"{API}/vibe-code/", f"{API}/deep_link", f"{API}/app_id",
                  f"{API}/token"):  # fmt: skip
        answer = me.http.get(route)
        text = answer.text.lower()
        if answer.status_code == 200 and (
            "swagger" in text or "redoc" in text or '"openapi"' in text or "queue_size" in text or "process_" in text
        ):
            open_.append(route)
    if open_:
        raise Fell(f"open: {open_}")
    return "17 are closed"


@attack("16")
def half_open_requests(me: Stranger) -> str:
    """150 connections that never finish their head, send a byte now and then, or never send the body they told: closed
    after 20 s or so, and others are answered."""
    host = f"Host: 127.0.0.1:{me.studio.port}\r\n"
    about = "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 50000\r\n\r\n--x\r\n"
    starts = {
        "silent": "",
        "head": f"GET / HTTP/1.1\r\n{host}X: ",
        "body": f"POST {API}/upload HTTP/1.1\r\n{host}{about}",
    }
    lines: list[tuple[str, socket.socket]] = []
    with me.studio.answering(5):
        for kind, start in [*starts.items()] * 50:
            line = socket.create_connection(("127.0.0.1", me.studio.port), 10, (me.here, 0))
            line.sendall(start.encode())
            lines.append((kind, line))
        began = time.monotonic()
        left = dict(enumerate(lines))
        while left and time.monotonic() - began < 40:
            for number, (kind, line) in list(left.items()):
                line.setblocking(False)
                try:
                    if line.recv(1000) == b"":
                        del left[number]
                        continue
                except BlockingIOError:
                    pass
                except OSError:
                    del left[number]
                    continue
                with contextlib.suppress(OSError):
                    if kind != "silent":
                        line.send(b"a")
            time.sleep(1)
    for _, line in lines:
        line.close()
    if left:
        raise Fell(f"after 40 s {dict(Counter(kind for kind, _ in left.values()))} of 150 are still open")
    return f"all closed after {time.monotonic() - began:.0f} s"


@attack("+")
def open_streams(me: Stranger) -> str:
    """300 streams of news and heartbeats kept open from one address: others are answered and served."""
    lines, told = [], Counter()
    with me.studio.answering(5), me.studio.memory_within(500e6):
        for number in range(300):
            route = f"{API}/heartbeat/s{number}" if number % 2 else f"{API}/queue/data?session_hash=s{number}"
            line = socket.create_connection(("127.0.0.1", me.studio.port), 10, (me.here, 0))
            line.sendall(f"GET {route} HTTP/1.1\r\nHost: 127.0.0.1:{me.studio.port}\r\n\r\n".encode())
            lines.append(line)
        time.sleep(1)
        served = another_is_served(me.studio, 203)
    for line in lines:
        line.setblocking(False)
        with contextlib.suppress(OSError):
            told[line.recv(20)[9:12].decode()] += 1
        line.close()
    return f"{served}; answers {dict(told)}"


@attack("+", quick=True)
def methods_heads_and_ranges(me: Stranger) -> str:
    """Unknown methods, giant heads, ranges by the hundred, paths that are no paths: answered, never by a fault of
    ours."""
    told = Counter()
    upload = me.upload(picture())["path"]
    for method in ("HEAD", "OPTIONS", "TRACE", "CONNECT", "PATCH", "DELETE", "PROPFIND", "QWERTY", "get"):
        for route in (
            "/",
            "/style/",
            f"{API}/queue/join",
            f"{API}/file={upload}",
            "/_stcore/health",
            "/_stcore/stream",
        ):
            told[me.http.request(method, route).status_code] += 1
    for extent in (
        "bytes=0-0",
        "bytes=-1",
        "bytes=" + ",".join(f"{n}-{n + 1}" for n in range(0, 900, 3)),
        "bytes=5-2",
        "bytes=-99999999999",
        "x=1-2",
        "bytes=0-" + "9" * 400,
    ):
        told[me.http.get(f"{API}/file={upload}", headers={"Range": extent}).status_code] += 1
        told[me.http.get("/", headers={"Range": extent}).status_code] += 1
    for headers in (
        {"X-A": "a" * 60_000},
        {f"X-{n}": "b" for n in range(500)},
        {"Accept": "é".encode() * 2000},
        {"Cookie": "a=b; " * 8000 + "a=b"},
        {"Upgrade": "h2c", "Connection": "Upgrade"},
        {"Content-Type": "multipart/form-data"},
    ):
        with contextlib.suppress(httpx.RemoteProtocolError):
            told[me.http.get("/style/", headers=headers).status_code] += 1
    for route in (
        "/%",
        "/%ff%fe",
        "//",
        "/style//..//..//",
        "/" + "a/" * 3000,
        "/style/%00",
        "/?" + "a=b&" * 9000,
        "/style?photo=" + "x" * 9000,
    ):
        with contextlib.suppress(httpx.RemoteProtocolError):
            told[me.http.get(route).status_code] += 1
    faults = sum(count for status, count in told.items() if status >= 500 and status != 501)
    if faults:
        raise Fell(f"answers {dict(told)}")
    return f"answers {dict(told)}"


@attack("+", quick=True)
def deep_and_odd_json(me: Stranger) -> str:
    """JSON nested a hundred thousand deep, giant numbers, doubled keys, wrong types: answered with 4xx, soon."""
    told = Counter()
    bodies = [b"[" * 100_000, b'{"data":' * 50_000, b'{"data":[' + b"[" * 50_000 + b"]" * 50_000 + b'],"fn_index":1}',
              b'{"data":[' + b"9" * 100_000 + b'],"fn_index":1,"session_hash":"a"}', b"\xff\xfe", b"null", b"[]",
              b'"x"',
              b'{"data":"x","fn_index":"y"}', b'{"data":[],"fn_index":-1,"session_hash":"a"}',
              b'{"data":[],"fn_index":99999,"session_hash":"a"}', b'{"data":[],"fn_index":0,"session_hash":["a"]}',
              b'{"data":{},"fn_index":0,"trigger_id":1e999,"event_data":[1],"session_hash":"a"}']  # fmt: skip
    with me.studio.answering(5):
        for body in bodies:
            for route in (
                "run/predict",
                "queue/join",
                "call/paint",
                "call/sample",
                "cancel",
                "reset",
                "component_server",
                "call/v2/sample",
            ):
                asked = {"content": body, "headers": {"Content-Type": "application/json"}}
                try:
                    told[me.http.post(f"{API}/{route}", **asked).status_code] += 1
                except httpx.TransportError:
                    told["closed"] += 1
    return f"answers {dict(told)}"


@attack("+")
def made_up_sessions_cost_nothing(me: Stranger) -> str:
    """3,000 requests, each with another made-up tab, and 3,000 with another made-up cookie: memory stays."""
    event, told = me.event("stop"), Counter()
    with me.studio.memory_within(250e6), me.studio.answering(5):
        for number in range(3000):
            asked = {"data": [], "fn_index": event["id"], "session_hash": f"{me.tab}-{number}"}
            told[me.http.post(f"{API}/run/predict", json=asked).status_code] += 1
            cookie = {"Cookie": f"ganvas={number:043d}.{number:043d}", "Accept": "text/html"}
            told[me.http.get("/_stcore/health", headers=cookie).status_code] += 1
    return f"at most {me.studio.peak / 1e6:.0f} MB in all; answers {dict(told)}"


@attack("+")
def many_first_visits(me: Stranger) -> str:
    """1,500 first visits to pages and to the style app's configuration from one address: others are answered."""
    told = Counter()
    with me.studio.answering(5), me.studio.memory_within(300e6), concurrent.futures.ThreadPoolExecutor(8) as pool:
        routes = ["/", "/style/config", "/train"] * 500
        told.update(pool.map(lambda route: me.http.get(route, headers={"Accept": "text/html"}).status_code, routes))
    return f"answers {dict(told)}"
