"""Repositories made to do harm: small files that ask for much memory or time, names and words that want to be code, and
many visitors who fetch at once. What they cost is measured in a process of its own, or on a real server."""

import dataclasses
import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
import torch
from playwright.sync_api import expect
from safetensors.torch import save
from torch import nn

from core import files
from core.errors import UserError
from core.gan.methods.dcgan import Discriminator, Generator
from core.gan.zoo import catalogue, cost, load, model_folder
from core.hub import cache, client, download, fetches
from core.runs import lifecycle, run_folder, states
from core.visitors import identity, policy
from support.chromium import settled
from support.finished import finished_run
from support.foreign_networks import Cryptopunks, lively, saved
from support.local_hub import LocalHub
from support.pickles import entry, number, program, tensor
from support.studio import ROOT, process_at, serving
from support.waiting import PATIENCE
from ui import telling

OURS = {"method": "dcgan", "size": 16, "channels": 3, "latent": 8, "width": 4, "norm": "batch"}
NET = lively(Generator(**OURS))
JUDGE = {"method": "dcgan", "size": 16, "channels": 3, "width": 4, "norm": "none"}


def ours(config: dict | str, **files: bytes) -> dict[str, bytes]:
    """A repository of Ganvas' own layout, with this configuration."""
    text = config if isinstance(config, str) else json.dumps(OURS | config)
    return {"model.safetensors": save(NET.state_dict()), "config.json": text.encode(), **files}


def within(parts: str) -> dict[str, torch.Tensor]:
    """The tensors of four layers whose names begin so."""
    shapes = ((64, 100), (64, 64), (64, 64), (784, 64))
    return {f"{parts}{i}.{leaf}": torch.randn(*shape) for i, whole in enumerate(shapes)
            for leaf, shape in (("weight", whole), ("bias", whole[:1]))}  # fmt: skip


def chain(*shapes: tuple[int, ...]) -> dict[str, bytes]:
    """Layers of these shapes, one behind the other."""
    return {"model.safetensors": save({f"l{i:02d}.weight": torch.full(s, 0.1) for i, s in enumerate(shapes)})}


def normed(width: int) -> dict[str, bytes]:
    """A DCGAN of 64 px whose norms remember what never was: all ways to read it are tried."""
    sides = [(100, width, 4, 4), *[(width, width, 4, 4)] * 3, (width, 3, 4, 4)]
    tensors = {f"l{i}.weight": torch.randn(s) * 0.05 for i, s in enumerate(sides)}
    for i in range(4):
        leaves = {"weight": 1.0, "bias": 0.0, "running_mean": 9.0, "running_var": 50.0}
        tensors |= {f"l{i}_norm.{leaf}": torch.full((width,), value) for leaf, value in leaves.items()}
    return {"model.safetensors": save(tensors)}


def judged(config: dict, tensors: dict[str, torch.Tensor]) -> dict[str, bytes]:
    return ours({}, **{"discriminator.safetensors": save(tensors, {"config": json.dumps(config)})})


ORDERED = b"ccollections\nOrderedDict\n"
PAIRS = b"](" + b"".join(b"K\0K\0\x86" for _ in range(60_000)) + b"eq\0"
OLD = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)  # how torch began a file

