# SPDX-License-Identifier: Apache-2.0

# What only the extended protocol can do: prepared statements under several
# contexts, generic and custom plans, portals in slices, pipelines that fail.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('protocols');
$node->start;
$node->safe_psql('postgres',
	'CREATE EXTENSION osprofiler; CREATE TABLE t (id int PRIMARY KEY, v int);'
	  . ' INSERT INTO t SELECT g, g FROM generate_series(1, 20) g;'
	  . q{ CREATE FUNCTION f(below int) RETURNS bigint LANGUAGE sql VOLATILE}
	  . q{ AS 'SELECT count(*) FROM t WHERE id < below'});
my $user = $node->safe_psql('postgres', 'SELECT current_user');

sub connect_wire
{
	my ($context) = @_;
	my $options = $context
	  ? "-c osprofiler.trace_info=$context->{info}"
	  . " -c osprofiler.trace_hmac=$context->{hmac}"
	  : '';

	return PgWire->new(
		$node->host . '/.s.PGSQL.' . $node->port,
		database => 'postgres', user => $user, options => $options);
}

# What came back, without rows.
sub ends
{
	return [ map { join ' ', @$_[ 0, 1 ] }
		  map { [ @$_, '' ] } grep { $_->[0] ne 'row' } @_ ];
}

sub tree_is
{
	my ($context, $expected, $what) = @_;

	is_deeply(tree(wait_for_points($node, $context, 2 * @$expected)),
		$expected, $what);
	return;
}

# The unnamed statement, with parameters; text of several lines.
my $extended = context();
my $wire = connect_wire($extended);
$wire->parse('', "SELECT f(\$1),\n\t\$2::text")->bind('', '', 3, 'x')
  ->execute('')->sync;
my @events = $wire->read_until_ready;
is_deeply($events[0], [ 'row', 2, 'x' ], 'an extended query');
$wire->parse('', 'SELECT 1 / $1::int')->bind('', '', 0)->execute('')->sync;
$wire->read_until_ready;
$wire->parse('', 'SELECT $1::int')->bind('', '', 'none')->execute('')->sync;
$wire->read_until_ready;
$wire->parse('', '')->bind('', '')->execute('')->sync;
$wire->read_until_ready;
$wire->finish;
tree_is(
	$extended,
	[
		"SELECT f(\$1),\n\t\$2::text -> SELECT 1",
		'  SELECT count(*) FROM t WHERE id < below -> SELECT 1',
		'SELECT 1 / $1::int (division_by_zero)',
		'SELECT $1::int (invalid_text_representation)',
	],
	'extended queries');

# A prepared statement: each execution belongs to the context that is set then,
# whether the plan is made anew or not; prepared with none, and executed without.
foreach my $mode (qw(force_custom_plan force_generic_plan auto))
{
	my ($one, $two) = (context(), context());

	$wire = connect_wire();
	$wire->simple("SET plan_cache_mode = $mode");
	$wire->parse('s', 'SELECT v FROM t WHERE id = $1')->sync;
	$wire->read_until_ready;
	foreach my $context ($one, undef, $two, $one)
	{
		$wire->simple(set_context($context)) if $context;
		for my $id (1 .. 3)
		{
			$wire->bind('', 's', $id)->execute('')->sync;
			$wire->read_until_ready;
		}
		$wire->simple('RESET osprofiler.trace_info; RESET osprofiler.trace_hmac');
	}
	$wire->finish;
	tree_is($one, [ ('SELECT v FROM t WHERE id = $1 -> SELECT 1') x 6 ],
		"$mode: executed under the first context, twice");
	tree_is($two, [ ('SELECT v FROM t WHERE id = $1 -> SELECT 1') x 3 ],
		"$mode: executed under the second");
}

