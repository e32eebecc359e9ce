#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Reads go past the worker where it would have nothing to say about them, and only there.
. ./lib.sh

create vol /dev/vda --size 8M --log-size 4M
noise $TMP/data 262144
must put $TMP/data 0
soon "quiet" ckpt_reaches vol

first() { _f=$(state vol "$1"); echo "${_f% *}"; }
read_all() { must dd if="$BD" of=$TMP/got bs=4k count=64 iflag=direct status=none; }

read_all	# the first of them renews the lease
direct=$(first direct_reads)
reads=$(first reads)
read_all
[ "$(first direct_reads)" -gt "$direct" ]
result $? "some go past the worker"
is "all are counted" "$(first reads)" $((reads + 64))
check "they read what is there" cmp $TMP/got $TMP/data

# What was written just now may not be applied yet.
noise $TMP/other 262144 7
must put $TMP/other 0
read_all
check "after a write" cmp $TMP/got $TMP/other

must raftblk set vol read-mode=quorum
direct=$(first direct_reads)
read_all
is "none that a majority has to confirm" "$(first direct_reads)" "$direct"
check "the same" cmp $TMP/got $TMP/other
end