# What takes a while to make is made where it is asked for.
HOSTILE: dict[str, dict[str, bytes] | Callable[[], dict[str, bytes]]] = {
    **{f"width {w}": ours({"width": w}) for w in (1500, 60_000, 2**40, 10**4000, -1, 0, True, 1e308, "4", [4], None)},
    **{f"size {s}": ours({"size": s}) for s in (1024, 65_536, 2**62, 5, 20, 1, 0.5)},
    "latent": ours({"latent": 10**8}), "channels": ours({"channels": 60_000}), "method": ours({"method": "x" * 90_000}),
    "connected": ours({"method": "connected", "width": 60_000}), "norm": ours({"norm": {"batch": 1}}),
    "wide activations": chain((8, 4, 4, 4), (4, 4, 4, 4), (4, 2, 4, 4), (2, 1, 4, 4), (1, 1, 4, 4), (1, 1, 4, 4),
                              (1, 8, 4, 4), (9000, 8, 1, 1), (3, 9000, 1, 1)),
    "large kernel": chain((8, 4, 4, 4), (4, 4, 4, 4), (4, 4, 4, 4), (4, 4, 4, 4), (4, 4, 301, 301), (3, 4, 1, 1)),
    "endless sums": lambda: chain((8, 90, 4, 4), *[(90, 90, 4, 4)] * 7, (90, 90, 15, 15), (3, 90, 1, 1)),
    "many strides": chain(*[(3, 3, 3, 3)] * 12) | {"config.json": b'{"image_size": 499}'},
    "a judge read backwards": chain((64, 3, 4, 4), (128, 64, 4, 4), (1, 128, 4, 4)),
    "norms that fit nothing": lambda: normed(128),
    "no numbers": {"model.safetensors": save(
        {"a.weight": torch.zeros(8, 0, 4, 4), "b.weight": torch.zeros(0, 3, 4, 4)})},
    "biases that do not fit": {"model.safetensors": save({**NET.state_dict(), "layers.0.bias": torch.zeros(3)})},
    "norm without its half": {"model.safetensors": save(
        {k: v for k, v in NET.state_dict().items() if not k.endswith("running_var")})},
    "many tensors": lambda: {"model.safetensors": save({f"{i}.weight": torch.zeros(1, 1) for i in range(30_000)})},
    "grown view": program(entry(tensor(4, [10**10], [1]))),
    "grown storage": program(entry(tensor(10**10, [10**10], [1]))),
    "storage elsewhere": program(entry(tensor(10**10, [10**10], [1], b"meta"))),
    "expanded": program(entry(tensor(4, [10**10], [0]))),
    "folded": program(entry(tensor(4, [10**5, 10**5], [0, 0]))),
    "behind the end": program(entry(tensor(4, [4], [1], offset=10**9))),
    "backwards": program(entry(tensor(4, [4], [-1], offset=3))),
    "dimensions": lambda: program(entry(tensor(4, [1] * 100_000, [1] * 100_000))),
    "a million keys": lambda: program(b"}(" + b"".join(number(i) + b"N" for i in range(600_000)) + b"u"),
    "a million lists": lambda: program(b"}(" + b"]]" * 1_000_000 + b"u"),
    "copies of a list": lambda: program(
        b"}(" + PAIRS + b"".join(number(i) + ORDERED + b"h\0\x85R" for i in range(9000)) + b"u"),
    "copies of attributes": lambda: program(b"}(" + PAIRS + b"".join(
        number(i) + ORDERED + b")R}(" + b"".join(number(j) + b"N" for j in range(20)) + b"ub"
        for i in range(2000)) + b"u"),
    "copies of sizes": lambda: program(
        b"}(" + PAIRS + b"".join(number(i) + b"ctorch\nSize\nh\0\x85R" for i in range(9000)) + b"u"),
    "place in the memo": program(b"}r\xff\xff\xff\x7f"),
    "length of a text": program(b"}\x8d" + (2**40).to_bytes(8, "little")),
    "old, a million lists": lambda: {"generator.pth": OLD + b"\x80\x02}(" + b"]]" * 5_000_000 + b"u."},
    "old, grown storage": {"generator.pth": OLD + b"\x80\x02" + entry(tensor(10**10, [10**10], [1])) + b"."
                           + pickle.dumps(["0"], 2) + bytes(100)},
}  # fmt: skip
# What others wrote around a sound generator does not keep it from being sampled, and costs nothing.
SOUND = {
    "parts within parts": lambda: {"generator.pth": saved(within("a." * 30_000))},
    "nested a million deep": ours("[" * 99_000),
    "nested objects": ours('{"a":' * 15_000),
    "not a number": ours("NaN"),
    "twice": ours(json.dumps(OURS)[:-1] + ', "width": 1500}'),
    "long text": ours(json.dumps({"x": "y" * 99_000})),
    "list of layers": ours(json.dumps({"layers": [{"inputs": 10**9}] * 2000})),
    "long": lambda: ours(" " * 10**7),
    "size that is none": ours(json.dumps({"image_size": 10**4000, "size": True, "resolution": [64]})),
    "a judge of other pictures": judged(JUDGE | {"size": 32}, Discriminator(**JUDGE | {"size": 32}).state_dict()),
    "a judge that lies": judged(JUDGE | {"width": 3000}, Discriminator(**JUDGE).state_dict()),
    "a huge judge": judged(JUDGE | {"size": 2**15}, Discriminator(**JUDGE).state_dict()),
    "a nested judge": lambda: ours(
        {}, **{"discriminator.safetensors": save({"x": torch.zeros(1)}, {"config": "[" * 10**6})}
    ),
    "a long card": lambda: ours({}, **{"README.md": b"x" * 10_000_000}),
}


