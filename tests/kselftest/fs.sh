#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A filesystem: made, filled, trimmed, checked, and the same after down and up.
# klog: ^EXT4-fs \(raftblk0\): (mounted filesystem|unmounting filesystem)
. ./lib.sh

tree() { (cd /mnt/vol && find . -type f | sort | while read -r _f; do echo "$_f $(io sum "$_f")"; done); }
fsck() { e2fsck -fn "$BD"; }

create vol /dev/vda --log-size 8M --size 32M
check "mkfs" mkfs.ext4 -q "$BD"
must mkdir -p /mnt/vol
check "mount" mount "$BD" /mnt/vol
must mkdir /mnt/vol/a /mnt/vol/a/b
for n in 1 2 3 4 5 6 7 8; do
	must noise /mnt/vol/a/$n $((n * 100001)) $n
	must noise /mnt/vol/a/b/$n $((n * 777)) $((n + 8))
done
sync
tree > $TMP/before
must rm /mnt/vol/a/8
before=$(state vol discards)
check "fstrim" fstrim /mnt/vol
[ "$(state vol discards)" != "$before" ]
result $? "fstrim: discards"
must noise /mnt/vol/a/8 800008 8
fails "down while it is mounted" "the device is open" raftblk down vol
check "umount" umount /mnt/vol
check "fsck" fsck
must raftblk down vol
up /dev/vda vol
check "fsck after down and up" fsck
must mount "$BD" /mnt/vol
tree > $TMP/after
check "every file as it was" cmp $TMP/before $TMP/after
is "all sixteen" "$(grep -c . $TMP/after)" 16
must umount /mnt/vol
end
