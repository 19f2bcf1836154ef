#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# join.sh OUT MODULE ...
#	  Makes OUT/page_head.html and OUT/page_tail.html of page.html, page.css and the
#	  modules, which come in such an order that each uses those before it only.
#
# The modules become one script: their imports are dropped and their exports
# become plain declarations, so all names at the left margin share one scope; a
# name that two modules declare is an error. The page allows this one script and
# this one style sheet by their hashes, and nothing else.

set -eu
cd "$(dirname "$0")"
out=$1
shift

fail()
{
	echo "join.sh: $*" >&2
	exit 1
}

# The base64 of a file's SHA-256.
hash_of()
{
	sha256sum "$1" | cut -c 1-64 | tr a-f A-F | basenc --base16 -d | base64
}

{
	awk '
		/^import / { importing = 1 }
		importing { if (/;[ \t]*$/) importing = 0; next }
		{ sub(/^export /, ""); print }
	' "$@"
} >"$out/page.js"

twice=$(sed -nE 's/^(async )?(function\*?|const|let|class) +([A-Za-z0-9_$]+).*/\3/p' \
	"$out/page.js" | sort | uniq -d | tr '\n' ' ')
[ -z "$twice" ] || fail "two modules declare: $twice"
! grep -Eiq '</script|<!--' "$out/page.js" || fail "a module ends the script"
! grep -iq '</style' page.css || fail "page.css ends the style sheet"

script=$(hash_of "$out/page.js")
style=$(hash_of page.css)

# page.html has three lines that stand for something else.
awk -v out="$out" -v css="page.css" -v js="$out/page.js" \
	-v script="$script" -v style="$style" '
	function put(file, line) { printf "%s", line >> file }
	function copy(file, from,   line)
	{
		while ((getline line < from) > 0)
			put(file, line "\n")
		close(from)
	}
	BEGIN {
		target = out "/page_head.html"
		printf "" > target
		printf "" > (out "/page_tail.html")
	}
	/^@STYLE@$/  { put(target, "<style>"); copy(target, css); put(target, "</style>\n"); next }
	/^@SCRIPT@$/ { put(target, "<script type=\"module\">"); copy(target, js); put(target, "</script>\n"); next }
	/^@TRACE@$/  {
		put(target, "<script type=\"application/json\" id=\"trace\">")
		target = out "/page_tail.html"
		put(target, "</script>\n")
		next
	}
	{
		sub(/@SCRIPT_HASH@/, "sha256-" script)
		sub(/@STYLE_HASH@/, "sha256-" style)
		put(target, $0 "\n")
	}
' page.html
