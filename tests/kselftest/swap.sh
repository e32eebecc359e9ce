#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Swap on a volume while memory is short: all goes on, and pages come back as they were.
# klog: ^Adding \d+k swap on /dev/raftblk0\.
. ./lib.sh

[ -e /proc/swaps ] || skip_all "no CONFIG_SWAP"

create vol /dev/vdd --log-size 16M --size 128M
SWAP=$BD
must mkswap "$SWAP"
check "swapon" swapon "$SWAP"
create other /dev/vda --log-size 8M --size 8M

# More than there is free memory, in files of tmpfs, which go to swap; and a writer
# to another volume meanwhile.
kb() { sed -n "s/^$1: *\([0-9]*\) kB/\1/p" /proc/meminfo; }
count=$((($(kb MemAvailable) + 16 * 1024) / 8192))
must mkdir $TMP/hog
must mount -t tmpfs -o size=90% none $TMP/hog
noise $TMP/data 65536
fill()
{
	for _n in $(seq "$count"); do
		noise "$TMP/hog/$_n" $((8 << 20)) "$_n" &&
			put $TMP/data $(((_n % 8) << 20)) || return 1
	done
}
# The oldest, which are swapped out; all would be read in and out again several times.
unchanged()
{
	for _n in 1 2; do
		io noisy "$TMP/hog/$_n" "$_n" || return 1
	done
}
written()
{
	for _n in 0 1 2 3 4 5 6 7; do
		same $TMP/data $((_n << 20)) || return 1
	done
}
check "$count files of 8 MiB, and writes" fill
swapped=$(($(kb SwapTotal) - $(kb SwapFree)))
[ "$swapped" -gt 4096 ]
result $? "swapped out: $swapped kB"
check "two files as they were" unchanged
check "the writes, too" written
must umount $TMP/hog
check "swapoff" swapoff "$SWAP"
end
