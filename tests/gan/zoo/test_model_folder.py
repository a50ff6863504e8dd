"""The generator folder: what is written is what is read, strictly, and it is the layout of the Hub's mixin."""

import json

import pytest
import torch
from huggingface_hub import PyTorchModelHubMixin

from core.errors import UserError
from core.gan import networks
from core.gan.methods import METHODS
from core.gan.methods.dcgan import Generator
from core.gan.methods.method import GeneratorNetwork
from core.gan.pictures import to_pictures
from core.gan.zoo import model_folder
from core.pictures import images
from support.fitting import fitting

CONFIG = {"method": "dcgan", "size": 16, "channels": 3, "latent": 8, "width": 4, "norm": "batch"}
RECIPE = {
    "kind": "train", "name": "Cats", "steps_made": 1200, "batch": 64, "seconds": 95, "seed": 3,
    "data": {"source": "my cats", "licence": "CC BY 4.0", "count": 321},
}  # fmt: skip


def made(**changes) -> GeneratorNetwork:
    return numbered(networks.generator({**CONFIG, **changes}))


def numbered(net: GeneratorNetwork) -> GeneratorNetwork:
    net.eval()
    with torch.no_grad():
        for value in net.state_dict().values():
            if value.is_floating_point():
                value.uniform_(0.1, 1.0)
    return net


@pytest.fixture
def folder(tmp_path):
    net = made()
    model_folder.save(net, tmp_path / "cats", to_pictures(net(torch.randn(64, 8))), RECIPE)
    return tmp_path / "cats", net


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_is_saved_is_loaded(tmp_path, method, channels):
    request = fitting(method, size=16, colour={1: "grey", 3: "rgb", 4: "rgba"}[channels], latent=8, width_g=4)
    net = numbered(networks.build(request, torch.Generator())[0])
    latents = torch.randn(9, 8)
    model_folder.save(net, tmp_path / "g", to_pictures(net(latents)), RECIPE)
    assert torch.equal(model_folder.load(tmp_path / "g")(latents), net(latents))
    assert {p.name for p in (tmp_path / "g").iterdir()} == {
        "model.safetensors",
        "config.json",
        "samples.png",
        "README.md",
    }


def test_the_hubs_mixin_reads_it(folder):
    class Published(Generator, PyTorchModelHubMixin):
        pass

    path, net = folder
    latents = torch.randn(4, 8)
    pulled = Published.from_pretrained(path, strict=True).eval()
    assert torch.equal(pulled(latents), net(latents))
    pulled.save_pretrained(path.parent / "again")
    assert torch.equal(model_folder.load(path.parent / "again")(latents), net(latents))


def test_the_card_says_what_it_is(folder):
    card = (folder[0] / "README.md").read_text()
    for words in (
        "# Cats",
        "1,200 steps",
        "321 pictures",
        "my cats",
        "CC BY 4.0",
        "| seed | 3 |",
        "samples.png",
        "DCGAN",
    ):
        assert words in card
    assert images.read_recipe(folder[0] / "samples.png")["seed"] == 3


@pytest.mark.parametrize("harm", ["no config", "no tensors", "cut", "other size", "one missing", "unknown setting"])
def test_half_a_generator_is_refused(folder, harm):
    path, _ = folder
    config, tensors = path / "config.json", path / "model.safetensors"
    if harm == "no config":
        config.unlink()
    elif harm == "no tensors":
        tensors.unlink()
    elif harm == "cut":
        tensors.write_bytes(tensors.read_bytes()[:-9])
    elif harm == "other size":
        config.write_text(json.dumps({**CONFIG, "size": 32}))
    elif harm == "one missing":
        config.write_text(json.dumps({**CONFIG, "norm": "none"}))
    else:
        config.write_text(json.dumps({**CONFIG, "colour": "red"}))
    with pytest.raises(UserError, match="not a whole generator"):
        model_folder.load(path)


def test_pictures_have_all_values():
    ramp = torch.linspace(-1, 1, 256).view(1, 1, 16, 16)
    assert list(to_pictures(ramp)[0].get_flattened_data()) == list(range(256))
    assert [p.mode for c in (1, 3, 4) for p in to_pictures(torch.zeros(1, c, 4, 4))] == [
        "L",
        "RGB",
        "RGBA",
    ]
