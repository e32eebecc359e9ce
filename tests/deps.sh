#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Installs the Debian packages that building and testing need.  Quiet and
# quick when nothing is missing: then not even apt is started.
#
# usage: tests/deps.sh [build|test|debug|lint]...     (default: all)
set -eu

build='gcc make libc6-dev libmnl-dev libjson-c-dev libblkid-dev pkg-config
	linux-headers-amd64 python3'
test='qemu-system-x86 qemu-utils busybox-static nbdkit nbdkit-plugin-dev
	e2fsprogs util-linux kmod cpio xz-utils zstd fio dmsetup iproute2
	python3 python3-yaml jq drbd-utils strace mandoc'
debug='linux-source-6.1 flex bison bc libelf-dev libssl-dev ccache rsync
	xz-utils gcc make patch'
lint='sparse shellcheck linux-source-6.1'

want=
[ $# -gt 0 ] || set -- build test debug lint
for group; do
	case $group in
	build) want="$want $build" ;;
	test)  want="$want $test" ;;
	debug) want="$want $debug" ;;
	lint)  want="$want $lint" ;;
	*) echo "usage: $0 [build|test|debug|lint]..." >&2; exit 2 ;;
	esac
done

installed() {
	state=$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) || return 1
	[ "$state" = installed ]
}

missing=
for package in $want; do
	case " $missing " in *" $package "*) continue ;; esac
	installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "deps: missing:$missing" >&2
	echo "deps: run as root: apt-get install$missing" >&2
	exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive

install_missing() {
	# shellcheck disable=SC2086
	apt-get install -y --no-install-recommends $missing >"$log" 2>&1
}

echo "deps: installing$missing" >&2
if ! install_missing; then
	echo "deps: refreshing the package lists" >&2
	apt-get update >"$log" 2>&1 || true
	if ! install_missing; then
		tail -20 "$log" >&2
		echo "deps: apt-get could not install$missing" >&2
		exit 1
	fi
fi
echo "deps: done" >&2
