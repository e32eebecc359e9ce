#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A lower device that fails: the member stops, says so and gives EIO; the other volume goes on.
# klog: ^raftblk1 \(vol\): (log_write|vote|ckpt|vmap|apply|flush|read) on /dev/vda failed: error 5$
# klog: ^raftblk1 \(vol\): the member has stopped: error 5$
# klog: ^(I/O|critical \w+) error, dev raftblk1, sector \d+ op 0x
# klog: ^Buffer I/O error on dev raftblk1, logical block \d+, (async page read|lost async page write)$
. ./lib.sh

noise $TMP/data 65536
noise $TMP/more 65536 1
create other /dev/vdb --size 8M --log-size 4M
OTHER=$BD
must put $TMP/more 0

stopped() { [ "$(state vol fault)" = -5 ]; }
# fault KIND COMMAND...: let the next operation of this kind fail, and provoke one
fault()
{
	_kind=$1
	shift
	inject vol "$_kind" 1
	"$@" > $TMP/provoked 2>&1
	soon "$_kind: stops" stopped
	is "$_kind: state" "$(attr state)" failed
	raftblk status vol > $TMP/status
	grep -q 'This member has stopped: Input/output error' $TMP/status
	result $? "$_kind: status says why"
	is "$_kind: the fault was used up" \
		"$(cat /sys/kernel/debug/raftblk/vol/inject/"$_kind")" 0
	dmesg | tail -n 20 | grep -q "$_kind on /dev/vda failed: error 5"
	result $? "$_kind: the log says where"
	fails "$_kind: no more writes" "Input/output error" put $TMP/more 65536 0 65536 fd:8
	fails "$_kind: no more reads" "Input/output error" io zeros fd:8 0 4096
	fails "$_kind: nobody can open it for writing" "" dd if=/dev/null of="$BD" conv=notrunc
	check "$_kind: the other volume reads" same $TMP/more 0 0 65536 "$OTHER"
	check "$_kind: and writes" put $TMP/more 65536 0 65536 "$OTHER"
	exec 8>&-
	check "$_kind: down" raftblk down vol
	up /dev/vda vol
	is "$_kind: up, state" "$(attr state)" ok
	check "$_kind: what was acknowledged is there" same $TMP/data 0
	check "$_kind: works again" put $TMP/data 0
}

create vol /dev/vda --size 8M --log-size 4M
must put $TMP/data 0
for kind in log_write apply; do
	exec 8<> "$BD"
	fault $kind put $TMP/more 131072
done
for kind in flush ckpt; do
	exec 8<> "$BD"
	fault $kind put $TMP/data 0
done

# A read that fails is the reader's business only.  Open for writing, lest the end
# of the session has the partition table read.
exec 8<> "$BD"
soon "read: everything in place" ckpt_reaches vol
inject vol read 1
fails "read: an error" "Input/output error" same $TMP/data 0 0 65536 fd:8
is "read: the member goes on" "$(attr state)" ok
check "read: and the next one succeeds" same $TMP/data 0 0 65536 fd:8
is "read: counted" "$(state vol errors)" 1
exec 8>&-
check "read: down" raftblk down vol
end
