# SPDX-License-Identifier: Apache-2.0
#
# 202_parse.pl
#	  What comes before a statement is planned: pg.parse, where it took long, in each
#	  protocol; statements that fail there.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

# How long a table is locked, and the least of it that must be seen, in ms.
my $locked = 400;
my $least = 250;

my $node = new_node('parse');
$node->append_conf('postgresql.conf', "osprofiler.points = 'statement, nested, parse, plan'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE TABLE t (a int); INSERT INTO t VALUES (1)');

my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $socket = $node->host . '/.s.PGSQL.' . $node->port;
my $locker = PgWire->new($socket, database => 'postgres', user => $user);
my ($wire, $context);

sub connect_traced
{
	my (@settings) = @_;

	$context = context();
	$wire = PgWire->new(
		$socket,
		database => 'postgres', user => $user,
		options => join ' ', map { "-c $_" } @settings);
	$wire->simple(set_context($context));
	return;
}

# What came before a statement, and took less than a lock here: where the machine is
# busy, any of them may take a millisecond.
my @short;

# The operations of the trace, the short ones of these left out: their name, text, and
# how long they took. Waits for so many, and a bit longer to see that there come no more.
sub operations_of
{
	my ($count) = @_;
	my ($enough, @all);

	for (1 .. 600)
	{
		my @points = points($node, $context);
		my %stop = map { $_->{trace_id} => $_ } grep { $_->{name} =~ /-stop$/ } @points;

		@all = map {
			{
				name => $_->{name} =~ s/-start$//r,
				text => $_->{info}{db}{statement} // '',
				ms => $stop{ $_->{trace_id} }{info}{elapsed_ns} / 1e6,
				parent => $_->{parent_id},
				at => $_->{timestamp},
				etype => $stop{ $_->{trace_id} }{info}{etype}
			}
		} sort { $a->{timestamp} cmp $b->{timestamp} }
		  grep { $_->{name} =~ /-start$/ && $stop{ $_->{trace_id} } } @points;
		@short = (@short, grep { is_short($_) } @all);
		@all = grep { !is_short($_) } @all;
		last if $enough;
		$enough = @all >= $count;
		sleep 0.1;
	}
	return @all;
}

sub is_short
{
	my ($operation) = @_;

	return $operation->{name} eq 'pg.parse' && $operation->{ms} <= $least;
}

sub is_slow_parse
{
	my ($what, $parse, $text) = @_;

	is($parse->{name}, 'pg.parse', "$what: what comes before is told");
	is($parse->{text}, $text, '... with the text');
	is($parse->{parent}, $context->{base}, '... beside the statement');
	cmp_ok($parse->{ms}, '>', $least, '... and how long it took');
	return;
}

# A simple query.
connect_traced();
while_locked($locker, 't', $locked / 1000, sub { $wire->simple('SELECT a FROM t') });
my @all = operations_of(3);
is_slow_parse('a simple query', $all[0], 'SELECT a FROM t');
is($all[1]{name}, 'pg', 'then comes the statement');
cmp_ok($all[1]{ms}, '<', $least, '... which did not wait');

# The second one of a string: its own time is not known, so nothing is told.
connect_traced();
while_locked($locker, 't', $locked / 1000, sub { $wire->simple('SELECT 1; SELECT a FROM t') });
is(join('|', map { $_->{name} } operations_of(4)), 'pg|pg.plan|pg|pg.plan',
	'the second statement of a string');

# Nothing took long.
connect_traced();
$wire->simple('SELECT a FROM t');
$wire->prepare('s', 'SELECT a FROM t WHERE a = $1');
$wire->run_prepared('s', 1);
is(join('|', map { $_->{name} } operations_of(4)), 'pg|pg.plan|pg|pg.plan', 'nothing took long');

# Parse, with a Bind that comes much later.
connect_traced();
while_locked($locker, 't', $locked / 1000, sub { $wire->prepare('s', 'SELECT a FROM t WHERE a = $1') });
is_slow_parse('Parse', (operations_of(1))[0], 'SELECT a FROM t WHERE a = $1');
sleep 0.3;
$wire->run_prepared('s', 1);
@all = operations_of(3);
is($all[1]{name}, 'pg', 'the statement begins with its Bind');
cmp_ok($all[1]{ms}, '<', $least, '... and has no part of that');

# Bind locks what a plan needs that is used again. So often that the statement takes
# its short way otherwise.
connect_traced('plan_cache_mode=force_generic_plan');
$wire->prepare('s', 'SELECT a FROM t WHERE a = $1');
$wire->run_prepared('s', 1) for 1 .. 4;
@all = operations_of(5);
while_locked($locker, 't', $locked / 1000, sub { $wire->run_prepared('s', 1) });
@all = operations_of(7);
is_slow_parse('Bind', $all[5], 'SELECT a FROM t WHERE a = $1');
is($all[6]{name}, 'pg', 'then comes the statement');
cmp_ok($all[6]{ms}, '<', $least, '... which did not wait');

# The table has changed meanwhile: Bind analyses the statement again.
connect_traced('plan_cache_mode=force_generic_plan');
$wire->prepare('s', 'SELECT a FROM t WHERE a = $1');
$wire->run_prepared('s', 1);
$node->safe_psql('postgres', 'ALTER TABLE t ADD COLUMN b int; ALTER TABLE t DROP COLUMN b');
while_locked($locker, 't', $locked / 1000, sub { $wire->run_prepared('s', 1) });
@all = grep { $_->{name} eq 'pg.parse' } operations_of(5);
is(scalar @all, 1, 'a statement that is analysed again: once');
is_slow_parse('analysed again', $all[0], 'SELECT a FROM t WHERE a = $1');

# A statement that fails there began when it arrived.
connect_traced("lock_timeout=$least");
while_locked($locker, 't', $locked / 1000, sub { $wire->simple('SELECT a FROM t') });
@all = operations_of(1);
is("$all[0]{name} $all[0]{etype}", 'pg lock_not_available', 'a statement that fails in analysis');
cmp_ok($all[0]{ms}, '>=', $least - 10, '... and how long it took');

# The kind can be left out.
connect_traced('osprofiler.points=statement');
while_locked($locker, 't', $locked / 1000, sub { $wire->simple('SELECT a FROM t') });
is(join('|', map { $_->{name} } operations_of(1)), 'pg', 'without the kind');

# A context by comment, the wall clock of the server notwithstanding.
$context = context();
$wire = PgWire->new($socket, database => 'postgres', user => $user);
while_locked($locker, 't', $locked / 1000, sub { $wire->simple('SELECT a FROM t ' . comment($context)) });
is_slow_parse('a context in a comment', (operations_of(3))[0], 'SELECT a FROM t');

is((grep { $_->{ms} < 1 } @short), 0, 'what took less than a millisecond is not told');

$node->stop;
done_testing();
