#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Discard and write-zeroes: zeros for ever, neighbours as they were.
. ./lib.sh

MB=$((1 << 20))

# Bytes 1 MiB + 512 to 3 MiB - 512 of the noise become zeros by COMMAND.
gap()		# gap NAME COMMAND...
{
	_what=$1
	shift
	must put $TMP/data 0
	check "$_what" "$@" -o $((MB + 512)) -l $((2 * MB - 1024)) "$BD"
	hole "$_what: at once"
	soon "$_what: applied" ckpt_reaches vol
	hole "$_what: in place"
	must raftblk down vol
	up /dev/vda vol
	hole "$_what: after down and up"
}
hole()		# hole NAME
{
	check "$1, zeros" zeros $((MB + 512)) $((2 * MB - 1024))
	check "$1, neighbour before" same $TMP/data 0 0 $((MB + 512))
	check "$1, neighbour behind" same $TMP/data $((3 * MB - 512)) $((3 * MB - 512)) $((MB + 512))
	check "$1, one read over all of it" same $TMP/holed 0
}

create vol /dev/vda --block-size 512 --log-size 8M
noise $TMP/data $((4 * MB))
cp $TMP/data $TMP/holed
dd if=/dev/zero of=$TMP/zeros bs=$((2 * MB - 1024)) count=1 status=none
put $TMP/zeros $((MB + 512)) 0 $((2 * MB - 1024)) $TMP/holed
gap "discard" blkdiscard -f
gap "write-zeroes" blkdiscard -fz

check "zeroes by fallocate" fallocate -z -n -o 512 -l 1024 "$BD"
check "are zeros" zeros 512 1024
check "a hole by fallocate" fallocate -p -n -o 4096 -l 4096 "$BD"
check "is zeros" zeros 4096 4096

# Not data: no more room in the log than a record's header.
bytes() { _w=$(state vol log_writes); echo "${_w#* }"; }
must put $TMP/data 0
before=$(bytes) count=$(state vol discards)
check "discard of all" blkdiscard -f "$BD"
[ $(($(bytes) - before)) -lt 65536 ]
result $? "takes no room in the log"
[ "$(state vol discards)" != "$count" ]
result $? "is counted"
check "reads as zeros" zeros 0 $((4 * MB))

# Whatever waits to be applied: the later one wins.
order()
{
	for _ in 1 2 3 4 5; do
		put $TMP/data 0 0 65536 && blkdiscard -f -o 4096 -l 8192 "$BD" &&
			put $TMP/data 8192 8192 4096 || return 1
	done
}
ordered()
{
	check "$1: in front" same $TMP/data 0 0 4096
	check "$1: discarded after the write" zeros 4096 4096
	check "$1: written after the discard" same $TMP/data 8192 8192 57344
}
check "writes and discards in turn" order
ordered "at once"
soon "applied" ckpt_reaches vol
ordered "in place"

# Buffered pages over a discarded range go as well.
must dd if=$TMP/data of="$BD" bs=64k count=1 conv=notrunc,fsync status=none
must blkdiscard -f -o 0 -l 65536 "$BD"
dd if="$BD" bs=64k count=1 status=none > $TMP/got
check "zeros through the page cache" zeros 0 65536 $TMP/got
end
