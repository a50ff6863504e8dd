"""What is written down is true: paths, commands, variables and limits, and the version in CITATION.cff."""

import ast
import contextlib
import io
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import install
from core import __version__, amounts
from core.__main__ import main
from core.visitors.policy import PUBLIC

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDES = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"]
SAID = {name: (ROOT / name).read_text(encoding="utf-8") for name in GUIDES}
CODE = [p for room in (".", "core", "ui", "pages") for p in (ROOT / room).glob("**/*.py" if room != "." else "*.py")]
ROOMS = "core|ui|pages|learn|weights|examples|bench|tests"


def test_every_path_exists():
    seen = set()
    for name, text in SAID.items():
        linked = re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", text)
        named = re.findall(rf"(?<![\w/])(?:(?:{ROOMS})/[\w./-]*\w|\w+_?app\.py|\.ci/run)", text)
        assert [path for path in [*linked, *named] if not (ROOT / path).exists()] == [], name
        seen |= {*linked, *named}
    assert {"examples/timelapse.webp", "core/visitors/policy.py", "bench/load.py", ".ci/run", "ARCHITECTURE.md"} <= seen


def test_every_room_is_in_the_architecture():
    rooms = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("core/*/__init__.py")} | {*ROOMS.split("|")}
    assert [room for room in rooms - {"core"} if f"`{room}/`" not in SAID["ARCHITECTURE.md"]] == []


def test_every_make_target_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = "\n".join([*SAID.values(), *(path.read_text() for path in (ROOT / ".github").rglob("*.yml"))])
    named = set(re.findall(r"(?:^|`|run: |&& )make ([a-z-]+)", used, re.MULTILINE))
    assert {"run", "test", "test-online", "format"} <= named <= targets


def jobs_of_ci():
    return yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"]


def test_ci_and_the_installer_agree_on_pythons():
    oldest, newest = install.PYTHONS
    tested = jobs_of_ci()["linux"]["strategy"]["matrix"]["python"]
    assert tested == [f"3.{minor}" for minor in range(oldest[1], newest[1] + 1)]
    about = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert about["requires-python"] == f">=3.{oldest[1]},<3.{newest[1] + 1}"
    assert f"Python 3.{oldest[1]} to 3.{newest[1]}" in README


def test_the_lines_for_windows_are_what_ci_runs():
    lines = README.split("Windows has no `make`")[1].split("```")[1].split("\n")[1:3]
    ran = "\n".join(step.get("run", "") for step in jobs_of_ci()["windows"]["steps"])
    assert lines == ["py install.py", r".venv\Scripts\python app.py"]
    assert "python install.py" in ran  # setup-python names it so
    assert lines[1] in ran


def test_every_command_and_its_options_exist():
    table = README.split("## On the command line")[1].split("##")[0]
    lines = re.findall(r"^\| `([a-z]+ [^`]*)` \|", table, re.MULTILINE)
    lines += re.findall(r"python -m core ([a-z]+ [^\n#`\"]*)", README)
    assert {line.split()[0] for line in lines} == {"style", "sample", "train", "publish", "deploy"}
    for line in lines:
        command, options = line.split()[0], re.findall(r"(?<!\S)--[a-z-]+", line)
        said = io.StringIO()
        with contextlib.redirect_stdout(said), pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        assert [option for option in options if option not in said.getvalue()] == [], line


def test_every_variable_is_read():
    table = README.split("| variable |")[1].split("\n\n")[0]
    named = set(re.findall(r"`([A-Z_]{4,})`", table))
    read = set()
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.environ.get", "os.getenv", "_place"):
                read |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
    assert named >= {"GANVAS_HOME", "GANVAS_CACHE", "GANVAS_PUBLIC", "PORT", "HOST"}
    assert named - {"TMPDIR"} <= read  # which Python reads


def test_the_limits_are_those_of_the_code():
    said = [row.split(" | ") for row in README.split("| in public mode |")[1].split("\n\n")[0].splitlines()[2:]]
    style, train = PUBLIC.settings["style"], PUBLIC.settings["train"]
    assert [row[1].removesuffix(" |") for row in said] == [
        f"{style['size']} px, {style['steps']} steps",
        f"{PUBLIC.settings['clip']['size']} px, {PUBLIC.clip_frames} frames, {PUBLIC.clip_seconds} seconds, "
        f"{PUBLIC.clip_bytes // 10**6} MB",
        f"{PUBLIC.picture_bytes // 10**6} MB, {PUBLIC.picture_pixels // 10**6} megapixels",
        f"{PUBLIC.jobs}",
        f"{train['size']} px, {train['steps']:,} steps, {PUBLIC.train_minutes} minutes, {PUBLIC.images:,} pictures "
        f"in {PUBLIC.upload_bytes // 10**6} MB",
        f"{PUBLIC.runs}, in {PUBLIC.disk // 10**6} MB",
        f"{PUBLIC.hours} hours",
    ]


def test_the_limits_of_visitors_and_addresses_are_those_of_the_code():
    rows = SAID["SECURITY.md"].split("| limited |")[1].split("\n\n")[0].splitlines()[2:]
    said = [[cell.strip() for cell in row[1:-1].split("|")[1:]] for row in rows]
    p, size = PUBLIC, amounts.megabytes
    numbers = [
        [p.jobs, p.jobs_address, p.jobs_all], [p.asked, p.asked_address, ""],
        ["", p.busy_address, ""], ["", p.streams_address, ""],
        ["", p.sockets_address, ""], [p.messages, p.messages_address, ""],
        ["", p.decoder_line_address, p.decoder_line + p.decoders],
        [size(p.uploads_hourly), size(p.uploads_hourly_address), size(p.uploads_hourly_all)],
        [size(p.uploads_memory), size(p.uploads_memory_address), size(p.uploads_memory_all)],
        ["", "", size(p.uploads_disk)], [size(p.paintings), "", size(p.paintings_all)],
        [size(p.kept), "", size(p.kept_all)],
        [p.tray, p.tray_address, p.tray_all], [p.trainings, p.trainings_address, p.trainings_all], [p.runs, "", ""],
        [size(p.disk), "", size(p.disk_all)], [p.fetches, p.fetches_address, p.fetches_all],
        ["", "", size(p.cache_bytes)],
    ]  # fmt: skip
    assert said == [[str(number) for number in row] for row in numbers]
    one = f"One picture gets {size(p.decoder_bytes)} and {p.decoder_seconds} seconds of processor time"
    assert one in SAID["SECURITY.md"]
    assert f"one fetch {p.fetch_seconds} seconds" in SAID["SECURITY.md"]
    assert f"request {p.silence} seconds" in SAID["SECURITY.md"]


def test_the_version_stands_in_one_place():
    """In `core/__init__.py`; what a release is remembered by, the citation and the changelog, agrees with it."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in about["project"]
    assert about["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "core.__version__"}
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (cited["cff-version"], cited["version"], len(cited["references"])) == ("1.2.0", __version__, 3)
    assert f"## [{__version__}] - {cited['date-released']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*GUIDES, "CHANGELOG.md", "CITATION.cff"])
def test_nothing_is_left_to_do(name):
    assert not re.search(r"TODO|FIXME|XXX", (ROOT / name).read_text(encoding="utf-8"))


def test_the_hooks_are_what_make_test_runs():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    checks = re.findall(r"-m (ruff \w+)", (ROOT / "Makefile").read_text().split("\ntest:")[1].split("\nformat:")[0])
    assert [re.search(r"-m (ruff \w+)", hook["entry"])[1] for hook in hooks] == checks
