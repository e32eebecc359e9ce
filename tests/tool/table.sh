#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Help, man page and completion follow the table of verbs.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

MAN=$TOP/userspace/raftblk.8
COMPLETION=$TOP/userspace/raftblk.bash-completion

check "the table can be had as JSON" "$RAFTBLK" help --json
"$RAFTBLK" help --json > "$TMP/table"

in_man()
{
	python3 - "$TMP/table" "$MAN" "$RAFTBLK" <<'PY'
import json, re, subprocess, sys
tool = sys.argv[3]
verbs = json.load(open(sys.argv[1]))
text = open(sys.argv[2]).read().replace("\\-", "-")
sections = dict(re.findall(r"^\.SS raftblk (\S+)(.*?)(?=^\.S[SH])", text, re.M | re.S))
bad = []
for v in verbs:
    body = sections.pop(v["name"], None)
    if body is None:
        bad.append(f"no section for {v['name']}")
        continue
    head = body.split("\n")[0].strip()
    if not head.startswith(v["args"]):
        bad.append(f"{v['name']}: arguments are {v['args']}, not {head}")
    said = set(re.findall(r"^\.BI? (--[a-z-]+)", body, re.M))
    want = {"--" + o["name"] for o in v["options"]}
    if said != want:
        bad.append(f"{v['name']}: options differ: {sorted(said ^ want)}")
    settings = set(re.findall(r"\b([a-z]+-[a-z]+)=", body))
    said = subprocess.run([tool, "help", v["name"]], capture_output=True, text=True, check=True)
    if settings != set(re.findall(r"^ *([a-z]+-[a-z]+)=", said.stdout, re.M)):
        bad.append(f"{v['name']}: settings differ: {sorted(settings)}")
bad += [f"{name} is no verb" for name in sections]
sys.exit("\n".join(bad) if bad else 0)
PY
}
check "the man page has every verb, option and setting, and no other" in_man
if command -v mandoc > /dev/null; then
	check "the man page is well-formed" mandoc -T lint -W error "$MAN"
else
	skip "the man page is well-formed" "no mandoc"
fi

# complete WORDS...: what bash would offer for the last word
complete_words()
{
	(
		# shellcheck source=/dev/null
		. "$COMPLETION"
		# shellcheck disable=SC2317
		compopt() { :; }
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_raftblk
		printf '%s\n' "${COMPREPLY[@]}"
	)
}
verbs()
{
	python3 -c 'import json,sys; print("\n".join(v["name"] for v in json.load(open(sys.argv[1]))))' \
		"$TMP/table"
}
options()
{
	python3 -c '
import json, sys
v = next(v for v in json.load(open(sys.argv[1])) if v["name"] == sys.argv[2])
print("\n".join(["--help"] + ["--" + o["name"] for o in v["options"]]))' "$TMP/table" "$1"
}
diff <(verbs | sort) <(complete_words raftblk "" | sort) > "$TMP/diff"
result $? "completion knows every verb"
same=0
for verb in $(verbs); do
	if ! diff <(options "$verb" | sort) <(complete_words raftblk "$verb" x -- | sort) > "$TMP/diff"
	then
		sed "s/^/# $verb: /" "$TMP/diff"
		same=1
	fi
done
result $same "completion knows every option of every verb"

for verb in $(verbs); do
	"$RAFTBLK" help "$verb" > "$TMP/help" 2>&1
	[ "$(head -c 6 "$TMP/help")" = "usage:" ] && [ "$(wc -l < "$TMP/help")" -gt 2 ]
	result $? "help $verb"
	if [ "$verb" != help ]; then
		"$RAFTBLK" "$verb" help | cmp -s - "$TMP/help" &&
			"$RAFTBLK" "$verb" --help | cmp -s - "$TMP/help"
		result $? "$verb help and $verb --help say the same"
	fi
done
end
