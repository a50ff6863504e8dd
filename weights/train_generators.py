"""How the bundled generators were made: trained on pictures drawn here, or cut out of photographs, the best step
kept and looked at.

    python weights/train_generators.py train portraits --work FOLDER [--steps N]     train, or go on
    python weights/train_generators.py choose portraits --work FOLDER                measure every step that was kept
    python weights/train_generators.py ship portraits --work FOLDER --step N         write weights/generators/portraits

With `--start DIR` it is trained on, at a share of the rates (`--calmer`), from the weights in DIR, a folder like those
shipped.
What is cut out (`crops.py`) takes `--pictures FOLDER` as well.

Training is `core.gan.train` itself. It is exact: the same command on the same machine gives the same weights. The
measure is KID as `core.gan.measures` takes it, against pictures of the same kind that were not trained on.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import crops  # noqa: E402

from core.gan import points, spectral_norm  # noqa: E402
from core.gan.data import drawn, labels  # noqa: E402
from core.gan.measures.kid import kid  # noqa: E402
from core.gan.measures.moment import Real, features  # noqa: E402
from core.gan.methods.method import GeneratorNetwork  # noqa: E402
from core.gan.networks import build  # noqa: E402
from core.gan.pictures import sheet, to_pictures  # noqa: E402
from core.gan.request import TRAIN_PRESETS, TrainRequest  # noqa: E402
from core.gan.train import Training, train  # noqa: E402
from core.gan.zoo import model_folder  # noqa: E402

RELATIVISTIC = TRAIN_PRESETS["relativistic"]
# As the first edition trained them; this one's went on from there.
FIRST = {"size": 64, "loss": "original", "norm_d": "spectral", "ema": 0.999, "count": 12_000}
# Narrow nets, because all of this was trained on a processor. 64 px where the pictures have round edges to lose.
RECIPES: dict[str, dict[str, Any]] = {
    # With the tenth of `gamma` that is usual here, D runs away after some thousand steps, and variety goes.
    "portraits": {**RELATIVISTIC, "gamma": 1.0, "size": 64, "ema": 0.999, "count": 12_000},
    "planets": {**FIRST, "width_g": 20, "width_d": 20},
    "landscapes": {**FIRST, "width_g": 20, "width_d": 20},
    "critters": {**FIRST, "width_g": 24, "width_d": 24},
    "digits": {**RELATIVISTIC, "size": 32, "colour": "grey", "by_folder": True, "count": 12_000},
    "fruit": {**RELATIVISTIC, "size": 64, "by_folder": True, "ema": 0.999, "count": crops.LEARNED},
    "brushwork": {**RELATIVISTIC, "size": 64, "ema": 0.999, "count": crops.LEARNED},
}
NOTES = {
    "portraits": "Faces, hair, glasses and clothes come out in nearly all, mouths in most, on plain grounds. Some"
    " glasses and some long hair are mottled, and hats and beards are rare.",
    "planets": "Balls of every colour on dark skies, with craters, moons and stars. Rings are there in about half, "
    "nearly all of them whole; the drawn ones' bands have not been learned.",
    "landscapes": "Skies, hills and suns are right in nearly all; now and then a sun is pale or missing its rays.",
    "critters": "Bodies, horns, eyes and mouths come out in nearly all. Horns are a little smeared, and the one-eyed "
    "and many-eyed kinds are hardly ever made.",
    "digits": "Nearly all are the digit that was asked for, thick and thin, upright and slanted; now and then one is "
    "ambiguous, or a stroke has a gap.",
    "fruit": "Heaps of the kind that was asked for in nearly all: apples, lemons, limes, oranges and tomatoes are "
    "plain to see; bananas and carrots are right from afar and tangled from near; watermelons are mostly green blurs.",
    "brushwork": "Strokes, washes and dabs of many palettes; from afar skies, water and leaves. About one in ten is "
    "nearly plain.",
}
LICENCES = {
    "CC0 1.0": "cc0-1.0",
    "MIT": "mit",
    "public domain": "cc0-1.0",
}  # of the pictures, and so of the generator: as the Hub says them
KEEP_EVERY = 500  # steps
BEGUN = -1  # the "step" of the weights that training began with
COMPARED = 1000  # samples judged
CALMER = 0.25  # the share of its rates at which training goes on from weights that came to rest, unless told
STEPS = 100_000  # no end of its own: --steps or Ctrl-C


sets: dict[str, drawn.DrawnSet] = {**drawn.SETS}  # and those of pictures that lie on this machine


def request_of(name: str, steps: int = STEPS, share: float = 1.0) -> TrainRequest:
    """`share`: of the recipe's rates."""
    request = TrainRequest(**{k: v for k, v in RECIPES[name].items() if k != "count"}, steps=steps)
    return replace(request, rate_g=request.rate_g * share, rate_d=request.rate_d * share)


