#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Overlapping writes and discards at the same time: what is read before they are applied stays.
. ./lib.sh

command -v fio > /dev/null || skip_all "no fio"

create vol /dev/vda --block-size 512 --log-size 8M --size 8M
for seed in 1 2; do
	check "$seed: overlapping, 64 at a time" fio --name=o --filename="$BD" --thread \
		--numjobs=2 --randseed=$seed --rw=randrw --rwmixread=10 --norandommap \
		--bsrange=512-32k --blockalign=512 --size=256k --io_size=1m --direct=1 \
		--ioengine=libaio --iodepth=32 --output-format=terse
	must blkdiscard -f -o 65536 -l 65536 "$BD"
	at_once=$(digest)
	soon "$seed: applied" ckpt_reaches vol
	is "$seed: the same when applied" "$(digest)" "$at_once"
	must raftblk down vol
	up /dev/vda vol
	is "$seed: and after down and up" "$(digest)" "$at_once"
done
end
