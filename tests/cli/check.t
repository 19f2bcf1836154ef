#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# check.t
#	  osprofiler trace check.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

my $base = '11111111-2222-4333-8444-555555555555';
my @whole = (
	point('app-start', $base, $base, 'a1', '01.000000'),
	point('db-start', $base, 'a1', 'b1', '01.001000'),
	point('db-stop', $base, 'a1', 'b1', '01.003000'),
	point('app-stop', $base, $base, 'a1', '01.010000'));

is(run_ok('trace', 'check', '--connection-string',
		write_points("$dir/whole", @whole), $base),
	'', 'a whole trace');
is(run_ok('trace', 'check', "$dir/whole"), '', 'of a file');

# Each breach is a line on stdout, and exit status 1.
sub breach
{
	my ($name, $pattern, @points) = @_;
	my ($status, $out, $err) =
	  run_cli('trace', 'check', '--connection-string',
		write_points("$dir/broken", @points), $base);

	is($status, 1, "$name: exit status");
	like($out, qr/\A[^\n]+\n\z/, "$name: one line");
	like($out, $pattern, $name);
	is($err, '', "$name: nothing on stderr");
	return;
}
breach('no stop', qr/no end: it is still running, or was interrupted/,
	@whole[0 .. 1], $whole[3]);
breach('no start', qr/its start was lost/, $whole[0], @whole[2 .. 3]);
breach('twice, and not the same', qr/more than once/, @whole,
	point('db-stop', $base, 'a1', 'b1', '01.004000'));
is(run_ok('trace', 'check', write_file("$dir/copies", join "\n", @whole, @whole)),
	'', 'copies, which delivery may bring, are none');
breach('no parent', qr/parent/, @whole,
	point('x-start', $base, 'nowhere', 'x1', '01.005000'),
	point('x-stop', $base, 'nowhere', 'x1', '01.006000'));
breach('outside its parent', qr/parent|within/, @whole,
	point('x-start', $base, 'a1', 'x1', '01.005000'),
	point('x-stop', $base, 'a1', 'x1', '02.000000'));

# Several: all are checked, and each line says of which it is.
write_points("$dir/torn", @whole[0 .. 2]);
my ($status, $out, $err) =
  run_cli('trace', 'check', "$dir/torn", "$dir/whole", "$dir/torn");
is($status, 1, 'several traces: exit status');
like($out, qr/\A(\Q$dir\E\/torn: app a1: [^\n]+\n){2}\z/,
	'several traces: lines');
is(run_ok('trace', 'check', "$dir/whole", "$dir/whole"), '',
	'several whole traces');

# A collector that cannot be read: that is said of each trace.
my @ids = map { sprintf '%08d-2222-4333-8444-555555555555', $_ } 1 .. 3;
mkdir "$dir/unreadable";
for my $collector ('redis://127.0.0.1:1', "file://$dir/unreadable")
{
	for my $count (2, 3)
	{
		($status, $out, $err) =
		  run_cli('trace', 'check', '--no-wait', '--connection-string', $collector, @ids[0 .. $count - 1]);
		is("$status|$out", '1|', "$collector, $count traces: fails");
		is(scalar(() = $err =~ /^osprofiler: trace check: [^\n]*\Q$collector\E[^\n]*\n/mg),
			$count, "$collector: as many messages as traces")
		  or diag($err);
	}
}

one_error(qr/no trace/, 'trace', 'check', 'other', '--connection-string',
	"file://$dir/whole");
one_error(qr/No space left/, 'trace', 'check', $base, '--connection-string',
	write_points("$dir/broken", $whole[0]), { stdout => '/dev/full' });

# A person at a terminal is told that all is good.
{
	my @whole = ('--connection-string', write_points("$dir/whole",
		point('a-start', 'aaaaaaaa-2222-4333-8444-555555555555', 'aaaaaaaa-2222-4333-8444-555555555555', 'a1', '01.000000'),
		point('a-stop', 'aaaaaaaa-2222-4333-8444-555555555555', 'aaaaaaaa-2222-4333-8444-555555555555', 'a1', '02.000000')));
	my $out = qx($FindBin::Bin/on_terminal.py 80 24 $build/bin/osprofiler trace check --no-wait @whole aaaaaaaa-2222-4333-8444-555555555555);

	is($? >> 8, 0, 'exit status on a terminal');
	is($out, "osprofiler: trace check: 1 operation, no breach\n", 'what is said on a terminal');
	is(run_ok('trace', 'check', '--no-wait', @whole, 'aaaaaaaa-2222-4333-8444-555555555555'), '', 'and nothing elsewhere');
}

done_testing();
