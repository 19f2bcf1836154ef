# SPDX-License-Identifier: Apache-2.0

# SQL functions that read from a collector that drips, says nothing, or announces
# 2 GB. They end at once by cancel, statement_timeout, terminate and a fast stop,
# otherwise by their own deadline, and their memory stays bounded.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

# In seconds. Interrupts are checked every 100 ms; a machine under load is slower.
my $at_once = 2;

my @servers;

sub collector
{
	my ($kind) = @_;
	my $pid = open my $server, '-|', 'python3',
	  "$FindBin::RealBin/../lib/slow_redis.py", $kind
	  or die "python3: $!";
	my $port = <$server>;

	chomp $port;
	push @servers, [ $pid, $server ];
	return "redis://127.0.0.1:$port/0";
}

END { kill 'TERM', $_->[0] for @servers; }

# The shipper keeps its collector, a file, because the configuration is never
# reloaded. The SQL functions read the file of the connection string at each call.
my $node = new_node('slow');
my $file = $node->basedir . '/collector';
my $id = context()->{base};
write_file($file, 'file://' . trace_file($node) . "\n", 0600);
$node->append_conf('postgresql.conf', qq{
osprofiler.connection_string_file = '$file'
maintenance_work_mem = 16MB
});
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler');

sub new_wire
{
	return PgWire->new($node->host . '/.s.PGSQL.' . $node->port,
		user => $node->safe_psql('postgres', 'SELECT current_user'),
		database => 'postgres');
}

sub read_from { write_file($file, "$_[0]\n", 0600); }

# Starts a function in a new session, which then waits for the collector.
sub begin_reading
{
	my ($function) = @_;
	my $wire = new_wire();

	$wire->query("SELECT count(*) FROM osprofiler.$function('$id')");
	$wire->send;
	usleep(700_000);
	ok($node->safe_psql('postgres',
			'SELECT state FROM pg_stat_activity WHERE pid = ' . $wire->pid)
		  eq 'active', "$function waits");
	return $wire;
}

sub ends_at_once
{
	my ($wire, $state, $what) = @_;
	my $begin = time;

	is(state_of($wire->read_until_ready), $state, $what);
	cmp_ok(time - $begin, '<', $at_once, "$what, at once");
}

foreach my $kind ('drip', 'silent')
{
	read_from(collector($kind));
	foreach my $function ('show', 'points')
	{
		my $wire = begin_reading($function);

		$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $wire->pid . ')');
		ends_at_once($wire, '57014', "$kind, $function: cancel");
		is(state_of($wire->simple('SELECT 1')), 'none', 'and the session goes on');

		my $begin = time;
		is( state_of($wire->simple("SET statement_timeout = 300;"
				  . " SELECT osprofiler.$function('$id')")),
			'57014',
			"$kind, $function: statement_timeout");
		cmp_ok(time - $begin, '<', $at_once + 0.3, 'at once');
		$wire->simple('RESET statement_timeout');

		$begin = time;
		is( state_of($wire->simple("SET osprofiler.read_timeout = '1.5s';"
				  . " SELECT osprofiler.$function('$id')")),
			'08000',
			"$kind, $function: its own deadline");
		cmp_ok(time - $begin, '<', $at_once + 1.5, 'in time');

		$wire = begin_reading($function);
		$node->safe_psql('postgres',
			'SELECT pg_terminate_backend(' . $wire->pid . ')');
		ends_at_once($wire, '57P01', "$kind, $function: terminate");
	}
}

# The most memory that the process ever had, in kB.
sub peak
{
	my ($pid) = @_;
	my ($kb) = slurp_file("/proc/$pid/status") =~ /^VmHWM:\s+(\d+)/m;
	return $kb;
}

foreach my $kind ('bulk', 'array', 'line')
{
	read_from(collector($kind));
	my $wire = new_wire();
	$wire->simple("SELECT osprofiler.context()");
	my $before = peak($wire->pid);
	my $begin = time;
	my $state = state_of($wire->simple("SELECT osprofiler.show('$id')"));

	like($state, qr/^(54000|08000)$/, "$kind: an error");
	cmp_ok(time - $begin, '<', 20, "$kind: not after 2 GB");
	cmp_ok(peak($wire->pid) - $before, '<', 64 * 1024,
		"$kind: maintenance_work_mem bounds the memory");
	$wire->finish;
}

# A fast stop, while functions wait.
read_from(collector('drip'));
my @waiting = map { begin_reading($_) } 'show', 'points', 'show';
my $begin = time;
$node->stop('fast');
cmp_ok(time - $begin, '<', $at_once + 3, 'a fast stop is fast');
is(count_in_log($node, 'PANIC|terminated by signal'), 0, 'no crash');

done_testing();
