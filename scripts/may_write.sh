#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# may_write.sh install|uninstall DIRECTORY...
#	  May this user write into the directories, or make those that are not there? Else
#	  a line says so before anything is half done, and the exit status is 1.

what=$1
shift
for directory in "$@"; do
	while [ ! -d "$directory" ]; do
		directory=$(dirname "$directory")
	done
	if [ ! -w "$directory" ]; then
		echo "You may not write into $directory: sudo make $what" >&2
		exit 1
	fi
done
