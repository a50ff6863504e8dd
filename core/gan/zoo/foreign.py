"""From a foreign file to a generator, or to the reason why it is none.

A file may hold several dictionaries of tensors, or a whole GAN in one: the generator is found among them, read in the
way its tensors bear out (`core.gan.zoo.evidence`), and has to make pictures. How it is to be read, where it does not
tell, can be said: tags with commas between, like "relu,sigmoid". Knows no Hub.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import UserError
from core.gan.methods.method import GeneratorNetwork
from core.gan.zoo import chain, cost, evidence, pickles, stated, told, unfolded
from core.gan.zoo.evidence import Settled
from core.gan.zoo.layers import NORMS, Foreign
from core.gan.zoo.modules import Module, of_part
from core.gan.zoo.questions import Answers
from core.gan.zoo.recognise import Found
from core.hub.safetensors_header import POINTER, require_content

TRIED = 16  # latents a new generator has to make pictures of
AVERAGE = re.compile(r"ema|avg|average", re.I)
# What the parts of a whole GAN, or of a checkpoint, are called.
GENERATOR = re.compile(r"gen|netg|decoder|(^|[._])g([._]|$)", re.I)
DECODES = re.compile(r"decod|vae", re.I)  # what files are called
DECODER = re.compile(r"(^|[._])dec", re.I)  # what stands in a decoder, also before the encoder's end
TABLE = re.compile(r"emb", re.I)
MEAN, SPREAD = re.compile(r"mu|mean", re.I), re.compile(r"var|sig|std|spread|log", re.I)  # what an encoder ends in
MOST_TOLD = 100  # numbers that tell a decoder of a class
OTHER = re.compile(r"disc|critic|netd|encoder|(^|[._])[de]([._]|$)|optim", re.I)


class NotUsable(UserError):
    """This file is no generator that can be used; another one of the repository may be."""


@dataclass(frozen=True)
class Reading:
    """One way to read a file: `tags` choose it, `says` tells it, `config` is that of its network; `said` is what is to
    be known of it once it is chosen."""

    tags: str
    says: str
    config: Mapping[str, Any]
    said: str = ""


@dataclass(frozen=True)
class Read:
    """`said`: what was understood; `open`: what the file leaves open, as in `core.gan.zoo.load.Loaded`; `readings`: the
    ways to read it that are left, the likeliest first, where there are several."""

    network: Foreign
    said: str
    open: tuple[Mapping[str, str], ...]
    readings: tuple[Reading, ...] = ()


def opened(path: Path, name: str) -> tuple[dict[str, dict[str, Tensor]], dict[str, Module]]:
    """The dictionaries of tensors in a file, and the modules that are saved whole in it, by the ways to them."""
    if path.suffix == ".safetensors":
        return {"": _safe(path, name)}, {}
    try:
        return pickles.opened(pickles.read(path, name), name)
    except UserError as error:
        raise NotUsable(str(error)) from error


def read(
    tensors: Mapping[str, Mapping[str, Tensor]],
    size: int | None,
    what: str,
    reading: str = "",
    modules: Mapping[str, Module] = types.MappingProxyType({}),
) -> Read:
    """The generator among them: averages first, discriminators never. `size`: the side of its pictures, where that is
    known; `what` the file is called; `modules` those that are saved whole. `NotUsable` where there is none."""
    tensors = {way: unfolded.unfolded(held) for way, held in tensors.items()}
    decoders = {way: half for way, held in tensors.items() if (half := _decoder(held))}
    parts: dict[str, Mapping[str, Tensor]] = {way: decoder for way, (decoder, _) in decoders.items()}
    parts |= _parts({way: held for way, held in tensors.items() if way not in decoders})
    if any(_repaints(parts, way) for way in parts):
        raise NotUsable(
            f"{what} cannot be used. It is a network from pictures to pictures (an encoder and a decoder): it takes "
            "pictures, while a generator takes random numbers."
        )
    fitting = {way: part for way, part in parts.items() if not OTHER.search(way) or GENERATOR.search(way)} or parts
    reasons = []
    for way in sorted(fitting, key=lambda way: (not AVERAGE.search(way), not GENERATOR.search(way))):
        try:
            decodes = way in decoders or any("encod" in other.lower() for other in parts) or bool(DECODES.search(what))
            latent = decoders[way][1] if way in decoders else None
            held = of_part(modules, way)
            held = _behind_encoder(held, fitting[way]) if way in decoders else held
            found = Found(chain.read(fitting[way], held), size, decodes, latent)
            settled = _settled(found, reading)
            said = told.told(settled, found)
            require_pictures(settled.network, what, f"is understood ({said.split(':')[0]})", found.untrained)
        except UserError as error:
            reasons.append(error)
            continue
        left_open = tuple({option.tag: option.says for option in options} for options in settled.open.values())
        return Read(settled.network, said, left_open, _readings(found, settled))
    if reasons and isinstance(reasons[0], NotUsable):
        raise reasons[0]
    raise NotUsable(f"{what} cannot be used. {reasons[0] if reasons else 'It has no tensors.'}")


def _settled(found: Found, reading: str) -> Settled:
    """Read so; nothing is left open where `reading` is that of a row, whatever else its answers would leave so."""
    settled = evidence.settle(found, tuple(tag for tag in reading.split(",") if tag))
    if not (settled.open and reading):
        return settled
    with contextlib.suppress(UserError):  # it cannot be read but with something said
        asked = evidence.settle(found)
        if row := next((row for row in asked.rows if _tags(row, asked) == reading), None):
            return replace(asked, network=found.network(row), answers=row, open={}, rows=())
    return settled


def _tags(row: Answers, settled: Settled) -> str:
    return ",".join(row[name].tag for name in settled.open)


def _readings(found: Found, settled: Settled) -> tuple[Reading, ...]:
    readings = []
    for row in settled.rows:
        with contextlib.suppress(UserError):  # too large, read so
            config = found.network(row).config
            says = ", ".join(row[name].says for name in settled.open)
            said = " ".join([f"Read with {says}.", *told.assumed(settled, found)])
            readings.append(Reading(_tags(row, settled), says, config, said))
    return tuple(readings) if len(readings) > 1 else ()


def read_as(network: Foreign, config: Mapping[str, Any]) -> Foreign:
    """The same tensors, read in another of the ways that were left."""
    other = cost.planned(lambda: Foreign.from_config(config))
    kinds = ((nn.Linear, nn.Conv2d, nn.ConvTranspose2d), NORMS, (nn.PReLU,))
    state = {name: value for name, value in network.state_dict().items() if name == "joined.table"}
    for kind in kinds:  # a norm may stand elsewhere then, but stays that of the same layer
        mine = [module for module in network.modules() if isinstance(module, kind)]
        names = [name for name, module in other.named_modules() if isinstance(module, kind)]
        for name, module in zip(names, mine, strict=True):
            state |= {f"{name}.{leaf}": value for leaf, value in module.state_dict().items()}
    return cost.filled(other, state)


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
        for head in [head for head in heads if whole and TABLE.search(head)]:  # classes that several parts share
            for part in heads.values():
                part |= {f"{head}.{leaf}": value for leaf, value in heads[head].items() if part is not heads[head]}
        parts |= {f"{way}.{head}".lstrip("."): part for head, part in heads.items()} if whole else {way: held}
    return parts


def _decoder(held: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], int] | None:
    """What stands behind the encoder of a variational autoencoder, and how many numbers that one makes: it ends in two
    linear layers alike, for the mean and the spread, which are called so, or cannot follow each other; or in one that
    makes both."""
    linear = [key for key, value in held.items() if value.ndim == 2 and key.endswith(".weight")]
    for one, other in itertools.pairwise(linear):
        called = MEAN.search(one) and SPREAD.search(other)
        made, taken = held[one].shape
        later = linear[linear.index(other) + 1 :]
        last = "encod" in other.lower() and not any("encod" in key.lower() for key in later)
        # What follows takes as many numbers, and perhaps a class.
        side_by_side = made < taken and bool(later) and made <= held[later[0]].shape[1] <= made + MOST_TOLD
        if held[one].shape != held[other].shape or not (called or last or side_by_side):
            continue
        keys = list(held)
        # Of more layers alike each is one more end of the encoder, not the decoder's beginning.
        alike = functools.partial(_is_alike, held, one)
        heads = {key.rpartition(".")[0] for key in (other, *itertools.takewhile(alike, later))}
        at = keys.index(other)
        behind = [key for i, key in enumerate(keys)
                  if (i > at or DECODER.search(key)) and key.rpartition(".")[0] not in heads]  # fmt: skip
        if sum(held[key].ndim in (2, 4) for key in behind) > 1:
            own = any(TABLE.search(key) for key in behind)
            tables = [] if own else [key for key in keys if TABLE.search(key) and key not in behind]
            return {key: held[key] for key in (*tables, *behind)}, len(held[one])
    return _behind_one(held, linear)


def _behind_encoder(modules: Mapping[str, Module], decoder: Mapping[str, Tensor]) -> dict[str, Module]:
    """Without modules of its encoder that leave nothing in the tensors, such as pooling; activations may be both's."""
    first = next((i for i, name in enumerate(modules) if f"{name}.weight" in decoder), 0)
    return {
        name: module for i, (name, module) in enumerate(modules.items())
        if i >= first or module.kind in stated.ACTIVATIONS or any(key.startswith(f"{name}.") for key in decoder)
    }  # fmt: skip


