"""Whole modules, as `torch.save(model)` writes them: their settings are taken from the file, their code never is."""

import pickle
import sys
import types
import zipfile

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from core.errors import UserError
from core.gan.zoo import foreign
from support.foreign_networks import Enlarged, Labelled, OnMaps, connected, lively, saved
from support.pickles import entry, program, text


class OwnCalls(nn.Module):
    """Its activations stand in no sequence: which there are is in the file, where they are called is not."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 24), nn.Linear(24, 256)
        self.act, self.squash = nn.LeakyReLU(0.3), nn.Sigmoid()
        self.prior = torch.distributions.Normal(0, 1)  # as autoencoders keep it

    def forward(self, z):
        return self.squash(self.second(self.act(self.first(z)))) * 2 - 1


class EachItsOwn(nn.Module):
    """For each layer an activation was made, also behind the first map and at the end; it stands in no sequence."""

    def __init__(self):
        super().__init__()
        self.dense1, self.act1 = nn.Linear(8, 24), nn.ReLU()
        self.dense2, self.act2 = nn.Linear(24, 6 * 16), nn.LeakyReLU(0.3)
        self.conv1, self.act3 = nn.ConvTranspose2d(6, 4, 2, 2), nn.ReLU()
        self.conv2, self.act4 = nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.ReLU()

    def forward(self, z):
        z = self.act2(self.dense2(self.act1(self.dense1(z)))).view(-1, 6, 4, 4)
        return self.act4(self.conv2(self.act3(self.conv1(z))))


class Folded(nn.Module):
    """A first map made smaller by a convolution, and enlarged by four at once; a view as a module."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(8, 6 * 64), nn.Unflatten(1, (6, 8, 8)), nn.Conv2d(6, 8, 3, 2, 1), nn.ELU(),
            nn.Upsample(scale_factor=4, mode="bilinear", align_corners=True),
            nn.Conv2d(8, 4, 5, padding="same", padding_mode="reflect"), nn.SiLU(),
            nn.Dropout(0.2), nn.ConvTranspose2d(4, 1, 6, 2, 2), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z):
        return self.net(z)


KINDS = {
    "a slope of its own": lambda: connected(8, lambda: nn.LeakyReLU(0.35), eps=0.3, norm_last=True),
    "odd strides": lambda: OnMaps(8, (5, 1, 0), (5, 3, 1, 2), (4, 2, 2), activation=nn.SELU),
    "enlarged": lambda: Enlarged(mode="bilinear"),
    "its own calls": OwnCalls,
    "an activation made for each layer": EachItsOwn,
    "made smaller": Folded,
    "on several devices": lambda: nn.DataParallel(connected(8, nn.GELU), []),
}


