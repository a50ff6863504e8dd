"""From a foreign file to a generator, or to the reason why it is none.

A file may hold several dictionaries of tensors, or a whole GAN in one: the generator is found among them, read in the
way its tensors bear out (`core.gan.zoo.evidence`), and has to make pictures. How it is to be read, where it does not
tell, can be said: tags with commas between, like "relu,sigmoid". Knows no Hub.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from core.errors import UserError
from core.gan.methods.method import GeneratorNetwork
from core.gan.zoo import chain, evidence, pickles, told
from core.gan.zoo.layers import Foreign
from core.gan.zoo.recognise import Found
from core.hub.safetensors_header import POINTER, require_content

TRIED = 16  # latents a new generator has to make pictures of
AVERAGE = re.compile(r"ema|avg|average", re.I)
# What the parts of a whole GAN, or of a checkpoint, are called.
GENERATOR = re.compile(r"gen|netg|decoder|(^|[._])g([._]|$)", re.I)
OTHER = re.compile(r"disc|critic|netd|encoder|(^|[._])[de]([._]|$)|optim", re.I)


class NotUsable(UserError):
    """This file is no generator that can be used; another one of the repository may be."""


@dataclass(frozen=True)
class Read:
    """`said`: what was understood; `open`: what the file leaves open, as in `core.gan.zoo.load.Loaded`."""

    network: Foreign
    said: str
    open: tuple[Mapping[str, str], ...]


def dictionaries(path: Path, name: str) -> dict[str, dict[str, Tensor]]:
    """The dictionaries of tensors in a file, by the way to them."""
    if path.suffix == ".safetensors":
        return {"": _safe(path, name)}
    try:
        return pickles.dictionaries(pickles.read(path, name), name)
    except UserError as error:
        raise NotUsable(str(error)) from error


def read(tensors: Mapping[str, Mapping[str, Tensor]], size: int | None, what: str, reading: str = "") -> Read:
    """The generator among them: averages first, discriminators never. `size`: the side of its pictures, where that is
    known; `what` the file is called. `NotUsable` where there is none."""
    parts = _parts(tensors)
    fitting = {way: part for way, part in parts.items() if not OTHER.search(way) or GENERATOR.search(way)} or parts
    reasons = []
    for way in sorted(fitting, key=lambda way: (not AVERAGE.search(way), not GENERATOR.search(way))):
        try:
            found = Found(chain.read(fitting[way]), size)
            settled = evidence.settle(found, tuple(tag for tag in reading.split(",") if tag))
            said = told.told(settled)
            require_pictures(settled.network, what, f"is understood ({said.split(':')[0]})", found.untrained)
        except UserError as error:
            reasons.append(error)
            continue
        left_open = tuple({option.tag: option.says for option in options} for options in settled.open.values())
        return Read(settled.network, said, left_open)
    if reasons and isinstance(reasons[0], NotUsable):
        raise reasons[0]
    raise NotUsable(f"{what} cannot be used. {reasons[0] if reasons else 'It has no tensors.'}")


@torch.no_grad()
def require_pictures(network: GeneratorNetwork, what: str, understood: str = "", untrained: bool = False) -> None:
    """Raises `NotUsable` where it makes no pictures, or always the same one."""
    latents = network.latents(TRIED, torch.Generator().manual_seed(0))
    made = torch.cat([network(part) for part in latents.split(8)])
    if made.isfinite().all() and made.std(0).mean() >= 1e-4:
        return
    why = "it has not been trained" if untrained else "it is untrained, or has collapsed"
    raise NotUsable(
        f"{what} {understood or 'was read'}, but makes no pictures, or always the same one: {why}; nothing was kept."
    )


def _parts(tensors: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Mapping[str, Tensor]]:
    """The dictionaries, those that hold a whole GAN taken apart by the beginnings of names."""
    parts: dict[str, Mapping[str, Tensor]] = {}
    for way, held in tensors.items():
        heads: dict[str, dict[str, Tensor]] = {}
        for key, value in held.items():
            head, _, rest = re.sub(r"^(module\.|_orig_mod\.)+", "", key).partition(".")
            if rest:
                heads.setdefault(head, {})[rest] = value
        whole = len(heads) > 1 and any(OTHER.search(head) for head in heads)
        parts |= {f"{way}.{head}".lstrip("."): part for head, part in heads.items()} if whole else {way: held}
    return parts


def _safe(path: Path, name: str) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with path.open("rb") as file:
        require_content(file.read(len(POINTER)), name)
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise NotUsable(f"{name} is not a sound safetensors file ({str(error)[:100]}).") from error
