# SPDX-License-Identifier: Apache-2.0

# When statements of the extended protocol end, and how long the server worked on
# them, whatever the client does between its messages.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

# A pause of the client, and the most that any of these statements takes, in ms.
my $pause = 1000;
my $quick = 700;

my $node = new_node('time');
$node->append_conf('postgresql.conf', "osprofiler.points = 'statement, nested'");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION osprofiler;
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t SELECT g, g % 10 FROM generate_series(1, 20) g;
CREATE TABLE big AS SELECT g, repeat('x', 500) FROM generate_series(1, 20000) g;
CREATE FUNCTION lazy() RETURNS SETOF int LANGUAGE sql VOLATILE AS 'SELECT id FROM t ORDER BY id';
CREATE FUNCTION walk() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	c CURSOR FOR SELECT id FROM t ORDER BY id;
	n int := 0;
	id int;
BEGIN
	OPEN c;
	FOR i IN 1 .. 2 LOOP
		FETCH c INTO id;
		PERFORM pg_sleep(1);
	END LOOP;
	CLOSE c;
	RETURN id;
END$$;
CREATE FUNCTION in_parallel() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM count(*) FROM big;
	RETURN 1;
END$$;
SQL
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $wire;
my $context;

sub begin_trace
{
	my (@settings) = @_;

	$context = context();
	$wire = PgWire->new(
		$node->host . '/.s.PGSQL.' . $node->port,
		database => 'postgres', user => $user,
		options => join ' ', map { "-c $_" } @settings);
	$wire->simple(set_context($context));
	return;
}

sub rest { sleep $pause / 1000; return; }

sub run_unnamed
{
	my ($sql, @values) = @_;

	return $wire->parse('', $sql)->bind('', '', @values)->execute('')->sync
	  ->read_until_ready;
}

