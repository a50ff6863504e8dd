"""Feature networks that see as painters need: our own bundled one, and VGG-19.

Both are plain stacks of 3x3 convolutions, ReLU and average pooling, so one class runs both and only the weights
and widths differ. Layers carry the names the literature uses (`relu1_1` ... `relu5_1`), and in both every layer's
mean activation over natural pictures is 1, so weights chosen for one network serve the other.

Knows nothing of painting, training (`weights/train_perceptual.py`) or pages. How bytes come from the Hub and where
they are kept is `core.hub`'s business.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from core.errors import UserError
from core.hub import cache, download, fetches, registry

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


# ---------------------------------------------------------------- the network


class FeatureNet(nn.Module):
    """Image in [0, 1] -> named ReLU activations (Simonyan & Zisserman 2015, arXiv:1409.1556).

    `scales[s]` lists the widths of the convolutions of scale s + 1. Between scales the picture is halved by average
    pooling, for VGG-19 too: it was trained with the maximum, but Gatys et al. (2016, section 2) found the average
    to give more appealing pictures. The input is normalised here. The first convolution sees the border repeated
    outwards instead of zeros, which would be the strongest edge of the picture and grow a frame in it.

    Attributes: `name`, `label` (what a page shows), `digest` (of the weights), `layer_names` in order, `channels`.
    """

    def __init__(self, scales: Sequence[Sequence[int]], *, name: str = "", label: str = ""):
        super().__init__()
        self.name, self.label, self.digest = name, label, ""
        self.scales = tuple(tuple(widths) for widths in scales)
        self.convs = nn.ModuleDict()
        self.channels: dict[str, int] = {}
        before = 3
        for s, widths in enumerate(self.scales, 1):
            for i, width in enumerate(widths, 1):
                layer = f"relu{s}_{i}"
                self.convs[layer] = nn.Conv2d(before, width, 3, padding=0 if before == 3 else 1)
                self.channels[layer] = before = width
        self.layer_names = tuple(self.channels)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """image [N, 3, H, W] in [0, 1], sides of 16 px at least -> {layer: [N, channels[layer], H / 2^s, W / 2^s]}
        in the network's dtype, s = 0 for `relu1_*` to 4 for `relu5_1`. No layer after the last one asked for is
        computed. Raises ValueError for an unknown layer.
        """
        unknown = set(layers) - set(self.layer_names)
        if unknown or not layers:
            raise ValueError(f"layers {list(layers)}: there are {self.layer_names}")
        last = max(self.layer_names.index(layer) for layer in layers)
        # Normalised before the cast: bfloat16 then has its finest steps around mid-grey, where they are needed.
        x = ((image - self.mean) / self.std).to(next(self.convs.parameters()).dtype)
        x = F.pad(x, (1, 1, 1, 1), mode="replicate").contiguous(memory_format=torch.channels_last)
        found = {}
        for layer in self.layer_names[: last + 1]:
            if layer.endswith("_1") and layer != "relu1_1":
                x = F.avg_pool2d(x, 2)
            x = F.relu(self.convs[layer](x), inplace=True)
            if layer in layers:
                found[layer] = x
        return found

    def frozen(self, device: str | torch.device, dtype: torch.dtype | None) -> FeatureNet:
        """Ready for use: on `device`, convolutions in `dtype` (None: float32), channels last, nothing to train."""
        self.to(device=device, memory_format=torch.channels_last)  # pyrefly: ignore[no-matching-overload]  # unknown to torch's stubs
        self.convs.to(dtype=dtype or torch.float32)
        return self.eval().requires_grad_(False)


@torch.no_grad()
def scale_to_one(net: FeatureNet, pictures: Sequence[Tensor]) -> None:
    """Scale each layer's weights so that its mean activation over `pictures` [N, 3, H, W] is 1.

    Gatys et al. (2016, section 2) did so with each filter of VGG; we do it with each layer as a whole, which
    needs no thousands of pictures: rare filters, silent on the few that are at hand, would be blown up. What a
    layer gains its successor's weights give back, so the network computes the same but for the factors.
    """
    sums = dict.fromkeys(net.layer_names, 0.0)
    for batch in pictures:
        for layer, found in net(batch, net.layer_names).items():
            sums[layer] += found.float().mean().item() / len(pictures)
    before = 1.0
    for layer, mean in sums.items():
        if not mean > 0:
            raise ValueError(f"{layer} is silent")
        convolution = net.convs[layer]
        assert isinstance(convolution, nn.Conv2d)
        assert convolution.bias is not None
        convolution.weight.mul_(before / mean)
        convolution.bias.div_(mean)
        before = mean


def dead_leaves(count: int, side: int, seed: int = 0) -> Tensor:
    """Pictures with the edges, scales and contrasts of natural ones, from numbers alone -> [count, 3, side, side].

    Shaded, grainy discs of all sizes cover each other (dead leaves: Lee, Mumford & Huang 2001, IJCV).
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    pictures = np.empty((count, 3, side, side), np.float32)
    for picture in pictures:
        hue = rng.uniform(0.7, 1.2, 3)  # each picture has a light of its own
        for smallest, leaves in ((0.15, 40), (0.05, 100), (0.02, 250)):
            for r in smallest / np.sqrt(rng.uniform(0.02, 1, leaves)):
                u, v = x - rng.uniform(-0.2, 1.2), y - rng.uniform(-0.2, 1.2)
                inside = u * u + v * v < r * r
                slope = rng.normal(0, 0.5, 2)
                grey = rng.beta(1.1, 1.5) + slope[0] * u[inside] + slope[1] * v[inside]
                grey = grey * (1 + rng.normal(0, rng.choice([0.02, 0.1, 0.25]), grey.shape))
                picture[:, inside] = grey * (hue * rng.normal(1, 0.15, 3))[:, None]
    return torch.from_numpy(pictures.clip(0, 1))


