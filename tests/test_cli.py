"""The command line: the same function, the same picture, every setting, errors in one line."""

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import console, device
from core.__main__ import main
from core.gan import cli
from core.gan.request import TrainRequest
from core.pictures import images
from core.runs import lifecycle, run_folder, states
from core.settings import settings_of
from core.style import dispatch
from core.style.optimise.paint import paint
from core.style.request import InstantRequest, StyleRequest
from support.pictures import scene, texture
from support.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("measured_machine")
ROOT = Path(__file__).parents[1]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="of /proc and pseudo terminals")
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


@pytest.mark.slow
def test_instant_paints_at_once_and_its_recipe_does_so_again(files, capsys):
    settings = ["--size", "64", "--stroke-size", "0.5"]
    assert main(["style", "photo.png", "painting.png", "-o", "out.png", "--instant", *settings]) == 0
    request = InstantRequest(size=64, stroke_size=0.5)
    *_, result = dispatch.engine_of(request).paint(request, scene(), [texture()])
    np.testing.assert_array_equal(np.asarray(Image.open("out.png")), np.asarray(result.images[0]))
    assert images.read_recipe("out.png")["kind"] == "instant"
    assert main(["style", "photo.png", "painting.png", "-o", "again.png", "--recipe", "out.png"]) == 0
    np.testing.assert_array_equal(np.asarray(Image.open("again.png")), np.asarray(result.images[0]))
    assert main(["style", "photo.png", "painting.png", "-o", "slow.png", *SMALL, *settings[2:]]) == 0
    shown = ["-o", "shown.png", "--recipe", "slow.png", "--instant"]
    assert main(["style", "photo.png", "painting.png", *shown]) == 0
    np.testing.assert_array_equal(np.asarray(Image.open("shown.png")), np.asarray(result.images[0]))


@pytest.mark.slow
def test_clips_are_painted_by_the_same_command(files, capsys):
    first, *more = [scene().rotate(turn) for turn in (0, 5, 10)]
    first.save("clip.gif", save_all=True, append_images=more, duration=[80, 200, 120])
    instant = ["--instant", "--size", "64"]
    assert main(["style", "clip.gif", "painting.png", "-o", "out.gif", *instant]) == 0
    with Image.open("out.gif") as clip:
        assert (clip.n_frames, clip.size) == (3, (64, 48))
    assert "out.gif: painted in" in capsys.readouterr().out
    assert main(["style", "photo.png", "clip.gif", "--style", "painting.png", "-o", "all/", *instant]) == 0
    assert sorted(path.name for path in Path("all").iterdir()) == ["clip.gif", "photo.png"]
    Path("all/notes.txt").write_text("no picture")
    assert main(["style", "all", "--style", "painting.png", "-o", "folder", *instant]) == 0
    assert sorted(path.name for path in Path("folder").iterdir()) == ["clip.gif", "photo.png"]
    Path("none").mkdir()
    assert main(["style", "none", "--style", "painting.png", "-o", "folder", *instant]) == 2
    assert "There is no picture in the folder none" in capsys.readouterr().err
    assert main(["style", "clip.gif", "painting.png", "-o", "out.jpg", *instant]) == 2
    assert "give a name that ends in .gif, .webp, .png or .mp4" in capsys.readouterr().err
    assert main(["style", "clip.gif", "painting.png", "-o", "first.png", *SMALL]) == 0  # without it, the first frame


def test_what_moves_is_told_where_it_is_not_painted_at_once(files, capsys):
    frames = [scene().rotate(turn) for turn in (0, 5)]
    frames[0].save("clip.gif", save_all=True, append_images=frames[1:], duration=80)
    images.animation(frames, Path("clip.mp4"), seconds_per_frame=0.1, hold_last=0.1, format="mp4")
    assert main(["style", "clip.gif", "painting.png", "-o", "first.png", *SMALL]) == 0
    assert "clip.gif moves, and its first frame is painted; --instant paints all." in capsys.readouterr().err
    assert main(["style", "clip.mp4", "painting.png", "-o", "out.mp4", *SMALL]) == 2
    assert "clip.mp4 is a video; add --instant, which paints clips." in capsys.readouterr().err
    assert main(["style", "clip.mp4", "photo.png", "--style", "painting.png", "-o", "all/", *SMALL]) == 2
    assert "1 of 2 photos could not be painted" in capsys.readouterr().err
    assert [path.name for path in Path("all").iterdir()] == ["photo.png"]


def test_what_is_wrong_with_a_photo_is_told_before_its_paintings_name_is_found_fault_with(files, capsys):
    Path("notes.flv").write_text("no film")
    assert main(["style", "notes.flv", "painting.png", "-o", "out.mp4", "--instant"]) == 2
    assert "notes.flv is text, not a picture" in capsys.readouterr().err


