#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# lint.sh
#	  Formatting, static analysis, banned functions, headers that stand alone,
#	  shell scripts. Prints a line for each, and what is wrong. DEEP=1: clang's
#	  static analyzer, too, which takes five times as long.

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

failures=0
number=0

# Runs "$@" and prints a TAP line; its output only if it fails.
lint()
{
	local what=$1 output
	shift
	number=$((number + 1))
	if output=$("$@" 2>&1); then
		echo "ok $number - $what"
	else
		echo "not ok $number - $what"
		printf '%s\n' "$output" | head -n 200 | sed 's/^/# /'
		failures=$((failures + 1))
	fi
}

# Ours, sorted; without git, for an exported tree has none.
sources()
{
	find . \( -path ./build -o -path ./third_party -o -path ./.git \) -prune \
		-o -type f "$@" -print | sort
}

mapfile -t c_files < <(sources -name '*.c')
mapfile -t c_and_h_files < <(sources -name '*.[ch]')
mapfile -t scripts < <(sources \( -name '*.sh' -o -name '*.suite' -o -path './.ci/run' \))
mapfile -t headers < <(sources -path '*/include/osprofiler/*.h')

flags="-std=gnu99 -D_GNU_SOURCE -Icommon/include -Icommon -Icli -Idrivers \
-Isqlite_osprofiler/include $(pkg-config --cflags libpq libmariadb libmongoc-1.0) -DOSP_VERSION=\"\" \
-DOSP_LIB_FROM_BIN=\"../lib\""

# Beside those of .clang-tidy. With less effort the analyzer finds what is not so.
checks=
[ -n "${DEEP:-}" ] || checks='-clang-analyzer-*'

formatted()
{
	clang-format --dry-run -Werror "${c_and_h_files[@]}"
}

# Those that need no PostgreSQL headers, whose macros are not ours to judge.
plain_files()
{
	printf '%s\n' "${c_files[@]}" | grep -E '^\./(common|drivers|cli|sqlite_osprofiler|client_hooks)/'
}

# clang-tidy says on stderr how many warnings of the system's headers it hid. One file a
# process: of several, clang 14 takes the va_list of one for that of another.
tidy()
{
	# shellcheck disable=SC2016
	plain_files | flags=$flags checks=$checks xargs -P "$(nproc)" -n 1 \
		bash -c 'clang-tidy --quiet --checks="$checks" "$@" -- $flags 2>/dev/null' bash
}

# readdir is safe on a DIR that one thread uses, whatever cppcheck says; and it
# knows no processor, which client_hooks/shadow.c asks for.
check_cpp()
{
	plain_files |
		cppcheck --quiet --enable=warning,performance,portability \
			--library=posix,gnu,sqlite3 --std=c99 --inline-suppr \
			--error-exitcode=1 --suppress=missingIncludeSystem \
			--suppress=readdirCalled --suppress='*:third_party/*' \
			--suppress=preprocessorErrorDirective:./client_hooks/shadow.c \
			-D_GNU_SOURCE -Icommon/include -Icommon -Icli -Idrivers \
			-Isqlite_osprofiler/include --file-list=-
}

no_banned_functions()
{
	! grep -nE '\b(sprintf|vsprintf|strcpy|strcat|strtok|atoi|atol|gmtime|localtime|gets)\(' \
		"${c_and_h_files[@]}"
}

no_malloc_in_core()
{
	! grep -nE '\b(malloc|calloc|realloc|free|strdup)\(' common/*/*.c drivers/*.c |
		grep -vE '^common/base/base\.c:'
}

# Lines in the server's log are written by pgosp_log(), which hides the statement.
no_bare_log_lines()
{
	! find pg_osprofiler -name '*.[ch]' ! -name pgosp_base.h -print0 |
		xargs -0 grep -PzoH '\b(ereport|elog)\(\s*\(*(DEBUG\d|LOG|LOG_SERVER_ONLY|COMMERROR|WARNING)\b' |
		tr '\0' '\n' | grep .
}

# A file says what it is, and under which licence.
licensed()
{
	awk 'FNR <= 3 && /SPDX-License-Identifier: Apache-2.0/ { told[FILENAME] = 1 }
		FNR == 3 { nextfile }
		END {
			for (i = 1; i < ARGC; i++)
				if (!(ARGV[i] in told)) {
					print ARGV[i] ": no SPDX line at the top"
					bad = 1
				}
			exit bad
		}' "${c_and_h_files[@]}" "${scripts[@]}"
}

alone()
{
	local header bad=0

	for header in "${headers[@]}"; do
		"$@" -Wall -Wextra -Werror -Icommon/include -fsyntax-only "$header" || bad=1
	done
	return $bad
}

lint "clang-format" formatted
lint "clang-tidy" tidy
lint "cppcheck" check_cpp
lint "no banned functions" no_banned_functions
lint "no malloc in common and drivers" no_malloc_in_core
lint "no log line with its statement" no_bare_log_lines
lint "each public header alone, C99" alone gcc -std=c99 -pedantic -x c
lint "each public header alone, C++11" alone g++ -std=c++11 -pedantic -x c++
lint "shellcheck" shellcheck -x "${scripts[@]}"
lint "licence lines" licensed
lint "one version" scripts/one_version.sh
lint "structure" tests/structure.py
echo "1..$number"
[ $failures -eq 0 ]
