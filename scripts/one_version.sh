#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# one_version.sh [packages]
#	  Do all files that name the version have that of config.mk, and has each release a
#	  script that upgrades the extension from the one before? Says what to change where
#	  not. packages: only what Debian's packages need.
set -eu

cd "$(dirname "$0")/.."
version=$(sed -n 's/^VERSION *:= *//p' config.mk)
wrong=0

say()
{
	echo "version: $*" >&2
	wrong=1
}

# The version that debian/changelog begins with and those before it that were released,
# without Debian's revision.
packaged()
{
	sed -n '/^osprofiler-db (/p' debian/changelog | sed '2,${/) UNRELEASED;/d}' |
		sed 's/^osprofiler-db (\(.*\)) .*/\1/; s/-[^-]*$//' | uniq
}

first=$(packaged | head -n 1)
[ "$first" = "$version" ] ||
	say "config.mk has VERSION := $version, debian/changelog begins with $first:" \
		"change the one that is wrong (dch -v $version-1 'What is new', or VERSION in config.mk)"

newer=
for older in $(packaged); do
	script=pg_osprofiler/upgrades/osprofiler--$older--$newer.sql
	[ -z "$newer" ] || [ -e "$script" ] ||
		say "there is no $script, so ALTER EXTENSION osprofiler UPDATE would fail after the upgrade:" \
			"write it, from the changes of pg_osprofiler/osprofiler.sql between these versions" \
			"(a file with a comment if there are none)"
	newer=$older
done

if [ "${1:-}" != packages ]; then
	[ "$(head -n 15 META.json | grep -c "\"version\": \"$version\"")" -eq 2 ] ||
		say "META.json has another version than config.mk, $version"
	grep -qxF "version = \"$version\"" integrations/python/pyproject.toml ||
		say "integrations/python/pyproject.toml has another version than config.mk, $version"
	grep -m 1 '^## ' CHANGELOG.md | grep -qF "$version" ||
		say "CHANGELOG.md begins with another version than config.mk, $version"
fi
exit $wrong
