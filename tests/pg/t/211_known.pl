# SPDX-License-Identifier: Apache-2.0

# Prepared statements that are run again and again: from the second time on their
# records are copied from templates. They must tell what the first one told, and
# whatever has changed since.

use strict;
use warnings;

use Encode qw(encode_utf8);
use FindBin;
use JSON::PP;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $text = 'SELECT v FROM t WHERE id = $1';
my $node = new_node('known');
$node->start;
$node->safe_psql('postgres',
	'CREATE EXTENSION osprofiler; CREATE TABLE t (id int PRIMARY KEY, v int);'
	  . ' INSERT INTO t SELECT g, g % 10 FROM generate_series(1, 20) g;'
	  . q{ CREATE FUNCTION f(below int) RETURNS bigint LANGUAGE sql VOLATILE}
	  . q{ AS 'SELECT count(*) FROM t WHERE id < below'});
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $wire = PgWire->new(
	$node->host . '/.s.PGSQL.' . $node->port,
	database => 'postgres', user => $user,
	options => '-c plan_cache_mode=force_generic_plan');

# Settings are not what is looked at here, so they are made outside of the trace.
sub untraced
{
	my ($context, @sql) = @_;

	$wire->simple('RESET osprofiler.trace_info; RESET osprofiler.trace_hmac');
	$wire->simple($_) for @sql;
	$wire->simple(set_context($context));
	return;
}

# Of the points that were told last: was the plan one that had been made before?
my @reused;

# What the points tell that must be the same each time: pairs of start and stop.
sub told
{
	my ($context, $count) = @_;
	my @points = wait_for_points($node, $context, 2 * $count);
	my %stop = map { ($_->{trace_id} => $_) } grep { $_->{name} eq 'pg-stop' } @points;

	@reused = ();

	return map {
		my $stop = $stop{ $_->{trace_id} };
		my %start_info = (%{ $_->{info} });
		my %stop_info = (%{ $stop->{info} });

		# Only the first one's plan is new; sql/plan.sql has that.
		$start_info{db} = { %{ $start_info{db} } };
		my $plan = delete $start_info{db}{plan};
		$start_info{kind} = $plan->{kind} if $plan && $plan->{kind};
		push @reused, $plan->{reused} ? 1 : 0 if $plan;
		delete $start_info{elapsed_ns};
		delete $stop_info{elapsed_ns};
		delete $stop_info{db}{active_ms};

		# How many blocks it takes depends on what is in the caches.
		$stop_info{db} = { %{ $stop_info{db} } };
		$stop_info{db}{buffers} = [ grep { /hit/ } keys %{ $stop_info{db}{buffers} } ]
		  if $stop_info{db}{buffers};
		$stop_info{db}{wal} = [ grep { $_ ne 'fpi' } sort keys %{ $stop_info{db}{wal} } ]
		  if $stop_info{db}{wal};
		{
			parent => $_->{parent_id} eq $context->{base} ? 1 : 0,
			project => $_->{project} // '',
			service => $_->{service} // '',
			start => \%start_info,
			stop => \%stop_info
		}
	} grep { $_->{name} eq 'pg-start' } @points;
}

# What is known tells the same as what is not.
sub same_each_time
{
	my ($what, $sql, @values) = @_;
	my $context = context();

	$wire->prepare('same', $sql);
	untraced($context);
	$wire->run_prepared('same', @$_) for @values;
	untraced($context);
	my @told = told($context, scalar @values);
	is(scalar @told, scalar @values, "$what: one point each time");
	is(encode_utf8($told[0]{start}{db}{statement}), $sql, "$what: its text");
	is_deeply($told[$_], $told[0], "$what: number $_") for 1 .. $#told;
	$wire->forget_prepared('same');
	return $told[0];
}

my $told = same_each_time('SELECT', $text, ([7]) x 6);
is_deeply(\@reused, [ 0, (1) x 5 ], 'its plan is new the first time only');
is($told->{stop}{db}{rows}, 1, 'rows');
is_deeply($told->{stop}{db}{buffers}, ['shared_blks_hit'], 'blocks');
$told = same_each_time('no blocks', 'SELECT $1::int', ([7]) x 4);
ok(!exists $told->{stop}{db}{buffers}, 'none were used');
$told = same_each_time('INSERT', 'INSERT INTO t VALUES ($1, $2)',
	map { [ 100 + $_, 0 ] } 1 .. 4);
