# SPDX-License-Identifier: Apache-2.0

# Several clusters with the same run directory; a standby.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $one = new_node('one', allows_streaming => 1);

# With other options than the first one, so that it is no copy of it where check.sh
# copies clusters.
my $two = new_node('two', extra => ['--data-checksums']);
my $run = $one->basedir . '/run';

$two->append_conf('postgresql.conf', "osprofiler.run_directory = '$run'");
$one->start;
$two->start;
$_->safe_psql('postgres', 'CREATE EXTENSION osprofiler') for $one, $two;

# A copy has the same system identifier, and a data directory of its own.
$one->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($one, 'copy', has_streaming => 1);
my $file = trace_file($standby);
$standby->append_conf('postgresql.conf',
	"osprofiler.connection_string = 'file://$file'");
$standby->start;

my %context = map { $_->name => context() } $one, $two, $standby;
foreach my $node ($one, $two, $standby)
{
	$node->safe_psql('postgres',
		set_context($context{ $node->name }) . "SELECT '" . $node->name . "'");
}
foreach my $node ($one, $two, $standby)
{
	my $name = $node->name;

	is_deeply(shape(wait_for_points($node, $context{$name}, 2)),
		["SELECT '$name'"], "$name ships its own");
	is_deeply(shape(points($node, $context{$_})), [], "not those of $_")
	  for grep { $_ ne $name } keys %context;
}
my @directories = glob "$run/pg-*";
is(scalar(@directories), 3, 'a directory for each');
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'),
	't', 'the standby is one');

$_->stop('fast') for $standby, $two, $one;
done_testing();
