#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# setup.sh [--build | --demo | --check | --firefox | --chroots | --openstack]
#	  Installs what is missing, from Debian's archive: with --build what building
#	  needs and nothing else, for SQLite alone if WITHOUT=postgresql is in the
#	  environment; with --demo also a PostgreSQL server and what else ./demo.sh
#	  needs, with --check (the default) all that ./check.sh needs, with --firefox
#	  also what `make check-firefox` needs, with --chroots what is needed to make
#	  other Debians for tests, with --openstack what `make check-openstack` needs.
#
# Does nothing, and needs no rights, when all is there. Else it must be root, or
# have sudo. No server is started, and no database cluster made, by what is
# installed: policy-rc.d and PostgreSQL's own switch are set while it goes on.

set -euo pipefail

build_packages=(
	gcc libc6-dev make pkg-config libssl-dev libsqlite3-dev
	libcurl4-openssl-dev libhiredis-dev libmariadb-dev libmicrohttpd-dev librabbitmq-dev
	libzstd-dev zlib1g-dev
)
postgres_build_packages=(libpq-dev)
demo_packages=(ca-certificates util-linux)
check_packages=(
	chromium-headless-shell clang clang-format clang-tidy cppcheck curl g++ graphviz libclang-rt-dev libcmocka-dev
	libdbd-pg-perl libdbd-sqlite3-perl libio-pty-perl libipc-run-perl
	libmongoc-dev libprotobuf-c-dev openssl perl
	pgbouncer php-cli php-pgsql php-sqlite3 procps protobuf-c-compiler
	python3-amqp python3-django python3-elasticsearch python3-eventlet
	python3-oslo.messaging
	python3-graphviz python3-jsonschema
	python3-pip python3-setuptools python3-wheel python3-osprofiler python3-psycopg
	python3-psycopg2 python3-pymongo python3-redis python3-sqlalchemy rabbitmq-server
	redis-server redis-tools ruby ruby-pg shellcheck sqlcipher
	sqlite3 valgrind zsh
	mariadb-client-core mariadb-server-core python3-mysqldb python3-pymysql
)
chroot_packages=(git mmdebstrap util-linux)
openstack_packages=(
	keystone python3-osprofiler python3-pip python3-psycopg2 python3-pymongo python3-redis
	python3-setuptools python3-wheel redis-server redis-tools uwsgi-core
	uwsgi-plugin-python3
)

say()
{
	printf 'setup: %s\n' "$*" >&2
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo -- "$@"
	fi
}

is_installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# A PostgreSQL of whatever version and origin will do, if it is whole.
has_postgres()
{
	local config=${PG_CONFIG:-pg_config}

	command -v "$config" >/dev/null || return 1
	[ -x "$("$config" --bindir)/postgres" ] || return 1
	[ -x "$("$config" --bindir)/psql" ] || return 1
	[ -e "$("$config" --pgxs)" ] || return 1
	[ -e "$("$config" --includedir-server)/postgres.h" ]
}

# What the extension is built with is there.
has_postgres_headers()
{
	local config=${PG_CONFIG:-pg_config}

	command -v "$config" >/dev/null || return 1
	[ -e "$("$config" --pgxs)" ] || return 1
	[ -e "$("$config" --includedir-server)/postgres.h" ]
}

# The version that Debian's release has, "15".
postgres_version()
{
	apt-cache depends postgresql 2>/dev/null |
		sed -n 's/^ *Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1
}

# Debian's npm, or the one that comes with a Node of another origin.
node_packages()
{
	command -v npm >/dev/null || echo nodejs npm
}

# Prints the packages of "$@" that are not there, one a line.
missing_packages()
{
	local package

	for package in "$@"; do
		is_installed "$package" || echo "$package"
	done
}

# apt-get, whose many lines go to the log.
apt()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -q \
		-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
		-o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 "$@" \
		>>"$log" 2>&1 </dev/null
}

apt_update()
{
	say "reading the package lists"

	# A foreign archive in the configuration may be out of reach; what matters
	# is whether the packages can be installed then.
	apt update || true
}

