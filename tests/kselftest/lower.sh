#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Lower devices of other kinds: no write-zeroes, large sectors, a device mapper target, too small.
# klog: ^device-mapper: core: CONFIG_IMA
# klog: ^raftblk0 \(vol\): node 1 on /dev/mapper/low: applied \d+, log \d+ to \d+, term \d+$
# klog: ^operation not supported error, dev loop0, sector \d+ op 0x9:\(WRITE_ZEROES\)
. ./lib.sh

MB=$((1 << 20))
noise $TMP/data $((4 * MB))

# Zeros over 1 MiB + 4096 to 3 MiB - 4096 of the noise by COMMAND.
gap()		# gap NAME COMMAND...
{
	_what=$1
	shift
	must put $TMP/data 0
	check "$_what" "$@" -o $((MB + 4096)) -l $((2 * MB - 8192)) "$BD"
	soon "$_what: in place" ckpt_reaches vol
	check "$_what: zeros" zeros $((MB + 4096)) $((2 * MB - 8192))
	check "$_what: before" same $TMP/data 0 0 $((MB + 4096))
	check "$_what: behind" same $TMP/data $((3 * MB - 4096)) $((3 * MB - 4096)) $((MB + 4096))
}
again()		# again NAME DEV: down, up, the same
{
	sum=$(digest)
	must raftblk down vol
	up "$2" vol
	is "$1: the same after down and up" "$(digest)" "$sum"
}
new_loop()	# new_loop WHAT: the volume on a loop device that was not asked anything
{
	must raftblk down vol
	must losetup -d "$loop"
	must losetup -b 4096 "$loop" $TMP/image
	check "$1: the device does not say yet" test "$(queue write_zeroes_max_bytes "$loop")" -gt 0
	up "$loop" vol
}

# A RAM disk can do nothing but read and write.
must modprobe brd rd_nr=1 rd_size=16384
create vol /dev/ram0 --log-size 4M
is "no write-zeroes below: no discard" "$(queue discard_max_hw_bytes)" 0
is "but write-zeroes" "$(queue write_zeroes_max_bytes)" $((256 << 20))
fails "discard" "not supported" blkdiscard -f "$BD"
gap "zeroes by pages" blkdiscard -fz
again "RAM disk" /dev/ram0
must raftblk down vol

# Sectors of 4 KiB, and one that says only when asked that it cannot zero.  Newer kernels'
# loop devices remember that they were asked, so each question is for a new one.
must modprobe loop
io noise $TMP/image $((16 * MB))
loop=$(losetup -f)
must losetup -b 4096 "$loop" $TMP/image
fails "512 on a device of 4096" "sectors" raftblk create vol "$loop" --addr 127.0.0.1 \
	--block-size 512 --force
create vol "$loop" --log-size 4M
is "4096 on a device of 4096" "$(queue logical_block_size)" 4096
check "old data reads as zeros" zeros 0 $((8 * MB))
new_loop "discard"
gap "discard that the device refuses" blkdiscard -f
new_loop "zeroes"
gap "zeroes that it refuses" blkdiscard -fz
again "large sectors" "$loop"
must raftblk down vol
must losetup -d "$loop"
must losetup -b 512 "$loop" $TMP/image
up "$loop" vol
is "the same as a device of 512" "$(digest)" "$sum"
must raftblk down vol
must losetup -d "$loop"

# Moved to a device that is smaller, or none.
truncate -s 14M $TMP/image
must losetup "$loop" $TMP/image
fails "up on a smaller device" "smaller than its superblock says" raftblk up "$loop"
must losetup -d "$loop"
fails "up on nothing" "No such file" raftblk up /dev/nothing
fails "up on what is not a device" "not a block device" raftblk up $TMP/image

# Through another driver, and not aligned to anything.
must modprobe dm_mod
must dmsetup create low --table "0 $((16 * 2048)) linear /dev/vda 2049"
must dmsetup mknodes
create vol /dev/mapper/low --log-size 4M
check "data through the device mapper" put $TMP/data 4096
again "device mapper" /dev/mapper/low
check "with the data" same $TMP/data 4096
must raftblk down vol
must blockdev --setro /dev/mapper/low
fails "up on a device that is read-only" "cannot be written" raftblk up /dev/mapper/low
must blockdev --setrw /dev/mapper/low
end
