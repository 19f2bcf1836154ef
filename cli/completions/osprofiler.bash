# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# osprofiler.bash
#	  Completion of the osprofiler command for bash.
#
# Commands and options are taken from the help texts, so there is no list of them
# here. Behind `run` it completes the command that is run, behind --program a program.

# The options that a help text names, one a line.
_osprofiler_options()
{
	"$@" --help 2>/dev/null |
		grep -oE '^ +(-[a-z], )?--[a-z-]+|^ +--[a-z-]+|, --[a-z-]+' |
		grep -oE -- '--[a-z-]+' | sort -u
}

# The words that may follow, of the commands that the help names.
_osprofiler_commands()
{
	osprofiler --help 2>/dev/null |
		sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)\( [a-z]*\)\{0,1\}  .*/\1\2/p' |
		awk -v group="$1" 'group == "" { print $1 } group != "" && $1 == group { print $2 }' |
		sort -u
}

_osprofiler()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local first=${COMP_WORDS[1]-} second
	local -a command=(osprofiler)

	COMPREPLY=()
	case $before in
		--program)
			mapfile -t COMPREPLY < <(compgen -c -- "$word")
			return
			;;
		--out | --render-dot | --spool | --conf | --run-directory)
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
			return
			;;
		--connection-string)
			mapfile -t COMPREPLY < <(compgen -W 'sqlite:/// file:/// redis:// postgresql:// messaging:// otlp://' -- "$word")
			return
			;;
	esac
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_osprofiler_commands '') help --help --version" -- "$word")
		return
	fi
	second=$(_osprofiler_commands "$first")
	command+=("$first")
	if [ -n "${second//[[:space:]]/}" ]; then
		if [ "$COMP_CWORD" -eq 2 ]; then
			mapfile -t COMPREPLY < <(compgen -W "$second" -- "$word")
			return
		fi
		command+=("${COMP_WORDS[2]}")
	fi
	case $word in
		-*) mapfile -t COMPREPLY < <(compgen -W "$(_osprofiler_options "${command[@]}")" -- "$word") ;;
		*)
			case $first in
				run) mapfile -t COMPREPLY < <(compgen -c -- "$word") ;;
				*) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
			esac
			;;
	esac
}

complete -F _osprofiler osprofiler
