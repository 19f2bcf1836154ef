#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# install_extension.sh DESTDIR PREFIX
#	  Says, with exit status 0, that the extension is left out of `make install`,
#	  because this user may not write where PostgreSQL has its files; exit status 1:
#	  it is to be installed.
#
# A user without root installs everything else: make install PREFIX=~/.local

directory=$("${PG_CONFIG:-pg_config}" --pkglibdir) || exit 1
if [ -n "$1" ] || [ -w "$directory" ] || [ ! -d "$directory" ]; then
	exit 1
fi

# Where even the rest needs root it was an oversight, which make reports.
case $2 in
	/usr | /usr/*) exit 1 ;;
esac
echo "The extension was left out: $directory is not writable for you. As root:"
echo "  make install-extension PREFIX=$2"
