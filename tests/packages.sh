#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# packages.sh
#	  Builds Debian's packages in one fresh minimal Debian 12, judges them with
#	  lintian, and installs, uses, upgrades, removes and purges them in another.
#
# Needs root and git; takes some ten minutes. The next release that is upgraded to
# is made up here. Everything is removed at the end; KEEP=1 keeps the chroots.

set -euo pipefail

cd "$(dirname "$0")/.."
# shellcheck source=scripts/debian.sh
. scripts/debian.sh
# shellcheck source=tests/package_builder.sh
. tests/package_builder.sh
in_own_mounts tests/packages.sh "$@"

work=$(mktemp -d /var/tmp/osprofiler-packages.XXXXXX)
builder=$work/builder
user=$work/user
failures=0
number=0
next=9.9.9

say()
{
	printf '%s packages: %s\n' "$(date +%T)" "$*"
}

clean_up()
{
	local root

	for root in "$builder" "$user"; do
		[ ! -d "$root" ] || { end_chroot_processes "$root" && unmount_chroot "$root"; }
	done
	[ -n "${KEEP:-}" ] || rm -rf --one-file-system "$work"
}

# Runs "$2" in the chroot of the user and prints a TAP line; what it printed only
# if it failed.
check()
{
	local what=$1 output

	number=$((number + 1))
	if output=$(in_chroot "$user" "set -e; $2" 2>&1); then
		echo "ok $number - $what"
	else
		echo "not ok $number - $what"
		printf '%s\n' "$output" | tail -n 40 | sed 's/^/# /'
		failures=$((failures + 1))
	fi
}

# The next release, with a script that upgrades the extension.
make_next()
{
	local version

	version=$(sed -n 's/^VERSION *:= //p' "$builder/src/config.mk")
	sed -i "s/^VERSION   := .*/VERSION   := $next/" "$builder/src/config.mk"
	mkdir -p "$builder/src/pg_osprofiler/upgrades"
	echo "COMMENT ON EXTENSION osprofiler IS 'upgraded';" \
		>"$builder/src/pg_osprofiler/upgrades/osprofiler--$version--$next.sql"
	in_chroot "$builder" "cd /src && DEBEMAIL=a@b.example DEBFULLNAME=A \
		dch -b -v $next-1 'The next one.'"
}

# The person's machine: PostgreSQL, Python's OSProfiler, and nothing of ours.
make_user()
{
	say "making a Debian to install on"
	make_debian bookworm "$user" \
		--include=postgresql-15,python3-osprofiler,procps,python3-psycopg2,python3-sqlalchemy
	mount_chroot "$user"
	in_chroot "$user" "apt-get update -q" >"$work/user.log" 2>&1
	mkdir -p "$user/packages"
	cut -d: -f1 "$user/etc/passwd" "$user/etc/group" >"$work/names"
}

lint()
{
	number=$((number + 1))
	if in_chroot "$builder" "lintian --fail-on error,warning \
		--tag-display-limit 0 --allow-root /*.changes" >"$work/lintian" 2>&1; then
		echo "ok $number - lintian"
	else
		echo "not ok $number - lintian"
		sed 's/^/# /' "$work/lintian"
		failures=$((failures + 1))
	fi
}

# One trace of psql and the server, by the command and the agent of the package.
# shellcheck disable=SC2016
trace='
cd /tmp
context=$(runuser -u postgres -- env OSPROFILER_HMAC_KEYS=K osprofiler run \
	--connection-string sqlite:////var/tmp/traces.db \
	psql -Atc "SELECT 40 + 2" 2>&1)
echo "$context"
id=$(echo "$context" | sed -n "s/^Trace ID: //p")
for try in $(seq 100); do
	runuser -u postgres -- osprofiler trace show \
		--connection-string sqlite:////var/tmp/traces.db "$id" >tree || true
	grep -q "pg .*SELECT 40" tree && break
	sleep 0.1
done
cat tree
grep -q "db .*SELECT 40" tree
grep -q "pg .*SELECT 40" tree
'

# A service with Python's OSProfiler and SQLAlchemy: its "db" has a "pg" below it.
# shellcheck disable=SC2016
python_trace='
cat >/tmp/service.py <<END
import sqlalchemy
from osprofiler import notifier, profiler, sqlalchemy as traced

engine = sqlalchemy.create_engine(
    "postgresql+psycopg2:///postgres?plugin=osprofiler")
traced.add_tracing(sqlalchemy, engine, "db")
profiler.init("K")
notifier.set(lambda info: None)
print(profiler.get().get_base_id())
with engine.connect() as connection:
    connection.execute(sqlalchemy.text("SELECT 40 + 3"))
END
chmod 755 /tmp/service.py
id=$(runuser -u postgres -- python3 /tmp/service.py)
for try in $(seq 100); do
	runuser -u postgres -- osprofiler trace show \
		--connection-string sqlite:////var/tmp/traces.db "$id" >tree || true
	grep -q "pg .*SELECT 40 + 3" tree && break
	sleep 0.1
