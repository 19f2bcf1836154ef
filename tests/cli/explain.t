#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# explain.t
#	  osprofiler trace explain, and the findings below the tree of trace show.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use JSON::PP;
use Test::More;

my $vectors = "$top/tests/vectors/findings";
my $slow = "$vectors/lock_wait.points";
my $unknown = "$vectors/lock_wait_near.points";
my $base = '00000000-0000-4000-8000-000000000001';
my $healthy = write_file("$dir/healthy", join '', map { "$_\n" }
	point('app-start', $base, $base, 'a1', '01.000000'),
	point('app-stop', $base, $base, 'a1', '01.005000'));

# In words.
my $text = run_ok('trace', 'explain', $slow);
like($text, qr/\AWhy it took 1\.\d+ s:\n/, 'the head');
like($text, qr/^ 100 %  1\.\d+ s +A statement waited 1\.\d+ s for a lock: ShareLock on stock, row \(0,1\), held by\n\s+process \d+ \(holder, active\)\.$/m,
	'the share and the cause');
like($text, qr/^ +UPDATE stock SET n = n \+ 1 WHERE id = 1; the holder: SELECT pg_sleep/m, 'the evidence');
like($text, qr/^ +Next: /m, 'the next step');
like($text, qr/^   0 % +Not explained\.\n\z/m, 'what is not explained');
like(run_ok('trace', 'explain', $healthy), qr/\ANo single cause stands out: [^\n]+\n\z/,
	'nothing is found');
like(run_ok('trace', 'explain', $unknown),
	qr/\AWhy it took 1\.\d+ s:\n 100 % +Not explained, above all:\n  99 %  1\.\d+ s +UPDATE stock SET n = n \+ 1 WHERE id = 1: nothing in the trace says why\.\n\z/,
	'the longest statement, if no cause is known');
my $half = write_file("$dir/half", join '', map { "$_\n" }
	point('db-start', $base, $base, 'a1', '01.000000',
		'{"db": {"statement": "SELECT 1", "server": "h1", "sends_context": true}, "host": "h"}'),
	point('db-stop', $base, $base, 'a1', '02.000000'));
like(run_ok('trace', 'explain', $half),
	qr/^ 100 %  1\.00 s +SELECT 1: the cause is in the server at h1, whose operations are missing\.\nThe server's operations are missing: h1 was sent/m,
	"the server's half is missing");


# A service in Python, of whose database the trace has nothing.
my $by_python = '{"db": {"statement": "SELECT 1", "params": {}}, "host": "h"}';
for my $case (['Python alone', 1, 'db', $by_python],
	['a server below it', 0, 'db', $by_python, 'pg', '{"db": {"statement": "SELECT 1"}}'],
	['a wait of a server', 0, 'db', $by_python, 'pg.wait', '{}'],
	['SQLite below it', 0, 'db', $by_python, 'sqlite', '{"db": {"statement": "SELECT 1"}}'],
	['libpq', 0, 'db', '{"db": {"statement": "SELECT 1", "params": [], "server": "h1"}}'],
	['a program of its own', 0, 'db', '{"db": {"statement": "SELECT 1"}}'],
	['no statement', 0, 'wsgi', '{"request": {"params": ""}}'])
{
	my ($what, $alone, @operations) = @$case;
	my $file = "$dir/python";
	my @points;

	while (my ($name, $info) = splice @operations, 0, 2)
	{
		push @points, point("$name-start", $base, $base, $name, '01.000000', $info), point("$name-stop", $base, $base, $name, '02.000000');
	}
	write_file($file, join '', map { "$_\n" } @points);
	for my $command ('show', 'explain')
	{
		my $out = run_ok('trace', $command, $file);
		my $said = qr/^No operation of a server is in this trace, only what Python's OSProfiler records.*plugin=osprofiler.*osprofiler doctor CONNINFO --for-user USER[^\n]+$/m;
		$alone ? like($out, $said, "$what: $command says it") : unlike($out, qr/No operation of a server/, "$what: $command says nothing");
	}
}

# For programs.
my $why = decode_json(run_ok('trace', 'explain', '--json', $slow));
is($why->{findings}[0]{rule}, 'lock_wait', 'JSON: the rule');
is(scalar @{ $why->{findings}[0]{operations} }, 1, 'JSON: the operation');
is_deeply(decode_json(run_ok('trace', 'explain', '--json', $healthy))->{findings}, [],
	'JSON: no finding');

