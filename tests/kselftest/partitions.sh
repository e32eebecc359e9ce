#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Partitions: made, used, renewed and gone with their table, and back after down and up.
# klog: ^ raftblk0: p1 p2 p3$
. ./lib.sh

# table MIB...: an MBR with partitions of these sizes, one behind the other
table()
{
	_at=$((MB / $(queue logical_block_size))) _mbr=
	for _mib; do
		_n=$((_mib * MB / $(queue logical_block_size)))
		_mbr=$_mbr'\0\0\0\0\203\0\0\0'$(le32 $_at)$(le32 $_n)
		_at=$((_at + _n))
	done
	{
		head -c 446 /dev/zero
		# shellcheck disable=SC2059
		printf "$_mbr"
		head -c $((64 - 16 * $#)) /dev/zero
		printf '\125\252'
		head -c 3584 /dev/zero
	} > $TMP/mbr
	put $TMP/mbr 0
}
le32()
{
	for _shift in 0 8 16 24; do
		printf '\\%03o' $(($1 >> _shift & 255))
	done
}
nodes()		# nodes LIST: those, and their block devices
{
	_found=$(cd /sys/block/raftblk0 && echo raftblk0p*)
	[ "$_found" = "$1" ] || { echo "$_found"; return 1; }
	for _n in $1; do
		[ "$_n" = 'raftblk0p*' ] || [ -b "/dev/$_n" ] || return 1
	done
}
both() { nodes 'raftblk0p1 raftblk0p2'; }
none() { nodes 'raftblk0p*'; }
start() { cat "/sys/block/raftblk0/raftblk0p$1/start"; }

MB=$((1 << 20))
noise $TMP/one 65536
noise $TMP/two 65536
for block in 512 4096; do
	create vol /dev/vda --log-size 8M --block-size $block
	check "$block: none at first" none
	check "$block: a table" table 8 8
	soon "$block: two partitions" both
	check "$block: write to one" put $TMP/one 0 0 65536 /dev/raftblk0p1
	check "$block: write to the other" put $TMP/two 4096 0 4096 /dev/raftblk0p2
	check "$block: read from one" same $TMP/one 0 0 65536 /dev/raftblk0p1
	check "$block: in its place" same $TMP/one $(($(start 1) * 512))
	check "$block: the other's place" same $TMP/two $(($(start 2) * 512 + 4096)) 0 4096
	must raftblk down vol
	[ ! -e /dev/raftblk0p1 ]
	result $? "$block: gone with the volume"
	up /dev/vda vol
	soon "$block: back" both
	check "$block: with its data" same $TMP/one 0 0 65536 /dev/raftblk0p1

	exec 8< /dev/raftblk0p2
	fails "$block: down while a partition is open" "open" raftblk down vol
	fails "$block: BLKRRPART while a partition is open" "busy" blockdev --rereadpt "$BD"
	exec 8<&-
	check "$block: BLKRRPART" blockdev --rereadpt "$BD"
	check "$block: still two" both

	# Written like data, by somebody who tells nobody: looked at after the close.
	check "$block: another table" table 4 4 4
	soon "$block: three partitions" nodes 'raftblk0p1 raftblk0p2 raftblk0p3'
	check "$block: an empty one" table
	soon "$block: none" none
	if command -v sfdisk > /dev/null; then
		printf 'label: gpt\nsize=8MiB\nsize=8MiB\n' > $TMP/gpt
		check "$block: a GPT" sfdisk -q "$BD" < $TMP/gpt
		soon "$block: two partitions of it" both
		check "$block: gone when wiped" wipefs -qaf "$BD"
	else
		echo "# no sfdisk: no GPT"
	fi
	must raftblk down vol
	must raftblk wipe /dev/vda --yes
done
end
