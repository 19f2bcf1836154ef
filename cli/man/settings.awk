# SPDX-License-Identifier: Apache-2.0
#
# settings.awk
#	  Makes the rows of a table of settings in a page of docs/ entries of a manual page.
#
# first is the heading of the table's first column: the table ends with the first line
# that is no row. Who changes a setting changes it there, and nowhere else.

function text_of(cell)
{
	gsub(/^ +| +$/, "", cell)
	cell = without_links(cell)
	gsub(/\\/, "\\e", cell)
	gsub(/…/, "...", cell)
	while (match(cell, /`[^`]*`/))
		cell = substr(cell, 1, RSTART - 1) "\\fB" \
			substr(cell, RSTART + 1, RLENGTH - 2) "\\fR" \
			substr(cell, RSTART + RLENGTH)
	return cell
}

# A link becomes its words.
function without_links(cell,    words)
{
	while (match(cell, /\[[^]]*\]\([^)]*\)/)) {
		words = substr(cell, RSTART + 1, RLENGTH)
		sub(/\].*/, "", words)
		cell = substr(cell, 1, RSTART - 1) words substr(cell, RSTART + RLENGTH)
	}
	return cell
}

$0 ~ "^\\| " first " \\|" {
	columns = split($0, heading, / *\| */) - 2
	wanted = 1
	next
}
wanted && !/^\|/ { exit }
!wanted || /^\|-/ { next }
{
	split(substr($0, 2, length($0) - 2), cell, "|")
	print ".TP"
	name = text_of(cell[1])
	print (name != "" ? name : text_of(cell[2]))
	first_line = 1
	for (i = 2; i <= columns; i++) {
		text = text_of(cell[i])
		if (text == "" || (name == "" && i == 2))
			continue
		if (!first_line)
			print ".br"
		first_line = 0
		if (heading[i + 1] != "")
			print toupper(substr(heading[i + 1], 1, 1)) substr(heading[i + 1], 2) ": " text "."
		else
			print toupper(substr(text, 1, 1)) substr(text, 2) "."
	}
}