is_deeply($told->{stop}{db}{wal}, [qw(bytes records)], 'WAL');
same_each_time('UPDATE', 'UPDATE t SET v = v + 1 WHERE id = $1', ([101]) x 4);
same_each_time('DELETE', 'DELETE FROM t WHERE id = $1 RETURNING v',
	map { [ 100 + $_ ] } 1 .. 4);
same_each_time('no rows', $text, ([1000]) x 4);
same_each_time('a long text', 'SELECT ' . ('1+' x 1000) . '1', ([]) x 3);
same_each_time('a longer one', 'SELECT ' . (' ' x 30000) . '1', ([]) x 3);
same_each_time('other letters', "SELECT 'Gr\xc3\xb6\xc3\x9fe', \$1::int", ([1]) x 3);

same_each_time('a utility statement', $_, ([]) x 4)
  for 'SHOW work_mem', 'SET LOCAL work_mem = 1024', 'BEGIN';
$wire->simple('ROLLBACK');

# Transactions: their first and last statements, and the commit itself, which is
# there if something was written.
my $transactions = context();
$wire->prepare('begin', 'BEGIN ISOLATION LEVEL REPEATABLE READ');
$wire->prepare('commit', 'COMMIT');
$wire->prepare('rollback', 'ROLLBACK');
$wire->prepare('read', $text);
$wire->prepare('write', 'UPDATE t SET v = v WHERE id = $1');
$wire->prepare('fail', 'SELECT 1 / $1::int');
untraced($transactions, 'SET osprofiler.points = statement, commit');
foreach (1 .. 3)
{
	$wire->run_prepared('begin');
	$wire->run_prepared('write', 7);
	$wire->run_prepared('commit');
	$wire->run_prepared('write', 7);
}
foreach ([ 'read', 7, 'commit' ], [ 'write', 7, 'rollback' ], [ 'fail', 0, 'commit' ])
{
	my ($what, $value, $end) = @$_;

	$wire->run_prepared('begin');
	$wire->run_prepared($what, $value);
	$wire->run_prepared($end);
}
untraced($transactions, 'RESET osprofiler.points');
my @transactions = wait_for_points($node, $transactions, 50);
my $begin = 'BEGIN ISOLATION LEVEL REPEATABLE READ -> BEGIN';
my $write = 'UPDATE t SET v = v WHERE id = $1 -> UPDATE 1';
is_deeply(
	tree(@transactions),
	[
		($begin, $write, 'COMMIT -> COMMIT', '  pg.commit', $write, 'pg.commit') x 3,
		$begin, "$text -> SELECT 1", 'COMMIT -> COMMIT',
		$begin, $write, 'ROLLBACK -> ROLLBACK',
		$begin, 'SELECT 1 / $1::int -> SELECT (division_by_zero)',
		'COMMIT -> ROLLBACK'
	],
	'transactions');
my @commits = map { $_->{info}{db} } grep { $_->{name} eq 'pg.commit-stop' } @transactions;
is(scalar @commits, 6, 'commits');
foreach my $commit (@commits)
{
	is_deeply(
		[ sort(keys %$commit), sort(keys %{ $commit->{wal} }), $commit->{synchronous_commit} ],
		[qw(synchronous_commit transaction_id wal bytes records on)],
		'what a commit tells');
}
is(scalar(keys %{ { map { ($_->{transaction_id} => 1) } @commits } }), 6, 'each its own');
is_deeply(
	[ map { $_->{info}{db}{command} } grep { $_->{name} eq 'pg.commit-start' } @transactions ],
	[ ('COMMIT') x 6 ], 'how it was asked for');

# synchronous_commit is that of this time.
my $synchronous = context();
untraced($synchronous, 'SET osprofiler.points = statement, commit');
foreach my $to (qw(on off local off))
{
	untraced($synchronous, "SET synchronous_commit = $to");
	$wire->run_prepared('write', 7);
}
untraced($synchronous, 'RESET osprofiler.points', 'RESET synchronous_commit');
is_deeply(
	[ map { $_->{info}{db}{synchronous_commit} }
	  grep { $_->{name} eq 'pg.commit-stop' } wait_for_points($node, $synchronous, 16) ],
	[qw(on off local off)],
	'synchronous_commit of each time');

