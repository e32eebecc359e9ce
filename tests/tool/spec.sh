#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The generated files are what the netlink specification says.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

check "generated files agree with the specification" "$TOP/userspace/gen/specgen" --check

# A check that cannot fail proves nothing: plant differences in a copy.
copy()
{
	rm -rf "$TMP/copy"
	mkdir -p "$TMP/copy/kernel/linux" "$TMP/copy/userspace" "$TMP/copy/Documentation"
	cp -r "$TOP/userspace/gen" "$TMP/copy/userspace/"
	cp "$TOP"/userspace/spec_gen.[ch] "$TOP/userspace/status.schema.json" "$TMP/copy/userspace/"
	cp -r "$TOP/kernel/uapi" "$TMP/copy/kernel/"
	cp "$TOP"/kernel/linux/netlink_gen.[ch] "$TMP/copy/kernel/linux/"
	cp -r "$TOP/Documentation/netlink" "$TMP/copy/Documentation/"
}

planted()	# planted NAME PATTERN SED FILE
{
	copy
	sed -i "$3" "$TMP/copy/$4"
	if "$TMP/copy/userspace/gen/specgen" --check > "$TMP/out" 2>&1; then
		result 1 "$1"
	else
		grep -qE -e "$2" "$TMP/out"
		result $? "$1"
	fi
}

planted "a command without its privilege is found" netlink_gen.c \
	'0,/GENL_ADMIN_PERM/s//0/' kernel/linux/netlink_gen.c
planted "a changed attribute number is found" uapi/raftblk.h \
	'/RAFTBLK_A_VOLUME_PATH,/d' kernel/uapi/raftblk.h
planted "a changed length in the specification is found" netlink_gen.c \
	's/max-len: 31/max-len: 30/' Documentation/netlink/raftblk.yaml
planted "a rule the generator does not know is refused" 'unknown key' \
	's/exact-len: 32/exact-lenght: 32/' Documentation/netlink/raftblk.yaml
planted "a file that is missing is found" spec_gen.c \
	'd' userspace/spec_gen.c

check "the schema is JSON" python3 -m json.tool "$TOP/userspace/status.schema.json" /dev/null
documented()
{
	python3 - "$TOP" <<'PY'
import json, re, sys
top = sys.argv[1]
schema = json.load(open(f"{top}/userspace/status.schema.json"))
text = open(f"{top}/Documentation/status-json.md").read()
words = set(re.findall(r"`([a-z_]+)`", text))
missing = [f"{name}.{key}" for name in ("volume", "catchup", "member", "address")
           for key in schema["$defs"][name]["properties"] if key not in words]
sys.exit(f"not in status-json.md: {missing}" if missing else 0)
PY
}
check "every field is documented" documented
end