def made(files: dict[str, bytes] | Callable[[], dict[str, bytes]]) -> dict[str, bytes]:
    return files() if callable(files) else files


FETCHING = """
import json, resource, sys, time
from core.visitors import identity
from core.hub import cache
from core.errors import UserError
from core.gan.zoo import load
with identity.asking("a" * 64):
    for repo in sys.argv[1:]:
        began, words, before = time.process_time(), "", len(cache.entries())
        try:
            load.open_generator(load.fetch(repo))
        except UserError as error:
            words = str(error)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        more = len(cache.entries()) - before
        print(json.dumps([words, time.process_time() - began, peak, more]), flush=True)
"""


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    """Case -> what was said, processor seconds, peak of memory in bytes above a harmless one, files kept."""
    home = tmp_path_factory.mktemp("hostile")
    with LocalHub() as hub:
        cases = {"harmless": {"generator.pth": saved(lively(Cryptopunks()).state_dict())}, **HOSTILE, **SOUND}
        for index, files in enumerate(cases.values()):
            hub.add(f"x/r{index}", made(files))
        places = {"GANVAS_HOME": str(home / "runs"), "GANVAS_CACHE": str(home / "cache"), "HF_HOME": str(home / "hf")}
        done = subprocess.run(
            [sys.executable, "-c", FETCHING, *(f"x/r{index}" for index in range(len(cases)))], cwd=ROOT, check=False,
            capture_output=True, text=True, env={**os.environ, **places, "HF_ENDPOINT": hub.url, "GANVAS_PUBLIC": "1"},
        )  # fmt: skip
        hub_read = {seen.path.rpartition("/")[2] for seen in hub.reads()}
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(cases), f"{list(cases)[len(lines)]}:\n{done.stderr[-2000:]}"
    assert "README.md" not in hub_read
    base = lines[0][2]
    return {case: (words, seconds, peak - base, kept)
            for case, (words, seconds, peak, kept) in zip(cases, lines, strict=True)}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_repository_is_refused_soon_and_small(fetched, case):
    words, seconds, memory, kept = fetched[case]
    assert words
    assert "\n" not in words
    assert len(words) < 400
    assert seconds < 6
    assert memory < 250e6
    assert kept == 0


@pytest.mark.slow
@pytest.mark.parametrize("case", SOUND)
def test_what_stands_beside_a_sound_generator_does_no_harm(fetched, case):
    words, seconds, memory, kept = fetched[case]
    assert not words
    assert seconds < 6
    assert memory < 250e6
    assert kept == 1


# ---------------------------------------------------------------- told before


@pytest.mark.slow
def test_what_a_network_takes_is_told_before_it_is_made():
    def planned(width):
        return model_folder.planned_generator(OURS | {"size": 64, "width": width, "channels": 3, "latent": 100})

    told, made = cost.of(planned(16), 100)
    real = Generator(**OURS | {"size": 64, "width": 16, "latent": 100})
    numbers = sum(value.numel() for value in real.state_dict().values())
    # The widest place is the last layer: 16 maps of 32 x 32 px go in, 3 of 64 x 64 come out.
    assert told.size == 4 * (cost.COPIES * numbers + cost.BLOCK * (2 * 16 * 32 * 32))
    layers = [layer for layer in real.layers if isinstance(layer, nn.ConvTranspose2d)]
    assert told.sums == sum(
        layer.weight.numel() * side**2 for layer, side in zip(layers, (1, 4, 8, 16, 32), strict=True)
    )
    assert made == (3, 64, 64)
    assert cost.of(planned(60_000), 100)[0].size > 10**13


