"""The universal loader: layouts that exist on the Hub, built with random weights, must come out as the same network."""

import io
import json
import os
import pickle
import pickletools
import re
import shutil
import time
import warnings
import zipfile

import pytest
import torch
from safetensors.torch import save
from torch import nn

from core.errors import UserError
from core.gan.methods import connected
from core.gan.zoo import catalogue, foreign, load, pickles
from core.gan.zoo.layers import Foreign
from core.hub import cache, client, registry
from support.foreign_networks import Cryptopunks, Tutorial, lively, saved, up
from support.local_hub import LocalHub
from support.pickles import text
from ui.generate import sample_api


def named(**modules):
    net = nn.Module()
    for name, module in modules.items():
        setattr(net, name, module)
    return net


class PreActivated(nn.Module):
    """xyfJASON/GANs-Implementations: norm and activation come first in each block."""

    def __init__(self):
        super().__init__()
        self.first_conv = up(12, 32, 4, 1, 0, bias=True)
        block = lambda a, b: nn.Sequential(nn.BatchNorm2d(a), nn.ReLU(), up(a, b, 4, 2, 1, bias=True))  # noqa: E731
        self.layers = nn.ModuleList([block(32, 16), block(16, 8)])
        self.last_conv = block(8, 3)

    def forward(self, z):
        x = self.first_conv(z[:, :, None, None])
        for layer in self.layers:
            x = layer(x)
        return self.last_conv(x).tanh()


class StudioGan(nn.Module):
    """PyTorch-StudioGAN's CIFAR10-DCGAN: linear, blocks, a convolution at the end."""

    def __init__(self):
        super().__init__()
        self.linear0 = nn.Linear(16, 32 * 16)
        block = lambda a, b: nn.ModuleList([named(deconv0=up(a, b, 4, 2, 1, bias=True), bn0=nn.BatchNorm2d(b))])  # noqa: E731
        self.blocks = nn.ModuleList([block(32, 16), block(16, 8), block(8, 4)])
        self.conv4 = nn.Conv2d(4, 3, 3, 1, 1)

    def forward(self, z):
        x = self.linear0(z).view(-1, 32, 4, 4)
        for (block,) in self.blocks:
            x = block.bn0(block.deconv0(x)).relu()
        return self.conv4(x).tanh()


class Lesson(nn.Module):
    """AI-For-Beginners, lesson 17: fully connected, MNIST."""

    def __init__(self):
        super().__init__()
        layers = []
        for a, b in ((10, 16), (16, 32), (32, 64)):
            layers += [nn.Linear(a, b), nn.BatchNorm1d(b), nn.LeakyReLU(0.2)]
        self.model = nn.Sequential(*layers, nn.Linear(64, 28 * 28), nn.Tanh())

    def forward(self, z):
        return self.model(z).view(-1, 1, 28, 28)


LAYOUTS = {
    "cryptopunks": (Cryptopunks, (4, 24)), "tutorial": (Tutorial, (1, 64)), "pre-activated": (PreActivated, (3, 32)),
    "studiogan": (StudioGan, (3, 32)), "lesson": (Lesson, (1, 28)),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "order"),
    [*(pytest.param(name, "as saved", marks=pytest.mark.slow if name in ("tutorial", "studiogan") else ())
       for name in LAYOUTS),
     pytest.param("studiogan", "sorted by name", marks=pytest.mark.slow), ("pre-activated", "sorted by name"),
     ("lesson", "data parallel")],
)  # fmt: skip
def test_a_layout_is_understood_and_its_pictures_are_the_same(name, order):
    build, (channels, size) = LAYOUTS[name]
    net = lively(build())
    state = net.state_dict()
    if order == "sorted by name":
        state = dict(sorted(state.items()))
    if order == "data parallel":
        state = {f"module.{key}": value for key, value in state.items()}
    read = foreign.read({"": state}, None, "x")
    found = read.network
    latents = torch.randn(3, found.config["latent"])
    assert (found.config["channels"], found.config["size"]) == (channels, size)
    assert f"{size} x {size} px" in read.said
    torch.testing.assert_close(found(latents), net(latents), rtol=0, atol=0)
    again = Foreign.from_config(json.loads(json.dumps(found.config)))
    again.load_state_dict(found.state_dict())
    torch.testing.assert_close(again.eval()(latents), net(latents), rtol=0, atol=0)


