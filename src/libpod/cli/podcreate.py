"""`libpod pod create`."""

from __future__ import annotations

from libpod.cli import codes, creation, networking, output
from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Final

    from libpod.cli.grammar import Grammar
    from libpod.config.runtime import RuntimeConfig
    from libpod.containers.create import CreateOptions
    from libpod.containers.podcreate import PodOptions
    from libpod.runtime import Runtime

# The flags of `create` that are the infra container's here.
INFRA_FLAGS: Final = (
    "--add-host", "--dns", "--dns-search", "--dns-option", "--no-hosts", "--hostname", "--shm-size",
    "--sysctl", "--cgroup-parent", "--pid", "--uts",
    "--userns", "--uidmap", "--gidmap", "--subuidname", "--subgidname",
    "--volume", "--volumes-from", "--device", "--security-opt", "--label-file",
    "--memory", "--memory-swap", "--cpus", "--cpu-shares", "--cpuset-cpus", "--cpuset-mems",
    "--blkio-weight", "--blkio-weight-device", "--device-read-bps", "--device-write-bps",
)  # fmt: skip
_ONLY_WITH_INFRA: Final = (
    "network", "publish", "ip", "ip6", "mac_address", "network_alias", "add_host", "no_hosts", "dns",
    "dns_search", "dns_option", "infra_name", "infra_image", "infra_command", "shm_size", "sysctl", "pid",
    "uts", "userns", "uidmap", "gidmap", "subuidname", "subgidname", "volume", "volumes_from", "device",
    "security_opt",
)  # fmt: skip


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    parser.free_letter_of_help()
    parser.add_argument("pod_name", metavar="NAME", nargs="?", help="the same as --name")
    parser.add_argument("-n", "--name", metavar="NAME", help="give it this name")
    parser.add_argument(
        "-l", "--label", metavar="NAME[=VALUE]", action="append", default=[], help="set a label"
    )
    parser.add_switch("--infra", default=True, help=_INFRA)
    parser.add_argument("--infra-name", metavar="NAME", help="the name of the infra container")
    parser.add_argument("--infra-image", metavar="IMAGE", help="make the infra container from this image")
    parser.add_argument("--infra-command", metavar="COMMAND", help="what the infra container runs")
    parser.add_argument("--infra-conmon-pidfile", metavar="FILE", help="write the PID of its conmon here")
    parser.add_argument("--share", metavar="LIST", help=_SHARE)
    parser.add_switch("--share-parent", help=_PARENT)
    parser.add_argument("--exit-policy", metavar="POLICY", help=_POLICY)
    parser.add_argument("--pod-id-file", metavar="FILE", help="write the ID of the pod to this file")
    parser.add_argument("--replace", action="store_true", help="remove the pod that has this name first")
    networking.configure(parser)
    creation.configure_some(parser, INFRA_FLAGS)
    parser.runs(run)


_INFRA = "whether a container that does nothing keeps the shared namespaces (true)"
_SHARE = (
    "the namespaces to share: ipc, net, uts, pid, user, cgroup or none; + before a name adds it (ipc,net,uts)"
)
_PARENT = "whether the containers are in a control group of the pod (with an infra container)"
_POLICY = "what happens when the last container has ended: continue or stop (continue)"


def run(options: Namespace) -> int:
    """Make a pod and print its ID."""
    from libpod.cli import runtimes

    with runtimes.open_runtime(options) as runtime:
        wanted = pod_options(options, runtime.config)
        if options.replace:
            _remove_old(runtime, wanted.name)
        pod = runtime.create_pod(wanted)
        if options.pod_id_file:
            try:
                creation.write_id_file("--pod-id-file", options.pod_id_file, pod.id)
            except BaseException:
                pod.remove(force=True, timeout=0)
                raise
        output.data(pod.id)
    return codes.DONE


def _remove_old(runtime: Runtime, name: str) -> None:
    from libpod.errors import NoSuchPod

    if not name:
        raise InvalidArgument("--replace needs a name", hint="libpod pod create --replace --name NAME")
    try:
        old = runtime.pod(name)
    except NoSuchPod:
        return
    if old.name == name:
        old.remove(force=True)


def pod_options(options: Namespace, config: RuntimeConfig) -> PodOptions:
    """What the flags ask for. Raises InvalidArgument, naming the flag, for what cannot be."""
    from libpod.containers.podcreate import PodOptions

    if options.name and options.pod_name:
        raise InvalidArgument("give the name once: as an argument or with --name")
    share = _share(options)
    infra = options.infra and (share is None or bool(share))
    _check_infra(options, infra=infra)
    template = _template(options, config)
    defaults = PodOptions()
    return PodOptions(
        name=options.name or options.pod_name or "",
        hostname=options.hostname or "",
        labels=creation.labels(options),
        cgroup_parent=options.cgroup_parent or "",
        share_parent=options.share_parent,
        share=(defaults.share if infra else ()) if share is None else share,
        infra=infra,
        infra_name=options.infra_name or "",
        infra_image=options.infra_image or "",
        infra_command=options.infra_command.split() if options.infra_command else (),
        exit_policy=options.exit_policy or defaults.exit_policy,
        create_command=template.create_command,
        resources=template.spec.resources,
        template=template,
    )


def _share(options: Namespace) -> list[str] | None:
    """The namespaces that `--share` names; None without it."""
    from libpod.containers.podcreate import DEFAULT_SHARED

    if options.share is None:
        return None
    words = [word.strip() for word in options.share.split(",") if word.strip()]
    if "none" in words and len(words) > 1:
        raise InvalidArgument(f"--share {options.share}: none does not go with others")
    added = [word[1:] for word in words if word.startswith("+")]
    named = [word for word in words if word != "none" and not word.startswith("+")]
    return list(dict.fromkeys([*(DEFAULT_SHARED if added and not named else ()), *named, *added]))


def _check_infra(options: Namespace, *, infra: bool) -> None:
    """Refuse what only an infra container could have."""
    if infra:
        return
    for flag in _ONLY_WITH_INFRA:
        if getattr(options, flag):
            name = "--" + flag.replace("_", "-")
            raise InvalidArgument(f"{name} is for the infra container, and the pod is to have none")


def _template(options: Namespace, config: RuntimeConfig) -> CreateOptions:
    """The infra container as `create` would make it with these flags."""
    from libpod.cli import grammar

    plain = grammar.Plain(options.prog)
    creation.configure(plain)
    values = plain.read(["infra"])
    values.update({name: value for name, value in vars(options).items() if name in values})
    values.update(label=[], label_file=[], name=None, pod=None, pod_id_file=None, hostname=None)
    values.update(conmon_pidfile=options.infra_conmon_pidfile)
    # What the configuration says of containers is not for the program that does nothing.
    values.update(replace=False, init=False, env_host=False, http_proxy=False, tz="")
    template = creation.create_options(grammar.namespace(values), config)
    return template._replace(image="")
