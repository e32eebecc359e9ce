#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What `make install` puts where, and that rule and unit call what it has put there.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

install_to()	# install_to DIR PREFIX
{
	make --no-print-directory -s -C "$TOP/userspace" O="$O" DESTDIR="$1" PREFIX="$2" install
}

complete()	# complete DIR PREFIX UDEV UNITS
{
	local file
	for file in "$2/sbin/raftblk" "$2/share/man/man8/raftblk.8" \
		"$2/share/bash-completion/completions/raftblk" \
		"$3/60-raftblk.rules" "$4/raftblk@.service" \
		"$4/raftblk-verify@.service" "$4/raftblk-verify@.timer"; do
		[ -s "$1$file" ] || { echo "no $file"; return 1; }
	done
	[ "$(find "$1" -type f | wc -l)" -eq 7 ] || { find "$1" -type f; return 1; }
	[ -x "$1$2/sbin/raftblk" ] && ! grep -r '@[A-Z]*@' "$1$3" "$1$4" &&
		grep -q "IMPORT{program}=\"$2/sbin/raftblk probe " "$1$3/60-raftblk.rules" &&
		grep -q "^ExecStart=$2/sbin/raftblk up " "$1$4/raftblk@.service" &&
		grep -q "^ExecStart=$2/sbin/raftblk verify " "$1$4/raftblk-verify@.service"
}

check "install" install_to "$TMP/a" /usr/local
check "installed, and nothing else; rule and unit find it" \
	complete "$TMP/a" /usr/local /etc/udev/rules.d /etc/systemd/system
check "install, as a package does" install_to "$TMP/b" /usr
check "installed as a package: udev and systemd have it where they look" \
	complete "$TMP/b" /usr /usr/lib/udev/rules.d /usr/lib/systemd/system
check "what was installed runs" "$TMP/a/usr/local/sbin/raftblk" help
end
