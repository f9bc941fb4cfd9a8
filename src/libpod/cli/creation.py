"""The flags of `create` and `run`, spelled as Podman spells them, and what they ask for."""

from __future__ import annotations

import os
import sys

from libpod.cli import healthcheck, limits, networking, transfers, variables
from libpod.cli.grammar import REMAINDER
from libpod.errors import FileError, InvalidArgument, NotSupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Collection, Sequence

    from libpod.cli.grammar import Grammar
    from libpod.config.runtime import RuntimeConfig
    from libpod.containers.create import CreateOptions
    from libpod.containers.secretstore import Request
    from libpod.oci.options import Namespaces, SpecOptions

_REPEATED = (
    ("-v", "--volume", "SOURCE:DESTINATION[:OPTIONS]", "mount a directory or a named volume"),
    ("", "--mount", "type=TYPE,…", "mount a directory, a volume or a tmpfs"),
    ("", "--tmpfs", "PATH[:OPTIONS]", "mount a tmpfs"),
    ("-e", "--env", "NAME[=VALUE]", "set an environment variable, or take it over from ours"),
    ("", "--env-file", "FILE", "read environment variables from a file"),
    ("", "--env-merge", "NAME=TEXT", "change a variable of the image; ${NAME} in TEXT is what it was"),
    ("", "--unsetenv", "NAME", "leave out this variable of the image or of the defaults"),
    ("-l", "--label", "NAME[=VALUE]", "set a label"),
    ("", "--label-file", "FILE", "read labels from a file"),
    ("", "--annotation", "NAME=VALUE", "set an annotation of the OCI specification"),
    ("", "--add-host", "NAME:ADDRESS", "add a line to /etc/hosts"),
    ("", "--dns", "ADDRESS", "use this name server"),
    ("", "--dns-search", "DOMAIN", "search this domain; . for none"),
    ("--dns-opt", "--dns-option", "OPTION", "add an option to resolv.conf"),
    ("", "--cap-add", "NAME", "add a capability; ALL for every one"),
    ("", "--cap-drop", "NAME", "drop a capability; ALL for every one"),
    ("", "--security-opt", "OPTION", "no-new-privileges, seccomp=…, apparmor=…, label=…, mask=…, unmask=…"),
    ("", "--ulimit", "NAME=SOFT[:HARD]", "set a resource limit"),
    ("", "--sysctl", "NAME=VALUE", "set a kernel parameter of the container's namespaces"),
    ("", "--device", "HOST[:CONTAINER][:rwm]", "add a device"),
    ("", "--device-cgroup-rule", "TYPE MAJOR:MINOR ACCESS", "let it use devices, such as 'c 10:* rwm'"),
    ("", "--device-read-bps", "DEVICE:RATE", "limit reading from a device, in bytes each second"),
    ("", "--device-write-bps", "DEVICE:RATE", "limit writing to a device, in bytes each second"),
    ("", "--device-read-iops", "DEVICE:RATE", "limit reading from a device, in operations each second"),
    ("", "--device-write-iops", "DEVICE:RATE", "limit writing to a device, in operations each second"),
    ("", "--blkio-weight-device", "DEVICE:WEIGHT", "the weight beside others that use this device"),
    ("", "--cgroup-conf", "FILE=VALUE", "write to this file of its control group, with cgroups version 2"),
    ("", "--group-add", "GROUP", "add a group"),
    ("", "--log-opt", "NAME=VALUE", "path, max-size or tag of the log"),
    ("", "--uidmap", "CONTAINER:HOST:SIZE", "map user IDs in a user namespace"),
    ("", "--gidmap", "CONTAINER:HOST:SIZE", "map group IDs in a user namespace"),
    ("", "--hostuser", "USER", "add this user of the host to /etc/passwd"),
    ("", "--chrootdirs", "PATH", "give this directory in the container its /etc/hosts, too"),
    ("", "--requires", "CONTAINER", "start this container first"),
    ("", "--secret", "NAME[,OPTION=VALUE…]", "give it a secret, as a file or (type=env) as a variable"),
    ("", "--volumes-from", "CONTAINER[:OPTIONS]", "mount what that container has mounted"),
)
_VALUES = (
    ("", "--name", "NAME", "give it this name"),
    ("-w", "--workdir", "PATH", "run the command in this directory"),
    ("-u", "--user", "USER[:GROUP]", "run the command as this user"),
    ("-h", "--hostname", "NAME", "the container's host name"),
    ("-m", "--memory", "SIZE", "limit memory"),
    ("", "--memory-reservation", "SIZE", "what memory is reclaimed down to when it is short"),
    ("", "--memory-swap", "SIZE", "limit memory and swap together; -1 for no limit"),
    ("", "--memory-swappiness", "0-100", "how readily its memory is swapped out"),
    ("", "--blkio-weight", "10-1000", "the weight beside others that use block devices"),
    ("", "--cpus", "NUMBER", "limit CPU time to that of so many CPUs"),
    ("", "--cpu-period", "MICROSECONDS", "the period of which --cpu-quota is a part"),
    ("", "--cpu-quota", "MICROSECONDS", "limit CPU time in each period"),
    ("", "--cpu-rt-period", "MICROSECONDS", "the period of which --cpu-rt-runtime is a part"),
    ("", "--cpu-rt-runtime", "MICROSECONDS", "limit real-time CPU time in each period"),
    ("-c", "--cpu-shares", "NUMBER", "the weight beside other containers"),
    ("", "--cpuset-cpus", "LIST", "run on these CPUs"),
    ("", "--cpuset-mems", "LIST", "use memory of these nodes"),
    ("", "--pids-limit", "NUMBER", "limit the number of processes; -1 for no limit"),
    ("", "--oom-score-adj", "NUMBER", "how soon it is killed when memory is short"),
    ("", "--entrypoint", "COMMAND", "replace the image's entry point; a command, or a JSON list"),
    ("", "--pod", "POD", "make it in this pod; new:NAME makes the pod, too"),
    ("", "--pod-id-file", "FILE", "make it in the pod whose ID is in this file"),
    ("", "--cgroup-parent", "PATH", "the parent of its control group"),
    ("", "--pid", "MODE", "the PID namespace: private, host, container:NAME, ns:PATH"),
    ("", "--ipc", "MODE", "the IPC namespace: private, host, container:NAME, ns:PATH"),
    ("", "--uts", "MODE", "the UTS namespace: private, host, container:NAME, ns:PATH"),
    ("", "--userns", "MODE", "the user namespace: auto, keep-id, nomap, host, container:NAME, ns:PATH"),
    ("", "--subuidname", "NAME", "map the user IDs that /etc/subuid gives to this user"),
    ("", "--subgidname", "NAME", "map the group IDs that /etc/subgid gives to this group"),
    ("", "--cgroupns", "MODE", "the cgroup namespace: host, private"),
    ("", "--shm-size", "SIZE", "the size of /dev/shm"),
    ("", "--systemd", "MODE", "set it up for systemd: true (if the command is systemd), false or always"),
    ("", "--sdnotify", "MODE", "who tells systemd that it is ready: container, conmon or ignore"),
    ("", "--cgroups", "MODE", "enabled, no-conmon to leave conmon in our control group, or disabled"),
    ("", "--restart", "POLICY", "when it runs again: no, on-failure[:TRIES], always or unless-stopped"),
    ("", "--stop-signal", "SIGNAL", "what stop sends"),
    ("", "--stop-timeout", "SECONDS", "how long stop waits before it kills"),
    ("", "--log-driver", "NAME", "k8s-file, journald, none or passthrough"),
    ("", "--conmon-pidfile", "FILE", "write the PID of conmon here"),
    ("", "--pidfile", "FILE", "write the PID of the container's first process here"),
    ("", "--cidfile", "FILE", "write the container's ID here"),
    ("", "--timeout", "SECONDS", "how long it may run before it is killed"),
    ("", "--tz", "ZONE", "its time zone, such as Europe/Berlin; local for the host's"),
    ("", "--init-path", "FILE", "the program that --init runs (catatonit)"),
    ("", "--passwd-entry", "LINE", "the line in /etc/passwd of a user whom the image does not know"),
    ("", "--personality", "DOMAIN", "the execution domain: LINUX or LINUX32"),
    *(("", *flag) for flag in healthcheck.FLAGS),
    ("", "--seccomp-policy", "default", "where the profile comes from; others are not supported"),
    ("", "--umask", "MODE", "the umask of the command, octal"),
    ("", "--image-volume", "MODE", "what the image's volumes become: anonymous, tmpfs or ignore"),
)
_SWITCHES = (
    ("-i", "--interactive", "keep standard input open"),
    ("-t", "--tty", "give it a terminal"),
    ("", "--rm", "remove the container when it has ended"),
    ("", "--replace", "remove the container that has this --name first"),
    ("", "--privileged", "give it all rights on the host"),
    ("", "--read-only", "make its root read-only"),
    ("", "--no-healthcheck", "have no health check"),
    ("", "--disable-content-trust", "does nothing, as with Podman"),
    ("", "--rootfs", "the argument is a root directory, not an image"),
    ("", "--unsetenv-all", "leave out all variables of the image and of the defaults"),
    ("", "--oom-kill-disable", "stop its processes, and kill none, when its memory is used up"),
)
# What containers.conf decides otherwise.
_CONFIGURED = (
    ("--no-hosts", "leave /etc/hosts as the image has it"),
    ("--init", "run a first process that passes signals on and reaps processes"),
    ("--env-host", "take over all of our environment variables"),
    ("--http-proxy", "take over our variables about proxies (true)"),
)
REFUSED: dict[str, str] = {
    "--kernel-memory": "the kernel has no such limit any more: --memory",
}  # fmt: skip
"""Flags of Podman that are not supported, with what to do instead."""
_LOG_SIZE_UNIT_HINT = "such as 10m"


