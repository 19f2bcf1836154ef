#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# diff.t
#	  osprofiler trace diff: what took longer than in another trace.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use JSON::PP;
use Test::More;

my @ids = map { "$_$_$_$_$_$_$_$_-2222-4333-8444-555555555555" } qw(a b c);

# A request whose statement takes so many ms; it begins so many minutes later.
sub request
{
	my ($id, $ms, $minute) = @_;
	my @points = (point('app-start', $id, $id, "$id-1", '00.000000'),
		point('db-start', $id, "$id-1", "$id-2", '00.000000',
			qq({"db": {"statement": "SELECT name FROM t WHERE id = $ms"}, "host": "h"})),
		point('db-stop', $id, "$id-1", "$id-2", sprintf('00.%06d', $ms * 1000)),
		point('app-stop', $id, $id, "$id-1", sprintf('00.%06d', $ms * 1000 + 5000)));

	s/T15:56/T15:$minute/ for @points;
	return @points;
}

my $folder = "$dir/points";
mkdir $folder or die "$folder: $!";
my @files = map { write_file("$folder/$_->[0]", join '', map { "$_\n" } request(@$_)) }
  ([ $ids[0], 20, 10 ], [ $ids[1], 520, 11 ], [ $ids[2], 21, 12 ]);
my $all = write_points("$dir/all", map { chomp; $_ } map { split /\n/, slurp($_) } @files);
my @of = ('trace', 'diff', '--connection-string', $all);

# In words, from files and from a collector.
my $text = run_ok('trace', 'diff', @files[ 0, 1 ]);
like($text, qr/\AA  $ids[0] +25\.0 ms  2 operations .*\nB  $ids[1] +525 ms  2 operations .*\n/, 'the head');
like($text, qr/^B took 500 ms longer, 21 times as long\.$/m, 'the difference');
like($text, qr/^ +\+500 ms +20\.0 ms → +520 ms +20\.0 ms → +520 ms +1 → +1  db  SELECT name FROM t WHERE id = 20$/m,
	'the row');
is(run_ok(@of, @ids[ 0, 1 ]), $text, 'of a collector');

# The forms of an id that trace show knows.
(my $bare = $ids[1]) =~ s/-//g;
is(run_ok(@of, $ids[0], $bare), $text, '32 digits without dashes');
is(run_ok(@of, 'last~2', 'last~1'), $text, 'last~N');
like(run_ok(@of, 'last~1', 'last'), qr/^B took 499 ms less, -95\.0 %\.$/m, 'last');
is(run_ok(@of, $files[0], $ids[1]), $text, 'a file and an id');
one_error(qr/'last~3' goes back too far: there are 3 traces in/, @of, 'last~3', 'last');
one_error(qr/no trace 'last~100'/, @of, '--no-wait', 'last~100', 'last');
one_error(qr/no trace 'last~x'/, @of, '--no-wait', 'last', 'last~x');

# Of a trace that is much faster, "-98.6 %" would tell little.
my @fast = map { write_file("$folder/fast$_->[1]", join '', map { "$_\n" } request($ids[0], @$_)) } [ 705, 10 ], [ 5, 11 ];
like(run_ok('trace', 'diff', @fast), qr/^B took 700 ms less: it was 71 times as fast\.$/m, 'much faster');
like(run_ok('trace', 'diff', reverse @fast), qr/^B took 700 ms longer, 71 times as long\.$/m, 'much slower');

# For programs.
my $diff = decode_json(run_ok(@of, '--json', @ids[ 0, 1 ]));
is($diff->{change_ms}, 500, 'JSON: the change');
is_deeply([ @{ $diff->{a} }{qw(base_id duration_ms operations failed unfinished lost_points malformed_points)} ],
	[ $ids[0], 25, 2, 0, 0, 0, 0 ], 'JSON: a trace');
is($diff->{rows}[0]{text}, 'SELECT name FROM t WHERE id = 20', 'JSON: the row');
is($diff->{rows}[0]{b}{longest}, "$ids[1]-2", 'JSON: its longest operation');
is_deeply($diff->{errors}, [], 'JSON: no errors');

# What hardly changed is one line.
like($text, qr/^ +0 ns  \d more shapes? of operations together \(--all shows each\)$/m, 'the rest');
unlike(run_ok('trace', 'diff', '--all', @files[ 0, 1 ]), qr/--all shows/, '--all');
like(run_ok('trace', 'diff', $files[0], $files[0]), qr/^Both took the same time\.$/m, 'of a trace with itself');

# A trace that lost points, and one whose statement never ended.
my $lossy = write_file("$dir/lossy", join "\n", (request($ids[0], 20, 10))[ 0, 1, 3 ],
	point('osprofiler.lost-start', $ids[0], $ids[0], 'x', '01.000000', '{"lost_points": 7}'));
like(run_ok('trace', 'diff', $lossy, $files[1]),
	qr/\AA .* 2 operations  1 operation without an end  7 points lost .*\n.*\n.*\nTrace A is not whole: /,
	'losses are said');

# Wrong calls, and a place that takes nothing.
usage_error(qr/diff: the trace A is missing/, 'trace', 'diff');
usage_error(qr/diff: the trace B is missing/, 'trace', 'diff', $files[0]);
usage_error(qr/unexpected argument/, 'trace', 'diff', @files);
usage_error(qr/must not be empty/, 'trace', 'diff', $files[0], '');
usage_error(qr/unknown or ambiguous option/, 'trace', 'diff', '--nonsense', @files[ 0, 1 ]);
one_error(qr/no trace 'dddddddd/, @of, '--no-wait', $ids[0], 'dddddddd-2222-4333-8444-555555555555');
one_error(qr/standard output: No space left/, 'trace', 'diff', @files[ 0, 1 ], { stdout => '/dev/full' });
one_error(qr/standard output: /, 'trace', 'diff', @files[ 0, 1 ], { closed => 1 });
like(run_ok('trace', 'diff', '--help'), qr/\AUsage: osprofiler trace diff/, 'help');

done_testing();
