"""To the Hub and back: what is published gives the same pictures when it is pulled; the token goes nowhere else."""

import json

import pytest
import torch

from core.errors import UserError
from core.gan import pictures, points, sample
from core.gan.methods.dcgan import Discriminator, Generator
from core.gan.request import SampleRequest
from core.gan.zoo import load, model_folder
from core.hub import client, publish
from core.pictures import images

RECIPE = {
    "kind": "train", "name": "Cats", "steps_made": 1200, "batch": 64, "seconds": 95,
    "data": {"source": "my cats", "licence": "mine", "count": 321},
}  # fmt: skip
TOKEN = "hf_local"


@pytest.fixture
def folder(tmp_path):
    net = Generator(method="dcgan", size=16, channels=3, latent=8, width=4).eval()
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.randn(value.shape, generator=torch.Generator().manual_seed(len(name))) * 0.4)
                if "running_var" in name:
                    value.abs_().add_(0.3)
        made = net(torch.from_numpy(points.latents(points.of_seed(0, 9), 8)))
    model_folder.save(net, tmp_path / "cats", pictures.to_pictures(made), RECIPE)
    judge = Discriminator(method="dcgan", size=16, channels=3, width=4, norm="spectral")
    model_folder.save_discriminator(judge, tmp_path / "cats")
    return tmp_path / "cats"


def give(folder, repo="me/cats", token=TOKEN, **how):
    return publish.publish(folder, repo, token, data_licence=how.pop("data_licence", "cc-by-4.0"), **how)


@pytest.mark.slow
def test_what_is_published_can_be_pulled_back_and_makes_the_same_pictures(local_hub, folder, monkeypatch, capfd):
    said = []
    address = give(folder, progress=lambda *step: said.append(step))
    assert address == f"{local_hub.url}/me/cats"
    assert said[0][:2] == (0, 3)
    assert said[-1] == (3, 3, "Published")
    repo = local_hub.repos["me/cats"]
    assert repo.private  # unless said otherwise
    held = repo.commits[repo.head]
    assert set(held) == {*publish.FILES, ".gitattributes"}
    card = held["README.md"].decode()
    assert card.startswith("---\nlicense: cc-by-4.0\nlibrary_name: pytorch")
    assert "**Licence of the training images:** CC BY 4.0." in card
    assert "![samples](samples.png)" in card

    with pytest.raises(UserError, match="shows no repository"):  # private: not without a token
        load.fetch("me/cats")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    ref = load.fetch("me/cats")
    *_, pulled = sample.sample(SampleRequest(ref, count=9, sort=True))
    sheet = pictures.sheet([p for _, p in sorted(zip(pulled.recipe["points"], pulled.images, strict=True))])
    assert sheet.tobytes() == images.open_picture(folder / "samples.png").tobytes()
    assert TOKEN not in capfd.readouterr().err
    everything = json.dumps([path.read_bytes().decode("latin1") for path in folder.parent.rglob("*") if path.is_file()])
    assert TOKEN not in everything


def test_publishing_again_adds_to_it_and_public_is_public(local_hub, folder):
    give(folder, private=False)
    give(folder, private=False, data_licence="unknown")
    repo = local_hub.repos["me/cats"]
    assert not repo.private
    card = repo.commits[repo.head]["README.md"].decode()
    assert card.count("license:") == 1
    assert "license: other\nlicense_name: not-known" in card


def test_the_discriminator_stays_at_home_where_that_is_wanted(local_hub, folder, monkeypatch):
    give(folder, private=False, discriminator=False)
    repo = local_hub.repos["me/cats"]
    assert publish.DISCRIMINATOR not in repo.commits[repo.head]
    with pytest.raises(UserError, match="no discriminator"):
        [*sample.sample(SampleRequest(load.fetch("me/cats"), count=2, sort=True))]


def test_the_environments_token_is_used_where_none_is_typed(local_hub, folder, monkeypatch):
    with pytest.raises(UserError, match="needs a token"):
        give(folder, token="")
    assert not local_hub.log
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    give(folder, token=None)
    assert "me/cats" in local_hub.repos


def test_what_is_anothers_is_left_alone(local_hub, folder):
    local_hub.add("me/cats", {"model.bin": b"precious"})
    with pytest.raises(UserError, match=r"holds something else \(model\.bin\)"):
        give(folder)
    assert local_hub.repos["me/cats"].commits[local_hub.repos["me/cats"].head] == {"model.bin": b"precious"}


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"token": "hf_wrong"}, "does not let this token write to me/cats"),
        ({"repo": "cats"}, "owner/name"),
        ({"repo": "me/../x"}, "owner/name"),
        ({"data_licence": ""}, "licence of the training images is missing"),
    ],
)
def test_refusals_are_said_in_words_without_the_token(local_hub, folder, how, words):
    with pytest.raises(UserError, match=words) as refusal:
        give(folder, **how)
    assert "hf_" not in str(refusal.value)


def test_a_folder_that_is_no_generator_is_refused(local_hub, folder):
    (folder / "config.json").unlink()
    with pytest.raises(UserError, match=r"has no config\.json"):
        give(folder)


@pytest.mark.parametrize(
    ("name", "left"),
    [("model.safetensors", 0), ("model.safetensors", 30), ("config.json", 0), ("config.json", 30), ("README.md", 0),
     ("discriminator.safetensors", 30)],
)  # fmt: skip
def test_a_generator_that_is_damaged_is_not_given_away(local_hub, folder, name, left):
    (folder / name).write_bytes((folder / name).read_bytes()[:left])
    with pytest.raises(UserError, match=f"{name} of cats is damaged"):
        give(folder)
    assert not local_hub.repos


@pytest.mark.parametrize(("status", "words"), [(429, "fewer requests"), (500, "fault of its own"), (403, "this token")])
def test_faults_of_the_hub_are_said_in_words(local_hub, folder, status, words):
    local_hub.add("me/cats", {".gitattributes": b""})
    local_hub.fail("me/cats", "", "status", status=status)
    with pytest.raises(UserError, match=words):
        give(folder)


def test_a_silent_hub_is_not_waited_for_without_end(local_hub, folder, monkeypatch):
    monkeypatch.setattr(publish, "SILENCE_SECONDS", 0.3)
    local_hub.add("me/cats", {".gitattributes": b""})
    local_hub.fail("me/cats", "", "hang", seconds=20)
    with pytest.raises(UserError, match="stopped answering"):
        give(folder)


def test_no_hub_at_all(folder):
    with pytest.raises(UserError, match="could not be reached"):
        give(folder)
    assert client.endpoint().startswith("http://127.0.0.1")
