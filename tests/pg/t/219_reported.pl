# SPDX-License-Identifier: Apache-2.0
#
# 219_reported.pl
#	  Errors that are seen when they are reported: the first thing that is traced in a
#	  session, deferred constraints without a statement, rows of COPY in messages.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('reported');
$node->append_conf('postgresql.conf', "osprofiler.points = 'statement, nested, commit'\n");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION osprofiler;
CREATE TABLE later (a int UNIQUE DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE names (r regclass);
SQL
my $user = $node->safe_psql('postgres', 'SELECT current_user');

sub wire
{
	my ($context) = @_;
	my $wire = PgWire->new($node->host . '/.s.PGSQL.' . $node->port,
		database => 'postgres', user => $user);
	$wire->simple(set_context($context));
	return $wire;
}

# Operations as "name text etype: message", those below others indented.
sub told
{
	my ($context) = @_;
	wait_for_delivery($node);
	my @points = points($node, $context);
	my %stop = map { $_->{trace_id} => $_ } grep { $_->{name} =~ /-stop$/ } @points;

	return map {
		my $stop = $stop{ $_->{trace_id} }{info};
		my $line = ($_->{parent_id} eq $context->{base} ? '' : '  ') . ($_->{name} =~ s/-start$//r);
		$line .= " $_->{info}{db}{statement}" if $_->{info}{db}{statement};
		$line .= " $stop->{etype}: " . ($stop->{message} // 'no message') if $stop->{etype};
		$line .= ' interrupted' if $stop->{interrupted};
		$line
	} sort { $a->{timestamp} cmp $b->{timestamp} } grep { $_->{name} =~ /-start$/ } @points;
}

# Whatever the session begins with, later errors have their messages.
foreach my $first ('SELECT nosuch', 'SELECT 1 / 0', 'SELEC 1', 'SELECT 1')
{
	my $context = context();
	my $wire = wire($context);

	$wire->simple($first);
	$wire->simple('ALTER TABLE nosuch ADD a int');
	$wire->simple('DO $$BEGIN PERFORM nosuch; EXCEPTION WHEN OTHERS THEN NULL; END$$');
	$wire->finish;
	my @told = told($context);
	is($told[1], 'pg ALTER TABLE nosuch ADD a int undefined_table: relation "nosuch" does not exist',
		"after $first: the message of an error");
	is($told[3], '  pg SELECT nosuch undefined_column: column "nosuch" does not exist',
		"after $first: a nested statement that fails");
}

# A deferred constraint that runs no statement fails in the commit.
my $violated = 'unique_violation: duplicate key value violates unique constraint "later_a_key"';
my $context = context();
my $wire = wire($context);
like(state_of($wire->simple('INSERT INTO later VALUES (1), (1)')), qr/23505/, 'a deferred constraint');
is_deeply([ told($context) ], [ 'pg INSERT INTO later VALUES (1), (1)', "pg.commit $violated" ],
	'... fails in the commit');
$context = context();
$wire->simple(set_context($context));
$wire->parse('', 'INSERT INTO later VALUES ($1), ($1)')->bind('', '', 7)->execute('')->sync->read_until_ready;
my @told = told($context);
is($told[0], 'pg INSERT INTO later VALUES ($1), ($1)', 'the same in the extended protocol');
like($told[1], qr/^pg\.commit unique_violation: duplicate key value violates unique constraint /, '... in the commit');
is(scalar @told, 2, '... and nothing else');

# One that is not deferred fails in its statement, whatever kind that is.
$node->safe_psql('postgres', 'CREATE TABLE now (a int UNIQUE CHECK (a < 9)); INSERT INTO now VALUES (1)');
foreach my $sql ('INSERT INTO now VALUES (1)', 'UPDATE now SET a = 10', 'INSERT INTO now VALUES (2), (2)',
	"COPY now FROM PROGRAM 'echo 1'", 'ALTER TABLE now ADD CHECK (a > 1)',
	'DO $$BEGIN INSERT INTO now VALUES (1); END$$')
{
	$context = context();
	$wire->simple(set_context($context));
	$wire->simple($sql);
	$wire->parse('', $sql)->bind('', '')->execute('')->sync->read_until_ready;
	is(scalar(grep { /commit/ } told($context)), 0, "no commit: $sql");
}

# An error of analysis behind a statement that has written is none of a commit.
$context = context();
$wire->simple(set_context($context));
$wire->simple('INSERT INTO later VALUES (3); SELECT nosuch');
@told = told($context);
like($told[-1], qr/^pg .*undefined_column/, 'an error of analysis in the same transaction');
is(scalar(grep { /commit/ } @told), 0, '... is no commit');

# What COPY reads is not in the statement, and a message does not quote it.
$context = context();
$wire->simple(set_context($context));
$wire->query('COPY names FROM STDIN')->send;
$wire->read_until_copy;
$wire->copy_data("hunter2\n")->copy_done->read_until_ready;
@told = told($context);
like($told[0], qr/^pg COPY names FROM STDIN undefined_table: relation "\?" does not exist/,
	'COPY: no row in the message');

$wire->finish;
$node->stop;
done_testing();
