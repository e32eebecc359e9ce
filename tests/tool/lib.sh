# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the scripts beside it: TAP, and a folder of their own that goes away.
set -u

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${O:=$TOP/build}"
: "${RAFTBLK:=$O/userspace/raftblk}"
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
tests=0

# The tool loads the module where it is missing.  Not from here: no test may load
# anything into the kernel of the machine it runs on.
mkdir -p "$TMP/bin"
printf '#!/bin/sh\necho "modprobe: FATAL: not in a test" >&2\nexit 1\n' > "$TMP/bin/modprobe"
chmod +x "$TMP/bin/modprobe"
export PATH=$TMP/bin:$PATH
export RAFTBLK_ALLOW_FILE=1
module_loaded() { [ -d /sys/module/raftblk ]; }

result()	# result STATUS NAME
{
	tests=$((tests + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tests - $2"
	else
		echo "not ok $tests - $2"
	fi
}

skip()		# skip NAME WHY
{
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

check()		# check NAME COMMAND...: it succeeds
{
	local name=$1
	shift
	if "$@" > "$TMP/out" 2> "$TMP/err"; then
		result 0 "$name"
	else
		sed 's/^/# /' "$TMP/out" "$TMP/err"
		result 1 "$name"
	fi
}

# refused NAME CODE PATTERN COMMAND...: exit code CODE, one sentence on stderr that
# matches PATTERN, nothing on stdout
refused()
{
	local name=$1 code=$2 pattern=$3 rc
	shift 3
	"$@" > "$TMP/out" 2> "$TMP/err" < /dev/null
	rc=$?
	if [ "$rc" -eq "$code" ] && grep -qE -e "$pattern" "$TMP/err" && [ ! -s "$TMP/out" ]; then
		result 0 "$name"
	else
		echo "# exit code $rc, wanted $code and /$pattern/"
		sed 's/^/# /' "$TMP/out" "$TMP/err"
		result 1 "$name"
	fi
}

# unchanged NAME FILE CODE PATTERN COMMAND...: refused, and not a bit of FILE differs
unchanged()
{
	local name=$1 file=$2 before
	shift 2
	before=$(sha256sum < "$file")
	refused "$name" "$@"
	[ "$before" = "$(sha256sum < "$file")" ]
	result $? "$name: nothing changed"
}

end()
{
	echo "# end of script"
}
