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

# Runs the code while another session locks the table, until a while after somebody waits.
sub while_locked
{
	my ($code, $seconds) = @_;

	$locker->simple('BEGIN; LOCK TABLE t');
	$locker->query(<<"SQL")->send;
DO \$\$ BEGIN
	FOR i IN 1 .. 6000 LOOP
		EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE relation = 't'::regclass AND NOT granted);
		PERFORM pg_sleep(0.01);
	END LOOP;
END \$\$;
SELECT pg_sleep($seconds); COMMIT
SQL
	$code->();
	$locker->read_until_ready;
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
while_locked(sub { $wire->simple('SELECT a FROM t') }, 2.2);
one_wait('a simple query', 'pg.parse', $sees_others ? 2 : 0.5);

connect_traced();
while_locked(sub { $wire->prepare('s', 'SELECT a FROM t WHERE a = $1') }, 1.5);
$wire->run_prepared('s', 1);
one_wait('Parse', 'pg.parse', $sees_others ? 1 : 0.3);

connect_traced('plan_cache_mode=force_generic_plan');
$wire->prepare('s', 'SELECT a FROM t WHERE a = $1');
$wire->run_prepared('s', 1) for 1 .. 4;
while_locked(sub { $wire->run_prepared('s', 1) }, 1.5);
one_wait('Bind', 'pg.parse', $sees_others ? 1 : 0.3);

# It gives up.
connect_traced('lock_timeout=1500');
while_locked(sub { $wire->simple('SELECT a FROM t') }, 2.5);
one_wait('a statement that fails', 'pg', $sees_others ? 1 : 0.3);

# A session that is not traced any more waits often; then it is traced again.
connect_traced();
$wire->simple('RESET osprofiler.trace_info');
while_locked(sub { $wire->simple('SELECT a FROM t') }, 0.05) for 1 .. 12;
$wire->simple(set_context($context));
while_locked(sub { $wire->simple('SELECT a FROM t') }, 1.5);
one_wait('after waits that were not traced', 'pg.parse', $sees_others ? 1 : 0.3);

# The kind can be left out.
connect_traced('osprofiler.points=statement,parse');
while_locked(sub { $wire->simple('SELECT a FROM t') }, 1.2);
wait_for_delivery($node);
is(scalar(started('pg.wait')), 0, 'without the kind wait');
is(scalar(started('pg.parse')), 1, '... the time is told');

$node->stop;
done_testing();
