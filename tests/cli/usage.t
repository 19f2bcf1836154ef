#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# usage.t
#	  Help, version, wrong calls.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

my @commands = (
	['trace', 'show'],
	['trace', 'list'],
	['trace', 'check'],
	['trace', 'delete'],
	['trace', 'prune'],
	['context', 'new'],
	['context', 'show'],
	['status'],
	['run'],
	['doctor'],
	['agent']);

like(run_ok('-v'), qr/\Aosprofiler \d+\.\d+\.\d+\n\z/, 'version');
is(run_ok('--version'), run_ok('-v'), 'long name of the version');

my $help = run_ok('-h');
is(run_ok('--help'), $help, 'long name of the help');
is(run_ok('trace', '-h'), $help, 'help of a group');
for my $command (@commands)
{
	my $name = join ' ', @$command;

	like($help, qr/^  $name +\w/m, "the help names $name");
	for my $option ('-h', '--help')
	{
		like(run_ok(@$command, $option), qr/\AUsage: osprofiler $name\b/,
			"help of $name");
	}
	usage_error(qr/$name: unknown or ambiguous option '--wrong'/,
		@$command, '--wrong');
	usage_error(qr/$name: unknown option '-Q'/, @$command, '-Q');
}

usage_error(qr/a command is missing \(see 'osprofiler --help'\)/);
usage_error(qr/no command 'tracer'/, 'tracer');
usage_error(qr/after 'trace' comes one of: show, explain, list, check, delete, prune/, 'trace');
usage_error(qr/no command 'trace sho';.*show, explain, list, check, delete, prune/, 'trace', 'sho');
usage_error(qr/after 'context' comes one of: new, show/, 'context');
usage_error(qr/unknown option '--verbose'/, '--verbose');
usage_error(qr/no command 'a\\x0ab\\x1b'/, "a\nb\x1b");

usage_error(qr/the trace is missing/, 'trace', 'show');
usage_error(qr/the trace is missing/, 'trace', 'check');
usage_error(qr/the trace is missing/, 'trace', 'delete');
usage_error(qr/--older-than is missing/, 'trace', 'prune');
usage_error(qr/unexpected argument 'a'/, 'trace', 'prune', '--older-than', '7d', 'a');
usage_error(qr/--older-than must be a time such as/, 'trace', 'prune',
	'--older-than', $_) for 'a', '-7d', '', '200000d', '7 d';
usage_error(qr/the trace must not be empty/, 'trace', 'show', '');
usage_error(qr/unexpected argument 'b'/, 'trace', 'show', 'a', 'b');
usage_error(qr/unexpected argument 'a'/, 'trace', 'list', 'a');
usage_error(qr/unexpected argument 'a'/, 'status', 'a');
usage_error(qr/unexpected argument 'a'/, 'context', 'new', 'a');
usage_error(qr/unexpected argument 'a'/, 'context', 'show', 'a');
usage_error(qr/'--json' takes no value|'--json=1' takes no value/,
	'status', '--json=1');
usage_error(qr/--json, --html and --text exclude/,
	'trace', 'show', '--json', '--text', 'a');

for my $command (['show'], ['list'], ['check'])
{
	usage_error(qr/option '--connection-string' needs a value/,
		'trace', @$command, '--connection-string');
}
usage_error(qr/option '--out' needs a value/, 'trace', 'show', '--out');

one_error(qr/standard output: No space left on device/,
	'-h', { stdout => '/dev/full' });
one_error(qr/standard output: Bad file descriptor/, '-h', { closed => 1 });

done_testing();
