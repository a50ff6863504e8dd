"""Repositories made to do harm: small files that ask for much memory or time, names and words that want to be code, and
many visitors who fetch at once. What they cost is measured in a process of its own, or on a real server."""

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile

import pytest
import torch
from local_hub import LocalHub
from safetensors.torch import save
from studio import ROOT
from test_load import Cryptopunks, lively, saved
from torch import nn

from core.gan import cost, generator
from core.gan.networks import Discriminator, Generator

OURS = {"method": "dcgan", "size": 16, "channels": 3, "latent": 8, "width": 4, "norm": "batch"}
NET = lively(Generator(**OURS))
JUDGE = {"method": "dcgan", "size": 16, "channels": 3, "width": 4, "norm": "none"}


def ours(config: dict | str, **files: bytes) -> dict[str, bytes]:
    """A repository of Ganvas' own layout, with this configuration."""
    text = config if isinstance(config, str) else json.dumps(OURS | config)
    return {"model.safetensors": save(NET.state_dict()), "config.json": text.encode(), **files}


def chain(*shapes: tuple[int, ...]) -> dict[str, bytes]:
    """Layers of these shapes, one behind the other."""
    return {"model.safetensors": save({f"l{i:02d}.weight": torch.full(s, 0.1) for i, s in enumerate(shapes)})}


def judged(config: dict, tensors: dict[str, torch.Tensor]) -> dict[str, bytes]:
    return ours({}, **{"discriminator.safetensors": save(tensors, {"config": json.dumps(config)})})


# ---------------------------------------------------------------- pickles, written by hand


def text(value: bytes) -> bytes:
    return b"X" + len(value).to_bytes(4, "little") + value


def number(value: int) -> bytes:
    return b"\x8a\x08" + value.to_bytes(8, "little", signed=True)


def tensor(numbers: int, size: list[int], stride: list[int], where: bytes = b"cpu", offset: int = 0) -> bytes:
    """The instructions for a view of storage "0", which is said to have so many numbers."""
    storage = b"(" + text(b"storage") + b"ctorch\nFloatStorage\n" + text(b"0") + text(where) + number(numbers) + b"tQ"
    shape = b"(" + b"".join(map(number, size)) + b"t(" + b"".join(map(number, stride)) + b"t"
    hooks = b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset) + shape + hooks + b"tR"


