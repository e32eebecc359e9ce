#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# dump --records: logs made by hand, sound and damaged.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

DEV=$TMP/dev
truncate -s 64M "$DEV"
"$RAFTBLK" create vol0 "$DEV" --addr 127.0.0.1 --no-up
cp --sparse=always "$DEV" "$TMP/empty"

# make RECORDS...: each "first nr payload_sectors known_durable"
make_ring()
{
	cp --sparse=always "$TMP/empty" "$DEV"
	"$O/userspace/mkring" "$DEV" "$@"
}
log() { "$RAFTBLK" dump "$DEV" --records --json 2> "$TMP/err" |
	python3 -c "import json,sys; j = json.load(sys.stdin)['log']; print($1)"; }
is() { [ "$(log "$1")" = "$2" ] || { echo "# $1: $(log "$1"), wanted $2"; false; }; }
poke() { printf '\xff\xfe' | dd of="$DEV" bs=1 seek="$1" conv=notrunc status=none; }
RING=$((2048 * 512))

make_ring 1:1:0:0 2:3:8:1 5:1:16:4
check "three records" is 'j["records"]' 3
check "last entry" is 'j["last_index"]' 5
check "what ends it" is 'j["ends"]' "no record here"
check "entries" is '[len(r["entries"]) for r in j["list"]]' "[1, 3, 1]"
check "no corruption" "$RAFTBLK" dump "$DEV"
check "text" "$RAFTBLK" dump "$DEV" --records
grep -qE '^    4  term 1  write   sectors' "$TMP/out"
result $? "text lists entries"

make_ring 1:4:8:0 3:1:8:2
check "a record that replaces a suffix" is '[r["replaces"] for r in j["list"]]' "[False, True]"
check "the log is shorter afterwards" is 'j["last_index"]' 3

# header of record 1 is 1 sector (48 + 72 bytes), so record 2 begins at sector 1
make_ring 1:1:0:0 2:1:8:1
poke $((RING + 512 + 40))
check "a torn tail" is '(j["last_index"], j["ends"])' \
	"(1, \"the record's header is torn or rotten\")"
check "a torn tail is no corruption" "$RAFTBLK" dump "$DEV"

make_ring 1:1:0:0 2:1:8:1
poke $((RING + 1024 + 100))
check "a payload that is torn" is '(j["last_index"], j["ends"])' \
	"(1, 'a payload is torn or rotten')"

make_ring 1:1:0:0 2:1:8:1 3:1:8:2 4:1:8:3
poke $((RING + 4096 + 1024 + 512 + 1024 + 100))
"$RAFTBLK" dump "$DEV" > /dev/null 2> "$TMP/err"
result $? "damage above what was durable is a torn tail"

make_ring --ckpt-durable 3 1:1:0:0 2:1:8:1 3:1:8:2
poke $((RING + 512 + 40))
"$RAFTBLK" dump "$DEV" > /dev/null 2> "$TMP/err"
[ $? -eq 1 ] && grep -q 'the log ends before an entry that was durable' "$TMP/err"
result $? "damage below what was durable is corruption"

make_ring --wrap 1:1:0:0 2:3:64:1 5:1:8:4
check "a record over the end of the ring" is '(j["records"], j["last_index"])' "(3, 5)"
end
