"""What `import libpod` and `import libpod.config` offer, and what they cost."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import libpod
import libpod.config
from libpod import errors

ROOM = Path(libpod.config.__file__).parent
CHEAP = ["__init__", "account", "paths", "schema", "sources", "storage", "toml"]
DEAR = {
    *(
        "collections",
        "contextlib",
        "ctypes",
        "dataclasses",
        "datetime",
        "enum",
        "filelock",
        "functools",
        "json",
    ),
    *(
        "logging",
        "pathlib",
        "psutil",
        "pystemd",
        "re",
        "shutil",
        "sqlite3",
        "subprocess",
        "tempfile",
        "tomli",
    ),
    "typing",
}


@pytest.mark.parametrize("package", [libpod, libpod.config])
def test_public_names(package: object) -> None:
    names = getattr(package, "__all__")  # noqa: B009
    assert names == sorted(names)
    assert len(set(names)) == len(names)
    assert all(getattr(package, name) is not None for name in names)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(package, "nothing")  # noqa: B009


def test_every_error_is_public() -> None:
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert classes <= set(libpod.__all__)
    assert set(libpod.__all__) <= set(dir(libpod))


def imports(path: Path) -> set[str]:
    """Modules that *path* imports when it is imported itself."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("path", [ROOM.parent / "__init__.py", *(ROOM / f"{name}.py" for name in CHEAP)])
def test_what_every_start_reads_is_cheap(path: Path) -> None:
    assert not imports(path) & DEAR
