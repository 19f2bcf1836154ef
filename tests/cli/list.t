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

# Nothing to list is said.
like(run_ok('trace', 'list', '--service', 'nosuch', @at), qr/\ATRACE .*\nThere is no trace that fits in \S+\.\n\z/, 'no trace that fits');

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
one_error(qr/'nonsense' is no page/, 'trace', 'list', @far, '--page', 'nonsense', '--sort',
	'duration');
usage_error(qr/--limit must be a whole number from 1 to/, 'trace', 'list', @far,
	'--limit', $_) for '0', '-1', 'x', '';

# By time.
is(ids(@at, '--since', '2026-11-22T15:56:04'), "TRACE $two", '--since');
is(ids(@at, '--until', '2026-11-22T15:56:04'), "TRACE $one", '--until');
is(ids(@at, '--since', '2026-11-22', '--until', '2026-11-23'), "TRACE $two $one",
	'dates');
is(ids(@at, '--since', '2026-11-22T18:56:03+03:00'), "TRACE $two", 'an offset');
is(ids(@at, '--since', '2026-11-22T15:57'), "TRACE There is no trace that fits in $uri.", 'minutes');
is(ids(@at, '--until', '5200w'), "TRACE There is no trace that fits in $uri.", 'a time before now');

# Times as other writers have them.
{
	my @times = qw(2026-11-22T15:56:03 2026-11-22T15:56:04Z 2026-11-22T15:56:05.123456789
	  2026-11-22T18:56:06.5+03:00);
	my @ids = map { sprintf '%08d-3333-4333-8444-555555555555', $_ } 0 .. 4;
	my $n = 0;
	my @foreign = map { my $time = $_; my $id = $ids[$n++];
		map { point("x-$_", $id, $id, "t$id", '00.0') =~
			  s/"timestamp": "[^"]*"/"timestamp": "$time"/r } qw(start stop) }
	  @times, '2026-11-22 15:56:07';
	my $file = write_points("$dir/foreign", @foreign);

	is(join(' ', map { "$_->[0] $_->[1]" } (rows(run_ok('trace', 'list', '--connection-string',
						$file)))[1 .. 5]),
		"$ids[4] 2026-11-22T15:56:07.000000 $ids[3] 2026-11-22T15:56:06.500000 "
		  . "$ids[2] 2026-11-22T15:56:05.123456 $ids[1] 2026-11-22T15:56:04.000000 "
		  . "$ids[0] 2026-11-22T15:56:03.000000", 'times of other writers');
	like(run_ok('trace', 'show', '--connection-string', $file, $ids[3]),
		qr/2026-11-22T15:56:06\.500000/, 'as the tree has them');
	is(ids('--connection-string', $file, '--since', '2026-11-22T15:56:06', '--until',
			'2026-11-22T15:56:06.9'), "TRACE $ids[3]", 'and --since and --until');
}
usage_error(qr/--since must be a date, a date and a time \(UTC\), or a time before/,
	'trace', 'list', @at, '--since', $_)
  for 'yesterday', '', '7y', '2026-13-01', '-1d', '1e3';

# By what they did, in every order, page by page. Trace i begins at second i, and takes
# i * 7 % 11 ms; every third has an error, and i % 4 operations more than one.
my @varied;
my @points;
for my $i (0 .. 29)
{
	my $id = sprintf '%08x-3333-4333-8444-555555555555', $i;
	my $time = sprintf '%02d', $i;
	my %trace = (id => $id, at => $i, ms => $i * 7 % 11, operations => 1 + $i % 4,
		errors => $i % 3 == 0 ? 1 : 0);
	my $text = $i % 5 == 0 ? "DELETE FROM Cart $i" : 'SELECT 1';

	push @varied, \%trace;
	push @points,
	  point('web-start', $id, $id, "a$i", "$time.000000",
		qq({"db": {"statement": "$text"}, "host": "h"}), $i % 2 ? 'shop' : 'web'),
	  map { (point('db-start', $id, "a$i", "b$i-$_", "$time.000000"),
			point('db-stop', $id, "a$i", "b$i-$_", "$time.000000")) } 2 .. $trace{operations};
	push @points, point('web-stop', $id, $id, "a$i", sprintf("$time.%03d000", $trace{ms}),
		$trace{errors} ? '{"etype": "E", "message": "m", "host": "h"}' : '{"host": "h"}');
}
my @various = ('--connection-string', write_points("$dir/varied", @points));

sub json_ids
{
	my $part = decode_json(run_ok('trace', 'list', '--json', @various, @_));
	return ($part->{next}, map { hex substr $_->{base_id}, 0, 8 } @{ $part->{traces} });
}

sub in_order
{
	my ($key, @traces) = @_;
	return map { $_->{at} }
	  sort { $b->{$key} <=> $a->{$key} || $b->{at} <=> $a->{at} } @traces;
}

for my $order (['time', 'at'], ['duration', 'ms'], ['operations', 'operations'],
	['errors', 'errors'])
{
	my @expected = in_order($order->[1], @varied);
	for my $limit (1, 4, 30, 31)
	{
		my ($page, @seen);
		do
		{
			($page, my @some) = json_ids('--sort', $order->[0], '--limit', $limit,
				defined $page ? ('--page', $page) : ());
			push @seen, @some;
		} while (defined $page && @seen < 100);
		is("@seen", "@expected", "by $order->[0] in pages of $limit");
	}
	my (undef, @all) = json_ids('--sort', $order->[0], '--all');
	is("@all", "@expected", "all by $order->[0]");
}
is(join(' ', (json_ids('--min-duration', '9ms'))[1 .. 6]),
	join(' ', map { $_->{at} } grep { $_->{ms} >= 9 } reverse @varied), '--min-duration');
is(join(' ', (json_ids('--service', 'shop', '--all'))[1 .. 15]),
	join(' ', map { $_->{at} } grep { $_->{at} % 2 } reverse @varied), '--service');
is(join(' ', (json_ids('--text', 'from cart'))[1 .. 6]), '25 20 15 10 5 0', '--text');
is(join(' ', (json_ids('--text', 'WEB', '--all'))[1 .. 30]), join(' ', reverse 0 .. 29),
	'--text in the name');
is(join(' ', grep { defined } json_ids('--text', 'from cart', '--service', 'shop',
			'--errors', '--min-duration', '0.5ms')), '15', 'all of these');
is(join(' ', (json_ids('--slow'))[1 .. 20]), join(' ', (in_order('ms', @varied))[0 .. 19]),
	'--slow');
is(join(' ', (json_ids('--slow=6', '--limit', 4))[1 .. 4]),
	join(' ', (in_order('ms', @varied[24 .. 29]))[0 .. 3]), '--slow=N looks at the newest N');
is((json_ids('--slow=6', '--limit', 4))[0], 4, 'and has pages');
is(join(' ', (json_ids('--slow=6', '--limit', 4, '--page', 4))[1 .. 2]),
	join(' ', (in_order('ms', @varied[24 .. 29]))[4 .. 5]), 'up to the last of them');
is(join(' ', (json_ids('--slow', '--since', '2026-11-22T15:56:10', '--limit', 3))[1 .. 3]),
	join(' ', (in_order('ms', @varied[10 .. 29]))[0 .. 2]), '--slow of a time');
like(run_ok('trace', 'list', @various, '--slow', '--limit', 2),
	qr/\nThere are other traces: --page 2, or --all\n\z/, 'the others need not be older');
usage_error(qr/--sort takes time, duration, operations or errors, not '$_'/, 'trace', 'list',
	'--sort', $_) for 'size', '', 'Time';
usage_error(qr/--min-duration must be a time such as/, 'trace', 'list', '--min-duration', $_)
  for 'x', '', '-1', '1y', 'nan';
usage_error(qr/$_ must not be empty/, 'trace', 'list', $_, '') for '--service', '--text';
usage_error(qr/--slow must be a whole number from 1 to/, 'trace', 'list', "--slow=$_")
  for 0, -1, 'x', '';
usage_error(qr/--all and --limit exclude each other/, 'trace', 'list', @$_)
  for [ '--all', '--limit', '2' ], [ '--limit=2', '--all' ];
usage_error(qr/--slow and --sort exclude each other/, 'trace', 'list', '--slow', '--sort',
	'time');
usage_error(qr/--color takes always, never or auto, not 'red'/, 'trace', 'list', '--color=red');

# Of many traces no more are in memory than are listed.
SKIP:
{
	skip 'no sqlite3', 7 if system('which sqlite3 >/dev/null') != 0;
	my $store = "sqlite:///$dir/many.db";

	write_points("$dir/one", point('a-start', $one, $one, 'a', '01.000000'));
	{
		local $ENV{OSPROFILER_HMAC_KEYS} = 'k';
		local $ENV{OSPROFILER_HOOK_PATH} = "$build/client_hooks:$build/sqlite_osprofiler";
		system("$build/bin/osprofiler run --quiet --connection-string $store -- sqlite3 :memory: 'SELECT 1' >$dir/run.out 2>&1") == 0
		  or die slurp("$dir/run.out");
	}
	system('sqlite3', "$dir/many.db",
		'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) '
		  . 'INSERT INTO trace SELECT 10 + i, randomblob(16), 1700000000000000 + i, i * 7919 % 300007, '
		  . q{1, 0, 'svc', 'name', printf('SELECT %0100d', i) FROM n}) == 0
	  or die 'sqlite3';
	for my $how (['--sort', 'duration'], ['--slow=300000'], ['--min-duration', '300ms'])
	{
		my $out = qx(ulimit -v 80000; $build/bin/osprofiler trace list --json --limit 5 --connection-string $store @$how 2>&1);
		my $status = $? >> 8;
		if ($how->[0] eq '--slow=300000')
		{
			is($out, "osprofiler: trace list: cannot list the traces of $store: out of memory\n", 'all of 300,000 traces are too many for little memory');
			is($status, 1, 'which fails');
			next;
		}
		my $part = eval { decode_json($out) } // {};
		is(scalar @{ $part->{traces} // [] }, 5, "300,000 traces in little memory, @$how")
		  or diag substr $out, 0, 300;
		is($status, 0, 'which is no failure');
	}
	my $part = decode_json(run_ok('trace', 'list', '--json', '--limit', 3, '--sort', 'duration',
			'--connection-string', $store));
	is(join(' ', map { int $_->{operations} } @{ $part->{traces} }), '1 1 1', 'the longest of them');
}

# On a terminal no line is wider than it, and ids are as short as 'trace show' takes them.
for my $width (40, 60, 66, 72, 80, 100, 120, 139, 140, 200, 250)
{
	my $out = qx($top/tests/cli/on_terminal.py $width 50 $build/bin/osprofiler trace list --no-pager @various --limit 30);
	utf8::decode($out);
	my @long = grep { length > $width } split /\n/, $out =~ s/\e\[[\d;]*m//gr;
	is("@long", '', "lines of $width columns");
	like($out, $width < 140 ? qr/^0000001d  /m : qr/^0000001d-3333-/m, 'its ids');
}

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

# On a terminal there is no column of services where no trace has one; scripts, which may
# count columns, find it always.
{
	my @without = map { s/"service": "svc"/"service": null/r } point('sqlite-start', 'a1b2', 'a1b2', 'a1', '01.000000');
	my $without = write_points("$dir/no-service", @without);
	my $with = write_points("$dir/one-service", @without, point('db-start', 'c3d4', 'c3d4', 'c1', '02.000000'));
	my %shown = map {
		my $at = $_;
		($at => scalar qx($top/tests/cli/on_terminal.py 120 10 $build/bin/osprofiler trace list --no-pager --color=never --connection-string $at))
	} $without, $with;

	unlike($shown{$without}, qr/SERVICE/, 'no service: no column of them');
	like($shown{$without}, qr/^TRACE .* ERRORS  FIRST OPERATION\na1b2 .* sqlite$/m, '... and nothing else is missing');
	like($shown{$with}, qr/ERRORS  SERVICE +FIRST OPERATION\nc3d4 .*  svc +db\na1b2 .*  - +sqlite$/m, 'a service: its column');
	like(run_ok('trace', 'list', '--connection-string', $without), qr/SERVICE/, 'no service, not on a terminal: the column');
}

# Somebody's own store without a trace: which it is, and how to read another.
SKIP:
{
	skip 'no sqlite3', 1 if system('which sqlite3 >/dev/null') != 0;
	local $ENV{OSPROFILER_CONNECTION_STRING} = '';
	local $ENV{OSPROFILER_HOOK_PATH} = "$build/client_hooks:$build/sqlite_osprofiler";
	run_cli('run', 'sqlite3', ':memory:', 'SELECT 1');
	run_cli('trace', 'delete', 'last');
	like(run_ok('trace', 'list'), qr{\nThere is no trace in sqlite:///\S+/traces\.db\.\nThat is your own store: --connection-string names another collector, --server CONNINFO a PostgreSQL server\.\n\z},
		'an empty store of one\'s own');
}

done_testing();
