# SPDX-License-Identifier: Apache-2.0
#
# incident_host.pl
#	  Incidents of the host that the server runs on.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Incident;
use Test::More;

my $node = start_server('host', "jit = off\nmax_parallel_workers_per_gather = 0\nwork_mem = '256MB'\n");

# Other programs keep the CPU busy that the server may use.
my $postmaster = $node->safe_psql('postgres', "SELECT pg_read_file('postmaster.pid')");
$postmaster =~ s/\n.*//s;
my ($cpu) = `taskset -cp $postmaster` =~ /(\d+)$/;
my ($all) = `taskset -p $postmaster` =~ /(\w+)$/;
my @busy;
foreach my $other (1 .. 4)
{
	my $pid = fork // die $!;
	exec 'taskset', '-c', $cpu, $^X, '-e', '1 while time < ' . (time + 30) if !$pid;
	push @busy, $pid;
}
system("taskset -acp $cpu $postmaster >/dev/null") == 0 or die 'taskset';
my $base = psql_traced($node, 'SELECT count(*) FROM generate_series(1, 1500000);');
kill 'TERM', @busy;
waitpid $_, 0 foreach @busy;
# The worker that takes the measure waits for the same processor: it begins late.
my $found = found($node, $base, 'busy CPU', 'cpu', 0.2);
like($found->{cause}, qr/\AThe server was ready to work and waited for a CPU for /, 'busy CPU: the sentence');
ok($found->{figures}{put_off} > 10, 'busy CPU: how often');

$node->stop;
done_testing();