# Rows are those of this time.
my $rows = context();
$wire->prepare('rows', 'SELECT id FROM t WHERE id <= $1');
untraced($rows);
$wire->run_prepared('rows', $_) for 3, 0, 20, 1;
untraced($rows);
is_deeply([ map { $_->{stop}{db}{rows} } told($rows, 4) ],
	[ 3, 0, 20, 1 ], 'rows of each time');

# What is told changes with the settings.
my $changed = context();
my @names = ('another', 'a name that takes', 'a name that take', 'a name that tak', 'x' x 63,
	'a name that takes more room than before');
$wire->prepare('s', $text);
untraced($changed);
$wire->run_prepared('s', 1) for 1 .. 2;
foreach my $sql (
	(map { "SET application_name = '$_'" } @names),
	"SET osprofiler.service = 'shop'",
	"SET osprofiler.project = 'books'",
	'SET osprofiler.max_statement_length = 8',
	'RESET osprofiler.max_statement_length',
	'SET osprofiler.hide_params = off',
	'RESET osprofiler.hide_params')
{
	untraced($changed, $sql);
	$wire->run_prepared('s', 1) for 1 .. 2;
}
untraced($changed);
my @told = map {
	join '|', $_->{start}{db}{application} // '', $_->{service}, $_->{project},
	  $_->{start}{db}{statement}, $_->{start}{db}{params} ? 'params' : ''
} told($changed, 26);
my $name = $names[-1];
my $none = $told[0] =~ /\|(.*?)\|/ ? $1 : '';
my @expected;
push @expected, ($_) x 2
  for "|$none||$text|", (map { "$_|$none||$text|" } @names),
  "$name|shop||$text|", "$name|shop|books|$text|", "$name|shop|books|SELECT v|",
  "$name|shop|books|$text|", "$name|shop|books|$text|params",
  "$name|shop|books|$text|";
is_deeply(\@told, \@expected, 'settings that change what is told');
untraced($changed, 'RESET ALL', 'SET plan_cache_mode = force_generic_plan');

# What shall not be recorded is not, and what is sampled elsewhere is.
my $asked = context();
$wire->prepare('asked', 'SELECT $1::int + 1');
untraced($asked);
$wire->run_prepared('asked', 1) for 1 .. 2;
foreach my $sql (
	"SET osprofiler.points = 'commit'",
	"SET osprofiler.points = 'nested'",
	"SET osprofiler.min_duration = '1h'")
{
	untraced($asked, $sql);
	$wire->run_prepared('asked', 1) for 1 .. 2;
	untraced($asked, $sql =~ s/SET (\S+).*/RESET $1/r);
}
$wire->run_prepared('asked', 1);
$wire->simple("SET osprofiler.trace_hmac = 'wrong'");
$wire->run_prepared('asked', 1);
$wire->simple('RESET osprofiler.trace_info; RESET osprofiler.trace_hmac');
$wire->run_prepared('asked', 1);
is(scalar(told($asked, 3)), 3, 'only what was asked for');

# The same while the context stays as it is, with a cursor open or not.
sub reload_enabled
{
	my ($value) = @_;

	$node->append_conf('postgresql.conf', "osprofiler.enabled = $value");
	$node->reload;
	for (1 .. 600)
	{
		my @events = $wire->simple('SHOW osprofiler.enabled');

		last if grep { $_->[0] eq 'row' && $_->[1] eq $value } @events;
		select undef, undef, undef, 0.1;
	}
	return;
}

