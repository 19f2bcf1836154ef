# SPDX-License-Identifier: Apache-2.0

# DETAIL, HINT and CONTEXT of errors are recorded, without the values of rows: by
# the server, and by a client whose server is not traced.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('details');
$node->append_conf('postgresql.conf',
	"osprofiler.points = 'statement, nested'\ndeadlock_timeout = '50ms'\nmax_prepared_transactions = 2");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION osprofiler;
CREATE TABLE person (email text UNIQUE, n int CHECK (n < 100), boss text REFERENCES person (email));
CREATE TABLE pairs (a text, b text, UNIQUE (a, b));
INSERT INTO person VALUES ('planted1', 1), ('other', 2);
INSERT INTO pairs VALUES ('planted2)=(x', 'planted3) already');
CREATE FUNCTION add(e text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO person VALUES (e, 2);
END$$;
CREATE FUNCTION tell(e text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE unique_violation USING MESSAGE = 'no', DETAIL = 'Key (a)=(x) ' || e, HINT = e;
END$$;
SQL

# The info of the stop of the operation that failed at the top.
sub failed
{
	my ($sql) = @_;
	my $context = context();

	$node->psql('postgres', set_context($context) . "\n$sql", on_error_die => 0);
	wait_for_delivery($node);
	my ($stop) = grep { defined $_->{info}{etype} && $_->{name} eq 'pg-stop' }
	  points($node, { base => $context->{base} });
	return $stop->{info};
}

my $info = failed("INSERT INTO person VALUES ('planted1', 3);");
is($info->{detail}, 'Key (email)=(***) already exists.', 'unique: the columns, and no value');
$info = failed("INSERT INTO pairs VALUES ('planted2)=(x', 'planted3) already');");
is($info->{detail}, 'Key (a, b)=(***) already exists.', 'unique: values that look like the sentence');
$info = failed("INSERT INTO person VALUES ('planted4', 3, 'planted5');");
is($info->{detail}, 'Key (boss)=(***) is not present in table "person".', 'foreign key');
$info = failed("INSERT INTO person VALUES ('planted6)=(x', 300);");
is($info->{detail}, 'Failing row contains (***).', 'check: no row');
$info = failed("SELECT add('planted1');");
is($info->{detail}, 'Key (email)=(***) already exists.', 'in a function: DETAIL');
is($info->{context}, 'PL/pgSQL function add(text) line 3 at SQL statement',
	'in a function: where, without the statement');
$info = failed("SELECT tell('planted7');");
is_deeply([ @$info{qw(detail hint)} ], [ undef, undef ], 'by a function: its words are not recorded');
$info = failed("SELECT '{planted8'::json;");
is_deeply([ @$info{qw(detail context)} ], [ undef, undef ], 'of a value: nothing');
$info = failed('SELECT emial FROM person;');
is($info->{hint}, 'Perhaps you meant to reference the column "person.email".',
	'of the text: the hint');
$info = failed("COPY person (email, n) FROM STDIN;\nx\tplanted9\n\\.\n");
is($info->{context}, 'COPY person, line 1, column n', 'COPY: the line, without its values');

$node->safe_psql('postgres', 'ALTER SYSTEM SET osprofiler.hide_params = off');
$node->reload;
ok( $node->poll_query_until('postgres', "SELECT current_setting('osprofiler.hide_params') = 'off'"),
	'values may be shown');
$info = failed("INSERT INTO person VALUES ('other', 3);");
is($info->{detail}, 'Key (email)=(other) already exists.', 'hide_params off: the values');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET osprofiler.hide_params');
$node->reload;

# Two that wait for each other: processes and locks.
my $other = $node->background_psql('postgres', on_error_stop => 0);
$other->query_safe("SET deadlock_timeout = '1h'; BEGIN; UPDATE person SET n = 3 WHERE email = 'other'");
my $context = context();
my $mine = $node->background_psql('postgres', on_error_stop => 0);
$mine->query_safe(set_context($context));
$mine->query_safe("SET deadlock_timeout = '10ms'; BEGIN; UPDATE person SET n = 4 WHERE email = 'planted1'");
$other->query_until(qr/going/, "\\echo going\nUPDATE person SET n = 3 WHERE email = 'planted1';\n");
$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted");
$mine->{timeout} = undef;
eval { $mine->query("UPDATE person SET n = 4 WHERE email = 'other'") };
eval { $_->quit } for $mine, $other;
wait_for_delivery($node);
my ($deadlock) = grep { ($_->{info}{etype} // '') eq 'deadlock_detected' }
  points($node, { base => $context->{base} });
like($deadlock->{info}{detail} // '',
	qr/^Process \d+ waits for ShareLock on transaction \d+; blocked by process \d+\.\nProcess \d+ waits/,
	'deadlock: processes and locks');

my $stored = slurp_file(trace_file($node));
my $texts = join '|', map { "planted$_" } 1 .. 9;
$stored =~ s/"statement": "(?:[^"\\]|\\.)*"//g;
unlike($stored, qr/$texts/, 'no value beside the statements');

$node->stop;
done_testing();
