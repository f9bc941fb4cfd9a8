#!/bin/sh
# Builds the Debian packages of this tree: build-deb.sh OUTPUT_DIRECTORY
#
# The tree itself stays as it is: everything happens in a copy below a temporary directory. The build dependencies
# (packaging/debian/control) must be installed. DEB_BUILD_OPTIONS=nocheck leaves out the unit tests.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 OUTPUT_DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
output=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/.." && pwd)
version=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' "$top/src/libpod/version.py")
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -l "$top/packaging/debian/changelog" -S Timestamp)
export SOURCE_DATE_EPOCH
case " ${DEB_BUILD_OPTIONS:-} " in
    *" nocheck "*) export DEB_BUILD_PROFILES=nocheck ;;
esac

room=$(mktemp -d "${TMPDIR:-/var/tmp}/libpod-deb.XXXXXX")
trap 'rm -rf "$room"' EXIT
trap 'exit 130' INT TERM
source="$room/python-libpod-$version"
mkdir "$source"

tar -C "$top" --exclude=__pycache__ --exclude='*.egg-info' --exclude='.*_cache' --exclude=.hypothesis -c \
    CHANGELOG.md LICENSE README.md packaging pyproject.toml src systemd tests tmpfiles.d | tar -C "$source" -x
tar -C "$room" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -c "python-libpod-$version" |
    gzip -n9 > "$room/python-libpod_$version.orig.tar.gz"
cp -R "$source/packaging/debian" "$source/debian"

# Debian's python3, also where another one comes first on PATH.
(cd "$source" && PATH=/usr/sbin:/usr/bin:/sbin:/bin dpkg-buildpackage --no-sign)
find "$room" -maxdepth 1 -type f -exec cp {} "$output/" \;