my $within = context();
untraced($within);
foreach my $change (
	[ map { my $sql = $_; sub { $wire->simple($sql) } }
		"SET osprofiler.points = 'nested'", 'RESET osprofiler.points' ],
	[ map { my $sql = $_; sub { $wire->simple($sql) } }
		"SET osprofiler.min_duration = '1h'", 'RESET osprofiler.min_duration' ],
	[ map { my $value = $_; sub { reload_enabled($value) } } 'off', 'on' ])
{
	foreach my $cursor (0, 1)
	{
		$wire->run_prepared('asked', 1);
		$wire->simple('BEGIN; DECLARE c CURSOR FOR SELECT FROM t; FETCH c') if $cursor;
		$change->[0]->();
		$wire->run_prepared('asked', 1) for 1 .. 2;
		$change->[1]->();
		$wire->run_prepared('asked', 1);
		$wire->simple('COMMIT') if $cursor;
	}
}
$wire->simple('RESET osprofiler.trace_info; RESET osprofiler.trace_hmac');
wait_for_delivery($node);
is(scalar(grep { /^SELECT \$1/ } @{ tree(points($node, $within)) }),
	12, 'nor in the middle of a trace');

# A context for the next statement goes before that of the session, once.
my ($next, $session) = (context(), context());
untraced($session);
$wire->run_prepared('asked', 1);
$wire->simple('SELECT osprofiler.set_context('
	  . "\$\$trace_hmac='$next->{hmac}',trace_info='$next->{info}'\$\$)");
$wire->run_prepared('asked', 1) for 1 .. 2;
$wire->simple('RESET osprofiler.trace_info; RESET osprofiler.trace_hmac');
is(scalar(told($next, 1)), 1, 'a context for the next statement');
is_deeply(
	tree(wait_for_points($node, $session, 4)),
	[ ('SELECT $1::int + 1 -> SELECT 1') x 2 ],
	'and for no other one');

# An error, in the middle of others.
my $failed = context();
$wire->prepare('failed', 'SELECT 10 / $1::int');
untraced($failed);
$wire->run_prepared('failed', $_) for 1, 5, 0, 2, 0, 10;
untraced($failed);
my $line = 'SELECT 10 / $1::int';
is_deeply(
	tree(wait_for_points($node, $failed, 12)),
	[
		("$line -> SELECT 1") x 2,
		"$line -> SELECT (division_by_zero)",
		"$line -> SELECT 1",
		"$line -> SELECT (division_by_zero)",
		"$line -> SELECT 1"
	],
	'errors among others');

# The same of a utility statement.
my $refused = context();
$wire->prepare('refused', 'SAVEPOINT a');
untraced($refused);
$wire->run_prepared('refused') for 1 .. 3;
$wire->simple('BEGIN');
$wire->run_prepared('refused') for 1 .. 2;
$wire->simple('ROLLBACK');
$wire->run_prepared('refused');
untraced($refused);
is_deeply(
	tree(wait_for_points($node, $refused, 16)),
	[
		('SAVEPOINT a -> SAVEPOINT (no_active_sql_transaction)') x 3,
		'BEGIN -> BEGIN',
		('SAVEPOINT a -> SAVEPOINT') x 2,
		'ROLLBACK -> ROLLBACK',
		'SAVEPOINT a -> SAVEPOINT (no_active_sql_transaction)'
	],
	'utility statements that fail');

# With something under it, under a user's point, and in slices.
my $nested = context();
$wire->prepare('nested', 'SELECT f($1)');
untraced($nested);
$wire->run_prepared('nested', 5) for 1 .. 2;
$wire->simple("SELECT osprofiler.start('phase')");
$wire->run_prepared('nested', 5);
$wire->simple('SELECT osprofiler.stop()');
$wire->run_prepared('nested', 5);
$wire->simple('BEGIN');
$wire->bind('p', 'rows', 3)->execute('p', 2)->sync;
$wire->read_until_ready;
$wire->run_prepared('nested', 5);
$wire->execute('p', 2)->close_portal('p')->sync;
$wire->read_until_ready;
$wire->simple('COMMIT');
$wire->run_prepared('nested', 5);
untraced($nested);
my @f = ('SELECT f($1) -> SELECT 1',
	'  SELECT count(*) FROM t WHERE id < below -> SELECT 1');
is_deeply(
	[ grep { !/osprofiler/ } @{ tree(wait_for_points($node, $nested, 36)) } ],
	[
		@f, @f, 'phase',
		(map { "  $_" } @f),
		@f,
		'BEGIN -> BEGIN',
		'SELECT id FROM t WHERE id <= $1 -> SELECT 3',
		@f,
		'COMMIT -> COMMIT',
		@f
	],
	'with something under it, under something, and in slices');

