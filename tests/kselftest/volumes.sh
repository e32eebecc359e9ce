#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Several volumes on one node: names, minors, UUIDs, and nobody's data is another's.
. ./lib.sh

create one /dev/vda --size 8M --log-size 4M
BD1=$BD
create two /dev/vdb --size 8M --log-size 4M --block-size 512
BD2=$BD
create three /dev/vdc --size 8M --log-size 4M
BD3=$BD
is "minors in turn" "$BD1 $BD2 $BD3" "/dev/raftblk0 /dev/raftblk1 /dev/raftblk2"
is "names" "$(attr name $BD1) $(attr name $BD2) $(attr name $BD3)" "one two three"
is "block sizes of their own" "$(queue logical_block_size $BD1) $(queue logical_block_size $BD2)" \
	"4096 512"

# Names and UUIDs are taken as long as the volume is up.
fails "a name that is taken" "a volume 'two' is up on this machine already" \
	raftblk create two /dev/vdd --addr 127.0.0.1 --log-size 4M
fails "nothing was left on its disk" "not a member" raftblk dump /dev/vdd
fails "a device that is up" "is up on it" raftblk create four /dev/vda --addr 127.0.0.1
fails "up of what is up" "in use" raftblk up /dev/vdb
must raftblk create two /dev/vdd --addr 127.0.0.1 --log-size 4M --no-up
fails "a name that is taken, asked of the kernel" "another volume of this name is up" \
	raftblk up /dev/vdd
must dd if=/dev/vdb of=/dev/vdd bs=1M count=4 conv=fsync status=none
fails "a copy of a member" "a member of this volume is up on this node already" \
	raftblk up /dev/vdd
check "the copied one has not noticed" test "$(attr state $BD2)" = ok
fails "a volume that is not there" "no such volume" raftblk down four

# All at the same time.
for n in 1 2 3; do
	noise $TMP/$n $((8 << 20)) $n
done
put $TMP/1 0 0 $((8 << 20)) $BD1 & p1=$!
put $TMP/2 0 0 $((8 << 20)) $BD2 & p2=$!
put $TMP/3 0 0 $((8 << 20)) $BD3 & p3=$!
wait $p1 && wait $p2 && wait $p3
result $? "writes to all at once"
intact()
{
	check "$1: one" same $TMP/1 0 0 $((8 << 20)) $BD1
	check "$1: two" same $TMP/2 0 0 $((8 << 20)) $BD2
	check "$1: three" same $TMP/3 0 0 $((8 << 20)) $BD3
}
intact "written"

# One goes, the others stay.  Minors are given anew: the lowest that is free.
check "down of the middle one" raftblk down two
check "its node is gone" test ! -e $BD2
is "the others stay" "$(attr state $BD1) $(attr state $BD3)" "ok ok"
up /dev/vdb two
is "up again: the free minor" "$BD" $BD2
intact "down and up"
must raftblk down three
must raftblk down two
must raftblk down one
reload
up /dev/vdc three
BD3=$BD
up /dev/vda one
BD1=$BD
up /dev/vdb two
BD2=$BD
is "in another order, other minors" "$BD3 $BD1 $BD2" "/dev/raftblk0 /dev/raftblk1 /dev/raftblk2"
intact "rmmod and insmod"
end
