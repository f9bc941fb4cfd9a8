"""Which streams are connected, and signals on their way to a container."""

from __future__ import annotations

import os
import signal
from argparse import Namespace

import pytest

from libpod.cli import streams
from libpod.errors import InvalidArgument


def wanted(
    *, stdin: bool = False, chosen: list[str] | None = None, keys: str | None = None
) -> streams.Wanted:
    return streams.wanted(Namespace(detach_keys=keys), "ctrl-p,ctrl-q", stdin=stdin, chosen=chosen)


@pytest.mark.parametrize(
    ("chosen", "stdin", "outputs"),
    [
        (None, True, {1, 2}),
        ([], True, {1, 2}),
        (["stdout"], False, {1}),
        (["STDERR", "stdin"], True, {2}),
    ],
)
def test_streams(chosen: list[str] | None, stdin: bool, outputs: set[int]) -> None:
    found = wanted(stdin=True, chosen=chosen)
    assert (found.stdin, set(found.outputs)) == (stdin, outputs)
    assert not wanted(stdin=False, chosen=chosen).stdin


def test_unknown_stream_and_unknown_keys() -> None:
    with pytest.raises(InvalidArgument, match="streams are stdin, stdout and stderr"):
        wanted(chosen=["stdlog"])
    with pytest.raises(InvalidArgument, match="is no key"):
        wanted(keys="ctrl-")


def test_signals_wait_until_somebody_is_there() -> None:
    sent: list[int] = []
    before = signal.getsignal(signal.SIGUSR1)
    with streams.Proxy(sent.append) as proxy:
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)
        assert sent == []
        proxy.open()
        assert sorted(sent) == [signal.SIGUSR1, signal.SIGTERM]
        os.kill(os.getpid(), signal.SIGUSR1)
        assert len(sent) == 3
    assert signal.getsignal(signal.SIGUSR1) == before


def test_signal_that_comes_while_another_is_sent() -> None:
    sent: list[int] = []
    active = 0

    def send(number: int) -> None:
        nonlocal active
        active += 1
        assert active == 1
        if number == signal.SIGUSR1:
            os.kill(os.getpid(), signal.SIGUSR2)
        sent.append(number)
        active -= 1

    with streams.Proxy(send) as proxy:
        proxy.open()
        os.kill(os.getpid(), signal.SIGUSR1)
    assert sent == [signal.SIGUSR1, signal.SIGUSR2]


def test_ignored_signals_and_those_of_our_own_stay() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with streams.Proxy(lambda _number: None):
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
            assert signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
    with streams.Proxy(lambda _number: None, wanted=False):
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
