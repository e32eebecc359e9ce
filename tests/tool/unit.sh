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
end