def test_the_owner_of_a_computer_may_use_all_its_memory(monkeypatch):
    monkeypatch.setattr(cost.device, "free_memory", lambda _: 10**9)
    cost.check(cost.Cost(9 * 10**8, 10**11), "It")
    with pytest.raises(cost.UserError, match=r"would take 2\.0 GB of memory .* 1\.0 GB for it here"):
        cost.check(cost.Cost(2 * 10**9, 1), "It")
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    with pytest.raises(cost.UserError, match="600 MB for it here"):
        cost.check(cost.Cost(9 * 10**8, 1), "It")
    with pytest.raises(cost.UserError, match="sums for one picture"):
        cost.check(cost.Cost(10**6, 10**11), "It")


# ---------------------------------------------------------------- names


EVIL = (
    "![x](http://evil.example/x.png)<img src=//evil.example/y.png onerror=stolen=1> https://evil.example/a "
    "www.evil.example"
)
ODD_NAMES = [
    "../../x.pth", "/etc/x.pth", "a//x.pth", "a/./x.pth", "a\\x.pth", "x" * 250 + ".pth", "x/" * 120 + "x.pth",
    "nul\0l.pth",
    "two\nlines.pth", "\u202ehtp.pth", "\ud800.pth", "a:b.pth", " x.pth", "a /x.pth", "日" * 80 + ".pth", "a..b.pth",
]  # fmt: skip


SMALL = saved(nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 64), nn.Tanh()).state_dict())


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_hostile_file_name_is_a_sentence(local_hub, name):
    local_hub.add("x/odd", {name: b"x"})
    local_hub.add("x/both", {name: b"x", "generator.pth": SMALL})
    with pytest.raises(UserError, match="its owner can rename them") as refusal:
        load.fetch("x/odd")
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 250
    with pytest.raises(UserError):
        load.fetch(f"hub:x/odd@{local_hub.repos['x/odd'].head}:{name}")
    assert load.fetch("x/both").endswith(":generator.pth")


def test_every_name_that_is_read_can_be_asked_for():
    for name in ("a/blob/x/g.pth", "g=1.pth", "a b.pth", "日本.pth", "net@2.pth", "e'\"<i>.pth"):
        assert client.nameable(name)
        ref = catalogue.HubRef("x/y", "1" * 40, name)
        assert catalogue.hub_ref(str(ref)) == ref


def test_an_endless_list_of_files_is_not_taken_in(local_hub, monkeypatch):
    local_hub.add("x/many", {f"file-{i}": b"" for i in range(2000)})
    monkeypatch.setattr(client, "MAX_LISTING", 100_000)
    with pytest.raises(UserError, match="more files than Ganvas looks through"):
        client.list_repo("x/many")


def test_a_list_of_files_that_drips_is_given_up(local_hub, monkeypatch):
    local_hub.add("x/drip", {"generator.pth": b""})
    local_hub.fail("x/drip", "", "drip", pause=0.02)
    monkeypatch.setattr(client, "LISTING_SECONDS", 0.2)
    with pytest.raises(UserError, match="stopped answering about x/drip"):
        client.list_repo("x/drip")


@pytest.mark.server
def test_words_stay_words_in_a_browser(browser, tmp_path):
    """Names of files and tensors, of runs and what is said of them, on every page that shows them; and addresses."""
    run = finished_run()
    lifecycle.rename(run, EVIL[: run_folder.MAX_NAME])
    run_folder.write_state(run, status=states.FAILED, step=20, message=f"{EVIL} [x](javascript:alert(1))")
    with LocalHub() as local:
        local.add("x/odd", {f"{EVIL}.pth": b"x"})
        tensors = save({f"{EVIL[:31]}.weight": torch.zeros(4), f"{EVIL[-16:]}.x": torch.zeros(1)})
        local.add("x/tensors", {"a ![x](http)<b> www.evil.example.safetensors".replace(":", ""): tensors})
        with serving(tmp_path, env={"HF_ENDPOINT": local.url, "GANVAS_HOME": str(files.home())}) as address:
            page = browser.new_page()
            asked, said = [], []
            page.on("request", lambda request: asked.append(request.url))
            page.on("dialog", lambda dialog: pytest.fail(dialog.message))

            def look() -> None:
                said.extend(page.get_by_test_id("stAlert").all_inner_texts())
                assert page.evaluate("window.stolen") is None
                assert page.locator("[href*=evil], [src*=evil], a[href^=javascript]").count() == 0

            markup = "<img src=x onerror=stolen=1>"
            for where in (f"train?run={run.id}", f"generate?{markup}", f"style/?photo={markup}", "models"):
                page.goto(f"{address}/{where}")
                if where.startswith("style"):
                    expect(page.locator("h1").first).to_be_visible()
                else:
                    settled(page)
                page.wait_for_timeout(300)  # in which a picture that is not there would tell so
                look()
            for repo in ("x/odd", "x/tensors"):
                page.get_by_label("Any repository on the Hub").fill(repo)
                page.get_by_role("button", name="Show its files").click()
                if repo == "x/tensors":
                    page.get_by_role("button", name="and open").click()
                expect(page.get_by_test_id("stAlert")).to_contain_text(repo)
                settled(page)
                look()
            page.close()
    assert not [url for url in asked if "evil" in url.split("/")[2]]
    plain = [words.replace(telling.JOINER, "") for words in said]
    assert any(EVIL in words for words in plain), "the message is shown, as it was written"
    assert any("![x](http" in words and "x/odd" in words for words in plain)
    assert any("has a tensor" in words or "has a layer" in words for words in plain)