def pictures(name: str, work: Path, first: int, count: int) -> np.ndarray:
    """uint8 [count, size, size, channels], drawn once."""
    size, path = RECIPES[name]["size"], work / f"{name}-{first}-{count}.npy"
    if not path.exists():
        made = [np.asarray(sets[name].draw(number, size, False)) for number in range(first, first + count)]
        np.save(path, np.stack(made).reshape(count, size, size, -1))
    return np.load(path, mmap_mode="r")


def labels_of(name: str) -> labels.Labels | None:
    """Of the pictures trained on, where their kinds are learned."""
    if not RECIPES[name].get("by_folder"):
        return None
    return labels.numbered(list(itertools.islice(itertools.cycle(sets[name].classes), RECIPES[name]["count"])))


def names_of(name: str) -> tuple[str, ...]:
    kinds = labels_of(name)
    return kinds.names if kinds else ()


def run(name: str, work: Path, steps: int, start: Path | None, share: float) -> None:
    from accelerate import Accelerator

    from core import device

    precision = "bf16" if device.dtype(torch.device("cpu")) == torch.bfloat16 else "no"
    training = Training(
        request_of(name, steps, share),
        pictures(name, work, 0, RECIPES[name]["count"]),
        Accelerator(cpu=True, mixed_precision=precision),
        labels=labels_of(name),
    )
    kept = work / name
    kept.mkdir(exist_ok=True)
    state, seconds = kept / "state.pt", 0.0
    if start and not state.exists():
        begin_with(training, start)
    if state.exists():
        saved = torch.load(state, weights_only=True)
        seconds = saved.pop("seconds")
        training.restore(saved)
    began = time.process_time()
    for progress in train(training, report_every=0.0, preview_every=1e9):
        if progress.step % 100 == 0:
            values = {key: round(value, 3) for key, value in progress.losses.items()}
            print(progress.step, values, f"{seconds + time.process_time() - began:.0f} s of one core", flush=True)
        if progress.step % KEEP_EVERY and progress.step != steps:
            continue
        spent = seconds + time.process_time() - began
        torch.save({**training.state(), "seconds": spent}, kept / "state.part")
        os.replace(kept / "state.part", state)
        torch.save({"net": training.ema.state_dict(), "seconds": spent}, kept / f"step-{progress.step:06d}.pt")
        sheet(training.sample(64)).save(kept / f"step-{progress.step:06d}.png")


def begin_with(training: Training, folder: Path) -> None:
    """Both networks as they lie in a folder. Saved, a discriminator has its spectral norms worked in."""
    training.g.load_state_dict(model_folder.load(folder).state_dict())
    training.ema.load_state_dict(training.g.state_dict())
    saved = model_folder.load_discriminator(folder)
    assert saved is not None, folder
    with torch.no_grad():
        for mine, theirs in zip(layers_of(training.d), layers_of(saved), strict=True):
            spectral_norm.learned_weight(mine).copy_(theirs.weight)
            if mine.bias is not None:
                mine.bias.copy_(theirs.bias)
    spectral_norm.begin(training.d, torch.Generator())


def layers_of(network: torch.nn.Module) -> list[Any]:
    return [layer for layer in network.modules() if isinstance(layer, spectral_norm.LAYERS)]


def choose(name: str, work: Path, start: Path | None) -> None:
    """Print and keep the KID of every step that was not measured yet, of what training began with, and of what is
    trained on (step 0), which is the best that can be hoped for."""
    measured = work / name / "kid.json"
    found = {int(step): value for step, value in json.loads(measured.read_text()).items()} if measured.exists() else {}
    real = Real(pictures(name, work, RECIPES[name]["count"], COMPARED)).features
    learned = features([Image.fromarray(np.squeeze(one)) for one in pictures(name, work, 0, COMPARED)])
    found[0] = round(kid(real, learned), 2)
    print("trained on", found[0])

    def of(net: GeneratorNetwork) -> float:
        latents = net.latents_of(points.of_seed(1, COMPARED), truncation=1)
        made = [picture for part in latents.split(100) for picture in to_pictures(net(part))]
        return round(kid(real, features(made)), 2)

    if start:
        found[BEGUN] = of(model_folder.load(start))
        print("began with", found[BEGUN])
    for path in sorted((work / name).glob("step-*.pt")):
        if int(path.stem[5:]) not in found:
            found[int(path.stem[5:])] = of(averaged(name, path)[0])
            print(path.stem, found[int(path.stem[5:])], flush=True)
    measured.write_text(json.dumps(found))


