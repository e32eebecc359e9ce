#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Events: each step of a volume's life is told, in order.
# klog: ^raftblk0 \(vol\): (log_write on /dev/vda failed|the member has stopped): error 5$
# klog: ^I/O error, dev raftblk0, sector \d+ op 0x
. ./lib.sh

raftblk create vol /dev/vda --addr 127.0.0.1 --size 8M --log-size 4M --no-up
noise $TMP/data 4096
raftblk events > $TMP/events & listener=$!
told_up() { raftblk up /dev/vda && raftblk down vol && sleep 0.1 && grep -q '"down"' $TMP/events; }
soon "the listener listens" told_up
seen=$(grep -c . $TMP/events)
# next PATTERN: the event after those already seen that matches
next()
{
	tail -n +$((seen + 1)) $TMP/events > $TMP/new
	_at=$(grep -n -- "$1" $TMP/new | head -n 1)
	[ -n "$_at" ] || { cat $TMP/new; return 1; }
	seen=$((seen + ${_at%%:*}))
}

up /dev/vda vol
soon "role" next '"type": *"role".*"role": *"leader"'
soon "leader" next '"type": *"leader".*"node_id": *1'
must put $TMP/data 0
soon "owner" next '"type": *"owner".*"node_id": *1'
soon "no owner" next '"type": *"owner".*"node_id": *0'
inject vol log_write 1
put $TMP/data 0 2> /dev/null
soon "fault" next '"type": *"fault".*"error": *-5'
must raftblk down vol
soon "down" next '"type": *"down"'
kill $listener
wait $listener 2> /dev/null
bad=$(grep -cv '^{.*"time".*"type".*"name": *"vol".*"minor": *0.*}$' $TMP/events)
is "every line is an object with time, type, name and minor" "$bad" 0
end
