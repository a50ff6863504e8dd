"""Images from wherever people bring them: what can be used is used, the rest is named, and nothing lands elsewhere."""

import io
import json
import os
import re
import struct
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from core.errors import UserError
from core.gan.data import archives, dicebear, drawn, prepare, sources, torchvision_shim
from core.gan.request import TrainRequest
from core.settings import Progress
from core.visitors import policy

REQUEST = TrainRequest(size=16)


def picture(seed: int, size=(20, 20), mode="RGB") -> Image.Image:
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], len(mode))
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8), mode=None)


def png(seed: int, **more) -> bytes:
    file = io.BytesIO()
    picture(seed, **more).save(file, "PNG")
    return file.getvalue()


def report_of(run: Path, request: TrainRequest = REQUEST, **source) -> prepare.Report:
    source = {"kind": "folder", "path": "uploads", **source}
    *progress, report = prepare.prepare(source, request, run)
    assert all(isinstance(event, Progress) for event in progress)
    return report


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run" / "uploads").mkdir(parents=True)
    return tmp_path / "run"


def fill(run: Path, count: int, **more) -> None:
    for i in range(count):
        (run / "uploads" / f"{i:03d}.png").write_bytes(png(i, **more))


def zipped(run: Path, files: dict[str, bytes], name: str = "my.zip", **options) -> Path:
    with zipfile.ZipFile(run / "uploads" / name, "w", **options) as archive:
        for inner, content in files.items():
            archive.writestr(inner, content)
    return run / "uploads" / name


def everything_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


# ---------------------------------------------------------------- what is written


def test_a_folder_of_pictures(run):
    fill(run, 40)
    report = report_of(run)
    assert (report.found, report.usable, report.unusable, report.problems) == (40, 40, 0, ())
    pictures = prepare.load(run)
    assert pictures.shape == (40, 16, 16, 3)
    assert isinstance(pictures, np.memmap)
    assert prepare.read_report(run).usable == 40
    with Image.open(run / "data" / "preview.png") as preview:
        assert preview.width > 8 * 64


@pytest.mark.parametrize(("colour", "channels"), [("grey", 1), ("rgb", 3), ("rgba", 4)])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("shape", ["crop", "fit"])
def test_every_kind_of_picture_becomes_every_kind(run, colour, channels, mode, shape):
    fill(run, 33, size=(40, 24), mode=mode)
    report = report_of(run, replace(REQUEST, colour=colour, shape=shape))
    assert prepare.load(run).shape == (33, 16, 16, channels)
    assert report.grey == (33 if mode == "L" else 0)
    assert report.transparent == (33 if mode == "RGBA" else 0)


def test_cropping_keeps_the_middle_and_fitting_keeps_all():
    wide = Image.new("RGB", (48, 16), "red")
    wide.paste("blue", (16, 0, 32, 16))
    cropped = prepare.prepared(wide, REQUEST)
    assert (cropped.pixels == (0, 0, 255)).all()
    assert cropped.odd_shape
    fitted = prepare.prepared(wide, replace(REQUEST, shape="fit")).pixels
    assert (fitted[0] == 255).all()
    assert (fitted[8, 1] == (255, 0, 0)).all()
    see_through = prepare.prepared(wide, replace(REQUEST, shape="fit", colour="rgba")).pixels
    assert (see_through[0] == (255, 255, 255, 0)).all()


def test_nothing_is_learned_from_behind_nothing():
    hidden = Image.new("RGBA", (16, 16), (200, 10, 10, 0))
    assert (prepare.prepared(hidden, replace(REQUEST, colour="rgba")).pixels == (255, 255, 255, 0)).all()
    assert (prepare.prepared(hidden, REQUEST).pixels == 255).all()


def test_what_is_seen_is_counted(run):
    fill(run, 40)
    for name, content in {
        "copy.png": png(3), "small.png": png(100, size=(8, 8)), "wide.png": png(101, size=(60, 20)),
        "grey.png": png(102, mode="L"), "glass.png": png(103, mode="RGBA"),
    }.items():  # fmt: skip
        (run / "uploads" / name).write_bytes(content)
    report = report_of(run)
    assert (report.found, report.usable, report.duplicates) == (45, 44, 1)
    assert (report.too_small, report.odd_shapes, report.grey, report.transparent) == (1, 1, 1, 1)