def configure(parser: Grammar) -> None:
    """Add the flags, the image and the command."""
    parser.free_letter_of_help()
    for short, name, metavar, text in _REPEATED:
        _add(parser, short, name, metavar=metavar, help=text, action="append", default=[])
    for short, name, metavar, text in _VALUES:
        _add(parser, short, name, metavar=metavar, help=text)
    for short, name, text in _SWITCHES:
        _add(parser, short, name, help=text, action="store_true")
    for name, text in _CONFIGURED:
        parser.add_switch(name, help=text)
    parser.add_switch("--read-only-tmpfs", default=True, help="keep /tmp, /var/tmp and /run writable (true)")
    parser.set_defaults(refused=REFUSED)
    networking.configure(parser)
    transfers.add_pull_flags(parser)
    parser.add_argument("image", metavar="IMAGE", help="an image, or with --rootfs a directory")
    parser.add_argument("command", metavar="COMMAND", nargs=REMAINDER, help="what to run, and its arguments")


def configure_some(parser: Grammar, names: Collection[str]) -> None:
    """Add those of the flags that are in *names*, for something that is made with a container."""
    for short, name, metavar, text in _REPEATED:
        if name in names:
            _add(parser, short, name, metavar=metavar, help=text, action="append", default=[])
    for short, name, metavar, text in _VALUES:
        if name in names:
            _add(parser, short, name, metavar=metavar, help=text)
    for name, text in _CONFIGURED:
        if name in names:
            parser.add_switch(name, help=text)


