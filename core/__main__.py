"""The command line: `python -m core style photo.jpg painting.jpg -o out.png`, and its sisters.

Each command builds a request from options made of the request's own settings, runs the same engine as the pages, and
shows progress. Nothing is computed here.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from core import __version__, console, device, outputs, proxies
from core.errors import UserError
from core.gan import points
from core.gan.cli import add_train
from core.gan.request import SampleRequest
from core.gan.zoo import catalogue
from core.hub import deploy
from core.hub.publish import LICENCES, publish, warning
from core.pictures import film, images
from core.settings import Progress, Request, Result, settings_of
from core.style import dispatch
from core.style.request import STYLE_PRESETS, ClipRequest, InstantRequest, StyleRequest, enough

FRAME_SIDE = 256  # px, of animations
PICTURED = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", *film.READ}
SAMPLED = (".png", ".webp", ".gif", ".mp4")  # files that samples go to


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it worked, 2 when the person has to change something, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m core", description="Ganvas on the command line.")
    parser.add_argument("--version", action="version", version=f"Ganvas {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_style(commands)
    _add_sample(commands)
    add_train(commands)
    _add_publish(commands)
    _add_deploy(commands)
    console.printable()
    options = parser.parse_args(arguments)
    proxies.settle()
    device.wait_briefly()
    try:
        with console.ended_tidily():
            options.run(options)
    except UserError as error:
        print(f"ganvas: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stopped:
        print(f"ganvas: Stopped. {stopped}".strip(), file=sys.stderr)
        return 130  # as shells call what Ctrl-C ended
    return 0


# ---------------------------------------------------------------- style


def _add_style(commands: argparse._SubParsersAction) -> None:
    style = commands.add_parser(
        "style",
        help="repaint photos in the style of other pictures",
        description="Repaint PHOTO in the style of PAINTING; with --style, several photos or several paintings.",
    )
    style.add_argument(
        "pictures",
        nargs="+",
        metavar="PICTURE",
        help="photos, or folders of them; without --style the last is the style",
    )
    style.add_argument("--style", action="append", default=[], metavar="PAINTING", help="a style picture; repeatable")
    style.add_argument("--weights", metavar="W,W", help="how much each style picture counts, like 2,1")
    style.add_argument(
        "-o", "--out", required=True, help="a PNG file, for a clip a .gif, .webp, .png or .mp4, or a folder for several"
    )
    style.add_argument("--preset", choices=STYLE_PRESETS, help="draft, good or fine")
    style.add_argument("--recipe", metavar="PNG", help="take the settings of this painting")
    style.add_argument("--instant", action="store_true", help="paint at once, in one way through a small network; "
                       "clips too: GIF, WebP, APNG and videos")  # fmt: skip
    style.add_argument("--json", action="store_true", help="print one line of JSON for each painting")
    add_settings(style, StyleRequest)
    style.set_defaults(run=_style)


def _style(options: argparse.Namespace) -> None:
    given, styles = list(options.pictures), list(options.style)
    if not styles:
        if len(given) < 2:
            raise UserError("Only one picture was given; name a photo and then a painting, or use --style.")
        styles = [given.pop()]
    photos = [photo for name in given for photo in _pictures_in(name)]
    folder = len(photos) > 1 or any(os.path.isdir(name) for name in given)
    values: dict[str, Any] = {}
    asked = InstantRequest if options.instant else StyleRequest
    if options.recipe:
        recipe = images.read_recipe(options.recipe)
        if recipe is None:
            raise UserError(f"{options.recipe} carries no recipe; give a PNG that Ganvas painted.")
        painted_by = InstantRequest if recipe.get("kind") == InstantRequest.kind else StyleRequest
        values = painted_by.from_recipe(recipe).recipe()
        if not options.instant:  # with it, a slow painting is shown at once: the settings are the same
            asked = painted_by
        if len(values["style_shares"]) != len(styles):  # they belong to other style pictures
            values["style_shares"] = ()
    values |= STYLE_PRESETS.get(options.preset, {})
    values |= given_settings(options, StyleRequest)
    if options.weights:
        values["style_shares"] = _numbers(options.weights)
    request = asked.from_recipe({**asked().recipe(), **values, "kind": asked.kind})
    of_photo, of_style = enough(request)
    pictures = [images.open_picture(path, max_pixels=of_style) for path in styles]

    given = [*photos, *styles, *([options.recipe] if options.recipe else [])]
    moving = asked is InstantRequest and len(photos) == 1 and film.moves(photos[0])
    only = None
    if not moving and len(photos) == 1:  # before its painting's name is found fault with
        _tell_of_clip(photos[0], asked)
        only = images.open_picture(photos[0], max_pixels=of_photo)
    endings = film.ENDINGS if moving else (".png",)
    out = outputs.settled(options.out, endings, given, folder=folder, file=not folder)
    failed = 0
    with console.ctrl_c() as stopped:
        for index, photo in enumerate(photos):
            if stopped.is_set():
                raise KeyboardInterrupt(f"{len(photos) - index} of {len(photos)} photos were not painted.")
            try:
                if len(photos) > 1:
                    _tell_of_clip(photo, asked)
                clip = asked is InstantRequest and film.moves(photo)
                ending = film.ending_of(photo) if clip else ".png"
                target = images.unique_path(out, Path(photo).stem, ending) if out.is_dir() else out
                if clip:
                    painting = _painted_clip(request, photo, pictures, target, stopped.is_set)
                else:
                    opened = only or images.open_picture(photo, max_pixels=of_photo)
                    painting = dispatch.paint(request, opened, pictures, stopped.is_set)
                result = console.watched(painting, Path(photo).name, options.json)
            except UserError as error:
                if len(photos) == 1 or stopped.is_set():
                    raise
                failed += 1
                print(f"ganvas: {photo}: {error}", file=sys.stderr)  # the others still want to be painted
                continue
            if not clip:
                images.write_png(result.images[0], target, result.recipe)
            _tell(target, result, options.json)
        if stopped.is_set():
            raise KeyboardInterrupt
    if failed:
        raise UserError(f"{failed} of {len(photos)} photos could not be painted, for the reasons above.")


def _pictures_in(name: str) -> list[str]:
    """The pictures and clips of a folder; of a file, itself, whatever it is."""
    if not os.path.isdir(name):
        return [name]
    found = []
    for path in sorted(Path(name).iterdir()):
        named = path.suffix.lower() in PICTURED and not path.name.startswith(".") and path.is_file()
        if film.is_picture(path) or (named and not os.access(path, os.R_OK)):  # which is told when it is opened
            found.append(str(path))
        elif named:
            print(f"ganvas: {path} is called a picture and is none; it was left out.", file=sys.stderr)
    if not found:
        raise UserError(f"There is no picture in the folder {name}; name one that has some.")
    return found


def _tell_of_clip(photo: str, asked: type[StyleRequest]) -> None:
    """Of a picture that moves the first frame is painted, where it is not painted at once; of a video none."""
    if asked is InstantRequest or not film.moves(photo):
        return
    if film.ending_of(photo) == film.VIDEO:
        raise UserError(f"{photo} is a video; add --instant, which paints clips.")
    print(f"ganvas: {photo} moves, and its first frame is painted; --instant paints all.", file=sys.stderr)


def _painted_clip(
    request: StyleRequest, clip: str, styles: Sequence[Image.Image], target: Path, stopped: Callable[[], bool]
) -> Iterator[Progress | Result]:
    from core.style.instant.clip import paint

    return paint(ClipRequest.from_recipe({**request.recipe(), "kind": ClipRequest.kind}), clip, styles, target, stopped)


def _tell(target: Path, result: Result, as_json: bool) -> None:
    if as_json:
        about = {"file": str(target), "seconds": round(result.seconds, 2), "note": result.note}
        print(json.dumps({**about, "recipe": dict(result.recipe)}), flush=True)
    else:
        print(" ".join([f"{target}: painted in {result.seconds:.0f} s with {result.recipe['painted_with']}.",
                        result.note]).strip(), flush=True)  # fmt: skip


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"The weights are {text!r}; write a number for each style picture, like 2,1.") from None


# ---------------------------------------------------------------- sample


def _add_sample(commands: argparse._SubParsersAction) -> None:
    sample = commands.add_parser(
        "sample",
        help="have a generator make pictures",
        description="Make pictures with GENERATOR: a name (portraits), run:NAME, run:NAME@STEP, hub:owner/name, or a "
        "file of weights (./netG.pth).",
    )
    sample.add_argument("generator", nargs="?", metavar="GENERATOR", help="not needed with --recipe")
    sample.add_argument(
        "-o", "--out", required=True, help="a folder for single PNGs, or a file: .png, .webp, .gif or .mp4"
    )
    sample.add_argument("--recipe", metavar="PNG", help="make the pictures of this file again")
    sample.add_argument("--points", metavar="POINT", nargs="+", help="these pictures, like 7:12 or 7:12-7:3+8:0")
    sample.add_argument("--frames", help="this many steps on the way through --points")
    sample.add_argument("--as", dest="reading", metavar="HOW", help="how to read a file that does not tell, like relu")
    sample.add_argument(
        "--class", dest="label", metavar="K", help="all of class K, by number or name, where there are any"
    )
    add_settings(sample, SampleRequest)
    sample.set_defaults(run=_sample)


def _sample(options: argparse.Namespace) -> None:
    values: dict[str, Any] = {}
    if options.recipe:
        recipe = images.read_recipe(options.recipe)
        if recipe is None:
            raise UserError(f"{options.recipe} carries no recipe; give a PNG that Ganvas made.")
        values = SampleRequest.from_recipe(recipe).recipe()
    chosen = given_settings(options, SampleRequest)
    values |= chosen
    if options.generator:
        values["generator"] = options.generator
    if options.generator or "averaged" in chosen:
        values["weights"] = ""  # the recipe's are of another network
    if "generator" not in values:
        raise UserError("No generator was named; write its name first, for example: sample portraits -o samples.png")
    if options.points:
        values["points"] = tuple(options.points)
    if options.label is not None:
        values["label"] = options.label
    if options.frames is not None:
        if not options.frames.isdecimal():
            raise UserError(f"--frames is {options.frames!r}; write a whole number, like 60.")
        values["points"] = points.interpolate(values.get("points", ()), int(options.frames))
    request = SampleRequest.from_recipe({"kind": SampleRequest.kind, **values})
    given = [options.recipe] if options.recipe else []
    out = outputs.settled(options.out, SAMPLED, given, folder=True)

    from core.gan.sample import sample
    from core.gan.zoo.load import fetch, open_generator

    if catalogue.on_hub(request.generator):
        with tqdm(desc="Fetching", unit="B", unit_scale=True, disable=None, **console.shape()) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            ref = fetch(request.generator, show, options.reading or "")
    else:
        ref = catalogue.read_as(request.generator, options.reading or "")
    request = dataclasses.replace(request, generator=ref)
    left = () if options.recipe else open_generator(ref, request.averaged).open
    if left:
        listed = "".join(f"\n  --as {tag:<32} {words}" for question in left for tag, words in question.items())
        raise UserError(
            f"{request.generator} can be read in several ways, and does not tell which is right. Choose one, the "
            f"likeliest first; several with commas between:{listed}"
        )
    with console.ctrl_c() as stopped:
        result = console.watched(sample(request, stopped.is_set), request.generator, quiet=False)
        _keep(result, out)
        print(" ".join([f"{out}: {len(result.images)} pictures in {result.seconds:.2f} s.", result.note]).strip())
        if stopped.is_set():
            raise KeyboardInterrupt


def _keep(result: Result, out: Path) -> None:
    """In one file, or in a folder under names that are not taken."""
    if out.is_dir():
        for index, (picture, point) in enumerate(zip(result.images, result.recipe["points"], strict=True)):
            name = images.save_name(f"{index + 1:03d}-{point.replace(':', '-')}")
            path = images.unique_path(out, name, ".png")
            images.write_png(picture, path, points.recipe_of(result.recipe, index))
    elif out.suffix.lower() == ".png":
        sheet = result.images[0] if len(result.images) == 1 else images.grid(result.images, gap=2)
        images.write_png(sheet, out, result.recipe)
    else:
        frames = [images.enlarged(picture, FRAME_SIDE) for picture in result.images]
        kind = out.suffix.lower()[1:]
        images.animation(frames, out, seconds_per_frame=0.05, hold_last=0.05, format=kind)


# ---------------------------------------------------------------- publish


def _add_publish(commands: argparse._SubParsersAction) -> None:
    publish = commands.add_parser(
        "publish",
        help="put a generator on the Hub",
        description="Make the repository OWNER/NAME of the generator in FOLDER. The token is read from HF_TOKEN.",
    )
    publish.add_argument("folder", metavar="FOLDER", help="a run's result: model.safetensors, config.json, ...")
    publish.add_argument("repo", metavar="OWNER/NAME")
    publish.add_argument("--data-licence", required=True, choices=[name for name in LICENCES if name])
    publish.add_argument("--no-discriminator", action="store_true", help="keep it: pictures cannot be sorted then")
    publish.add_argument("--public", action="store_true", help="everybody may see it; private without")
    publish.set_defaults(run=_publish)


def _publish(options: argparse.Namespace) -> None:
    if told := warning(Path(options.folder)):
        print(told, file=sys.stderr, flush=True)
    address = publish(
        Path(options.folder), options.repo, None, private=not options.public, data_licence=options.data_licence,
        discriminator=not options.no_discriminator,
        progress=lambda step, of, doing: print(f"{step}/{of} {doing}", flush=True),
    )  # fmt: skip
    print(address)


# ---------------------------------------------------------------- deploy


def _add_deploy(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "deploy",
        help="put the studio on Hugging Face Spaces",
        description="Make the Space OWNER/NAME of this studio, or update it: only what changed is sent, what is gone "
        "is deleted there. The token is that of HF_TOKEN or of `hf auth login`.",
    )
    parser.add_argument("repo", metavar="OWNER/NAME")
    parser.add_argument(
        "--kind",
        choices=deploy.KINDS,
        default="docker",
        help="docker: on processors (without this option); zerogpu: on lent GPUs",
    )
    seen = parser.add_mutually_exclusive_group()
    seen.add_argument("--private", action="store_true", default=None, help="only you may see it")
    seen.add_argument(
        "--public", action="store_false", dest="private", default=None, help="everybody may, as with every new Space"
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would be sent")
    parser.set_defaults(run=_deploy)


def _deploy(options: argparse.Namespace) -> None:
    plan = deploy.plan(options.repo, options.kind, private=options.private, offline_too=options.dry_run)
    if options.dry_run:
        print("\n".join(plan.lines()))
        return
    done = deploy.send(plan)
    print("\n".join([*done.changes(), done.summary(), done.address]))


# ---------------------------------------------------------------- options from settings


def add_settings(parser: argparse.ArgumentParser, request: type[Request]) -> None:
    """An option for every setting of `request`, named, explained and defaulted by the setting itself."""
    group = parser.add_argument_group("settings")
    for name, about in settings_of(request).items():
        if about.type is bool:
            group.add_argument(_flag(name), action=argparse.BooleanOptionalAction, help=about.help, default=None)
        else:
            bounds = "{" + ",".join(about.choices) + "}" if about.choices else f"{about.lo}..{about.hi}"
            text = f"{about.help} [{about.default}]".replace("%", "%%")
            group.add_argument(_flag(name), metavar=bounds, help=text)


def given_settings(options: argparse.Namespace, request: type[Request]) -> dict[str, Any]:
    """The settings the person gave; the others keep their defaults. `UserError` names the option."""
    given = {}
    for name, about in settings_of(request).items():
        if (value := getattr(options, name)) is not None:
            try:
                given[name] = about.convert(value)
            except UserError as error:
                raise UserError(f"{_flag(name)}: {error}") from None
    return given


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


if __name__ == "__main__":
    sys.exit(main())
