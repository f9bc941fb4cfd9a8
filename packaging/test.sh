#!/bin/bash
# Sets up and runs all tests on Debian 12, as root:
#
#     sudo bash packaging/test.sh [STEP...]
#
# Steps: unit (with the libraries of PyPI), debian (the same tests with Debian's own python3 and libraries), host, peer,
# boot, vm (on a kernel of its own, by QEMU without KVM); all of them by default. What takes long to make (a Python
# environment, small Debian trees) is kept below /var/tmp/libpod-tests and used again by the next run. Nothing is written
# into the source tree.
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
cache=${LIBPOD_TEST_CACHE:-/var/tmp/libpod-tests}
jobs=$(nproc)
steps=(unit debian host peer boot vm)
[ $# -eq 0 ] || steps=("$@")

# Whatever is set up here is there: a test that misses a tool fails.
export CI=true DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 LIBPOD_TEST_CACHE=$cache
umask 022

packages=(
    # what the product uses
    runc conmon podman skopeo containernetworking-plugins iptables nftables iproute2 dbus uidmap
    python3-filelock python3-psutil python3-pystemd python3-tomli
    # what the tests run
    buildah umoci docker-registry openssl busybox-static catatonit slirp4netns fuse-overlayfs mmdebstrap systemd-container strace e2fsprogs
    tzdata
    qemu-system-x86
    golang-go golang-github-coreos-bbolt-dev golang-github-opencontainers-specs-dev criu crun shellcheck lintian rpm
    python3-pytest python3-pytest-xdist python3-hypothesis python3-jsonschema
    # what the environment and the packages are built with
    python3-venv python3-dev gcc pkg-config libsystemd-dev
    dpkg-dev debhelper dh-python pybuild-plugin-pyproject python3-all python3-setuptools python3-shtab
    python3-argparse-manpage bash-completion
)

say() { printf '\n== %s\n' "$*"; }
# Mirrors have bad moments; once more is enough for most of them.
again() { "$@" </dev/null || { sleep 5; "$@" </dev/null; }; }

install_packages() {
    local missing
    missing=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${packages[@]}" 2>/dev/null | grep -c '^ii ')
    [ "$missing" -ge "${#packages[@]}" ] && return
    say "Installing Debian packages"
    again apt-get update -qq && again apt-get install -y -qq --no-install-recommends "${packages[@]}"
}

# The environment is named after what is in it; a stamp says that it is complete.
make_environment() {
    local wanted
    wanted=$(/usr/bin/python3 - "$top/pyproject.toml" <<'PYTHON'
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
print(*project["dependencies"], *(name for extra in sorted(extras) for name in extras[extra]), sep="\n")
PYTHON
    ) || return
    environment=$cache/python-$(printf '%s\n%s' "$(/usr/bin/python3 -V)" "$wanted" | sha256sum | cut -c 1-12)
    [ -e "$environment/complete" ] && return
    say "Making a Python environment"
    mapfile -t requirements <<<"$wanted"
    /usr/bin/python3 -m venv --clear "$environment" || return
    again "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "${requirements[@]}" || return
    touch "$environment/complete"
}

# Tests that were killed leave machines mounted; nothing on other file systems may be removed with them.
# shellcheck disable=SC2317 # called by the trap
cleanup() {
    local point
    wait
    awk -v room="$room/" 'index($2, room) == 1 { print $2 }' /proc/self/mounts | tac | while read -r point; do
        umount "$point"
    done
    rm -rf --one-file-system "$room" "$short"
}

# The tests run in a copy: readable for everybody, with nothing in it that belongs to one developer.
copy_source() {
    room=$(mktemp -d "$cache/run.XXXXXX") || return
    # The path of a socket has room for 108 bytes, so that of a test's directory must be short.
    short=$(mktemp -d /tmp/t.XXXXXX) || return
    chmod 755 "$room" "$short"
    trap cleanup EXIT
    mkdir "$room/source" "$room/logs" &&
        tar -C "$top" --exclude=__pycache__ --exclude='*.egg-info' --exclude='.*_cache' --exclude=.hypothesis \
            --exclude=.venv --exclude=.git --exclude=./build --exclude=./dist -c . | tar -C "$room/source" --no-same-owner -x
}

pytest_as_nobody() {
    local python=$1 home
    shift
    home=$short/$step
    install -d -o nobody -g nogroup -m 700 "$home"
    setpriv --reuid=nobody --regid=nogroup --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
        env -u XDG_RUNTIME_DIR HOME="$home" TMPDIR="$home" MYPY_CACHE_DIR="$home/mypy" \
        HYPOTHESIS_STORAGE_DIRECTORY="$home/hypothesis" "$python" -m pytest -p no:cacheprovider -n "$jobs" -q "$@"
}

pytest_as_root() {
    mkdir -p "$room/tmp-$step"
    TMPDIR=$room/tmp-$step "$environment/bin/python" -m pytest -p no:cacheprovider -n "$jobs" -q "$@"
}

run_step() {
    case $step in
        unit) pytest_as_nobody "$environment/bin/python" tests/unit ;;
        # The linters are not Debian's, and have run already.
        debian) pytest_as_nobody /usr/bin/python3 tests/unit --ignore=tests/unit/test_linters.py ;;
        host) pytest_as_root tests/host tests/bench ;;
        peer) pytest_as_root tests/peer ;;
        boot) pytest_as_root --dist=loadscope tests/boot ;;
        # One machine is enough for two processors.
        vm) pytest_as_root -n 0 tests/vm ;;
        *) echo "no such step: $step" >&2; return 2 ;;
    esac
}

[ "$(id -u)" = 0 ] || { echo "must be run as root" >&2; exit 2; }
mkdir -p "$cache"
chmod 755 "$cache"
install_packages || { echo "the Debian packages could not be installed" >&2; exit 2; }
make_environment || { echo "the Python environment could not be made" >&2; exit 2; }
copy_source || { echo "the source could not be copied to $cache" >&2; exit 2; }
cd "$room/source" || exit 2
# Needed by the last steps only, and made meanwhile; a test that comes too early waits for its tree.
case " ${steps[*]} " in
    *" peer "* | *" boot "* | *" vm "*) "$environment/bin/python" -m tests.trees >"$room/logs/trees" 2>&1 </dev/null & ;;
esac

summary=()
failed=0
for step in "${steps[@]}"; do
    say "$step"
    started=$SECONDS
    run_step </dev/null 2>&1 | tee "$room/logs/$step"
    result=${PIPESTATUS[0]}
    word=passed
    [ "$result" -eq 0 ] || { word="FAILED ($result)"; failed=1; }
    outcome=$(grep -E '^(=+ )?[0-9]+ (passed|failed|error|skipped)' "$room/logs/$step" | tail -n 1 | tr -d =)
    summary+=("$(printf '%-8s %-12s %4d s  %s' "$step" "$word" $((SECONDS - started)) "$outcome")")
done

say "Summary"
printf '%s\n' "${summary[@]}" "total $SECONDS s"
exit "$failed"