def _add(parser: Grammar, short: str, name: str, **keywords: object) -> None:
    """*short* is a letter, or another spelling."""
    names = [name, short] if short.startswith("--") else [short, name]
    parser.add_argument(*filter(None, names), **keywords)


def create_options(options: Namespace, config: RuntimeConfig) -> CreateOptions:
    """What the flags ask for. Raises InvalidArgument, naming the flag, for what cannot be."""
    from libpod import sizes
    from libpod.containers.create import DEFAULT_SHM_SIZE, DEFAULT_STOP_TIMEOUT, CreateOptions
    from libpod.oci import units

    log = pairs("--log-opt", options.log_opt)
    unknown = sorted(set(log) - {"path", "max-size", "tag"})
    if unknown:
        raise InvalidArgument(f"--log-opt {unknown[0]} is not supported", hint="path, max-size and tag are")
    shm_size = sizes.memory_size(options.shm_size, "shm-size") if options.shm_size else DEFAULT_SHM_SIZE
    timeout = limits.number("--stop-timeout", options.stop_timeout)
    network_mode, network = networking.parse(options, config)
    restart_policy, restart_retries = _restart(options)
    return CreateOptions(
        image="" if options.rootfs else options.image,
        rootfs=options.image if options.rootfs else "",
        spec=_spec_options(options, config, network_mode),
        network=network,
        name=options.name or "",
        labels=labels(options),
        stop_signal=units.signal_number(options.stop_signal) if options.stop_signal else None,
        stop_timeout=DEFAULT_STOP_TIMEOUT if timeout is None else timeout,
        shm_size=shm_size,
        cgroup_parent=options.cgroup_parent or "",
        log_driver=options.log_driver or "k8s-file",
        log_path=os.path.abspath(log["path"]) if log.get("path") else "",
        log_size=_decimal_size(log["max-size"]) if log.get("max-size") else 0,
        log_tag=log.get("tag", ""),
        conmon_pid_file=os.path.abspath(options.conmon_pidfile) if options.conmon_pidfile else "",
        hosts=_hosts(options),
        dns_servers=[] if options.dns == ["none"] else [_address(text) for text in options.dns],
        no_resolv_conf=options.dns == ["none"],
        dns_search=options.dns_search,
        dns_options=options.dns_option,
        dependencies=options.requires,
        volumes_from=options.volumes_from,
        image_volumes=options.image_volume or "anonymous",
        create_command=["libpod", *sys.argv[1:]],
        sdnotify_mode=options.sdnotify or "container",
        cgroups_mode=options.cgroups or "enabled",
        restart_policy=restart_policy,
        restart_retries=restart_retries,
        timeout=_positive("--timeout", options.timeout),
        timezone=config.tz if options.tz is None else options.tz,
        no_hosts=_no_hosts(options, config),
        pid_file=os.path.abspath(options.pidfile) if options.pidfile else "",
        secrets=_secrets(options),
        systemd=options.systemd or "true",
        passwd=getattr(options, "passwd", True),
        passwd_entry=options.passwd_entry or "",
        host_users=options.hostuser,
        chroot_directories=[_absolute("--chrootdirs", path) for path in _words(options.chrootdirs)],
        health_check=healthcheck.wanted(options),
        health_action=healthcheck.action(options),
        preserve_descriptors=getattr(options, "preserve_fds", 0),
        init_type=getattr(options, "init_ctr", None) or "",
        replace=options.replace,
    )


