"""The tables of Podman's `db.sql`, schema version 1, as Podman 4.8 to 5.8 make and expect them.

Names, types, constraints and references were compared with a database that Podman 5.4 made. Schema version
and the directories of the owner stand in the one row of `DBConfig`. In `ContainerState` the columns State and
ExitCode are written when a container is added and never again; the JSON is what counts.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

VERSION: Final = 1

# A reference that is checked at the commit, so that two rows may refer to each other.
_LATER = "DEFERRABLE INITIALLY DEFERRED"

TABLES: Final[dict[str, tuple[str, ...]]] = {
    "DBConfig": (
        "ID INTEGER PRIMARY KEY NOT NULL",
        "SchemaVersion INTEGER NOT NULL",
        "OS TEXT NOT NULL",
        "StaticDir TEXT NOT NULL",
        "TmpDir TEXT NOT NULL",
        "GraphRoot TEXT NOT NULL",
        "RunRoot TEXT NOT NULL",
        "GraphDriver TEXT NOT NULL",
        "VolumeDir TEXT NOT NULL",
        "CHECK (ID IN (1))",
    ),
    "IDNamespace": ("ID TEXT PRIMARY KEY NOT NULL",),
    "ContainerConfig": (
        "ID TEXT PRIMARY KEY NOT NULL",
        "Name TEXT UNIQUE NOT NULL",
        "PodID TEXT",
        "JSON TEXT NOT NULL",
        f"FOREIGN KEY (ID) REFERENCES IDNamespace(ID) {_LATER}",
        f"FOREIGN KEY (ID) REFERENCES ContainerState(ID) {_LATER}",
        "FOREIGN KEY (PodID) REFERENCES PodConfig(ID)",
    ),
    "ContainerState": (
        "ID TEXT PRIMARY KEY NOT NULL",
        "State INTEGER NOT NULL",
        "ExitCode INTEGER",
        "JSON TEXT NOT NULL",
        f"FOREIGN KEY (ID) REFERENCES ContainerConfig(ID) {_LATER}",
        "CHECK (ExitCode BETWEEN -1 AND 255)",
    ),
    "ContainerExecSession": (
        "ID TEXT PRIMARY KEY NOT NULL",
        "ContainerID TEXT NOT NULL",
        "FOREIGN KEY (ContainerID) REFERENCES ContainerConfig(ID)",
    ),
    "ContainerDependency": (
        "ID TEXT NOT NULL",
        "DependencyID TEXT NOT NULL",
        "PRIMARY KEY (ID, DependencyID)",
        f"FOREIGN KEY (ID) REFERENCES ContainerConfig(ID) {_LATER}",
        "FOREIGN KEY (DependencyID) REFERENCES ContainerConfig(ID)",
        "CHECK (ID <> DependencyID)",
    ),
    "ContainerVolume": (
        "ContainerID TEXT NOT NULL",
        "VolumeName TEXT NOT NULL",
        "PRIMARY KEY (ContainerID, VolumeName)",
        f"FOREIGN KEY (ContainerID) REFERENCES ContainerConfig(ID) {_LATER}",
        "FOREIGN KEY (VolumeName) REFERENCES VolumeConfig(Name)",
    ),
    "ContainerExitCode": (
        "ID TEXT PRIMARY KEY NOT NULL",
        "Timestamp INTEGER NOT NULL",
        "ExitCode INTEGER NOT NULL",
        "CHECK (ExitCode BETWEEN -1 AND 255)",
    ),
    "PodConfig": (
        "ID TEXT PRIMARY KEY NOT NULL",
        "Name TEXT UNIQUE NOT NULL",
        "JSON TEXT NOT NULL",
        f"FOREIGN KEY (ID) REFERENCES IDNamespace(ID) {_LATER}",
        f"FOREIGN KEY (ID) REFERENCES PodState(ID) {_LATER}",
    ),
    "PodState": (
        "ID TEXT PRIMARY KEY NOT NULL",
        "InfraContainerID TEXT",
        "JSON TEXT NOT NULL",
        f"FOREIGN KEY (ID) REFERENCES PodConfig(ID) {_LATER}",
        f"FOREIGN KEY (InfraContainerID) REFERENCES ContainerConfig(ID) {_LATER}",
    ),
    "VolumeConfig": (
        "Name TEXT PRIMARY KEY NOT NULL",
        "StorageID TEXT",
        "JSON TEXT NOT NULL",
        f"FOREIGN KEY (Name) REFERENCES VolumeState(Name) {_LATER}",
    ),
    "VolumeState": (
        "Name TEXT PRIMARY KEY NOT NULL",
        "JSON TEXT NOT NULL",
        f"FOREIGN KEY (Name) REFERENCES VolumeConfig(Name) {_LATER}",
    ),
}
"""Every table with its columns and constraints."""

CONFIG_COLUMNS: Final = {
    "os": "OS",
    "static_dir": "StaticDir",
    "tmp_dir": "TmpDir",
    "graph_root": "GraphRoot",
    "run_root": "RunRoot",
    "graph_driver": "GraphDriver",
    "volume_path": "VolumeDir",
}
"""The column of DBConfig for each field of `identity.DatabaseConfig`."""


def create_statement(table: str) -> str:
    """The SQL that makes *table*."""
    return f"CREATE TABLE {table} ({', '.join(TABLES[table])})"
