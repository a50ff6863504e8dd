"""The methods to make and train a generator: one file each in this folder, and one line each here.

Plain: no torch. A method's file defines `METHOD`, a `core.gan.methods.method.Method`, and is imported when asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.gan.methods.method import Method

# The file's name, which is also what requests and configurations say, and what people read.
METHODS: Mapping[str, str] = {
    "dcgan": "DCGAN",
    "connected": "Fully connected",
    "progressive": "Progressive growing",
    "msg": "Multi-scale gradients",
    "style": "StyleGAN",
    "projected": "Projected GAN",
    "vae": "Variational autoencoder",
}
ADVERSARIAL = tuple(name for name in METHODS if name != "vae")  # those with a discriminator
SEEING = ("projected",)  # of these, those whose discriminators see with our own network, which is not learned
PENALISED = tuple(name for name in ADVERSARIAL if name not in SEEING)  # those whose slopes may be punished


def load(name: str) -> Method:
    """The method of this name; `ValueError` where there is none."""
    if name not in METHODS:
        raise ValueError(f"method is {str(name)[:20]}")
    return importlib.import_module(f"{__name__}.{name}").METHOD