def _restart(options: Namespace) -> tuple[str, int]:
    if not options.restart:
        return "", 0
    from libpod.containers import restarting

    policy, retries = restarting.parse(options.restart)
    if options.rm and policy != restarting.NEVER:
        raise InvalidArgument(f"--rm and --restart {options.restart} exclude each other")
    return policy, retries


def _spec_options(options: Namespace, config: RuntimeConfig, network_mode: str) -> SpecOptions:
    from libpod.cli import usernamespaces
    from libpod.oci import devices, labels, units, volumes
    from libpod.oci.options import SpecOptions

    if options.seccomp_policy not in (None, "default"):
        raise NotSupported(
            f"--seccomp-policy {options.seccomp_policy} is not supported",
            hint="default is; a profile is given with --security-opt seccomp=FILE",
        )
    mounted = volumes.parse(options.volume, options.mount, options.tmpfs)
    security = _security(options.security_opt)
    asked = options.ulimit or list(config.default_ulimits)
    if asked == ["host"]:
        asked = []
    user_namespace, uid_map, gid_map = usernamespaces.parse(options)
    # What was asked for is told by `inspect` from annotations.
    annotations = {
        f"io.podman.annotations.{name}": ",label=".join(security[name])
        for name in ("seccomp", "apparmor", "label")
        if name in security
    }
    annotations.update(pairs("--annotation", options.annotation, need_value=True))
    if options.publish_all:
        annotations["io.podman.annotations.publish-all"] = "TRUE"
    if options.cidfile:
        annotations["io.podman.annotations.cid-file"] = options.cidfile
    return SpecOptions(
        command=options.command,
        entrypoint=_entrypoint(options.entrypoint),
        environment=variables.wanted(options, config),
        merged_environment=pairs("--env-merge", options.env_merge, need_value=True),
        unset_environment=options.unsetenv,
        unset_all=options.unsetenv_all,
        init_program=_init_program(options, config),
        working_directory=options.workdir or "",
        user=options.user or "",
        groups=_words(options.group_add),
        hostname=options.hostname or "",
        terminal=options.tty,
        stdin=options.interactive,
        remove=options.rm,
        privileged=options.privileged,
        read_only=options.read_only,
        read_only_tmpfs=options.read_only_tmpfs,
        add_capabilities=_words(options.cap_add),
        drop_capabilities=_words(options.cap_drop),
        default_capabilities=config.default_capabilities,
        no_new_privileges=security.get("no-new-privileges", ["false"])[-1] in ("", "true"),
        seccomp_profile=_last(security.get("seccomp")),
        apparmor_profile=_last(security.get("apparmor")) or "",
        label_options=security.get("label", []),
        labels=labels.labels(security.get("label", []), privileged=options.privileged),
        masked_paths=_paths(security.get("mask", [])),
        unmasked_paths=_paths(security.get("unmask", [])),
        proc_options=_words(security.get("proc-opts", [])),
        limits=[units.limit(text) for text in asked],
        sysctls=pairs("--sysctl", options.sysctl, need_value=True),
        default_sysctls=pairs("default_sysctls", config.default_sysctls),
        devices=options.device,
        device_rules=[devices.rule(text) for text in options.device_cgroup_rule],
        volumes=mounted,
        resources=limits.resources(options),
        namespaces=_namespaces(options, network_mode, user_namespace),
        annotations=annotations,
        umask=_umask(options.umask),
        personality=_personality(options.personality),
        uid_map=uid_map,
        gid_map=gid_map,
    )


