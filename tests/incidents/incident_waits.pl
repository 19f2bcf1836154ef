# SPDX-License-Identifier: Apache-2.0
#
# incident_waits.pl
#	  Incidents of waiting: for locks, the disk, a standby, on purpose.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Incident;
use IPC::Run qw(finish);
use Test::More;

my $node = start_server('waits', "jit = off\nfsync = on\ndeadlock_timeout = '300ms'\n");

$node->safe_psql('postgres', q{
CREATE TABLE stock (id int PRIMARY KEY, n int);
INSERT INTO stock SELECT g, 0 FROM generate_series(1, 10) g;
CREATE TABLE wide (id int, filler text);
INSERT INTO wide SELECT g, repeat('x', 1000) FROM generate_series(1, 60000) g;
});

# Another transaction has the row, and sleeps.
sub hold
{
	my ($id) = @_;
	my $other = background($node, "SET application_name = 'holder';"
		  . "BEGIN; UPDATE stock SET n = n + 1 WHERE id = $id; SELECT pg_sleep(3); COMMIT;");

	wait_until($node,
		"SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
	return $other;
}
my $other = hold(1);
my $found = found($node,
	psql_traced($node, 'UPDATE stock SET n = n + 1 WHERE id = 1;'),
	'lock', 'lock_wait', 0.8);
like($found->{cause},
	qr/waited .* for a lock: ShareLock on stock, row \(0,1\), held by process \d+ \(holder, active\)\.$/,
	'lock: the holder');
like($found->{evidence}, qr/UPDATE stock .*; the holder: SELECT pg_sleep/, 'lock: the statements');
finish $other->{psql};

# The holder is idle in its transaction, and keeps another one waiting, which has
# the row.
my $idle = $node->background_psql('postgres');
$idle->query_safe("SET application_name = 'forgotten'");
$idle->query_safe('BEGIN; UPDATE stock SET n = n + 1 WHERE id = 7');
$other = background($node, "SET application_name = 'middle';"
	  . 'BEGIN; UPDATE stock SET n = n + 1 WHERE id = 6; UPDATE stock SET n = n + 1 WHERE id = 7; COMMIT;');
wait_until($node,
	"SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'transactionid'");
my $commits = background($node, "SELECT pg_sleep(1.2);\n"
	  . "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'forgotten';");
$found = found($node,
	psql_traced($node, 'UPDATE stock SET n = n + 1 WHERE id = 6;'),
	'chain of locks', 'lock_wait', 0.8);
like($found->{cause},
	qr/held by process \d+ \(middle, active\), which waits for process \d+ \(forgotten, idle in transaction\)\.$/,
	'chain of locks: who began it');
like($found->{next_step}, qr/idle_in_transaction_session_timeout/, 'chain of locks: what to do');
like($found->{next_step}, qr/The transaction of process \d+ \(forgotten\) was open/, 'chain of locks: whose transaction it was');
finish $_->{psql} for $other, $commits;
$idle->{timeout} = undef;
eval { $idle->quit };

# A lock of the programs' own, by its number.
$other = background($node,
	'BEGIN; SELECT pg_advisory_xact_lock(4711); SELECT pg_sleep(1); COMMIT;');
wait_until($node, "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
$found = found($node,
	psql_traced($node, 'SELECT pg_advisory_lock(4711);'), 'advisory lock', 'lock_wait', 0.8);
like($found->{cause}, qr/ExclusiveLock on the advisory lock 4711, held by/, 'advisory lock: which');
finish $other->{psql};

# The same of a session that is in no transaction.
my $session = $node->background_psql('postgres');
$session->query_safe('SELECT pg_advisory_lock(4712)');
$other = background($node, "SELECT pg_sleep(1);\n"
	  . "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%lock(4712)%' AND state = 'idle';");
$found = found($node,
	psql_traced($node, 'SELECT pg_advisory_lock(4712);'), 'lock of a session', 'lock_wait', 0.8);
like($found->{next_step}, qr/no COMMIT frees it: pg_advisory_unlock\(\)/, 'lock of a session: what to do');
finish $other->{psql};
$session->{timeout} = undef;
eval { $session->quit };

# An index is made, and nobody can change the table.
$node->safe_psql('postgres', q{CREATE TABLE large (a int); INSERT INTO large VALUES (1);
CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1 FROM pg_sleep(2)'});
$other = background($node, 'CREATE INDEX ON large (slow(a));');
wait_until($node, "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
$found = found($node,
	psql_traced($node, "SELECT 1;\nDELETE FROM large WHERE a = 7;"), 'index', 'lock_wait', 0.8);
like($found->{next_step}, qr/With CONCURRENTLY they take longer/, 'index: what to do');
finish $other->{psql};

# A queue of which another transaction has locked the begin.
$node->safe_psql('postgres', q{CREATE TABLE job (id int PRIMARY KEY, state text);
INSERT INTO job SELECT g, 'new' FROM generate_series(1, 300000) g; VACUUM ANALYZE job});
my $worker = $node->background_psql('postgres');
$worker->query_safe('BEGIN; SELECT count(*) FROM (SELECT FROM job ORDER BY id LIMIT 250000 FOR UPDATE) x');
$found = found($node,
	psql_traced($node, 'SELECT id FROM job ORDER BY id LIMIT 10 FOR UPDATE SKIP LOCKED;'),
	'skip locked', 'skip_locked', 0.6);
like($found->{cause}, qr/\A250,000 rows were read and passed over, .* to find 10 that were free/,
	'skip locked: how many');
$worker->query_safe('ROLLBACK; BEGIN; SELECT count(*) FROM (SELECT FROM job ORDER BY id LIMIT 500 FOR UPDATE) x');
my $near = psql_traced($node, 'SELECT id FROM job ORDER BY id LIMIT 10000 FOR UPDATE SKIP LOCKED;');
is(scalar(grep { $_->{rule} eq 'skip_locked' } @{ why($node, $near)->{findings} }), 0,
	'skip locked: a few are none');
Incident::save($node, $near, 'skip locked near');
$worker->query_safe('ROLLBACK');
$worker->quit;

# The table is locked as a whole: the statement cannot even be analysed.
$other = background($node,
	'BEGIN; LOCK TABLE stock; SELECT pg_sleep(1); COMMIT;');
wait_until($node, "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
found($node, psql_traced($node, 'SELECT sum(n) FROM stock;'), 'table lock', 'analysis', 0.8);
finish $other->{psql};

# The statement gives up; the default points show that it failed so.
$other = hold(2);
found($node,
	psql_traced($node, "SET lock_timeout = '600ms'; UPDATE stock SET n = n + 1 WHERE id = 2;"),
	'lock timeout', 'lock_wait', 0.8);
finish $other->{psql};

# It is cancelled while it waits.
$other = hold(2);
$found = found($node,
	psql_traced($node, "SET statement_timeout = '600ms'; UPDATE stock SET n = n + 1 WHERE id = 2;"),
	'statement timeout', 'lock_wait', 0.8);
like($found->{cause}, qr/ for a lock and was cancelled: /, 'statement timeout: the sentence');
like($found->{evidence}, qr/; it did not finish: ended by statement_timeout\z/, 'statement timeout: the reason');
finish $other->{psql};

# Two transactions wait for each other: the other one goes on when this one has its row.
$other = background($node,
	"SET deadlock_timeout = '60s'; BEGIN; UPDATE stock SET n = 1 WHERE id = 3;"
	  . q{DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(0.6)%') LOOP
		PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; END $$;}
	  . 'UPDATE stock SET n = 1 WHERE id = 4; COMMIT;');
wait_until($node, "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'DO %'");
$found = found($node,
	psql_traced($node,
		"SET deadlock_timeout = '1s'; BEGIN;\nUPDATE stock SET n = 2 WHERE id = 4;\nSELECT pg_sleep(0.6);\n"
		  . "UPDATE stock SET n = 2 WHERE id = 3;\nROLLBACK;"),
	'deadlock', 'deadlock', 0.55, 0.7);
like($found->{evidence}, qr/; the holder: UPDATE stock SET n = 1 WHERE id = 4/,
	'deadlock: its partner');
finish $other->{psql};

# A counter that six sessions change, one after the other.
my @crowd = map { background($node, q{DO $$ DECLARE since timestamptz := clock_timestamp(); BEGIN
		WHILE clock_timestamp() < since + interval '3 s' LOOP
			UPDATE stock SET n = n + 1 WHERE id = 9; PERFORM pg_sleep(0.01); COMMIT;
		END LOOP; END $$;}) } 1 .. 6;
wait_until($node, "SELECT count(*) > 2 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
$found = found($node,
	psql_traced($node, "UPDATE stock SET n = n + 1 WHERE id = 9;\n" x 10),
	'hot row', 'lock_wait', 0.5);
like($found->{cause}, qr/waits for locks took .*, for one process after the other; the longest: /,
	'hot row: one finding for all who had it');
finish $_->{psql} for @crowd;

# A synchronous standby that does not answer, until the administrator gives it up.
$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'");
$node->reload;
sleep 1;    # the checkpointer makes it count
$other = background($node, 'SELECT pg_sleep(1);'
	  . "\n\\! sed -i \"s/^synchronous_standby_names.*//\" " . $node->data_dir . '/postgresql.conf'
	  . "\nSELECT pg_reload_conf();");
$found = found($node,
	psql_traced($node, 'UPDATE stock SET n = n + 1 WHERE id = 5;'),
	'standby', 'commit', 0.8);
like($found->{cause}, qr/most of it waiting for a synchronous standby/, 'standby: the cause');
like($found->{next_step}, qr/\ASHOW synchronous_standby_names .*not connected/, 'standby: the step');
finish $other->{psql};

# Many small transactions, each with its commit.
$found = found($node,
	psql_traced($node,
		"SET commit_delay = 10000; SET commit_siblings = 0;\n"
		  . join "\n", map { "INSERT INTO wide VALUES ($_, 'small');" } 1 .. 40),
	'many commits', 'commit', 0.5);
is($found->{count}, 40, 'many commits: their number');
like($found->{next_step}, qr/one transaction/, 'many commits: the step');

# What is read is not in PostgreSQL's buffers: the server has just started.
$node->append_conf('postgresql.conf', "track_io_timing = on\nmax_parallel_workers_per_gather = 0");
$node->restart;
my $base = psql_traced($node, 'SELECT count(*) FROM wide;');
Incident::save($node, $base, 'reads');
my ($read) = grep { $_->{rule} eq 'read' } @{ why($node, $base)->{findings} };
SKIP:
{
	skip 'the disk is too fast here', 1 if !$read;
	ok($read->{figures}{blocks_read} > 5000, 'reads: the blocks');
}

# A statement that writes: the table grows by much more than there are buffers,
# and so does the WAL.
$node->append_conf('postgresql.conf', "shared_buffers = '1MB'\nwal_buffers = '64kB'\nmax_wal_size = '64MB'");
$node->restart;
$base = psql_traced($node,
	"INSERT INTO wide SELECT g, repeat('y', 1000) FROM generate_series(1, 150000) g;");
Incident::save($node, $base, 'writes');
my %writing = map { $_->{rule} => $_ } @{ why($node, $base)->{findings} };
ok(exists $writing{write} || exists $writing{wal}, 'writes: of data or WAL')
  or diag explain \%writing;

# pg_sleep in a function.
$node->safe_psql('postgres',
	'CREATE FUNCTION careful() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.4); END $$');
found($node, psql_traced($node, 'SELECT careful();'),
	'sleep', 'sleep', 0.7);

$node->stop;
done_testing();
