"""How the style app looks: theme, small pieces of HTML, the loss curves. The colours are those of the Streamlit pages.

Knows numbers and words, no requests and no jobs.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import gradio as gr

from core import amounts
from core.visitors import policy

_ROOT = Path(__file__).parents[2]
_COLOURS = tomllib.loads((_ROOT / ".streamlit" / "config.toml").read_text())["theme"]
EXAMPLES = _ROOT / "examples"
LIGHT, DARK, ACCENT = _COLOURS["light"], _COLOURS["dark"], _COLOURS["primaryColor"]

STOP = "#b3261e"  # white can be read on it
QUIET, QUIET_DARK = "#6f6963", "#b5afa8"  # of words that say less; each can be read on both of its theme's grounds

CURVES = {"style": "#c4472b", "content": "#3b82f6", "variation": "#8a8579"}
CURVE_NAMES = {"style": "Style", "content": "Content", "variation": "Variation"}

_HERE = Path(__file__).parent
CSS = (_HERE / "page.css").read_text()
# Run once the page is there: its place in the studio's frame, and what Gradio's own markup lacks.
SCRIPT = "() => {" + "".join((_HERE / name).read_text() for name in ("frame.js", "mend.js", "large.js")) + "}"
REST = (_HERE / "rest.js").read_text()  # run before Gradio's own
# Run where Paint, or Paint the clip, is pressed.
SHOW_PICTURE = "(...inputs) => { window.showPicture(); return inputs; }"
SHOW_CLIP = "(...inputs) => { window.showClip(); return inputs; }"


def theme() -> gr.themes.Base:
    """Gradio's default theme in the studio's colours; the font is the one Streamlit brings, from Gradio's own files."""
    return gr.themes.Default(
        primary_hue=gr.themes.Color(
            *(_mixed(ACCENT, step) for step in (95, 88, 75, 58, 35, 0, -8, -20, -35, -50, -62))
        ),
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_md,
        # Gradio's own semi-bold (600) file lacks the small letters, so bold it is.
        font=(gr.themes.LocalFont("Source Sans Pro", weights=(400, 700)), "ui-sans-serif", "system-ui", "sans-serif"),
    ).set(
        body_background_fill=LIGHT["backgroundColor"],
        body_background_fill_dark=DARK["backgroundColor"],
        body_text_color=LIGHT["textColor"],
        body_text_color_dark=DARK["textColor"],
        body_text_color_subdued=QUIET,
        body_text_color_subdued_dark=QUIET_DARK,
        block_background_fill_dark=DARK["backgroundColor"],
        background_fill_primary_dark=DARK["backgroundColor"],
        background_fill_secondary=LIGHT["secondaryBackgroundColor"],
        background_fill_secondary_dark=DARK["secondaryBackgroundColor"],
        button_primary_background_fill=ACCENT,
        button_primary_background_fill_dark=ACCENT,
        button_primary_text_color="white",
        button_cancel_background_fill=STOP,
        button_cancel_background_fill_hover=STOP,
    )


def status(words: str, share: float | None = None) -> str:
    """A line of words; with a share of 0 to 1, under a progress bar. It is read out unless there is a bar: that changes
    every second."""
    if share is None:
        return f'<div class="status" role="status"><p>{escape(words)}</p></div>'
    percent = 100 * min(max(share, 0), 1)
    return (
        f'<div class="status"><div class="bar" role="progressbar" aria-label="Painting" aria-valuenow="{percent:.0f}" '
        f'aria-valuetext="{escape(words)}"><i style="width:{percent:.1f}%"></i></div><p>{escape(words)}</p></div>'
    )


def refused(words: str) -> str:
    """What is told of a painting that does not begin, or failed, in the place of its status."""
    return f'<div class="status refused" role="alert"><p>{escape(words)}</p></div>'


def forecast(words: str) -> str:
    """A quiet line below the button: what pressing it will take."""
    return f'<p class="forecast">{escape(words)}</p>'


def public_limits() -> str:
    """What is different where strangers come, said once on the page."""
    limits = policy.limits()
    return (
        f"On this shared computer: paintings up to {limits.settings['style']['size']} px, pictures up to "
        f"{amounts.megabytes(limits.picture_bytes)}. Your last paintings stay here for a day."
    )


def clip_limits() -> str:
    """What a clip may be, and what becomes of it."""
    limits, most = policy.limits(), ""
    if limits.clip_frames:
        most = f" Up to {limits.clip_frames} frames and {limits.clip_seconds:g} seconds on this shared computer."
    return f"Every frame is painted at once, in the styles and with the settings of this page. Sound is kept.{most}"


