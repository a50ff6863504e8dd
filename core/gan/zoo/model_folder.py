"""A trained generator as a folder: `model.safetensors`, `config.json`, a sheet of samples and a model card; beside it
the discriminator it was trained with, so that its pictures can be sorted.

The layout is that of huggingface_hub's `PyTorchModelHubMixin`, so the folder can be published as it is. Loading is
strict: every tensor has to be there, in its shape, and none more. Knows nothing of training or of the Hub.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor

from core import files
from core.errors import UserError
from core.gan import methods, networks
from core.gan.doctor import report
from core.gan.methods.method import GeneratorNetwork, Network
from core.gan.pictures import MODES, sheet
from core.gan.request import TrainRequest
from core.gan.zoo import cost
from core.gan.zoo.catalogue import DISCRIMINATOR
from core.hub.safetensors_header import unique
from core.pictures import images
from core.settings import settings_of

MAX_CONFIG = 100_000  # bytes


def save(generator: GeneratorNetwork, folder: Path, samples: Sequence[Image.Image], recipe: Mapping[str, Any]) -> None:
    """Write the folder. `recipe` is the training request's, with `data`, `steps_made` and `seconds` added, and with
    `kept`, why it is that step, where there were others."""
    files.make_folder(folder)
    tensors = {name: value.detach().cpu().contiguous() for name, value in generator.state_dict().items()}
    files.write_text(folder / "config.json", json.dumps(generator.config, indent=2) + "\n")
    images.write_png(sheet(samples), folder / "samples.png", recipe)
    files.write_text(folder / "README.md", _card(generator, recipe))
    files.write_bytes(folder / "model.safetensors", to_bytes(tensors, {"format": "pt"}), sure=True)


def load(folder: Path) -> GeneratorNetwork:
    """The generator of a folder, on the CPU, in evaluation mode. `UserError` when it is not a whole generator."""
    try:
        generator = planned_generator(read_config((folder / "config.json").read_bytes()))
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


def planned_generator(config: Mapping[str, Any]) -> GeneratorNetwork:
    """A network of a configuration that anybody may have written, without its numbers (see `core.gan.zoo.cost`).

    `KeyError`, `ValueError`, `TypeError` or `RuntimeError` where it makes no sense.
    """
    return cost.planned(lambda: networks.generator(config))


def planned_discriminator(config: Mapping[str, Any]) -> Network:
    """Like `planned_generator`."""
    return cost.planned(lambda: networks.discriminator(config))


def save_discriminator(network: Network, folder: Path) -> None:
    """Into the generator's folder, its configuration in the header."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    files.write_bytes(folder / DISCRIMINATOR, to_bytes(tensors, {"config": json.dumps(network.config)}), sure=True)


def load_discriminator(folder: Path) -> Network | None:
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


def discriminator(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Network:
    return cost.filled(planned_discriminator(config), tensors)


def _card(generator: GeneratorNetwork, recipe: Mapping[str, Any]) -> str:
    c, data = generator.config, recipe["data"]
    method = methods.load(c["method"]).card
    about = settings_of(TrainRequest)
    idle = {name for name, setting in about.items() if not setting.applies(c["method"])}
    settings = "\n".join(
        f"| {name} | {value} |"
        for name, value in recipe.items()
        if name not in {"kept", *idle} and not isinstance(value, dict)
    )
    of_classes = f" and one of {len(generator.classes)} classes: {', '.join(generator.classes)}"
    of_classes = of_classes if generator.classes else ""
    kept = f"\n\n{recipe['kept']}" if "kept" in recipe else ""
    said = recipe.get("doctor", {})
    diagnosis = f"\n\n**How the training went:** {said['said']}" if said else ""
    heart = report.heart(said) or (
        "A generator may repeat pictures it was trained on, the fewer there are the more; compare before you publish."
    )
    millions = sum(p.numel() for p in generator.parameters()) / 1e6
    return f"""---
library_name: pytorch
tags: [gan, ganvas, {"un" * (not generator.classes)}conditional-image-generation]
---
# {recipe["name"]}

![samples](samples.png)

Makes {c["size"]} x {c["size"]} pictures ({MODES[c["channels"]]}) out of {c["latent"]} normal random
numbers{of_classes}.
{method}, {millions:.2f} million parameters, trained with Ganvas for {recipe["steps_made"]:,} steps of
{recipe["batch"]} pictures, {recipe["seconds"] / 60:.0f} minutes of training. The samples above
are the first ones drawn; none were picked.{kept}{diagnosis}

**Data:** {data["count"]:,} pictures: {data["source"]}. Licence: {data["licence"]}.

**Learned by heart?** {heart}

```python
from pathlib import Path
from core.gan.pictures import to_pictures
from core.gan.zoo.model_folder import load
import torch

generator = load(Path("."))
pictures = to_pictures(generator(generator.latents(16, torch.Generator().manual_seed(0))))
```

| Setting | Value |
|-|-|
{settings}
"""
