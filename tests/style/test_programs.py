"""What programs send to the API: what is clear is taken, the rest is told by its parameter's name."""

import pytest

from core.errors import UserError
from core.style.request import ClipRequest, InstantRequest, StyleRequest
from ui.style import programs


@pytest.fixture
def upload(monkeypatch, tmp_path):
    """The path of a file that was uploaded."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    (tmp_path / "photo.jpg").write_text("")
    return str(tmp_path / "photo.jpg")


def paint(**sent) -> dict:
    names = list(programs.READ["paint"])
    return dict(zip(names, programs.understood("paint", [sent.get(name) for name in names]), strict=True))


def test_the_parameters_are_those_of_the_functions():
    import inspect

    import style_app
    from ui.generate import sample_api

    assert list(programs.READ["paint"]) == list(style_app.ASKED)
    assert list(programs.READ["instant"]) == [*style_app.GIVEN, *InstantRequest.counting]
    assert list(programs.READ["clip"]) == [*style_app.OF_CLIP, *ClipRequest.counting]
    assert list(programs.READ["sample"]) == list(inspect.signature(sample_api.sample).parameters)


def test_what_is_clear_is_taken(upload):
    file = {"path": upload, "orig_name": None, "meta": {"_type": "gradio.FileData"}}
    for photo in (
        upload,
        [upload],
        {"path": upload},
        {"path": upload, "meta": 7},
        {"image": file},
        [{"image": upload}],
    ):
        assert paint(photo=photo)["photo"] == file
    for styles in (upload, [upload], {"path": upload}, {"image": upload}, [{"image": file}], [[upload, "caption"]]):
        assert paint(styles=styles)["styles"] == [{"image": file, "caption": None}]
    got = paint(size="128", steps=7.0, start="Photo", keep_colour="true", style_weights=[2, 1], seed=" 3 ", rate=None)
    assert (got["size"], got["steps"], got["start"], got["seed"]) == (128, 7, "photo", 3)
    assert (got["keep_colour"], got["style_weights"], got["rate"]) == (True, "2, 1", StyleRequest.rate)
    assert paint(style_weights=2)["style_weights"] == "2"
    assert programs.understood("sample", ["portraits", "7"]) == ["portraits", 7, 1, 1.0, True, False, None, ""]
    assert programs.understood("sample", [None, 0, 1, 1, 0, 1, "7:12", 3])[4:] == [False, True, ["7:12"], "3"]
    assert programs.understood("start", ["as", "it", "is"]) == ["as", "it", "is"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("photo", "photo.jpg", "'photo.jpg' was not uploaded here; upload it"),
        ("photo", "/etc/passwd", "was not uploaded here"),
        ("photo", 3, "3 is no file; upload it"),
        ("photo", {"file": "a.jpg"}, "is no file"),
        ("photo", {"path": ["a"]}, "is no file"),
        ("photo", ["a.jpg", "b.jpg"], "There are 2 files; send one"),
        ("photo", [[[[[[[["a.jpg"]]]]]]]], "is no file"),
        ("styles", "a.jpg", "was not uploaded here"),
        ("styles", [1, 2], "1 is no file"),
        ("styles", {"a": 1}, "is no file"),
        ("style_weights", {"a": 1}, "send numbers, like"),
        ("style_weights", [True], "send numbers, like"),
        ("style_weights", [10**400], "send numbers, like"),
        ("size", 99999, "Size is 99999 px; choose a value from 64 to 2048 px."),
        ("size", 123456789012, "Size is 123456789012 px"),
        ("size", "large", "'large'; it has to be a whole number"),
        ("size", [128], "a list of 1; it has to be a whole number"),
        ("size", {}, "it has to be a whole number"),
        ("size", True, "it has to be a whole number"),
        ("size", 10**400, "it has to be a whole number"),
        ("steps", "x" * 10**6, "it has to be a whole number"),
        ("start", "phot", "Did you mean 'photo'"),
        ("keep_colour", "perhaps", "true or false"),
        ("keep_colour", 2, "true or false"),
        ("seed", -7, "choose a value from 0"),
    ],
)
def test_what_is_not_clear_names_its_parameter(upload, name, value, words):
    with pytest.raises(UserError, match=f"^{name}: .*{words}") as told:
        paint(**{name: value})
    assert len(str(told.value)) < 400


def test_strangers_addresses_are_not_fetched(monkeypatch):
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    with pytest.raises(UserError, match=r"^photo: Addresses are not fetched"):
        paint(photo="http://example.org/a.jpg")
    monkeypatch.setenv("GANVAS_PUBLIC", "0")
    assert paint(photo="http://example.org/a.jpg")["photo"]["path"] == "http://example.org/a.jpg"


def test_too_many_values_are_told_with_their_names():
    with pytest.raises(UserError, match=r"^9 values were sent; /sample takes 8: generator, seed, "):
        programs.understood("sample", [None] * 9)