def _namespaces(options: Namespace, network_mode: str, user: str) -> Namespaces:
    from libpod.oci.options import Namespaces

    return Namespaces(
        pid=_mode("--pid", options.pid),
        network=network_mode,
        ipc=_mode("--ipc", options.ipc),
        uts=_mode("--uts", options.uts),
        user=user,
        cgroup=_mode("--cgroupns", options.cgroupns) if options.cgroupns else "",
    )


def _mode(flag: str, text: str | None) -> str:
    from libpod.oci.options import HOST, PRIVATE

    if not text or text in (PRIVATE, "shareable"):
        return PRIVATE
    if text == HOST or (text.startswith(("container:", "ns:")) and text.partition(":")[2]):
        return text
    raise InvalidArgument(
        f"{flag} {text!r} is not supported", hint="private, host, container:NAME or ns:PATH"
    )


# ---------------------------------------------------------------- single flags


def _secrets(options: Namespace) -> list[Request]:
    if not options.secret:
        return []
    from libpod.containers import secretstore

    return [secretstore.parse(text) for text in options.secret]


def _personality(text: str | None) -> str:
    """One of the two that the OCI specification has."""
    if text is None:
        return ""
    if text.upper() not in ("LINUX", "LINUX32"):
        raise InvalidArgument(f"--personality {text!r}: one of LINUX, LINUX32")
    return text.upper()


def _absolute(flag: str, path: str) -> str:
    if not path.startswith("/"):
        raise InvalidArgument(f"{flag} {path!r} is not an absolute path")
    return path


def _no_hosts(options: Namespace, config: RuntimeConfig) -> bool:
    return bool(options.no_hosts or (options.no_hosts is None and config.no_hosts and not options.add_host))


def _init_program(options: Namespace, config: RuntimeConfig) -> str:
    """The file of the host that `--init` runs; "" without it. InvalidArgument if there is none."""
    if not (config.init if options.init is None else options.init):
        return ""
    from libpod.config import programs
    from libpod.oci import spec

    wanted = options.init_path or config.init_path
    candidates = (os.path.abspath(wanted),) if wanted else spec.CATATONIT
    return programs.find("program for --init", candidates, "catatonit")


