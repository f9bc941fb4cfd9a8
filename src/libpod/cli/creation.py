"""The flags of `create` and `run`, spelled as Podman spells them, and what they ask for."""

from __future__ import annotations

import os
import sys

from libpod.cli import networking, transfers
from libpod.cli.grammar import REMAINDER
from libpod.errors import FileError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Collection, Sequence

    from libpod.cli.grammar import Grammar
    from libpod.config.runtime import RuntimeConfig
    from libpod.containers.create import CreateOptions
    from libpod.oci.options import Namespaces, Resources, SpecOptions

_REPEATED = (
    ("-v", "--volume", "SOURCE:DESTINATION[:OPTIONS]", "mount a directory or a named volume"),
    ("", "--mount", "type=TYPE,…", "mount a directory, a volume or a tmpfs"),
    ("", "--tmpfs", "PATH[:OPTIONS]", "mount a tmpfs"),
    ("-e", "--env", "NAME[=VALUE]", "set an environment variable, or take it over from ours"),
    ("", "--env-file", "FILE", "read environment variables from a file"),
    ("-l", "--label", "NAME[=VALUE]", "set a label"),
    ("", "--label-file", "FILE", "read labels from a file"),
    ("", "--annotation", "NAME=VALUE", "set an annotation of the OCI specification"),
    ("", "--add-host", "NAME:ADDRESS", "add a line to /etc/hosts"),
    ("", "--dns", "ADDRESS", "use this name server"),
    ("", "--dns-search", "DOMAIN", "search this domain; . for none"),
    ("--dns-opt", "--dns-option", "OPTION", "add an option to resolv.conf"),
    ("", "--unsetenv", "NAME", "do not set this variable of the image or of the defaults"),
    ("", "--cap-add", "NAME", "add a capability; ALL for every one"),
    ("", "--cap-drop", "NAME", "drop a capability; ALL for every one"),
    ("", "--security-opt", "OPTION", "no-new-privileges, seccomp=…, apparmor=…, label=…, mask=…, unmask=…"),
    ("", "--ulimit", "NAME=SOFT[:HARD]", "set a resource limit"),
    ("", "--sysctl", "NAME=VALUE", "set a kernel parameter of the container's namespaces"),
    ("", "--device", "HOST[:CONTAINER][:rwm]", "add a device"),
    ("", "--group-add", "GROUP", "add a group"),
    ("", "--log-opt", "NAME=VALUE", "path, max-size or tag of the log"),
    ("", "--uidmap", "CONTAINER:HOST:SIZE", "map user IDs in a user namespace"),
    ("", "--gidmap", "CONTAINER:HOST:SIZE", "map group IDs in a user namespace"),
    ("", "--requires", "CONTAINER", "start this container first"),
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
    ("", "--cpus", "NUMBER", "limit CPU time to that of so many CPUs"),
    ("-c", "--cpu-shares", "NUMBER", "the weight beside other containers"),
    ("", "--cpu-period", "MICROSECONDS", "the period of --cpu-quota"),
    ("", "--cpu-quota", "MICROSECONDS", "limit CPU time to this in each period"),
    ("", "--cpuset-cpus", "LIST", "run on these CPUs"),
    ("", "--cpuset-mems", "LIST", "use memory of these nodes"),
    ("", "--pids-limit", "NUMBER", "limit the number of processes; -1 for no limit"),
    ("", "--memory-swappiness", "NUMBER", "how soon its memory is swapped out, 0 to 100; -1 for as usual"),
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
    ("", "--sdnotify", "MODE", "who tells systemd that it is ready: container, conmon or ignore"),
    ("", "--cgroups", "MODE", "enabled, or no-conmon to leave conmon in our control group"),
    ("", "--restart", "POLICY", "when it runs again: no, on-failure[:TRIES], always or unless-stopped"),
    ("", "--stop-signal", "SIGNAL", "what stop sends"),
    ("", "--timeout", "SECONDS", "kill it when it has run that long"),
    ("", "--tz", "ZONE", "its time zone: a name such as Europe/Berlin, or local for that of the host"),
    ("", "--init-path", "FILE", "what --init runs"),
    ("", "--stop-timeout", "SECONDS", "how long stop waits before it kills"),
    ("", "--log-driver", "NAME", "k8s-file, journald, none or passthrough"),
    ("", "--conmon-pidfile", "FILE", "write the PID of conmon here"),
    ("", "--cidfile", "FILE", "write the container's ID here"),
    ("", "--umask", "MODE", "the umask of the command, octal"),
    ("", "--image-volume", "MODE", "what the image's volumes become: anonymous, tmpfs or ignore"),
)
_SWITCHES = (
    ("-i", "--interactive", "keep standard input open"),
    ("-t", "--tty", "give it a terminal"),
    ("", "--rm", "remove the container when it has ended"),
    ("", "--privileged", "give it all rights on the host"),
    ("", "--read-only", "make its root read-only"),
    ("", "--init", "run a small init that passes signals on and reaps processes"),
    ("", "--env-host", "set all variables that we have"),
    ("", "--unsetenv-all", "set no variable of the image or of the defaults"),
    ("", "--oom-kill-disable", "let it wait when memory is short, and kill nothing"),
    ("", "--replace", "remove the container that has this name first"),
    ("", "--no-healthcheck", "have no health check, as always"),
    ("", "--no-hosts", "leave /etc/hosts as the image has it"),
    ("", "--rootfs", "the argument is a root directory, not an image"),
)
_LOG_SIZE_UNIT_HINT = "such as 10m"
_READ_ONLY_TMPFS = "with --read-only, have /tmp, /var/tmp and /run to write to (true)"
_PROXY = "set the variables for proxies that we have, such as https_proxy (true)"
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy")