# The comment of a prepared statement names the operation that sent the text: it
# counts for the first execution, whatever kind of plan there is, also if the
# statement has none of its own in between. Then the session's context counts.
foreach my $mode (qw(force_custom_plan force_generic_plan auto))
{
	foreach my $name ('s', '')
	{
		# An unnamed statement that is bound again by a generic plan is not known.
		next if $name eq '' && $mode ne 'force_custom_plan';
		my ($comment, $session) = (context(), context());

		$wire = connect_wire($session);
		$wire->simple("SET plan_cache_mode = $mode");
		$wire->parse($name, 'SELECT $1::int ' . comment($comment));
		$wire->parse('u', 'SELECT 2')->sync;
		$wire->read_until_ready;
		for my $times (1 .. 7)
		{
			foreach my $executed ($name, 'u')
			{
				$wire->bind('', $executed, $executed eq $name ? (1) : ())->execute('');
			}
		}
		$wire->sync;
		$wire->read_until_ready;
		$wire->finish;
		my $what = "a comment, prepared as '$name', $mode";
		tree_is($comment, ['SELECT $1::int -> SELECT 1'], $what);
		tree_is(
			$session,
			[
				"SET plan_cache_mode = $mode -> SET",
				'SELECT 2 -> SELECT 1',
				('SELECT $1::int -> SELECT 1', 'SELECT 2 -> SELECT 1') x 6
			],
			"$what: beside another");
	}
}

# An execution that fails before it runs has no active portal. It does not use the
# context of the comment again either, nor does an execution after it.
$node->safe_psql('postgres', 'CREATE TABLE dropped (id int)');
my $divide = 'SELECT 1 / $1::int';
my $select = 'SELECT id FROM dropped WHERE id = $1::int';
my $locker = connect_wire();
foreach my $case (
	[ 'planning', $divide, '22012', sub { $wire->run_prepared('s', 0) } ],
	[ 'Bind', $divide, '22P02', sub { $wire->run_prepared('s', 'x') } ],
	[
		'a lock at Bind', $select, '55P03',
		sub { while_locked($locker, 'dropped', 0.4, sub { $wire->run_prepared('s', 1) }) }
	],
	[
		'Execute', 'INSERT INTO t VALUES ($1::int, 1) ON CONFLICT DO NOTHING', '55000',
		sub { $wire->bind('', 's', 1)->execute('')->execute('')->sync->read_until_ready }
	],
	[
		'analysis', $select, '42P01',
		sub { $node->safe_psql('postgres', 'DROP TABLE dropped'); $wire->run_prepared('s', 1) }
	])
{
	my ($where, $sql, $state, $fail) = @$case;
	my ($comment, $session) = (context(), context());

	$wire = connect_wire($session);
	$wire->simple('SET lock_timeout = 200');
	$wire->prepare('s', "$sql " . comment($comment));
	$wire->run_prepared('s', 1);
	is(state_of($fail->()), $state, "executed before, fails in $where");
	$wire->finish;
	wait_for_delivery($node);
	is(scalar(operations(points($node, $comment))), 1, "... in $where: the comment counts once");
	like(join('|', @{ tree(points($node, $session)) }),
		qr/\|\Q$sql\E(?: -> \w+)? \(\w+\)\z/, "... in $where: then the session's context counts");
}
foreach my $value (0, 'x')
{
	my ($comment, $session) = (context(), context());
	my $sql = "$divide " . comment($comment);

	$wire = connect_wire($session);
	$wire->prepare('s', $sql);
	$wire->run_prepared('s', $_) for $value, $value, 1, 1;
	wait_for_delivery($node);
	like(join('|', @{ tree(points($node, $comment)) }),
		qr/\A\Q$divide\E \(\w+\)\z/, "first executed with $value: the comment counts once");
	is(scalar(operations(points($node, $session))), 3, '... then the context of the session counts');

	# Prepared again it is another text, wherever its memory is.
	$wire->forget_prepared('s');
	$wire->prepare('s', $sql);
	$wire->run_prepared('s', $value);
	$wire->finish;
	wait_for_delivery($node);
	is(scalar(operations(points($node, $comment))), 2, "prepared again, executed with $value");
}

