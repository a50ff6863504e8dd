"""Single requests of few bytes that cost much: codecs, lists, names, and values that no page sends."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter

from strangers import API, Fell, Stranger, attack, picture
from streamlit.proto.BackMsg_pb2 import BackMsg

HEAD = b'--x\r\nContent-Disposition: form-data; name="a"'
FORM = "multipart/form-data; boundary=x"


@attack("+", quick=True)
def a_codec_of_the_senders_choice(me: Stranger) -> str:
    """A form of 300 kB that says it is written in punycode, whose decoding takes the square of its length: refused."""
    told = Counter()
    body = HEAD + b"\r\n\r\n" + b"a" * 300_000 + b"\r\n--x--\r\n"
    with me.studio.answering(10):
        for codec in ("punycode", '"punycode"', "PunyCode", "idna", "utf-7", "unicode_escape", "x" * 5000, ""):
            kind = {"Content-Type": f"{FORM}; charset={codec}"}
            for method, route in (("POST", f"{API}/upload"), ("PUT", "/_stcore/upload_file/a/b")):
                answer = me.http.request(method, route, content=body, headers=kind)
                told[answer.status_code] += 1
                if answer.status_code < 400 or answer.status_code >= 500:
                    raise Fell(f"{method} {route} in {codec[:20]} is answered with {answer.status_code}")
    return f"answers {dict(told)}"


@attack("+", quick=True)
def fields_beside_files(me: Stranger) -> str:
    """Forms with a field of 20 MB that is no file, and with hundreds of tiny files: refused, memory stays."""
    told = Counter()
    field = HEAD + b"\r\n\r\n" + b"a" * 20_000_000 + b"\r\n--x--\r\n"
    named = [
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="%d"\r\n\r\n%d\r\n' % (n, n) for n in range(900)
    ]
    with me.studio.answering(10), me.studio.memory_within(150e6):
        for body, more in ((field, ""), (field, "?upload_id=x"), (b"".join(named) + b"--x--\r\n", "")):
            answer = me.http.post(f"{API}/upload{more}", content=body, headers={"Content-Type": FORM})
            told[answer.status_code] += 1
            if not 400 <= answer.status_code < 500:
                raise Fell(f"answered with {answer.status_code}: {answer.text[:80]}")
    return f"answers {dict(told)}"


@attack("+", quick=True)
def lists_by_the_hundred_thousand(me: Stranger) -> str:
    """Events with one upload named ten thousand times, and with lists of lists of nothing: refused at once."""
    told = Counter()
    file = me.upload(picture())
    with me.studio.answering(10), me.studio.memory_within(300e6):
        one = {"image": file, "caption": None}
        for gallery in ([one] * 500, [one] * 10_000, [[]] * 60_000, [[]] * 900_000):
            for name in ("mixed", "usable_styles"):
                answer = me.press(me.event(name), [gallery, False], me.tab)
                told[answer.status_code] += 1
                if answer.status_code == 200 or "null" in answer.text:
                    raise Fell(f"{name} with {len(gallery)} is answered with {answer.status_code}: {answer.text[:60]}")
    return f"answers {dict(told)}"


@attack("+", quick=True)
def values_that_no_page_sends(me: Stranger) -> str:
    """Every event with nothing, numbers, words, lists and files where others belong, and with odd news of what was
    pressed: answered in words, and no stack trace in the log."""
    me.http.get("/", headers={"Accept": "text/html"})
    log, told = me.studio.home / "server.log", Counter()
    before = log.read_text().count("in _on_behalf")
    file = me.upload(picture())
    nothing = {"image": {"path": None, "meta": {"_type": "gradio.FileData"}}, "caption": 5}
    odd = [None, {}, [], [[]], "x", 1e308, {"path": None}, [{"image": None}], [{"video": file}], [nothing], True,
           {"image": file}]  # fmt: skip
    pressed = [None, [], "x", 5, {}, {"index": "x"}, {"index": -1}, {"index": 10**30}, {"index": [0]},
               {"index": {"a": 1}, "value": {"caption": []}}, {"index": True, "value": 0}]  # fmt: skip
    for event in me.studio.events:
        if event["api_name"] in ("sample", "paint", "start") or not event["backend_fn"]:
            continue
        for number, value in enumerate([*odd, *pressed]):
            asked = {"fn_index": event["id"], "session_hash": me.tab, "data": [value] * len(event["inputs"])}
            if number >= len(odd):
                asked |= {"data": me.filled(event, None), "event_data": value}
            answer = me.http.post(f"{API}/run/predict", json=asked)
            told[answer.status_code] += 1
            if '"error":null' in answer.text or answer.text == "Internal Server Error":
                raise Fell(f"{event['api_name']} has no words for {json.dumps(value)[:60]}: {answer.text[:60]}")
    if more := log.read_text().count("in _on_behalf") - before:
        raise Fell(f"{more} stack traces of events in the log")
    return f"answers {dict(told)}"


@attack("+")
def addresses_for_uploads_by_the_hundred_thousand(me: Stranger) -> str:
    """One message of a page that asks for 200,000 addresses to upload to: others are answered meanwhile."""
    asked = BackMsg()
    asked.file_urls_request.request_id = "x"
    asked.file_urls_request.file_names.extend([""] * 200_000)
    with me.studio.answering(10), me.studio.memory_within(150e6), contextlib.suppress(Exception), me.socket() as line:
        line.send(asked.SerializeToString())
        got = len(line.recv(10))
        if got > 10_000_000:
            raise Fell(f"{got / 1e6:.0f} MB of addresses were made")
    return "none were made"


@attack("+")
def widgets_that_hold_megabytes(me: Stranger) -> str:
    """Ten pages with a widget that holds 12 MB each: nothing of it is kept while they are open."""
    asked = BackMsg()
    asked.rerun_script.page_name = "models"
    asked.rerun_script.widget_states.widgets.add(id="x", string_value="x" * 12_000_000)
    with contextlib.ExitStack() as pages, me.studio.answering(10), me.studio.memory_within(200e6):
        for _ in range(10):
            with contextlib.suppress(Exception):
                line = pages.enter_context(me.socket())
                line.send(asked.SerializeToString())
                line.recv(10)
    return f"at most {me.studio.peak / 1e6:.0f} MB in all"


@attack("+")
def long_addresses(me: Stranger) -> str:
    """Pages, tabs and files with names of 60 kB: refused, and nothing of them is kept."""
    told = Counter()
    with me.studio.memory_within(100e6):
        for number in range(100):
            name = f"{number:05d}{os.urandom(8).hex()}" + "x" * 60_000
            routes = {"PUT": f"/_stcore/upload_file/{name}/x", "DELETE": f"/_stcore/upload_file/x/{name}",
                      "GET": f"{API}/upload_progress?upload_id={name}"}  # fmt: skip
            for method, route in routes.items():
                body = {"files": ("a", b"")} if method == "PUT" else None
                told[me.http.request(method, route, files=body).status_code] += 1
    if set(told) - {404, 414}:
        raise Fell(f"answers {dict(told)}")
    return f"answers {dict(told)}"