def averaged(name: str, path: Path) -> tuple[GeneratorNetwork, float]:
    """The moving average of a kept step, and the processor seconds it took to get there."""
    net, _ = build(request_of(name), torch.Generator(), names_of(name))
    saved = torch.load(path, weights_only=True)
    net.load_state_dict(saved["net"])
    return net.eval().requires_grad_(False), saved["seconds"]


def ship(name: str, work: Path, step: int, start: Path | None, share: float) -> None:
    """Write the folder: float16 halves the size, and moves no picture by more than what is printed."""
    folder = ROOT / "weights" / "generators" / name
    net, seconds = averaged(name, work / name / f"step-{step:06d}.pt")
    request = request_of(name, step, share)
    recipe = request.recipe(
        name=sets[name].label,
        steps_made=step,
        seconds=round(seconds),
        data={
            "source": f"{sets[name].label}, {sets[name].by}",
            "licence": sets[name].licence,
            "count": RECIPES[name]["count"],
        },
    )
    latents = net.latents_of(points.of_seed(0, 64), truncation=1)
    exact = net(latents)
    net.half().float()
    rounded = net(latents)
    print("float16 moves a colour by at most", (exact - rounded).abs().max().item() * 127.5, "of 255")
    model_folder.save(net, folder, to_pictures(rounded), recipe)
    halved = {key: value.half() if value.is_floating_point() else value for key, value in net.state_dict().items()}
    save_file(halved, folder / "model.safetensors", metadata={"format": "pt"})
    _, discriminator = build(request, torch.Generator(), names_of(name))
    discriminator.load_state_dict(torch.load(work / name / "state.pt", weights_only=True)["d"])
    model_folder.save_discriminator(discriminator.eval(), folder)
    kid_file = work / name / "kid.json"
    measured = json.loads(kid_file.read_text()) if kid_file.exists() else {}
    card = (folder / "README.md").read_text(encoding="utf-8")
    card = card.replace("library_name: pytorch", f"license: {LICENCES[sets[name].licence]}\nlibrary_name: pytorch", 1)
    figures, more = "", " --pictures FOLDER" if name in crops.SETS else ""
    if start:
        more += " --start BEFORE" + (f" --calmer {share:g}" if share != CALMER else "")
    if str(step) in measured:
        early = measured[str(BEGUN if start else KEEP_EVERY)]
        figures = (
            f"KID on this project's own features, of {COMPARED:,} samples against pictures that were not trained on: "
            f"{measured[str(step)] / early:.2f} of what it was {'before' if start else f'at step {KEEP_EVERY}'}; those "
            f"trained on get {max(0, measured['0'] / early):.2f}. (Not comparable to KID on Inception's features.)"
        )
    card += f"""
## How it was made

    OMP_NUM_THREADS=1 python weights/train_generators.py train {name} --work FOLDER{more} --steps {step}
    python weights/train_generators.py ship {name} --work FOLDER{more} --step {step}

{seconds / 60:.0f} minutes of one processor core; no GPU. {figures}
{begun(name, start, request.rate_g)}
Two hundred samples were looked at (seed 11). {NOTES[name]}
"""
    (folder / "README.md").write_text(card, encoding="utf-8")


def begun(name: str, folder: Path | None, rate: float) -> str:
    """What a card says of the weights that training began with."""
    if not folder:
        return ""
    card = (folder / "README.md").read_text(encoding="utf-8")
    steps, seconds, before = (
        float(card.partition(f"| {what} |")[2].partition("|")[0]) for what in ("steps_made", "seconds", "rate_g")
    )
    return (
        f"\nBEFORE is this folder as it was before (see `git log weights/generators/{name}`): {steps:,.0f} steps at "
        f"{before / rate:g} times these rates, {seconds / 60:.0f} minutes.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["train", "choose", "ship"])
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, help="what squares are cut out of")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--step", type=int)
    parser.add_argument("--start", type=Path, help="weights to begin with, a folder like weights/generators/planets")
    parser.add_argument("--calmer", type=float, default=CALMER, help="with --start: the share of its rates")
    options = parser.parse_args()
    if (cut := crops.SETS.get(options.name)) and not options.pictures:
        parser.error(f"{options.name} takes --pictures FOLDER")
    elif cut:
        sets[options.name] = cut(options.pictures)
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 2)))
    share = options.calmer if options.start else 1.0
    if options.action == "train":
        run(options.name, options.work, options.steps, options.start, share)
    elif options.action == "choose":
        choose(options.name, options.work, options.start)
    else:
        ship(options.name, options.work, options.step, options.start, share)


if __name__ == "__main__":
    main()
