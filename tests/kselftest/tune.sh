#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Settings: they take effect on their own, and are forgotten with the volume going down.
. ./lib.sh

create vol /dev/vda --size 8M --log-size 4M
noise $TMP/data 65536
is "io-timeout at first" "$(status vol io_timeout)" 0
is "read-mode at first" "$(status vol quorum_reads)" false
check "io-timeout=30s" raftblk set vol io-timeout=30s
is "is set" "$(status vol io_timeout)" 30000
check "read-mode=quorum" raftblk set vol read-mode=quorum
is "is set, too" "$(status vol quorum_reads)" true
is "the other one has not changed" "$(status vol io_timeout)" 30000
is "rate-min at first" "$(status vol rate_min)" $((4 << 20))
is "rate-max at first" "$(status vol rate_max)" 0
check "both rates" raftblk set vol rate-min=1M rate-max=8M
is "rate-min" "$(status vol rate_min)" $((1 << 20))
is "rate-max" "$(status vol rate_max)" $((8 << 20))
fails "a least rate above the highest" "rate-min would be above rate-max" \
	raftblk set vol rate-min=9M io-timeout=1s
is "nothing has changed: rate-min" "$(status vol rate_min)" $((1 << 20))
is "nothing has changed: io-timeout" "$(status vol io_timeout)" 30000
check "at most less than the least" raftblk set vol rate-max=512K
is "takes that down" "$(status vol rate_min)" $((512 << 10))
check "no limit" raftblk set vol rate-max=none
is "none is 0" "$(status vol rate_max)" 0
check "a write" put $TMP/data 0
check "a read that a majority of one confirms" same $TMP/data 0
must raftblk down vol
up /dev/vda vol
is "forgotten: io-timeout" "$(status vol io_timeout)" 0
is "forgotten: read-mode" "$(status vol quorum_reads)" false
end
