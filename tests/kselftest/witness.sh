#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A witness: comes up and goes down, is let in, and nobody opens it.
# klog: ^raftblk\d \(vol0\): this member is a witness and has no data; open the device on another member$
# klog: ^/dev/raftblk\d: Can't open blockdev$
. ./lib.sh

says() { "$@" | grep -q "$_says"; }
member() { raftblk member list "$1" | grep "^  $2 "; }

# Of a volume whose two members with data are not there.
must mkwitness /dev/vdb 16M
up /dev/vdb vol0
is "it has a device, of no size" "$(size)" 0
fails "open for writing" "Operation not permitted" dd if=/dev/zero "of=$BD" count=1 conv=notrunc
fails "open for reading" "Operation not permitted" dd "if=$BD" of=/dev/null count=1
fails "mounting" "" mount -t ext4 "$BD" /mnt
_says='a witness: it votes and keeps the log, and has no data'
check "status says what it is" says raftblk status vol0
_says='No majority answers'
soon "and that it is alone" says raftblk status vol0
_says='witness'
check "so does the list of members" says member vol0 3
is "nobody waits for data: there is no leader" "$(status vol0 waits_for_data)" false
is "the volume's size" "$(status vol0 size)" $((24 << 20))
fails "leadership is not its to give" "no leader" raftblk transfer vol0 1
check "down" raftblk down vol0
check "its disk is well" raftblk dump /dev/vdb --records
reload
_says="the witness of volume 'vol0'"
check "up again" says raftblk up /dev/vdb
is "it answers" "$(status vol0 node_id)" 3
check "down again" raftblk down vol0 --force
check "wipe" raftblk wipe /dev/vdb --yes
fails "it is none any more" "not a raftblk superblock" raftblk up /dev/vdb

# Let in by a volume that has data, and never heard of again.
create vol /dev/vda
check "a witness is let in" invite vol 127.0.0.2 witness
_says='learner (witness)'
check "it does not vote yet" says member vol 2
fails "leadership for it" "no voter has this node id" raftblk transfer vol 2
fails "it in the place of the one with data" "Operation not supported" \
	invite vol 127.0.0.3 witness 1
fails "one with data less" "last voter with data" raftblk member remove vol 1
check "it is removed" raftblk member remove vol 2
check "the volume goes on" dd if=/dev/zero "of=$BD" bs=4096 count=1 conv=notrunc
end
