"""From a request, or a configuration, to networks of whichever method it names. Knows no method, and no files."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch

from core.gan import classes, methods
from core.gan.methods.method import GeneratorNetwork, Network
from core.gan.request import TrainRequest

MAX_NUMBER = 2**16  # in a configuration


def build(request: TrainRequest, rng: torch.Generator, names: Sequence[str] = ()) -> tuple[GeneratorNetwork, Network]:
    """Both networks of a request, freshly initialised from `rng`; of classes with these names, where there are any."""
    method = methods.load(request.method)
    of_generator, of_partner = ({**config, **classes.told(names)} for config in method.configs(request))
    with torch.random.fork_rng(devices=[]):  # torch's layers draw weights of their own before ours replace them
        g, d = method.generator(**of_generator), method.partner(**of_partner)
    method.initialise(g, rng)
    method.initialise(d, rng)
    return g, d


def generator(config: Mapping[str, Any]) -> GeneratorNetwork:
    """Without its numbers, of a configuration that anybody may have written; `KeyError`, `ValueError` or `TypeError`
    where it makes no sense."""
    kind = methods.load(config["method"]).generator
    return kind(**_checked(kind, config))


def discriminator(config: Mapping[str, Any]) -> Network:
    """Like `generator`."""
    if config["method"] not in methods.ADVERSARIAL:
        raise ValueError(f"{str(config['method'])[:20]} has no discriminator")
    kind = methods.load(config["method"]).partner
    return kind(**_checked(kind, config))


def _checked(kind: type[Network], config: Mapping[str, Any]) -> Mapping[str, Any]:
    """A configuration whose values are what the constructor says it takes."""
    parameters = typing.get_type_hints(kind.__init__)
    for name, value in config.items():
        allowed = parameters.get(name)
        if name == "classes" and allowed is not None:
            fits = classes.sound(value)
        else:
            fits = (
                value in typing.get_args(allowed) if typing.get_origin(allowed) is Literal else type(value) is allowed
            )
        if not fits or (allowed is int and not 0 < value <= MAX_NUMBER):
            raise ValueError(f"{name[:20]} is {str(value)[:20]}")
    return config
