# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# lib.sh
#	  What demo.sh and check.sh share: a place to work in, a user to work as, a
#	  PostgreSQL to install into. To be sourced.
#
# PostgreSQL refuses to run as root, and the checkout may lie where only root can
# go. So the work is done on a copy in a directory of its own, as an unprivileged
# user; nothing is written to the checkout or to the system's directories.

# Makes $WORK, a directory that the user can enter, and sets RUN_AS.
make_work_dir()
{
	WORK=$(mktemp -d "/tmp/osprofiler-$1.XXXXXX")
	chmod 755 "$WORK"
	RUN_AS=
	if [ "$(id -u)" -eq 0 ]; then
		RUN_AS=postgres
		id "$RUN_AS" >/dev/null 2>&1 || RUN_AS=nobody
	fi
	mkdir -p "$WORK/src" "$WORK/home" "$WORK/tmp" "$WORK/log"

	# Where rings are if nobody says otherwise; ours to remove if it is new.
	shared_rings=/dev/shm/osprofiler-$(id -u ${RUN_AS:+"$RUN_AS"})
	[ ! -e "$shared_rings" ] || shared_rings=
}

# Gives what is in $WORK to the user.
hand_over()
{
	[ -z "$RUN_AS" ] || chown -R "$RUN_AS:" "$WORK"
}

# The environment that commands get: nothing in it is ours or the person's.
set_environment()
{
	environment=(
		env -i PATH="/usr/local/bin:/usr/bin:/bin" HOME="$WORK/home"
		TMPDIR="$WORK/tmp" LANG=C.UTF-8 LC_ALL=C.UTF-8 TERM="${TERM:-dumb}"
	)
}

# Runs a command as the user.
as_user()
{
	local -a environment

	set_environment
	if [ -n "$RUN_AS" ]; then
		setpriv --reuid "$RUN_AS" --regid "$(id -g "$RUN_AS")" --clear-groups \
			-- "${environment[@]}" "$@"
	else
		"${environment[@]}" "$@"
	fi
}

# Runs a command as root.
as_root()
{
	local -a environment

	set_environment
	environment+=(PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	if [ "$(id -u)" -eq 0 ]; then
		"${environment[@]}" "$@"
	else
		sudo -- "${environment[@]}" "$@"
	fi
}

# Copies the checkout, without what was built there.
copy_source()
{
	tar -C "$1" --exclude=./.git --exclude=./build --exclude='*.o' \
		--exclude='*.so' --exclude='*.bc' --exclude=tmp_check \
		--exclude=results -cf - . | tar -C "$WORK/src" --no-same-owner -xf -
}

# A PostgreSQL that extensions can be installed into: programs are copied, for
# they find their directories by their own place, the rest is links. Sets
# PG_CONFIG to its pg_config and PG_BIN to its programs.
make_private_postgres()
{
	local config=${PG_CONFIG:-pg_config} root=$WORK/postgres dir

	dir=$("$config" --bindir)
	mkdir -p "$root$dir"
	cp -a "$dir/." "$root$dir/"
	PG_BIN=$root$dir
	for dir in "$("$config" --pkglibdir)" "$("$config" --sharedir)"; do
		mkdir -p "$root$dir"
		cp -as "$dir/." "$root$dir/"
		find "$root$dir" -name '*osprofiler*' -delete
	done
	dir=$("$config" --includedir-server)
	mkdir -p "$root${dir%/*}"
	[ -e "$root$dir" ] || ln -s "$dir" "$root$dir"
	PG_CONFIG=$PG_BIN/pg_config
}

# Ends the processes that still run in $WORK, whatever left them there: servers
# have their data, and everything its working directory or program, below it.
end_work_processes()
{
	local signal proc

	for signal in TERM KILL; do
		for proc in /proc/[0-9]*; do
			case "$(readlink "$proc/cwd" 2>/dev/null) $(readlink "$proc/exe" 2>/dev/null)" in
				*"$WORK"/*) kill -s $signal "${proc#/proc/}" 2>/dev/null || true ;;
			esac
		done
		sleep 0.5
	done
}

remove_work_dir()
{
	end_work_processes
	rm -rf "$WORK" ${shared_rings:+"$shared_rings"}
}
