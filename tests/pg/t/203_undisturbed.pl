# SPDX-License-Identifier: Apache-2.0
#
# 203_undisturbed.pl
#	  A traced session is not woken while it waits: no signal, no timer, no latch of
#	  ours. What counts its wake-ups or gives up when a system call is interrupted
#	  works as without us.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use POSIX ();
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $all = 'statement, nested, parse, plan, commit, trigger, worker, function, node, wait';
my $node = new_node('undisturbed');
$node->append_conf('postgresql.conf', "osprofiler.points = '$all'\ndeadlock_timeout = '20s'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE TABLE t (a int); INSERT INTO t VALUES (1)');
my $user = $node->safe_psql('postgres', 'SELECT current_user');

sub session
{
	return PgWire->new($node->host . '/.s.PGSQL.' . $node->port, database => 'postgres', user => $user);
}

# The first value of the first row.
sub value_of
{
	my ($wire, $sql) = @_;
	my ($row) = grep { $_->[0] eq 'row' } $wire->simple($sql);
	return $row ? $row->[1] : 'no row';
}

my $traced = session();
my $pid = $traced->pid;
my $context = context();
$traced->simple(set_context($context));
$traced->simple('SELECT pg_sleep(0.3)');
wait_for_points($node, $context, 2);

# How often the process gave up its processor so far: whoever is woken does.
sub switches
{
	return slurp_file("/proc/$pid/status") =~ /^voluntary_ctxt_switches:\s*(\d+)/m ? $1 : die;
}

sub is_left_alone
{
	my ($what, $code) = @_;
	my $before = switches();

	$code->();
	cmp_ok(switches() - $before, '<', 12, "$what: the process is not woken");
	return;
}

is_left_alone('a statement that sleeps', sub { $traced->simple('SELECT pg_sleep(0.6)') });
my $holder = session();
is_left_alone(
	'a statement that waits for a lock',
	sub {
		$holder->simple('BEGIN; UPDATE t SET a = 2');
		$traced->query('UPDATE t SET a = 3')->send;
		sleep 0.6;
		$holder->simple('COMMIT');
		$traced->read_until_ready;
	});
my @told = wait_for_points($node, $context, 14);
ok((grep { $_->{name} eq 'pg.wait-stop' && $_->{info}{elapsed_ns} > 4e8 } @told), 'and the wait is seen');
ok((grep { ($_->{info}{db}{waits}{'Timeout:PgSleep'} // 0) > 500 } @told), 'as is the sleep');

# A process that is told to end, and takes a while to: PostgreSQL counts its own looks.
my $victim = session();
my $victim_pid = $victim->pid;
kill STOP => $victim_pid;
my $continues = fork // die;
if ($continues == 0)
{
	sleep 0.6;
	kill CONT => $victim_pid;
	POSIX::_exit(0);
}
SKIP:
{
	skip 'pg_terminate_backend takes no timeout', 2
	  if $node->safe_psql('postgres', 'SHOW server_version_num') < 140000;
	my $began = time;
	is(value_of($traced, "SELECT pg_terminate_backend($victim_pid, 5000)"), 't', 'pg_terminate_backend waits');
	cmp_ok(time - $began, '>', 0.3, '... until the process has ended');
}
kill CONT => $victim_pid;
waitpid $continues, 0;

# System calls of functions in other languages.
SKIP:
{
	skip 'PL/Perl is not installed', 4
	  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'plperlu'}) == 0;
	$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION plperlu;
CREATE FUNCTION doze() RETURNS text LANGUAGE plperlu AS $$
	use Time::HiRes qw(time);
	my $began = time;
	my $left = select undef, undef, undef, 0.4;
	my $error = $left < 0 ? "$!" : 'none';
	return time - $began >= 0.39 ? "whole, $error" : "short, $error"; $$;
CREATE FUNCTION nap() RETURNS text LANGUAGE plperlu AS $$
	use Time::HiRes qw(time);
	my $began = time;
	CORE::sleep(1);
	return time - $began >= 0.9 ? 'whole' : 'short'; $$;
SQL
	is(value_of($traced, 'SELECT doze()'), 'whole, none', 'select() is not interrupted');
	is(value_of($traced, 'SELECT nap()'), 'whole', 'sleep() is not interrupted');
	foreach my $turn (1 .. 2)
	{
		$traced->simple('SELECT 1');
		$traced->simple("SET osprofiler.trace_info = ''; SET osprofiler.trace_hmac = ''");
		is(value_of($traced, 'SELECT doze()'), 'whole, none', "nor after a traced statement: $turn");
		$traced->simple(set_context($context));
	}
}

# The worker sleeps when nothing is traced, and is woken by the next statement.
sleep 1.5;
my $late = context();
$traced->simple(set_context($late) . 'SELECT pg_sleep(0.2)');
my ($stop) = grep { ($_->{info}{db}{waits}{'Timeout:PgSleep'} // 0) > 0 } wait_for_points($node, $late, 2);
cmp_ok($stop->{info}{db}{waits}{'Timeout:PgSleep'} // 0, '>', 100, 'a statement after a pause is seen');

$_->finish foreach $traced, $holder;
$node->stop;
done_testing();
