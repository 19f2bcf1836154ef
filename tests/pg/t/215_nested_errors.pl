# SPDX-License-Identifier: Apache-2.0

# Statements of functions that fail before they run: by their syntax, in analysis and
# in planning, whether the error is caught or not. And one of several statements of
# the client that fails in planning, or runs the actions of a rule.

use strict;
use warnings;

use Encode qw(encode_utf8);
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('nested_errors');
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION osprofiler;
CREATE TABLE t (id int);
SET check_function_bodies = off;
CREATE FUNCTION in_sql() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT count(*) FROM vanished';
CREATE FUNCTION plain() RETURNS void LANGUAGE plpgsql AS
	$$BEGIN INSERT INTO nosuch VALUES (1); END$$;
CREATE FUNCTION inner_block() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM no_such_column FROM t;
	RETURN 'fine';
EXCEPTION WHEN undefined_column THEN RETURN 'caught';
END$$;
SQL

sub block
{
	my ($statement) = @_;
	return "DO \$\$BEGIN $statement; EXCEPTION WHEN OTHERS THEN NULL; END\$\$";
}

# What is nested in the statement, by kinds of points.
sub nested_is
{
	my ($points, $sql, $expected, $what) = @_;
	my $context = context();

	$node->psql('postgres',
		set_context($context) . "SET osprofiler.points = $points; $sql;"
		  . ' RESET osprofiler.trace_info');
	wait_for_delivery($node);
	# A statement that fails in planning begins with its planning.
	is_deeply([ sort grep { /^  / } @{ tree(points($node, $context)) } ],
		[ sort @$expected ], "$what ($points)");
	is(breaches($node, $context->{base}), '', "$what: nothing is wrong");
	return;
}

foreach my $case (
	[ 'INSERT INTO nosuch VALUES (1)', 'undefined_table' ],
	[ 'PERFORM no_such_column FROM t', 'undefined_column', 'SELECT no_such_column FROM t' ],
	[ q{EXECUTE 'selec 1'}, 'syntax_error', 'selec 1' ],
	[ q{EXECUTE 'SELECT nosuch()'}, 'undefined_function', 'SELECT nosuch()' ],
	[ 'PERFORM in_sql()', 'undefined_table', 'SELECT count(*) FROM vanished', 'SELECT in_sql()' ])
{
	my ($statement, $etype, $text, $around) = @$case;
	# The planner looks into functions in SQL.
	my @expected =
	  map { "  $_ ($etype)" } $around // (), $text // $statement;

	nested_is('statement, nested', block($statement), \@expected, $statement);
	nested_is('statement', block($statement), [], $statement);
}

# In planning: with its planning, if that is to be recorded.
my $divide = "SELECT 1 / 0 FROM t";
nested_is('statement, nested', block("PERFORM 1 / 0 FROM t"),
	["  $divide (division_by_zero)"], 'planning');
nested_is(
	'statement, nested, plan', block("PERFORM 1 / 0 FROM t"),
	[ "  pg.plan: $divide (division_by_zero)", "  $divide (division_by_zero)" ],
	'planning');

# Not caught; in a function that a function calls; in a loop.
nested_is('statement, nested', 'SELECT plain()',
	['  INSERT INTO nosuch VALUES (1) (undefined_table)'], 'an error that is not caught');
nested_is(
	'statement, nested', block("PERFORM inner_block() FROM generate_series(1, 2)"),
	[
		'  SELECT inner_block() FROM generate_series(1, 2) -> SELECT 2',
		('    SELECT no_such_column FROM t (undefined_column)') x 2
	],
	'in functions');
nested_is('statement, nested', block(q{RAISE NOTICE 'only a message'; RAISE 'raised'}),
	[], 'what is raised is no statement');

# Of several statements in one string the one that cannot be planned.
my $string = context();
$node->psql('postgres',
	set_context($string) . "SELECT 'first' \\; SELECT 2 / 0 FROM t \\; SELECT 'third';");
