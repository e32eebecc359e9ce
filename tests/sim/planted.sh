#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Each planted fault has to be found: by the checks, and what damages data also
# by the oracle alone, for which a third of the seeds has to do.
# usage: planted.sh BUILD-DIR SEEDS JOBS FAULT...
dir=$1 seeds=$2 jobs=$3
shift 3
n=0
failed=0
echo "1..$#"
for fault; do
	n=$((n + 1))
	if out=$("$dir/$fault/raftblk-sim" --seeds "$seeds" -j "$jobs" --expect-bad); then
		echo "ok $n - planted $fault is found"
	else
		echo "not ok $n - planted $fault is not found in $seeds seeds"
		failed=$((failed + 1))
	fi
	echo "$out" | grep '^# seed' | sed 's/^/  /'
	if out=$("$dir/$fault/raftblk-sim" --seeds $((seeds / 3)) -j "$jobs" --expect-bad --blackbox); then
		echo "$out" | grep '^# seed' | sed 's/^# /  # by the oracle alone: /'
	else
		echo "  # by the oracle alone: not in $((seeds / 3)) seeds"
	fi
done
exit $((failed > 0))