policy=/usr/sbin/policy-rc.d
no_cluster=/etc/postgresql-common/createcluster.d/osprofiler-setup.conf
policy_saved=
log=

# While packages go in, their scripts start no server and make no cluster.
hold_servers()
{
	if [ -e "$policy" ]; then
		policy_saved=$(mktemp)
		cp -p "$policy" "$policy_saved"
	fi
	as_root mkdir -p /etc/postgresql-common/createcluster.d
	echo 'create_main_cluster = false' | as_root tee "$no_cluster" >/dev/null
	printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
	as_root chmod 755 "$policy"
}

release_servers()
{
	rm -f "$log"
	as_root rm -f "$no_cluster"
	if [ -n "$policy_saved" ]; then
		as_root cp -p "$policy_saved" "$policy"
		rm -f "$policy_saved"
	else
		as_root rm -f "$policy"
	fi
}

# A server that we brought along shall not start with the machine either.
disable_services()
{
	local service

	command -v systemctl >/dev/null || return 0
	for service in "$@"; do
		as_root systemctl disable --quiet "$service" >/dev/null 2>&1 || true
	done
}

# install_missing POSTGRES PACKAGE...: with a "server", with its "headers", or "none".
install_missing()
{
	local postgres=$1 need_postgres=no version server
	local -a missing services=()

	shift
	mapfile -t missing < <(missing_packages "$@")
	case $postgres in
		server) has_postgres || need_postgres=yes ;;
		headers) has_postgres_headers || need_postgres=yes ;;
	esac
	if [ ${#missing[@]} -eq 0 ] && [ $need_postgres = no ]; then
		return 0
	fi
	if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
		say "not installed: ${missing[*]:-PostgreSQL}; run this as root"
		return 1
	fi
	log=$(mktemp)
	if [ -z "$(postgres_version)" ]; then
		apt_update
	fi
	if [ $need_postgres = yes ]; then
		version=$(postgres_version)
		missing+=("postgresql-server-dev-$version")
		if [ "$postgres" = server ]; then
			missing+=("postgresql-$version" "postgresql-plperl-$version")
			services+=(postgresql)
		fi
	fi
	for server in keystone rabbitmq-server redis-server pgbouncer; do
		[[ " ${missing[*]} " != *" $server "* ]] || services+=("$server")
	done

	say "installing ${missing[*]}"
	hold_servers
	trap release_servers EXIT
	if ! apt install --no-install-recommends "${missing[@]}"; then
		apt_update
		if ! apt install --no-install-recommends "${missing[@]}"; then
			tail -n 30 "$log" >&2
			return 1
		fi
	fi
	disable_services ${services[@]+"${services[@]}"}
	release_servers
	trap - EXIT
}

case ${1:---check} in
	--build)
		# shellcheck disable=SC2086 # names, with spaces between them
		"${0%/*}/known.sh" part ${WITHOUT:-} >&2
		if [[ " ${WITHOUT:-} " == *" postgresql "* ]]; then
			install_missing none "${build_packages[@]}"
		else
			install_missing headers "${build_packages[@]}" \
				"${postgres_build_packages[@]}"
		fi
		;;
	--demo)
		install_missing server "${build_packages[@]}" \
			"${postgres_build_packages[@]}" "${demo_packages[@]}"
		;;
	--check | --firefox)
		read -r -a node < <(node_packages; echo)
		[ "${1:-}" != --firefox ] || check_packages+=(firefox-esr)
		install_missing server "${build_packages[@]}" \
			"${postgres_build_packages[@]}" "${demo_packages[@]}" \
			"${check_packages[@]}" ${node[@]+"${node[@]}"}
		;;
	--chroots)
		install_missing server "${build_packages[@]}" \
			"${postgres_build_packages[@]}" "${chroot_packages[@]}"
		;;
	--openstack)
		install_missing server "${build_packages[@]}" \
			"${postgres_build_packages[@]}" "${openstack_packages[@]}"
		;;
	*)
		echo "usage: $0 [--build | --demo | --check | --firefox | --chroots | --openstack]" >&2
		exit 2
		;;
esac