@pytest.mark.parametrize(("count", "word"), [(50, "very few"), (500, "small set"), (3000, "good number")])
def test_advice_depends_on_the_count(count, word):
    assert word in prepare.advice(count)


def test_only_what_is_off_is_advised():
    off = replace(REQUEST, translate=False)
    assert prepare.missing(50, off) == ("translate", "vary_colour", "cut_out")
    assert prepare.missing(50, REQUEST) == ("vary_colour", "cut_out")
    assert prepare.missing(50, replace(REQUEST, method="vae")) == (), "what would do nothing is not advised"
    assert prepare.missing(3000, off) == ("translate",)
    assert prepare.missing(3000, REQUEST) == prepare.missing(20_000, off) == ()


def test_a_check_up_of_another_version_is_read_as_far_as_it_is_understood(run):
    fill(run, 40)
    report = report_of(run)
    file = run / "data" / "report.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "advice": "Turn on Shift."}))
    assert prepare.read_report(run).usable == report.usable


# ---------------------------------------------------------------- bad input


def test_what_is_no_picture_is_named_and_the_rest_is_used(run):
    fill(run, 35)
    half = png(1)
    for name, content in {
        "video.jpg": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2mp41" + b"\0" * 500, "notes.txt": b"only words\n" * 9,
        "broken.png": half[: len(half) // 2], "empty.png": b"", "noise.jpg": os.urandom(999), ".hidden": b"x",
    }.items():  # fmt: skip
        (run / "uploads" / name).write_bytes(content)
    report = report_of(run)
    assert (report.found, report.usable, report.unusable) == (40, 35, 5)
    for name in ("video.jpg", "notes.txt", "broken.png", "empty.png", "noise.jpg"):
        assert sum(name in problem for problem in report.problems) == 1


def test_zips_with_folders_inside(run):
    zipped(run, {f"a/b{i % 3}/{i}.png": png(i) for i in range(40)} | {"__MACOSX/a/._0.png": b"x", "a/.DS_Store": b"x"})
    assert report_of(run).found == 40


def test_nothing_lands_outside_the_run(run, tmp_path):
    names = ("../../out{}.png", "/tmp/ganvas-out{}.png", "..\\..\\out{}.png", "C:\\out{}.png", "ok{}.png")
    zipped(run, {names[i % 5].format(i): png(i) for i in range(40)})
    before = everything_below(tmp_path)
    assert report_of(run).usable == 40
    assert everything_below(tmp_path) - before == {f"run/data/{n}" for n in ("images.u8", "report.json", "preview.png")}
    assert not list(Path("/tmp").glob("ganvas-out*"))


def test_a_zip_in_a_zip_is_named(run):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("x.png", png(99))
    zipped(run, {f"{i}.png": png(i) for i in range(33)} | {"inner.zip": inner.getvalue()})
    report = report_of(run)
    assert report.usable == 33
    assert "inner.zip" in report.problems[0]


@pytest.mark.slow
def test_a_zip_bomb_is_not_opened(run):
    fill(run, 33)
    zipped(run, {"bomb.png": b"\0" * 250_000_000}, compression=zipfile.ZIP_DEFLATED)
    report = report_of(run)
    assert report.usable == 33
    assert "bomb.png" in report.problems[0]


def test_many_small_bombs_exceed_a_budget_together(run, monkeypatch):
    monkeypatch.setattr(archives, "UNPACKED", 10_000_000)
    fill(run, 33)
    zipped(run, {f"bomb{i}.png": b"\0" * 1_000_000 for i in range(11)}, compression=zipfile.ZIP_DEFLATED)
    report = report_of(run)
    assert report.unusable == 11
    assert sum("unpacks to more" in problem for problem in report.problems) == 1


def test_a_zip_that_lies_about_sizes(run):
    path = zipped(run, {f"{i}.png": png(i) for i in range(40)})
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\1\2")
    struct.pack_into("<I", content, central + 24, 7)  # uncompressed size of the first entry
    path.write_bytes(content)
    report = report_of(run)
    assert report.usable == 39


def test_all_zips_of_a_set_share_one_budget(run, monkeypatch):
    monkeypatch.setattr(archives, "UNPACKED", 10_000_000)
    fill(run, 33)
    for i in range(11):
        zipped(run, {f"bomb{i}.png": b"\0" * 1_000_000}, f"{i}.zip", compression=zipfile.ZIP_DEFLATED)
    assert sum("unpacks to more" in problem for problem in report_of(run).problems) == 1


def with_first_entry(path: Path, place: int, kind: str, value: int) -> None:
    """Another value in the first file's line of the zip's directory, and in its own header."""
    content = bytearray(path.read_bytes())
    for mark, at in ((b"PK\1\2", place), (b"PK\3\4", place - 2)):
        struct.pack_into(kind, content, content.index(mark) + at, value)
    path.write_bytes(content)


@pytest.mark.slow
def test_a_file_that_says_it_is_small_is_unpacked_no_further(run):
    """Python's own `ZipFile.read` unpacks all of it and then cuts."""
    path = zipped(run, {"bomb.png": b"\0" * 100_000_000}, compression=zipfile.ZIP_DEFLATED)
    with_first_entry(path, 24, "<I", 1000)
    (found,) = sources.find(run / "uploads")
    tracemalloc.start()
    with pytest.raises(UserError, match=r"bomb.png is damaged inside its zip"):
        found.open()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5_000_000


@pytest.mark.parametrize(
    ("method", "word"), [(9, "deflate64"), (12, "bzip2"), (14, "lzma"), (98, "ppmd"), (77, "unkn")]
)
def test_what_cannot_be_unpacked_within_limits_is_said(run, method, word):
    fill(run, 33)
    with_first_entry(zipped(run, {"a.png": png(50), "b.png": png(51)}), 10, "<H", method)
    report = report_of(run)
    assert report.usable == 34
    assert "a.png" in report.problems[0]
    assert word in report.problems[0]


def overlapping(run: Path, count: int) -> Path:
    """`count` files in the directory, all of them the one that is in the zip (as in quines, and Fifield's bombs)."""
    path = zipped(run, {"a.png": png(50)})
    content = path.read_bytes()
    at, end = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    listed = content[at:end] * count
    last = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count % 65536, count % 65536, len(listed), at, 0)
    path.write_bytes(content[:at] + listed + last)
    return path


