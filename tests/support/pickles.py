"""Pickles written by hand, instruction by instruction."""

import io
import zipfile


def text(value: bytes) -> bytes:
    return b"X" + len(value).to_bytes(4, "little") + value


def number(value: int) -> bytes:
    return b"\x8a\x08" + value.to_bytes(8, "little", signed=True)


def tensor(numbers: int, size: list[int], stride: list[int], where: bytes = b"cpu", offset: int = 0) -> bytes:
    """The instructions for a view of storage "0", which is said to have so many numbers."""
    storage = b"(" + text(b"storage") + b"ctorch\nFloatStorage\n" + text(b"0") + text(where) + number(numbers) + b"tQ"
    shape = b"(" + b"".join(map(number, size)) + b"t(" + b"".join(map(number, stride)) + b"t"
    hooks = b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset) + shape + hooks + b"tR"


def program(body: bytes) -> dict[str, bytes]:
    """A .pth of one storage of four numbers, whose instructions end with what `body` puts there."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in (("data.pkl", b"\x80\x02" + body + b"."), ("version", b"3\n"), ("data/0", bytes(16))):
            archive.writestr(f"archive/{name}", data)
    return {"generator.pth": file.getvalue()}


def entry(value: bytes) -> bytes:
    return b"}" + text(b"x") + value + b"s"