def program(body: bytes) -> dict[str, bytes]:
    """A .pth of one storage of four numbers, whose instructions end with what `body` puts there."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in (("data.pkl", b"\x80\x02" + body + b"."), ("version", b"3\n"), ("data/0", bytes(16))):
            archive.writestr(f"archive/{name}", data)
    return {"generator.pth": file.getvalue()}


def entry(value: bytes) -> bytes:
    return b"}" + text(b"x") + value + b"s"


ORDERED = b"ccollections\nOrderedDict\n"
PAIRS = b"](" + b"".join(b"K\0K\0\x86" for _ in range(60_000)) + b"eq\0"
OLD = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)  # how torch began a file

HOSTILE = {
    **{f"width {w}": ours({"width": w}) for w in (1500, 60_000, 2**40, 10**4000, -1, 0, True, 1e308, "4", [4], None)},
    **{f"size {s}": ours({"size": s}) for s in (1024, 65_536, 2**62, 5, 20, 1, 0.5)},
    "latent": ours({"latent": 10**8}), "channels": ours({"channels": 60_000}), "method": ours({"method": "x" * 90_000}),
    "connected": ours({"method": "connected", "width": 60_000}), "norm": ours({"norm": {"batch": 1}}),
    "wide activations": chain((8, 4, 4, 4), (4, 4, 4, 4), (4, 2, 4, 4), (2, 1, 4, 4), (1, 1, 4, 4), (1, 1, 4, 4),
                              (1, 8, 4, 4), (9000, 8, 1, 1), (3, 9000, 1, 1)),
    "large kernel": chain((8, 4, 4, 4), (4, 4, 4, 4), (4, 4, 4, 4), (4, 4, 4, 4), (4, 4, 301, 301), (3, 4, 1, 1)),
    "endless sums": chain((8, 90, 4, 4), *[(90, 90, 4, 4)] * 7, (90, 90, 15, 15), (3, 90, 1, 1)),
    "many strides": chain(*[(3, 3, 3, 3)] * 12) | {"config.json": b'{"image_size": 499}'},
    "no numbers": {"model.safetensors": save({"a.weight": torch.zeros(8, 0, 4, 4), "b.weight": torch.zeros(0, 3, 4, 4)})},
    "biases that do not fit": {"model.safetensors": save({**NET.state_dict(), "layers.0.bias": torch.zeros(3)})},
    "norm without its half": {"model.safetensors": save(
        {k: v for k, v in NET.state_dict().items() if not k.endswith("running_var")})},
    "many tensors": {"model.safetensors": save({f"{i}.weight": torch.zeros(1, 1) for i in range(30_000)})},
    "grown view": program(entry(tensor(4, [10**10], [1]))),
    "grown storage": program(entry(tensor(10**10, [10**10], [1]))),
    "storage elsewhere": program(entry(tensor(10**10, [10**10], [1], b"meta"))),
    "expanded": program(entry(tensor(4, [10**10], [0]))),
    "folded": program(entry(tensor(4, [10**5, 10**5], [0, 0]))),
    "behind the end": program(entry(tensor(4, [4], [1], offset=10**9))),
    "backwards": program(entry(tensor(4, [4], [-1], offset=3))),
    "dimensions": program(entry(tensor(4, [1] * 100_000, [1] * 100_000))),
    "a million keys": program(b"}(" + b"".join(number(i) + b"N" for i in range(600_000)) + b"u"),
    "a million lists": program(b"}(" + b"]]" * 1_000_000 + b"u"),
    "copies of a list": program(b"}(" + PAIRS + b"".join(number(i) + ORDERED + b"h\0\x85R" for i in range(9000)) + b"u"),
    "copies of attributes": program(b"}(" + PAIRS + b"".join(
        number(i) + ORDERED + b")R}(" + b"".join(number(j) + b"N" for j in range(20)) + b"ub" for i in range(2000)) + b"u"),
    "copies of sizes": program(b"}(" + PAIRS + b"".join(number(i) + b"ctorch\nSize\nh\0\x85R" for i in range(9000)) + b"u"),
    "place in the memo": program(b"}r\xff\xff\xff\x7f"),
    "length of a text": program(b"}\x8d" + (2**40).to_bytes(8, "little")),
    "old, a million lists": {"generator.pth": OLD + b"\x80\x02}(" + b"]]" * 5_000_000 + b"u."},
    "old, grown storage": {"generator.pth": OLD + b"\x80\x02" + entry(tensor(10**10, [10**10], [1])) + b"."
                           + pickle.dumps(["0"], 2) + bytes(100)},
}  # fmt: skip
# What others wrote around a sound generator does not keep it from being sampled, and costs nothing.
SOUND = {
    "nested a million deep": ours("[" * 99_000), "nested objects": ours('{"a":' * 15_000), "not a number": ours("NaN"),
    "twice": ours(json.dumps(OURS)[:-1] + ', "width": 1500}'), "long text": ours(json.dumps({"x": "y" * 99_000})),
    "list of layers": ours(json.dumps({"layers": [{"inputs": 10**9}] * 2000})), "long": ours(" " * 10**7),
    "size that is none": ours(json.dumps({"image_size": 10**4000, "size": True, "resolution": [64]})),
    "a judge of other pictures": judged(JUDGE | {"size": 32}, Discriminator(**JUDGE | {"size": 32}).state_dict()),
    "a judge that lies": judged(JUDGE | {"width": 3000}, Discriminator(**JUDGE).state_dict()),
    "a huge judge": judged(JUDGE | {"size": 2**15}, Discriminator(**JUDGE).state_dict()),
    "a nested judge": ours({}, **{"discriminator.safetensors": save({"x": torch.zeros(1)}, {"config": "[" * 10**6})}),
    "a long card": ours({}, **{"README.md": b"x" * 10_000_000}),
}

FETCHING = """
import json, resource, sys, time
from core import visitors, weights
from core.errors import UserError
from core.gan import load
with visitors.asking("a" * 64):
    for repo in sys.argv[1:]:
        began, words, before = time.monotonic(), "", len(weights.cache_entries())
        try:
            load.open_generator(load.fetch(repo))
        except UserError as error:
            words = str(error)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        more = len(weights.cache_entries()) - before
        print(json.dumps([words, time.monotonic() - began, peak, more]), flush=True)
"""


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    """Case -> what was said, seconds, peak of memory in bytes above that of a harmless one, files kept."""
    home = tmp_path_factory.mktemp("hostile")
    with LocalHub() as hub:
        cases = {"harmless": {"generator.pth": saved(lively(Cryptopunks()).state_dict())}, **HOSTILE, **SOUND}
        for index, files in enumerate(cases.values()):
            hub.add(f"x/r{index}", files)
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


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_repository_is_refused_soon_and_small(fetched, case):
    words, seconds, memory, kept = fetched[case]
    assert words
    assert "\n" not in words
    assert len(words) < 400
    assert seconds < 6
    assert memory < 250e6
    assert kept == 0


@pytest.mark.parametrize("case", SOUND)
def test_what_stands_beside_a_sound_generator_does_no_harm(fetched, case):
    words, seconds, memory, kept = fetched[case]
    assert not words
    assert seconds < 6
    assert memory < 250e6
    assert kept == 1


# ---------------------------------------------------------------- told before


def test_what_a_network_takes_is_told_before_it_is_made():
    def planned(width):
        return generator.planned(Generator, OURS | {"size": 64, "width": width, "channels": 3, "latent": 100})

    told, made = cost.of(planned(16), 100)
    real = Generator(**OURS | {"size": 64, "width": 16, "latent": 100})
    numbers = sum(value.numel() for value in real.state_dict().values())
    # The widest place is the last layer: 16 maps of 32 x 32 px go in, 3 of 64 x 64 come out.
    assert told.size == 4 * (cost.COPIES * numbers + cost.BLOCK * (2 * 16 * 32 * 32))
    layers = [layer for layer in real.layers if isinstance(layer, nn.ConvTranspose2d)]
    assert told.sums == sum(layer.weight.numel() * side**2 for layer, side in zip(layers, (1, 4, 8, 16, 32), strict=True))
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
