#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# remove_empty.sh DIRECTORY...
#	  Removes the directories that are empty, and then what holds them, up to the first
#	  one that lies in every PREFIX.

for directory in "$@"; do
	while [ -d "$directory" ]; do
		case $directory in
			*/lib | */share | */share/man | */bin | */include) break ;;
		esac
		rmdir "$directory" 2>/dev/null || break
		directory=$(dirname "$directory")
	done
done