# What a statement says of its plan where the server goes over to the one for all values.
foreach my $how ('EXECUTE', 'Bind')
{
	my $switches = context();
	my $sql = 'SELECT v FROM t WHERE id = $1';

	$wire = connect_wire($switches);
	$wire->simple('SET osprofiler.points = statement, nested, plan');
	$how eq 'Bind' ? $wire->prepare('s', $sql) : $wire->simple("PREPARE s (int) AS $sql");
	for my $id (1 .. 8)
	{
		$how eq 'Bind' ? $wire->run_prepared('s', $id) : $wire->simple("EXECUTE s ($id)");
	}
	$wire->finish;
	wait_for_delivery($node);
	my @all = operations(points($node, $switches));
	is_deeply(
		[
			map { join ' ', $_->{start}{db}{plan}{kind} // 'none', $_->{start}{db}{plan}{reused} ? 'reused' : () }
			  grep { $_->{name} eq 'pg' && $_->{text} eq $sql } @all
		],
		[ ('custom') x 5, 'generic', ('generic reused') x 2 ],
		"$how: kinds of plans");
	is_deeply(
		[ map { $_->{stop}{db}{plan}{kind} // 'none' } grep { $_->{name} eq 'pg.plan' } @all ],
		[ ('custom') x 5, 'generic' ],
		"$how: what is planned");
}

# Without parameters, and what PostgreSQL does not plan; a context of another key.
foreach my $sql ('SELECT 1', 'SHOW work_mem', 'INSERT INTO t VALUES (50, 1) ON CONFLICT DO NOTHING')
{
	my $comment = context();

	$wire = connect_wire();
	$wire->parse('s', "$sql " . comment($comment))->sync;
	$wire->read_until_ready;
	for (1 .. 3)
	{
		$wire->bind('', 's')->execute('')->sync;
		$wire->read_until_ready;
	}

	# Parsed again it is another text.
	$wire->parse('', "$sql " . comment($comment))->bind('', '')->execute('')->sync;
	$wire->read_until_ready;
	$wire->finish;
	my @points = wait_for_points($node, $comment, 4);
	is(scalar(@points), 4, "$sql: the first execution of each text");
}

# Portals in slices: one point for each, from its first slice to its end; what
# runs between the slices stands beside it.
my $slices = context();
$wire = connect_wire($slices);
$wire->simple('BEGIN');
$wire->parse('', 'SELECT id, f(id) FROM t WHERE id < 6 ORDER BY id')
  ->bind('p', '')->execute('p', 2)->execute('p', 2)->flush_messages;
is(scalar(grep { $_->[0] eq 'row' } $wire->read_until_done), 2, 'a slice');
is(scalar(grep { $_->[0] eq 'row' } $wire->read_until_done), 2, 'another');
$wire->sync;
$wire->read_until_ready;
$wire->simple("SELECT 'between'");
$wire->execute('p', 0)->close_portal('p')->sync;
is_deeply(ends($wire->read_until_ready), ['done SELECT 1'], 'the rest');
$wire->simple('COMMIT');
$wire->finish;
tree_is(
	$slices,
	[
		'BEGIN -> BEGIN',
		'SELECT id, f(id) FROM t WHERE id < 6 ORDER BY id -> SELECT 5',
		('  SELECT count(*) FROM t WHERE id < below -> SELECT 1') x 5,
		"SELECT 'between' -> SELECT 1",
		'COMMIT -> COMMIT',
	],
	'a portal in slices');

# Left open: they end with their transaction, and two at once do no harm.
foreach my $end ('COMMIT', 'ROLLBACK')
{
	my $open = context();

	$wire = connect_wire($open);
	$wire->simple('BEGIN');
	foreach my $portal (qw(p q))
	{
		$wire->parse('', "SELECT '$portal' FROM t")->bind($portal, '')
		  ->execute($portal, 1);
	}
	$wire->execute('p', 1)->sync;
	$wire->read_until_ready;
	$wire->simple($end);
	$wire->simple('SELECT 1');
	$wire->finish;
	my @points = wait_for_points($node, $open, 10);
	is( join('; ', map { s/ -> .*//r } @{ tree(@points) }),
		"BEGIN; SELECT 'p' FROM t; SELECT 'q' FROM t; $end; SELECT 1",
		"portals left open at $end");
}

# A pipeline: what comes behind an error is skipped, until the Sync.
my $pipeline = context();
$wire = connect_wire($pipeline);
foreach my $sql (
	'INSERT INTO t VALUES (100, 1)',
	"SELECT 'two'",
	'SELECT 1 / (id - 3) FROM t ORDER BY id',
	"SELECT 'skipped'")
{
	$wire->parse('', $sql)->bind('', '')->execute('');
}
$wire->sync;
$wire->parse('', "SELECT 'behind'")->bind('', '')->execute('')->sync;
is_deeply(
	ends($wire->read_until_ready),
	[ 'done INSERT 0 1', 'done SELECT 1', 'error 22012' ],
	'a pipeline that fails');
is_deeply(ends($wire->read_until_ready), ['done SELECT 1'], 'the next one');
$wire->finish;
tree_is(
	$pipeline,
	[
		'INSERT INTO t VALUES (100, 1) -> INSERT 1',
		"SELECT 'two' -> SELECT 1",
		'SELECT 1 / (id - 3) FROM t ORDER BY id -> SELECT (division_by_zero)',
		"SELECT 'behind' -> SELECT 1",
	],
	'its points');
is($node->safe_psql('postgres', 'SELECT count(*) FROM t WHERE id = 100'),
	0, 'and it was one transaction');

# COPY, there and back, and given up by the client.
my $copy = context();
$wire = connect_wire($copy);
foreach my $fail (0, 1)
{
	$wire->query('COPY t FROM STDIN');
	$wire->read_until_copy;
	$wire->copy_data(join '', map { "$_\t0\n" } 201 .. 203);
	$fail ? $wire->copy_fail : $wire->copy_done;
	$wire->read_until_ready;
}
@events = $wire->simple('COPY (SELECT f(3)) TO STDOUT');
is_deeply($events[0], [ 'copy_data', "2\n" ], 'COPY TO');
$wire->finish;
tree_is(
	$copy,
	[
		'COPY t FROM STDIN -> COPY 3',
		'COPY t FROM STDIN -> COPY (query_canceled)',
		'COPY (SELECT f(3)) TO STDOUT -> COPY 1',
		'  COPY (SELECT f(3)) TO STDOUT -> SELECT 1',
		'    SELECT count(*) FROM t WHERE id < below -> SELECT 1',
	],
	'COPY');

# A client that is gone: in a transaction, in a portal, in a COPY.
foreach my $state ('transaction', 'portal', 'copy')
{
	my $gone = context();
	my @expected = ('BEGIN -> BEGIN');

	$wire = connect_wire($gone);
	$wire->simple('BEGIN');
	if ($state eq 'portal')
	{
		$wire->parse('', 'TABLE t')->bind('p', '')->execute('p', 1)->sync;
		$wire->read_until_ready;
		push @expected, 'TABLE t -> SELECT 1';
	}
	elsif ($state eq 'copy')
	{
		$wire->query('COPY t FROM STDIN');
		$wire->read_until_copy;
		push @expected, 'COPY t FROM STDIN -> COPY';
	}
	$wire->finish(1);
	my @points = wait_for_points($node, $gone, 2 * @expected);
	is_deeply([ map { s/ \(.*//r } @{ tree(@points) } ],
		\@expected, "a client that is gone: $state");
}

is(count_in_log($node, 'PANIC|terminated by signal'), 0, 'no crash');
$node->stop;
done_testing();
