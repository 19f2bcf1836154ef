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
use JSON::PP;
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

# The lines of a list: id, time, duration, operations, errors, service, text.
sub rows
{
	my ($text) = @_;
	return map { [ split /  +/, $_ ] } split /\n/, $text;
}

sub ids
{
	return join ' ', map { $_->[0] } rows(run_ok('trace', 'list', @_));
}

my @rows = rows(run_ok('trace', 'list', @at));
is(join('|', @{ $rows[0] }),
	'TRACE|BEGUN (UTC)|DURATION|OPERATIONS|ERRORS|SERVICE|FIRST OPERATION', 'head');
is($rows[1][0], $two, 'the newest first');
is($rows[1][1], '2026-11-22T15:56:05.000000', 'its time');
is($rows[2][0], $one, 'then the older one');
is($rows[2][1], '2026-11-22T15:56:01.000000', 'its time');
is(scalar @rows, 3, 'no more');
{
	local $ENV{OSPROFILER_CONNECTION_STRING} = $uri;
	is(run_ok('trace', 'list'), run_ok('trace', 'list', @at), 'environment');
}

# As JSON.
my $list = decode_json(run_ok('trace', 'list', '--json', @at));
is(join(' ', map { $_->{base_id} } @{ $list->{traces} }), "$two $one", 'JSON');
is($list->{traces}[0]{first}, '2026-11-22T15:56:05.000000', 'time in JSON');
ok(exists $list->{traces}[0]{$_}, "$_ in JSON")
  for qw(last operations errors service name text);
is($list->{next}, undef, 'no further page');
is(scalar @{ decode_json(run_ok('trace', 'list', '--json', '--connection-string',
			write_points("$dir/nothing")))->{traces} }, 0, 'an empty list in JSON');

# Errors only.
is(ids(@at, '--errors'), "TRACE $one", '--errors');
is(ids(@at, '--error-trace'), "TRACE $one", '--error-trace');
is(ids(@at, '--error-trace', 'True'), "TRACE $one", 'with upstream\'s value');
is(ids('--error-trace=true', @at), "TRACE $one", 'with =');
is(ids('--error-trace', @at), "TRACE $one", 'before an option');
is(ids(@at, '--error-trace', 'False'), "TRACE $two $one", 'false is false');
usage_error(qr/--error-trace takes true or false, not 'maybe'/,
	'trace', 'list', @at, '--error-trace', 'maybe');

# Many: the newest, page by page; none twice, none left out.
my @many = map { sprintf '%08d-2222-4333-8444-555555555555', $_ } 1 .. 50;
my @far = ('--connection-string', write_points("$dir/many",
		map { point('x-start', $many[$_ * 7 % 50], 'p', "t$_",
			sprintf('%02d.000000', $_ * 7 % 50)) } 0 .. 49));
my @newest = reverse @many;
my $text = run_ok('trace', 'list', @far);
is(scalar(grep { /^\d/ } split /\n/, $text), 20, 'twenty by default');
like($text, qr/\nThere are older traces: --page \S+, or --all\n\z/, 'and how to see more');
unlike(run_ok('trace', 'list', @far, '--all'), qr/older traces/, 'all is all');
is(join(' ', run_ok('trace', 'list', @far, '--all') =~ /^(\d{8}\S+)/mg), "@newest",
	'all of them in order');
for my $limit (1, 7, 20, 49, 50, 51)
{
	my @seen;
	my $page = '';

	for (1 .. 60)
	{
		my $part = decode_json(run_ok('trace', 'list', '--json', @far, '--limit',
				$limit, $page eq '' ? () : ('--page', $page)));

		push @seen, map { $_->{base_id} } @{ $part->{traces} };
		$page = $part->{next} // last;
	}
	is("@seen", "@newest", "pages of $limit");
}
one_error(qr/'nonsense' is no page/, 'trace', 'list', @far, '--page', 'nonsense');
usage_error(qr/--limit must be a whole number from 1 to/, 'trace', 'list', @far,
	'--limit', $_) for '0', '-1', 'x', '';

# By time.
is(ids(@at, '--since', '2026-11-22T15:56:04'), "TRACE $two", '--since');
is(ids(@at, '--until', '2026-11-22T15:56:04'), "TRACE $one", '--until');
is(ids(@at, '--since', '2026-11-22', '--until', '2026-11-23'), "TRACE $two $one",
	'dates');
is(ids(@at, '--since', '2026-11-22T18:56:03+03:00'), "TRACE $two", 'an offset');
is(ids(@at, '--since', '2026-11-22T15:57'), 'TRACE', 'minutes');
is(ids(@at, '--until', '5200w'), 'TRACE', 'a time before now');
usage_error(qr/--since must be a date, a date and a time \(UTC\), or a time before/,
	'trace', 'list', @at, '--since', $_)
  for 'yesterday', '', '7y', '2026-13-01', '-1d', '1e3';

# What a collector holds does not drive the terminal.
my $odd = write_points("$dir/odd",
	point('a-start', 'x\u001b[31m\u0085\u00e9', 'p', 'a', '01.000000'));
my $table = run_ok('trace', 'list', '--connection-string', $odd);
like($table, qr/^x\\x1b\[31m \x{c3}\x{a9} /m, 'control characters');

# A file that is not there, or cannot be read, is no empty list.
one_error(qr{cannot list the traces of file://\Q$dir\E/none: cannot open \Q$dir\E/none: No such file},
	'trace', 'list', '--connection-string', "file://$dir/none");
one_error(qr{cannot open \Q$dir\E/no/where/none: No such file}, 'trace', 'list',
	'--connection-string', "file://$dir/no/where/none");
one_error(qr{cannot open \Q$dir\E/points/none: Not a directory}, 'trace', 'list',
	'--connection-string', "file://$dir/points/none");
one_error(qr{\Q$dir\E is not a regular file}, 'trace', 'list', '--connection-string',
	"file://$dir");
ok(!-e "$dir/none" && !-e "$dir/no", 'looking makes no file');

one_error(qr{cannot list the traces of redis://127\.0\.0\.1:1}, 'trace', 'list',
	'--connection-string', 'redis://127.0.0.1:1');
one_error(qr/No space left/, 'trace', 'list', @at, { stdout => '/dev/full' });

done_testing();
