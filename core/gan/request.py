"""What may be asked of a GAN: training and sampling, their settings, and presets. Plain: no torch, no UI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from core.errors import UserError
from core.gan.methods import ADVERSARIAL, METHODS, PENALISED
from core.settings import Request, setting, settings_of


@dataclass(frozen=True)
class TrainRequest(Request):
    """Train a GAN on a set of images. The defaults are for small sets on a processor."""

    kind: ClassVar[str] = "train"

    size: int = setting(
        32, "Size", "Side of the pictures. Twice the side takes about four times as long.",
        choices={16: "16 px", 32: "32 px", 64: "64 px", 128: "128 px", 256: "256 px"}, structural=True,
    )  # fmt: skip
    method: str = setting(
        "dcgan", "Method",
        "DCGAN sees shapes; fully connected is where the lesson begins. StyleGAN, progressive growing and multi-scale "
        "gradients take four to five times as long a step, a projected GAN three times at 64 px and seven times below; "
        "an autoencoder's pictures are blurred.",
        choices=METHODS, structural=True,
    )  # fmt: skip
    colour: str = setting(
        "rgb", "Colours", "What the pictures are made of.",
        choices={"rgb": "Colour", "grey": "Grey", "rgba": "Colour with transparency"}, structural=True,
    )  # fmt: skip
    shape: str = setting(
        "crop", "Odd shapes", "Pictures that are not square are cropped to the middle, or shrunk to fit, with edges.",
        choices={"crop": "Crop", "fit": "Fit"}, structural=True,
    )  # fmt: skip
    steps: int = setting(
        3000, "Steps", "How many times both networks learn from one batch.", lo=20, hi=1_000_000, step=100
    )
    grown_at: int = setting(
        1500, "Grown at step", "From here on pictures have their full size; before, they grow from 4 px.",
        lo=0, hi=500_000, step=100, structural=True, only_for=("progressive",),
    )  # fmt: skip
    flip: bool = setting(False, "Mirror", "Also show every picture mirrored. Not for text or faces with a parting.")
    by_folder: bool = setting(
        False, "Folders are classes",
        "The folder that a picture lies in says what it is; later, pictures of one class can be asked for.",
        structural=True, only_for=ADVERSARIAL,
    )  # fmt: skip
    batch: int = setting(64, "Batch", "Pictures per step.", lo=2, hi=512, step=2, advanced=True)
    loss: str = setting(
        "original", "Loss", "What the networks want.",
        choices={
            "original": "Original (2014)", "hinge": "Hinge", "relativistic": "Relativistic (R3GAN)",
            "wasserstein": "Wasserstein (WGAN-GP)",
        }, advanced=True, only_for=ADVERSARIAL,
    )  # fmt: skip
    latent: int = setting(
        64, "Latent numbers", "How many numbers describe one picture.",
        lo=2, hi=512, step=2, advanced=True, structural=True,
    )  # fmt: skip
    width_g: int = setting(
        32, "Generator's width",
        "How wide its layers are: channels at half the size; of an autoencoder, its encoder's too.",
        lo=4, hi=128, step=4, advanced=True, structural=True,
    )  # fmt: skip
    width_d: int = setting(
        32, "Discriminator's width",
        "How wide its layers are: channels at half the size; of a projected GAN, of what it sees at each scale.",
        lo=4, hi=128, step=4, advanced=True, structural=True, only_for=ADVERSARIAL,
    )  # fmt: skip
    noise: bool = setting(
        True, "Noise", "Without it the generator is always given the same, and makes one picture: to see what for.",
        advanced=True,
    )  # fmt: skip
    norm_g: str = setting(
        "batch", "Generator's normalisation", "Batch norm is the paper's.",
        choices={"batch": "Batch norm", "none": "None"}, advanced=True, structural=True,
        only_for=("dcgan", "connected", "vae", "projected"),
    )  # fmt: skip
    norm_d: str = setting(
        "spectral", "Discriminator's normalisation", "Spectral norm keeps it from winning; batch norm is the paper's.",
        choices={"spectral": "Spectral norm", "batch": "Batch norm", "none": "None"}, advanced=True, structural=True,
        only_for=("dcgan", "connected"),
    )  # fmt: skip
    minibatch_stddev: bool = setting(
        False, "Minibatch standard deviation",
        "Shows the discriminator how much the pictures of a batch differ, so that the generator cannot repeat itself.",
        advanced=True, structural=True, only_for=("dcgan",),
    )  # fmt: skip
    rate_g: float = setting(
        0.0004, "Generator's learning rate", "Too high: pictures jump about.",
        lo=0.0, hi=0.1, step=0.0001, advanced=True,
    )  # fmt: skip
    rate_d: float = setting(
        0.0004, "Discriminator's learning rate", "Too high: it wins and nothing more is learned.",
        lo=0.0, hi=0.1, step=0.0001, advanced=True, only_for=ADVERSARIAL,
    )  # fmt: skip
    beta1: float = setting(0.5, "Momentum", "Adam's first beta; the paper's is 0.5.", lo=0.0, hi=0.99, step=0.05,
                           advanced=True)  # fmt: skip
    smoothing: float = setting(
        0.0, "Label smoothing", "Real pictures count as 1 minus this. Original loss only.",
        lo=0.0, hi=0.5, step=0.05, advanced=True, only_for=ADVERSARIAL,
    )  # fmt: skip
    skip_d_below: float = setting(
        0.0, "Let the discriminator wait below", "It skips its step while its loss is below this; 0: never.",
        lo=0.0, hi=2.0, step=0.05, advanced=True, only_for=ADVERSARIAL,
    )  # fmt: skip
    r1: float = setting(
        0.0, "R1", "Punishes a discriminator that reacts strongly to small changes; 0: off.",
        lo=0.0, hi=100.0, step=0.1, advanced=True, only_for=PENALISED,
    )  # fmt: skip
    gamma: float = setting(
        0.1, "R1 and R2", "As R1, on real and generated pictures alike, with the relativistic loss only; 0: off.",
        lo=0.0, hi=100.0, step=0.01, advanced=True, only_for=PENALISED,
    )  # fmt: skip
    gradient_penalty: float = setting(
        10.0, "Gradient penalty", "Keeps the discriminator's slope near 1, with the Wasserstein loss only; 0: off.",
        lo=0.0, hi=100.0, step=1.0, advanced=True, only_for=PENALISED,
    )  # fmt: skip
    vary_colour: bool = setting(
        False, "Vary colours", "DiffAugment: for sets of less than a few hundred.", advanced=True, only_for=ADVERSARIAL,
    )  # fmt: skip
    translate: bool = setting(
        True, "Shift", "DiffAugment: for sets of less than some thousands.", advanced=True, only_for=ADVERSARIAL
    )
    cut_out: bool = setting(
        False, "Cut holes", "DiffAugment: for sets of less than a few hundred.", advanced=True, only_for=ADVERSARIAL
    )
    ema: float = setting(
        0.995, "Averaging", "The final generator is a moving average over about 1 / (1 - this) steps; 0: off.",
        lo=0.0, hi=0.9999, step=0.001, advanced=True,
    )  # fmt: skip
    seed: int = setting(
        0, "Seed", "The same seed, settings, images and machine give the same networks.",
        lo=0, hi=2**32 - 1, step=1, advanced=True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, about in settings_of(self).items():
            if not about.applies(self.method) and getattr(self, name) != about.default:
                raise UserError(
                    f"{about.label} is {getattr(self, name)!r}, but does nothing with the method {self.method!r}; "
                    f"leave it at {about.default!r}, or choose {' or '.join(about.only_for)}."
                )

        if self.method == "connected" and self.size > 128:
            raise UserError(
                f"Size is {self.size}, where fully connected networks take a hundred million numbers; choose up to "
                "128 px, or another method."
            )
        if self.method == "progressive" and self.steps <= self.grown_at:
            raise UserError(
                f"Pictures would have grown at step {self.grown_at:,}, but there are only {self.steps:,} steps; choose "
                "more, or let them grow faster."
            )
        if self.loss == "wasserstein" and self.method not in PENALISED:
            raise UserError(
                "Loss is 'wasserstein', which punishes the discriminator's slopes, but most of those are the network's "
                f"that {self.method!r} sees with; choose another loss, or {' or '.join(PENALISED)}."
            )
        if self.loss == "wasserstein" and self.skip_d_below:
            raise UserError(
                f"Let the discriminator wait below is {self.skip_d_below}, but the Wasserstein loss does not tell how "
                "far ahead it is; leave it at 0, or choose another loss."
            )

    @property
    def rates(self) -> tuple[float, float]:
        """Of the generator, and of what learns beside it; where they have one loss, they learn as one."""
        return self.rate_g, self.rate_d if self.method in ADVERSARIAL else self.rate_g

    @property
    def channels(self) -> int:
        """Of a picture."""
        return {"grey": 1, "rgb": 3, "rgba": 4}[self.colour]


TRAIN_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "small": {},
    # Radford et al. 2015, section 4, with the widths of the usual code.
    "paper": {
        "size": 64, "batch": 128, "latent": 100, "width_g": 64, "width_d": 64, "norm_d": "batch", "rate_g": 0.0002,
        "rate_d": 0.0002, "translate": False, "ema": 0.0,
    },
    # Huang et al. 2024 (R3GAN) on our networks: what learned fastest in a pilot.
    "relativistic": {"loss": "relativistic", "norm_d": "none", "beta1": 0.0},
    # Not their papers': with these, 16 px faces were there after some 400 to 800 steps of 32, one seed; with the
    # Wasserstein loss and the rate of 0.001 of Karras et al. 2018, after 700 steps, there were none.
    "progressive": {
        "method": "progressive", "loss": "relativistic", "rate_g": 0.003, "rate_d": 0.003, "beta1": 0.0,
    },
    "msg": {"method": "msg", "loss": "relativistic", "rate_g": 0.003, "rate_d": 0.003, "beta1": 0.0},
    "style": {"method": "style", "loss": "relativistic", "rate_g": 0.002, "rate_d": 0.002, "beta1": 0.0},
    # The loss of Sauer et al. 2021; with their rate of 0.0002 there was nothing to be seen after 400 steps of 16
    # critters of 32 px, with these there were critters.
    "projected": {
        "method": "projected", "size": 64, "batch": 16, "loss": "hinge", "rate_g": 0.002, "rate_d": 0.0005,
        "beta1": 0.0,
    },
    # AI-For-Beginners, lesson 17.
    "lesson": {
        "size": 32, "method": "connected", "colour": "grey", "batch": 256, "latent": 100, "width_g": 64, "width_d": 64,
        "norm_d": "none", "rate_g": 0.0002, "rate_d": 0.0002, "translate": False, "ema": 0.0,
    },
    "lesson_dcgan": {
        "size": 32, "colour": "grey", "batch": 256, "latent": 100, "width_g": 64, "width_d": 64,
        "norm_d": "none", "rate_g": 0.0002, "rate_d": 0.0002, "translate": False, "ema": 0.0,
    },
}  # fmt: skip


def best_at(size: int) -> str:
    """The preset whose pictures are best after the first minutes on a processor (`bench/quality.py`)."""
    return "projected" if size >= 64 else "small"


MAX_POINTS = 400


@dataclass(frozen=True)
class SampleRequest(Request):
    """Have a generator make pictures: `count` of a seed, or those that `points` name (see `core.gan.points`)."""

    kind: ClassVar[str] = "sample"
    quick: ClassVar[bool] = True

    generator: str = "portraits"  # what `core.gan.zoo.load` can open: a name, run:..., hub:...
    seed: int = setting(
        0, "Seed", "Another seed, other pictures; the same seed, the same pictures.", lo=0, hi=2**32 - 1, step=1
    )  # fmt: skip
    count: int = setting(36, "Pictures", "How many.", lo=1, hi=MAX_POINTS, step=1)
    truncation: float = setting(
        1.0, "Truncation", "Less makes pictures surer and more alike; more makes them bolder.",
        lo=0.0, hi=2.0, step=0.05,
    )  # fmt: skip
    averaged: bool = setting(True, "Averaged", "The average of the last training steps; usually better.", advanced=True)
    sort: bool = setting(False, "Best first", "Sorted by the discriminator's opinion.")
    points: tuple[str, ...] = ()  # in place of seed and count: exactly these pictures
    label: str = ""  # the class of all of them, by name or number, where there are classes; else they take turns
    weights: str = ""  # those the pictures were made with (see `core.gan.zoo.load.Loaded`), in recipes

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.generator or not isinstance(self.generator, str) or len(self.generator) > 400:
            raise UserError(f"The generator is {str(self.generator)[:40]!r}; it has to be the name of one.")
        listed = isinstance(self.points, list | tuple)
        if not listed or len(self.points) > MAX_POINTS or any(not isinstance(p, str) for p in self.points):
            raise UserError(f"Points are {str(self.points)[:40]!r}; give a list of at most {MAX_POINTS}, like 7:12.")
        object.__setattr__(self, "points", tuple(self.points))
        if not isinstance(self.label, str) or len(self.label) > 100:
            raise UserError(f"The class is {str(self.label)[:40]!r}; give its name or its number, like 3.")
        if not isinstance(self.weights, str) or len(self.weights) > 100:
            raise UserError(f"The weights are {str(self.weights)[:40]!r}; leave them as the recipe has them.")
