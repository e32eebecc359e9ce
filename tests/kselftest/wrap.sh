#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Several times the log's size: it wraps, the checkpoint moves, the data is right.
. ./lib.sh

MB=$((1 << 20))
create vol /dev/vda --log-size 4M --size 16M
LOG=$(status vol log_size)
is "log size" "$LOG" $((4 * MB))
noise $TMP/data $((16 * MB))
before=$(state vol checkpoints)

again()
{
	for _ in 1 2; do
		put $TMP/data 0 || return 1
	done
}
check "eight times the log" again
check "the data" same $TMP/data 0
written=$(state vol log_writes)
[ "${written#* }" -gt $((8 * LOG)) ]
result $? "went through the log: ${written#* } bytes"
[ $(($(state vol checkpoints) - before)) -ge 8 ]
result $? "with a checkpoint for each turn: $(($(state vol checkpoints) - before))"
first=$(state vol log)
[ "${first% *}" -gt 1 ]
result $? "the log does not reach back to its beginning: ${first% *}"
soon "idle: a checkpoint of everything" ckpt_reaches vol
is "idle: nothing in use" "$(state vol usage)" 0
must raftblk down vol
up /dev/vda vol
check "the data after down and up" same $TMP/data 0

# Small ones: the table of entries turns as well.
entries=$(status vol last)
check "4 KiB each, in places all over" fio --name=small --filename="$BD" --thread --direct=1 \
	--rw=randwrite --bs=4k --size=4m --offset=8m --randseed=3 --verify=crc32c --do_verify=1 \
	--verify_fatal=1 --verify_state_save=0 --ioengine=libaio --iodepth=32 --output-format=terse
[ $(($(status vol last) - entries)) -ge 1024 ]
result $? "1024 entries more"
check "the rest is as it was" same $TMP/data 0 0 $((8 * MB))
sum=$(digest)

# Again and again from where the log stands, whatever is in the ring from before.
turns()
{
	for _n in 1 2 3 4 5 6; do
		put $TMP/data 0 $((_n * 4096)) $((_n * 300 * 4096)) && raftblk down vol &&
			raftblk up /dev/vda &&
			same $TMP/data 0 $((_n * 4096)) $((_n * 300 * 4096)) || return 1
	done
}
check "written, down, up, six times" turns
must put $TMP/data 0 0 $((8 * MB))
is "all of it" "$(digest)" "$sum"
end
