#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# known.sh part|variable NAME...
#	  Is each a part that WITHOUT may name, or a variable of `make`? Else a line says
#	  which one is none, and what was meant, and the exit status is 1.

config=$(dirname "$0")/../config.mk
kind=$1
shift
case $kind in
	part) known=$(sed -n 's/^OPTIONAL := //p' "$config") ;;
	*) known="$(sed -n 's/^\([A-Za-z_]*\) *?=.*/\1/p' "$config") CFLAGS CPPFLAGS LDFLAGS" ;;
esac

exec awk -v kind="$kind" -v names="$*" -v known="$known" '
# How many letters must be changed, put in or left out to make b of a.
function distance(a, b,    row, i, j, diagonal, above, least)
{
	for (j = 0; j <= length(b); j++)
		row[j] = j
	for (i = 1; i <= length(a); i++)
	{
		diagonal = row[0]
		row[0] = i
		for (j = 1; j <= length(b); j++)
		{
			above = row[j]
			least = diagonal + (substr(a, i, 1) != substr(b, j, 1))
			if (above + 1 < least)
				least = above + 1
			if (row[j - 1] + 1 < least)
				least = row[j - 1] + 1
			row[j] = least
			diagonal = above
		}
	}
	return row[length(b)]
}

# The one that resembles it most: by a few letters, or as a part of it.
function similar(name,    i, n, all, changes, best, found)
{
	n = split(known, all, " ")
	best = 4
	for (i = 1; i <= n; i++)
	{
		changes = distance(tolower(name), tolower(all[i]))
		if (index(tolower(all[i]), tolower(name)) == 1 || index(tolower(name), tolower(all[i])) == 1)
			changes = 0
		if (changes < best && 2 * changes <= length(all[i]))
		{
			best = changes
			found = all[i]
		}
	}
	return found
}

BEGIN {
	gsub(/[ \n]+/, " ", known)
	n = split(names, each, " ")
	for (i = 1; i <= n; i++)
		if (index(" " known " ", " " each[i] " ") == 0)
		{
			guess = similar(each[i])
			printf "there is no %s \047%s\047%s (there are: %s)\n", kind, each[i],
				guess == "" ? "" : "; did you mean " guess "?", known
			exit 1
		}
}'
