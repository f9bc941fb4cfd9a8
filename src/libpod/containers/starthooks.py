"""OCI hooks of a container: found when it starts, and run when the OCI runtime has forgotten it."""

from __future__ import annotations

from libpod.host import jsonutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord

    Object = dict[str, object]

KEY = "extensionStageHooks"


def add(engine: Engine, record: ContainerRecord, specification: Object) -> Object:
    """The specification with the hooks that match, as those of the stage `precreate` have changed it.

    Raises ConfigurationError, FileError for a directory that must be there, and CommandError for a hook of
    the stage `precreate` that fails.
    """
    from libpod.hooks import directories

    config = engine.config
    places = directories.of_config(config)
    usual = config.origin.get("hooks_dir") == "built-in"
    found = directories.load(
        places,
        must_exist=config.hooks_dir_not_exist_fatal,
        warn=(lambda _text: None) if usual else engine.warn,
    )
    record.state.pop(KEY, None)
    if not found:
        return specification
    source = record.describe()
    stored = jsonutil.get_object(record.config, "spec", {}, source=source)
    annotations = jsonutil.get_str_map(stored, "annotations", {}, source=source)
    volumes = jsonutil.get_str_list(record.config, "userVolumes", [], source=source)
    for_runtime, ours = directories.match(found, specification, annotations, bind_mounts=bool(volumes))
    _append(specification, for_runtime, source)
    if not ours:
        return specification
    record.state[KEY] = ours
    from libpod.hooks import running
    from libpod.hooks.hook import PRECREATE

    return running.filter_specification(ours.get(PRECREATE, []), specification)


def _append(specification: Object, hooks: Mapping[str, list[Object]], source: str) -> None:
    if not hooks:
        return
    section = specification.setdefault("hooks", {})
    assert isinstance(section, dict)
    for stage, commands in hooks.items():
        section[stage] = [*jsonutil.get_list(section, stage, [], source=source), *commands]


def run_poststop(engine: Engine, record: ContainerRecord) -> None:
    """Run the hooks of the stage `poststop`; failures are warnings."""
    stored = record.state.get(KEY)
    commands = stored.get("poststop") if isinstance(stored, dict) else None
    if not isinstance(commands, list) or not commands:
        return
    from libpod.hooks import running

    specification = jsonutil.get_object(record.config, "spec", {}, source=record.describe())
    state: Object = {
        "ociVersion": specification.get("ociVersion", "1.0.2-dev"),
        "id": record.id,
        "status": "stopped",
        "bundle": record.static_directory,
    }
    if specification.get("annotations"):
        state["annotations"] = specification["annotations"]
    commands = [command for command in commands if isinstance(command, dict)]
    running.run_all(commands, state, lambda text: engine.warn(f"container {record.name}: {text}"))
