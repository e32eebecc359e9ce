#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Parts of the tool in a program of their own.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

while IFS= read -r line; do
	case $line in
	"ok "*) result 0 "${line#ok }" ;;
	"not ok "*) result 1 "${line#not ok }" ;;
	*) echo "# $line" ;;
	esac
done < <("$O/userspace/toolunit" "$TMP/status.json" 2>&1; echo "exit $?")

check "a decoded status fits the schema" "$TOP/tests/tool/check-json" \
	"$TOP/userspace/status.schema.json" "$TMP/status.json"
for change in 's/"role":"leader"/"role":"king"/' 's/"term"/"trem"/' 's/"minor":7/"minor":"7"/'; do
	sed "$change" "$TMP/status.json" > "$TMP/bad.json"
	! "$TOP/tests/tool/check-json" "$TOP/userspace/status.schema.json" "$TMP/bad.json" 2> /dev/null
	result $? "one that does not fit is found ($change)"
done

# What people see.  show STATEMENTS: a status after some Python on v, the volume
show()
{
	python3 - "$1" > "$TMP/show.json" <<'PY'
import json, sys
def member(node, **more):
    return {"id": node, "flags": ["old", "new"], "connected_control": True,
            "connected_data": True, "address": {"ip": f"10.0.0.{node}", "port": 7450}, **more}
v = {"name": "vol0", "minor": 0, "size": 1 << 30, "path": "/dev/vdb", "role": "follower",
     "term": 3, "leader": 1, "owner": 1, "quorum": True, "extent_size": 4 << 20,
     "members": [member(1), member(2), member(3, self=True)]}
catchup = {"source": 2, "done": 256 << 20, "total": 1 << 30, "received": 3 << 20}
exec(sys.argv[1])
print(json.dumps({"volumes": [v]}))
PY
	"$O/userspace/toolunit" --show "$TMP/show.json" > "$TMP/show"
}
shows()		# shows NAME STATEMENTS PATTERN...: a line matches each, none matches a !PATTERN
{
	local name=$1 pattern bad=0
	show "$2"
	shift 2
	for pattern; do
		case $pattern in
		!*) ! grep -qE -e "${pattern#!}" "$TMP/show" ;;
		*) grep -qE -e "$pattern" "$TMP/show" ;;
		esac || { echo "# $pattern"; bad=1; }
	done
	[ $bad -eq 0 ] || sed 's/^/# /' "$TMP/show"
	result $bad "status: $name"
}
shows "nothing wrong" "" '^  3 .* this machine +-' '!catching up' '!This member'
shows "catching up" 'v["catchup"] = catchup' \
	'^  catching up \[#######\.+\]  25%  256 MiB of 1 GiB, 3 MiB received from node 2$' \
	'^  3 .* this machine, catching up ' '!This member'
shows "how fast, and how long it takes" \
	'catchup.update(rate=8 << 20, left_ms=96000); v["catchup"] = catchup' \
	'  25%  256 MiB of 1 GiB, 8 MiB/s, 2 min left, 3 MiB received from node 2$'
shows "it does not move" 'catchup["rate"] = 0; v["catchup"] = catchup' \
	'  25%  256 MiB of 1 GiB, 0 B/s, 3 MiB received from node 2$'
shows "catching up, nobody asked yet" 'catchup["source"] = 0; v["catchup"] = catchup' \
	'3 MiB received$'
shows "catching up, behind once more" 'v["catchup"] = catchup; v["behind"] = True' '!This member'
shows "about to catch up" 'v["behind"] = True' 'It will begin its log anew and fetch' \
	'!catching up'
shows "behind without a map" 'v["behind"] = True; v["extent_size"] = 0' 'keeps no version map'
shows "another one catches up" 'v["role"] = "leader"; v["members"][1]["incomplete"] = True' \
	'^  2 .* catching up +not complete' '^  1 .* connected +-'
shows "another one does, and its log is level" \
	'v["members"][1].update(incomplete=True, lag=0, lag_time=0)' \
	'^  2 .* catching up +not complete' '!up to date'
shows "another one did, and is cut off" \
	'v["members"][1].update(incomplete=True, connected_data=False)' \
	'^  2 .* half connected +not complete'
shows "how far behind one is" \
	'v["members"][1].update(progress="stream", lag=12, lag_bytes=49152, lag_time=3456)' \
	'^  2 .* 12 entries, 48 KiB, 3\.4 s'
shows "how far behind one is that needs more than the log" \
	'v["members"][1].update(progress="behind", lag=90000, lag_time=7200000)' \
	'^  2 .* beyond the log, 7200 s'
witness='v["members"][2]["flags"].append("witness")'
shows "a witness" "$witness; v['members'][2]['self'] = False; v['members'][0]['self'] = True" \
	'^  3 .*:7450  witness  ' '!a witness: it votes'
shows "this one is" "$witness" 'a witness: it votes and keeps the log, and has no data'
shows "a witness that joins" "$witness; v['members'][2]['flags'] = ['promote', 'witness']" \
	' learner \(witness\) '
shows "one that takes another's place" \
	"v['members'][1].update(flags=['promote', 'witness'], replaces=3); $witness" \
	' learner \(witness\) for node 3 '
shows "it waits for data" \
	"$witness; v['leader'] = 3; v['waits_for_data'] = True; v['behind'] = True
v['members'][0].update(connected_data=False, last_error=-113)" \
	'Node 3, a witness, leads: .* is back: node 1 \(10\.0\.0\.1: No route to host\)\.$' \
	'!begin its log anew'
shows "the witness that waits knows who is silent" \
	"$witness; v.update(role='leader', leader=3, waits_for_data=True)
v['members'][0]['heard'] = 5000; v['members'][1]['heard'] = 80" \
	'is back: node 1 \(10\.0\.0\.1\)\.$'
shows "entries lost" 'v["proof"] = 12' 'votes only for a member that cannot lack them'
shows "an older copy" 'v["proof"] = 1 << 62' 'is an older copy: others remember' '!up to'
end
