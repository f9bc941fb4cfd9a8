"""Calling CNI plugins.

A plugin is a program. It gets its command in the environment and its configuration as JSON on standard
input; it answers with JSON on standard output, with its result or, with exit status 1, an error. This is the
execution protocol of the CNI specification, checked with the plugins 1.1.1.

A plugin that takes too long is killed with everything that it has started.
"""

from __future__ import annotations

import os

from libpod.errors import CommandError, CommandTimeout, DecodeError, PluginError
from libpod.host import jsonutil, process
from libpod.network import conflist
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from libpod.network.conflist import Network, Plugin

    Result = Mapping[str, object]

ADD_SECONDS = 60.0
"""How long a plugin may take to set something up."""
DELETE_SECONDS = 30.0
VERSION_SECONDS = 10.0
RESULT_SINCE = "0.4.0"
"""The version from which on DEL and CHECK get the result of ADD."""
INCOMPATIBLE = 1
"""The code for a version of the configuration that a plugin does not know."""


class Attachment(NamedTuple):
    """One interface of one container."""

    container_id: str
    namespace: str
    """The path of the network namespace; empty, in DEL only, for one that is gone."""
    interface: str
    arguments: tuple[tuple[str, str], ...] = ()
    """`CNI_ARGS`."""
    capabilities: Mapping[str, object] = {}
    """What plugins that ask for it get as `runtimeConfig`."""


