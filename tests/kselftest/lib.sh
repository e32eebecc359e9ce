# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by the scripts beside it: TAP, and short words for what they all do.
#
# A script finds the module loaded, no volume up, blank disks /dev/vda (64 MiB),
# /dev/vdb, /dev/vdc (32 MiB), /dev/vdd (192 MiB) and an empty /tmp, and need not
# clean up.
set -u

KSFT_FAIL=1
KSFT_SKIP=4
FACTOR=${FACTOR:-1}		# how much slower than usual the machine may be
TMP=/tmp
tests=0
failed=0

# The console shows which part of its log belongs to which test.
PATH=$PWD:$PATH
echo "<6>kselftest: ${0##*/}" > /dev/kmsg

result()	# result STATUS NAME
{
	tests=$((tests + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tests - $2"
	else
		failed=$((failed + 1))
		echo "not ok $tests - $2"
	fi
}

told()		# what the last command said, as a comment
{
	sed 's/^/# /' "$TMP/.out" "$TMP/.err"
}

check()		# check NAME COMMAND...: it succeeds
{
	_name=$1
	shift
	if "$@" > "$TMP/.out" 2> "$TMP/.err"; then
		result 0 "$_name"
	else
		echo "# $*: exit code $?"
		told
		result 1 "$_name"
	fi
}

is()		# is NAME GOT WANTED
{
	[ "$2" = "$3" ] || echo "# $2, wanted $3"
	[ "$2" = "$3" ]
	result $? "$1"
}

fails()		# fails NAME SENTENCE COMMAND...: it fails, and says why on stderr
{
	_name=$1 _why=$2
	shift 2
	if "$@" > "$TMP/.out" 2> "$TMP/.err"; then
		echo "# $*: succeeded"
		result 1 "$_name"
	elif grep -qF -- "$_why" "$TMP/.err"; then
		result 0 "$_name"
	else
		echo "# does not say: $_why"
		told
		result 1 "$_name"
	fi
}

soon()		# soon NAME COMMAND...: it succeeds within some seconds
{
	_name=$1
	shift
	_left=$((100 * FACTOR))
	until "$@" > "$TMP/.out" 2> "$TMP/.err"; do
		_left=$((_left - 1))
		if [ "$_left" -eq 0 ]; then
			echo "# $*: still not true"
			told
			result 1 "$_name"
			return
		fi
		usleep 50000
	done
	result 0 "$_name"
}

skip_all()	# skip_all WHY
{
	echo "1..0 # SKIP $1"
	exit "$KSFT_SKIP"
}

must()		# must COMMAND...: what the test is built on
{
	"$@" > "$TMP/.out" 2> "$TMP/.err" && return
	echo "Bail out! $*: exit code $?"
	told
	exit "$KSFT_FAIL"
}

end()
{
	echo "1..$tests"
	[ "$failed" -eq 0 ] || exit "$KSFT_FAIL"
	exit 0
}

# Volumes

create()	# create NAME DEV [OPTION...]: sets BD
{
	_name=$1 _dev=$2
	shift 2
	must raftblk create "$_name" "$_dev" --addr 127.0.0.1 "$@"
	find_bd "$_name"
}

up()		# up DEV NAME: sets BD
{
	must raftblk up "$1"
	find_bd "$2"
}

find_bd()
{
	BD=
	for _b in /sys/block/raftblk*; do
		[ "$(cat "$_b/raftblk/name")" != "$1" ] || BD=/dev/${_b##*/}
	done
	must test -b "$BD"
}

reload()	# the module, out and in
{
	must rmmod raftblk
	must raftblk-load
}

attr()		# attr NAME [BD]: of the volume, in sysfs
{
	_b=${2:-$BD}
	cat "/sys/block/${_b#/dev/}/raftblk/$1"
}

queue()		# queue NAME [BD]: a limit, in sysfs
{
	_b=${2:-$BD}
	cat "/sys/block/${_b#/dev/}/queue/$1"
}

state()		# state VOLUME FIELD: in debugfs
{
	sed -n "s/^$2 //p" "/sys/kernel/debug/raftblk/$1/state"
}

inject()	# inject VOLUME KIND COUNT
{
	echo "$3" > "/sys/kernel/debug/raftblk/$1/inject/$2"
}

status()	# status VOLUME FIELD: a number or word of the JSON
{
	raftblk status "$1" --json | sed -n "s/^ *\"$2\": *\"\\{0,1\\}\\([^\",]*\\)\"\\{0,1\\},\\{0,1\\}\$/\\1/p" | head -n 1
}

ckpt_reaches()	# ckpt_reaches VOLUME: everything is in place and noted on disk
{
	[ "$(status "$1" checkpoint)" = "$(status "$1" last)" ]
}

# Data.  Offsets and sizes in bytes; past the page cache, and in one request as far
# as it fits into one.  See io.c.

noise()		# noise FILE SIZE [SEED]
{
	io noise "$@"
}

put()		# put FILE OFFSET [FROM SIZE [BD]]: write (part of) a file
{
	_file=$1 _at=$2 _bd=${5:-$BD}
	shift 2
	[ $# -lt 3 ] || set -- "$1" "$2"
	io write "$_bd" "$_at" "$_file" "$@"
}

same()		# same FILE OFFSET [FROM SIZE [BD]]: the device holds that
{
	_file=$1 _at=$2 _bd=${5:-$BD}
	shift 2
	[ $# -lt 3 ] || set -- "$1" "$2"
	io same "$_bd" "$_at" "$_file" "$@"
}

zeros()		# zeros OFFSET SIZE [BD]: the device holds nothing else there
{
	io zeros "${3:-$BD}" "$1" "$2"
}

digest()	# digest [BD]: of the whole device
{
	io sum "${1:-$BD}"
}

size()		# size [BD]
{
	_b=${1:-$BD}
	echo $(($(cat "/sys/block/${_b#/dev/}/size") * 512))
}