def test_the_size_beside_the_file_settles_the_strides():
    net = nn.Sequential(up(8, 12, 3, 1, 0), nn.ReLU(), up(12, 6, 4, 2, 1), nn.ReLU(), up(6, 3, 4, 2, 0), nn.Tanh())
    found = foreign.read({"": lively(net).state_dict()}, 14, "x").network
    latents = torch.randn(2, 8)
    torch.testing.assert_close(found(latents), net(latents[:, :, None, None]), rtol=0, atol=0)
    with pytest.raises(UserError, match="cannot make pictures of 15 px"):
        foreign.read({"": net.state_dict()}, 15, "x")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"label_emb.weight": torch.zeros(10, 12), **Cryptopunks().state_dict()}, "12 numbers wide"),
        ({"attention.gamma": torch.zeros(1), **Cryptopunks().state_dict()}, "attention.gamma"),
        ({"0.weight_orig": torch.zeros(4, 4)}, "weight_orig"),
        ({"a.weight": torch.zeros(8, 5, 4, 4), "b.weight": torch.zeros(7, 3, 4, 4)}, "do not fit together"),
        ({"a.weight": torch.zeros(8, 5, 4, 4)}, "1 layers"),
        ({**Cryptopunks().state_dict(), "norm.weight": torch.zeros(9)}, "'norm'"),
        ({k: v.to(torch.int8) for k, v in Cryptopunks().state_dict().items()}, "no plain numbers"),
        ({f"l{i}.weight": torch.zeros(64, 64, 4, 4) for i in range(12)}, "do not fit together"),
    ],
)
def test_what_is_not_understood_is_named(state, words):
    with pytest.raises(UserError, match=words):
        foreign.read({"": state}, None, "x")


# ---------------------------------------------------------------- files


def read(data: bytes, tmp_path):
    (tmp_path / "net.pth").write_bytes(data)
    return pickles.opened(pickles.read(tmp_path / "net.pth", "net.pth"), "net.pth")[0]


