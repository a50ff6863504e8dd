"""The feature networks: what they promise the painter and the rulers, and the script that trains ours."""

import itertools
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from core import perceptual
from core.errors import UserError
from core.hub import download, registry
from core.perceptual import FeatureNet
from core.style import choice

sys.path.append(str(Path(__file__).parent.parent / "weights"))
import train_perceptual

NARROW = ((4, 6), (8, 8), (8, 8), (12, 12), (16,))


@pytest.fixture(scope="module")
def bundled():
    return perceptual.load("bundled")


@pytest.fixture(scope="module")
def leaves():
    return perceptual.dead_leaves(4, 96)


def random_vgg(seed=0, narrower=1):
    """Tensors named and shaped like the first thirteen convolutions of torchvision's VGG-19, or so much narrower."""
    generator = torch.Generator().manual_seed(seed)
    tensors, before, at = {}, 3, 0
    for width in (64, 64, "pool", 128, 128, "pool", *[256] * 4, "pool", *[512] * 4, "pool", 512):
        if width == "pool":
            at += 1
            continue
        width //= narrower
        spread = (2 / (9 * before)) ** 0.5
        tensors[f"features.{at}.weight"] = (torch.randn(width, before, 3, 3, generator=generator) * spread).numpy()
        tensors[f"features.{at}.bias"] = (torch.randn(width, generator=generator) * 0.1).numpy()
        before, at = width, at + 2
    return tensors


# ---------------------------------------------------------------- the network


def test_bundled_has_the_literature_s_layers(bundled):
    assert bundled.layer_names[:2] == ("relu1_1", "relu1_2")
    assert bundled.layer_names[-1] == "relu5_1"
    assert 2e6 <= sum(p.numel() for p in bundled.parameters()) <= 4e6
    assert registry.bundled("perceptual").stat().st_size <= 10e6
    found = bundled(torch.rand(2, 3, 70, 48), bundled.layer_names)
    for layer, features in found.items():
        shrink = 2 ** (int(layer[4]) - 1)
        assert features.shape == (2, bundled.channels[layer], 70 // shrink, 48 // shrink)
        assert features.min() >= 0


def test_mean_activations_are_about_one(bundled, leaves):
    with torch.no_grad():
        for layer, features in bundled(leaves, bundled.layer_names).items():
            # The weights were brought to 1 on photographs; these pictures only resemble them.
            assert 0.6 < features.mean() < 2, layer


def test_stops_at_the_last_layer_asked_for(bundled):
    ran = []
    hooks = [c.register_forward_hook(lambda *_, n=name: ran.append(n)) for name, c in bundled.convs.items()]
    found = bundled(torch.rand(1, 3, 32, 32), ["relu3_1", "relu1_2"])
    for hook in hooks:
        hook.remove()
    assert set(found) == {"relu3_1", "relu1_2"}
    assert ran == ["relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1"]


def test_unknown_layers_are_a_defect(bundled):
    with pytest.raises(ValueError, match="relu9_9"):
        bundled(torch.rand(1, 3, 32, 32), ["relu9_9"])


def test_the_border_is_no_edge(bundled):
    features = bundled(torch.full((1, 3, 32, 32), 0.3), ["relu1_1"])["relu1_1"]
    assert (features - features[:, :, :1, :1]).abs().max() < 1e-5


def test_gradients_reach_the_picture_and_not_the_weights():
    net = perceptual.load("bundled", dtype=torch.bfloat16)
    picture = torch.rand(1, 3, 32, 32).requires_grad_()
    features = net(picture, ["relu5_1"])["relu5_1"]
    assert features.dtype == torch.bfloat16
    assert net.mean.dtype == torch.float32
    features.sum().backward()
    assert picture.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in net.parameters())


def test_bfloat16_sees_the_same(bundled, leaves):
    layers = ["relu1_1", "relu5_1"]
    coarse = perceptual.load("bundled", dtype=torch.bfloat16)(leaves, layers)
    for layer, exact in bundled(leaves, layers).items():
        assert F.cosine_similarity(coarse[layer].float().flatten(), exact.flatten(), dim=0) > 0.999


def test_scaling_changes_factors_only(leaves):
    torch.manual_seed(0)
    net = FeatureNet(NARROW).frozen("cpu", None)
    before = net(leaves, net.layer_names)
    perceptual.scale_to_one(net, leaves.split(2))
    for layer, after in net(leaves, net.layer_names).items():
        torch.testing.assert_close(after.mean(), torch.tensor(1.0))
        torch.testing.assert_close(after, before[layer] / before[layer].mean(), rtol=1e-3, atol=1e-4)


