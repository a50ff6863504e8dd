"""Streamlit's sockets: floods, nonsense, and values that no widget would send."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import time
from collections import Counter
from collections.abc import Collection, Sequence

import psutil
from strangers import Fell, Page, Stranger, attack
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.NumberInput_pb2 import NumberInput
from streamlit.proto.Slider_pb2 import Slider

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
        page = Page(me, "train")
        for name in ("debug_shutdown_runtime", "debug_disconnect_websocket", "clear_cache", "load_git_info"):
            command = BackMsg()
            setattr(command, name, True)
            page.line.send(command.SerializeToString())
            told[name] += 1
            page.run()  # on the same socket: the command was passed over
        page.close()
    return f"still there after {dict(told)}"


# What the widgets of a page send, and what none of them would.
NUMBERS = (1e12, -1e12, 1e308, float("nan"), float("inf"))
STRINGS = ("x" * 20_000, "run:../../x", "hub:a/../b", "", "1000000", "\0", "{}")
FORGED = {
    "NumberInput": ("double_value", NUMBERS),
    "Slider": ("double_array_value", [*([number] for number in NUMBERS), [], [1.0] * 10_000]),
    "SelectSlider": ("string_array_value", [*([text] for text in STRINGS), []]),
    "ButtonGroup": ("string_array_value", [*([text] for text in STRINGS), [], ["My files"] * 1000]),
    "Selectbox": ("string_value", STRINGS), "Radio": ("string_value", STRINGS), "TextInput": ("string_value", STRINGS),
    "FileUploader": ("file_uploader_state_value", [["x"], ["../../etc/passwd"], ["0"] * 5000]),
}  # fmt: skip


def _forgeable(page: Page) -> dict[str, tuple[str, Sequence]]:
    """The widgets of a page by their labels, each with the kind of its value and values to forge."""
    kinds = {
        label: "SelectSlider" if isinstance(e, Slider) and e.type == Slider.SELECT_SLIDER else type(e).__name__
        for label, e in page.elements.items()
    }
    return {label: FORGED[kind] for label, kind in kinds.items() if kind in FORGED}


def _forge(page: Page, told: Counter, forged: Collection[str] = ()) -> Collection[str]:
    """Every value in every widget, but those `forged` already: the page is drawn all the same. -> the labels of all
    widgets."""
    widgets = _forgeable(page)
    left = {label: (kind, list(values)) for label, (kind, values) in widgets.items() if label not in forged}
    whole = [label for label in left if _whole(page.elements[label])]
    for label in whole:
        left[label] = (left[label][0], [number for number in NUMBERS if math.isfinite(number)])
    for number in [number for number in NUMBERS if whole and not math.isfinite(number)]:
        other = Page(page.who, page.name)  # Streamlit itself has a red box for numbers that are none, and keeps it
        other.run(**{label: (left[label][0], number) for label in whole})
        other.close()
    while left := {label: (kind, values) for label, (kind, values) in left.items() if values}:
        chosen = {label: (kind, values[0]) for label, (kind, values) in left.items()}
        shown = page.run(**chosen)
        if red := re.search("^exception:.*", shown, re.MULTILINE):
            raise Fell(f"one of {str(chosen)[:400]} draws a red box: {red[0][:200]}")
        for label in page.drawn & chosen.keys() or chosen:  # others are not there because of these, and come again
            del left[label][1][0]
            told["forged"] += 1
        for label in chosen:
            del page.values[label]
    return widgets.keys()


def _whole(widget: object) -> bool:
    return isinstance(widget, NumberInput) and widget.data_type == NumberInput.INT


@attack("17", quick=True)
def forged_values_of_widgets(me: Stranger) -> str:
    """On the Train page: numbers far out of their bounds, choices that are not offered, files that were not uploaded,
    as if by the page's own widgets: the page goes on, and no run asks for more than is allowed."""
    me.http.get("/", headers={"Accept": "text/html"})
    page, told = Page(me, "train"), Counter()
    with me.studio.answering(5):
        forged = _forge(page, told)
        page.run(Where_from=("string_array_value", ["My files"]))
        if "Files" not in page.elements:
            raise Fell("no files can be uploaded")
        _forge(page, told, forged)
        page.values.clear()
        page.run()
        million = {label: (kind, 1e6) for label, (kind, _) in _forgeable(page).items() if kind == "double_value"}
        while million:  # all that are refused at once; what is not, by itself
            shown = page.run("Check the images", **million)
            page.values.clear()
            with identity.asking(me.name):
                for run in lifecycle.all_runs():
                    if "1000000" in json.dumps(run.config):
                        raise Fell(f"a run with a million for one of {list(million)} was made")
                    with contextlib.suppress(psutil.Error, KeyError):
                        psutil.Process(run.state["pid"]).kill()
                    told["run with another value"] += 1
                    lifecycle.remove(run)
                    page.run()
            refused = [label for label in million if f"{label} is 1000000" in shown.replace("\\", "")]
            told["refused"] += len(refused)
            for label in refused or list(million):
                del million[label]
    page.close()
    return f"{dict(told)}"


@attack("17")
def forged_values_on_other_pages(me: Stranger) -> str:
    """The same on the Generate page, where a value makes pictures at once, and on the Models page: no more than
    allowed, memory stays."""
    told = Counter()
    with me.studio.memory_within(600e6), me.studio.answering(6):
        for name in ("generate", "models"):
            page = Page(me, name)
            _forge(page, told)
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