def dumped(whole, protocol=4) -> bytes:
    """As `pickle.dump` writes it: each tensor brings a little file of torch's along."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "TypedStorage is deprecated", UserWarning)
        return pickle.dumps(whole, protocol)


WRITTEN = {
    "zip": saved, "before 2020": lambda whole: saved(whole, _use_new_zipfile_serialization=False), "dumped": dumped,
    "dumped long ago": lambda whole: dumped(whole, 2),
}  # fmt: skip


@pytest.mark.parametrize("way", WRITTEN)
def test_a_file_of_tensors_is_read(tmp_path, way):
    net = Cryptopunks()
    whole = {
        "G": net.state_dict(),
        "D": {"x": torch.zeros(2)},
        "epoch": 3,
        "loss": 0.5,
        "w": nn.Parameter(torch.ones(2)),
    }
    found = read(WRITTEN[way](whole), tmp_path)
    assert list(found) == ["", "G", "D"]
    torch.testing.assert_close(found["G"], dict(net.state_dict()))


class Calls:
    """An object whose pickle calls something."""

    def __init__(self, what, *given):
        self.called = what, given

    def __reduce__(self):
        return self.called


def Harm():
    return Calls(os.system, "touch harmed")


@pytest.mark.parametrize("way", WRITTEN)
@pytest.mark.parametrize(
    ("thing", "words"),
    [
        ({"G": Harm()}, r"wants to call (posix|nt)\.system"),
        ({"x": Calls(eval, "open('harmed', 'w')")}, r"wants to call (__builtin__|builtins)\.eval"),
        ({"x": Calls(shutil.copy, "net.pth", "harmed")}, r"wants to call shutil\.copy"),
        ({"x": Calls(Calls, 1)}, r"wants to call .*Calls"),
        ({"x": bytearray(9)}, r"wants to call .*bytearray"),
        ([torch.zeros(2)], "holds a list"),
        ({"x": torch.zeros(1).expand(10**9)}, "claims to be larger"),
    ],
)
def test_a_pickle_that_wants_more_than_tensors_is_refused_by_name(tmp_path, monkeypatch, thing, words, way):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=words):
        read(WRITTEN[way](thing), tmp_path)
    assert not (tmp_path / "harmed").exists()


def test_newer_kinds_of_calls_are_refused_too(tmp_path):
    with pytest.raises(UserError, match="in a way weights never need"):
        read(saved({"G": Harm()}, pickle_protocol=4), tmp_path)


NUMBERS = next(arg for op, arg, _ in pickletools.genops(dumped(torch.zeros(64))) if op.name.endswith("BINBYTES"))


def storage(of: bytes) -> bytes:
    return b"ctorch.storage\n_load_from_bytes\n" + of + b"\x85R"


def bytes_(of: bytes) -> bytes:
    return b"B" + len(of).to_bytes(4, "little") + of


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x80\x02" + text(b"os") + text(b"system") + b"\x93" + text(b"touch harmed") + b"\x85R.", r"call os\.system"),
        (b"\x80\x02(" + text(b"touch harmed") + b"ios\nsystem\n.", "in a way weights never need"),
        (b"\x80\x05\x96" + (2**40).to_bytes(8, "little") + b".", "net.pth"),
        (b"\x80\x02" + storage(b"K\1") + b".", "damaged"),
        (b"\x80\x02" + storage(bytes_(saved({}))) + b".", "damaged"),
        (b"\x80\x02" + storage(bytes_(saved(Harm(), _use_new_zipfile_serialization=False))) + b".", r"call posix\.sys"),
        (b"\x80\x02" + storage(bytes_(NUMBERS[:-4])) + b".", "claims to be larger"),
        (b"\x80\x02" + bytes_(NUMBERS) + b"q\0]" + 2 * (storage(b"h\0") + b"a") + b".", "claims to be larger"),
    ],
)  # fmt: skip
def test_what_was_dumped_calls_nothing_and_makes_no_more_than_there_is(tmp_path, monkeypatch, data, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=words):
        read(data, tmp_path)
    assert not (tmp_path / "harmed").exists()


def test_bombs_and_broken_files_are_refused_in_words(tmp_path):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}, 2))
        archive.writestr("archive/data/0", bytes(50_000_000))
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("readme.txt", "hello")
    good = saved(Cryptopunks().state_dict())
    for data, words in (
        (bomb.getvalue(), "would unpack to 50 MB"), (other.getvalue(), "not a file of weights"),
        (good[: len(good) // 2], "net.pth"), (b"", "net.pth"), (b"<html>log in</html>", "net.pth"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=words):
            read(data, tmp_path)


def test_dictionaries_within_themselves_end(tmp_path):
    inner = {"t": torch.zeros(1)}
    for _ in range(6):
        inner = {f"k{i}": inner for i in range(100)}
    inner["self"] = inner
    assert len(pickles.opened(inner, "x")[0]) <= 1


# ---------------------------------------------------------------- from the Hub


def test_any_repository_is_fetched_once_understood_and_sampled(local_hub):
    net = lively(Cryptopunks())
    commit = local_hub.add("someone/punks", {"generator.pth": saved(net.state_dict()), "discriminator.pth": b"x" * 99})
    seen = []
    ref = load.fetch("someone/punks", lambda done, total: seen.append((done, total)))
    assert ref == f"hub:someone/punks@{commit}:generator.pth"
    assert seen[-1][0] == seen[-1][1] > 1000
    local_hub.close()  # from here on the Hub is gone
    loaded = load.open_generator(ref)
    assert re.fullmatch(
        r"10 latent numbers, 4 up-convolutions \(16, 8, 6 wide, no biases\), batch norm: 24 x 24 px, colour with "
        r"transparency\. What its batch norms remember proves: normal latents; ReLU; 24 px, "
        r"strides 1, 2, 2, 2 \(missed by 0\.0\d\)\. The file does not tell, so assumed: tanh\.",
        loaded.said,
    )
    latents = torch.randn(3, 10)
    torch.testing.assert_close(loaded.network(latents), net(latents), rtol=0, atol=0)
    assert [c.ref for c in load.catalogue.fetched()] == [ref]
    kept = [item.path for item in cache.entries()]
    assert [path.suffix for path in kept] == [".safetensors"]  # no pickle stays


def test_a_registered_generator_is_fetched_by_name(local_hub):
    entry = registry.entry("cryptopunks")
    local_hub.add(entry.repo, {entry.file: saved(lively(Cryptopunks()).state_dict())}, revision=entry.revision)
    assert load.fetch("cryptopunks") == "cryptopunks"
    assert cache.find("cryptopunks")
    assert load.open_generator("cryptopunks").title == "CryptoPunks"


def test_of_a_registered_generator_is_known_what_its_file_does_not_tell(local_hub):
    net = lively(PreActivated())
    net.last_conv[2].weight.mul_(20)  # so bold that it may as well end in a sigmoid
    entry, file = registry.entry("cifar10-gan"), saved({"G": net.state_dict()})
    local_hub.add(entry.repo, {entry.file: file}, revision=entry.revision)
    local_hub.add("x/bold", {"generator.pth": file})
    assert load.open_generator(load.fetch("x/bold")).readings
    assert not load.open_generator(load.fetch("cifar10-gan")).readings


@pytest.mark.slow
def test_a_checkpoint_of_many_parts_gives_its_averaged_generator(local_hub):
    g, ema = lively(PreActivated()), lively(PreActivated())
    ema.last_conv[2].weight.mul_(1.2)
    parts = {"D": Tutorial().state_dict(), "G": g.state_dict(), "G_ema": ema.state_dict(), "step": 4}
    local_hub.add("x/y", {"ckpt/model.pt": saved(parts)})
    z = torch.randn(2, 12)
    torch.testing.assert_close(load.open_generator(load.fetch("x/y")).network(z), ema(z), rtol=0, atol=0)


def test_a_file_that_does_not_tell_is_read_in_each_way_without_asking_the_hub_again(local_hub):
    net = lively(nn.Sequential(nn.Linear(16, 32), nn.LeakyReLU(0.2), nn.Linear(32, 256), nn.Tanh()))
    local_hub.add("someone/digits", {"generator.pth": saved(net.state_dict())})
    ref = load.fetch("someone/digits")
    with pytest.raises(
        UserError, match=r"several ways.*: hub:someone/digits@.*:generator\.pth:relu \(ReLU\); .*:leaky"
    ):
        sample_api.sample("someone/digits")
    local_hub.close()
    assert [reading.tags for reading in load.open_generator(ref).readings][:2] == ["relu", "leaky"]
    read = load.open_generator(load.fetch(f"{ref}:leaky"))
    z = torch.randn(3, 16)
    torch.testing.assert_close(read.network(z).flatten(1), net(z))
    assert read.said.startswith("Read with leaky ReLU 0.2. The file does not tell, so assumed: normal latents; ")
    assert not read.readings
    assert catalogue.choose(ref, "leaky") == catalogue.fetched()[0].ref == f"{ref}:leaky"
    assert catalogue.choose(f"{ref}:leaky", "") == catalogue.fetched()[0].ref == ref


def test_of_numbered_checkpoints_the_last_is_read_and_of_several_files_the_one_that_is_a_generator(local_hub):
    net = nn.Sequential(nn.Linear(6, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.Tanh())
    good = saved(lively(net).state_dict())
    local_hub.add("x/y", dict.fromkeys(["ckpt/G_9.pth", "ckpt/G_100.pth", "ckpt/G_20.pth"], good))
    assert load.fetch("x/y").endswith(":ckpt/G_100.pth")
    judge = nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 4, 2, 1))
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:12ab\nsize 14300000\n"
    local_hub.add("x/z", {"gen.pth": saved(judge.state_dict()), "netG.pth": pointer, "weights/mnist.pt": good})
    assert load.fetch("x/z").endswith(":weights/mnist.pt")
    local_hub.add("x/none", {"gen.pth": saved(judge.state_dict()), "netG.pth": pointer})
    with pytest.raises(UserError, match=r"gen\.pth of x/none cannot be used\. It is a discriminator"):
        load.fetch("x/none")


def test_how_a_file_of_the_hub_is_read_stands_in_its_reference(local_hub):
    net = lively(nn.Sequential(nn.Linear(16, 32), nn.LeakyReLU(0.2), nn.Linear(32, 64), nn.Tanh()))
    local_hub.add("x/y", {"generator.pth": saved(net.state_dict())})
    ref = load.fetch("x/y", reading="leaky")
    assert ref.endswith(":generator.pth:leaky")
    assert [list(question) for question in load.open_generator(load.fetch("x/y")).open] == [
        ["relu", "leaky", "leaky-0.1", "hidden-tanh", "elu", "gelu", "hidden-sigmoid"]
    ]
    local_hub.close()
    z = torch.randn(2, 16)
    torch.testing.assert_close(load.open_generator(ref).network(z).flatten(1), net(z))
    assert not load.open_generator(ref).open


def test_safetensors_and_a_configuration_with_the_size(local_hub):
    net = lively(
        nn.Sequential(up(8, 12, 3, 1, 0), nn.ReLU(), up(12, 6, 4, 2, 1), nn.ReLU(), up(6, 3, 4, 2, 0), nn.Tanh())
    )
    files = {"model.safetensors": save(net.state_dict()), "config.json": json.dumps({"image_size": 14}).encode()}
    local_hub.add("x/y", files)
    assert load.open_generator(load.fetch("https://huggingface.co/x/y")).config["size"] == 14


def test_our_own_layout_is_read_with_its_configuration(local_hub):
    net = lively(connected.Generator(size=16, channels=1, latent=5, width=4))
    files = {"model.safetensors": save(net.state_dict()), "config.json": json.dumps(net.config).encode()}
    local_hub.add("x/y", files)
    z = torch.randn(2, 5)
    torch.testing.assert_close(load.open_generator(load.fetch("x/y")).network(z), net(z), rtol=0, atol=0)
    files["config.json"] = json.dumps({**net.config, "width": 8}).encode()
    local_hub.add("x/z", files)
    with pytest.raises(UserError, match=r"do not fit its config\.json"):
        load.fetch("x/z")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"model.h5": b"x", "README.md": b"y"}, "no file of weights that Ganvas reads .*model.h5"),
        ({}, "it has nothing"),
        ({"generator.pth": saved({"G": Harm()})}, "wants to call"),
        ({"generator.pth": saved({"x": torch.zeros(3)})}, "cannot be used"),
        ({"model.safetensors": (2**60).to_bytes(8, "little") + b"{}" * 50}, "is not a sound safetensors file"),
        ({"generator.pth": saved({k: v * 0 for k, v in Cryptopunks().state_dict().items()})}, "makes no pictures"),
        ({"generator.pth": saved({k: v / 0 for k, v in Cryptopunks().state_dict().items()})}, "makes no pictures"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_plainly_and_not_kept(local_hub, files, words):
    local_hub.add("x/y", files)
    with pytest.raises(UserError, match=words):
        load.fetch("x/y")
    assert cache.entries() == []


def test_a_huge_repository_is_refused_before_anything_is_read(local_hub):
    local_hub.add("x/y", {"generator.pth": b"x"})
    local_hub.fail("x/y", "generator.pth", "huge", size=20e9)
    with pytest.raises(UserError, match=r"20(\.0)? GB; Ganvas fetches at most"):
        load.fetch("x/y")
    assert not local_hub.reads()


@pytest.fixture(scope="module")
def fetched_before(tmp_path_factory):
    """The reference of a generator that was fetched while all was well, and the cache that keeps it."""
    with pytest.MonkeyPatch.context() as patch, LocalHub() as hub:
        patch.setenv("GANVAS_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("GANVAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_ENDPOINT", hub.url)
        commit = hub.add("x/old", {"generator.pth": saved(lively(Cryptopunks()).state_dict())})
        return load.fetch(f"x/old@{commit}"), cache.folder()


BAD_HEADER = (40).to_bytes(8, "little") + b'{"a":{"dtype":"F32","shape":[9],"data_of' + b"0" * 40


@pytest.mark.parametrize(
    ("what", "fault", "words"),
    [
        ("x/none", None, "shows no repository"),
        ("x/gated", None, "is gated"),
        ("x/private", None, "set HF_TOKEN if it is private"),
        ("x/y:other.pth", None, r"has no file other\.pth"),
        ("x/y@0123456789012345678901234567890123456789:generator.pth", None, "has no revision"),
        ("x/header", None, "is not a sound safetensors file"),
        ("x/bomb", None, r"wants to call (posix|nt)\.system"),
        ("x/y", ("status", {"status": 429}), "fewer requests"),
        ("x/y", ("status", {"status": 500}), "fault of its own"),
        ("x/y", ("hang", {"seconds": 9}), "stopped answering"),
        ("x/y", ("hang", {"seconds": 9}, ""), "stopped answering about x/y"),
        ("x/y", ("hang", {"seconds": 9}, "config.json"), "stopped answering about config.json"),
        ("x/y", ("status", {"status": 500}, ""), "fault of its own"),
        ("x/y", ("stall", {"after": 500, "seconds": 9}), "stopped answering"),
        ("x/y", ("cut", {"after": 500, "times": 9}), "broke off"),
        ("x/y", ("length", {"by": 7}), "two lengths"),
        ("x/y", ("flip", {}), "arrived damaged"),
        ("x/y", ("huge", {"size": 20e9}), "at most"),
        ("x/y", ("login page", {}), "does not answer like the Hub"),
        ("x/y", "refused", "could not be reached"),
        ("x/y", "disk", "no room"),
    ],
)  # fmt: skip
def test_every_fault_is_one_sentence_soon_and_leaves_what_was_there(
    local_hub, monkeypatch, fetched_before, what, fault, words
):
    before, folder = fetched_before
    shutil.copytree(folder, cache.folder(), dirs_exist_ok=True)
    local_hub.add("x/y", {"generator.pth": saved(Tutorial().state_dict()), "config.json": b"{}"})
    local_hub.add("x/gated", {"g.pth": b"x"}, gated=True)
    local_hub.add("x/private", {"g.pth": b"x"}, private=True)
    local_hub.add("x/header", {"model.safetensors": BAD_HEADER})
    local_hub.add("x/bomb", {"generator.pth": saved({"G": Harm()})})
    if isinstance(fault, tuple):
        kind, how, *where = fault
        if words.startswith("stopped"):  # else a busy machine's Hub would be taken for a silent one
            monkeypatch.setattr(client, "SILENCE_SECONDS", 1.0)
        local_hub.fail("x/y", *where or ["generator.pth"], kind, **how)
    elif fault == "refused":
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    elif fault == "disk":
        full = cache.shutil.disk_usage("/")._replace(free=10)
        monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: full)
    kept = [(item.name, item.path.read_bytes()) for item in cache.entries()]
    began = time.process_time()
    with pytest.raises(UserError, match=words) as refusal:
        load.fetch(what)
    assert time.process_time() - began < 6
    assert "\n" not in str(refusal.value)
    assert [(item.name, item.path.read_bytes()) for item in cache.entries()] == kept
    assert load.open_generator(before).config["size"] == 24


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b", "hub:a/b"), ("hub:a/b@main", "hub:a/b@main"), (" https://huggingface.co/a/b/ ", "hub:a/b"),
        ("https://huggingface.co/a/b/blob/main/x/g.pth", "hub:a/b@main:x/g.pth"), ("a/b:g=1.pth", "hub:a/b:g=1.pth"),
    ],
)  # fmt: skip
def test_what_people_type_is_understood(text, expected):
    assert str(load.catalogue.hub_ref(text)) == expected


@pytest.mark.parametrize("text", ["", "a", "a/b/c", "../b", "a/b:../../c", "a b/c", "/etc/passwd"])
def test_what_is_no_repository_is_refused(text):
    with pytest.raises(UserError, match="owner/name"):
        load.catalogue.hub_ref(text)


# ---------------------------------------------------------------- files of this computer


@pytest.mark.parametrize("form", ["./{}", "{}", "{folder}/{}", "~/{}", "file://{folder}/{}"])
def test_a_file_of_this_computer_is_opened_for_its_owner_and_not_for_strangers(tmp_path, monkeypatch, form):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    net = lively(nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.LeakyReLU(0.2), nn.Linear(16, 64), nn.Tanh()))
    (tmp_path / "netG.pth").write_bytes(saved(net.state_dict()))
    typed = form.format("netG.pth", folder=tmp_path)
    assert not catalogue.on_hub(typed)
    loaded = load.open_generator(typed)
    z = torch.randn(2, 6)
    torch.testing.assert_close(loaded.network(z).flatten(1), net(z), rtol=0, atol=0)
    assert load.open_generator(loaded.ref).ref == loaded.ref == f"file:{tmp_path / 'netG.pth'}"
    with pytest.raises(UserError, match="of this computer"):
        catalogue.hub_ref(typed)
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    if "/" in typed:
        for ask in (load.open_generator, load.fetch):
            with pytest.raises(UserError, match="file or folder of this computer, and those are not opened here"):
                ask(typed)


def test_a_folder_that_ganvas_wrote_is_opened_and_what_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = lively(connected.Generator(size=16, channels=1, latent=5, width=4))
    (tmp_path / "result").mkdir()
    (tmp_path / "result" / "model.safetensors").write_bytes(save(net.state_dict()))
    (tmp_path / "result" / "config.json").write_text(json.dumps(net.config))
    z = torch.randn(2, 5)
    torch.testing.assert_close(load.open_generator("./result").network(z), net(z), rtol=0, atol=0)
    with pytest.raises(UserError, match=r"no file of weights './other\.pth'"):
        load.open_generator("./other.pth")


def test_a_pointer_without_its_file_is_called_one(tmp_path):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:12ab\nsize 14300000\n"
    for name in ("netG.pth", "netG.safetensors"):
        (tmp_path / name).write_bytes(pointer)
        with pytest.raises(UserError, match="Git LFS pointer") as refusal:
            load.open_generator(str(tmp_path / name))
        assert "damaged" not in str(refusal.value)
        assert "not a sound" not in str(refusal.value)


def test_a_folder_of_this_computer_is_not_taken_for_a_repository_where_its_owner_asks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "RUN" / "result").mkdir(parents=True)
    (tmp_path / "RUN" / "result" / "model.safetensors").write_bytes(b"weights")
    with pytest.raises(UserError, match=r"'RUN/result' is a file or folder of this computer"):
        catalogue.hub_ref("RUN/result")
    assert catalogue.hub_ref("hub:RUN/result").repo == "RUN/result"
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    assert catalogue.hub_ref("RUN/result").repo == "RUN/result", "strangers learn nothing of this disk"