def _is_alike(held: Mapping[str, Tensor], one: str, other: str) -> bool:
    """Whether two layers are as large, and cannot follow each other."""
    made, taken = held[one].shape
    return made != taken and held[other].shape == (made, taken)


def _behind_one(held: Mapping[str, Tensor], linear: Sequence[str]) -> tuple[dict[str, Tensor], int] | None:
    """The same, where what takes pictures ends in one layer that makes twice the numbers that the next one takes."""
    keys = list(held)
    first = next((held[key] for key in keys if held[key].ndim in (2, 4)), None)
    takes = first is not None and (first.shape[1] in chain.PICTURE_CHANNELS if first.ndim == 4 else
                                   bool(chain.picture(first.shape[1])))  # fmt: skip
    for one, other in itertools.pairwise(linear if takes else ()):
        behind = keys[keys.index(other) :]
        if len(held[one]) == 2 * held[other].shape[1] and sum(held[key].ndim in (2, 4) for key in behind) > 1:
            return {key: held[key] for key in behind}, held[other].shape[1]
    return None


def _repaints(parts: Mapping[str, Mapping[str, Tensor]], way: str) -> bool:
    """Whether this part is a decoder that is given all that an encoder beside it makes. That of a variational
    autoencoder is given random numbers, of which the encoder makes the mean and the spread."""
    encoder = parts.get(re.sub(r"decod", "encod", way)) if way.endswith("decoder") else None
    made = [value for value in (encoder or {}).values() if value.ndim in (2, 4)]
    taken = [value for value in parts[way].values() if value.ndim in (2, 4)]
    if not encoder or not made or not taken or any(re.search(r"mu|mean\.|var\.|std", name) for name in encoder):
        return False
    if made[-1].ndim == taken[0].ndim == 2:
        return 0 <= taken[0].shape[1] - made[-1].shape[0] <= chain.MAX_CLASSES // 10  # and perhaps a class
    return made[-1].ndim == taken[0].ndim


def _safe(path: Path, name: str) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with path.open("rb") as file:
        require_content(file.read(len(POINTER)), name)
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise NotUsable(f"{name} is not a sound safetensors file ({str(error)[:100]}).") from error
