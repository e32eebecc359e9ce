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
	python3 -c "import json,sys; j = json.load(sys.stdin)['log']; print($1)"; }
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

before=$(sha256sum < "$DEV")
"$RAFTBLK" dump "$DEV" --records > /dev/null
[ "$before" = "$(sha256sum < "$DEV")" ]
result $? "dump changes nothing"
end
