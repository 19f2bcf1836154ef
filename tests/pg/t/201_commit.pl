# SPDX-License-Identifier: Apache-2.0
#
# 201_commit.pl
#	  Commits that wait for a standby, that are cancelled, and backends that end
#	  in a commit, a trigger or a function. Statements of a pipeline that fail before
#	  they run are no commits.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run qw(start finish);
use JSON::PP;
use OspTest;
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = new_node('commit', allows_streaming => 1);
$node->append_conf('postgresql.conf',
	"osprofiler.points = 'statement, nested, commit, trigger, function'\n");
$node->start;
$node->safe_psql(
	'postgres', q{
CREATE TABLE t (n int);
CREATE TABLE sleeps (n int);
CREATE FUNCTION sleepy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(60);
	RETURN NULL;
END
$$;
CREATE FUNCTION sleepy_function() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(60);
END
$$;
CREATE CONSTRAINT TRIGGER sleepy AFTER INSERT ON sleeps
	DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION sleepy();
});

my $scripts = 0;

# Runs it beside us until it waits for that event.
sub run_until
{
	my ($event, $sql) = @_;
	my %run = (out => '', err => '');
	my $script = $node->basedir . '/script' . ++$scripts;

	write_file($script, $sql, 0600);
	$run{psql} = start [
		'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', $script ],
	  '>', \$run{out}, '2>', \$run{err};
	for (1 .. 200)
	{
		$run{pid} = $node->safe_psql('postgres',
				'SELECT pid FROM pg_stat_activity WHERE wait_event ='
			  . " '$event' AND backend_type = 'client backend'");
		return \%run if $run{pid};
		usleep(20_000);
	}
	die "nobody waits for $event: $run{err}";
}

sub end_with
{
	my ($function, $run) = @_;
	$node->safe_psql('postgres', "SELECT $function($run->{pid})");
	finish $run->{psql};
}

# Names of the points with how they ended, in the order of their starts.
sub ends
{
	my (@points) = @_;
	my %stops = map { $_->{trace_id} => $_->{info} }
	  grep { $_->{name} =~ /-stop$/ } @points;

	return join ', ', map {
		my $stop = $stops{ $_->{trace_id} };
		my $name = $_->{name} =~ s/-start$//r;
		!$stop ? "$name without stop"
		  : $stop->{etype}       ? "$name $stop->{etype}"
		  : $stop->{interrupted} ? "$name interrupted"
		  : $name
	} grep { $_->{name} =~ /-start$/ } @points;
}

# A standby that never answers: the commit waits, and says so.
$node->append_conf('postgresql.conf', "synchronous_standby_names = 'none'\n");
$node->reload;
my $waits = context();
my $run =
  run_until('SyncRep', set_context($waits) . 'INSERT INTO t VALUES (1)');
usleep(300_000);
end_with('pg_cancel_backend', $run);
my @points = wait_for_points($node, $waits, 4);
is(ends(@points), 'pg, pg.commit', 'a commit that waits for a standby');
my ($commit) = grep { $_->{name} eq 'pg.commit-stop' } @points;
ok($commit->{info}{db}{waits}{'IPC:SyncRep'} > 200, 'says that it does')
  or diag explain $commit;
ok( $commit->{info}{db}{waits}{'IPC:SyncRep'} <=
	  $commit->{info}{elapsed_ns} / 1e6,
	'and how long');
like($run->{err}, qr/canceling wait for synchronous/, 'as it was cancelled');

my $block = context();
$run = run_until('SyncRep',
	set_context($block) . "BEGIN; INSERT INTO t VALUES (2);\nCOMMIT;");
end_with('pg_terminate_backend', $run);
is( ends(wait_for_points($node, $block, 8)),
	'pg, pg, pg, pg.commit',
	'a backend that ends in such a commit');

# The statements of a transaction have contexts by comments, of callers that have
# ended when it is committed. COMMIT has none: its commit hangs at the top. That of a
# statement on its own hangs beside it.
my ($transaction, $caller) = (context(), '11111111-1111-4111-8111-111111111111');
my $comment = comment(signed($transaction->{base}, undef, $caller));
$node->append_conf('postgresql.conf', "synchronous_standby_names = ''\n");
$node->reload;
$node->safe_psql('postgres', $_)
  for "BEGIN;\nINSERT INTO t VALUES (3) $comment;\nCOMMIT;",
  "INSERT INTO t VALUES (4) $comment;";
@points = grep { $_->{name} =~ /-start$/ } wait_for_points($node, $transaction, 8);
is_deeply(
	[ map { [ $_->{name}, $_->{parent_id} ] } @points ],
	[
		[ 'pg-start', $caller ],
		[ 'pg.commit-start', $transaction->{base} ],
		[ 'pg-start', $caller ],
		[ 'pg.commit-start', $caller ]
	],
	'commits of statements with comments');

# The same below a `db` that a driver in the application writes, and that has ended
# before the COMMIT arrives: what comes later does not hang below it.
my $ended = context();
my $driver = '22222222-2222-4222-8222-222222222222';
$comment = comment(signed($ended->{base}, undef, $driver));
$node->safe_psql('postgres',
	"BEGIN;\nINSERT INTO t VALUES (5) $comment;\nSELECT pg_sleep(0.1);\nCOMMIT;");
my ($start, $stop) = wait_for_points($node, $ended, 4);
open my $store, '>>', trace_file($node) or die $!;
foreach my $point ([ 'db-start', $start ], [ 'db-stop', $stop ])
{
	my ($name, $of) = @$point;
	print {$store} encode_json(
		{
			%$of,
			name => $name,
			parent_id => $ended->{base},
			trace_id => $driver,
			info => { host => 'app', db => { statement => 'INSERT' } }
		}),
	  "\n";
}
close $store;
is(breaches($node, $ended->{base}), '', 'a driver whose db had ended: nothing is wrong');

