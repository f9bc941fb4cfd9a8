#!/bin/sh
# Installs libpod and the boot refresh on Debian 12, refreshes this host's container store, and enables the unit.
#
#     sudo sh packaging/quickstart.sh
#
# Builds the Debian packages of this tree and installs them with apt. Can be run again, also on a host with running
# containers: those are left alone. Works without systemd too; then the refresh is run, and there is no unit to enable.
# The exit code is that of "libpod refresh".
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'quickstart: %s\n' "$1" >&2; printf 'hint: %s\n' "$2" >&2; exit 125; }
# What the steps print is shown when one fails.
quietly() { "$@" </dev/null >"$room/log" 2>&1; }
# Mirrors have bad moments; once more is enough for most of them.
again() {
    quietly "$@" || { sleep 5; quietly "$@"; } || { tail -n 40 "$room/log" >&2; fail "$* failed" "its output is above"; }
}

[ "$(id -u)" = 0 ] || fail "must be run as root" "sudo sh packaging/quickstart.sh"
command -v apt-get >/dev/null || fail "this host has no apt" "see packaging/rpm, or: pip install ."

room=$(mktemp -d /var/tmp/libpod-quickstart.XXXXXX)
chmod 755 "$room"
trap 'rm -rf "$room"' EXIT
trap 'exit 130' INT TERM

say "Installing what the packages are built with"
again apt-get update
again apt-get install -y --no-install-recommends dpkg-dev
again apt-get build-dep -y --no-install-recommends -P nocheck "$top/packaging"

say "Building the packages"
export DEB_BUILD_OPTIONS=nocheck
again sh "$top/packaging/build-deb.sh" "$room"

say "Installing the packages"
again apt-get install -y --no-install-recommends --reinstall --allow-downgrades \
    "$room"/python3-libpod_*.deb "$room"/runtime-refresh_*.deb

say "Refreshing the container store of this host"
status=0
libpod refresh || status=$?
[ "$status" -le 1 ] || fail "the refresh could not be done" "correct what the message above names, and run this again"

if [ -d /run/systemd/system ]; then
    say "Enabling the refresh at boot"
    systemctl enable --quiet runtime-refresh.service
    systemctl start runtime-refresh.service
    systemctl --no-pager --lines=0 status runtime-refresh.service || true
else
    say "systemd does not run here: call \"libpod refresh\" early in the boot, or boot with systemd, where the unit is enabled"
fi
exit "$status"
