"""A trained generator as a folder: `model.safetensors`, `config.json`, a sheet of samples and a model card; beside it
the discriminator it was trained with, so that its pictures can be sorted.

The layout is that of huggingface_hub's `PyTorchModelHubMixin`, so the folder can be published as it is. Loading is
strict: every tensor has to be there, in its shape, and none more. Knows nothing of training or of the Hub.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from core import files
from core.errors import UserError
from core.gan.networks import Discriminator, Generator
from core.gan.zoo import cost
from core.gan.zoo.catalogue import DISCRIMINATOR
from core.hub.safetensors_header import unique
from core.pictures import images

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
MAX_CONFIG = 100_000  # bytes
MAX_NUMBER = 2**16  # in a configuration
KNOWN = {"method": ("dcgan", "connected"), "norm": ("batch", "spectral", "none")}
Network = TypeVar("Network", bound=nn.Module)
TILE = 64  # px: smaller pictures are enlarged on sheets, each pixel becoming a square


def save(generator: Generator, folder: Path, samples: Sequence[Image.Image], recipe: Mapping[str, Any]) -> None:
    """Write the folder. `recipe` is the training request's, with `data`, `steps_made` and `seconds` added, and with
    `kept`, why it is that step, where there were others."""
    files.make_folder(folder)
    tensors = {name: value.detach().cpu().contiguous() for name, value in generator.state_dict().items()}
    files.write_text(folder / "config.json", json.dumps(generator.config, indent=2) + "\n")
    images.write_png(sheet(samples), folder / "samples.png", recipe)
    files.write_text(folder / "README.md", _card(generator, recipe))
    files.write_bytes(folder / "model.safetensors", to_bytes(tensors, {"format": "pt"}), sure=True)


def load(folder: Path) -> Generator:
    """The generator of a folder, on the CPU, in evaluation mode. `UserError` when it is not a whole generator."""
    try:
        generator = planned(Generator, read_config((folder / "config.json").read_bytes()))
        return cost.filled(generator, load_file(folder / "model.safetensors"))
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{folder.name} is not a whole generator ({reason}); train or download it again.") from error


def read_config(text: str | bytes) -> dict[str, Any]:
    """A configuration that anybody may have written; `ValueError` for what is none."""
    try:
        found = json.loads(text[: MAX_CONFIG + 1], object_pairs_hook=unique)
    except RecursionError:
        found = None
    if len(text) > MAX_CONFIG or not isinstance(found, dict):
        raise ValueError("no configuration")
    return found


def planned(kind: type[Network], config: Mapping[str, Any]) -> Network:
    """A network of a configuration that anybody may have written, without its numbers (see `core.gan.zoo.cost`).

    `ValueError`, `TypeError` or `RuntimeError` where it makes no sense.
    """
    for name, value in config.items():
        known = KNOWN.get(name)
        if value not in known if known else not (type(value) is int and 0 < value <= MAX_NUMBER):
            raise ValueError(f"{name} is {str(value)[:20]}")
    try:
        return cost.planned(lambda: kind(**config))
    except IndexError:  # too small for a single layer
        raise ValueError(f"size is {config['size']}") from None


def save_discriminator(network: Discriminator, folder: Path) -> None:
    """Into the generator's folder, its configuration in the header. Spectral norm is worked into the weights."""
    plain = network.config | ({"norm": "none"} if network.config["norm"] == "spectral" else {})
    state = {name: value for name, value in network.state_dict().items() if "parametrizations" not in name}
    for index, layer in enumerate(network.layers):
        if hasattr(layer, "parametrizations"):
            state[f"layers.{index}.weight"] = layer.weight
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    files.write_bytes(folder / DISCRIMINATOR, to_bytes(tensors, {"config": json.dumps(plain)}), sure=True)


def load_discriminator(folder: Path) -> Discriminator | None:
    """What `save_discriminator` kept, or None where there is none. `UserError` when it is damaged."""
    path = folder / DISCRIMINATOR
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            config = read_config((file.metadata() or {})["config"])
        return discriminator(config, load_file(path))
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise UserError(f"{folder.name}/{path.name} is damaged; remove it, sampling works without.") from error


def discriminator(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Discriminator:
    return cost.filled(planned(Discriminator, config), tensors)


def to_pictures(pixels: Tensor) -> list[Image.Image]:
    """[N, 1 | 3 | 4, H, W] in [-1, 1] -> grey, RGB or RGBA pictures."""
    array = ((pixels.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    mode = MODES[array.shape[-1]]
    return [Image.fromarray(picture[..., 0] if mode == "L" else picture) for picture in array]


def sheet(pictures: Sequence[Image.Image]) -> Image.Image:
    """All pictures on one, small ones enlarged without smoothing."""
    times = max(1, TILE // pictures[0].width)
    return images.grid(
        [p.resize((p.width * times, p.height * times), Image.Resampling.NEAREST) for p in pictures], gap=2
    )


def _card(generator: Generator, recipe: Mapping[str, Any]) -> str:
    c, data = generator.config, recipe["data"]
    method = {"dcgan": "DCGAN (Radford et al. 2015)", "connected": "a fully connected GAN (Goodfellow et al. 2014)"}
    settings = "\n".join(
        f"| {name} | {value} |" for name, value in recipe.items() if name != "kept" and not isinstance(value, dict)
    )
    kept = f"\n\n{recipe['kept']}" if "kept" in recipe else ""
    millions = sum(p.numel() for p in generator.parameters()) / 1e6
    return f"""---
library_name: pytorch
tags: [gan, ganvas, unconditional-image-generation]
---
# {recipe["name"]}

![samples](samples.png)

Makes {c["size"]} x {c["size"]} pictures ({MODES[c["channels"]]}) out of {c["latent"]} normal random numbers.
{method[c["method"]]}, {millions:.2f} million parameters, trained with Ganvas for {recipe["steps_made"]:,} steps of
{recipe["batch"]} pictures, {recipe["seconds"] / 60:.0f} minutes of training. The samples above
are the first ones drawn; none were picked.{kept}

**Data:** {data["count"]:,} pictures: {data["source"]}. Licence: {data["licence"]}.
A generator may repeat pictures it was trained on, the fewer there are the more; compare before you publish.

```python
from pathlib import Path
from core.gan.zoo.model_folder import load, to_pictures
import torch

generator = load(Path("."))
pictures = to_pictures(generator(torch.randn(16, {c["latent"]})))
```

| Setting | Value |
|-|-|
{settings}
"""
