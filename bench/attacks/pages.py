"""Streamlit's sockets: floods, nonsense, and values that no widget would send."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import Counter

import psutil
from strangers import Fell, Page, Stranger, attack
from streamlit.proto.BackMsg_pb2 import BackMsg

from core.runs import lifecycle
from core.visitors import identity


@attack("12")
def reruns_by_the_thousand(me: Stranger) -> str:
    """3,000 reruns on one socket: others are answered meanwhile."""
    asked = BackMsg()
    asked.rerun_script.page_name = "generate"
    with me.studio.answering(4), contextlib.suppress(Exception):
        with me.socket() as line:
            for _ in range(3000):
                line.send(asked.SerializeToString())
            until = time.monotonic() + 15
            while time.monotonic() < until:
                line.recv(max(0.1, until - time.monotonic()))
    return "others are answered"


@attack("12")
def many_sockets(me: Stranger) -> str:
    """120 sockets opened from one address, each with a page, none read: others are answered, memory stays."""
    asked = BackMsg()
    asked.rerun_script.page_name = "train"
    lines, refused = [], 0
    with contextlib.ExitStack() as opened, me.studio.memory_within(900e6), me.studio.answering(8):
        for _ in range(120):
            try:
                line = opened.enter_context(me.socket())
                lines.append(line)
                line.send(asked.SerializeToString())
            except Exception:
                refused += 1
                if refused > 40:
                    break
        time.sleep(5)
    return f"{len(lines)} were taken, {refused} refused"


@attack("12", quick=True)
def messages_that_make_no_sense(me: Stranger) -> str:
    """Noise, giant messages and the developers' commands (shut down, empty the cache, disconnect) on the socket."""
    told = Counter()
    with me.studio.answering(5), me.studio.memory_within(600e6):
        for content in (os.urandom(500), b"", b"\xff" * 10**6, b"\0" * 60_000_000, "text"):
            with contextlib.suppress(Exception), me.socket() as line:
                line.send(content)
                line.recv(2)
        for name in ("debug_shutdown_runtime", "debug_disconnect_websocket", "clear_cache", "load_git_info"):
            command = BackMsg()
            setattr(command, name, True)
            with contextlib.suppress(Exception), me.socket() as line:
                line.send(command.SerializeToString())
                told[name] += 1
                line.recv(2)
    return f"still there after {dict(told)}"


@attack("17", quick=True)
def forged_values_of_widgets(me: Stranger) -> str:
    """Numbers of a new run far out of their bounds and no numbers at all, as if by the page's own widgets: the page
    goes on, and no run asks for more than is allowed."""
    me.http.get("/", headers={"Accept": "text/html"})
    page, told = Page(me, "train"), Counter()
    kinds = {"Slider": "double_array_value", "NumberInput": "double_value"}
    forged = {label: kinds[kind] for label, e in page.elements.items() if (kind := type(e).__name__) in kinds}
    with me.studio.answering(5):
        for label, kind in forged.items():
            for value in (1e12, -1e12, float("nan"), float("inf")):
                shown = page.run(**{label: (kind, [value] if kind.startswith("double_array") else value)})
                told["a red box" if "\nexception:" in shown else "answered"] += 1
                del page.values[label]
            page.run("Check the images", **{label: (kind, [1e6] if kind.startswith("double_array") else 1e6)})
            del page.values[label]
            with identity.asking(me.name):
                for run in lifecycle.all_runs():
                    if "1000000" in json.dumps(run.config):
                        raise Fell(f"a run with {label} of a million was made")
                    with contextlib.suppress(psutil.Error, KeyError):
                        psutil.Process(run.state["pid"]).kill()
                    told["run with another value"] += 1
                    lifecycle.remove(run)
    page.close()
    return f"{dict(told)} for {', '.join(forged)}"


@attack("17")
def forged_values_on_the_generate_page(me: Stranger) -> str:
    """The same on the Generate page, where a value makes pictures at once: no more than allowed, memory stays."""
    page = Page(me, "generate")
    told = Counter()
    with me.studio.memory_within(600e6), me.studio.answering(6):
        for label, element in list(page.elements.items()):
            kind = {"Slider": "double_array_value", "NumberInput": "double_value", "TextInput": "string_value",
                    "TextArea": "string_value", "Selectbox": "string_value"}.get(type(element).__name__)  # fmt: skip
            for value in ([1e9], [-5.0], [float("nan")], [1e308, 1e308], []) if kind == "double_array_value" else (
                (1e18, float("nan")) if kind == "double_value" else ("x" * 200_000, "run:../../x",
                "hub:a/../b") if kind else ()
            ):  # fmt: skip
                before = dict(page.values)
                try:
                    shown = page.run("", **{label: (kind, value)})
                    told["a red box" if "\nexception:" in shown else "answered"] += 1
                except Exception as error:
                    told[type(error).__name__] += 1
                    page = Page(me, "generate")
                    before = {}
                page.values = before
    page.close()
    return f"{dict(told)}"


@attack("+", quick=True)
def huge_numbers_and_points_to_sample(me: Stranger) -> str:
    """Samples by the billion, points with numbers of a thousand digits, nesting, and no numbers at all: refused in
    words, soon."""
    told = Counter()
    with me.studio.memory_within(600e6), me.studio.answering(5):
        for values in (("portraits", 0, 10**9, 1.0, True, False, None), ("portraits", 10**400, 1, 1.0, True, False,
                       None),
                       ("portraits", -1, 1, 1e308, True, False, None), ("portraits", 0, 1, "NaN", True, False, None),
                       ("portraits", 0, 1, 1.0, True, False, ["9" * 1000 + ":1"]), ("portraits", 0, 1, 1.0, True,
                       False, ["7:12"] * 5000),
                       ("portraits", 0, 1, 1.0, True, False, ["7:1+" * 5000 + "7:1"]), ("portraits", 0, 1, 1.0, True,
                       False, ["7:" + "1" * 300_000]),
                       ("portraits", 0, 1, 1.0, True, False, [["7:1"]]), ("portraits", 0, 1, 1.0, True, True, {"a": 1}),
                       (["portraits"], 0, 1, 1.0, True, False, None), ("p" * 10**6, 0, 1, 1.0, True, False, None),
                       ("portraits", True, 1.5, None, "x", 3, "7:1")):  # fmt: skip
            answer = me.call("sample", *values)
            if '"pictures"' in answer and values[2] != 1.5:
                told[f"made for {str(values)[:40]}"] += 1
            else:
                told["refused" if "event: error" in answer or answer[:1] == "4" else answer[:40]] += 1
    return str(dict(told))