def test_saving_and_reading(tmp_path, leaves):
    torch.manual_seed(0)
    net = FeatureNet(NARROW).frozen("cpu", None)
    perceptual.save(net, tmp_path / "net.safetensors", "A label")
    again = perceptual.read(tmp_path / "net.safetensors", "mine").frozen("cpu", None)
    assert (again.name, again.label, again.scales) == ("mine", "A label", net.scales)
    assert len(again.digest) == 16
    for layer, features in again(leaves, ["relu5_1"]).items():
        torch.testing.assert_close(features, net(leaves, [layer])[layer], rtol=1e-2, atol=1e-3)


# ---------------------------------------------------------------- VGG-19


def test_vgg19_computes_what_torchvision_s_layers_do():
    tensors = random_vgg()
    layers, at = [], 0
    while f"features.{at}.weight" in tensors or f"features.{at + 1}.weight" in tensors:
        if f"features.{at}.weight" not in tensors:
            layers.append(nn.AvgPool2d(2))
            at += 1
            continue
        weight = torch.from_numpy(tensors[f"features.{at}.weight"])
        conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
        conv.load_state_dict({"weight": weight, "bias": torch.from_numpy(tensors[f"features.{at}.bias"])})
        layers += [conv, nn.ReLU()]
        at += 2
    layers[0].padding_mode, layers[0]._reversed_padding_repeated_twice = "replicate", [1, 1, 1, 1]
    picture = torch.rand(1, 3, 48, 48)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (perceptual.IMAGENET_MEAN, perceptual.IMAGENET_STD))
    with torch.no_grad():
        expected = [x := (picture - mean) / std] + [x := layer(x) for layer in layers]
    found = perceptual.vgg19_from(tensors)(picture, ["relu1_1", "relu3_4", "relu4_2", "relu5_1"])
    # Where these stand in torchvision's list: 1 is the first ReLU, 17 the last of the third scale.
    for layer, number in (("relu1_1", 1), ("relu3_4", 17), ("relu4_2", 22), ("relu5_1", 29)):
        torch.testing.assert_close(found[layer], expected[number + 1], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_fetched_vgg19_is_normalised_kept_and_preferred(tmp_path, monkeypatch):
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path))
    monkeypatch.setattr(perceptual, "VGG19", tuple(tuple(w // 8 for w in scale) for scale in perceptual.VGG19))
    asked = []

    def fetch(_name, keys, _progress):
        asked.extend(keys)
        return random_vgg(narrower=8)

    monkeypatch.setattr(download, "fetch_tensors", fetch)
    assert choice.choose("auto") == "bundled"
    assert not choice.available()["vgg19"]
    with pytest.raises(UserError, match="download"):
        perceptual.load("vgg19")
    perceptual.fetch_vgg19()
    assert sorted(asked) == sorted(random_vgg(narrower=8))
    assert choice.choose("auto") == "vgg19"
    assert choice.available()["vgg19"]
    net = perceptual.load("vgg19")
    assert len(net.digest) == 16
    pictures = perceptual.dead_leaves(2, 96, seed=1)
    for layer, features in net(pictures, ["relu1_1", "relu3_1", "relu5_1"]).items():
        assert 0.7 < features.mean() < 1.4, layer


@pytest.mark.parametrize("spoil", ["shape", "nan"])
def test_broken_vgg19_is_not_kept(spoil, tmp_path, monkeypatch):
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path))
    tensors = random_vgg()
    if spoil == "shape":
        tensors["features.5.weight"] = tensors["features.5.weight"][:, :32]
    else:
        tensors["features.5.weight"][0, 0, 0, 0] = np.nan
    monkeypatch.setattr(download, "fetch_tensors", lambda *_: tensors)
    with pytest.raises(UserError, match=r"features\.5\.weight"):
        perceptual.fetch_vgg19()
    assert not choice.available()["vgg19"]


def test_unknown_network_is_said_plainly():
    with pytest.raises(UserError, match="bundled or vgg19"):
        perceptual.load("vgg16")


# ---------------------------------------------------------------- embeddings


def test_embeddings_do_not_depend_on_the_batch_size(bundled):
    pictures = (perceptual.dead_leaves(7, 40) * 255).byte()
    together, single = perceptual.embed(bundled, pictures), perceptual.embed(bundled, pictures, batch=1)
    assert together.shape == (7, 512)
    assert together.dtype == torch.float32
    torch.testing.assert_close(together, single, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(together, perceptual.embed(bundled, iter(pictures), batch=3), rtol=1e-4, atol=1e-5)
    as_pil = [Image.fromarray(p.permute(1, 2, 0).numpy()) for p in pictures]
    torch.testing.assert_close(together, perceptual.embed(bundled, as_pil), rtol=1e-4, atol=1e-5)


def test_nothing_to_embed(bundled):
    assert perceptual.embed(bundled, []).shape == (0, 512)


# ---------------------------------------------------------------- training


def random_teacher():
    """A state dict with the names and shapes of EfficientNet-Lite0's, and random numbers."""
    torch.manual_seed(0)
    state = {}

    def add(key, norm, out, inside, kernel):
        state[key + ".weight"] = torch.randn(out, inside, kernel, kernel) * (1 / (inside * kernel * kernel)) ** 0.5
        state.update({f"{norm}.weight": torch.ones(out), f"{norm}.bias": torch.zeros(out)})
        state.update({f"{norm}.running_mean": torch.zeros(out), f"{norm}.running_var": torch.ones(out)})

    add("_conv_stem", "_bn0", 32, 3, 3)
    before, block = 32, 0
    groups = (
        (1, 3, 16, 1),
        (6, 3, 24, 2),
        (6, 5, 40, 2),
        (6, 3, 80, 3),
        (6, 5, 112, 3),
        (6, 5, 192, 4),
        (6, 3, 320, 1),
    )
    for expand, kernel, out, repeats in groups:
        for _ in range(repeats):
            name, middle = f"_blocks.{block}.", before * expand
            if expand > 1:
                add(name + "_expand_conv", name + "_bn0", middle, before, 1)
            add(name + "_depthwise_conv", name + "_bn1", middle, 1, kernel)
            add(name + "_project_conv", name + "_bn2", out, middle, 1)
            before, block = out, block + 1
    add("_conv_head", "_bn1", 1280, 320, 1)
    return state | {"_fc.weight": torch.randn(1000, 1280) * 0.03, "_fc.bias": torch.zeros(1000)}


def test_folding_batch_norm_is_exact(leaves):
    torch.manual_seed(0)
    student = train_perceptual.Student(NARROW).eval()
    for module in student.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.3, 0.3)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.5)
    photos = (leaves * 255).byte()
    net = train_perceptual.folded(student, photos.permute(0, 2, 3, 1).numpy())
    with torch.no_grad():
        before = student.net(photos / 255, net.layer_names)
        for layer, after in net(photos / 255, net.layer_names).items():
            torch.testing.assert_close(after * before[layer].mean(), before[layer], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_training_learns_resumes_and_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(train_perceptual, "SCALES", NARROW)
    monkeypatch.setattr(train_perceptual, "PLAN", ((0.7, 32, 24), (0.92, 48, 16), (1.0, 64, 12)))
    photos = tmp_path / "photos"
    photos.mkdir()
    for i, picture in enumerate(perceptual.dead_leaves(12, 128)):
        Image.fromarray((picture * 255).byte().permute(1, 2, 0).numpy()).save(photos / f"{i}.png")
    torch.save(random_teacher(), tmp_path / "teacher.pth")
    where = ["--teacher", str(tmp_path / "teacher.pth"), "--work", str(tmp_path / "work")]
    out = tmp_path / "net.safetensors"
    clock = types.SimpleNamespace(monotonic=itertools.count(0, 0.1).__next__)  # as many steps on any machine
    monkeypatch.setattr(train_perceptual, "time", clock)
    monkeypatch.setattr(train_perceptual.os, "cpu_count", lambda: 1)  # several that wait for each other take far longer
    for minutes in ("0.005", "0.01"):
        train_perceptual.main(
            [str(photos), *where, "--out", str(out), "--minutes", minutes, "--save-every", "0", "--rate", "0.02"]
        )
    curve = np.genfromtxt(tmp_path / "work" / "curve.csv", delimiter=",", names=True)
    assert curve["images"].size >= 2
    assert (np.diff(curve["images"]) > 0).all()
    assert curve["seconds"][-1] >= 0.6
    assert np.isfinite(curve["style"]).all()
    assert curve["map8"][-1] < curve["map8"][0]
    net = perceptual.read(out)
    assert net.scales == NARROW
    assert f"{int(curve['images'][-1]) // 1000:,} k images" in net.label