def _entrypoint(text: str | None) -> list[str] | None:
    """A JSON list is taken as it is; anything else is one word. An empty text is no entry point at all."""
    if text is None:
        return None
    if text.startswith("["):
        import json

        try:
            value = json.loads(text)
        except ValueError as error:
            raise InvalidArgument(f"--entrypoint {text!r} is not a JSON list: {error}") from error
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise InvalidArgument(f"--entrypoint {text!r} is not a JSON list of strings")
        return value
    return [text] if text else []


def _security(texts: Sequence[str]) -> dict[str, list[str]]:
    from libpod.oci import labels

    found: dict[str, list[str]] = {}
    for text in texts:
        key, _, value = text.replace(":", "=", 1).partition("=") if "=" not in text else text.partition("=")
        if key not in ("no-new-privileges", "seccomp", "apparmor", "label", "mask", "unmask", "proc-opts"):
            raise InvalidArgument(f"--security-opt {text!r} is not supported")
        found.setdefault(key, []).append(value)
    for profile in found.get("apparmor", ()):
        labels.check_profile(profile)
    return found


def _paths(texts: Sequence[str]) -> list[str]:
    return [path for text in texts for path in text.split(":") if path]


def _last(texts: Sequence[str] | None) -> str | None:
    return texts[-1] if texts else None


def _words(texts: Sequence[str]) -> list[str]:
    return [word for text in texts for word in text.split(",") if word]


def labels(options: Namespace) -> dict[str, str]:
    """Those of `--label-file`, one a line, and of `--label`, which go before them."""
    found: dict[str, str] = {}
    for path in options.label_file:
        found.update(variables.of_file(path))
    return {**found, **pairs("--label", options.label)}


def pairs(flag: str, texts: Sequence[str], *, need_value: bool = False) -> dict[str, str]:
    """The `NAME=VALUE` texts given with *flag*, later ones winning; InvalidArgument for any other."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or (need_value and not equals):
            raise InvalidArgument(f"{flag} {text!r} is not of the form NAME=VALUE")
        found[name] = value
    return found


def _positive(flag: str, text: str | None) -> int:
    """A whole number from 0 on; 0 where nothing was given."""
    number = limits.number(flag, text) or 0
    if number < 0:
        raise InvalidArgument(f"{flag} {number} is negative")
    return number


def _decimal_size(text: str) -> int:
    """Log sizes count thousands, as Podman's do: 1m is 1000000 bytes."""
    factors = {"": 1, "b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9}
    digits = text.rstrip("bBkKmMgG")
    unit = text[len(digits) :].lower()
    if not digits.isascii() or not digits.isdigit() or unit not in factors:
        raise InvalidArgument(f"--log-opt max-size={text} is not a size", hint=_LOG_SIZE_UNIT_HINT)
    return int(digits) * factors[unit]


def _hosts(options: Namespace) -> list[str]:
    if options.no_hosts and options.add_host:
        raise InvalidArgument("--no-hosts and --add-host exclude each other", hint="leave one out")
    return [_host(text) for text in options.add_host]


def _host(text: str) -> str:
    name, colon, address = text.partition(":")
    if not name or not colon:
        raise InvalidArgument(f"--add-host {text!r} is not of the form NAME:ADDRESS")
    _address(address)
    return text


def _address(text: str) -> str:
    import ipaddress

    try:
        ipaddress.ip_address(text)
    except ValueError as error:
        raise InvalidArgument(f"{text!r} is not an IP address") from error
    return text


def _umask(text: str | None) -> str:
    if text is None:
        return "0022"
    if not 1 <= len(text) <= 4 or text.strip("01234567"):
        raise InvalidArgument(f"--umask {text!r} is not an octal mode", hint="such as 0022")
    return text


def write_id_file(flag: str, path: str, identifier: str) -> None:
    """Write the ID of a new container or pod to the file, named by *flag*, that must not exist."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError as error:
        raise InvalidArgument(f"{flag} {path} exists", hint="remove it, or choose another name") from error
    except OSError as error:
        raise FileError("write ID to", path, error) from error
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(identifier)