# From a collector, by its id.
my $id = $why->{base_id};
is(run_ok('trace', 'explain', '--connection-string', "file://$slow", $id), $text, 'of a collector');

# Below the tree, and not in upstream's JSON.
my $tree = run_ok('trace', 'show', $slow);
is(substr($tree, -length("\n$text")), "\n$text", 'trace show ends with it');
unlike(run_ok('trace', 'show', $healthy), qr/Why|explained/, 'nothing below a healthy tree');
unlike(run_ok('trace', 'show', '--json', $slow), qr/findings|not_explained/, 'nor in the JSON');

# Operations of one shape are one line, unless all are asked for.
my @points = (point('app-start', $id, $id, 'a1', '01.000000'),
	(map { point('db-start', $id, 'a1', "b$_", sprintf('02.%06d', $_ * 10),
		qq({"db": {"statement": "SELECT $_"}, "host": "h"})),
		point('db-stop', $id, 'a1', "b$_", sprintf('02.%06d', $_ * 10 + 5)) } 1 .. 20),
	point('app-stop', $id, $id, 'a1', '03.000000'));
my $many = write_file("$dir/many", join '', map { "$_\n" } @points);
like(run_ok('trace', 'show', $many), qr/20 x db  SELECT 1  \(min 5.00 us, median 5.00 us, max 5.00 us\)\n/,
	'20 operations in one line');
is(scalar(() = run_ok('trace', 'show', '--all', $many) =~ /db  SELECT \d+\n/g), 20, '--all');

# The command that is advised shows the holder's trace, typed as it is printed: it reads
# from where this trace was found. What is secret is not repeated.
my $holder = '99999999-2222-4333-8444-555555555555';
my $waited = write_points("$dir/it's here",
	point('pg-start', $base, $base, 'a1', '01.000000', '{"db": {"statement": "UPDATE t SET n = 1"}, "host": "h"}'),
	point('pg.wait-start', $base, 'a1', 'a2', '01.001000',
		qq({"db": {"lock": {"name": "ShareLock on t"}, "held_by": {"pid": 7, "base_id": "$holder"}}, "host": "h"})),
	point('pg.wait-stop', $base, 'a1', 'a2', '02.001000'),
	point('pg-stop', $base, $base, 'a1', '02.002000'),
	point('pg-start', $holder, $holder, 'b1', '01.000000', '{"db": {"statement": "LOCK TABLE t"}, "host": "h"}'),
	point('pg-stop', $holder, $holder, 'b1', '01.100000'));
sub advised
{
	my $found = decode_json(run_ok('trace', 'explain', '--json', @_, $base))->{findings}[0];

	$found->{next_step} =~ /recorded: (osprofiler trace show .*?$holder)\. / or return "none in $found->{next_step}";
	return $1;
}
my $advised = advised('--connection-string', $waited);
local $ENV{PATH} = "$build/bin:$ENV{PATH}";
like(scalar(`$advised 2>&1`), qr/LOCK TABLE t/, "the holder's trace: $advised");
{
	local $ENV{OSPROFILER_CONNECTION_STRING} = $waited;
	is(advised(), "osprofiler trace show $holder", 'what the environment says is not repeated');
}
my ($status, $out) = run_cli('trace', 'explain', '--connection-string', $waited, '--connection-string',
	'redis://u:hunter2@127.0.0.1:1', '--server', 'host=/nowhere password=hunter2', $base);
like($out =~ s/\s+/ /gr, qr/--server '[^']*host=\/nowhere[^']*' $holder\./, 'the server is repeated');
unlike($out, qr/hunter2/, 'its password is not');

# Wrong calls.
usage_error(qr/the trace is missing|missing/, 'trace', 'explain');
usage_error(qr/must not be empty/, 'trace', 'explain', '');
usage_error(qr/unknown or ambiguous option/, 'trace', 'explain', '--nonsense', $slow);
one_error(qr/there are no points of a trace in/, 'trace', 'explain',
	write_file("$dir/empty.json", "[]\n"));
one_error(qr/standard output: No space left/, 'trace', 'explain', $slow, { stdout => '/dev/full' });
like(run_ok('trace', 'explain', '--help'), qr/\AUsage: osprofiler trace explain/, 'help');

done_testing();