# The plan is made anew, and the statement is prepared anew.
my $again = context();
$wire->prepare('again', $text);
untraced($again);
$wire->run_prepared('again', 1) for 1 .. 2;
untraced($again, 'ALTER TABLE t ADD COLUMN w int');
$wire->run_prepared('again', 1) for 1 .. 2;
$wire->forget_prepared('again');
$wire->prepare('again', "SELECT w FROM t WHERE id = \$1");
$wire->run_prepared('again', 1) for 1 .. 2;
untraced($again);
is_deeply(
	[ map { $_->{start}{db}{statement} } told($again, 6) ],
	[ ($text) x 4, ('SELECT w FROM t WHERE id = $1') x 2 ],
	'plans and statements that are made anew');

# Sampled: each transaction is a trace of its own, and all tell the same.
{
	my $sampled = 'SELECT v AS sampled FROM t WHERE id = $1';
	my (%of, @starts);

	$wire->prepare('sampled', $sampled);
	$wire->prepare('commit_sampled', 'COMMIT');
	$wire->simple('RESET osprofiler.trace_info; RESET osprofiler.trace_hmac');
	$wire->simple('SET osprofiler.sample_rate = 1');
	$wire->run_prepared('sampled', 7) for 1 .. 4;
	$wire->run_prepared('begin');
	$wire->run_prepared('sampled', 7) for 1 .. 3;
	$wire->run_prepared('commit_sampled');
	$wire->simple('SET osprofiler.sample_rate = 0');
	$wire->run_prepared('sampled', 7) for 1 .. 2;
	wait_for_delivery($node);
	foreach my $line (split /^/, slurp_file(trace_file($node)))
	{
		next if index($line, 'AS sampled') < 0;
		my $point = decode_json($line);

		push @starts, $point if $point->{name} eq 'pg-start';
		push @{ $of{ $point->{base_id} } }, $point;
	}
	is(scalar @starts, 7, 'sampled: one point each time');
	is_deeply([ sort map { scalar @$_ } values %of ],
		[ 1, 1, 1, 1, 3 ], 'sampled: a trace for each transaction');
	is((grep { $_->{parent_id} ne $_->{base_id} } @starts),
		0, 'sampled: each at the top of its trace');
	is(scalar(keys %{ { map { ($_->{trace_id} => 1) } @starts } }), 7, 'sampled: all ids differ');
	delete $_->{info}{db}{plan} for @starts;
	is_deeply($starts[$_]{info}{db}, $starts[0]{info}{db}, "sampled: number $_")
	  for 1 .. $#starts;
}

# Nodes of a plan: the same each time, and the names of today.
sub nodes_told
{
	my ($context, $points_each, $times) = @_;
	my @points = wait_for_points($node, $context, 2 * $points_each * $times);
	my %stop = map { ($_->{trace_id} => $_->{info}{db}{node}) }
	  grep { $_->{name} eq 'pg.node-stop' } @points;
	my %of;

	foreach my $point (grep { $_->{name} eq 'pg.node-start' } @points)
	{
		my $stop = $stop{ $point->{trace_id} };

		push @{ $of{ $point->{info}{db}{node}{id} } },
		  {
			%{ $point->{info}{db}{node} },
			told => [ grep { !/buffers/ } sort keys %$stop ],
			rows => $stop->{rows},
			loops => $stop->{loops},
			times => $stop->{total_ms} >= $stop->{first_row_ms} ? 1 : 0
		  };
	}
	return \%of;
}

