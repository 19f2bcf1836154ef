# SPDX-License-Identifier: Apache-2.0

# Functions whose body is BEGIN ATOMIC or RETURN. PostgreSQL keeps no text of their
# statements; the function's name and the statement's number are recorded instead.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('sql_bodies');
$node->start;
plan skip_all => 'PostgreSQL 13 has no such functions'
  if $node->safe_psql('postgres', 'SHOW server_version_num') < 140000;

$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION osprofiler;
CREATE TABLE t (id int);
COMMENT ON TABLE t IS 'a comment';
CREATE FUNCTION two() RETURNS bigint BEGIN ATOMIC
	INSERT INTO t VALUES (1);
	SELECT count(*) FROM t;
END;
CREATE FUNCTION counted() RETURNS bigint RETURN (SELECT count(*) FROM t);
CREATE FUNCTION inlined(n int) RETURNS int IMMUTABLE RETURN n + 1;
CREATE FUNCTION outside() RETURNS bigint BEGIN ATOMIC
	SELECT 1;
	SELECT two();
END;
CREATE FUNCTION several() RETURNS SETOF int BEGIN ATOMIC
	SELECT generate_series(1, 3);
END;
CREATE FUNCTION "Odd "" name; 'x'"() RETURNS bigint RETURN (SELECT count(*) FROM t);
CREATE FUNCTION fails(n int) RETURNS int BEGIN ATOMIC
	SELECT 1;
	SELECT 1 / (n + 0 * random()::int) FROM t;
END;
CREATE FUNCTION fails_in_planning() RETURNS int BEGIN ATOMIC SELECT 1 / 0 FROM t; END;
CREATE FUNCTION by_text() RETURNS bigint LANGUAGE sql VOLATILE AS
	'SELECT 17 + counted() FROM generate_series(1, 1)';
CREATE FUNCTION in_plpgsql() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM two();
	EXECUTE 'SELECT counted()';
END$$;
CREATE PROCEDURE changes() BEGIN ATOMIC
	UPDATE t SET id = 2;
	DELETE FROM t;
END;
CREATE VIEW v AS SELECT counted(), inlined(g) FROM generate_series(1, 1) g;
CREATE TABLE guarded (n bigint DEFAULT counted(), CHECK (counted() >= 0));
CREATE TABLE watched (n int);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS
	$$BEGIN RETURN NEW; END$$;
CREATE TRIGGER watch BEFORE INSERT ON watched
	FOR EACH ROW WHEN (counted() >= NEW.n) EXECUTE FUNCTION watch();
SQL

# The trace of one statement.
sub trace_of
{
	my ($sql, @settings) = @_;
	my $context = context();

	$node->psql('postgres',
		join(' ', map { "SET $_;" } @settings)
		  . set_context($context) . "$sql; RESET osprofiler.trace_info");
	wait_for_delivery($node);
	is(breaches($node, $context->{base}), '', "$sql: nothing is wrong");
	return points($node, $context);
}

sub named { return qq{SQL function "$_[0]" statement $_[1]}; }

foreach my $case (
	[ 'SELECT two()', '  ' . named('two', 1) . ' -> INSERT 1', '  ' . named('two', 2) . ' -> SELECT 1' ],
	[ 'SELECT counted()', '  ' . named('counted', 1) . ' -> SELECT 1' ],
	[ 'SELECT inlined(id) FROM t' ],
	[
		'SELECT outside()',
		'  ' . named('outside', 1) . ' -> SELECT 1',
		'  ' . named('outside', 2) . ' -> SELECT 1',
		'    ' . named('two', 1) . ' -> INSERT 1',
		'    ' . named('two', 2) . ' -> SELECT 1'
	],
	[ 'SELECT several() LIMIT 1', '  ' . named('several', 1) . ' -> SELECT 1' ],
	[
		q{SELECT "Odd "" name; 'x'"()},
		'  ' . named(q{Odd " name; 'x'}, 1) . ' -> SELECT 1'
	],
	[
		'SELECT fails(0)',
		'  ' . named('fails', 1) . ' -> SELECT 1',
		'  ' . named('fails', 2) . ' -> SELECT (division_by_zero)'
	],
	[
		'SELECT by_text()',
		'  SELECT 17 + counted() FROM generate_series(1, 1) -> SELECT 1',
		'    ' . named('counted', 1) . ' -> SELECT 1'
	],
	[
		'SELECT in_plpgsql()',
		'  SELECT two() -> SELECT 1',
		'    ' . named('two', 1) . ' -> INSERT 1',
		'    ' . named('two', 2) . ' -> SELECT 1',
		'  SELECT counted() -> SELECT 1',
		'    ' . named('counted', 1) . ' -> SELECT 1'
	],
	[
		'CALL changes()',
		'  ' . named('changes', 1) . ' -> UPDATE 3',
		'  ' . named('changes', 2) . ' -> DELETE 3'
	],
	[ 'SELECT * FROM v', '  ' . named('counted', 1) . ' -> SELECT 1' ],
	[
		'INSERT INTO guarded DEFAULT VALUES',
		('  ' . named('counted', 1) . ' -> SELECT 1') x 2
	],
	[ 'INSERT INTO watched VALUES (1)', '  ' . named('counted', 1) . ' -> SELECT 1' ],
	[ 'COPY (SELECT counted()) TO STDOUT',
		'  COPY (SELECT counted()) TO STDOUT -> SELECT 1',
		'    ' . named('counted', 1) . ' -> SELECT 1' ],
	[ q{SELECT obj_description('t'::regclass, 'pg_class')},
		'  ' . named('obj_description', 1) . ' -> SELECT 1' ])
{
	my ($sql, @nested) = @$case;
	my @lines = grep { /^ / } @{ tree(trace_of($sql)) };

	is_deeply(\@lines, \@nested, $sql);
}

# Planning has the function's name, too, also if it fails.
foreach my $case ([ 'SELECT two()', 'two' ], [ 'SELECT fails_in_planning()', 'fails_in_planning' ])
{
	my ($sql, $name) = @$case;
	my @plans = grep { $_->{name} eq 'pg.plan' && $_->{text} }
	  operations(trace_of($sql, "osprofiler.points = 'statement, nested, plan'"));

	cmp_ok(scalar(@plans), '>', 0, "$sql: there is planning");
	is_deeply([ grep { $_->{text} !~ /^SQL function "$name" / } @plans ], [],
		"$sql: all planning has the name");
}

# Recorded as osprofiler.statement_text says, like any text.
my ($normalized) = grep { /^ / } @{ tree(trace_of('SELECT counted()',
			'osprofiler.statement_text = normalized')) };
is($normalized, '  SQL function "counted" statement ? -> SELECT 1', 'normalized');
my ($none) = grep { /^ / } @{ tree(trace_of('SELECT counted()',
			'osprofiler.statement_text = none')) };
is($none, '  SQL -> SELECT 1', 'the first word alone');

is(count_in_log($node, 'PANIC|terminated by signal'), 0, 'no crash');
$node->stop;
done_testing();
