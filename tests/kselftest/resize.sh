#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A volume grows while it is in use, with the device below it.
# klog: ^device-mapper: core: CONFIG_IMA
# klog: ^raftblk0 \(vol\): no room can be made for a larger volume: error 5$
# klog: ^raftblk: /dev/mapper/low: superblock B is of the size before the volume grew, rewritten from A$
. ./lib.sh

MIB=$((1 << 20))
lower()		# lower MIB: the device has so many from now on
{
	must dmsetup load low --table "0 $(($1 * 2048)) linear /dev/vda 0"
	must dmsetup resume low
}

must modprobe dm_mod
must dmsetup create low --table "0 $((20 * 2048)) linear /dev/vda 0"
must dmsetup mknodes
# What lies behind is anything but zeros.
noise $TMP/noise $((8 * MIB))
must dd if=$TMP/noise of=/dev/vda bs=1M seek=14 oflag=direct
must dd if=$TMP/noise of=/dev/vda bs=1M seek=22 oflag=direct
noise $TMP/data $MIB
create vol /dev/mapper/low --log-size 4M --size 8M
exec 8<> "$BD"
must put $TMP/data $((7 * MIB)) 0 $MIB fd:8
raftblk events vol > $TMP/events & listener=$!

fails "larger than the device" "node 1 is too small: it has room for" raftblk resize vol 20M
fails "smaller" "cannot shrink" raftblk resize vol 4M
fails "no multiple of the block size" "no multiple" raftblk resize vol $((9 * MIB + 512))
fails "another volume" "no such volume" raftblk resize other 10M
is "the size is as it was" "$(size)" $((8 * MIB))
fails "behind the end" "" put $TMP/data $((8 * MIB)) 0 $MIB fd:8
seq=$(cat /sys/kernel/uevent_seqnum)
check "within the device, while it is open" raftblk resize vol 12M
is "the size" "$(size)" $((12 * MIB))
is "says status" "$(status vol size)" $((12 * MIB))
told_of() { [ "$(cat /sys/kernel/uevent_seqnum)" -gt "$1" ]; }
soon "udev is told" told_of "$seq"
soon "an event says so" grep -q '"resized".*"size": *12582912' $TMP/events
check "what was there" same $TMP/data $((7 * MIB)) 0 $MIB fd:8
check "what is new is zeros" io zeros fd:8 $((8 * MIB)) $((4 * MIB))
check "and can be written, across the old end" put $TMP/data $((8 * MIB - MIB / 2)) 0 $MIB fd:8
check "it reads back" same $TMP/data $((8 * MIB - MIB / 2)) 0 $MIB fd:8
check "the same size once more" raftblk resize vol 12M
exec 8>&-
kill $listener
wait $listener 2> /dev/null

must dd if=/dev/vda of=$TMP/super_b bs=4096 skip=1 count=1 iflag=direct
lower 32
check "with the device" raftblk resize vol 20M
is "the size follows" "$(size)" $((20 * MIB))
check "new again" zeros $((12 * MIB)) $((8 * MIB))
must put $TMP/data $((19 * MIB))
check "down" raftblk down vol
check "its disk is well" raftblk dump /dev/mapper/low --records
reload
up /dev/mapper/low vol
is "the size stays" "$(size)" $((20 * MIB))
check "and the data" same $TMP/data $((19 * MIB))
must raftblk down vol

# As if it had crashed between the two copies of the superblock.
must dd if=$TMP/super_b of=/dev/vda bs=4096 seek=1 oflag=direct
up /dev/mapper/low vol
is "one copy of the superblock is enough" "$(size)" $((20 * MIB))
super() { dd if=/dev/vda bs=4096 skip="$1" count=1 iflag=direct status=none | md5sum; }
is "the other is written anew from it" "$(super 1)" "$(super 0)"
check "to grow again" raftblk resize vol 21M
check "zeros are written unless told otherwise" zeros $((20 * MIB)) $MIB
must dd if=$TMP/noise of=/dev/vda bs=1M seek=27 count=2 oflag=direct
check "and not if told so" raftblk resize vol 22M --assume-zero
fails "then what was there is there" "" zeros $((21 * MIB)) $MIB
must raftblk down vol
end
