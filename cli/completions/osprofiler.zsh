#compdef osprofiler
# SPDX-License-Identifier: Apache-2.0
#
# osprofiler.zsh
#	  Completion of the osprofiler command for zsh, to be installed as _osprofiler.
#
# Commands and options are taken from the help texts, as by the one for bash.

_osprofiler_options()
{
	"$@" --help 2>/dev/null | grep -oE '^ +(-[a-z], )?--[a-z-]+|, --[a-z-]+' |
		grep -oE -- '--[a-z-]+' | sort -u
}

_osprofiler_commands()
{
	osprofiler --help 2>/dev/null |
		sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)\( [a-z]*\)\{0,1\}  .*/\1\2/p' |
		awk -v group="$1" 'group == "" { print $1 } group != "" && $1 == group { print $2 }' |
		sort -u
}

_osprofiler()
{
	local -a command second
	command=(osprofiler $words[2])
	if (( CURRENT == 2 )); then
		compadd -- ${(f)"$(_osprofiler_commands '')"} help --help --version
		return
	fi
	second=(${(f)"$(_osprofiler_commands $words[2])"})
	if (( $#second > 0 )) && [[ -n $second[1] ]]; then
		if (( CURRENT == 3 )); then
			compadd -- $second
			return
		fi
		command+=($words[3])
	fi
	if [[ $words[CURRENT] == -* ]]; then
		compadd -- ${(f)"$(_osprofiler_options $command)"}
	elif [[ $words[2] == run ]]; then
		_command_names
	else
		_files
	fi
}

_osprofiler "$@"