def configure(parser: Grammar) -> None:
    """Add the flags, the image and the command."""
    parser.free_letter_of_help()
    for short, name, metavar, text in _REPEATED:
        _add(parser, short, name, metavar=metavar, help=text, action="append", default=[])
    for short, name, metavar, text in _VALUES:
        _add(parser, short, name, metavar=metavar, help=text)
    for short, name, text in _SWITCHES:
        _add(parser, short, name, help=text, action="store_true")
    parser.add_switch("--read-only-tmpfs", default=True, help=_READ_ONLY_TMPFS)
    parser.add_switch("--http-proxy", default=True, help=_PROXY)
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
            # -h is help there.
            _add(parser, "" if short == "-h" else short, name, metavar=metavar, help=text)
    for short, name, text in _SWITCHES:
        if name in names:
            _add(parser, short, name, help=text, action="store_true")


def _add(parser: Grammar, short: str, name: str, **keywords: object) -> None:
    """*short* is a letter, or another spelling."""
    names = [name, short] if short.startswith("--") else [short, name]
    parser.add_argument(*filter(None, names), **keywords)


def create_options(options: Namespace, config: RuntimeConfig) -> CreateOptions:
    """What the flags ask for. Raises InvalidArgument, naming the flag, for what cannot be."""
    from libpod.containers.create import DEFAULT_SHM_SIZE, DEFAULT_STOP_TIMEOUT, CreateOptions
    from libpod.oci import units

    log = pairs("--log-opt", options.log_opt)
    unknown = sorted(set(log) - {"path", "max-size", "tag"})
    if unknown:
        raise InvalidArgument(f"--log-opt {unknown[0]} is not supported", hint="path, max-size and tag are")
    shm_size = units.memory_size(options.shm_size, "shm-size") if options.shm_size else DEFAULT_SHM_SIZE
    timeout = _number("--stop-timeout", options.stop_timeout)
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
        no_hosts=options.no_hosts,
        dns_servers=[] if options.dns == ["none"] else [_address(text) for text in options.dns],
        no_resolv_conf=options.dns == ["none"],
        timeout=_positive("--timeout", options.timeout),
        time_zone=options.tz or "",
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
    from libpod.oci import labels, units, volumes
    from libpod.oci.options import SpecOptions

    mounted = volumes.parse(options.volume, options.mount, options.tmpfs)
    security = _security(options.security_opt)
    limits = options.ulimit or list(config.default_ulimits)
    if limits == ["host"]:
        limits = []
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
        environment=environment(options),
        default_environment=_of_ours(options),
        unset_environment=["*"] if options.unsetenv_all else options.unsetenv,
        working_directory=options.workdir or "",
        user=options.user or "",
        groups=_words(options.group_add),
        hostname=options.hostname or "",
        terminal=options.tty,
        stdin=options.interactive,
        remove=options.rm,
        init=options.init,
        init_program=options.init_path or "",
        privileged=options.privileged,
        read_only=options.read_only,
        read_only_tmpfs=options.read_only_tmpfs,
        add_capabilities=_words(options.cap_add),
        drop_capabilities=_words(options.cap_drop),
        default_capabilities=config.default_capabilities,
        no_new_privileges="no-new-privileges" in security,
        seccomp_profile=_last(security.get("seccomp")),
        apparmor_profile=_last(security.get("apparmor")) or "",
        label_options=security.get("label", []),
        labels=labels.labels(security.get("label", []), privileged=options.privileged),
        masked_paths=_paths(security.get("mask", [])),
        unmasked_paths=_paths(security.get("unmask", [])),
        limits=[units.limit(text) for text in limits],
        sysctls=pairs("--sysctl", options.sysctl, need_value=True),
        default_sysctls=pairs("default_sysctls", config.default_sysctls),
        devices=options.device,
        volumes=mounted,
        resources=_resources(options),
        namespaces=_namespaces(options, network_mode, user_namespace),
        annotations=annotations,
        umask=_umask(options.umask),
        uid_map=uid_map,
        gid_map=gid_map,
    )