def test_files_that_lie_over_one_another_are_not_read(run):
    fill(run, 33)
    overlapping(run, 1000)
    report = report_of(run)
    assert (report.found, report.usable) == (34, 33)
    assert "my.zip lists files that lie over one another" in report.problems[0]


def test_a_directory_of_millions_is_not_read(run, monkeypatch):
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    path = overlapping(run, 60_000)
    tracemalloc.start()
    (found,) = sources.find(run / "uploads")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < path.stat().st_size
    with pytest.raises(UserError, match=r"my\.zip lists more files than the 5,000"):
        found.open()


def test_names_in_a_zip_are_made_fit_to_be_shown(run):
    fill(run, 33)
    names = ["x" * 60_000, "/etc/passwd", "../../up", "nul\0l", "two\nlines", "\x1b[31mred", "C:\\con", "\u202egnp.exe"]
    zipped(run, dict.fromkeys(names, b"no picture at all"))
    report = report_of(run)
    assert report.unusable == len(names)
    assert all(len(problem) < 250 and problem.isprintable() for problem in report.problems)
    assert not [problem for problem in report.problems if "/" in problem or "\u202e" in problem]


def test_a_zip_that_holds_itself_is_one_file_that_is_no_picture(run):
    """Nothing looks into a zip in a zip, so there is no way down."""
    fill(run, 33)
    inner = zipped(run, {"x.png": png(99)})
    for _ in range(5):
        inner = zipped(run, {"my.zip": inner.read_bytes()})
    report = report_of(run)
    assert (report.found, report.unusable) == (34, 1)
    assert "my.zip is a ZIP archive inside another; unpack the outer one" in report.problems[0]


