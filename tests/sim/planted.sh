#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Each planted fault has to be found by the checks.  With ORACLE=1 it is also said which
# of them the oracle finds alone, in a third of the seeds; that takes most of the time.
# usage: planted.sh BUILD-DIR SEEDS JOBS FAULT...
dir=$1 seeds=$2 jobs=$3
shift 3
n=1
failed=0
echo "1..$(($# + 1))"
# A crash of the simulator itself is a failure as well, and says so.
if out=$("$dir/raftblk-sim" --seeds 1000000 -j "$jobs" --dies 2); then
	echo "not ok 1 - a worker that crashed is not noticed"
	failed=1
elif echo "$out" | grep -q '^# seed 2: killed by signal 6'; then
	echo "ok 1 - a worker that crashes is noticed"
else
	echo "not ok 1 - a worker that crashed is not named"
	failed=1
fi
for fault; do
	n=$((n + 1))
	if out=$("$dir/$fault/raftblk-sim" --seeds "$seeds" -j "$jobs" --expect-bad); then
		echo "ok $n - planted $fault is found"
	else
		echo "not ok $n - planted $fault is not found in $seeds seeds"
		failed=$((failed + 1))
	fi
	echo "$out" | grep '^# seed' | sed 's/^/  /'
	[ -n "${ORACLE:-}" ] || continue
	if out=$("$dir/$fault/raftblk-sim" --seeds $((seeds / 3)) -j "$jobs" --expect-bad --blackbox); then
		echo "$out" | grep '^# seed' | sed 's/^# /  # by the oracle alone: /'
	else
		echo "  # by the oracle alone: not in $((seeds / 3)) seeds"
	fi
done
exit $((failed > 0))
