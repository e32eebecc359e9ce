#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# dump --records: logs made by hand, sound and damaged.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

DEV=$TMP/dev
truncate -s 64M "$DEV"
"$RAFTBLK" create vol0 "$DEV" --addr 127.0.0.1 --no-up
cp --sparse=always "$DEV" "$TMP/empty"

# make RECORDS...: as mkring.c says
make_ring()
{
	cp --sparse=always "$TMP/empty" "$DEV"
	"$O/userspace/mkring" "$DEV" "$@"
}
log() { "$RAFTBLK" dump "$DEV" --records --json 2> "$TMP/err" |
	python3 -c "import json,sys; top = json.load(sys.stdin); j = top['log']; print($1)"; }
is() { [ "$(log "$1")" = "$2" ] || { echo "# $1: $(log "$1"), wanted $2"; false; }; }
poke() { printf '\xff\xfe' | dd of="$DEV" bs=1 seek="$1" conv=notrunc status=none; }
RING=$((2048 * 512))

make_ring 1:1:0:0 2:3:8:0 5:1:16:0
check "three records" is 'j["records"]' 3
check "last entry" is 'j["last_index"]' 5
check "what ends it" is 'j["ends"]' "there is no record behind it"
check "entries" is '[len(r["entries"]) for r in j["list"]]' "[1, 3, 1]"
check "nothing wrong" "$RAFTBLK" dump "$DEV"
check "text" "$RAFTBLK" dump "$DEV" --records
grep -qE '^    4  term 1  write   sectors' "$TMP/out"
result $? "text lists entries"

make_ring 1:4:8:0 3:1:8:0
check "a record that replaces a suffix" is '[r["replaces"] for r in j["list"]]' "[False, True]"
check "the log is shorter afterwards" is 'j["last_index"]' 3

# A header is one sector here, so record 2 begins at sector 1.
make_ring 1:1:0:0 2:1:8:0
poke $((RING + 512 + 40))
check "a torn header" is '(j["last_index"], j["corrupt_index"])' "(1, 0)"
check "is what ends the log" is 'j["ends"]' "the header of the record behind it is torn or rotten"
check "and no loss" "$RAFTBLK" dump "$DEV"

make_ring 1:1:0:0 2:1:8:0
poke $((RING + 1024 + 100))
check "a torn payload" is '(j["last_index"], j["corrupt_index"])' "(1, 0)"
check "is no loss either" "$RAFTBLK" dump "$DEV"

make_ring 1:1:8:0 2:1:8:1 3:1:8:2
poke $((RING + 9 * 512 + 40))
check "damage among what was being written is a torn tail" "$RAFTBLK" dump "$DEV"
check "behind it nothing counts" is 'j["last_index"]' 1

lost()		# lost NAME INDEX
{
	"$RAFTBLK" dump "$DEV" > /dev/null 2> "$TMP/err"
	[ $? -eq 1 ] && grep -q "entry $2 was durable and is lost here" "$TMP/err"
	result $? "$1"
}
make_ring 1:1:8:0 2:1:8:0 3:1:8:0
poke $((RING + 9 * 512 + 40))
lost "damage below a record that was written later is corruption" 2
make_ring --durable 2 1:1:8:0 2:1:8:1 3:1:8:2
poke $((RING + 9 * 512 + 40))
lost "damage below what the checkpoint knew durable is corruption" 2

make_ring --wrap 1:1:0:0 2:3:64:0 5:1:8:0
check "a record over the end of the ring" is '(j["records"], j["last_index"])' "(3, 5)"
check "is listed" is '[len(r["entries"]) for r in j["list"]]' "[1, 3, 1]"

# The version map: 46 MiB of data in extents of 64 KiB are 736, so 2 blocks.
"$RAFTBLK" create vol0 "$DEV" --addr 127.0.0.1 --no-up --force --log-size 16M --extent-size 64K
cp --sparse=always "$DEV" "$TMP/empty"
map() { log "[top['version_map'][k] for k in ('blocks', 'written_blocks', 'extents',
	'changed_extents', 'vague_extents', 'newest')]"; }
map_is() { [ "$(map)" = "$1" ] || { echo "# $(map), wanted $1"; false; }; }
make_ring 1:1:8:0
check "a blank map" map_is "[2, 0, 736, 0, 0, 0]"
"$RAFTBLK" dump "$DEV" | grep -qx 'version map: 0 of 2 blocks written; none of 736 extents changed'
result $? "text says that it is"
make_ring --map 3:5 --map 4:7 --map 735:6 1:1:8:0
check "a map with changes" map_is "[2, 2, 736, 3, 0, 7]"
check "the checkpoint counts on it" log "top['checkpoints'][0]['vmap']"
check "nothing wrong with it" "$RAFTBLK" dump "$DEV"
grep -qx 'version map: 2 of 2 blocks written; 3 of 736 extents changed, the last by entry 7' "$TMP/out"
result $? "text sums it up"
versions() { "$RAFTBLK" dump "$DEV" --map --json |
	python3 -c 'import json, sys; print(json.load(sys.stdin)["version_map"]["versions"])'; }
versions_are() { [ "$(versions)" = "$1" ] || { echo "# $(versions), wanted $1"; false; }; }
check "extent by extent if asked for" versions_are "[[3, 1, 5], [4, 1, 7], [735, 1, 6]]"
"$RAFTBLK" dump "$DEV" --map | grep -qx '  extents 735+1: entry 6'
result $? "in the text as well"
MAP=$(($(log "top['super']['vmap_start']") * 512))
poke $((MAP + 100))
check "a torn block leaves the one before" map_is "[2, 2, 736, 2, 504, 6]"
check "which is no damage" "$RAFTBLK" dump "$DEV"
poke $((MAP + 4096 + 100))
check "without that one all may have changed" map_is "[2, 1, 736, 1, 504, 6]"

before=$(sha256sum < "$DEV")
"$RAFTBLK" dump "$DEV" --records > /dev/null
[ "$before" = "$(sha256sum < "$DEV")" ]
result $? "dump changes nothing"
end
