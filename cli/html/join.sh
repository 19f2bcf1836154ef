#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# join.sh OUT NAME MODULE ...
#	  Makes OUT/NAME_head.html and OUT/NAME_tail.html, what stands before and behind
#	  the data of a page, and OUT/NAME_policy, its policy: of frame.html, base.css,
#	  NAME.css and the modules, which come in such an order that each uses those before
#	  it only.
#
# The modules become one script: their imports are dropped and their exports
# become plain declarations, so all names at the left margin share one scope; a
# name that two modules declare is an error. The page allows this one script and
# this one style sheet by their hashes, and nothing else.

set -eu
cd "$(dirname "$0")"
target=$1/$(basename "$2")
name=$2
shift 2

# What differs between the pages, but for style and script. data: the id of the element
# with the data; connect: what the policy allows beyond that of all pages.
case $name in
page)
	title=Trace data=trace connect=
	reading='Reading the trace …'
	needs='This page draws a trace, and needs JavaScript for that. It loads nothing from anywhere.'
	;;
list/list)
	title=Traces data=given connect=" connect-src 'self';"
	reading='Reading the traces …'
	needs='This page lists traces, and needs JavaScript for that. It asks nobody but the command that serves it.'
	;;
esac

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

cat base.css "$name.css" >"$target.css"
{
	awk '
		/^import / { importing = 1 }
		importing { if (/;[ \t]*$/) importing = 0; next }
		{ sub(/^export /, ""); print }
	' "$@"
} >"$target.js"

twice=$(sed -nE 's/^(async )?(function\*?|const|let|class) +([A-Za-z0-9_$]+).*/\3/p' \
	"$target.js" | sort | uniq -d | tr '\n' ' ')
[ -z "$twice" ] || fail "two modules declare: $twice"
! grep -Eiq '</script|<!--' "$target.js" || fail "a module ends the script"
! grep -iq '</style' "$target.css" || fail "$name.css ends the style sheet"

script=$(hash_of "$target.js")
style=$(hash_of "$target.css")

# The frame has lines that stand for a file, and words that stand for a text.
awk -v target="$target" -v script="$script" -v style="$style" -v title="$title" -v data="$data" \
	-v connect="$connect" -v reading="$reading" -v needs="$needs" '
	function put(file, line) { printf "%s", line >> file }
	function copy(file, from,   line)
	{
		while ((getline line < from) > 0)
			put(file, line "\n")
		close(from)
	}
	BEGIN {
		out = target "_head.html"
		printf "" > out
		printf "" > (target "_tail.html")
	}
	/^@STYLE@$/  { put(out, "<style>"); copy(out, target ".css"); put(out, "</style>\n"); next }
	/^@SCRIPT@$/ { put(out, "<script type=\"module\">"); copy(out, target ".js"); put(out, "</script>\n"); next }
	/^@DATA@$/ {
		put(out, "<script type=\"application/json\" id=\"" data "\">")
		out = target "_tail.html"
		put(out, "</script>\n")
		next
	}
	{
		sub(/@SCRIPT_HASH@/, "sha256-" script)
		sub(/@STYLE_HASH@/, "sha256-" style)
		sub(/@CONNECT@/, connect)
		sub(/@TITLE@/, title)
		sub(/@READING@/, reading)
		sub(/@NEEDS@/, needs)
		put(out, $0 "\n")
	}
	/Content-Security-Policy/ {
		sub(/^.* content="/, "")
		sub(/">$/, "")
		printf "%s", $0 > (target "_policy")
	}
' frame.html
