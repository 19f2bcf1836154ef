#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# list.t
#	  osprofiler trace list.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

my $one = '11111111-2222-4333-8444-555555555555';
my $two = '22222222-2222-4333-8444-555555555555';
my $uri = write_points(
	"$dir/points",
	point('b-start', $two, $two, 'b', '05.000000'),
	point('a-start', $one, $one, 'a', '01.000000'),
	point('a-stop', $one, $one, 'a', '02.000000',
		'{"etype": "E", "message": "m", "host": "h"}'),
	point('b-stop', $two, $two, 'b', '06.000000'));
my @at = ('--connection-string', $uri);
my $rule = '+' . '-' x 38 . '+' . '-' x 28 . "+\n";
my $head = $rule
  . '| base_id' . ' ' x 30 . '| timestamp' . ' ' x 18 . "|\n"
  . $rule;

is( run_ok('trace', 'list', @at),
	$head
	  . "| $one | 2026-11-22T15:56:01.000000 |\n"
	  . "| $two | 2026-11-22T15:56:05.000000 |\n"
	  . $rule,
	'upstream\'s table, the newest last');
{
	local $ENV{OSPROFILER_CONNECTION_STRING} = $uri;
	is(run_ok('trace', 'list'), run_ok('trace', 'list', @at), 'environment');
}

my $errors = $head . "| $one | 2026-11-22T15:56:01.000000 |\n" . $rule;
is(run_ok('trace', 'list', @at, '--error-trace'), $errors, '--error-trace');
is(run_ok('trace', 'list', @at, '--error-trace', 'True'),
	$errors, 'with the value that upstream wants');
is(run_ok('trace', 'list', '--error-trace=true', @at), $errors, 'with =');
is(run_ok('trace', 'list', '--error-trace', @at), $errors, 'before an option');
is(run_ok('trace', 'list', @at, '--error-trace', 'False'),
	run_ok('trace', 'list', @at), 'false is false');
usage_error(qr/--error-trace takes true or false, not 'maybe'/,
	'trace', 'list', @at, '--error-trace', 'maybe');

# None, and none to be found.
my $empty = "+---------+-----------+\n| base_id | timestamp |\n"
  . "+---------+-----------+\n+---------+-----------+\n";
is(run_ok('trace', 'list', '--connection-string', "file://$dir/none"),
	$empty, 'no traces');
is(run_ok('trace', 'list'), $empty, 'no default database yet');
ok(!-e "$dir/state", 'looking makes no file');

# What a collector holds does not drive the terminal.
my $odd = write_points("$dir/odd",
	point('a-start', 'x\u001b[31m\u0085\u00e9', 'p', 'a', '01.000000'));
my $table = run_ok('trace', 'list', '--connection-string', $odd);
like($table, qr/^\| x\\x1b\[31m\\x85\x{c3}\x{a9} \|/m, 'control characters');
is(length((split /\n/, $table)[0]) + 1, length((split /\n/, $table)[3]),
	'columns are counted in characters');

one_error(qr{cannot list the traces of redis://127\.0\.0\.1:1}, 'trace', 'list',
	'--connection-string', 'redis://127.0.0.1:1');
one_error(qr/No space left/, 'trace', 'list', @at, { stdout => '/dev/full' });

done_testing();
