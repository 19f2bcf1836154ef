# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# package_builder.sh
#	  Debian's packages, built of HEAD in a fresh minimal Debian 12. To be sourced
#	  after scripts/debian.sh, with $work, a directory, and $builder, the path of a
#	  chroot.

# shellcheck disable=SC2154 # whoever sources this sets both

make_builder()
{
	make_debian bookworm "$builder" \
		--include=build-essential,lintian,devscripts,equivs
	mkdir "$builder/src"
	git archive HEAD | tar -x -C "$builder/src"
	mount_chroot "$builder"
	in_chroot "$builder" "cd /src && apt-get update -q &&
		apt-get build-dep -y -q ./ " >"$work/builder.log" 2>&1 ||
		{ tail -n 40 "$work/builder.log"; return 1; }
}

# Builds the tree that lies in the builder's /src; the packages go to directory $1.
build_packages()
{
	local out=$1 log

	log=$work/build-${out##*/}.log
	rm -f "$builder"/*.deb "$builder"/*.changes "$builder"/*.buildinfo
	in_chroot "$builder" "cd /src && pg_buildext updatecontrol &&
		dpkg-buildpackage -us -uc -b -j$(nproc)" >"$log" 2>&1 ||
		{ tail -n 40 "$log"; return 1; }
	mkdir -p "$out"
	cp "$builder"/*.deb "$out/"
}
