"""The command line: `python -m core style photo.jpg painting.jpg -o out.png`, and its sisters.

Each command builds a request from options made of the request's own settings, runs the same engine as the pages, and
shows progress. Nothing is computed here.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from core import __version__, images
from core.errors import UserError
from core.gan.cli import add_train
from core.settings import STYLE_PRESETS, Progress, Request, Result, StyleRequest, settings_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it worked, 2 when the person has to change something."""
    parser = argparse.ArgumentParser(prog="python -m core", description="Ganvas on the command line.")
    parser.add_argument("--version", action="version", version=f"Ganvas {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_style(commands)
    add_train(commands)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except UserError as error:
        print(f"ganvas: {error}", file=sys.stderr)
        return 2
    return 0


# ---------------------------------------------------------------- style


def _add_style(commands: argparse._SubParsersAction) -> None:
    style = commands.add_parser(
        "style",
        help="repaint photos in the style of other pictures",
        description="Repaint PHOTO in the style of PAINTING; with --style, several photos or several paintings.",
    )
    style.add_argument("pictures", nargs="+", metavar="PICTURE", help="photos; without --style the last is the style")
    style.add_argument("--style", action="append", default=[], metavar="PAINTING", help="a style picture; repeatable")
    style.add_argument("--weights", metavar="W,W", help="how much each style picture counts, like 2,1")
    style.add_argument("-o", "--out", required=True, help="a PNG file, or for several photos a folder")
    style.add_argument("--preset", choices=STYLE_PRESETS, help="draft, good or fine")
    style.add_argument("--recipe", metavar="PNG", help="take the settings of this painting")
    style.add_argument("--json", action="store_true", help="print one line of JSON for each painting")
    add_settings(style, StyleRequest)
    style.set_defaults(run=_style)


def _style(options: argparse.Namespace) -> None:
    photos, styles = list(options.pictures), list(options.style)
    if not styles:
        if len(photos) < 2:
            raise UserError("Only one picture was given; name a photo and then a painting, or use --style.")
        styles = [photos.pop()]
    values: dict[str, Any] = {}
    if options.recipe:
        recipe = images.read_recipe(options.recipe)
        if recipe is None:
            raise UserError(f"{options.recipe} carries no recipe; give a PNG that Ganvas painted.")
        # Its shares belong to its own style pictures; here --weights says.
        values = {**StyleRequest.from_recipe(recipe).recipe(), "style_shares": ()}
    values |= STYLE_PRESETS.get(options.preset, {})
    values |= given_settings(options, StyleRequest)
    if options.weights:
        values["style_shares"] = _numbers(options.weights)
    request = StyleRequest.from_recipe({"kind": StyleRequest.kind, **values})
    pictures = [images.open_picture(path) for path in styles]

    from core.style.paint import paint

    several = len(photos) > 1 or Path(options.out).is_dir()
    for photo in photos:
        target = images.unique_path(options.out, Path(photo).stem, ".png") if several else Path(options.out)
        result = _watched(paint(request, images.open_picture(photo), pictures), Path(photo).name, quiet=options.json)
        target.parent.mkdir(parents=True, exist_ok=True)
        images.write_png(result.images[0], target, result.recipe)
        if options.json:
            about = {"file": str(target), "seconds": round(result.seconds, 2), "note": result.note}
            print(json.dumps({**about, "recipe": dict(result.recipe)}), flush=True)
        else:
            print(" ".join([f"{target}: painted in {result.seconds:.0f} s with {result.recipe['painted_with']}.",
                            result.note]).strip())  # fmt: skip


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"The weights are {text!r}; write a number for each style picture, like 2,1.") from None


def _watched(events: Iterator[Progress | Result], title: str, quiet: bool) -> Result:
    """Run an engine to its end under a progress bar."""
    with tqdm(desc=title, disable=quiet or None, bar_format="{desc} {percentage:3.0f}% {bar} {postfix}") as bar:
        for event in events:
            if isinstance(event, Result):
                return event
            bar.total = event.total
            bar.update(event.step - bar.n)
            if event.seconds_left is not None:
                bar.set_postfix_str(f"{event.seconds_left:.0f} s left, loss {event.losses['total']:.4f}")
    raise RuntimeError("the engine ended without a result")


# ---------------------------------------------------------------- options from settings


def add_settings(parser: argparse.ArgumentParser, request: type[Request]) -> None:
    """An option for every setting of `request`, named, explained and defaulted by the setting itself."""
    group = parser.add_argument_group("settings")
    for name, about in settings_of(request).items():
        flag = "--" + name.replace("_", "-")
        if about.type is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, help=about.help, default=None)
        else:
            bounds = "{" + ",".join(about.choices) + "}" if about.choices else f"{about.lo}..{about.hi}"
            text = f"{about.help} [{about.default}]".replace("%", "%%")
            group.add_argument(flag, metavar=bounds, help=text)


def given_settings(options: argparse.Namespace, request: type[Request]) -> dict[str, Any]:
    """The settings the person gave; the others keep their defaults."""
    return {name: value for name in settings_of(request) if (value := getattr(options, name)) is not None}


if __name__ == "__main__":
    sys.exit(main())