def test_many_zips_are_not_all_open_at_once(run):
    for i in range(60):
        zipped(run, {"a.png": png(i)}, f"{i}.zip")
    before = psutil.Process().num_fds()
    found = list(sources.find(run / "uploads"))
    assert psutil.Process().num_fds() < before + 20
    assert len({one.open() for one in found}) == 60


@pytest.mark.slow
@pytest.mark.parametrize("harm", [0, 500])
def test_the_pixels_of_a_set_are_capped(run, monkeypatch, harm):
    """However small the files; one that is damaged at its end has been decoded as well."""
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    zipped(run, {f"{i}.png": flat(i, 1000)[: -harm or None] for i in range(40)})
    monkeypatch.setattr(policy, "PUBLIC", replace(policy.PUBLIC, images_pixels=25_000_000))
    with pytest.raises(UserError, match="more than 25 million pixels in all"):
        report_of(run)
    monkeypatch.setattr(policy, "PUBLIC", replace(policy.PUBLIC, images_pixels=40_000_000))
    if harm:
        with pytest.raises(UserError, match="0 of 40 files can be used"):
            report_of(run)
    else:
        assert report_of(run).usable == 40


def flat(seed: int, side: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), (seed, 2 * seed, 3)).save(file, "PNG", compress_level=1)
    return file.getvalue()


@pytest.mark.parametrize("harm", ["cut", "flipped", "locked"])
def test_damaged_and_locked_zips(run, harm):
    fill(run, 33)
    path = zipped(run, {f"{i}.png": png(i + 50) for i in range(5)})
    content = bytearray(path.read_bytes())
    if harm == "cut":
        content = content[:-100]
    elif harm == "flipped":
        content[200:220] = b"x" * 20
    else:
        for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            content[content.index(mark) + place] |= 1
    path.write_bytes(content)
    report = report_of(run)
    assert report.usable >= 33
    assert report.unusable >= 1
    assert report.problems


@pytest.mark.slow
def test_a_decompression_bomb_in_a_picture(run):
    fill(run, 33)
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    (run / "uploads" / "bomb.png").write_bytes(bomb.getvalue())
    assert "bomb.png" in report_of(run).problems[0]


@pytest.mark.parametrize("count", [0, 1, 10, prepare.MINIMUM - 1])
def test_too_few_pictures_are_said_with_the_number_needed(run, count):
    fill(run, count)
    with pytest.raises(UserError, match=rf"{count} of {count} files.*at least {prepare.MINIMUM} "):
        report_of(run)
    assert not (run / "data" / "images.u8").exists()


def test_one_picture_a_hundred_times_is_one_picture(run):
    for i in range(100):
        (run / "uploads" / f"{i}.png").write_bytes(png(0))
    with pytest.raises(UserError, match=r"1 of 100 files can be used .99 are copies of others.*at least 32"):
        report_of(run)


@pytest.mark.slow
def test_thousands_of_files(run):
    """All but a few are no pictures: their names are not all kept."""
    zipped(run, {f"{i}.png": png(i) for i in range(40)} | {f"{i}.txt": b"no picture" for i in range(2000)})
    report = report_of(run)
    assert (report.found, report.usable, report.unusable) == (2040, 40, 2000)
    assert len(report.problems) == prepare.NAMED


def test_a_folder_that_is_not_there(run):
    with pytest.raises(UserError, match="no folder"):
        report_of(run, path="/nowhere/at/all")


@pytest.fixture
def linked(run, tmp_path):
    """A set as the Hub's cache lays it out: links to files that lie elsewhere, and to a folder, and to nothing."""
    blobs, more = tmp_path / "blobs", tmp_path / "more"
    blobs.mkdir()
    more.mkdir()
    for i in range(40):
        (blobs / f"{i:040x}").write_bytes(png(i))
        (run / "uploads" / f"{i}.png").symlink_to(blobs / f"{i:040x}")
    (more / "more.png").write_bytes(png(77))
    (more / "round").symlink_to(more)
    for name in ("more", "more again"):
        (run / "uploads" / name).symlink_to(more)
    (run / "uploads" / "gone.png").symlink_to(tmp_path / "nothing")
    return run


