#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The attributes in sysfs: right, read-only, and readable while volumes come and go.
. ./lib.sh

create vol /dev/vda
is "name" "$(attr name)" vol
is "uuid" "$(attr uuid)" "$(status vol uuid)"
is "node" "$(attr node)" 1
is "role" "$(attr role)" leader
is "leader" "$(attr leader)" 1
is "state" "$(attr state)" ok
is "nobody owns it" "$(attr owner)" 0
exec 8> "$BD"
is "open for writing: owner" "$(attr owner)" 1
exec 8>&-
released() { [ "$(attr owner)" = 0 ]; }
soon "closed: nobody owns it" released
term=$(attr term)
[ "$term" -ge 1 ]
result $? "term $term"
must raftblk down vol
[ ! -e /sys/block/raftblk0 ]
result $? "gone with the volume"
up /dev/vda vol
leads() { [ "$(attr role)" = leader ]; }
soon "leads again" leads
[ "$(attr term)" -gt "$term" ]
result $? "in a later term"

for name in name uuid node role term leader owner state; do
	is "$name: mode" "$(stat -c %a "/sys/block/raftblk0/raftblk/$name")" 444
	fails "$name: write" "" dd if=/dev/zero "of=/sys/block/raftblk0/raftblk/$name" count=1
done

# Readers in every state of a volume's life.
reader()
{
	while [ ! -e $TMP/stop ]; do
		cat /sys/block/raftblk*/raftblk/* /sys/kernel/debug/raftblk/*/state
	done > $TMP/reader 2> /dev/null
}
cycle()
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		raftblk down vol && raftblk up /dev/vda || return 1
	done
}
reader &
check "down and up, ten times, under readers" cycle
touch $TMP/stop
wait
[ -s $TMP/reader ]
result $? "they have read something"
end
