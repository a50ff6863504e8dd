"""The Streamlit pages, driven by AppTest, and the pieces the style app is made of."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from support.waiting import PATIENCE
from ui.style import view, widgets
from ui.style.painting import SETTINGS

STUDIO = Path(__file__).parents[2] / "pages" / "studio.py"


@pytest.fixture
def studio():
    return AppTest.from_file(str(STUDIO), default_timeout=PATIENCE).run()


def test_the_front_page_opens_and_shows_pictures(studio):
    assert not studio.exception
    assert studio.title[0].value == "Ganvas"
    assert len(studio.get("image")) >= 3
    assert "Press one to begin:" in studio.markdown[0].value


@pytest.mark.parametrize(
    ("label", "page"), [("Paint a photo", "paint"), ("Play with a GAN", "Generate"), ("Train a GAN", "Train")]
)
def test_the_front_page_begins_with_what_to_press(studio, label, page):
    assert [button.label for button in studio.button[:3]] == ["Paint a photo", "Play with a GAN", "Train a GAN"]
    next(button for button in studio.button if button.label == label).click().run()
    assert not studio.exception
    if page == "paint":
        assert studio.get("iframe")
    else:
        assert studio.title[0].value == page


def test_every_page_opens(studio):
    for page in sorted(STUDIO.parent.glob("*.py")):
        if page.name not in ("studio.py", "home.py"):
            studio.switch_page(page.name).run()
            assert not studio.exception, page.name
            assert "Ganvas" not in [title.value for title in studio.title], "that is the front page"


# ---------------------------------------------------------------- what the style app shows


def test_curves_draw_what_they_are_given():
    points = [(n, {"style": 1 / n, "content": 0.1, "variation": 0.0}) for n in range(1, 20)]
    drawn = view.curves(points)
    assert drawn.count("<polyline") == 3
    assert "Style 0.0526" in drawn
    assert ">Step 1<" in drawn
    assert ">19<" in drawn
    assert [f">{value}<" in drawn for value in ("0.01", "0.1", "1")] == [True] * 3, "the scale of the losses"
    assert view.curves([]) == ""
    assert view.curves(points[:1]) == ""


def test_curves_say_where_the_picture_grew():
    points = [(n, {"style": 1 / n}) for n in range(1, 22)]
    drawn = view.curves(points, [(1, (128, 96)), (11, (256, 192))])
    assert drawn.count('class="grows"') == 1
    assert 'd="M50.00 0V100"' in drawn, "half-way, at step 11"
    assert ">128 px<" in drawn
    assert ">256 px<" in drawn
    assert "made larger" in drawn
    assert "made larger" not in view.curves(points, [(1, (128, 96))])


def test_words_are_escaped():
    assert "<b>" not in view.status("<b>bold</b>") + view.notice("<b>bold</b>.jpg is no picture")


def test_every_setting_has_a_widget_with_its_bounds():
    for name, about in SETTINGS.items():
        widget = widgets.of_setting(about)
        assert widget.value == about.default
        assert widget.label.startswith(about.label)
        if about.hi is not None and name != "seed":
            assert (widget.minimum, widget.maximum) == (about.lo, about.hi)


def test_every_example_can_be_opened():
    for kind in ("photo", "painting"):
        assert len(view.examples(kind)) >= 5
        for path, title in view.examples(kind):
            assert path.exists()
            assert title
