"""Ganvas and the real Hub: what is fetched, sampled, painted with, published and pulled back."""

import uuid

import numpy as np
import pytest

from core import perceptual
from core.gan.request import SampleRequest
from core.gan.sample import sample
from core.gan.zoo import catalogue, load
from core.hub import client, publish, registry
from core.pictures import images
from core.style.optimise.paint import paint
from core.style.request import StyleRequest
from support.pictures import scene, texture

GENERATORS = [name for name, entry in registry.entries().items() if entry.kind == "generator"]


def made(ref: str, count: int = 4):
    return list(sample(SampleRequest(ref, seed=7, count=count)))[-1].images


def test_vgg19_comes_by_byte_ranges_and_paints(monkeypatch):
    read, chunks = [], client.chunks

    def counted(remote, start, end):
        for chunk in chunks(remote, start, end):
            read.append(len(chunk))
            yield chunk
        assert remote.ranged

    monkeypatch.setattr(client, "chunks", counted)
    perceptual.fetch_vgg19()
    whole = client.file_info(*(getattr(registry.entry("vgg19"), part) for part in ("repo", "revision", "file")))
    assert whole.digest == registry.entry("vgg19").sha256
    assert 40e6 < sum(read) < 60e6 < 500e6 < whole.size

    photo = scene()
    result = list(paint(StyleRequest(size=128, steps=10, network="vgg19"), photo, [texture()]))[-1]
    assert result.recipe["painted_with"] == "VGG-19"
    painted = result.images[0]
    changed = np.abs(np.float32(painted.convert("RGB")) - np.float32(photo.convert("RGB").resize(painted.size)))
    assert changed.mean() > 5


@pytest.mark.parametrize("name", GENERATORS)
def test_every_generator_of_the_registry_makes_pictures(name):
    ref = load.fetch(name) if catalogue.on_hub(name) else name
    pictures = [np.float32(picture) for picture in made(ref)]
    assert min(picture.std() for picture in pictures) > 10  # something is on each of them
    assert min(np.abs(picture - pictures[0]).mean() for picture in pictures[1:]) > 2  # and not the same


def test_what_is_published_can_be_pulled_back_and_makes_the_same_pictures(token):
    from huggingface_hub import HfApi

    api = HfApi(token=token)
    repo = f"{api.whoami()['name']}/ganvas-throw-away-{uuid.uuid4().hex[:8]}"
    try:
        publish.publish(registry.BUNDLE / "generators" / "portraits", repo, token, private=True, data_licence="cc0-1.0")
        assert api.model_info(repo).private
        pulled = made(load.fetch(repo))
    finally:
        api.delete_repo(repo, missing_ok=True)
    assert [images.on_white(p).tobytes() for p in pulled] == [images.on_white(p).tobytes() for p in made("portraits")]