def notice(*sentences: str) -> str:
    """What came of files just uploaded, said beside them where it must be; empty when there is nothing to say."""
    return "".join(f'<p class="notice" role="alert">{escape(sentence)}</p>' for sentence in sentences)


def curves(points: Sequence[tuple[int, Mapping[str, float]]], sizes: Sequence[tuple[int, tuple[int, int]]] = ()) -> str:
    """The three losses over the steps, as a drawing with a logarithmic scale, and the newest values below.

    `sizes`: from which step on the picture was how large; it is marked where that changes, as the losses jump there.
    """
    drawn = {name: [(step, losses[name]) for step, losses in points if losses.get(name, 0) > 0] for name in CURVES}
    values = [value for line in drawn.values() for _, value in line]
    if len(points) < 2 or not values:
        return ""
    low, high = math.log10(max(min(values), max(values) * 1e-4)), math.log10(max(values))
    low, high = math.floor(low), max(math.ceil(high), math.floor(low) + 1)
    first, last = points[0][0], max(points[-1][0], points[0][0] + 1)

    def across(step: int) -> float:  # in percent, as are heights
        return 100 * (step - first) / (last - first)

    def up(value: float) -> float:
        return 100 * (high - max(math.log10(value), low)) / (high - low)

    lines = "".join(
        f'<polyline fill="none" stroke="{CURVES[name]}" stroke-width="1.6" vector-effect="non-scaling-stroke" '
        f'points="{" ".join(f"{across(step):.2f},{up(value):.2f}" for step, value in line)}"/>'
        for name, line in drawn.items()
    )
    heights = [(exponent, up(10.0**exponent)) for exponent in range(low, high + 1)]
    grid = "".join(f'<path class="grid" d="M0 {y:.2f}H100"/>' for _, y in heights)
    grid += "".join(f'<path class="grows" d="M{across(step):.2f} 0V100"/>' for step, _ in sizes[1:] if step > first)
    scale = "".join(f'<span style="top:{y:.1f}%">{10.0**exponent:g}</span>' for exponent, y in heights)
    marks = "".join(
        f'<span style="{f"left:{at:.1f}%" if at < 85 else f"right:{100 - at:.1f}%"}">{max(size)} px</span>'
        for at, size in ((max(0.0, across(step)), size) for step, size in sizes)
    )
    legend = "".join(
        f'<span><b style="background:{CURVES[name]}"></b>{CURVE_NAMES[name]} {line[-1][1]:.3g}</span>'
        for name, line in drawn.items()
        if line
    )
    return (
        f'<figure class="curves"><figcaption>How far the picture is from what is asked (loss), step by step.'
        f"{' Lines jump where it is made larger: there is more to get right.' if len(sizes) > 1 else ''}</figcaption>"
        f'<div class="plot"><div class="loss">{scale}</div><div class="sizes">{marks}</div>'
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="Loss from step {first} to '
        f'{last}; the newest values are below">{grid}{lines}</svg>'
        f'<div class="steps"><span>Step {first}</span><span>{last}</span></div></div>'
        f'<div class="legend">{legend}</div></figure>'
    )


def _mixed(colour: str, percent: int) -> str:
    """`colour` ("#rrggbb") mixed with that much white, or black where negative."""
    target, share = (255, percent / 100) if percent >= 0 else (0, -percent / 100)
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + (target - part) * share):02x}" for part in parts)


def examples(kind: str) -> list[tuple[Path, str]]:
    """The pictures that come with Ganvas: (file, title)."""
    index = tomllib.loads((EXAMPLES / "index.toml").read_text())
    return [(EXAMPLES / item["file"], item["title"]) for item in index["picture"] if item["kind"] == kind]


def first(kind: str) -> str:
    """The one a page shows before it is given any."""
    return str(examples(kind)[0][0])


def example(name: str) -> tuple[Path, Path, Path] | None:
    """A photo and a painting that come with Ganvas, and the one in the style of the other, by the name the front page
    gives them: "cat-mosaic"."""
    if name not in {path.stem for path in (EXAMPLES / "gallery").glob("*.jpg")}:
        return None
    photo, painting = name.split("-", 1)
    return tuple(EXAMPLES / folder / f"{one}.jpg" for folder, one in
                 (("photos", photo), ("paintings", painting), ("gallery", name)))  # fmt: skip
