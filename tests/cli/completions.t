#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# completions.t
#	  Completion for bash and zsh names every command, and every option of each.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

$ENV{PATH} = "$build/bin:$ENV{PATH}";

# What the command's own help names.
my $help = run_ok('--help');
my ($list) = $help =~ /^Commands:\n(.*?)^$/ms;
my @commands = $list =~ /^  ([a-z]+(?: [a-z]+)?)  /mg;
cmp_ok(scalar @commands, '>', 10, 'the help names the commands');

sub options
{
	my ($command) = @_;
	my $text = run_ok(split(/ /, $command), '--help');
	my %seen = map { ($_ => 1) } $text =~ /^ +(?:-[a-z], )?(--[a-z][a-z-]*)/mg, $text =~ /^ +--[a-z-]+ \S+, (--[a-z-]+)/mg;
	return sort keys %seen;
}

# What a shell proposes for the last of these words.
sub bash
{
	my @words = @_;
	my $line = join ' ', map { "'$_'" } @words;
	my $out = qx(bash -c 'source $top/cli/completions/osprofiler.bash; COMP_WORDS=($line); COMP_CWORD=$#words; _osprofiler; printf "%s\\n" "\${COMPREPLY[\@]}"' 2>&1);
	return sort split /\n/, $out;
}

sub zsh
{
	my @words = @_;
	my $line = join ' ', map { $_ eq '' ? "''" : $_ } @words;
	my $current = @words;
	write_file("$dir/complete.zsh", "compadd() { shift; print -l -- \$\@ }\nwords=($line)\nCURRENT=$current\nsource $top/cli/completions/osprofiler.zsh\n");
	return sort split /\n/, qx(zsh -f $dir/complete.zsh 2>&1);
}

my %first = map { ((split / /)[0] => 1) } @commands;
my %second;
for (@commands) { push @{ $second{$1} }, $2 if /^(\S+) (\S+)$/ }

for my $shell (['bash', \&bash], ['zsh', \&zsh])
{
	my ($name, $complete) = @$shell;

	SKIP:
	{
		skip "no $name", 1 if system("which $name >/dev/null") != 0;
		is(join(' ', $complete->('osprofiler', '')),
			join(' ', sort keys %first, 'help', '--help', '--version'), "$name: the first word");
		is(join(' ', $complete->('osprofiler', $_, '')), join(' ', sort @{ $second{$_} }), "$name: behind $_")
		  for sort keys %second;
		for my $command (@commands)
		{
			my @proposed = $complete->('osprofiler', split(/ /, $command), '--');
			is(join(' ', @proposed), join(' ', options($command)), "$name: the options of $command");
		}
	}
}
is(join(' ', bash('osprofiler', 'stat')), 'status', 'bash: the beginning of a word');
is(join(' ', bash('osprofiler', 'trace', 'show', '--connection-string', 'red')), 'redis://', 'bash: a collector');

done_testing();