def opened(data: bytes, tmp_path, name="net.pth"):
    (tmp_path / name).write_bytes(data)
    return foreign.opened(tmp_path / name, name)


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize("written", [saved, pickle.dumps], ids=["saved", "dumped"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_module_saved_whole_is_read_as_it_is(kind, written, tmp_path):
    net = lively(KINDS[kind]())
    tensors, modules = opened(written({"epoch": 3, "G": net}), tmp_path)
    read = foreign.read(tensors, None, "net.pth", modules=modules)
    assert not read.open
    assert "It was saved whole" in read.said
    z = torch.randn(4, 8)
    torch.testing.assert_close(read.network(z).flatten(), net(z).flatten(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(read.network.sampling_form()(z), read.network(z), rtol=1e-3, atol=1e-4)


def test_what_a_module_states_is_not_called_assumed(tmp_path):
    net = lively(nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 256), nn.Sigmoid()))
    tensors, modules = opened(saved(net), tmp_path)
    said = foreign.read(tensors, None, "net.pth", modules=modules).said
    assert said.endswith("so assumed: normal latents.")


def test_the_code_of_a_module_is_neither_needed_nor_run(tmp_path, monkeypatch):
    """Its class is nowhere here when the file is opened; where it is, nothing of it is called."""
    away = types.ModuleType("their_code")
    net = lively(OnMaps(8, (7, 1, 0), (4, 2, 1), (4, 2, 1)))
    made = torch.randn(2, 8)
    true = net(made)
    net.__class__ = away.Generator = type("Generator", (nn.Module,), {"__module__": "their_code", "forward": None})
    monkeypatch.setitem(sys.modules, "their_code", away)
    data = saved(net)
    away.Generator.__setstate__ = away.Generator.__new__ = lambda *_: pytest.fail("was called")
    for there in (True, False):
        if not there:
            monkeypatch.delitem(sys.modules, "their_code")
        tensors, modules = opened(data, tmp_path)
        read = foreign.read(tensors, None, "net.pth", modules=modules)
        torch.testing.assert_close(read.network(made), true, rtol=1e-4, atol=1e-5)


def test_a_whole_gan_saved_whole_gives_its_generator_with_its_classes(tmp_path):
    gan = nn.Module()
    gan.discriminator = nn.Sequential(nn.Linear(256, 8), nn.ReLU(), nn.Linear(8, 1))
    gan.generator = lively(
        Labelled(nn.Sequential(nn.Linear(26, 32), nn.LeakyReLU(0.05), nn.Linear(32, 256), nn.Tanh()), "table")
    )
    gan.loss = nn.BCELoss()
    tensors, modules = opened(saved(gan), tmp_path)
    read = foreign.read(tensors, None, "net.pth", "classes-10-behind", modules)
    z, labels = torch.randn(3, 16), torch.tensor([1, 4, 7])
    made = read.network(torch.cat([z, F.one_hot(labels, 10).float()], 1))
    torch.testing.assert_close(made.flatten(1), gan.generator(z, labels))


def test_what_only_an_encoder_has_does_not_matter(tmp_path):
    """Pooling has no tensors and no place in a generator; before its decoder it is the encoder's."""
    decoder = lively(nn.Sequential(nn.Linear(8, 24), nn.LeakyReLU(0.3), nn.Linear(24, 256), nn.Sigmoid()))
    vae = nn.Module()
    vae.encoder = nn.Sequential(nn.Conv2d(1, 4, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten())
    vae.mu, vae.logvar, vae.decoder = nn.Linear(64, 8), nn.Linear(64, 8), decoder
    tensors, modules = opened(saved(vae), tmp_path)
    z = torch.randn(3, 8)
    read = foreign.read(tensors, None, "net.pth", modules=modules)
    torch.testing.assert_close(read.network(z).flatten(1), decoder(z) * 2 - 1)
    decoder.insert(1, nn.MaxPool1d(1))
    tensors, modules = opened(saved(vae), tmp_path)
    with pytest.raises(UserError, match="a layer MaxPool1d"):
        foreign.read(tensors, None, "net.pth", modules=modules)


class Noise(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (nn.InstanceNorm2d(8), "a layer InstanceNorm2d"),
        (nn.PixelShuffle(1), "a layer PixelShuffle"),
        (Noise(), "a layer Noise"),
        (nn.Softplus(), "a layer Softplus"),
        (nn.ELU(0.5), "an activation ELU with settings"),
        (nn.Tanh(), "two activations"),
        (nn.Conv2d(8, 8, 3, padding=1, padding_mode="circular"), "padded in a way not known"),
        (nn.Conv2d(8, 8, 3, (2, 1), 1), "not square"),
        (nn.Upsample(scale_factor=1.5), "enlarges a map by 1.5"),
    ],
)
def test_what_would_be_run_otherwise_is_refused_by_name(layer, words, tmp_path):
    """Of most of these a file of tensors alone would say nothing."""
    net = nn.Sequential(nn.ConvTranspose2d(6, 8, 4), layer, nn.ReLU(), nn.ConvTranspose2d(8, 1, 4, 2, 1), nn.Tanh())
    tensors, modules = opened(saved(net), tmp_path)
    with pytest.raises(UserError, match=words):
        foreign.read(tensors, None, "net.pth", modules=modules)


OBJECT = b"cthem\nThing\n)\x81"


def state(**values: bytes) -> bytes:
    return b"}(" + b"".join(text(key.encode()) + value for key, value in values.items()) + b"u"


def module(**inner: bytes) -> bytes:
    return OBJECT + state(_parameters=b"}", _buffers=b"}", _modules=state(**inner) if inner else b"}") + b"b"


def nested(depth: int) -> bytes:
    begin, end = module(x=b"|").split(b"|")
    return begin * depth + module() + end * depth


def doubled(depth: int) -> bytes:
    """Each holds the one before twice: 2 ** depth ways to the innermost."""
    body = module() + b"q\0"
    for i in range(1, depth):
        body = module(a=body, b=b"h%c" % (i - 1)) + b"q%c" % i
    return body


OTHERS = b"cthem\nharm\n"
HOSTILE = {
    "deep": (nested(900), "deep in each other"),
    "too many objects": (nested(4000), "holds more than 3,000 objects"),
    "many ways": (doubled(16), "more than 2,000 modules"),
    "itself": (OBJECT + b"q\0" + state(_parameters=b"}", _buffers=b"}", _modules=state(x=b"h\0")) + b"b",
               "deep in each other"),
    "a class of its own": (OBJECT + state(__class__=OTHERS, __dict__=b"}", __setstate__=OTHERS) + b"b" + state() + b"b",
                           "has no tensors"),
    "a state that is none": (OBJECT + b"N" + b"b", "object that is none"),
    "many attributes": (OBJECT + b"}(" + b"".join(text(b"%d" % i) + b"N" for i in range(200)) + b"ub", "is none"),
    "many classes": (b"(" + b"".join(b"cthem\nThing%d\n" % i for i in range(200)) + b"t", "more than 100 classes"),
    "filled like a list": (OBJECT + b"Na", "damaged"),
    "filled like a dictionary": (OBJECT + b"NNs", "damaged"),
    "a function with a state": (OTHERS + state() + b"b", "damaged"),
    "a function called": (OTHERS + b")R", r"wants to call them\.harm"),
    "a function of torch's": (b"ctorch.nn.init\nnormal_\n)R", r"wants to call torch\.nn\.init\.normal_"),
    "a function that keeps a state": (b"ctorch._utils\n_rebuild_tensor_v2\n" + state(x=b"N") + b"b", "damaged"),
    "keys within keys": (b"}K\0" + b"q\0h\0\x86" * 40 + b"Ns", "damaged"),
    "keys within a set": (b"c__builtin__\nset\n]K\0" + b"q\0h\0\x86" * 40 + b"a\x85R", "damaged"),
    "a set of anything": (b"c__builtin__\nset\n](" + b"K\0" * 99 + b"e\x85R", "claims to be larger"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_module_is_a_sentence(case, tmp_path):
    body, words = HOSTILE[case]
    with pytest.raises(UserError, match=words):
        foreign.read(opened(program(entry(body))["generator.pth"], tmp_path)[0], None, "net.pth")


def test_what_cannot_be_taken_without_running_it_is_said(tmp_path):
    with pytest.raises(UserError, match="as torch wrote it before 2020"):
        opened(saved(OwnCalls(), _use_new_zipfile_serialization=False), tmp_path)
    with zipfile.ZipFile(tmp_path / "script.pt", "w", zipfile.ZIP_DEFLATED) as script:  # its code is compressed
        script.writestr("script/code/net.py", b" " * 9999)
        for name in ("data", "constants"):  # what tells TorchScript
            script.writestr(f"script/{name}.pkl", pickle.dumps((), 2))
    with pytest.raises(UserError, match="a TorchScript program"):
        foreign.opened(tmp_path / "script.pt", "script.pt")
