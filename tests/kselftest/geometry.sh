#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Size, block sizes and queue limits are those asked for and those promised.
. ./lib.sh

limits()	# limits BLOCK
{
	is "$1: logical block" "$(queue logical_block_size)" "$1"
	is "$1: as ioctl" "$(blockdev --getss "$BD")" "$1"
	[ "$(queue physical_block_size)" -ge "$1" ]
	result $? "$1: physical block"
	is "$1: smallest I/O" "$(queue minimum_io_size)" "$(queue physical_block_size)"
	is "$1: size" "$(size)" $((24 << 20))
	is "$1: size in status" "$(status vol size)" $((24 << 20))
	is "$1: largest request" "$(queue max_hw_sectors_kb)" 1024
	is "$1: used in full" "$(queue max_sectors_kb)" 1024
	is "$1: segments" "$(queue max_segments)" 256
	is "$1: largest discard" "$(queue discard_max_hw_bytes)" $((256 << 20))
	is "$1: discard granularity" "$(queue discard_granularity)" "$1"
	is "$1: largest write-zeroes" "$(queue write_zeroes_max_bytes)" $((256 << 20))
	is "$1: write cache" "$(queue write_cache)" "write through"
	is "$1: fua" "$(queue fua)" 0
	is "$1: rotational" "$(queue rotational)" 0
	is "$1: entropy" "$(queue add_random)" 0
	is "$1: zones" "$(queue zoned)" none
	is "$1: getgeo" "$(io geo "$BD")" "64 32 24"
}

noise $TMP/data 8192
create vol /dev/vda --size 24M --block-size 512
limits 512
check "512: a write of one sector" put $TMP/data 512 0 512
check "512: it is there" same $TMP/data 512 0 512
fails "512: a write of half a sector" "Invalid argument" put $TMP/data 512 0 256
must raftblk down vol

must raftblk wipe /dev/vda --yes
create vol /dev/vda --size 24M --block-size 4096
limits 4096
check "4096: a write of one block" put $TMP/data 4096 0 4096
check "4096: it is there" same $TMP/data 4096 0 4096
fails "4096: a write of one sector" "Invalid argument" put $TMP/data 4096 0 512
fails "4096: a write at one sector" "Invalid argument" put $TMP/data 512 0 4096
must raftblk down vol

must raftblk wipe /dev/vda --yes
create vol /dev/vda --log-size 8M
is "4096 by default" "$(queue logical_block_size)" 4096
size=$(size)
[ "$size" -gt $((53 << 20)) ] && [ "$size" -le $((55 << 20)) ]
result $? "the device less log and map: $size"
check "the last block" put $TMP/data $((size - 4096)) 0 4096
check "reads back" same $TMP/data $((size - 4096)) 0 4096
fails "behind the end" "No space left on device" put $TMP/data "$size" 0 4096
end
