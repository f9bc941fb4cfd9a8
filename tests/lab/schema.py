"""The JSON schema of the OCI runtime specification, as Debian ships it."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from tests import tools

DIRECTORY = Path("/usr/share/gocode/src/github.com/opencontainers/runtime-spec/schema")
FILES = ("config-schema.json", "config-linux.json", "defs.json", "defs-linux.json")


def faults(specification: object) -> list[str]:
    """What is wrong with a `config.json`, one line each; empty if nothing is."""
    errors = _validator().iter_errors(specification)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in errors]


@functools.cache
def _validator() -> Any:
    if not DIRECTORY.is_dir():
        tools.missing(f"{DIRECTORY} (golang-github-opencontainers-specs-dev)")
    from jsonschema import Draft4Validator

    # One document of all files: how references between files are followed differs between versions.
    everything = {name: _read(name) for name in FILES}
    schema = {"$schema": everything[FILES[0]]["$schema"], "$ref": f"#/files/{FILES[0]}", "files": everything}
    Draft4Validator.check_schema({key: value for key, value in schema.items() if key != "files"})
    return Draft4Validator(schema)


def _read(name: str) -> Any:
    return _with_local_references(json.loads((DIRECTORY / name).read_text()), name)


def _with_local_references(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [_with_local_references(item, name) for item in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref")
    if isinstance(reference, str):
        file, _, rest = reference.partition("#")
        # Those of other systems than Linux allow anything here.
        return {"$ref": f"#/files/{file or name}{rest}"} if (file or name) in FILES else {}
    return {key: _with_local_references(item, name) for key, item in value.items()}