def test_links_are_followed_at_home_each_folder_once(linked):
    report = report_of(linked)
    assert (report.found, report.usable, report.duplicates) == (42, 41, 0)
    assert report.problems == ("gone.png is a link to a file that is not there; copy the file itself.",)


def test_links_are_counted_and_named_where_strangers_come(linked, monkeypatch):
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    for i in range(33):
        (linked / "uploads" / f"own{i}.png").write_bytes(png(100 + i))
    report = report_of(linked)
    assert (report.found, report.usable, report.unusable) == (76, 33, 43)
    assert all("is a link, and links are not followed here" in problem for problem in report.problems)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything may be read")
def test_a_folder_that_may_not_be_read_is_named(run):
    fill(run, 33)
    closed = run / "uploads" / "closed"
    closed.mkdir(mode=0)
    assert "closed is a folder that cannot be opened" in report_of(run).problems[0]


def test_what_systems_leave_in_folders_is_passed_over(run):
    fill(run, 33)
    apple_double, store = b"\0\5\x16\7\0\2\0\0Mac OS X", b"\0\0\0\1Bud1" + bytes(99)
    left = {"Thumbs.db": b"\xd0\xcf\x11\xe0", "desktop.ini": b"[x]", "._a.jpg": apple_double, ".DS_Store": store}
    for name, content in {**left, "a.jpg": apple_double, "DS_Store": store}.items():  # as uploads are called
        (run / "uploads" / name).write_bytes(content)
    zipped(run, {f"in/{name}": content for name, content in left.items()})
    small = {f"{above}/a.png": png(200) for above in ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "in/@eaDir")}
    zipped(run, {**small, "./in/../b.png": png(300)}, "small.zip")
    for name, content in small.items():
        (run / "uploads" / name).parent.mkdir(parents=True, exist_ok=True)
        (run / "uploads" / name).write_bytes(content)
    report = report_of(run)
    assert (report.found, report.problems) == (34, ())


def test_a_zip_that_breaks_off_is_said_to(run):
    fill(run, 33)
    path = zipped(run, {f"{i}.png": png(50 + i) for i in range(5)}, "trunc.zip")
    path.write_bytes(path.read_bytes()[:-400])
    assert report_of(run).problems == ("trunc.zip is a ZIP archive that breaks off early; copy or download it again.",)


def test_a_picture_with_a_zip_behind_it_is_a_picture(run):
    fill(run, 33)
    inner = zipped(run, {"inner.png": png(98)}, "inner.zip")
    (run / "uploads" / "both.png").write_bytes(png(99) + inner.read_bytes())
    inner.unlink()
    report = report_of(run)
    assert (report.found, report.usable) == (34, 34)
    assert next(one for one in sources.find(run / "uploads") if one.name == "both.png").open().name == "both.png"


@pytest.mark.parametrize("sign", ["[Content_Types].xml", "mimetype", "META-INF/MANIFEST.MF"])
def test_the_pictures_in_an_office_document_do_not_join_the_set(run, sign):
    fill(run, 33)
    zipped(run, {"word/media/a.png": png(97), sign: b"of something else"}, "report.docx")
    report = report_of(run)
    assert (report.found, report.usable) == (34, 33)
    assert "report.docx is an office document or program" in report.problems[0]


@pytest.mark.parametrize("form", ["{}", " {} ", '"{}"', "'{}'", "{}/", "file://{}", ' "{}" \n', "\u201c{}\u201d",
                                  "<{}>", "$PICTURES", "{escaped}"])  # fmt: skip
def test_a_path_is_understood_as_people_paste_it(tmp_path, monkeypatch, form):
    folder = tmp_path / "my pictures"
    folder.mkdir()
    monkeypatch.setenv("PICTURES", str(folder))
    assert sources.typed(form.format(folder, escaped=str(folder).replace(" ", "\\ "))) == folder