# ---------------------------------------------------------------- files


def save(net: FeatureNet, path: Path, label: str) -> None:
    """Write `net` as float16 safetensors that `load` reads; its widths and label travel in the header."""
    config = json.dumps({"scales": net.scales, "label": label})
    save_file({key: value.half().contiguous() for key, value in net.state_dict().items()}, path, {"config": config})


def read(path: Path, name: str = "") -> FeatureNet:
    """What `save` wrote, in float32."""
    with safe_open(path, "pt") as file:
        config = json.loads(file.metadata()["config"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (a safe_open is no dict)
    return _filled(FeatureNet(config["scales"], name=name, label=config["label"]), tensors)


VGG19 = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,))
# Where the thirteen convolutions up to relu5_1 stand in torchvision's and timm's list of layers.
VGG19_FEATURES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)


def load(name: str, *, device: str | torch.device = "cpu", dtype: torch.dtype | None = None) -> FeatureNet:
    """The network "bundled" or "vgg19", frozen, with weights in `dtype` (None: float32). Never goes online.

    Raises `UserError` if VGG-19 is not in the cache. Loading takes a moment: the caller keeps what it got.
    """
    if name == "bundled":
        net = read(registry.bundled("perceptual"), name)
        net.label = "the bundled network"  # the file says how many images it has seen, which is no matter here
    elif name == "vgg19":
        stored = cache.load_stored("vgg19")
        if stored is None:
            raise UserError("VGG-19 is not on this computer yet; download it first, or use the bundled network.")
        tensors = {key: torch.from_numpy(value) for key, value in stored[0].items()}
        net = _filled(FeatureNet(VGG19, name=name, label="VGG-19"), tensors)
    else:
        raise UserError(f"There is no feature network called {name!r}; choose bundled or vgg19.")
    return net.frozen(device, dtype)


def fetch_vgg19(progress: fetches.OnBytes | None = None) -> None:
    """Bring VGG-19's first thirteen convolutions (50 MB) from the Hub into the cache, checked and normalised.

    `progress` is called with (bytes done, bytes in all). Raises `UserError` if they can't be had or aren't VGG-19's.
    """
    fetches.shared("vgg19", _bring_vgg19, progress)


def _bring_vgg19(progress: fetches.OnBytes) -> None:
    keys = [f"features.{n}.{part}" for n in VGG19_FEATURES for part in ("weight", "bias")]
    net = vgg19_from(download.fetch_tensors("vgg19", keys, progress))
    scale_to_one(net, dead_leaves(8, 256).split(2))
    cache.store_tensors("vgg19", {key: value.half().numpy() for key, value in net.state_dict().items()})


def vgg19_from(tensors: Mapping[str, np.ndarray]) -> FeatureNet:
    """torchvision's tensors -> the network, not yet normalised. Raises `UserError` unless they are VGG-19's."""
    net = FeatureNet(VGG19, name="vgg19", label="VGG-19")
    state = {}
    for layer, n in zip(net.layer_names, VGG19_FEATURES, strict=True):
        for part in ("weight", "bias"):
            value = torch.from_numpy(np.asarray(tensors[f"features.{n}.{part}"], np.float32))
            key = f"convs.{layer}.{part}"
            wanted = net.state_dict()[key].shape
            if value.shape != wanted or not value.isfinite().all():
                raise UserError(
                    f"VGG-19's features.{n}.{part} has shape {list(value.shape)} or broken numbers, not the expected "
                    f"{list(wanted)}; download it again, or use the bundled network."
                )
            state[key] = value
    net.load_state_dict(state)
    return net.frozen("cpu", None)


def _filled(net: FeatureNet, tensors: Mapping[str, Tensor]) -> FeatureNet:
    digest = hashlib.sha256()
    for key, value in sorted(tensors.items()):
        digest.update(key.encode() + value.contiguous().numpy().tobytes())
    net.digest = digest.hexdigest()[:16]
    net.load_state_dict({key: value.float() for key, value in tensors.items()})
    return net


# ---------------------------------------------------------------- embeddings

EMBED_LAYER = "relu5_1"
EMBED_SIDE = 96  # px, what the bundled network was last trained on


@torch.no_grad()
def embed(net: FeatureNet, images: Iterable[Image.Image | Tensor] | Tensor, *, batch: int = 64) -> Tensor:
    """Pictures -> float32 [N, 512] on the CPU: `relu5_1` averaged over positions, for nearest neighbours and
    Fréchet distances.

    `images`: PIL pictures, or uint8 tensors [3, H, W], or one uint8 tensor [N, 3, H, W]; read one by one, so a
    generator never has to fit in memory. Each is resized to 96 x 96 px whatever its shape. `batch` changes the speed
    only, the numbers no more than rounding does (float32: 1e-5).
    """
    found = []
    images = iter(images)
    while chunk := [_thumbnail(image) for image in itertools.islice(images, batch)]:
        features = net(torch.stack(chunk).to(net.mean.device), [EMBED_LAYER])[EMBED_LAYER]
        found.append(features.float().mean((2, 3)).cpu())
    return torch.cat(found) if found else torch.empty(0, net.channels[EMBED_LAYER])


def _thumbnail(image: Image.Image | Tensor) -> Tensor:
    if isinstance(image, Image.Image):
        image = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    size = (EMBED_SIDE, EMBED_SIDE)
    resized = F.interpolate(image[None].float(), size=size, mode="bicubic", antialias=True)
    return resized[0].clamp(0, 255) / 255
