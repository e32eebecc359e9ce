#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Sectors of 4 KiB on a device that wants pieces of a request to begin at page boundaries (NVMe).
. ./lib.sh

LOW=/sys/kernel/config/nullb/nullb0
MB=$((1 << 20))

modprobe null_blk nr_devices=0 2> /dev/null || skip_all "no null_blk"
[ -d /sys/kernel/config/nullb ] || must mount -t configfs configfs /sys/kernel/config
must mkdir $LOW
[ -e $LOW/virt_boundary ] || skip_all "null_blk has no virt_boundary"
set_low() { echo "$2" > "$LOW/$1"; }
must set_low size 48
must set_low blocksize 4096
must set_low virt_boundary 1
must set_low memory_backed 1
must set_low power 1
dev=/dev/nullb0

fails "a volume with smaller blocks" "has sectors of 4096 bytes" \
	raftblk create vol "$dev" --addr 127.0.0.1 --block-size 512
create vol "$dev" --block-size 4096 --log-size 8M --size 16M
is "sectors of the device" "$(cat "/sys/block/${dev#/dev/}/queue/logical_block_size")" 4096
is "and of the volume" "$(queue logical_block_size)" 4096
noise $TMP/noise $((8 * MB))
truncate -s "$(size)" $TMP/model

both()		# both BLOCK BLOCKS: to the volume and to the file it is compared with
{
	put $TMP/noise $(($1 * 4096)) $(($1 * 28672 % (3 * MB))) $(($2 * 4096)) &&
		put $TMP/noise $(($1 * 4096)) $(($1 * 28672 % (3 * MB))) $(($2 * 4096)) $TMP/model
}
writes()	# writes BLOCKS...: of so many blocks each, twice
{
	for _n; do
		both $((_n * 1313 % 3000)) "$_n" && both $(((_n * 719 + 5) % 3000)) "$_n" || return 1
	done
}
small() { writes 1 2 3 5 7 13 31 63 64 65; }
whole() { [ "$(digest)" = "$(digest $TMP/model)" ]; }

# A member's admission is an entry of 1.5 KiB, so the record is padded to the sector.
check "a member is let in" invite vol 127.0.0.2
is "and is in the log" "$(status vol last)" "$(status vol durable)"
check "writes of 1 to 65 blocks" small
check "another member" invite vol 127.0.0.3
check "read at once" whole
must raftblk down vol
up "$dev" vol
check "after a down without a pause" whole

noise $TMP/noise $((8 * MB)) 1
check "a third member" invite vol 127.0.0.4
check "other data in the same places" small
soon "applied, and a checkpoint" ckpt_reaches vol
check "read from its place" whole
must raftblk down vol
up "$dev" vol
check "after down and up" whole

check "more than the log holds" writes 127 255 256 257 511 1023
check "read back" whole
is "no errors" "$(state vol errors)" 0
must raftblk down vol
check "the log reads well" raftblk dump "$dev"
up "$dev" vol
check "and the data" whole
end