wait_for_delivery($node);
is_deeply(
	tree(points($node, $string)),
	[ "SELECT 'first' -> SELECT 1", 'SELECT 2 / 0 FROM t (division_by_zero)' ],
	'the text of the statement that failed');

# The same of one that fails in analysis, and has a context of its own, or not; a syntax
# error is one of the whole string, for nothing of it has run.
my $other = context();
foreach my $case (
	[ q{SELECT 'fine' \; SELECT nosuch \; SELECT 3}, q{SELECT 'fine' -> SELECT 1}, 'SELECT nosuch (undefined_column)' ],
	[ 'SELECT nosuch \; SELECT 2', 'SELECT nosuch (undefined_column)' ],
	[ "SELECT '\xc3\xa4;\xc3\xa4' \\; \\;\n-- a; b\nSELECT 2, nosuch() \\; SELECT 3", "SELECT '\xc3\xa4;\xc3\xa4' -> SELECT 1",
		'SELECT 2, nosuch() (undefined_function)' ],
	[ 'SELECT 1 \; SELECT 1 UNION SELECT 2, 3', 'SELECT 1 -> SELECT 1', 'SELECT 1 UNION SELECT 2, 3 (syntax_error)' ],
	[ 'SELECT 1 \; EXPLAIN SELECT nosuch', 'SELECT 1 -> SELECT 1', 'EXPLAIN SELECT nosuch (undefined_column)' ],
	[ 'SELECT 1 \; selec 2', 'SELECT 1 ; selec 2 (syntax_error)' ],
	[ 'SELECT 1 \; SELECT nosuch ' . comment($other) . ' \; SELECT 3', 'SELECT 1 -> SELECT 1' ])
{
	my ($sql, @expected) = @$case;
	my $context = context();

	$node->psql('postgres', set_context($context) . "$sql;");
	wait_for_delivery($node);
	is_deeply([ map { encode_utf8($_) } @{ tree(points($node, $context)) } ], \@expected, $sql);
}
is_deeply(tree(points($node, $other)), ['SELECT nosuch (undefined_column)'], 'a context of its own');
nested_is('statement, nested', block(q{EXECUTE 'SELECT 1; SELECT nosuch; SELECT 3'}),
	[ '  SELECT 1 -> SELECT 1', '  SELECT nosuch (undefined_column)' ], 'several in EXECUTE');

# The operations of a statement with rules, in the middle of a string of three.
sub ruled_is
{
	my ($sql, $expected, $name) = @_;
	my $context = context();

	$node->safe_psql('postgres', set_context($context) . "SELECT 1 \\; $sql \\; SELECT 3;");
	wait_for_delivery($node);
	is_deeply([ map { s/ ->.*//r } @{ tree(points($node, $context)) } ],
		[ 'SELECT 1', @$expected, 'SELECT 3' ], $name);
	return;
}

# The actions of a rule, which PostgreSQL gives no place in the string, have the text of
# the statement that the rule is for.
$node->safe_psql('postgres', q{CREATE TABLE log (id int); CREATE RULE note AS ON INSERT TO t
	DO ALSO (INSERT INTO log VALUES (NEW.id); NOTIFY noted)});
ruled_is('INSERT INTO t VALUES (7)', [ ('INSERT INTO t VALUES (7)') x 3 ], 'the actions of a rule');

# Those that run instead of the statement, too.
$node->safe_psql('postgres', q{CREATE FUNCTION analyses() RETURNS void LANGUAGE plpgsql AS
	$$BEGIN EXECUTE 'SELECT 5; SELECT 6'; END$$;
	CREATE RULE instead AS ON UPDATE TO t
	DO INSTEAD (INSERT INTO log VALUES (1); SELECT analyses(); DELETE FROM log; NOTIFY noted)});
ruled_is('UPDATE t SET id = 5',
	[ ('UPDATE t SET id = 5') x 2, '  SELECT 5', '  SELECT 6', ('UPDATE t SET id = 5') x 2 ],
	'the actions of a rule that replaces the statement');

is(count_in_log($node, 'PANIC|terminated by signal'), 0, 'no crash');
$node->stop;
done_testing();
