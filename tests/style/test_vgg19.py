"""VGG-19 asked for and not there: fetched from a local Hub, used, and every failure in words."""

import dataclasses

import numpy as np
import pytest
from safetensors.numpy import save

from core import perceptual
from core.errors import UserError
from core.hub import registry
from core.settings import Progress
from core.style import choice
from core.style.optimise import budget
from core.style.optimise.paint import paint
from core.style.request import StyleRequest
from support.pictures import scene, texture

REQUEST = StyleRequest(size=64, steps=2, network="vgg19")


@pytest.fixture
def vgg19_on_the_hub(local_hub, monkeypatch):
    """A file with VGG-19's names and random numbers at the pinned revision, of an eighth of its width; its shapes are
    for tests/test_perceptual.py."""
    monkeypatch.setattr(perceptual, "VGG19", tuple(tuple(w // 8 for w in scale) for scale in perceptual.VGG19))
    entry = registry.entry("vgg19")
    rng = np.random.default_rng(0)
    tensors, before = {"head.fc.bias": np.zeros(1000, np.float32)}, 3
    for n, width in zip(perceptual.VGG19_FEATURES, (w for scale in perceptual.VGG19 for w in scale), strict=True):
        size = (2 / (9 * before)) ** 0.5
        tensors[f"features.{n}.weight"] = rng.normal(0, size, (width, before, 3, 3)).astype(np.float32)
        tensors[f"features.{n}.bias"] = np.zeros(width, np.float32)
        before = width
    local_hub.add(entry.repo, {entry.file: save(tensors)}, revision=entry.revision)
    budget.remember("vgg19", budget.Measured(0.01, 1e-6, 1000, 1e8))
    return local_hub


@pytest.mark.slow
def test_vgg19_is_fetched_once_and_paints(vgg19_on_the_hub, monkeypatch):
    # The registry knows the digest of the real file; this one is ours.
    real = registry.entry("vgg19")
    monkeypatch.setattr(registry, "entry", lambda name: dataclasses.replace(real, sha256=""))
    events = list(paint(REQUEST, scene(), [texture()]))
    assert any("Downloading" in event.note or "Asking" in event.note for event in events if isinstance(event, Progress))
    assert events[-1].recipe["painted_with"] == "VGG-19"
    assert choice.choose("auto") == "vgg19"
    asked = len(vgg19_on_the_hub.log)
    assert list(paint(REQUEST, scene(), [texture()]))[-1].images
    assert len(vgg19_on_the_hub.log) == asked


def test_without_a_network_the_bundled_one_paints_and_vgg19_says_why():
    assert choice.choose("auto") == "bundled"
    with pytest.raises(UserError, match="Hub"):
        list(paint(REQUEST, scene(), [texture()]))


def test_a_download_can_be_stopped(vgg19_on_the_hub):
    with pytest.raises(UserError):
        list(paint(REQUEST, scene(), [texture()], stopped=lambda: True))
    assert choice.choose("auto") == "bundled"
