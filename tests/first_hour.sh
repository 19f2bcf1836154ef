#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# first_hour.sh [READER...]
#	  Follows README.md to the first trace, once for each kind of reader, each in a
#	  fresh minimal Debian 12 that has what such a reader has: the commands are taken
#	  from the blocks that README marks, so they cannot differ from what it says.
#
# A reader is "sqlite", "backend", "dba" or "operator". For each: how many commands it
# took, and how many seconds after the first one, which builds or installs. A command
# is a line that begins with "$ "; "> " goes on with it. The last one has to draw the
# trace. Needs root and git; takes some fifteen minutes, with the packages that are
# built for the dba; PACKAGES=DIR has them already. Everything is removed at the end;
# KEEP=1 keeps the chroots.

set -euo pipefail

cd "$(dirname "$0")/.."
# shellcheck source=scripts/debian.sh
. scripts/debian.sh
# shellcheck source=tests/package_builder.sh
. tests/package_builder.sh
in_own_mounts tests/first_hour.sh "$@"

seconds_max=120
work=$(mktemp -d /var/tmp/osprofiler-first.XXXXXX)
builder=$work/builder
home=/home/anna # in the chroot
failures=0
number=0
root=

say()
{
	printf '%s first_hour: %s\n' "$(date +%T)" "$*"
}

end_chroot()
{
	[ -d "$1" ] || return 0
	end_chroot_processes "$1"
	unmount_chroot "$1"
	[ -n "${KEEP:-}" ] || rm -rf --one-file-system "$1"
}

clean_up()
{
	[ -z "$root" ] || end_chroot "$root"
	end_chroot "$builder"
	[ -n "${KEEP:-}" ] || rm -rf --one-file-system "$work"
}

# --- the machines of the readers --------------------------------------------------

# A Debian with a user anna, who may use sudo, and packages of "$2".
make_machine()
{
	root=$1
	make_debian bookworm "$root" --include="sudo,procps,$2"
	mount_chroot "$root"
	echo '127.0.1.1 debian' >>"$root/etc/hosts"
	in_chroot "$root" "apt-get update -q && useradd -m -s /bin/bash anna &&
		echo 'anna ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/anna &&
		echo 'Defaults !fqdn' >/etc/sudoers.d/names" >"$work/machine.log" 2>&1 ||
		{ tail -n 40 "$work/machine.log"; return 1; }
}

# Runs a file of bash as anna, in the directory that she works in.
as_anna()
{
	in_chroot "$root" "cd $home/src && exec runuser -u anna -- env -i \
		PATH=/usr/local/bin:/usr/bin:/bin HOME=$home LANG=C.UTF-8 \
		bash -e $1" </dev/null
}

# The checkout, for who builds.
add_checkout()
{
	mkdir "$root$home/src"
	git archive HEAD | tar -x -C "$root$home/src"
}

# Debian's packages of this tree, built once.
make_packages()
{
	[ -z "${PACKAGES:-}" ] || return 0
	say "building the packages"
	make_builder
	build_packages "$work/packages"
	end_chroot "$builder"
	PACKAGES=$work/packages
}

