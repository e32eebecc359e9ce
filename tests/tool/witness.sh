#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A witness's device: as 'join' lays it out, and what else is done with it.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

DEV=$TMP/dev
witness() { "$O/userspace/mkwitness" "$DEV" "$@"; }
field() { "$RAFTBLK" dump "$DEV" --json 2>/dev/null | python3 -c "
import json, sys
j = json.load(sys.stdin)
s = j['super']
print($1)"; }
is() { [ "$(field "$1")" = "$2" ] || { echo "# $1: $(field "$1"), wanted $2"; false; }; }
fresh() { rm -f "$DEV"; truncate -s "$1" "$DEV"; }

# Old data stays: there is no area of which users could see it.  But what is known by its
# place is gone.
head -c 24M /dev/urandom > "$DEV"
cp "$DEV" "$TMP/old"
check "a witness" witness 16M
check "no data area" is '(s["data_sectors"], s["vmap_start"])' "(0, 0)"
check "the volume's sizes" is '(s["volume_sectors"], s["block_size"], s["extent_sectors"])' \
	"(49152, 4096, 8192)"
check "all the rest is log" is '(s["ring_start"], s["ring_sectors"])' "(2048, $((23 * 2048)))"
check "a checkpoint with the membership" \
	is '[m["flags"] for m in j["checkpoints"][0]["config"]["members"]]' \
	"[['old', 'new'], ['old', 'new'], ['old', 'new', 'witness']]"
check "a map of nothing counts" is '(j["checkpoints"][0]["vmap"], "version_map" in j)' "(True, False)"
cmp -s <(dd if="$DEV" bs=1M skip=1 count=22 status=none) \
	<(dd if="$TMP/old" bs=1M skip=1 count=22 status=none)
result $? "the log is left as it was"
cmp -s <(tail -c 1M "$DEV") <(head -c 1M /dev/zero)
result $? "the end, where others keep a second superblock, is zeros"
check "dump finds nothing wrong" "$RAFTBLK" dump "$DEV" --records
check "probe knows it" "$RAFTBLK" probe "$DEV"
grep -qx 'RAFTBLK_NODE=3' "$TMP/out"
result $? "as node 3"
unchanged "create over it" "$DEV" 1 "member of raftblk volume 'vol0' \(node 3\)" \
	"$RAFTBLK" create vol1 "$DEV" --addr 127.0.0.1 --no-up
check "a log on it" "$O/userspace/mkring" "$DEV" 1:1:0:0 2:3:64:0
check "is read" is '(j["log"]["records"], j["log"]["last_index"])' "(2, 4)"
check "wipe" "$RAFTBLK" wipe "$DEV" --yes
refused "frees it" 1 "not a member" "$RAFTBLK" dump "$DEV"

# Sizes.  The largest log that create chooses is 512 MiB.
fresh 256M
check "256 MiB are enough for the log of any volume" witness 512M
check "most of it is log" is 's["ring_sectors"] // 2048' 255
check "with its entries in memory" is 's["max_entries"]' 32768
fresh 256M
unchanged "but not for a larger one" "$DEV" 1 \
	"too small: it has 256 MiB, and a witness needs half .* 257 MiB" witness 514M
fresh 5M
check "the least" witness 10M
fresh 4M
unchanged "less than that" "$DEV" 1 "too small: it has 4 MiB, and 5 MiB are needed" witness 4M
fresh 1T
check "a large device" witness 64M
check "is not all log: it is read at each start" is 's["ring_sectors"] // 2048' 1024
fresh 1T
check "nor does it have less than the volume has" witness 4G
check "if that is more" is 's["ring_sectors"] // 2048' 4096
end
