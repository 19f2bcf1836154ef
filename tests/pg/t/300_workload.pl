# SPDX-License-Identifier: Apache-2.0

# The randomised workload: several sessions run what they draw, each beside an
# untraced twin. Rounds of some seconds; after each everything is delivered and
# judged. WORKLOAD_SECONDS, WORKLOAD_SESSIONS and WORKLOAD_SEED set how long, how
# many, and where the dice begin; a round that fails prints its seed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Storable ();
use Test::More;
use Time::HiRes qw(time usleep);
use Workload;
use WorkloadCheck;

my $seconds = $ENV{WORKLOAD_SECONDS} || 15;
my $sessions = $ENV{WORKLOAD_SESSIONS} || 4;
my $seed = $ENV{WORKLOAD_SEED} || time % 1_000_000 | 0;
my $round_seconds = $seconds < 20 ? $seconds : 20;
my $agent = $ENV{OSPROFILER_TEST_AGENT} || 'osprofiler';

my $node = new_node('workload', extra => ['--encoding=UTF8']);
$node->append_conf(
	'postgresql.conf', q{
max_connections = 60
max_worker_processes = 16
max_prepared_transactions = 20
autovacuum = off
log_statement = none
log_min_error_statement = panic
track_io_timing = on
osprofiler.on_full = 'wait'
osprofiler.ring_size = '16MB'
osprofiler.hide_params = off
});
$node->append_conf('postgresql.conf', $ENV{WORKLOAD_CONF})
  if $ENV{WORKLOAD_CONF};
$node->start;
$node->safe_psql('postgres', "$_;")
  for 'CREATE EXTENSION osprofiler', @WorkloadShapes::shared;
my $socket = $node->host . '/.s.PGSQL.' . $node->port;
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $place = $node->basedir;

# A session of a round, in a process of its own; ends it.
sub run_session
{
	my ($number, $round, $until) = @_;
	my $session = Workload->new(
		socket => $socket, database => 'postgres', user => $user,
		number => $number, epoch => $round);
	my $plan;

	srand($round * 100 + $number);
	my $good = eval {
		$session->prepare;
		while (time < $until)
		{
			$plan = $session->draw;
			$session->run_plan($plan);
		}
		$session->finish;
		1;
	};
	if (!$good)
	{
		my $what = $plan ? "$plan->{name} ($plan->{mode}, $plan->{points})" : '';

		print STDERR "session $number, seed $round, plan $what: $@";
	}
	Storable::store(
		{
			ledger => $session->{ledger}, loose => $session->{loose},
			plans => $session->{plans}, statements => $session->{statements},
		},
		"$place/ledger.$number");
	POSIX::_exit($good ? 0 : 1);
}

# True if all sessions got to their end.
sub run_round
{
	my ($round) = @_;
	my $until = time + $round_seconds;
	my $good = 1;
	my @pids;

	foreach my $number (1 .. $sessions)
	{
		my $pid = fork() // die "fork: $!";

		run_session($number, $round, $until) if !$pid;
		push @pids, $pid;
	}
	foreach my $pid (@pids)
	{
		waitpid $pid, 0;
		$good = 0 if $?;
	}
	return $good;
}

# Everything that was written is in the collector, none was lost.
sub deliver
{
	$node->poll_query_until('postgres',
		q{SELECT count(*) = 0 FROM pg_stat_activity
			WHERE application_name LIKE 'workload%'});
	wait_for_delivery($node)
	  or return 'not everything is delivered';
	my $lost = $node->safe_psql('postgres',
		'SELECT dropped + spool_dropped + corrupt_bytes + refused'
		  . ' FROM osprofiler.stat');

	return $lost ? "$lost points are lost" : '';
}

sub judge
{
	my ($round) = @_;
	my ($lines, $points) = WorkloadCheck::read_points(trace_file($node));
	my @wrong = WorkloadCheck::check_whole($agent, $place, $lines);
	my ($plans, $statements) = (0, 0);

	foreach my $number (1 .. $sessions)
	{
		my $kept = Storable::retrieve("$place/ledger.$number");

		$plans += $kept->{plans};
		$statements += $kept->{statements};
		foreach my $base (sort keys %{ $kept->{ledger} })
		{
			next if $kept->{loose}{$base};
			push @wrong, map { "$base: $_\n" } WorkloadCheck::against_ledger(
				$base, $lines->{$base} // [], $kept->{ledger}{$base});
		}
	}
	note("seed $round: $plans plans, $statements statements, "
		  . scalar(keys %$lines)
		  . " traces, $points points");
	return @wrong;
}

my $end = time + $seconds;
my $rounds = 0;
while (time < $end)
{
	my $round = $seed + $rounds++;
	my $good = run_round($round);
	my $undelivered = eval { deliver() } // $@;
	my @wrong = eval { judge($round) };

	push @wrong, "$@" if $@;
	push @wrong, "$undelivered\n" if $undelivered;
	push @wrong, "a session failed\n" if !$good;
	ok(!@wrong, "seed $round") or diag(join '', splice @wrong, 0, 60);
	if (@wrong)
	{
		system 'cp', trace_file($node), $place . "/failed.$round.jsonl";
		last;
	}
	truncate trace_file($node), 0;
}

is(count_in_log($node, 'PANIC|terminated by signal|runtime error'),
	0, 'no crash, and nothing that a sanitizer found');
$node->stop;
done_testing();
