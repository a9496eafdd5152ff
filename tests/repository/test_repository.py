"""What the repository says of itself is true, and what it builds can be used."""

import configparser
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import cluster_sd
from cluster_sd.commands import REGISTRY

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def setup():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def files(*suffixes):
    """Files of the repository with one of `suffixes` (all where none is given), without what tools leave behind."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") and part not in (".ci", ".gitignore") for part in parts)
        made = any(part in ("build", "dist", "__pycache__") or part.endswith((".egg-info", "venv")) for part in parts)
        if path.is_file() and not hidden and not made and (path.suffix in suffixes or not suffixes):
            yield path


def commands_of_readme():
    """Lines of the README's shell blocks, in order."""
    blocks = re.findall(r"```(?:sh|bash|console)\n(.*?)```", README, flags=re.S)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.strip()]


# --- one version, one licence -----------------------------------------------------------------------------------------


def test_package_metadata_and_changelog_have_one_version():
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.M)
    assert newest is not None
    assert newest[1] == cluster_sd.__version__ == importlib.metadata.version("cluster_sd")


def test_licence_is_mit_everywhere(setup):
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    assert setup["metadata"]["license"] == "MIT"
    assert "MIT" in README


def test_python_version_is_the_same_in_readme_metadata_and_tools(setup):
    least = setup["options"]["python_requires"].removeprefix(">=")
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"Python {least}" in README
    assert f'pythonVersion = "{least}"' in pyproject
    assert f'target-version = "py{least.replace(".", "")}"' in pyproject


# --- the README -------------------------------------------------------------------------------------------------------


def test_first_two_commands_install_and_run_the_main_job_and_the_tests():
    main_job, tests = commands_of_readme()[:2]
    assert main_job.startswith("pip install ") and "&& cluster-sd report orange" in main_job
    assert tests.startswith("pip install ") and "&& pytest" in tests


def test_ci_calls_the_readmes_test_command():
    install, test = commands_of_readme()[1].split(" && ")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert script[-1] == test
    assert f"python -m {install.replace('install', 'install --quiet')}" in script


def test_readme_names_every_command_and_no_other():
    named = set(re.findall(r"^\| `cluster-sd (\w+)", README, flags=re.M))
    assert named == set(REGISTRY)


def test_links_of_the_readme_lead_somewhere():
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_files_that_texts_name_exist():
    paths = re.findall(r"`((?:cluster_sd|sd_models|tests|analysis|\.ci)/[\w./-]+)`", README)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


# --- the tree ---------------------------------------------------------------------------------------------------------


def test_every_package_is_listed(setup):
    listed = set(setup["options"]["packages"].split())
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in files(".py") if path.name == "__init__.py"}
    assert found == listed


def test_tests_are_no_package():
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_no_file_holds_a_path_of_a_machine():
    machine = re.compile(r"(?<![\w.~])/(?:work|root|home|Users)/[\w.-]+")
    found = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in machine.finditer(text)]
    assert found == []


def test_layers_are_one_way():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# --- imports ----------------------------------------------------------------------------------------------------------


def python(code, **options):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_costs_nothing():
    loaded = python("import sys; import cluster_sd; print(*sys.modules)").split()
    assert {"numpy", "scipy", "xarray", "pandas", "pysd", "llvmlite", "pint"}.isdisjoint(loaded)


def test_each_module_can_be_the_first_that_is_imported():
    code = """
import importlib, pkgutil, sys, warnings
import cluster_sd
names = [m.name for m in pkgutil.walk_packages(cluster_sd.__path__, "cluster_sd.") if not m.name.endswith("__main__")]
for name in names:
    for loaded in [m for m in sys.modules if m.split(".")[0] == "cluster_sd"]:
        del sys.modules[loaded]
    importlib.import_module(name)
print(len(names))
"""
    assert int(python(code)) > 10


# --- the wheel --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of the tree, so that nothing of the build stays behind."""
    folder = tmp_path_factory.mktemp("build")
    tree = folder / "tree"
    tree.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tree)
    for name in ("cluster_sd", "sd_models"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(tree)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_all_code_and_all_model_data(wheel):
    with zipfile.ZipFile(wheel) as file:
        inside = set(file.namelist())
    code = {str(path.relative_to(ROOT)) for path in files(".py", ".typed") if path.is_relative_to(ROOT / "cluster_sd")}
    data = {path.relative_to(ROOT).as_posix() for path in files() if path.is_relative_to(ROOT / "sd_models")}
    assert code | data <= inside
    assert not [name for name in inside if name.startswith(("tests", "analysis"))]


def test_the_installed_wheel_runs_a_shipped_model_in_any_folder(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path / "site")
    empty = tmp_path / "empty"
    empty.mkdir()
    out = python(
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "import cluster_sd, json\n"
        "from cluster_sd.cli import main\n"
        "status = main(['run', 'orange', '--out', 'orange.csv'])\n"
        "print(json.dumps([status, cluster_sd.__file__]))",
        cwd=empty,
    )
    status, home = json.loads(out)
    assert status == 0
    assert Path(home).is_relative_to(tmp_path)
    assert sorted(path.name for path in empty.iterdir()) == ["orange.csv", "run.json"]
