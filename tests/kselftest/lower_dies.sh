#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The lower device itself gives errors, and comes back: nothing acknowledged is lost.
# klog: ^device-mapper: core: CONFIG_IMA
# klog: ^raftblk0 \(vol\): node 1 on /dev/mapper/low: applied \d+, log \d+ to \d+, term \d+$
# klog: ^raftblk0 \(vol\): (log_write|vote|ckpt|vmap|apply|flush|read) on /dev/(mapper/low|dm-0) failed: error 5$
# klog: ^raftblk0 \(vol\): the member has stopped: error 5$
# klog: ^(I/O|critical \w+) error, dev (raftblk0|dm-0|vda), sector \d+ op 0x
# klog: ^Buffer I/O error on dev (raftblk0|dm-0), logical block \d+, (async page read|lost async page write)$
. ./lib.sh

SECTORS=$((32 * 2048))
becomes()	# becomes TARGET ARGUMENTS: what lies behind /dev/mapper/low
{
	must dmsetup suspend --noflush low
	must dmsetup load low --table "0 $SECTORS $1"
	must dmsetup resume low
}

must modprobe dm_mod
must dmsetup create low --table "0 $SECTORS linear /dev/vda 0"
must dmsetup mknodes
noise $TMP/data $((1 << 20))
create vol /dev/mapper/low --log-size 4M --size 8M
must put $TMP/data 0
exec 8<> "$BD"
must put $TMP/data $((1 << 20)) 0 $((1 << 20)) fd:8

becomes "error"
fails "a write" "Input/output error" put $TMP/data $((2 << 20)) 0 4096 fd:8
is "state" "$(attr state)" failed
is "fault" "$(state vol fault)" -5
fails "a read" "Input/output error" io zeros fd:8 0 4096
fails "down while it is open" "the device is open" raftblk down vol
exec 8>&-
check "down" raftblk down vol
fails "up on a dead device" "cannot be read" raftblk up /dev/mapper/low

becomes "linear /dev/vda 0"
up /dev/mapper/low vol
is "up when it is back" "$(attr state)" ok
check "the first write is there" same $TMP/data 0
check "and the second" same $TMP/data $((1 << 20))
check "writes go on" put $TMP/data $((2 << 20))

end
