#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The module goes in and out, not while it is in use, and leaves nothing behind.
. ./lib.sh

registered() { grep -q ' raftblk$' /proc/devices; }
gone() { ! registered && [ ! -e /sys/kernel/debug/raftblk ] && [ ! -e /dev/raftblk0 ]; }
cycle()
{
	for _ in 1 2 3 4 5; do
		rmmod raftblk && raftblk-load && raftblk up /dev/vda && raftblk down vol || return 1
	done
}

check "registered" registered
check "rmmod with no volume" rmmod raftblk
check "all of it is gone" gone
check "insmod with a parameter" raftblk-load open_timeout_ms=1234
is "the parameter" "$(cat /sys/module/raftblk/parameters/open_timeout_ms)" 1234

create vol /dev/vda
fails "rmmod while a volume is up" "temporarily unavailable" rmmod raftblk
is "the volume has not noticed" "$(attr state)" ok
exec 8< "$BD"
fails "rmmod while it is open, too" "temporarily unavailable" rmmod raftblk
exec 8<&-
check "down" raftblk down vol
check "rmmod after down" rmmod raftblk
check "all of it is gone again" gone
must raftblk-load
check "out, in, up, down, five times" cycle

# What failed to come up must not keep the module either.
fails "up of a blank disk" "not a raftblk superblock" raftblk up /dev/vdb
check "rmmod after an up that failed" rmmod raftblk
end
