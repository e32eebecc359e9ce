#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# create, dump, probe and wipe, on files that stand for devices.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

DEV=$TMP/dev
ADDR=127.0.0.1:7000
create() { "$RAFTBLK" create vol0 "$DEV" --addr $ADDR --no-up "$@"; }
field() { "$RAFTBLK" dump "$DEV" --json 2>/dev/null | python3 -c "
import json, sys
j = json.load(sys.stdin)
print($1)"; }
is() { [ "$(field "$1")" = "$2" ] || { echo "# $1: $(field "$1"), wanted $2"; false; }; }
fresh() { rm -f "$DEV"; truncate -s "$1" "$DEV"; }
# poke OFFSET: change a byte
poke() { printf '\xff\xfe' | dd of="$DEV" bs=1 seek="$1" conv=notrunc status=none; }

refused "a device that is not there" 1 "No such file" "$RAFTBLK" dump "$TMP/none"
refused "a directory" 1 "not a block device" "$RAFTBLK" dump "$TMP"
fresh 64M
RAFTBLK_ALLOW_FILE="" refused "an empty answer allows files, too" 1 "not a member" \
	"$RAFTBLK" dump "$DEV"
unchanged "a plain file is no device" "$DEV" 1 "not a block device" \
	env -u RAFTBLK_ALLOW_FILE "$RAFTBLK" create vol0 "$DEV" --addr $ADDR --no-up
refused "dump of what is no member" 1 "not a member" "$RAFTBLK" dump "$DEV"
unchanged "wipe of what is no member" "$DEV" 1 "not a member" "$RAFTBLK" wipe "$DEV" --yes
"$RAFTBLK" probe "$DEV" > "$TMP/out" 2>&1
[ $? -eq 1 ] && [ ! -s "$TMP/out" ]
result $? "probe of what is no member says nothing"

# Old data in the data area must be gone: a block never written reads as zeros.
head -c 64M /dev/urandom > "$DEV"
check "create over old data" create
start=$(field 'j["super"]["data_start"]') count=$(field 'j["super"]["data_sectors"]')
cmp -s <(dd if="$DEV" bs=512 skip="$start" count="$count" status=none) \
	<(head -c $((count * 512)) /dev/zero)
result $? "the data area is zeros"
[ $(((start + count) * 512)) -le $((64 << 20)) ]
result $? "the data area ends on the device"
# map_is_blank: the version map and all up to the data area
map_is_blank()
{
	local map data
	map=$(field 'j["super"]["vmap_start"]') data=$(field 'j["super"]["data_start"]')
	[ "$map" -gt 0 ] &&
		cmp -s <(dd if="$DEV" bs=512 skip="$map" count=$((data - map)) status=none) \
			<(head -c $(((data - map) * 512)) /dev/zero)
}
check "the version map is zeros" map_is_blank
head -c 64M /dev/urandom > "$DEV"
check "create --assume-zero" create --assume-zero
! cmp -s <(dd if="$DEV" bs=512 skip="$start" count="$count" status=none) \
	<(head -c $((count * 512)) /dev/zero)
result $? "the data area is left alone"
check "the version map is zeros all the same" map_is_blank

check "a member's device is well" "$RAFTBLK" dump "$DEV"
check "name" is 'j["super"]["name"]' vol0
check "address" is 'j["super"]["listen"]' $ADDR
check "one voter" is '[(m["id"], m["flags"]) for m in j["checkpoints"][0]["config"]["members"]]' \
	"[(1, ['old', 'new'])]"
check "block size" is 'j["super"]["block_size"]' 4096
check "empty log" is 'j["log"]["records"]' 0
check "nothing applied" is 'j["checkpoints"][0]["applied_index"]' 0
check "the configuration names this disk" \
	is 'j["super"]["incarnation"] == j["checkpoints"][0]["config"]["members"][0]["incarnation"]' True
key=$(dd if="$DEV" bs=1 skip=64 count=32 status=none | od -An -v -tx1 | tr -d ' \n')
[ ${#key} -eq 64 ] && [ "$key" != "$(printf '0%.0s' {1..64})" ]
result $? "there is a key"
"$RAFTBLK" dump "$DEV" --records > "$TMP/text" 2>&1
"$RAFTBLK" dump "$DEV" --records --json > "$TMP/json" 2>&1
! grep -qi "$key" "$TMP/text" "$TMP/json"
result $? "it is not shown"
check "probe of a member" "$RAFTBLK" probe "$DEV"
grep -qx 'ID_FS_TYPE=raftblk_member' "$TMP/out" && grep -qx 'RAFTBLK_NAME=vol0' "$TMP/out"
result $? "probe names it"

unchanged "create over a member" "$DEV" 1 "member of raftblk volume 'vol0'" create
old=$(field 'j["super"]["uuid"]')
check "create --force over a member" create --force
[ "$old" != "$(field 'j["super"]["uuid"]')" ]
result $? "it is another volume"

# One copy rotten: usable, and said so.  Both: neither usable nor taken for blank.
fresh 64M; create
poke 200
"$RAFTBLK" dump "$DEV" > "$TMP/out" 2> "$TMP/err"
[ $? -eq 1 ] && grep -q 'superblock A: superblock: checksum mismatch' "$TMP/out" &&
	grep -q 'superblock B: good' "$TMP/out"
result $? "dump with a rotten superblock A"
check "probe with a rotten superblock A" "$RAFTBLK" probe "$DEV"
poke 4296
"$RAFTBLK" dump "$DEV" > "$TMP/out" 2> "$TMP/err"
[ $? -eq 1 ] && grep -q 'checksum mismatch' "$TMP/err"
result $? "dump with both superblocks rotten"
"$RAFTBLK" probe "$DEV" > "$TMP/out" 2>&1
[ $? -eq 1 ] && [ ! -s "$TMP/out" ]
result $? "probe with both superblocks rotten"
unchanged "create over two rotten superblocks" "$DEV" 1 "superblock that is not valid" create
check "wipe --yes with both superblocks rotten" "$RAFTBLK" wipe "$DEV" --yes
check "create after wipe" create

# A change writes one copy after the other: the second may be whole, and from before it.
dd if="$DEV" of="$TMP/b" bs=4096 skip=1 count=1 status=none
create --force
dd if="$TMP/b" of="$DEV" bs=4096 seek=1 count=1 conv=notrunc status=none
"$RAFTBLK" dump "$DEV" > "$TMP/out" 2> "$TMP/err"
[ $? -eq 1 ] && grep -q 'superblock A: good' "$TMP/out" &&
	grep -q 'superblock B: it is not what copy A says' "$TMP/out"
result $? "dump with a superblock B from before a change"

# Another version, with a right checksum, is refused as such.
python3 - "$DEV" <<'PY'
import sys
def crc32c(data):
    crc = 0xffffffff
    for b in data:
        crc ^= b
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff
with open(sys.argv[1], "r+b") as f:
    for at in (0, 4096):
        f.seek(at)
        b = bytearray(f.read(4096))
        b[12:16] = (99).to_bytes(4, "little")
        b[8:12] = bytes(4)
        b[8:12] = crc32c(b).to_bytes(4, "little")
        f.seek(at)
        f.write(b)
PY
"$RAFTBLK" dump "$DEV" > "$TMP/out" 2> "$TMP/err"
[ $? -eq 1 ] && grep -q 'unknown format version' "$TMP/err"
result $? "dump of a newer format"
unchanged "create over a newer format" "$DEV" 1 "unknown format version" create

fresh 64M; create
unchanged "wipe asks somebody" "$DEV" 1 "nobody to ask" "$RAFTBLK" wipe "$DEV"
poke $((16 * 512 + 40)); poke $((32 * 512 + 40))
"$RAFTBLK" dump "$DEV" > "$TMP/out" 2> "$TMP/err"
[ $? -eq 1 ] && grep -q 'checkpoint slot' "$TMP/err" &&
	grep -q 'vote slot A: empty or not valid' "$TMP/out"
result $? "dump with rotten slots"
check "wipe --yes" "$RAFTBLK" wipe "$DEV" --yes
cmp -s <(head -c 1M "$DEV") <(head -c 1M /dev/zero)
result $? "superblocks, slots and key are gone"

# Whose data it is
if command -v mkfs.ext4 > /dev/null; then
	fresh 64M
	mkfs.ext4 -q -L precious "$DEV"
	unchanged "create over a filesystem" "$DEV" 1 "data on it: ext4 'precious'; --force" create
	check "create --force over a filesystem" create --force
	! blkid -p "$DEV" > /dev/null 2>&1
	result $? "no trace of the filesystem"
else
	skip "create over a filesystem" "no mkfs.ext4"
fi
if command -v sfdisk > /dev/null; then
	fresh 64M
	printf 'label: gpt\n,\n' | sfdisk -q "$DEV" > /dev/null 2>&1
	unchanged "create over a partition table" "$DEV" 1 "data on it: .*gpt" create
	check "create --force over a partition table" create --force
	! blkid -p "$DEV" > /dev/null 2>&1
	result $? "no trace of the table, nor of its copy at the end"
else
	skip "create over a partition table" "no sfdisk"
fi

# Sizes
# The map lies behind the ring, has room for a volume 16 times as large, and the data area is aligned.
map_is_placed()
{
	field '[j["super"][k] for k in ("ring_start", "ring_sectors", "vmap_start", "data_start",
		"data_sectors", "extent_sectors")]' | python3 -c '
import json, sys
ring, nr, vmap, data, sectors, extent = json.load(sys.stdin)
extents = -(-sectors // extent)
assert vmap == ring + nr and vmap % 8 == 0, "not behind the ring"
assert vmap + -(-extents // 504) * 16 <= data, "too small"
assert data % 2048 == 0, "data area not aligned"
need = -(-16 * extents // 504) * 16	# for a volume that grows
assert need <= data - vmap < need + need // 64 + 2048, "not the room it is to have"
assert data + sectors <= int(sys.argv[1]) // 512, "beyond the device"
' "$(stat -c %s "$DEV")"
}
fresh 10M
check "the smallest device" create
check "4 MiB of data" is 'j["super"]["volume_sectors"]' 8192
check "and a map" map_is_placed
fresh $((10 * 1024 * 1024 - 512))
unchanged "one sector less" "$DEV" 1 "too small: .* 10 MiB are needed" create
fresh 1G
check "a device of 1 GiB" create --assume-zero
check "a sixteenth is log" is 'j["super"]["ring_sectors"] // 2048' 63
fresh 1T
check "a large device" create --assume-zero
check "the log has an upper limit" is 'j["super"]["ring_sectors"] // 2048' 512
check "entries in memory have one, too" is 'j["super"]["max_entries"]' 65536
check "most of it is data" is 'j["super"]["data_sectors"] * 512 > 1020 << 30' True
check "extents of 4 MiB" is 'j["super"]["extent_sectors"]' 8192
check "a map of 65 MiB" is '(j["super"]["data_start"] - j["super"]["vmap_start"]) // 2048' 65
check "in its place" map_is_placed
unchanged_head() { cmp -s <(head -c 1M "$DEV") "$TMP/head"; }
head -c 1M "$DEV" > "$TMP/head"
refused "extents too small for it" 2 "take 127 MiB of memory; 128 KiB are the least" \
	create --force --assume-zero --extent-size 64K
check "extents too small: nothing changed" unchanged_head
check "the smallest that are not" create --force --assume-zero --extent-size 128K
check "as asked for" is 'j["super"]["extent_sectors"]' 256
check "a map of 2080 MiB" is '(j["super"]["data_start"] - j["super"]["vmap_start"]) // 2048' 2080
check "it has its place, too" map_is_placed
fresh 8T
check "more than a million extents" create --assume-zero
check "are larger instead" is 'j["super"]["extent_sectors"]' 16384
check "with their map" map_is_placed
fresh 100M
check "sizes as asked for" create --size 50M --log-size 8M --block-size 512
check "volume" is 'j["super"]["volume_sectors"]' 102400
check "log" is 'j["super"]["ring_sectors"]' 16384
check "the data area is no larger" is 'j["super"]["data_sectors"]' 102400
check "blocks" is 'j["super"]["block_size"]' 512
fresh 100M
unchanged "a volume that does not fit" "$DEV" 1 "too small" create --size 100M
check "the log gives way to the volume" create --size 94M
check "to what is left" is 'j["super"]["ring_sectors"]' 8192
check "and to the map" map_is_placed
fresh 100M
unchanged "a volume that fits but for the map" "$DEV" 1 "too small: .* 101 MiB are needed" \
	create --size 95M
for size in 64K 1G; do
	fresh 64M
	check "extents of $size" create --extent-size $size
	check "extents of $size: map" map_is_placed
	check "extents of $size: blank" map_is_blank
done
fresh 100M
unchanged "a log that does not fit" "$DEV" 1 "too small" create --log-size 99M

# In use
fresh 64M; create
exec 9< "$DEV"
flock 9
unchanged "a device in use: create" "$DEV" 1 "in use" create --force
unchanged "a device in use: wipe" "$DEV" 1 "in use" "$RAFTBLK" wipe "$DEV" --yes
refused "a device in use: dump" 1 "in use" "$RAFTBLK" dump "$DEV"
exec 9<&-

# Interrupted: killed somewhere in the middle it is a whole member or none.
state=0 whole=0 none=0
for i in {1..40}; do
	fresh 24M
	"$RAFTBLK" create vol0 "$DEV" --addr $ADDR --no-up & pid=$!
	sleep "$(printf '0.%03d' $((i * 3)))"
	kill -9 $pid 2> /dev/null
	wait $pid 2> /dev/null
	if "$RAFTBLK" probe "$DEV" > /dev/null; then
		whole=$((whole + 1))
		# The second copy of the superblock is written after the first.
		"$RAFTBLK" dump "$DEV" > "$TMP/out" 2>&1
		grep -q 'it ends there because there is no record' "$TMP/out" || state=1
	else
		none=$((none + 1))
		"$RAFTBLK" dump "$DEV" 2>&1 | grep -q 'not a member' || state=1
	fi
done
echo "# $whole whole, $none none"
result $state "create killed at any moment leaves a whole member or none"
# A power cut cannot leave a superblock without what it describes.
in_order()
{
	strace -e trace=pwrite64,fsync -s 0 -o "$TMP/trace" "$RAFTBLK" create vol0 "$DEV" \
		--addr $ADDR --no-up --assume-zero &&
		python3 - "$TMP/trace" $(($(field 'j["super"]["vmap_start"]') * 512)) <<'PY'
import re, sys
steps = []
for line in open(sys.argv[1]):
    m = re.match(r'pwrite64\(\d+, .*, (\d+), (\d+)\)', line)
    if m or line.startswith("fsync"):
        steps.append(m and (int(m[2]), int(m[1])))
supers = [i for i, s in enumerate(steps) if s in ((0, 4096), (4096, 4096))]
zeroed = [i for i, s in enumerate(steps) if s == (int(sys.argv[2]), 1 << 20)]
assert len(supers) == 2 and len(zeroed) == 1, "not what was expected"
assert steps[supers[0] - 1] is None, "no flush before the superblock"
assert zeroed[0] < supers[0] - 1, "the map after it"
assert steps[-1] is None, "no flush at the end"
PY
}
if command -v strace > /dev/null && strace -o /dev/null true 2> /dev/null; then
	fresh 64M
	check "a superblock is written when all the rest is stable" in_order
else
	skip "a superblock is written when all the rest is stable" "no strace"
fi
fresh 256M; create
! (ulimit -f $((100 * 1024)); create --force) > /dev/null 2> "$TMP/err" &&
	"$RAFTBLK" dump "$DEV" 2>&1 | grep -q 'not a member'
result $? "create that fails half way leaves no member, not even the old one"
end