done
cat tree
grep -q "pg .*SELECT 40 + 3" tree
'

settings='
install -m 600 -o postgres <(echo K) /etc/postgresql/15/main/keys
cat >/etc/postgresql/15/main/conf.d/tracing.conf <<END
session_preload_libraries = '"'osprofiler'"'
osprofiler.hmac_keys_file = '"'/etc/postgresql/15/main/keys'"'
osprofiler.connection_string = '"'sqlite:////var/tmp/traces.db'"'
listen_addresses = '"''"'
END
pg_ctlcluster 15 main start
runuser -u postgres -- psql -qc "CREATE EXTENSION osprofiler"
'

in_database()
{
	echo "runuser -u postgres -- psql -Atc \"$1\""
}

use_packages()
{
	local first=$1

	check "installs" "apt-get install -y -q /packages/first/osprofiler-db_*.deb \
		/packages/first/libosprofiler0_*.deb \
		/packages/first/osprofiler-driver-{redis,messaging,otlp,postgresql}_*.deb \
		/packages/first/postgresql-15-osprofiler_*.deb"
	check "the command is ours" "osprofiler --version | grep -qF '$first'"
	check "Python's command is there, too" \
		"osprofiler.python3 trace show --help | grep -q render-dot"
	check "alternatives choose" \
		"update-alternatives --set osprofiler /usr/bin/osprofiler.python3
		osprofiler --help | grep -q 'OpenStack Profiler'
		update-alternatives --auto osprofiler"
	check "the server is set up" "$settings"
	check "one tree of client and server" "$trace"
	check "Python: OSProfiler's operations have the server's below them" "
		apt-get install -y -q /packages/first/python3-osprofiler-db_*.deb
		$python_trace"
	check "a C program finds headers and library" "apt-get install -y -q gcc libc6-dev pkg-config \
		libssl-dev /packages/first/libosprofiler-dev_*.deb
		echo '#include <osprofiler/profiler.h>
		int main(void) { osp_clean(); return 0; }' >/tmp/program.c
		gcc /tmp/program.c -o /tmp/program \$(pkg-config --cflags --libs osprofiler)
		/tmp/program"
}

