#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Down while it is open: refused; by force, I/O ends with errors and everything is cleaned up.
# klog: ^Buffer I/O error on dev raftblk0, logical block \d+, (async page read|lost async page write)$
# klog: ^I/O error, dev raftblk0, sector \d+ op 0x\d
# klog: ^device-mapper: core: CONFIG_IMA
# klog: ^raftblk0 \(vol\): node 1 on /dev/mapper/low: applied \d+, log \d+ to \d+, term \d+$
. ./lib.sh

create vol /dev/vda --log-size 4M --size 8M
noise $TMP/data 65536
exec 7< "$BD"
fails "down while open for reading" "the device is open" raftblk down vol
exec 8<> "$BD"
exec 7<&-
fails "down while open for writing" "the device is open" raftblk down vol
check "the opener has not noticed" put $TMP/data 0 0 65536 fd:8
is "nor has the volume" "$(attr state)" ok

check "down by force" raftblk down vol --force
# To the block layer a disk that has gone is one of no size.
fails "write to what was forced down" "No space left" put $TMP/data 65536 0 65536 fd:8
fails "read of it" "0 bytes of 4096" io zeros fd:8 0 4096
check "its node is gone" test ! -e "$BD"
is "nothing is up" "$(raftblk status)" "no volume is up on this machine"
fails "another open" "" dd if="$BD" of=/dev/null count=1
fails "the module stays while it is open" "temporarily unavailable" rmmod raftblk

# The lower device is free, whoever still holds what has gone.
up /dev/vda vol
check "up again: what was acknowledged is there" same $TMP/data 0
check "up again: what was refused is not" zeros 65536 65536
check "write to the new one" put $TMP/data 131072
fails "the old descriptor stays dead" "No space left" put $TMP/data 0 4096 4096 fd:8
exec 8>&-
check "the new one has not noticed its end" same $TMP/data 131072
is "state" "$(attr state)" ok
must raftblk down vol
check "rmmod when the last opener has closed" rmmod raftblk
must raftblk-load

# Under load: writers get errors, none hangs.
up /dev/vda vol
writer()
{
	while put $TMP/data $(($1 << 20)); do :; done 2> $TMP/writer$1
}
for n in 1 2 3 4; do
	writer $n &
done
busy() { [ "$(state vol writes | sed 's/ .*//')" -ge 40 ]; }
soon "writers at work" busy
check "down by force under load" raftblk down vol --force
wait
result 0 "all writers have ended"
grep -q . $TMP/writer1 && grep -q . $TMP/writer2 && grep -q . $TMP/writer3 && grep -q . $TMP/writer4
result $? "with an error"
up /dev/vda vol
for n in 1 2 3 4; do
	check "what writer $n wrote first is there" same $TMP/data $((n << 20))
done

must raftblk down vol
fails "down twice" "no such volume" raftblk down vol

# A write that waits for the lower device ends with EIO although that does not answer.
must modprobe dm_mod
must dmsetup create low --table "0 $((32 * 2048)) linear /dev/vda 0"
must dmsetup mknodes
up /dev/mapper/low vol
exec 8<> "$BD"
soon "quiet" ckpt_reaches vol
must dmsetup suspend --noflush low
put $TMP/data $((5 << 20)) 0 65536 fd:8 2> $TMP/waiting & writer=$!
waits() { [ "$(state vol writes)" = "1 65536" ]; }
soon "a write waits" waits
raftblk down vol --force > $TMP/down 2>&1 & down=$!
wait $writer
is "it ends" $? 1
grep -q "Input/output error" $TMP/waiting
result $? "with EIO"
check "down is still at work" kill -0 $down
must dmsetup resume low
wait $down
result $? "and ends when the lower device answers"
exec 8>&-
check "rmmod" rmmod raftblk
end