def _resources(options: Namespace) -> Resources:
    from libpod.oci import units
    from libpod.oci.options import Resources

    def size(flag: str) -> int | None:
        text = getattr(options, flag.replace("-", "_"))
        return units.memory_size(text, flag) if text is not None else None

    if options.cpus is not None and (options.cpu_period is not None or options.cpu_quota is not None):
        raise InvalidArgument("--cpus excludes --cpu-period and --cpu-quota")
    quota = units.cpu_quota(options.cpus) if options.cpus is not None else None
    swappiness = _number("--memory-swappiness", options.memory_swappiness)
    if swappiness is not None and not -1 <= swappiness <= 100:
        raise InvalidArgument(f"--memory-swappiness {swappiness} is not between 0 and 100")
    return Resources(
        memory=size("memory"),
        memory_reservation=size("memory-reservation"),
        memory_swap=size("memory-swap"),
        cpu_shares=_number("--cpu-shares", options.cpu_shares),
        memory_swappiness=None if swappiness == -1 else swappiness,
        oom_kill_disable=options.oom_kill_disable,
        cpu_period=units.CPU_PERIOD if quota else _number("--cpu-period", options.cpu_period),
        cpu_quota=quota or _number("--cpu-quota", options.cpu_quota),
        cpuset_cpus=options.cpuset_cpus or "",
        cpuset_mems=options.cpuset_mems or "",
        pids_limit=_number("--pids-limit", options.pids_limit),
        oom_score_adj=_number("--oom-score-adj", options.oom_score_adj),
    )


def _namespaces(options: Namespace, network_mode: str, user: str) -> Namespaces:
    from libpod.oci.options import HOST, Namespaces

    return Namespaces(
        pid=_mode("--pid", options.pid),
        network=network_mode,
        ipc=_mode("--ipc", options.ipc),
        uts=_mode("--uts", options.uts),
        user=user,
        cgroup=_mode("--cgroupns", options.cgroupns) if options.cgroupns else HOST,
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


def environment(options: Namespace) -> dict[str, str]:
    """The variables that `--env` and `--env-file` set, the former winning."""
    found: dict[str, str] = {}
    for path in options.env_file:
        found.update(_environment_file(path))
    for text in options.env:
        _add_variable(found, text)
    return found


def _of_ours(options: Namespace) -> dict[str, str]:
    """What is taken over of our own variables: those for proxies, unless it is not wanted, or all."""
    names = [name for word in _PROXIES for name in (word, word.upper())] if options.http_proxy else []
    taken = os.environ if options.env_host else names
    return {name: os.environ[name] for name in taken if name in os.environ}


def _add_variable(found: dict[str, str], text: str) -> None:
    """`NAME=value`, `NAME` for the value that we have, `NAME*` for all of ours that begin so."""
    name, equals, value = text.partition("=")
    if equals:
        found[name] = value
    elif name.endswith("*"):
        found.update({ours: os.environ[ours] for ours in os.environ if ours.startswith(name[:-1])})
    elif name in os.environ:
        found[name] = os.environ[name]


def _environment_file(path: str) -> dict[str, str]:
    from libpod.host import files

    found: dict[str, str] = {}
    for line in files.read_text(path).splitlines():
        text = line.lstrip()
        if text and not text.startswith("#"):
            _add_variable(found, text)
    return found


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
        if key not in ("no-new-privileges", "seccomp", "apparmor", "label", "mask", "unmask"):
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
    from libpod.host import files

    found: dict[str, str] = {}
    for path in options.label_file:
        lines = [line.strip() for line in files.read_text(path).splitlines()]
        texts = [line for line in lines if line and not line.startswith("#")]
        found.update(pairs(f"--label-file {path}:", texts))
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


def _number(flag: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise InvalidArgument(f"{flag} {text!r} is not a whole number") from error


def _positive(flag: str, text: str | None) -> int:
    """A whole number from 0 on; 0 where nothing was given."""
    number = _number(flag, text) or 0
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
