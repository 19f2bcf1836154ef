# SPDX-License-Identifier: Apache-2.0

# osprofiler.set_context in pipelines: a prepared statement gets the context of
# its execution, and nobody else gets one that was not used.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('set_context');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler');
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $wire = PgWire->new(
	$node->host . '/.s.PGSQL.' . $node->port,
	database => 'postgres',
	user => $user);

# The call, and nothing yet that reads an answer.
sub call
{
	my ($context) = @_;

	return $wire->bind('', 'set_context',
		"trace_info='$context->{info}',trace_hmac='$context->{hmac}'")
	  ->execute('');
}

sub errors
{
	return [ map { $_->[1] } grep { ref $_ && $_->[0] eq 'error' } @_ ];
}

sub shape_is
{
	my ($context, $expected, $what) = @_;

	is_deeply(shape(wait_for_points($node, $context, 2 * @$expected)),
		$expected, $what);
	return;
}

$wire->parse('set_context', 'SELECT osprofiler.set_context($1)')
  ->parse('app', 'SELECT $1::int + 1')
  ->parse('write', 'CREATE TABLE IF NOT EXISTS t ()')->sync;
$wire->read_until_ready;

# One prepared statement under two contexts, in one pipeline.
my @context = map { context() } 1 .. 2;
foreach my $context (@context)
{
	call($context);
	$wire->bind('', 'app', 1)->execute('');
}
$wire->bind('', 'app', 1)->execute('')->sync;
is_deeply(errors($wire->read_until_ready), [], 'a pipeline');
shape_is($_, ['SELECT $1::int + 1'], 'a context of its own') for @context;

# A utility statement, in portals with names.
my $utility = context();
$wire->bind(
	'one', 'set_context',
	"trace_info='$utility->{info}',trace_hmac='$utility->{hmac}'")
  ->execute('one')->bind('two', 'write')->execute('two')->sync;
is_deeply(errors($wire->read_until_ready), [], 'portals with names');
shape_is($utility, ['CREATE TABLE IF NOT EXISTS t ()'], 'a utility statement');

# What was bound before keeps what it began with.
my $late = context();
$wire->bind('early', 'app', 1);
call($late);
$wire->execute('early')->bind('', 'app', 2)->execute('')->sync;
is_deeply(errors($wire->read_until_ready), [], 'bound before');
shape_is($late, ['SELECT $1::int + 1'], 'once');

# A statement that fails before it starts has the context; the next has not.
my $failed = context();
call($failed);
$wire->bind('', 'app', 'no number')->execute('')->sync;
is_deeply(errors($wire->read_until_ready), ['22P02'], 'a bad parameter');
$wire->bind('', 'app', 3)->execute('')->sync;
$wire->read_until_ready;
my @points = wait_for_points($node, $failed, 2);
is(scalar(@points), 2, 'one point');
is($points[1]{info}{etype}, 'invalid_text_representation', 'its error');

# Where the log does not tell errors nothing is left over either.
my $silent = context();
$node->append_conf('postgresql.conf', 'log_min_messages = panic');
$node->reload;
$wire->simple('SELECT pg_sleep(0.2)');
call($silent);
$wire->bind('', 'app', 'no number')->execute('')->sync;
$wire->read_until_ready;
$wire->bind('', 'app', 4)->execute('')->sync;
$wire->read_until_ready;

# An aborted pipeline takes the call with it.
my $aborted = context();
$wire->parse('', 'no statement')->bind('', '');
call($aborted);
$wire->sync;
is_deeply(errors($wire->read_until_ready), ['42601'], 'an aborted pipeline');
$wire->bind('', 'app', 5)->execute('')->sync;
$wire->read_until_ready;
wait_until_shipped($node, $silent, 1);
is_deeply([ points($node, $_) ], [], 'nothing is left over') for $silent, $aborted;

# What must be first in its transaction cannot come after it.
my $first = context();
$wire->parse('begin', 'BEGIN ISOLATION LEVEL SERIALIZABLE')->sync;
$wire->read_until_ready;
call($first);
$wire->bind('', 'begin')->execute('')->sync;
is_deeply(errors($wire->read_until_ready),
	['25001'], 'BEGIN with an isolation level');
$wire->simple('ROLLBACK');

$node->stop('fast');
done_testing();