class Plugins:
    """The plugins in *directories*, of which the first that has one counts."""

    def __init__(self, directories: Sequence[str]) -> None:
        self.directories = tuple(directories)

    def find(self, kind: str) -> str:
        """The path of a plugin. PluginError if it is nowhere."""
        for directory in self.directories:
            path = os.path.join(directory, kind)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
        raise PluginError(
            f"CNI plugin {kind} is missing: it is not in {', '.join(self.directories)}",
            plugin=kind,
            hint="install it (package containernetworking-plugins), or set cni_plugin_dirs",
        )

    # ------------------------------------------------------------ the commands

    def add(self, network: Network, attachment: Attachment, done: list[Result]) -> Result:
        """Set up an interface: every plugin in order; the result of the last one.

        The results come to be in *done* one by one, so that they are known if a later plugin fails. Raises
        PluginError; whatever was set up by then is the caller's to delete.
        """
        for plugin in network.plugins:
            self.find(str(plugin["type"]))
        for plugin in network.plugins:
            previous = done[-1] if done else None
            answer = self._call("ADD", network, plugin, attachment, ADD_SECONDS, previous)
            if not answer:
                raise self._failure(network, plugin, "ADD", "it gave no result")
            done.append(answer)
        return done[-1]

    def delete(
        self,
        network: Network,
        attachment: Attachment,
        result: Result | None,
        *,
        seconds: float | None = None,
    ) -> None:
        """Take an interface down: every plugin, in reverse order. What is down already is no error.

        A plugin that fails does not keep the others from their turn; the first PluginError is raised at the
        end. *seconds* is for each plugin.
        """
        failed: PluginError | None = None
        known = result if conflist.is_at_least(network.version, RESULT_SINCE) else None
        for plugin in reversed(network.plugins):
            try:
                self._call("DEL", network, plugin, attachment, seconds or DELETE_SECONDS, known)
            except PluginError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def check(self, network: Network, attachment: Attachment, result: Result) -> None:
        """Let every plugin look whether the interface is still as *result* says. PluginError if it is not.

        Nothing is asked where the network forbids it, or is of a version that does not know CHECK.
        """
        if network.check_disabled or not conflist.is_at_least(network.version, RESULT_SINCE):
            return
        for plugin in network.plugins:
            self._call("CHECK", network, plugin, attachment, DELETE_SECONDS, result)

    def versions(self, kind: str) -> list[str]:
        """The versions of the specification that a plugin supports. PluginError."""
        text = jsonutil.dumps({"cniVersion": "1.0.0"})
        source = f"CNI plugin {kind}"
        output = self._run(kind, text, {"CNI_COMMAND": "VERSION"}, VERSION_SECONDS).stdout
        try:
            answer = jsonutil.loads_object(output, source)
            return jsonutil.get_str_list(answer, "supportedVersions", source=source)
        except DecodeError as error:
            raise PluginError(error.message, plugin=kind) from error

    # ------------------------------------------------------------ one call

    def _call(
        self,
        command: str,
        network: Network,
        plugin: Plugin,
        attachment: Attachment,
        seconds: float,
        previous: Result | None,
    ) -> Result:
        kind = str(plugin["type"])
        text = jsonutil.dumps(configuration(network, plugin, attachment, previous))
        completed = self._run(kind, text, self._environment(command, attachment), seconds)
        if completed.status != 0:
            raise self._refusal(network, plugin, command, completed)
        if command != "ADD" or not completed.stdout.strip():
            return {}
        try:
            return jsonutil.loads_object(completed.stdout, "its answer")
        except DecodeError as error:
            raise self._failure(network, plugin, command, error.message) from error

    def _environment(self, command: str, attachment: Attachment) -> dict[str, str]:
        return {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": attachment.container_id,
            "CNI_NETNS": attachment.namespace,
            "CNI_IFNAME": attachment.interface,
            "CNI_ARGS": ";".join(f"{key}={value}" for key, value in attachment.arguments),
            "CNI_PATH": ":".join(self.directories),
        }

    def _run(
        self, kind: str, text: bytes, environment: Mapping[str, str], seconds: float
    ) -> process.Completed:
        path = self.find(kind)
        # Plugins call iptables, which is no directory of every user's PATH.
        search = {"PATH": f"{os.environ.get('PATH', process.DEFAULT_PATH)}:{process.DEFAULT_PATH}"}
        try:
            return process.run(
                [path], timeout=seconds, input=text, environment={**environment, **search}, check=False
            )
        except CommandTimeout as error:
            verb = environment["CNI_COMMAND"]
            raise PluginError(
                f"CNI plugin {kind} was killed: {verb} was not done after {seconds:g} seconds", plugin=kind
            ) from error
        except CommandError as error:
            raise PluginError(f"CNI plugin {kind}: {error.message}", plugin=kind) from error

    def _refusal(
        self, network: Network, plugin: Plugin, command: str, completed: process.Completed
    ) -> PluginError:
        """The error that a plugin printed, or the end of what else it said."""
        try:
            answer = jsonutil.loads_object(completed.stdout, "its answer")
            code = jsonutil.get_int(answer, "code", None, source="its answer")
            message = jsonutil.get_str(answer, "msg", "", source="its answer")
            details = jsonutil.get_str(answer, "details", "", source="its answer")
        except DecodeError:
            code, message, details = None, "", ""
        if not message:
            message = process.failure([str(plugin["type"])], completed).message.partition(": ")[2]
        return self._failure(network, plugin, command, message, code=code, details=details)

    def _failure(
        self,
        network: Network,
        plugin: Plugin,
        command: str,
        message: str,
        *,
        code: int | None = None,
        details: str = "",
    ) -> PluginError:
        kind = str(plugin["type"])
        hint = None
        if code == INCOMPATIBLE:
            try:
                hint = (
                    f"{kind} supports {', '.join(self.versions(kind))}; {network.path} has {network.version}"
                )
            except PluginError as error:
                hint = error.message
        said = f"{message} ({details})" if details else message
        return PluginError(
            f"network {network.name}: CNI plugin {kind}, {command}: {said}",
            plugin=kind,
            code=code,
            details=details,
            hint=hint,
        )


def configuration(
    network: Network, plugin: Plugin, attachment: Attachment, previous: Result | None
) -> dict[str, object]:
    """What a plugin reads: its part of the list with the name and version of the list.

    The result of the plugin before it, and those values that it takes at run time, are added.
    """
    found: dict[str, object] = {**plugin, "name": network.name, "cniVersion": network.version}
    wanted = {
        name: value
        for name, value in attachment.capabilities.items()
        if conflist.capabilities(plugin).get(name) is True
    }
    if wanted:
        found["runtimeConfig"] = wanted
    if previous is not None:
        found["prevResult"] = previous
    return found
