"""What measures look at: a training at one moment, and the real pictures it is compared with.

What several measures need is computed once, and only where one of them asks; looking changes nothing of what is
learned. Features are those of our own network, so no scale is that of papers: they compare moments of one run.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core import perceptual
from core.gan.losses import COMPARING
from core.gan.methods import ADVERSARIAL
from core.pictures import images

if TYPE_CHECKING:
    from core.gan.train import Training

COMPARED = 256  # pictures on each side at most: more tell no more of a run
FEW = 64  # at least, and for what is measured every few seconds: enough to tell a collapse from progress
TRIED = 8  # pictures that tell how long one takes
SIDE = 8  # px of small pictures: what is where, in which colour
SEARCHED = 1024  # pictures among which the nearest is looked for; who learns more by heart has few to learn from


class Real:
    """A fixed choice of the pictures a run learns from, and of those it does not, kept from moment to moment."""

    def __init__(self, pixels: np.ndarray, held_out: Sequence[int] | np.ndarray = ()):
        """`pixels` is uint8 [N, size, size, channels]; `held_out` are places in it."""
        learned = np.setdiff1d(np.arange(len(pixels)), np.asarray(held_out, int))
        chosen = np.random.default_rng(0)
        self.pixels, self.count, self.compared = pixels, len(learned), COMPARED
        self.learned = learned[chosen.permutation(len(learned))]
        self.held_out = chosen.permutation(np.asarray(held_out, int))[:COMPARED]
        self._found = torch.empty(0, 0)

    def _pictures(self, places: np.ndarray) -> list[Image.Image]:
        return [Image.fromarray(np.squeeze(self.pixels[i])) for i in places]

    def plan(self, seconds: float) -> float:
        """From now on as many pictures are compared as can be looked at in so many seconds, within bounds. Returns how
        long that takes the first time: real ones, samples, and some to search among."""
        some = self._pictures(self.learned[:TRIED])
        features(some[:1])  # the first one is slow
        began = time.perf_counter()
        features(some)
        each = max((time.perf_counter() - began) / len(some), 1e-6)
        self.compared = int(min(max(seconds / each, FEW), COMPARED))
        return 3 * self.compared * each

    @cached_property
    def pictures(self) -> list[Image.Image]:
        return self._pictures(self.learned[: self.compared])

    @cached_property
    def features(self) -> Tensor:
        """[N <= COMPARED, 512]"""
        return features(self.pictures)

    @cached_property
    def unseen(self) -> Tensor:
        """Of pictures that are never learned from: [N <= COMPARED, 512]"""
        return features(self._pictures(self.held_out[: self.compared]))

    @cached_property
    def small(self) -> tuple[Tensor, Tensor]:
        """Those learned from, and those never: [N <= SEARCHED, 192] and [N <= COMPARED, 192], see `small`."""
        return small(self._pictures(self.learned[:SEARCHED])), small(self._pictures(self.held_out))

    def searched(self) -> Tensor | None:
        """Of pictures learned from, all where they are not too many: [N <= SEARCHED, 512]. That takes a while, so every
        time it is asked for some more are looked at, and it is None until they all are."""
        if not len(self._found):
            self._found = self.features
        done, wanted = len(self._found), min(self.count, SEARCHED)
        if done < wanted:
            more = features(self._pictures(self.learned[done : min(wanted, done + self.compared)]))
            self._found = torch.cat([self._found, more])
        return self._found if len(self._found) == wanted else None


@dataclass(frozen=True)
class Opinions:
    """What D says, as logits [N <= FEW], of pictures it learned from, of held-out and of generated ones. Where it only
    compares, they are compared with the middle of the generated ones."""

    real: Tensor
    held_out: Tensor
    fake: Tensor


class Moment:
    """A training as it is now. The next step ends it, so all that is wanted of it has to be asked before."""

    def __init__(self, training: Training, real: Real):
        self.training, self.real = training, real

    @cached_property
    def samples(self) -> list[Image.Image]:
        """Of the moving average, from the same latents at every moment; as many as there are real ones to compare with,
        and no fewer than `FEW`."""
        return self.training.sample(max(FEW, len(self.real.pictures)))

    @cached_property
    def few(self) -> list[Image.Image]:
        return self.training.sample(FEW)

    @cached_property
    def small(self) -> Tensor:
        """Of the few: [FEW, 192]"""
        return small(self.few)

    @cached_property
    def features(self) -> Tensor:
        """Of the samples: [FEW <= N <= COMPARED, 512]"""
        return features(self.samples)

    @cached_property
    @torch.no_grad()
    def opinions(self) -> Opinions | None:
        """None where nobody judges."""
        training = self.training
        if training.request.method not in ADVERSARIAL:
            return None
        places = (self.real.learned[:FEW], self.real.held_out[:FEW])
        before = training.d.training
        training.d.eval()
        with training.accelerator.autocast():
            latents = training.preview_latents(FEW)
            shares = latents.flatten(1)[:, -len(training.labels.names) :] if training.labels else None
            fake = training.judged(training.ema.shown(latents), shares).float()
            real, unseen = (self._judged(chosen) for chosen in places)
        training.d.train(before)
        compared = fake.median() if training.request.loss in COMPARING else 0.0
        return Opinions(real - compared, unseen - compared, fake - compared)

    def _judged(self, places: np.ndarray) -> Tensor:
        if not len(places):
            return torch.empty(0)
        training = self.training
        shares = training.shares(places) if training.labels else None
        return training.judged(training.d.shown(training.pictures(places)), shares).float()


def features(pictures: Sequence[Image.Image]) -> Tensor:
    """[N, 512]; what can be seen through is on white."""
    return perceptual.embed(_network(), [images.on_white(picture) for picture in pictures])


def small(pictures: Sequence[Image.Image]) -> Tensor:
    """Pictures as they are, very small: [N, 192]. Quick, and near in these is near for everybody."""
    shrunk = [images.on_white(p).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX) for p in pictures]
    pixels = np.stack([np.asarray(p, np.float64).ravel() for p in shrunk]) if shrunk else np.empty((0, 3 * SIDE**2))
    return torch.from_numpy(pixels)


@functools.cache
def _network() -> perceptual.FeatureNet:
    return perceptual.load("bundled")