# For who installs them.
add_packages()
{
	mkdir "$root$home/src"
	cp "$PACKAGES"/*.deb "$root$home/src/"
}

# It is reached by its socket, for the network is that of this machine.
start_postgres()
{
	echo "listen_addresses = ''" >"$root/etc/postgresql/15/main/conf.d/socket.conf"
	in_chroot "$root" "pg_ctlcluster 15 main start || pg_ctlcluster 15 main status" >/dev/null
}

machine_sqlite()
{
	make_machine "$1" python3
	add_checkout
	cat >"$root$home/src/app.py" <<-'END'
		import sqlite3

		db = sqlite3.connect("app.db")
		db.execute("CREATE TABLE note (text)")
		db.execute("INSERT INTO note VALUES ('buy milk')")
		print(db.execute("SELECT count(*) FROM note").fetchone()[0])
	END
}

# A PostgreSQL that lets anna in as who she is; $1 is what else she is there.
add_shop()
{
	start_postgres
	in_chroot "$root" "runuser -u postgres -- psql -Xq \
		-c 'CREATE ROLE anna LOGIN $1' -c 'CREATE DATABASE shop OWNER anna'"
}

machine_backend()
{
	make_machine "$1" postgresql-15,python3-psycopg2
	add_checkout
	add_shop SUPERUSER
	cat >"$root$home/src/app.py" <<-'END'
		import psycopg2

		db = psycopg2.connect("dbname=shop")
		cursor = db.cursor()
		cursor.execute("CREATE TABLE IF NOT EXISTS product (id int, name text)")
		cursor.execute("INSERT INTO product VALUES (%s, %s)", (1, "tea"))
		cursor.execute("SELECT count(*) FROM product")
		print(cursor.fetchone()[0])
		db.commit()
	END
}

# Makes the same machine one where nothing was set up, and anna nobody special in the
# server: she can only use sudo.
demote_anna()
{
	in_chroot "$root" "set -e; rm -r $home/.config $home/.local
		cd /; psql='runuser -u postgres -- psql -Xq'
		\$psql -d shop -c 'DROP EXTENSION osprofiler' -c 'DROP SCHEMA osprofiler' \\
			-c 'DROP TABLE product'
		\$psql -c 'ALTER SYSTEM RESET ALL' -c 'ALTER ROLE anna NOSUPERUSER'
		pg_ctlcluster 15 main restart
		rm -r /var/lib/postgresql/15/main/osprofiler*"
}

machine_dba()
{
	make_packages
	make_machine "$1" postgresql-15
	add_packages
	add_shop NOSUPERUSER
	cat >"$root$home/src/slow.sql" <<-'END'
		SELECT count(*) FROM generate_series(1, 300000) a, generate_series(1, 3) b;
	END
	chmod 755 "$root$home"
}

# Keystone, bootstrapped, in PostgreSQL, as its packages set it up; and Redis.
machine_operator()
{
	make_packages
	make_machine "$1" "postgresql-15,redis-server,keystone,python3-openstackclient,\
python3-osprofiler,python3-redis,python3-psycopg2,crudini,curl"
	add_packages
	start_postgres
	in_chroot "$root" "set -e
		runuser -u redis -- redis-server --daemonize yes --save '' --dir /tmp
		runuser -u postgres -- psql -Xq -c \"CREATE ROLE keystone LOGIN\" \
			-c 'CREATE DATABASE keystone OWNER keystone'
		crudini --set /etc/keystone/keystone.conf database connection \
			'postgresql+psycopg2://keystone@/keystone?host=/var/run/postgresql'
		sed -i '1i local keystone keystone trust' /etc/postgresql/15/main/pg_hba.conf
		pg_ctlcluster 15 main reload
		crudini --set /etc/keystone/keystone-uwsgi.ini uwsgi processes \$(nproc)
		keystone-manage db_sync
		keystone-manage fernet_setup --keystone-user keystone --keystone-group keystone
		keystone-manage credential_setup --keystone-user keystone --keystone-group keystone
		keystone-manage bootstrap --bootstrap-password admin \
			--bootstrap-public-url http://localhost:5000/v3/ \
			--bootstrap-region-id RegionOne
		chown -R keystone: /var/log/keystone" >"$work/keystone.log" 2>&1 ||
		{ tail -n 40 "$work/keystone.log"; return 1; }
	cat >"$root$home/before" <<-'END'
		export OS_USERNAME=admin OS_PASSWORD=admin OS_PROJECT_NAME=admin \
			OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default \
			OS_AUTH_URL=http://localhost:5000/v3 OS_IDENTITY_API_VERSION=3
	END
}

# --- README -------------------------------------------------------------------------

# The lines of the block that README marks for a reader.
block()
{
	awk -v mark="<!-- reader: $1 -->" '
		$0 == mark { wanted = 1; next }
		wanted && /^```/ { if (open) exit; open = 1; next }
		wanted && open' README.md
}

# The same as a program of bash, which notes when each command begins and when the last
# one is through. What it prints last is the output of the last command alone.
program()
{
	block "$1" | awk '
		/^\$ / { command[++n] = substr($0, 3); next }
		/^> / { command[n] = command[n] "\n" substr($0, 3); next }
		{ print "README has a line that is no command: " $0 >"/dev/stderr"; exit 1 }
		END {
			for (i = 1; i <= n; i++) {
				print "date +%s >>/tmp/times"
				if (i == n) print "exec >/tmp/drawn"
				print command[i]
			}
			print "date +%s >>/tmp/times" }'
}

# The seconds from the end of the first command to the end of the last one.
seconds_after_first()
{
	awk 'NR == 2 { first = $1 } END { print (NR > 2 ? $1 - first : 9999) }' \
		"$root/tmp/times" 2>/dev/null || echo 9999
}

# How long each command took, a line for each.
print_times()
{
	block "$1" | grep '^\$ ' | paste "$root/tmp/times" - 2>/dev/null |
		awk -F '\t' 'NR > 1 { printf "# %4d s  %.80s\n", $1 - begin, command }
			{ begin = $1; command = $2 }'
}

# A line of the block is one command: none has others behind it.
check_lines()
{
	! block "$1" | grep -E '^\$ .*(&&|\|\||; )'
}

# --- readers ------------------------------------------------------------------------

# Types the commands of a block; what they print is in $work/typed.
follow()
{
	local block=$1

	in_chroot "$root" "chown -R anna: $home"
	rm -f "$root/tmp/times" "$root/tmp/drawn"
	{
		cat "$root$home/before" 2>/dev/null || true
		program "$block"
	} >"$root$home/commands"
	as_anna "$home/commands" >"$work/typed" 2>&1
}

# read_as NAME BLOCK COMMANDS PATTERN...: at most so many commands, and each pattern
# is in what the last one has drawn.
read_as()
{
	local reader=$1 block=$2 allowed=$3 commands seconds pattern wrong=
	shift 3

	say "typing the commands of $reader"
	number=$((number + 1))
	commands=$(block "$block" | grep -c '^\$ ')
	follow "$block" || wrong="a command failed; "
	seconds=$(seconds_after_first)
	[ "$commands" -le "$allowed" ] || wrong+="$commands commands; "
	check_lines "$block" || wrong+="several commands in a line; "
	[ "$seconds" -le $seconds_max ] || wrong+="$seconds seconds; "
	for pattern in "$@"; do
		grep -qE -- "$pattern" "$root/tmp/drawn" 2>/dev/null || wrong+="no '$pattern'; "
	done
	if [ -z "$wrong" ]; then
		echo "ok $number - $reader: $commands commands of $allowed, $seconds s"
	else
		echo "not ok $number - $reader: ${wrong%; }"
		cat "$work/typed" "$root/tmp/drawn" 2>/dev/null | tail -n 60 | sed 's/^/# /'
		failures=$((failures + 1))
	fi
	print_times "$block"
}

# install_for_user MODULE FUNCTION DRAWN [VARIABLE=VALUE...]: what the reader before has
# built is installed once more, without root and by another PREFIX, as README has it; it
# traces app.py, a C program is linked with it by pkg-config, and nothing is left when it
# is removed, which takes no VARIABLE. apt's log lists what building brought.
install_for_user()
{
	local module=$1 function=$2 drawn=$3
	shift 3

	number=$((number + 1))
	cat >"$root$home/commands" <<-END
		make help | grep WITHOUT=
		make install PREFIX=~/.local $* >install.log 2>&1 || { cat install.log; exit 1; }
		grep -A 1 'extension was left out' install.log || [ '$*' ]
		sed -n '/^Installed into/,\$p' install.log
		export PATH=~/.local/bin:\$PATH PKG_CONFIG_PATH=~/.local/lib/pkgconfig
		[ "\$(command -v osprofiler)" = ~/.local/bin/osprofiler ]
		rm -f app.db
		osprofiler run -- python3 app.py
		osprofiler trace show last | grep -E '$drawn'
		echo 'void *$function(void); int main(int n, char **v)
			{ return n > 1 && $function() == 0; }' >first.c
		gcc -Wl,--as-needed -o first first.c \$(pkg-config --cflags --libs $module)
		./first
		ldd first | grep "/.local/lib/libosprofiler"
		make uninstall PREFIX=~/.local >install.log 2>&1
		grep -A 3 force-confold /var/log/apt/history.log | grep '^Install: .*gcc'
		if grep -E 'Error|not found|No such' install.log; then exit 1; fi
		! find ~/.local \( -type f -o -name '*osprofiler*' \) ! -path '*/state*' | grep .
	END
	if as_anna "$home/commands" >"$work/typed" 2>&1; then
		echo "ok $number - installed into ~/.local, with $module"
	else
		echo "not ok $number - installed into ~/.local, with $module"
		tail -n 60 "$work/typed" | sed 's/^/# /'
		failures=$((failures + 1))
	fi
}