def test_a_home_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a b").mkdir()
    assert sources.typed("~/a b") == tmp_path / "a b"
    assert sources.typed("file:///" + str(tmp_path).lstrip("/") + "/a%20b") == tmp_path / "a b"


@pytest.mark.parametrize("path", ["~nobody-here/pics", "/nowhere/at all", "", '""', "a\0b", "x" * 5000, "file://"])
def test_a_path_that_leads_nowhere_is_said(path):
    with pytest.raises(UserError, match="There is no folder"):
        sources.typed(path)


def test_a_full_disk_is_said(run, monkeypatch):
    fill(run, 33)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"The pictures could not be written to .*the disk is full"):
        report_of(run)
    assert list((run / "data").iterdir()) == [], "what is half written takes no room"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (RuntimeError("Error downloading train-images:\nTried https://a,\ngot:\n"), "be downloaded (Error downloading"),
        (OSError(30, "Read-only file system"), "the disk is read-only; make it writable, or let GANVAS_HOME name"),
    ],
)
def test_a_download_without_a_network_or_a_place_is_said(run, monkeypatch, fault, words):
    class Nothing:
        def MNIST(self, *_, **__):
            raise fault

    monkeypatch.setattr(
        torchvision_shim, "importable_torchvision", lambda: type("torchvision", (), {"datasets": Nothing()})
    )
    with pytest.raises(UserError, match=re.escape(words)) as told:
        report_of(run, kind="download", name="mnist")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("harm", ["cut", "gone", "report"])
def test_damaged_preparations_are_noticed(run, harm):
    fill(run, 33)
    report_of(run)
    path = run / "data" / "images.u8"
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif harm == "gone":
        path.unlink()
    else:
        (run / "data" / "report.json").write_text(json.dumps({"usable": "many"}))
    with pytest.raises(UserError, match="check the images again"):
        prepare.load(run)


# ---------------------------------------------------------------- the embedded sets


@pytest.mark.slow
@pytest.mark.parametrize("name", drawn.SETS)
def test_embedded_sets_are_drawn_the_same_every_time_and_all_different(name):
    first = [drawn.draw(name, i, 32) for i in range(12)]
    assert all(p.mode in ("RGB", "L") and p.size == (32, 32) for p in first)
    assert len({p.tobytes() for p in first}) == 12
    assert drawn.draw(name, 7, 32).tobytes() == first[7].tobytes()


@pytest.mark.slow
def test_drawing_in_several_processes_gives_the_same_pictures():
    many = list(drawn.pictures("portraits", 210, 16))
    assert len(many) == 210
    assert all(many[i].tobytes() == drawn.draw("portraits", i, 16).tobytes() for i in (0, 100, 209))


def test_digits_are_the_digits_white_on_black_and_each_written_in_its_own_hand():
    """As another reads them: the nearest of a hundred others, in pixels, is of the same kind nine times in ten."""
    known = np.stack([np.asarray(drawn.draw("digits", i, 16), float).ravel() for i in range(300)])
    asked = np.stack([np.asarray(drawn.draw("digits", i, 16), float).ravel() for i in range(1000, 1100)])
    nearest = ((asked[:, None] - known) ** 2).sum(-1).argmin(-1)
    assert (nearest % 10 == np.arange(100) % 10).mean() > 0.85
    assert 0 < known.mean() < 80
    alpha = np.asarray(drawn.draw("digits", 3, 16, transparent=True).getchannel("A"), float).ravel()
    assert (alpha == known[3]).all()


def test_portraits_can_be_transparent(run):
    report = report_of(run, replace(REQUEST, colour="rgba"), kind="drawn", name="portraits", count=40)
    assert report.transparent == 40
    assert report.licence == "CC0 1.0"
    assert (prepare.load(run)[..., 3] == 0).any()


def test_a_style_under_another_licence_is_refused(monkeypatch):
    monkeypatch.setitem(dicebear.STYLES, "others", dicebear.AvatarStyle("Others", "adventurer"))
    with pytest.raises(ValueError, match="CC BY"):
        dicebear.draw("others", 0, 16)
