#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# fsync, O_DSYNC and BLKFLSBUF: what they return from is in the log, and costs no flush.
. ./lib.sh

create vol /dev/vda --log-size 8M
noise $TMP/data 65536
exec 8<> "$BD"
soon "quiet" ckpt_reaches vol

# The device has no cache, so the block layer must not send flushes.  Each write is
# durable when it ends: the log's last index is the durable one.
must dd if=$TMP/data of="$BD" bs=64k oflag=direct,dsync conv=notrunc status=none
is "O_DSYNC: durable" "$(state vol durable)" "$(status vol last)"
is "O_DSYNC: one write" "$(state vol writes)" "1 65536"
check "O_DSYNC: there" same $TMP/data 0

# Buffered data is not the device's before fsync.
before=$(state vol writes)
dd if=$TMP/data of="$BD" bs=64k seek=2 conv=notrunc status=none
check "fsync" dd if=$TMP/data of="$BD" bs=64k seek=1 conv=notrunc,fsync status=none
check "fsync: there" same $TMP/data 65536
[ "$before" != "$(state vol writes)" ]
result $? "fsync: written"
check "fdatasync" dd if=$TMP/data of="$BD" bs=64k seek=3 conv=notrunc,fdatasync status=none
check "fdatasync: there" same $TMP/data $((3 * 65536))
check "fsync with nothing to do" sync "$BD"

# BLKFLSBUF writes back and drops the page cache.
reads() { _r=$(state vol reads); echo "${_r% *}"; }
must dd if="$BD" of=/dev/null bs=64k count=4 status=none
cached=$(reads)
must dd if="$BD" of=/dev/null bs=64k count=4 status=none
is "a second read comes from the cache" "$(reads)" "$cached"
dd if=$TMP/data of="$BD" bs=64k seek=5 conv=notrunc status=none
check "BLKFLSBUF" blockdev --flushbufs "$BD"
check "BLKFLSBUF: written" same $TMP/data $((5 * 65536))
must dd if="$BD" of=/dev/null bs=64k count=4 status=none
[ "$(reads)" -gt "$cached" ]
result $? "BLKFLSBUF: dropped"

# The last close writes back as well.
dd if=$TMP/data of="$BD" bs=64k seek=7 conv=notrunc status=none
exec 8>&-
check "the last close: written" same $TMP/data $((7 * 65536))
end