def test_what_is_said_keeps_its_letters():
    words = "1. a_b *c* [d](e) ~f~ :material/home: $g$ & <h> http://i.example www.j.example k@l.example"
    assert telling.plain(words).replace(telling.JOINER, "").replace("\\", "") == words
    ours = f"{client.endpoint()}/settings/tokens"
    assert telling.plain(f"make one at {ours}.") == f"make one at {ours}."


# ---------------------------------------------------------------- many at once


@pytest.fixture
def limited(monkeypatch):
    """Public mode with other limits: limited(fetches=1)."""
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    return lambda **limits: monkeypatch.setattr(policy, "PUBLIC", dataclasses.replace(policy.PUBLIC, **limits))


def visitor(number: int) -> str:
    return f"{number:064x}"


class Slow:
    """Work that goes on until it is let go, and counts how often it was begun."""

    def __init__(self):
        self.begun, self.ended = [], []
        self.go = threading.Event()
        self.began = threading.Semaphore(0)

    def __call__(self, key):
        def work(progress):
            self.begun.append(key)
            self.began.release()
            try:
                while not self.go.wait(0.01):
                    progress(1, 2)
                progress(2, 2)
                return key
            finally:
                self.ended.append(key)

        return work

    def asked(self, number, key, progress=None):
        with identity.asking(visitor(number)):
            return fetches.shared(key, self(key), progress)


def test_the_same_thing_is_fetched_once_for_all(limited):
    limited(fetches_all=4)
    slow, seen = Slow(), []
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(slow.asked, n, "a", lambda done, of: seen.append((done, of))) for n in range(20)]
        while sum(fetches._askers.values()) < 20 or not seen:
            slow.go.wait(0.01)
        slow.go.set()
        assert {one.result() for one in asked} == {"a"}
    assert slow.begun == ["a"]
    assert {(1, 2), (2, 2)} == set(seen)
    assert not fetches._askers
    assert not fetches._fetches


def test_one_visitor_and_all_together_fetch_few_things_at_once(limited, monkeypatch):
    limited(fetches=2, fetches_all=3)
    monkeypatch.setattr(fetches, "PATIENCE", 0.2)
    slow = Slow()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(slow.asked, *what) for what in ((1, "a"), (1, "b"))]
        [slow.began.acquire(timeout=PATIENCE) for _ in range(2)]
        with pytest.raises(UserError, match="2 fetches of yours"):
            slow.asked(1, "c")
        asked.append(pool.submit(slow.asked, 2, "c"))
        slow.began.acquire(timeout=PATIENCE)
        with pytest.raises(UserError, match="3 fetches of other visitors"):
            slow.asked(3, "d")
        asked.append(pool.submit(slow.asked, 3, "a"))  # under way already
        monkeypatch.setattr(fetches, "PATIENCE", 20.0)
        asked.append(pool.submit(slow.asked, 4, "d"))  # waits for its turn
        while sum(fetches._askers.values()) < 5 or fetches._fetches["a"].wanted < 2:
            slow.go.wait(0.01)
        slow.go.set()
        assert [one.result() for one in asked] == ["a", "b", "c", "a", "d"]
    assert sorted(slow.begun) == ["a", "b", "c", "d"]


