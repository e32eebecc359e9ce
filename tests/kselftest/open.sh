#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Who may open it how: readers, writers, both, and those that hold it.
# klog: ^EXT4-fs \(raftblk0\): mounted filesystem
. ./lib.sh

owner() { [ "$(attr owner)" = "$1" ]; }
openers() { [ "$(state vol openers)" = "$1" ]; }

create vol /dev/vda
noise $TMP/data 65536

# Readers own nothing.
exec 7< "$BD"
is "open for reading: no owner" "$(attr owner)" 0
is "read-only while nobody writes" "$(blockdev --getro "$BD")" 1
check "reading" zeros 0 65536
fails "a write through a descriptor for reading" "" sh -c "cat $TMP/data >&7"

# Writers share one right.
exec 8<> "$BD"
is "open for writing: owner" "$(attr owner)" 1
is "may be written" "$(blockdev --getro "$BD")" 0
is "one writer as the log sees it" "$(state vol writer)" 1
token=$(state vol token)
exec 9<> "$BD"
is "a second writer on this node" "$(attr owner)" 1
is "under the same token" "$(state vol token)" "$token"
dd if=$TMP/data bs=4k count=1 conv=notrunc oflag=direct status=none >&8
result $? "the first writes"
dd if=$TMP/data bs=4k count=1 skip=1 seek=1 conv=notrunc oflag=direct status=none >&9
result $? "the second writes"
check "both are there" same $TMP/data 0 0 8192
exec 8>&-
is "one of two writers closed: still the owner" "$(attr owner)" 1
dd if=$TMP/data bs=4k count=1 seek=2 conv=notrunc oflag=direct status=none >&9
result $? "the other goes on"
exec 9>&-
# The block layer does not tell how one who closes had opened.
is "a reader keeps the session" "$(attr owner)" 1
exec 7<&-
soon "the last close ends it" owner 0
soon "no openers" openers 0
is "read-only again" "$(blockdev --getro "$BD")" 1
exec 8<> "$BD"
[ "$(state vol token)" -gt "$token" ]
result $? "the next session has another token"
exec 8>&-

# Exclusive openers are the block layer's, but must work.
must mkfs.ext4 -q "$BD"
must mkdir -p /mnt/vol
must mount "$BD" /mnt/vol
fails "mkfs of what is mounted" "" mkfs.ext4 -q "$BD"
must umount /mnt/vol
must mount -o ro,noload "$BD" /mnt/vol
is "mounted read-only: no owner" "$(attr owner)" 0
fails "nobody may begin to write under it" "busy" dd if=$TMP/data "of=$BD" conv=notrunc
must umount /mnt/vol
check "after umount one may" dd if=$TMP/data "of=$BD" conv=notrunc

# Very many.
many()
{
	for _ in $(seq 20); do
		(exec 8<> "$BD" && exec 9< "$BD" && exec 8>&-) || return 1
	done
}
many & one=$!
many & two=$!
many && wait $one && wait $two
result $? "60 opens, three at a time"
soon "nobody is left" openers 0
end
