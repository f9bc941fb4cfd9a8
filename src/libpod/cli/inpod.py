"""The flags `--pod` and `--pod-id-file` of `create` and `run`."""

from __future__ import annotations

import contextlib

from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence
    from typing import Final

    from libpod.containers.create import CreateOptions
    from libpod.oci.options import SpecOptions
    from libpod.runtime import Runtime

NEW: Final = "new:"
_LONGEST_ID: Final = 1024
# The flag for each field of Namespaces.
_FLAGS: Final = {
    "pid": "pid",
    "network": "network",
    "ipc": "ipc",
    "uts": "uts",
    "user": "userns",
    "cgroup": "cgroupns",
}


@contextlib.contextmanager
def joined(runtime: Runtime, options: Namespace, wanted: CreateOptions) -> Iterator[CreateOptions]:
    """*wanted* in the pod that the flags name, if they name one; a new pod goes again if the body fails."""
    name = _pod(options)
    if name is None:
        yield wanted
    elif not name.startswith(NEW):
        yield wanted._replace(pod=name, spec=_shared(options, wanted))
    else:
        from libpod.containers.joining import NetworkOptions

        with _new_pod(runtime, name.removeprefix(NEW), wanted) as identifier:
            options.network = []
            yield wanted._replace(
                pod=identifier,
                cgroup_parent="",
                spec=_shared(options, wanted),
                network=NetworkOptions(),
                hosts=(),
                dns_servers=(),
                dns_search=(),
                dns_options=(),
            )


def _pod(options: Namespace) -> str | None:
    if options.pod is not None and options.pod_id_file is not None:
        raise InvalidArgument("give either --pod or --pod-id-file, not both")
    if options.pod_id_file is not None:
        (identifier,) = read_id_files([options.pod_id_file])
        return identifier
    if options.pod in ("", NEW):
        raise InvalidArgument(f"--pod {options.pod!r} names no pod", hint="--pod NAME or --pod new:NAME")
    found: str | None = options.pod
    return found


def _shared(options: Namespace, wanted: CreateOptions) -> SpecOptions:
    """The specification with what the pod shares, but for what flags ask for."""
    from libpod.oci.options import HOST, POD

    namespaces = wanted.spec.namespaces
    shared = {field: POD for field, flag in _FLAGS.items() if not getattr(options, flag)}
    if namespaces.user != HOST:
        # IDs are mapped without --userns, too.
        shared.pop("user", None)
    namespaces = namespaces._replace(**shared)
    return wanted.spec._replace(namespaces=namespaces)


@contextlib.contextmanager
def _new_pod(runtime: Runtime, name: str, wanted: CreateOptions) -> Iterator[str]:
    from libpod.containers.create import CreateOptions
    from libpod.containers.podcreate import PodOptions
    from libpod.oci.options import Namespaces, SpecOptions

    specification = SpecOptions(
        limits=wanted.spec.limits,
        default_capabilities=wanted.spec.default_capabilities,
        default_sysctls=wanted.spec.default_sysctls,
        namespaces=Namespaces(network=wanted.spec.namespaces.network),
    )
    # What concerns the network and the control group belongs to the pod.
    template = CreateOptions(
        spec=specification,
        network=wanted.network,
        hosts=wanted.hosts,
        dns_servers=wanted.dns_servers,
        dns_search=wanted.dns_search,
        dns_options=wanted.dns_options,
    )
    parent = wanted.cgroup_parent
    pod = runtime.create_pod(
        PodOptions(name=name, template=template, cgroup_parent=parent, create_command=wanted.create_command)
    )
    try:
        yield pod.id
    except BaseException:
        pod.remove(force=True, timeout=0)
        raise


def read_id_files(paths: Sequence[str]) -> list[str]:
    """The pod IDs in files that `--pod-id-file` wrote, the first line of each."""
    from libpod.host import files

    found = []
    for path in paths:
        text = files.read_text(path, limit=_LONGEST_ID).partition("\n")[0].strip()
        if not text:
            raise InvalidArgument(f"{path} holds no pod ID")
        found.append(text)
    return found