def test_who_leaves_takes_nothing_from_others_and_what_nobody_wants_is_given_up(limited):
    limited()
    slow, gone = Slow(), threading.Event()

    class Left(Exception):
        pass

    def leaving(*_):
        if gone.is_set():
            raise Left

    with ThreadPoolExecutor(4) as pool:
        first, second = pool.submit(slow.asked, 1, "a", leaving), pool.submit(slow.asked, 2, "a")
        alone = pool.submit(slow.asked, 3, "b", leaving)
        [slow.began.acquire(timeout=PATIENCE) for _ in range(2)]
        gone.set()
        for left in (first, alone):
            with pytest.raises(Left):
                left.result()
        while "b" not in slow.ended:
            slow.go.wait(0.01)
        assert "a" not in slow.ended
        slow.go.set()
        assert second.result() == "a"


def test_one_address_begins_few_fetches_whatever_names_it_goes_by(limited, monkeypatch):
    limited(fetches=2, fetches_address=2, fetches_all=3)
    monkeypatch.setattr(fetches, "PATIENCE", 0.2)
    slow = Slow()

    def asked(number, address, account, key):
        with identity.asking(identity.Visitor(visitor(number), account, address)):
            return fetches.shared(key, slow(key))

    with ThreadPoolExecutor(8) as pool:
        many = [pool.submit(asked, n, "many", f"cookie {n}", f"{n}") for n in range(2)]
        [slow.began.acquire(timeout=PATIENCE) for _ in range(2)]
        with pytest.raises(UserError, match="from your network"):
            asked(2, "many", "cookie 2", "2")
        many.append(pool.submit(asked, 3, "one", "one", "3"))
        slow.began.acquire(timeout=PATIENCE)
        many.append(pool.submit(asked, 4, "nameless", "nameless", "0"))  # two made-up sessions, one account
        many.append(pool.submit(asked, 5, "nameless", "nameless", "1"))
        while fetches._askers["nameless"] < 2:
            slow.go.wait(0.01)
        with pytest.raises(UserError, match="2 fetches of yours"):
            asked(6, "nameless", "nameless", "0")
        slow.go.set()
        assert [one.result() for one in many] == ["0", "1", "3", "0", "1"]


def test_what_takes_too_long_gives_up_its_place(limited):
    """A Hub that says next to nothing, for ever: the place is free although the thread that waits for it goes on."""
    limited(fetches_all=1, fetch_seconds=0.3)
    stuck = threading.Event()
    with identity.asking(visitor(1)), pytest.raises(UserError, match="takes too long"):
        fetches.shared("a", lambda _: stuck.wait(PATIENCE))
    began = threading.Event()

    def left(*_) -> None:  # whoever asked is gone before it is over
        raise InterruptedError

    def work(progress) -> None:
        progress(1, 2)
        began.set()
        stuck.wait(PATIENCE)

    with identity.asking(visitor(1)), pytest.raises(InterruptedError):
        fetches.shared("b", work, left)
    assert began.wait(PATIENCE)
    with identity.asking(visitor(2)):
        assert fetches.shared("c", lambda _: "new") == "new"
    stuck.set()
    assert not fetches._fetches


def test_lists_of_files_are_asked_for_like_files(limited, local_hub):
    """Once for all who ask, and few at a time."""
    limited(fetches=1)
    local_hub.add("x/y", {"generator.pth": b""})
    local_hub.fail("x/y", "", "drip", pause=0.005)

    def listed(number):
        with identity.asking(visitor(number)):
            return download.listing("x/y").files[0].path

    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(listed, number) for number in range(3)]
        while sum(fetches._askers.values()) < 3 and not any(one.done() for one in asked):
            local_hub.over.wait(0.005)
        with pytest.raises(UserError, match="1 fetches of yours"):
            listed(0)
        assert {one.result() for one in asked} == {"generator.pth"}
    assert sum(seen.path.startswith("/api/models/x/y") for seen in local_hub.log) == 1


def test_a_fault_is_told_to_everybody(limited):
    limited()
    began, go = threading.Barrier(6), threading.Event()

    def broken(progress):
        go.wait(PATIENCE)
        raise UserError("It is broken.")

    def ask(number):
        began.wait(PATIENCE)
        with identity.asking(visitor(number)):
            fetches.shared("x", broken)

    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(ask, n) for n in range(5)]
        began.wait(PATIENCE)
        go.set()
        errors = [one.exception() for one in asked]
    assert {str(error) for error in errors} == {"It is broken."}
    assert len(set(map(id, errors))) == 5


