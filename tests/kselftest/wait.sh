#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A command that waits keeps nobody else waiting, and can be given up.
. ./lib.sh

listening() { netstat -ltn | grep -q :7777; }
connected() { netstat -tn | grep -q '127.0.0.1:7777 .*ESTABLISHED'; }
join()		# one that waits: who listens at that address says nothing
{
	nc -l -p 7777 < $TMP/silence > $TMP/said & nc=$!
	soon "somebody listens" listening
	raftblk join 127.0.0.1:7777 /dev/vdb --addr 127.0.0.1:7451 \
		--token-file $TMP/token > $TMP/join 2>&1 & join=$!
	soon "it is asked" connected
}

create vol /dev/vda
must raftblk token vol
cp $TMP/.out $TMP/token
must raftblk down vol
mkfifo $TMP/silence
exec 9<> $TMP/silence

join
# It adds a family of generic netlink, and takes it away.
check "a module that has one can be loaded meanwhile" modprobe nbd
check "and unloaded" rmmod nbd
check "while the command waits" kill -0 $join
fails "the module itself cannot" "temporarily unavailable" rmmod raftblk
wait $join
is "nobody answers: exit code" $? 4
check "it says so" grep -q "no answer from that address" $TMP/join
wait $nc

join
kill -9 $join
wait $join
soon "who is killed does not keep the module" rmmod raftblk
wait $nc
end