upgrade_packages()
{
	check "upgrades" "echo '# kept' >>/etc/osprofiler/agent.conf
		apt-get install -y -q \$(cd /packages/next; for file in *.deb; do
			dpkg -s \${file%%_*} >/dev/null 2>&1 && echo /packages/next/\$file; done)
		osprofiler --version | grep -qF $next
		tail -n 1 /etc/osprofiler/agent.conf | grep -q kept"
	check "a session between upgrade and ALTER EXTENSION" "$trace"
	check "ALTER EXTENSION UPDATE" "$(in_database 'ALTER EXTENSION osprofiler UPDATE')
		$(in_database "SELECT obj_description(oid, 'pg_extension'), extversion
			FROM pg_extension WHERE extname = 'osprofiler'") | grep -qxF 'upgraded|$next'"
	check "one tree after it" "$trace"
}

remove_packages()
{
	check "what a server still loads cannot be removed, and apt says where it is set" "
		$(in_database "ALTER ROLE ALL SET session_preload_libraries = 'osprofiler'")
		apt-get remove -y postgresql-15-osprofiler >said 2>&1 && exit 1
		grep -q 'Take osprofiler out of it' said
		grep -q '^E:   15/main: /etc/postgresql/15/main/conf.d/tracing.conf' said
		grep -q '^E:   15/main: ALTER ROLE ALL SET session_preload_libraries=osprofiler' said
		$(in_database 'ALTER ROLE ALL RESET session_preload_libraries')
		$(in_database 'SELECT 1')"
	check "nor of a server that is stopped or cannot be asked, unless it is excepted" "
		sed -i.all /preload/d /etc/postgresql/15/main/conf.d/tracing.conf
		pg_ctlcluster 15 main restart
		$(in_database "ALTER ROLE ALL SET session_preload_libraries = 'osprofiler'")
		pg_ctlcluster 15 main stop
		apt-get remove -y postgresql-15-osprofiler >said 2>&1 && exit 1
		grep -q '^E:   15/main: it is stopped, and a setting of a role or database may name osprofiler' said
		grep -q '^E:   first start it: pg_ctlcluster 15 main start' said
		grep -q \"^E:   osprofiler doctor --unfix 'port=5432 dbname=postgres'\" said
		prerm=/var/lib/dpkg/info/postgresql-15-osprofiler.prerm
		OSPROFILER_REMOVE_FROM=15/main sh \$prerm remove
		pg_ctlcluster 15 main start
		$(in_database 'ALTER ROLE ALL RESET session_preload_libraries')
		$(in_database 'VACUUM FULL pg_db_role_setting')
		pg_ctlcluster 15 main stop
		sh \$prerm remove
		pg_ctlcluster 15 main start
		pg_ctlcluster -m immediate 15 main stop
		sh \$prerm remove && exit 1
		pg_ctlcluster 15 main start
		cp -p /etc/postgresql/15/main/pg_hba.conf /tmp
		sed -i 's/peer/reject/' /etc/postgresql/15/main/pg_hba.conf
		pg_ctlcluster 15 main reload
		sleep 1
		sh \$prerm remove >said 2>&1 && exit 1
		grep -q 'cannot be read:.*rejects connection' said
		mv /tmp/pg_hba.conf /etc/postgresql/15/main/
		mv /etc/postgresql/15/main/conf.d/tracing.conf.all \
			/etc/postgresql/15/main/conf.d/tracing.conf
		pg_ctlcluster 15 main restart"
	check "where it is gone all the same, nobody is let in but a superuser, as README has it" "
		library=/usr/lib/postgresql/15/lib/osprofiler.so
		mv \$library \$library.away
		$(in_database 'SELECT 1') && exit 1
		PGOPTIONS='-c session_preload_libraries=' \
			$(in_database "SELECT sourcefile FROM pg_file_settings WHERE name ~ 'preload_libraries'") |
			grep -qx /etc/postgresql/15/main/conf.d/tracing.conf
		mv \$library.away \$library"
	check "nor while a session has it, whose parallel queries would fail" "
		runuser -u postgres -- psql -qd postgres -c 'SELECT pg_sleep(600)' >/dev/null 2>&1 &
		sleep 2
		rm /etc/postgresql/15/main/conf.d/tracing.conf
		pg_ctlcluster 15 main reload
		sh /var/lib/dpkg/info/postgresql-15-osprofiler.prerm remove >said 2>&1 && exit 1
		grep -q '^E:   15/main: these processes have it loaded until they end' said
		$(in_database "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'pg_slee[p]'")
		sleep 1"
	check "and once it is out of the setting, it is removed, and everybody is let in" "
		$(in_database 'DROP EXTENSION osprofiler') >/dev/null
		apt-get remove -y postgresql-15-osprofiler
		$(in_database 'SELECT 1')
		sleep 1
		pgrep -P \$(head -n 1 /var/lib/postgresql/15/main/postmaster.pid) -f 'osprofiler shipper' && exit 1
		true"
	check "the plugin of Python stays while a service names it" "
		echo 'connection_parameters = plugin=osprofiler' >/etc/a-service.conf
		apt-get remove -y python3-osprofiler-db >said 2>&1 && exit 1
		grep -q '^E:   /etc/a-service.conf' said
		rm /etc/a-service.conf"
	check "doctor has no server load what is not installed" "
		cd /tmp
		runuser -u postgres -- env OSPROFILER_HMAC_KEYS=K \
			osprofiler doctor --fix --connection-string sqlite:////var/tmp/traces.db \
			dbname=postgres >doctor && exit 1
		grep -q 'package postgresql-15-osprofiler' doctor
		$(in_database 'SELECT 1')"
	check "the rest is removed" "apt-get remove -y -q 'osprofiler-d*' 'libosprofiler*' python3-osprofiler-db"
	check "Python's command is what it was" "dpkg -V python3-osprofiler
		dpkg -S /usr/bin/osprofiler | grep -q '^python3-osprofiler:'
		osprofiler --help | grep -q 'OpenStack Profiler'"
	check "is installed again, beside a Python that comes later" "
		apt-get remove -y -q python3-osprofiler
		apt-get install -y -q /packages/next/osprofiler-db_*.deb /packages/next/libosprofiler0_*.deb
		osprofiler --version
		apt-get install -y -q python3-osprofiler
		osprofiler --version | grep -qF $next
		osprofiler.python3 --help | grep -q 'OpenStack Profiler'
		update-alternatives --display osprofiler | grep -q python3"
	check "and purged" "pg_dropcluster --stop 15 main
		apt-get clean
		apt-get purge -y -q \$(dpkg-query -W -f '\${Package}\n' '*osprofiler*')
		rm -rf /packages /tmp/* /var/tmp/traces.db*"
	check "which leaves nothing" "
		left=\$(find / /dev/shm -xdev -iname '*osprofiler*' ! -path '/proc/*' ! -path '/var/lib/apt/*')
		echo \"\$left\"
		[ -z \"\$left\" ]"
	check "no file, unit or user of ours, by whatever name" "
		dpkg-query -W -f '\${db:Status-Abbrev}\${Package}\n' '*osprofiler*' |
			grep -v ^un && exit 1
		grep -rlsi osprofiler /etc /run /var/spool /lib/systemd && exit 1
		cut -d: -f1 /etc/passwd /etc/group >/tmp/names
		echo '$(base64 -w 0 "$work/names")' | base64 -d | diff - /tmp/names"
}

trap clean_up EXIT
trap 'exit 130' INT TERM
say "making a Debian to build in"
make_builder
make_user
say "building"
build_packages "$user/packages/first"
lint
first=$(sed -n 's/^VERSION *:= //p' config.mk)
make_next
say "building the next version"
build_packages "$user/packages/next"
use_packages "$first"
upgrade_packages
remove_packages
say "$number checks, $failures failed"
[ $failures -eq 0 ]
