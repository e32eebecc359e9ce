#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Random writes and reads of mixed sizes, verified by fio: direct, buffered, deep queues.
. ./lib.sh

command -v fio > /dev/null || skip_all "no fio"

create vol /dev/vda --block-size 512 --log-size 8M --size 24M

cat > $TMP/job << 'JOB'
[global]
filename=/dev/raftblk0
thread=1
randseed=7
verify=crc32c
verify_fatal=1
verify_state_save=0
direct=1
[mixed]
rw=randrw
bsrange=512-64k
blockalign=512
ioengine=libaio
iodepth=16
offset=0
size=6m
[large]
rw=write
bs=2m
ioengine=psync
offset=8m
size=6m
[dsync]
rw=randwrite
bs=4k
sync=dsync
ioengine=psync
offset=16m
size=1m
[buffered]
direct=0
rw=randwrite
bsrange=512-16k
blockalign=512
ioengine=psync
fsync=16
offset=18m
size=2m
JOB
check "four jobs at once" fio --output-format=terse $TMP/job
is "no errors" "$(state vol errors)" 0
before=$(digest)
must raftblk down vol
up /dev/vda vol
is "the same after down and up" "$(digest)" "$before"
end
