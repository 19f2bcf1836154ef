# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# core_source.sh
#	  PostgreSQL's own tests, from Debian's source package. To be sourced, after
#	  scripts/debian.sh.

# Versions of the source package, the preferred one first, then the newest: a
# mirror may not have the source of what is installed any more.
source_versions()
{
	local dir=$1 package=$2 preferred=$3

	echo "$preferred"
	source_apt "$dir" apt-cache showsrc "$package" |
		sed -n 's/^Version: //p' | grep -vxF "$preferred" | sort -rVu
}

# Unpacks the test suites of PostgreSQL, major version $1, into $2 unless they
# are there. Prints the package's version.
fetch_core_tests()
{
	local package=postgresql-$1 target=$2 dir version preferred release

	if [ -e "$target/version" ]; then
		cat "$target/version"
		return 0
	fi
	preferred=$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null || echo none)
	release=$(. /etc/os-release && echo "$VERSION_CODENAME")
	dir=$(mktemp -d)
	mkdir "$dir/got"
	source_apt_begin "$dir" "$release" >&2
	for version in $(source_versions "$dir" "$package" "$preferred"); do
		if (cd "$dir/got" && source_apt "$dir" apt-get source --download-only \
			"$package=$version" >&2); then
			rm -rf "$target"
			mkdir -p "$target"
			tar -C "$target" --strip-components=1 --wildcards \
				-xf "$dir"/got/*.orig.tar.* '*/src/test/regress' \
				'*/src/test/isolation'
			echo "$version" >"$target/version"
			break
		fi
	done
	rm -rf "$dir"
	cat "$target/version"
}