@pytest.mark.slow
def test_many_fetch_one_file_of_the_hub(limited, local_hub):
    limited()
    local_hub.add("x/y", {"generator.pth": saved(lively(Cryptopunks()).state_dict())})

    def ask(number):
        with identity.asking(visitor(number)):
            return load.open_generator(load.fetch("x/y")).config["size"]

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(ask, range(12))) == {24}
    assert len([seen for seen in local_hub.reads() if seen.path.endswith("generator.pth")]) == 1


def test_the_cache_keeps_its_limit_however_many_write(limited):
    limited(cache_bytes=60_000)
    most = []

    def keep(number):
        try:
            cache.store_tensors(f"net{number}", {"x": np.zeros(2000)})
        except UserError as error:
            assert "are full" in str(error)  # noqa: PT017
            return 0
        finally:
            with cache._room:  # while nothing is renamed
                most.append(identity.size_of(cache.folder()))
        return 1

    with ThreadPoolExecutor(16) as pool:
        kept = sum(pool.map(keep, range(64)))
    assert max(most) <= 60_000
    assert kept == len(cache.entries()) == 3
    assert not cache._growing


def test_what_nobody_used_for_long_makes_room(limited):
    limited(cache_bytes=60_000)
    for i in range(3):
        os.utime(cache.store_tensors(f"old{i}", {"x": np.zeros(2000)}), (i + 1, i + 1))
    cache.store_tensors("new", {"x": np.zeros(2000)})
    assert {entry.name for entry in cache.entries()} == {"old1", "old2", "new"}
    with pytest.raises(UserError, match="are full"):
        cache.store_tensors("huge", {"x": np.zeros(9000)})
    assert {entry.name for entry in cache.entries()} == {"old1", "old2", "new"}


# ---------------------------------------------------------------- through the server


def api(address: str, generator: str) -> str:
    """What the API's /sample answers to a visitor of its own: the stream of events."""
    with httpx.Client(base_url=address, timeout=PATIENCE) as client:
        client.get("/", headers={"Accept": "text/html"})  # which brings a cookie
        call = client.post("/style/gradio_api/call/sample", json={"data": [generator, 0, 1, 1.0, True, False, None]})
        if call.status_code != 200:
            return call.text
        return client.get(f"/style/gradio_api/call/sample/{call.json()['event_id']}").text


@pytest.mark.server
def test_a_public_server_stays_small_and_serves_beside_it(tmp_path):
    """Hostile repositories, many visitors at once, through the API of a real server; an honest one gets a picture."""
    cases = ["width 1500", "wide activations", "connected", "a million lists", "old, a million lists", "grown view"]
    with LocalHub() as local:
        for index, case in enumerate(cases):
            local.add(f"x/r{index}", made(HOSTILE[case]))
        local.add("x/good", {"generator.pth": saved(lively(Cryptopunks()).state_dict())})
        here = {"GANVAS_PUBLIC": "1", "HF_ENDPOINT": local.url, "GRADIO_TEMP_DIR": str(tmp_path / "gradio")}
        with serving(tmp_path, env=here) as address:
            server = process_at(address)
            assert "complete" in api(address, "portraits")  # the engine is there, with all its memory
            before, peak, over = server.memory_info().rss, [], threading.Event()

            def watch() -> None:
                while not over.wait(0.02):
                    peak.append(server.memory_info().rss)

            with ThreadPoolExecutor(9) as pool:
                pool.submit(watch)
                hostile = [pool.submit(api, address, f"x/r{index}") for index in range(len(cases))]
                honest = [pool.submit(api, address, "x/good") for _ in range(2)]
                answers = [one.result() for one in [*hostile, *honest]]
                over.set()
    assert ["complete" in answer for answer in answers] == [False] * len(cases) + [True] * 2
    assert len([seen for seen in local.reads() if seen.path.startswith("/x/good") and seen.path.endswith(".pth")]) == 1
    assert max(peak) - before < 600e6
    assert "Traceback" not in (tmp_path / "server.log").read_text()
