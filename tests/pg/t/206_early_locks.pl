# SPDX-License-Identifier: Apache-2.0
#
# 206_early_locks.pl
#	  Locks that a statement waits for before it is planned: who held them, in each
#	  protocol, and where the statement fails there.

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

my $node = new_node('early');
$node->append_conf('postgresql.conf', "osprofiler.points = 'statement, nested, parse, plan, wait'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler; CREATE TABLE t (a int); INSERT INTO t VALUES (1)');

my $sees_others = $node->safe_psql('postgres', 'SHOW server_version_num') >= 140000;
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $socket = $node->host . '/.s.PGSQL.' . $node->port;
my $locker = PgWire->new($socket, database => 'postgres', user => $user,
	options => '-c application_name=nightly-batch');
my ($wire, $context);

# A session that was traced before: from then on it is watched.
sub connect_traced
{
	my (@settings) = @_;

	$context = context();
	$wire = PgWire->new(
		$socket,
		database => 'postgres', user => $user,
		options => join ' ', map { "-c $_" } @settings);
	$wire->simple(set_context($context));
	$wire->simple("SELECT 'before'");
	return;
}

sub started
{
	my ($name) = @_;

	return grep { $_->{name} eq "$name-start" } points($node, $context);
}

sub stopped
{
	my ($start) = @_;
	my ($stop) = grep { $_->{trace_id} eq $start->{trace_id} && $_->{name} =~ /-stop\z/ } points($node, $context);

	return $stop;
}

# The one wait of the trace, below an operation of this name, is for the table.
sub one_wait
{
	my ($what, $parent, $least) = @_;

	wait_for_delivery($node);
	my @waits = started('pg.wait');
	my $above = grep { @waits && $_->{trace_id} eq $waits[0]{parent_id} } started($parent);
	my $db = @waits ? $waits[0]{info}{db} : {};

	is(scalar @waits, 1, "$what: one wait is told");
	ok($above, "$what: below $parent");
	is($db->{lock}{table} // 't', 't', "$what: for the table") if $parent ne 'pg';
	is($db->{lock}{mode}, 'AccessShareLock', "$what: the mode");
	is($db->{held_by}{pid}, $locker->pid, "$what: who held the lock");
	if ($sees_others)
	{
		is($db->{held_by}{application}, 'nightly-batch', "$what: its program");
		like($db->{held_by}{statement}, qr/\A(?:BEGIN; LOCK|DO |SELECT pg_sleep)/, "$what: what it did");
	}
	cmp_ok(@waits && stopped($waits[0])->{info}{elapsed_ns} / 1e9, '>=', $least, "$what: how long");
	return;
}

# While the worker sleeps, which looks once a second then.
connect_traced();
sleep 2.5;
while_locked($locker, 't', 2.2, sub { $wire->simple('SELECT a FROM t') });
one_wait('a simple query', 'pg.parse', $sees_others ? 2 : 0.5);

connect_traced();
while_locked($locker, 't', 1.5, sub { $wire->prepare('s', 'SELECT a FROM t WHERE a = $1') });
$wire->run_prepared('s', 1);
one_wait('Parse', 'pg.parse', $sees_others ? 1 : 0.3);

connect_traced('plan_cache_mode=force_generic_plan');
$wire->prepare('s', 'SELECT a FROM t WHERE a = $1');
$wire->run_prepared('s', 1) for 1 .. 4;
while_locked($locker, 't', 1.5, sub { $wire->run_prepared('s', 1) });
one_wait('Bind', 'pg.parse', $sees_others ? 1 : 0.3);

# A statement that changes rows starts at Execute, whatever kind of plan it has.
foreach my $mode ('force_generic_plan', 'force_custom_plan')
{
	connect_traced("plan_cache_mode=$mode");
	$wire->prepare('u', 'UPDATE t SET a = $1 WHERE a = $1');
	$wire->run_prepared('u', 1) for 1 .. 4;
	while_locked($locker, 't', 1.5, sub { $wire->run_prepared('u', 1) });
	wait_for_delivery($node);
	my @waits = grep { $_->{info}{db}{held_by}{pid} == $locker->pid } started('pg.wait');
	is(scalar @waits, 1, "Bind of an UPDATE, $mode: one wait is told");
	cmp_ok(@waits && stopped($waits[0])->{info}{elapsed_ns} / 1e9, '>=', $sees_others ? 1 : 0.3, "Bind of an UPDATE, $mode: how long");
}

# The client's pause between Bind and Execute is none of the server's.
connect_traced('plan_cache_mode=force_generic_plan');
$wire->prepare('u', 'UPDATE t SET a = $1 WHERE a = $1');
$wire->bind('', 'u', 1)->flush_messages->send;
sleep 0.5;
$wire->execute('')->sync->read_until_ready;
wait_for_delivery($node);
is(scalar(started('pg.parse')), 0, 'a pause of the client: no pg.parse');

# It gives up.
connect_traced('lock_timeout=1500');
while_locked($locker, 't', 2.5, sub { $wire->simple('SELECT a FROM t') });
one_wait('a statement that fails', 'pg', $sees_others ? 1 : 0.3);

# A session that is not traced any more waits often; then it is traced again.
connect_traced();
$wire->simple('RESET osprofiler.trace_info');
while_locked($locker, 't', 0.05, sub { $wire->simple('SELECT a FROM t') }) for 1 .. 12;
$wire->simple(set_context($context));
while_locked($locker, 't', 1.5, sub { $wire->simple('SELECT a FROM t') });
one_wait('after waits that were not traced', 'pg.parse', $sees_others ? 1 : 0.3);

# Runs SQL in a session of its own.
sub session
{
	my ($name) = @_;

	return PgWire->new($socket, database => 'postgres', user => $user,
		options => "-c application_name=$name");
}

sub wait_until_waiting
{
	my ($count) = @_;

	for (1 .. 1000)
	{
		return if $node->safe_psql('postgres', 'SELECT count(*) FROM pg_locks WHERE NOT granted') >= $count;
		sleep 0.02;
	}
	die 'nobody waits';
}

# The session is ended while it waits: what has no operation yet gets one, that failed.
$node->safe_psql('postgres', 'CREATE TABLE par (a int); CREATE TABLE child () INHERITS (par)');
foreach my $case (
	[ 'a simple query', sub { $wire->query('SELECT a AS ended FROM t')->send } ],
	[ 'Parse', sub { $wire->parse('ended', 'SELECT a AS ended FROM t')->sync->send } ],
	[ 'in a transaction', sub { $wire->query('SELECT a AS ended FROM t')->send }, 'BEGIN' ],
	[ 'planning', sub { $wire->query('SELECT a AS ended FROM par')->send } ],
	[ 'planning in a transaction', sub { $wire->query('SELECT a AS ended FROM par')->send }, 'BEGIN' ])
{
	my ($what, $wait, $before) = @$case;

	connect_traced();
	$wire->simple($before) if $before;
	$locker->simple('BEGIN; LOCK TABLE t, ONLY child');
	$wait->();
	wait_until_waiting(1);
	$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $wire->pid . ')');
	is(state_of($wire->read_until_ready), '57P01', "$what: the session is ended");
	$locker->simple('COMMIT');
	wait_for_delivery($node);
	my ($ended) = grep { ($_->{text} // '') =~ /AS ended/ } operations(points($node, $context));
	is($ended && $ended->{stop}{etype}, 'admin_shutdown', "$what: the statement, and why it failed");
}

# Between statements there is none that failed.
connect_traced();
$wire->simple('SELECT 1');
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $wire->pid . ')');
$wire->read_until_ready;
wait_for_delivery($node);
is(scalar(grep { $_->{stop}{etype} } operations(points($node, $context))), 0, 'ended between statements: nothing failed');

SKIP: {
	skip 'PostgreSQL 13 does not say when a wait began', 8 if !$sees_others;
	my ($first, $second) = (session('first'), session('second'));

	# Behind one who waits itself, for a reader whose lock would let this one in.
	connect_traced();
	$first->simple('BEGIN; SELECT FROM t');
	$second->query('BEGIN; ALTER TABLE t ADD COLUMN b int; ROLLBACK')->send;
	wait_until_waiting(1);
	$wire->query('SELECT count(*) FROM t')->send;
	wait_until_waiting(2);
	sleep 1.2;
	$first->simple('COMMIT');
	$second->read_until_ready;
	$wire->read_until_ready;
	wait_for_delivery($node);
	my @waits = started('pg.wait');
	is($waits[0]{info}{db}{held_by}{pid}, $second->pid, 'behind one who waits: who comes first');
	is($waits[0]{info}{db}{waits_for}{pid}, $first->pid, '... and whom that one waits for');

	# The wait of a statement that is not traced is none of the next one's.
	connect_traced();
	$wire->simple('RESET osprofiler.trace_info');
	$first->simple('BEGIN; LOCK TABLE t');
	$wire->query('SELECT count(*) FROM t')->send;
	wait_until_waiting(1);
	$second->query('BEGIN; LOCK TABLE t')->send;
	wait_until_waiting(2);
	sleep 0.1;
	$first->simple('COMMIT');
	$wire->read_until_ready;
	$wire->simple(set_context($context));
	$wire->query('SELECT count(*) FROM t')->send;
	$second->read_until_ready;
	sleep 1.2;
	$second->simple('COMMIT');
	$wire->read_until_ready;
	wait_for_delivery($node);
	@waits = started('pg.wait');
	is(scalar @waits, 1, 'a wait that was not traced: one wait is told');
	is($waits[0]{info}{db}{held_by}{pid}, $second->pid, '... the traced one, with its own holder');

	# Two waits for one lock in a statement.
	connect_traced();
	$first->simple('SELECT pg_advisory_lock(7)');
	$wire->query('SELECT pg_advisory_lock(7), pg_advisory_unlock(7), pg_advisory_lock(7), pg_advisory_unlock(7)')->send;
	wait_until_waiting(1);
	$second->query('SELECT pg_advisory_lock(7)')->send;
	wait_until_waiting(2);
	sleep 0.3;
	$first->simple('SELECT pg_advisory_unlock(7)');
	$second->read_until_ready;
	sleep 0.3;
	$second->simple('SELECT pg_advisory_unlock(7)');
	$wire->read_until_ready;
	wait_for_delivery($node);
	@waits = started('pg.wait');
	is(join(' ', map { $_->{info}{db}{held_by}{pid} } @waits), join(' ', $first->pid, $second->pid),
		'two waits for one lock: each with its holder');
	like($waits[0]{info}{db}{lock}{name}, qr/ on the advisory lock 7, held by /, 'the key of an advisory lock');

	# The key is a constant: it is recorded as the statement's constants are.
	foreach my $keys ('4711', '47, 11')
	{
		connect_traced();
		$wire->simple("SET osprofiler.statement_text = normalized");
		$first->simple("SELECT pg_advisory_lock($keys)");
		$wire->query("SELECT pg_advisory_lock($keys)")->send;
		wait_until_waiting(1);
		sleep 0.1;
		$first->simple("SELECT pg_advisory_unlock($keys)");
		$wire->read_until_ready;
		wait_for_delivery($node);
		my ($wait) = started('pg.wait');
		like($wait->{info}{db}{lock}{name}, $keys =~ /,/ ? qr/ on the advisory lock \(\?, \?\), / : qr/ on the advisory lock \?, /,
			"advisory lock $keys, normalized");
		is(scalar(grep { /^(class|object)$/ } keys %{ $wait->{info}{db}{lock} }), 0, '... nor is it in its members');
	}

	# While a client's statement is planned: a partition.
	$node->safe_psql('postgres',
		'CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)');
	connect_traced();
	$first->simple('BEGIN; LOCK TABLE p1');
	$wire->query('SELECT * FROM p')->send;
	wait_until_waiting(1);
	sleep 0.6;
	$first->simple('COMMIT');
	$wire->read_until_ready;
	wait_for_delivery($node);
	@waits = started('pg.wait');
	is(scalar @waits, 1, 'while it is planned: the wait is told');
	is(@waits && $waits[0]{info}{db}{held_by}{pid}, $first->pid, '... and who held the lock');

	# No secret of a holder, who is not traced, is in a file.
	connect_traced();
	$first->query(q{BEGIN; CREATE ROLE secretary PASSWORD 'PLAINSECRET'; LOCK TABLE t; SELECT pg_sleep(1.5); ROLLBACK})->send;
	sleep 0.3;
	$wire->query('SELECT count(*) FROM t')->send;
	wait_until_waiting(1);
	sleep 0.3;
	my $directory = $node->safe_psql('postgres', 'SELECT run_directory FROM osprofiler.stat');
	is(system("grep -rqa PLAINSECRET '$directory'") >> 8, 1, 'a secret of the holder is in no file');
	$first->read_until_ready;
	$wire->read_until_ready;
}

# The kind can be left out.
connect_traced('osprofiler.points=statement,parse');
while_locked($locker, 't', 1.2, sub { $wire->simple('SELECT a FROM t') });
wait_for_delivery($node);
is(scalar(started('pg.wait')), 0, 'without the kind wait');
is(scalar(started('pg.parse')), 1, '... the time is told');

$node->stop;
done_testing();