foreach my $case (
	[ 'one', $text ],
	[ 'a filter', 'SELECT id FROM t WHERE id <= $1 AND v > 2' ],
	[ 'several', 'SELECT count(*) FROM t a JOIN t b USING (id) WHERE a.id < $1 GROUP BY b.v ORDER BY 1' ],
	[ 'a subplan', 'SELECT (SELECT max(v) FROM t b WHERE b.id < a.id) FROM t a WHERE id < $1' ],
	[ 'a change', 'UPDATE t SET v = v WHERE id = $1' ])
{
	my ($what, $sql) = @$case;
	my $context = context();

	$wire->prepare('nodes', $sql);
	untraced($context, 'SET osprofiler.points = statement, node');
	$wire->run_prepared('nodes', 5) for 1 .. 5;
	untraced($context, 'RESET osprofiler.points');
	wait_for_delivery($node);
	my $of = nodes_told($context, 2, 5);

	ok(%$of, "nodes, $what: told");
	foreach my $id (sort keys %$of)
	{
		my @times = @{ $of->{$id} };

		is(scalar @times, 5, "nodes, $what: number $id each time");
		is_deeply($times[$_], $times[0], "nodes, $what: number $id, time $_")
		  for 1 .. $#times;
	}
	$wire->forget_prepared('nodes');
}
my $renamed = context();
$wire->prepare('nodes', $text);
untraced($renamed, 'SET osprofiler.points = statement, node');
$wire->run_prepared('nodes', 5) for 1 .. 3;
untraced($renamed, 'ALTER INDEX t_pkey RENAME TO t_by_id');
$wire->run_prepared('nodes', 5) for 1 .. 2;
untraced($renamed, 'ALTER TABLE t RENAME COLUMN w TO x', 'ALTER TABLE t RENAME TO tt');
$wire->simple('ALTER TABLE tt RENAME TO t');
$wire->run_prepared('nodes', 5) for 1 .. 2;
untraced($renamed, 'RESET osprofiler.points');
wait_for_delivery($node);
is_deeply(
	[ map { $_->{index} } map { @$_ } values %{ nodes_told($renamed, 2, 7) } ],
	[ ('t_pkey') x 3, ('t_by_id') x 4 ],
	'an index that gets another name');

# More statements than there are places for; half of them are forgotten, and
# others come to where they were.
my $many = context();
my @places = map { 2 * $_ + 1 } 0 .. 1499;
my @others = grep { $_ % 4 == 1 } @places;

# So many at a time that neither side waits for the other to read.
sub in_batches
{
	my ($do, @places) = @_;

	while (my @batch = splice @places, 0, 100)
	{
		$do->($_) for @batch;
		$wire->sync;
		$wire->read_until_ready;
	}
	return;
}

sub run_all { in_batches(sub { $wire->bind('', "m$_[0]")->execute('') }, @_); return; }

in_batches(sub { $wire->parse("m$_[0]", "SELECT $_[0]") }, 1 .. 3000);
untraced($many);
my $sent = 0;

# More than a ring can hold, for a shipper that has to wait for a processor.
sub run_and_wait
{
	run_all(@_);
	$sent += 2 * @_;
	wait_until_shipped($node, $many, $sent);
	return;
}

run_and_wait(@places) for 1 .. 3;
$wire->simple('RESET osprofiler.trace_info; RESET osprofiler.trace_hmac');
in_batches(
	sub {
		$wire->close_statement("m$_[0]")
		  ->parse("m$_[0]", "SELECT $_[0], 'another'");
	},
	@others);
$wire->simple(set_context($many));
run_and_wait(@others) for 1 .. 2;
$wire->simple('RESET osprofiler.trace_info');
my @texts = map { $_->{start}{db}{statement} } told($many, 6000);
my @many = map { "SELECT $_" } @places;
my @more = map { "SELECT $_, 'another'" } @others;
is_deeply(
	\@texts,
	[ (@many) x 3, (@more) x 2 ],
	'thousands of statements, each by its own text');

# A key that is taken away: what it has signed is not traced any more.
my $key = context();
untraced($key);
$wire->run_prepared('asked', 1) for 1 .. 2;
write_file($node->basedir . '/keys', "ANOTHER_KEY\n", 0600);
$node->reload;
for (1 .. 600)
{
	my @events = $wire->simple("SELECT pg_conf_load_time() > now() - interval '1 minute'"
		  . " AND (SELECT verdict <> 'accepted' FROM osprofiler.context())");

	last if grep { $_->[0] eq 'row' && $_->[1] eq 't' } @events;
	select undef, undef, undef, 0.1;
}
$wire->run_prepared('asked', 1) for 1 .. 2;
is(scalar(grep { $_->{start}{db}{statement} =~ /\$1/ } told($key, 2)),
	2, 'a key that was taken away');

is(count_in_log($node, 'PANIC|terminated by signal|ERROR:  could not'), 0, 'no crash');
$wire->finish;
$node->stop;
done_testing();
