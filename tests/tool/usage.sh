#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Wrong command lines: exit code 2, a sentence, and nothing is touched.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

truncate -s 64M "$TMP/dev"
DEV=$TMP/dev
GOOD=10.0.0.1

bad() { unchanged "$1" "$DEV" 2 "$2" "$RAFTBLK" "${@:3}"; }

refused "no verb" 2 "usage:" "$RAFTBLK"
refused "unknown verb" 2 "no verb 'mount'" "$RAFTBLK" mount
refused "help for an unknown verb" 2 "no verb 'mount'" "$RAFTBLK" help mount
bad "missing argument" "missing argument" create vol0
bad "one argument too many" "what is 'more' for" create vol0 "$DEV" more --addr $GOOD
bad "missing option" "--addr ADDR.* is needed" create vol0 "$DEV"
bad "option without its value" "--addr needs a value" create vol0 "$DEV" --addr
bad "value for an option without one" "takes no value" create vol0 "$DEV" --addr $GOOD --force=1
bad "option given twice" "given twice" create vol0 "$DEV" --addr $GOOD --addr $GOOD
bad "unknown option" "no option --ardr" create vol0 "$DEV" --ardr $GOOD
bad "an abbreviated option is unknown" "no option --add" create vol0 "$DEV" --add $GOOD

for name in "" ".hidden" "-dash" "a/b" "with space" "$(printf 'x%.0s' {1..32})"; do
	bad "volume name '$name'" "volume's name|no option" create --addr $GOOD --no-up "$name" "$DEV"
done
for addr in "" nonsense 10.0.0 10.0.0.256 10.0.0.1: 10.0.0.1:0 10.0.0.1:65536 10.0.0.1:x \
	0.0.0.0 255.255.255.255 224.0.0.1 :: ff02::1 fe80::1 "[::1" "[::1]x" "[fd00::1]:99999" \
	localhost; do
	bad "address '$addr'" "--addr '.*': " create vol0 "$DEV" --no-up --addr "$addr"
done
for size in "" 0 x 1X -1 10GG 99999999999999999999 9999999999P; do
	bad "size '$size'" "not a size" create vol0 "$DEV" --no-up --addr $GOOD --size "$size"
done
bad "a volume that is too small" "4 MiB or more" create vol0 "$DEV" --no-up --addr $GOOD --size 1M
bad "a size that is no multiple of 4 KiB" "whole 4 KiB" \
	create vol0 "$DEV" --no-up --addr $GOOD --size 10000001
bad "a log that is too small" "4 MiB or more" create vol0 "$DEV" --no-up --addr $GOOD --log-size 1M
bad "a log of odd size" "whole MiB" create vol0 "$DEV" --no-up --addr $GOOD --log-size 5000K
for block in 0 1024 8192 x; do
	bad "block size $block" "512 or 4096" create vol0 "$DEV" --no-up --addr $GOOD --block-size $block
done
for extent in "" 0 x 1 32K 3M 2G 65535 18446744073709551615; do
	bad "extent size '$extent'" "power of two from 64K to 1G" \
		create vol0 "$DEV" --no-up --addr $GOOD --extent-size "$extent"
done

TOKEN=rb1$(printf 'a%.0s' {1..84})
bad "token and token file" "not both" join $GOOD "$DEV" --addr 10.0.0.2 --token x --token-file y
bad "joining oneself" "another member's" join $GOOD "$DEV" --addr $GOOD --token "$TOKEN"
bad "a token that is none" "no token: it has 87" join $GOOD "$DEV" --addr 10.0.0.2 --token nonsense
bad "a token with a wrong character" "cannot be in one" \
	join $GOOD "$DEV" --addr 10.0.0.2 --token "${TOKEN:0:50}1${TOKEN:51}"
bad "a token with a wrong checksum" "damaged" join $GOOD "$DEV" --addr 10.0.0.2 --token "$TOKEN"
bad "no token on standard input" "raftblk token NAME" join $GOOD "$DEV" --addr 10.0.0.2
refused "a token file that is not there" 1 "No such file" \
	"$RAFTBLK" join $GOOD "$DEV" --addr 10.0.0.2 --token-file "$TMP/none"

bad "transfer to no number" "not a node id" transfer vol0 n2
bad "transfer to node 0" "not a node id" transfer vol0 0
bad "an unknown thing to do about members" "what can be done is" member kill vol0
bad "members of nothing" "missing argument" member list
bad "removing nobody" "which member" member remove vol0
bad "removing no number" "not a node id" member remove vol0 n2
bad "removing node 0" "not a node id" member remove vol0 0
bad "setting nothing" "set what" member set vol0 2
bad "setting a role that is none" "voter, learner or witness" member set vol0 2 --role king
bad "setting an address that is none" "--addr" member set vol0 2 --addr 10.0.0
bad "a role for a removal" "belongs to" member remove vol0 2 --role learner
bad "an address for a removal" "belongs to" member remove vol0 2 --addr 10.0.0.3
bad "adding a role that is none" "voter, learner or witness" member add vol0 --role king
bad "making a witness of a member" "join --role witness" member set vol0 2 --role witness
bad "creating a witness" "first member .* has data" \
	create vol0 "$DEV" --addr $GOOD --no-up --role witness
bad "replacing nobody" "not a node id" join $GOOD "$DEV" --addr 10.0.0.2 --replace x --token "$TOKEN"
bad "replacing and a role" "not both" \
	join $GOOD "$DEV" --addr 10.0.0.2 --replace 2 --role learner --token "$TOKEN"
bad "resizing to no size" "is no size" resize vol0 big
bad "resizing to nothing" "is no size" resize vol0 0
bad "resizing beyond 2^63" "less than 2" resize vol0 8E
bad "resizing beyond 2^64" "is no size" resize vol0 99999999999T
bad "resizing to two sizes" "what is" resize vol0 1G 2G
bad "an unknown setting" "what can be set" set vol0 color=red
bad "a time that is none" "a time looks like" set vol0 io-timeout=soon
bad "a role that is none" "voter, learner or witness" join 10.0.0.1 "$DEV" --addr 10.0.0.2 --role king
bad "rate 0" "a rate is bytes per second" set vol0 rate-min=0
bad "rate 0 at most" "'none' takes the limit away" set vol0 rate-max=0
bad "a rate that is none" "a rate is bytes per second" set vol0 rate-min=none
bad "a time that is too long" "a time looks like" set vol0 io-timeout=9999999m

if module_loaded; then
	skip "without the module" "it is loaded"
else
	for verb in "status" "watch" "events" "token vol0" "down vol0" "transfer vol0 2" "member remove vol0 2" \
		"set vol0 io-timeout=1s" "resize vol0 1G" "up $DEV"; do
		# shellcheck disable=SC2086
		refused "without the module: ${verb%% *}" 5 "module raftblk is not loaded" \
			"$RAFTBLK" $verb
	done
	unchanged "without the module: create" "$DEV" 5 "module raftblk is not loaded" \
		"$RAFTBLK" create vol0 "$DEV" --addr 127.0.0.1
fi
check "version works without the module" "$RAFTBLK" version

if [ -c /dev/full ]; then
	"$RAFTBLK" help > /dev/full 2> "$TMP/err"
	[ $? -eq 1 ]
	result $? "output that cannot be written is an error"
fi
end
