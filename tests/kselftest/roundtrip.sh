#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What is written is read: odd sizes and offsets, across down, up, rmmod and insmod.
. ./lib.sh

create vol /dev/vda --block-size 512 --log-size 8M --size 12M
size=$(size)
noise $TMP/noise $((8 << 20))
truncate -s "$size" $TMP/model

# To the device and to the file that it is compared with.
both()		# both OFFSET SIZE
{
	_from=$(($1 * 7 % (4 << 20)))
	put $TMP/noise "$1" $_from "$2" && put $TMP/noise "$1" $_from "$2" $TMP/model
}
writes()
{
	for _n in 1 2 3 7 8 9 15 17 63 65 127 129 255 257 1023 1025 2047 2048 2049 4097; do
		both $((_n * 1313 % 20000 * 512)) $((_n * 512)) &&
			both $(((_n * 719 + 5) % 20000 * 512)) $((_n * 512)) || return 1
	done
}
whole() { [ "$(digest)" = "$(digest $TMP/model)" ]; }
pieces()	# read back in sizes other than those written
{
	for _n in 1 3 7 100 2050; do
		same $TMP/model $((5345 * 512)) $((5345 * 512)) $((_n * 512)) || return 1
	done
}

check "reads as zeros before" whole
check "40 writes of 1 to 4097 sectors" writes
check "read at once" whole
check "read in other pieces" pieces
soon "applied, and a checkpoint" ckpt_reaches vol
check "read from its place" whole
must raftblk down vol
up /dev/vda vol
check "after down and up" whole
check "in other pieces" pieces
must raftblk down vol
reload
up /dev/vda vol
check "after rmmod and insmod" whole

# Down before it has been applied: the log brings it back.
noise $TMP/noise $((8 << 20)) 1
check "other data in the same places" writes
must raftblk down vol
up /dev/vda vol
check "after a down without a pause" whole

# Buffered, in bytes.
for file in "$BD" $TMP/model; do
	printf 'seven b' | dd of="$file" bs=1 seek=1000003 conv=notrunc,fsync status=none
done
check "seven bytes in the middle of a sector" whole

# The counters know the size of requests.
count() { state vol writes; }
before=$(count)
must put $TMP/noise 0 0 $((1 << 20))
is "1 MiB is one write" "$(count)" "$((${before% *} + 1)) $((${before#* } + (1 << 20)))"
before=$(count)
must put $TMP/noise 0 0 $(((1 << 20) + 512))
is "a sector more is two" "$(count)" "$((${before% *} + 2)) $((${before#* } + (1 << 20) + 512))"
is "no errors" "$(state vol errors)" 0
end
