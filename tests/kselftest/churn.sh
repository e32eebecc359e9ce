#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Openers, readers and the tool against up and down by force, all at the same time.
# klog: ^Buffer I/O error on dev raftblk0, logical block \d+, (async page read|lost async page write)$
# klog: ^(ldm_validate_partition_table\(\): Disk read failed\.|Dev raftblk0: unable to read RDB block 0)$
# klog: ^[^:]+(:\d+)?: attempt to access beyond end of device$
# klog: ^raftblk0: rw=\d+, sector=\d+, nr_sectors = \d+ limit=0$
# klog: ^block device autoloading is deprecated and will be removed\.$
# klog: ^ raftblk0: unable to read partition table$
# klog: ^I/O error, dev raftblk0, sector \d+ op 0x
. ./lib.sh

create vol /dev/vda --size 8M --log-size 4M
noise $TMP/data 65536
loop()		# loop COMMAND...: until it is time to stop, whatever comes of it
{
	while [ ! -e $TMP/stop ]; do
		"$@"
	done > /dev/null 2>&1
}
loop put $TMP/data 0 &
loop put $TMP/data 65536 &
loop same $TMP/data 0 &
loop raftblk status &
loop put /dev/null 0 &
cycle()
{
	for _ in 1 2 3 4 5 6 7 8; do
		raftblk down vol --force && raftblk up /dev/vda || return 1
	done
}
check "down by force and up, eight times" cycle
check "still writes" put $TMP/data 131072
touch $TMP/stop
wait
check "still reads" same $TMP/data 131072
check "first writer's data" same $TMP/data 0
check "second writer's data" same $TMP/data 65536
is "state" "$(attr state)" ok
closed() { [ "$(state vol openers)" = 0 ]; }
soon "nobody has it open" closed
check "down" raftblk down vol
check "rmmod" rmmod raftblk
end