# The operations of the trace once it has so many; all of it must be as it must be.
sub ended
{
	my ($count, $what) = @_;

	$wire->finish if $wire->alive;
	wait_for_delivery($node);
	my @all = operations(wait_for_points($node, $context, 2 * $count));
	is(scalar @all, $count, "$what: number of operations")
	  or diag explain [ map { $_->{name} . ' ' . ($_->{text} // '') } @all ];
	is(breaches($node, $context->{base}), '', "$what: nothing is wrong");
	is_deeply([ grep { $_->{stop}{interrupted} } @all ], [], "$what: nothing was interrupted");
	return @all;
}

sub by_text
{
	my ($text, @all) = @_;
	my ($found) = grep { ($_->{text} // '') eq $text } @all;

	return $found // die "no operation '$text'";
}

# One statement, then the client rests; whatever it does next.
my $select = 'SELECT v FROM t WHERE id = $1::int';
foreach my $case (
	[ 'COMMIT', sub { $wire->simple('COMMIT') } ],
	[ 'ROLLBACK', sub { $wire->simple('ROLLBACK') } ],
	[ 'another statement', sub { run_unnamed('SELECT 1'); $wire->simple('COMMIT'); } ],
	[ 'an error', sub { $wire->simple('SELECT 1 / 0'); $wire->simple('COMMIT'); } ],
	[ 'a syntax error', sub { $wire->simple('SELEC'); $wire->simple('COMMIT'); } ],
	[ 'the end of the connection', sub { $wire->finish }, 2 ],
	[ 'a connection that breaks', sub { $wire->finish(1) }, 2 ])
{
	my ($what, $next, $count) = @$case;

	begin_trace();
	$wire->simple('BEGIN');
	run_unnamed($select, 7);
	rest();
	$next->();
	$count //= $what =~ /another|error/ ? 4 : 3;
	my $operation = by_text($select, ended($count, $what));
	cmp_ok($operation->{ms}, '<', $quick, "$what: ends when it has run");
	is($operation->{stop}{db}{rows}, 1, "$what: its rows");
}

# A simple query has no pause, whatever the session has to make ready for its first one.
begin_trace();
$wire->simple('SELECT count(*) FROM t');
is((ended(1, 'a simple query'))[0]{stop}{db}{active_ms}, undef, 'a simple query has no pause');

# The same outside of a transaction, where the Sync comes late.
begin_trace();
$wire->parse('', $select)->bind('', '', 7)->execute('')->flush_messages;
$wire->read_until_done;
is(scalar(wait_for_points($node, $context, 2)), 2, 'the stop comes while the client rests');
rest();
$wire->sync->read_until_ready;
cmp_ok((ended(1, 'a late Sync'))[0]{ms}, '<', $quick, 'a late Sync');

# Prepared and run by generic plans, in the named and in the unnamed portal.
foreach my $portal ('', 'p')
{
	begin_trace('plan_cache_mode=force_generic_plan');
	$wire->prepare('s', $select);
	$wire->simple('BEGIN');
	for (1 .. 3)
	{
		$wire->bind("$portal", 's', 7)->execute($portal)->sync->read_until_ready;
		rest();
		$wire->close_portal($portal)->sync->read_until_ready;
	}
	$wire->simple('COMMIT');
	my @all = ended(5, "prepared, portal '$portal'");
	cmp_ok($_->{ms}, '<', $quick, "prepared, portal '$portal'") for @all;

	# A busy machine may take the processor away between Bind and Execute.
	is_deeply([ map { $_->{ms} - ($_->{stop}{db}{active_ms} // $_->{ms}) > $quick ? 1 : 0 } @all[ 1 .. 3 ] ],
		[ 0, 0, 0 ], 'no pauses');
}

# A portal in slices: the end of the last slice, and what the slices took. What
# others used meanwhile is not its own.
foreach my $end ('to its end', 'COMMIT', 'ROLLBACK', 'SELECT 1 / 0', 'hang up', 'terminate')
{
	my $text = 'SELECT id, v FROM t ORDER BY id';

	begin_trace('osprofiler.points=statement,nested,node');
	$wire->simple('BEGIN');
	$wire->parse('', $text)->bind('p', '')->execute('p', 5)->sync->read_until_ready;
	rest();
	$wire->simple('SELECT count(*) FROM big');
	rest();
	$wire->execute('p', 5)->sync->read_until_ready;
	rest();
	if ($end eq 'to its end')
	{
		$wire->execute('p', 100)->sync->read_until_ready;
		rest();
		$wire->execute('p', 100)->sync->read_until_ready;
		$wire->simple('COMMIT');
	}
	elsif ($end eq 'hang up') { $wire->finish; }
	elsif ($end eq 'terminate')
	{
		$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $wire->pid . ')');
		$wire->finish(1);
	}
	else { $wire->simple($end); }
	my %more = ('to its end' => 1, COMMIT => 1, ROLLBACK => 1, 'SELECT 1 / 0' => 1);
	# BEGIN, the slices with one node, count with two, and the last one.
	my @all = ended(6 + ($more{$end} // 0), "slices, $end");
	my $operation = by_text($text, @all);
	my $rests = $end eq 'to its end' ? 3 : 2;

	cmp_ok($operation->{ms}, '>=', $rests * $pause, "slices, $end: from the first to the last");
	cmp_ok($operation->{ms}, '<', $rests * $pause + $quick, "slices, $end: and not longer");
	cmp_ok($operation->{stop}{db}{active_ms}, '<', $quick, "slices, $end: time at work");
	cmp_ok($operation->{stop}{db}{active_ms}, '>', 0, "slices, $end: it was at work");
	is($operation->{stop}{db}{rows}, $rests == 3 ? 20 : 10, "slices, $end: rows");
	cmp_ok($operation->{stop}{db}{buffers}{shared_blks_hit} // 0,
		'<', 100, "slices, $end: its own buffers");
	is(scalar(grep { $_->{parent_id} eq $operation->{trace_id} } @all),
		1, "slices, $end: its nodes");
}

# What runs in a portal was paused with it.
begin_trace();
$wire->simple('BEGIN');
$wire->parse('', 'SELECT lazy()')->bind('p', '')->execute('p', 2)->sync->read_until_ready;
rest();
$wire->execute('p', 2)->sync->read_until_ready;
rest();
$wire->simple('COMMIT');
my @lazy = ended(4, 'a function in slices');
foreach my $text ('SELECT lazy()', 'SELECT id FROM t ORDER BY id')
{
	my $operation = by_text($text, @lazy);

	cmp_ok($operation->{ms}, '<', $pause + $quick, "$text: until the last slice");
	cmp_ok($operation->{stop}{db}{active_ms}, '<', $quick, "$text: time at work");
}

# A cursor in a function: the function's own time is not the cursor's.
begin_trace();
run_unnamed('SELECT walk()');
my @walk = ended(4, 'a cursor in a function');
my $cursor = by_text('SELECT id FROM t ORDER BY id', @walk);
cmp_ok($cursor->{ms}, '<', 1000 + $quick, 'a cursor in a function: until the last FETCH');
cmp_ok($cursor->{stop}{db}{active_ms}, '<', $quick, 'a cursor in a function: time at work');

# The client rests between Bind and Execute; a change is started by the second.
foreach my $text ($select, 'UPDATE t SET v = v WHERE id = $1::int')
{
	begin_trace('osprofiler.points=statement,plan');
	$wire->parse('', $text)->bind('', '', 7)->flush_messages->send;
	rest();
	$wire->execute('')->sync->read_until_ready;
	my @all = ended(2, "Bind and Execute: $text");
	my $operation = by_text($text, @all);

	cmp_ok($operation->{ms}, '>=', $pause - 50, "$text: from Bind to Execute");
	cmp_ok($operation->{stop}{db}{active_ms}, '<', $quick, "$text: time at work");
	cmp_ok($all[1]{ms}, '<', $quick, "$text: its planning");
}

# What is slow is what the server worked on.
begin_trace("osprofiler.min_duration=${quick}ms");
$wire->simple('BEGIN');
run_unnamed($select, 7);
rest();
$wire->parse('', 'SELECT id FROM t')->bind('p', '')->execute('p', 5)->sync->read_until_ready;
rest();
$wire->execute('p', 5)->sync->read_until_ready;
rest();
run_unnamed('SELECT pg_sleep(1)');
$wire->simple('COMMIT');
is_deeply([ map { $_->{text} } ended(1, 'min_duration') ], ['SELECT pg_sleep(1)'],
	'min_duration');

# So it is after parallel workers were told when it would be slow.
begin_trace("osprofiler.min_duration=${quick}ms", 'osprofiler.points=statement,nested,worker',
	'min_parallel_table_scan_size=0', 'parallel_setup_cost=0', 'parallel_tuple_cost=0');
$wire->simple('BEGIN');
$wire->parse('', 'SELECT in_parallel() FROM generate_series(1, 3)')->bind('p', '')
  ->execute('p', 1)->sync->read_until_ready;
for (1, 2)
{
	rest();
	$wire->execute('p', 1)->sync->read_until_ready;
}
run_unnamed('SELECT pg_sleep(1)');
$wire->simple('COMMIT');
is_deeply([ map { $_->{text} } ended(1, 'min_duration of slices') ], ['SELECT pg_sleep(1)'],
	'min_duration of slices with parallel workers');

# What the server waits for within one execution is in its time: a client that does
# not read, here of more than fits into the buffers of a socket.
begin_trace();
$wire->parse('', 'SELECT * FROM big')->bind('', '')->execute('')->sync->send;
rest();
$wire->read_until_ready;
my ($unread) = ended(1, 'a client that does not read');
cmp_ok($unread->{ms}, '>=', $pause - 50, 'a client that does not read: in the time');
cmp_ok($unread->{ms} - ($unread->{stop}{db}{active_ms} // $unread->{ms}), '<', 50,
	'a client that does not read: at work all the time');

# What it waited for then is told by the kind "wait".
begin_trace('osprofiler.points=statement,wait');
$wire->parse('', 'SELECT * FROM big')->bind('', '')->execute('')->sync->send;
rest();
$wire->read_until_ready;
$wire->query('COPY t (id) FROM STDIN')->send;
$wire->read_until_copy;
rest();
$wire->copy_data("5001\n")->copy_done->read_until_ready;
my %waits = map { ($_->{text} =~ /^(\w+)/)[0] => $_->{stop}{db}{waits} // {} }
  ended(2, 'waits for the client');
cmp_ok($waits{SELECT}{'Client:ClientWrite'} // 0, '>=', $pause / 2, 'a client that does not read');
cmp_ok($waits{COPY}{'Client:ClientRead'} // 0, '>=', $pause / 2, 'a client that sends nothing');

# A statement has its own planning, or none: the same text was planned before, when
# it was not traced.
begin_trace('osprofiler.points=statement,plan');
$wire->simple('BEGIN');
$wire->prepare('s', 'INSERT INTO t VALUES ($1, 1)');
foreach my $id (101 .. 112)
{
	$wire->simple($id % 3 == 0 ? set_context($context)
		: 'RESET osprofiler.trace_info; RESET osprofiler.trace_hmac');
	$id % 2
	  ? $wire->run_prepared('s', $id)
	  : run_unnamed('INSERT INTO t VALUES ($1, 1)', $id);
	sleep 0.1;
}
$wire->simple(set_context($context));
$wire->simple('ROLLBACK');
my @inserts = grep { ($_->{text} // '') =~ /INSERT/ } ended(10, 'planning');
is(scalar @inserts, 4, 'planning: traced INSERTs');
cmp_ok($_->{ms}, '<', 100, 'planning: its own') for @inserts;

is(count_in_log($node, 'PANIC|terminated by signal'), 0, 'no crash');
$node->stop;
done_testing();