# Terminated and cancelled in a deferred trigger, in a function.
$node->append_conf('postgresql.conf', "synchronous_standby_names = ''\n");
$node->reload;
foreach my $how (
	[ 'pg_cancel_backend', 'query_canceled' ],
	[ 'pg_terminate_backend', 'admin_shutdown' ])
{
	my ($function, $etype) = @$how;
	my $context = context();

	$run = run_until('PgSleep',
		set_context($context) . 'INSERT INTO sleeps VALUES (1)');
	end_with($function, $run);
	like(
		ends(wait_for_points($node, $context, 8)),
		qr/^pg, pg\.commit $etype, pg\.trigger $etype, pg $etype$/,
		"$function in a deferred trigger");

	$context = context();
	$run = run_until('PgSleep',
		set_context($context) . "BEGIN; INSERT INTO sleeps VALUES (1);\nCOMMIT;");
	end_with($function, $run);
	like(
		ends(wait_for_points($node, $context, 12)),
		qr/^pg, pg, pg $etype, pg\.commit $etype, pg\.trigger $etype, pg $etype$/,
		"$function in a COMMIT");

	$context = context();
	$run = run_until('PgSleep',
		set_context($context) . 'SELECT sleepy_function()');
	end_with($function, $run);
	like(ends(wait_for_points($node, $context, 6)),
		qr/^pg $etype, pg\.function $etype, pg $etype$/,
		"$function in a function");
}

# In a pipeline, messages are parsed and bound while no portal is active, as in a commit.
$node->safe_psql(
	'postgres', q{
CREATE EXTENSION osprofiler;
CREATE TABLE locked (n int);
CREATE FUNCTION is_small(n int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT n < 10);
END
$$;
CREATE DOMAIN small AS int CHECK (is_small(VALUE));
CREATE TABLE refused (n int);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'refused';
END
$$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON refused
	DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION refuse();
});
my $user = $node->safe_psql('postgres', 'SELECT current_user');

sub connect_wire
{
	my ($options) = @_;

	return PgWire->new($node->host . '/.s.PGSQL.' . $node->port,
		database => 'postgres', user => $user, options => $options);
}

# Runs an INSERT and then this statement in one pipeline, in a new context.
sub run_behind_insert
{
	my ($sql, @values) = @_;
	my $context = context();
	my $wire = connect_wire('-c lock_timeout=300');

	$wire->simple(set_context($context));
	$wire->parse('', 'INSERT INTO t VALUES (6)')->bind('', '')->execute('')->flush_messages;
	$wire->read_until_done;
	$wire->parse('', $sql)->bind('', '', @values)->execute('')->sync;
	my $state = state_of($wire->read_until_ready);
	$wire->finish;
	return ($context, $state);
}

my $insert = 'INSERT INTO t VALUES (6) -> INSERT 1';
foreach my $case (
	[ 'Parse', '42601', 'SELEC 1 (syntax_error)' ],
	[ 'analysis', '42P01', 'INSERT INTO nosuch VALUES (1) (undefined_table)' ],
	[ 'Bind', '22P02', 'SELECT $1::int (invalid_text_representation)', 'x' ],
	[ 'planning', '22012', 'SELECT 1 / 0 (division_by_zero)' ])
{
	my ($where, $state, $line, @values) = @$case;
	my ($context, $seen) = run_behind_insert($line =~ s/ \(\w+\)$//r, @values);

	is($seen, $state, "a pipeline that fails in $where");
	wait_for_delivery($node);
	is_deeply(tree(points($node, $context)), [ $insert, $line ], "... in $where: nothing is committed");
}

my $locker = connect_wire('');
my ($late) =
  while_locked($locker, 'locked', 0.6, sub { run_behind_insert('SELECT n FROM locked') });
wait_for_delivery($node);
my @operations = operations(points($node, $late));
is(join(', ', map { $_->{text} // $_->{name} } @operations),
	'INSERT INTO t VALUES (6), SELECT n FROM locked', 'a pipeline that waits for a lock in analysis');
cmp_ok($operations[-1]{stop}{elapsed_ns} / 1e6, '>', 200, '... the statement has its wait');

# What a function runs while Bind reads a value is not the commit either, which comes
# with the Sync.
my ($checked) = run_behind_insert('SELECT $1::small', 1);
wait_for_delivery($node);
my @lines = @{ tree(points($node, $checked)) };
is_deeply([ grep { /^ |commit/ } @lines ], ['pg.commit'], 'a value that a function checks at Bind');
is($lines[-1], 'pg.commit', '... and the commit comes last');

# A deferred trigger is run by the commit, in each protocol.
foreach my $protocol ('simple', 'extended')
{
	my $context = context();
	my $wire = connect_wire('');

	$wire->simple(set_context($context));
	my @events =
	    $protocol eq 'simple'
	  ? $wire->simple('INSERT INTO refused VALUES (1)')
	  : $wire->parse('', 'INSERT INTO refused VALUES (1)')->bind('', '')->execute('')->sync->read_until_ready;
	is(state_of(@events), 'P0001', "a deferred trigger refuses, $protocol protocol");
	$wire->finish;
	wait_for_delivery($node);
	is_deeply(
		tree(points($node, $context)),
		[
			'INSERT INTO refused VALUES (1) -> INSERT 1',
			'pg.commit (raise_exception)',
			'  pg.trigger (raise_exception)'
		],
		"... the commit has its error, $protocol protocol");
}

$node->stop;
done_testing();