# Somebody else finds nothing of what postgres ran, and is told in whose store it may be.
name_other_user()
{
	number=$((number + 1))
	cat >"$root$home/commands" <<-'END'
		if osprofiler trace show last 2>said; then exit 1; fi
		cat said
		grep -F 'sudo -u postgres osprofiler trace show last' said
	END
	if as_anna "$home/commands" >"$work/typed" 2>&1; then
		echo "ok $number - another user is told in whose store a trace may be"
	else
		echo "not ok $number - another user is told in whose store a trace may be"
		tail -n 60 "$work/typed" | sed 's/^/# /'
		failures=$((failures + 1))
	fi
}

trap clean_up EXIT
trap 'exit 130' INT TERM
[ $# -gt 0 ] || set -- sqlite backend dba operator
for reader in "$@"; do
	say "making the machine of $reader"
	declare -F "machine_$reader" >/dev/null || { say "there is no reader $reader"; exit 2; }
	"machine_$reader" "$work/$reader"
	case $reader in
		sqlite)
			read_as sqlite sqlite 4 '^Trace ' 'sqlite .*SELECT count'
			install_for_user osprofiler osp_active 'sqlite .*SELECT count' \
				WITHOUT=postgresql
			;;
		backend)
			drawn=('^Trace ' ' db .*SELECT count' ' pg .*SELECT count')
			read_as backend backend 5 "${drawn[@]}"
			demote_anna
			read_as 'backend with sudo' backend 5 "${drawn[@]}"
			install_for_user osprofiler-pq PQlibVersion ' db .*SELECT count'
			;;
		dba)
			read_as dba dba 6 '^Trace ' ' db .*generate_series' ' pg .*generate_series'
			name_other_user
			;;
		operator) read_as operator operator 8 '^Trace ' ' wsgi ' ' db .*SELECT' ' pg .*SELECT' ;;
	esac
	end_chroot "$root"
	root=
done
say "$number readings, $failures failed"
[ $failures -eq 0 ]