def test_of_a_folder_what_is_called_a_picture_and_is_none_is_told(files, capsys):
    Path("folder").mkdir()
    scene().save("folder/a.png")
    Path("folder/b.jpg").write_text("no picture")
    Path("folder/notes.txt").write_text("no picture")
    Path("folder/._a.jpg").write_text("what macOS leaves")
    assert main(["style", "folder", "--style", "painting.png", "-o", "all/", *SMALL]) == 0
    told = capsys.readouterr().err
    assert "b.jpg is called a picture and is none; it was left out." in told
    assert "notes.txt" not in told
    assert "._a.jpg" not in told


def test_names_that_are_too_long_are_told_before_anything_is_painted(files, capsys):
    long = 300 * "a"
    for photo, out in ((f"{long}.jpg", "out.png"), ("photo.png", f"{long}.png")):
        assert main(["style", photo, "painting.png", "-o", out, *SMALL]) == 2
        assert "too long" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are none here")
def test_a_pipe_is_not_waited_for(files, capsys):
    os.mkfifo("pipe.png")
    assert main(["style", "pipe.png", "painting.png", "-o", "out.png", *SMALL]) == 2
    assert "pipe.png cannot be read (a pipe or a device, not a file)" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="there it ends a program at once")
def test_who_is_ended_tidies_up():
    there = []

    def works():
        with console.ended_tidily(), tempfile.TemporaryDirectory() as folder:
            there.append(Path(folder))
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)

    with pytest.raises(SystemExit) as ended:
        works()
    assert ended.value.code == 128 + signal.SIGTERM
    assert not there[0].exists()


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
        (["photo.png", "painting.png", "--size", "9"], "--size: Size is 9 px; choose a value from 64 to 2048 px"),
        (["photo.png", "painting.png", "--rate", "fast"], "--rate: Step size is 'fast'; it has to be a number"),
        (["photo.png", "painting.png", "--steps", "123456789"], "--steps: Steps is 123456789; choose"),
        (["photo.png", "painting.png", "--seed", "-7"], "--seed: Seed is -7; choose a value from 0"),
        (["photo.png", "painting.png", "--optimiser", "adm"], "Did you mean 'adam'"),
        (["photo.png", "painting.png", "--weights", "a"], "write a number"),
        (["photo.png", "painting.png", "--weights", "1,2"], "There are 2 style weights for 1 style picture; "),
        (["photo.png", "painting.png", "--recipe", "photo.png"], "no recipe"),
        (["notes.txt", "painting.png"], "notes.txt"),
        (["photo.png", "painting.png", "-o", "photo.jpg"], "ends in .png"),
        (["photo.png", "painting.png", "-o", "notes.txt/out.png"], "could not be made in ."),
        (["photo.png", "painting.png", "-o", "~nobody-here/out.png"], "write the whole name"),
        (["photo.png", "photo.png", "--style", "painting.png", "-o", "sheet.png"], "with a / behind it"),
    ],
)
def test_mistakes_are_told_in_one_line(files, capsys, arguments, words):
    (files / "notes.txt").write_text("not a picture")
    assert main(["style", "-o", "out.png", *arguments]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not (files / "out.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seed", "-7"], "--seed: Seed is -7"),
        (["--count", "many"], "--count: Pictures is 'many'"),
        (["--points", "7:1", "--frames", "some"], "--frames is 'some'; write a whole number"),
        (["--points", "7"], "'7' names no picture"),
    ],
)
def test_what_sample_cannot_take_is_told_in_one_line(files, capsys, arguments, words):
    assert main(["sample", "portraits", "-o", "out.png", *arguments]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("command", ["style", "sample"])
@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("notes.txt", "ends in"),
        ("notes.txt/", "a file is where a folder should be"),
        ("notes.txt/new/a.png", "a file is where a folder should be"),
        pytest.param("/proc/nowhere/a.png", "there is no such folder", marks=LINUX),
        pytest.param("/proc/a.png", "The pictures could not be written to /proc", marks=LINUX),
        ("loop/a.png", "could not be made in ."),
        ("x" * 300 + ".png/", "a name is too long"),
        ("theirs.png", "is there already"),
        ("", "No place was named after -o"),
    ],
)
def test_where_nothing_can_go_is_told_before_anything_is_made(files, capsys, command, out, words):
    (files / "notes.txt").write_text("mine")
    (files / "loop").symlink_to("loop")
    scene().save("theirs.png")
    before = (files / "theirs.png").read_bytes()
    what = ["photo.png", "painting.png", *SMALL] if command == "style" else ["portraits", "--count", "1"]
    assert main([command, *what, "-o", out]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert ((files / "notes.txt").read_text(), (files / "theirs.png").read_bytes()) == ("mine", before)


@pytest.mark.parametrize("out", ["photo.png", "./photo.png", "link.png", "hard.png", "painting.png", "recipe.png"])
def test_what_was_given_is_not_written_over(files, capsys, out):
    assert main(["style", "photo.png", "painting.png", "-o", "recipe.png", *SMALL]) == 0
    (files / "link.png").symlink_to("photo.png")
    (files / "hard.png").hardlink_to("photo.png")
    before = (files / out).read_bytes()
    assert main(["style", "photo.png", "painting.png", "--recipe", "recipe.png", "-o", out]) == 2
    assert "which was given; choose another name" in capsys.readouterr().err
    assert (files / out).read_bytes() == before


def test_a_painting_of_ganvas_may_be_painted_again(files):
    for seed in ("1", "2"):
        assert main(["style", "photo.png", "painting.png", "-o", "new/out.png", *SMALL, "--seed", seed]) == 0
    assert images.read_recipe("new/out.png")["seed"] == 2


def test_samples_in_a_folder_get_names_that_are_not_taken(files):
    for _ in range(2):
        assert main(["sample", "portraits", "-o", "new/all", "--count", "2"]) == 0
    assert len(list((files / "new/all").iterdir())) == 4
    assert main(["sample", "portraits", "-o", "new/sheets/one.png", "--count", "2"]) == 0
    assert main(["sample", "portraits", "-o", "sheet.jpg/", "--count", "1"]) == 0  # so it was meant


def run(files, *arguments, stderr=subprocess.PIPE, **env):
    """A command in a process of its own, as a person starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "core", *arguments], cwd=files, stdout=subprocess.PIPE, stderr=stderr,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
    )  # fmt: skip


@pytest.mark.slow
def test_names_that_cannot_be_printed_end_no_batch(files):
    names = ["snow-\u2744.png", "\u732b.png", os.fsdecode(b"odd-\xff.png")]
    for name in names:
        scene().save(name)
    command = run(files, "style", *names, "missing-\u732b.png", "--style", "painting.png", "-o", "many/", *SMALL,
                  PYTHONIOENCODING="ascii", OMP_DISPLAY_ENV="verbose")  # fmt: skip
    out, err = command.communicate(timeout=PATIENCE)
    if sys.platform == "linux":  # GNU's OpenMP heard how long its threads may wait for one another, before it began
        assert all(
            f"{told}'".encode() in err for told in ("OMP_WAIT_POLICY = 'ACTIVE", f"GOMP_SPINCOUNT = '{device.SPIN}")
        )
    assert (command.returncode, out.count(b"painted in"), b"Traceback" in err) == (2, 3, False)
    assert len(list((files / "many").iterdir())) == 3
    assert b"1 of 4 photos" in err


@LINUX
@pytest.mark.parametrize("width", [0, 80])
def test_a_bar_fits_a_terminal_whether_or_not_that_tells_its_width(monkeypatch, width):
    """In a container there are often said to be no columns."""
    import fcntl
    import pty
    import termios

    run = lifecycle.create(
        TrainRequest(steps=3000), {"kind": "drawn", "name": "portraits"}, "A rather long name of a run"
    )
    (run.path / "metrics.jsonl").write_text('{"step": 900, "loss_d": 0.78, "loss_g": 0.88}\n')
    (run.path / "scores.jsonl").write_text('{"step": 900, "name": "kid", "value": 37321.0}\n')
    run_folder.write_state(run, status=states.RUNNING, step=900, seconds_left=123.4)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", width and 24, width, 0, 0))
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with cli._bar(run) as show:
            show()
    shown = b""
    with contextlib.suppress(OSError):  # how a terminal says that nobody writes to it any more
        while said := os.read(ours, 10_000):
            shown += said
    os.close(ours)
    assert "900 of 3,000, 123 s left, too early to tell, KID 37,321, D 0.7" in shown.decode()


@pytest.mark.slow
@LINUX
def test_ctrl_c_keeps_the_picture_so_far(files):
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 120, 0, 0))
    command = run(files, "style", "photo.png", "photo.png", "--style", "painting.png", "-o", "many/", "--size", "128",
                  "--steps", "1000", stderr=theirs)  # fmt: skip
    os.close(theirs)
    shown = b""
    while b"loss" not in shown:  # it is being painted
        shown += os.read(ours, 1000)
    command.send_signal(signal.SIGINT)
    out, _ = command.communicate(timeout=PATIENCE)
    with contextlib.suppress(OSError):  # how a terminal says that nobody writes to it any more
        while said := os.read(ours, 1000):
            shown += said
    os.close(ours)
    assert command.returncode == 130
    assert b"Stopped after" in out
    assert b"1 of 2 photos were not painted" in shown
    assert b"Traceback" not in shown
    (painting,) = (files / "many").iterdir()
    assert images.read_recipe(painting)["stopped_at"] < 1000
