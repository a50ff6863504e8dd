"""Who imports whom, and that importing does nothing."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "core").rglob("*.py"))
ENGINES = {"style": "gan", "gan": "style"}  # rooms of engines, and the one each knows nothing of
# Where importing may bring torch. Everything else is plain: pages may import it, and it answers at once.
WITH_TORCH = {
    "core/gan/adam.py", "core/gan/augment.py", "core/gan/checkpoint.py", "core/gan/closest.py",
    "core/gan/conditional.py", "core/gan/duel.py", "core/gan/folding.py", "core/gan/initial.py", "core/gan/losses.py",
    "core/gan/measures/[!_]*.py", "core/gan/methods/[!_]*.py", "core/gan/minibatch_stddev.py", "core/gan/networks.py",
    "core/gan/phases.py", "core/gan/pictures.py", "core/gan/run_writer.py", "core/gan/sample.py", "core/gan/scales.py",
    "core/gan/spectral_norm.py", "core/gan/train.py", "core/gan/worker.py", "core/gan/zoo/blocks.py",
    "core/gan/zoo/chain.py",
    "core/gan/zoo/cost.py", "core/gan/zoo/dumped.py", "core/gan/zoo/ends.py", "core/gan/zoo/entrances.py",
    "core/gan/zoo/evidence.py", "core/gan/zoo/foreign.py", "core/gan/zoo/groups.py", "core/gan/zoo/layers.py",
    "core/gan/zoo/load.py", "core/gan/zoo/model_folder.py", "core/gan/zoo/modules.py", "core/gan/zoo/pickles.py",
    "core/gan/zoo/programs.py", "core/gan/zoo/questions.py", "core/gan/zoo/recognise.py", "core/gan/zoo/rows.py",
    "core/gan/zoo/stated.py",
    "core/gan/zoo/strides.py", "core/gan/zoo/told.py", "core/gan/zoo/unfolded.py", "core/perceptual.py",
    "core/style/*/paint.py", "core/style/instant/clip.py", "core/style/instant/decoder.py",
    "core/style/instant/still.py", "core/style/instant/transfer.py", "core/style/networks.py",
    "core/style/optimise/colours.py",
    "core/style/optimise/descent.py",
    "core/style/optimise/lbfgs.py", "core/style/optimise/measure.py", "core/style/optimise/objective.py",
    "core/style/pixels.py",
}  # fmt: skip


@functools.cache
def imported(path: Path, everywhere: bool) -> set[str]:
    """Modules imported by a file: anywhere in it, or only at its top level (not under TYPE_CHECKING)."""
    tree = ast.parse(path.read_text())
    nodes = ast.walk(tree) if everywhere else tree.body
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def files_of(name: str) -> set[Path]:
    """The files of ours that importing a module runs: its own, and those of the packages it is in."""
    parts = name.split(".")
    paths = [ROOT.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)]
    return {file for path in paths for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()}


def brings_torch(path: Path) -> bool:
    """Whether importing a file imports torch, by itself or through others of ours."""
    seen, ahead = set(), [path]
    while ahead:
        names = imported(ahead.pop(), everywhere=False)
        if any(name.split(".")[0] == "torch" for name in names):
            return True
        new = {file for name in names for file in files_of(name)} - seen
        seen |= new
        ahead += new
    return False


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_core_knows_no_ui(path):
    assert not [name for name in imported(path, everywhere=True) if name.split(".")[0] in ("streamlit", "gradio")]
    ours = ("ui", "pages", "style_app", "app", "zerogpu")
    assert not [name for name in imported(path, everywhere=True) if name.split(".")[0] in ours]


PLAIN = [path for path in CORE if not any(path.match(pattern) for pattern in WITH_TORCH)]


@pytest.mark.parametrize("path", PLAIN, ids=relative)
def test_plain_modules_do_without_torch(path):
    assert not brings_torch(path)


@pytest.mark.parametrize("pattern", sorted(WITH_TORCH))
def test_where_torch_may_be_it_is(pattern):
    """Else the list would excuse what needs no excuse, or is gone."""
    assert any(brings_torch(path) for path in ROOT.glob(pattern))


@pytest.mark.parametrize("path", [p for p in CORE if ENGINES.keys() & set(p.relative_to(ROOT).parts)], ids=relative)
def test_engines_do_not_import_each_other(path):
    other = ENGINES[path.relative_to(ROOT).parts[1]]
    names = imported(path, everywhere=True)
    assert not [name for name in names if name == f"core.{other}" or name.startswith(f"core.{other}.")]


def test_starting_the_server_imports_no_torch_and_no_gradio_and_writes_nothing(tmp_path):
    code = "import os, sys, app; print({'torch', 'gradio'} & set(sys.modules), os.listdir())"
    home, here = tmp_path / "home", tmp_path / "here"
    here.mkdir()
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=here, env={"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "set() []"
    assert not (home / ".cache" / "ganvas").exists()
    assert not list(ROOT.glob("*.pyi"))  # Gradio writes one beside every new kind of component
