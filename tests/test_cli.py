"""The command line: the same function, the same picture, every setting, errors in one line."""

import json

import numpy as np
import pytest
from PIL import Image

from core.__main__ import main
from core.pictures import images
from core.settings import settings_of
from core.style.optimise.paint import paint
from core.style.request import StyleRequest
from support.pictures import scene, texture

pytestmark = pytest.mark.usefixtures("measured_machine")
SMALL = ["--size", "64", "--steps", "3"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scene().save("photo.png")
    texture().save("painting.png")
    return tmp_path


def test_the_command_paints_what_the_engine_paints(files, capsys):
    assert main(["style", "photo.png", "painting.png", "-o", "out.png", *SMALL, "--stroke-size", "0.5"]) == 0
    *_, result = paint(StyleRequest(size=64, steps=3, stroke_size=0.5), scene(), [texture()])
    np.testing.assert_array_equal(np.asarray(Image.open("out.png")), np.asarray(result.images[0]))
    assert "painted in" in capsys.readouterr().out


def test_every_setting_is_an_option():
    arguments = []
    for name, about in settings_of(StyleRequest).items():
        flag = "--" + name.replace("_", "-")
        arguments += [flag] if about.type is bool else [flag, str(about.default)]
    assert main(["style", "nothing.png", "nothing.png", "-o", "out.png", *arguments]) == 2


def test_a_recipe_is_taken_from_a_painting_and_options_override_it(files, capsys):
    main(["style", "photo.png", "painting.png", "-o", "one.png", *SMALL, "--seed", "7"])
    main(["style", "photo.png", "painting.png", "-o", "two.png", "--recipe", "one.png"])
    np.testing.assert_array_equal(np.asarray(Image.open("one.png")), np.asarray(Image.open("two.png")))
    capsys.readouterr()
    main(["style", "photo.png", "painting.png", "-o", "three.png", "--recipe", "one.png", "--seed", "8", "--json"])
    line = json.loads(capsys.readouterr().out)
    assert (line["recipe"]["seed"], line["recipe"]["size"], line["file"]) == (8, 64, "three.png")
    assert images.read_recipe("three.png")["seed"] == 8


def test_several_photos_go_into_a_folder_without_losing_one(files, capsys):
    (files / "other").mkdir()
    scene(80, 80).save("other/photo.png")
    pictures = ["photo.png", "other/photo.png", "--style", "painting.png", "--style", "photo.png", "--weights", "3,1"]
    assert main(["style", *pictures, "-o", "painted", *SMALL]) == 0
    assert sorted(images.open_picture(p).size for p in (files / "painted").iterdir()) == [(64, 48), (64, 64)]


def test_one_bad_photo_does_not_cost_the_others_theirs(files, capsys):
    (files / "bad.jpg").write_text("no picture")
    pictures = ["bad.jpg", "photo.png", "--style", "painting.png"]
    assert main(["style", *pictures, "-o", "painted", *SMALL]) == 2
    assert [p.name for p in (files / "painted").iterdir()] == ["photo.png"]
    said = capsys.readouterr().err
    assert "bad.jpg" in said
    assert "1 of 2 photos could not be painted" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["photo.png"], "name a photo and then a painting"),
        (["missing.png", "painting.png"], "missing.png"),
        (["photo.png", "painting.png", "--size", "9"], "from 64 to 2048 px"),
        (["photo.png", "painting.png", "--optimiser", "adm"], "Did you mean 'adam'"),
        (["photo.png", "painting.png", "--weights", "a"], "write a number"),
        (["photo.png", "painting.png", "--weights", "1,2"], "1 style pictures but 2"),
        (["photo.png", "painting.png", "--recipe", "photo.png"], "no recipe"),
        (["notes.txt", "painting.png"], "notes.txt"),
        (["photo.png", "painting.png", "-o", "photo.jpg"], "ends in .png"),
        (["photo.png", "painting.png", "-o", "notes.txt/out.png"], "cannot be made a folder"),
    ],
)
def test_mistakes_are_told_in_one_line(files, capsys, arguments, words):
    (files / "notes.txt").write_text("not a picture")
    assert main(["style", "-o", "out.png", *arguments]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not (files / "out.png").exists()
