#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Rotten superblocks, slots and log records: mended, or refused with a sentence.
# klog: ^raftblk: /dev/vda: superblock (A does not read well, rewritten from B|B does not read well, rewritten from A)$
# klog: ^raftblk0 \(vol\): (flush on /dev/vda failed|the member has stopped): error 5$
# klog: ^raftblk0 \(vol\): the log is damaged at entry \d+: .*; does not stand for election before it has been fetched again$
. ./lib.sh

SUPER_A=0 SUPER_B=8 VOTE_A=16 VOTE_B=24 CKPT_A=32 CKPT_B=40
noise $TMP/noise 4096
rot()		# rot SECTOR...: each begins with noise now
{
	for _s; do
		must put $TMP/noise $((_s * 512)) 0 4096 /dev/vda
	done
}
keep() { must dd if=/dev/vda of=$TMP/kept bs=1M count=8 iflag=direct status=none; }
restore() { must dd if=$TMP/kept of=/dev/vda bs=1M oflag=direct conv=notrunc status=none; }
refused()	# refused NAME SENTENCE: up says so, and nothing on the disk changes
{
	_sum=$(digest /dev/vda)
	fails "$1" "$2" raftblk up /dev/vda
	is "$1: nothing changed" "$(digest /dev/vda)" "$_sum"
	restore
}
mended()	# mended NAME: up, with the data
{
	check "$1: up" raftblk up /dev/vda
	find_bd vol
	check "$1: the data is there" same $TMP/data 0
	must raftblk down vol
}

noise $TMP/data 65536
create vol /dev/vda --log-size 4M --size 8M
must put $TMP/data 0
soon "a checkpoint" ckpt_reaches vol
must raftblk down vol
keep

rot $SUPER_A
mended "superblock A rotten"
check "it is whole again" raftblk dump /dev/vda
rot $SUPER_B
mended "superblock B rotten"
check "it is whole again, too" raftblk dump /dev/vda
restore
# A later release's superblock is not a rotten one: to go on from the other copy would
# be to treat by old rules what was written by new ones.
must ./superver /dev/vda $SUPER_A 2
refused "superblock A of a later version" "unknown format version"
rot $SUPER_A
must ./superver /dev/vda $SUPER_B 2
refused "superblock A rotten, B of a later version" "unknown format version"
rot $SUPER_A $SUPER_B
refused "both superblocks rotten" "not a raftblk superblock"
rot $VOTE_A
mended "one vote rotten"
restore
rot $VOTE_B
mended "the other vote rotten"
restore
rot $VOTE_A $VOTE_B
refused "both votes rotten" "what this member promised is lost"
rot $CKPT_A $CKPT_B
refused "both checkpoints rotten" "neither checkpoint slot reads well"

# As after a crash: entries in the log above the last checkpoint.
up /dev/vda vol
soon "quiet" ckpt_reaches vol
inject vol flush 1
noise $TMP/more 65536 1
must put $TMP/more 65536
stopped() { [ "$(attr state)" = failed ]; }
soon "stopped before a checkpoint" stopped
must raftblk down vol
keep
must raftblk dump /dev/vda --records
ring=$(sed -n 's/^ *ring_start: //p' $TMP/.out)
write=$(sed -n '/record at/h; / write .*128+128 /{g; s/.* at \([0-9]*\):.*/\1/p}' $TMP/.out)
last=$(sed -n 's/.*record at \([0-9]*\):.*/\1/p' $TMP/.out | tail -n 1)

up /dev/vda vol
check "the log brings it back" same $TMP/more 65536
must raftblk down vol
restore

rot $((ring + last))
up /dev/vda vol
is "a torn tail is cut" "$(attr state)" ok
check "a torn tail takes nothing with it" same $TMP/more 65536
must raftblk down vol
restore

# What was acknowledged must not be forgotten silently.
rot $((ring + write + 8))
echo 300 > /sys/module/raftblk/parameters/open_timeout_ms
up /dev/vda vol
is "rot below a durable entry: state" "$(attr state)" proving
is "rot: does not lead" "$(attr role)" follower
raftblk status vol > $TMP/status
grep -q "This member lost entries it may have promised to keep" $TMP/status
result $? "rot: status says so"
fails "rot: cannot be written" "timed out" put $TMP/more 0
must raftblk down vol
up /dev/vda vol
is "rot: the next up has not forgotten" "$(attr state)" proving
must raftblk down vol
restore
up /dev/vda vol
is "the disk as it was" "$(attr state)" ok
check "the disk as it was: data" same $TMP/more 65536
end
