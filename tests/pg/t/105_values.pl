# SPDX-License-Identifier: Apache-2.0

# Values of parameters while hide_params is on, in the server: they are neither in
# messages of any class nor in texts that functions build of them. What runs in a
# deferred trigger is masked with the statement that fired it. No value is LEAK in a
# record, and names of the schema stay.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('values');
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION osprofiler;
CREATE EXTENSION tablefunc;
CREATE TABLE t (id int PRIMARY KEY, note text);
INSERT INTO t VALUES (1, 'x');
CREATE SEQUENCE s MAXVALUE 10;
CREATE TABLE pins (pin text, password text);
CREATE TABLE log (note text);
CREATE FUNCTION dynamic(p text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT note FROM t WHERE note = %L', p);
	EXECUTE format('CREATE TEMP TABLE made AS SELECT %L AS a', p);
	DROP TABLE made;
END $$;
CREATE FUNCTION loops(p text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
	FOR r IN EXECUTE format('SELECT %L AS b', p) LOOP NULL; END LOOP;
END $$;
CREATE FUNCTION nested_dynamic(p text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM dynamic(p), 'constant of the source';
END $$;
CREATE FUNCTION in_sql(p text) RETURNS text LANGUAGE sql VOLATILE AS
	$$SELECT note || 'constant in SQL' FROM t WHERE note = p$$;
CREATE FUNCTION raises(p text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE unique_violation USING MESSAGE = format('no "%s"', p);
END $$;
CREATE FUNCTION declines(p text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'card % of % was declined', p, 'Bob';
END $$;
CREATE FUNCTION says(p text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'no %', p;
END $$;
CREATE FUNCTION executes(p text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE p;
END $$;
CREATE VIEW chosen AS SELECT pin FROM pins WHERE pin LIKE 'ok%' WITH CHECK OPTION;
CREATE TABLE vault (id int PRIMARY KEY, v text);
INSERT INTO vault VALUES (1, 'bad password=LEAK boom'), (2, 'token LEAK1 is bad'),
	(3, 'Authorization: Bearer LEAK'), (4, '{"api_key": "LEAK"}'),
	(5, 'cannot reach postgres://u:LEAK@h/db'), (6, 'password must have 8 characters');
CREATE FUNCTION tells(n int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text := (SELECT v FROM vault WHERE id = n);
BEGIN
	RAISE EXCEPTION USING MESSAGE = m, DETAIL = m, HINT = m;
END $$;
CREATE FUNCTION static_fails(p text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO vanished VALUES (p);
END $$;
CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO log VALUES (%L)', NEW.pin);
	INSERT INTO log VALUES (NEW.pin || 'LEAK in the source');
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER pins_later AFTER INSERT ON pins
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION later();
SQL
my $user = $node->safe_psql('postgres', 'SELECT current_user');

sub connect_wire
{
	my ($context) = @_;
	my $options = "-c osprofiler.trace_info=$context->{info}"
	  . " -c osprofiler.trace_hmac=$context->{hmac}"
	  . ' -c osprofiler.points=statement,nested,plan,commit,trigger,function,node';

	return PgWire->new(
		$node->host . '/.s.PGSQL.' . $node->port,
		database => 'postgres', user => $user, options => $options);
}

# The records of some statements with parameters: [TEXT, VALUE...], or a text, in which
# /*context*/ is the comment of the context.
sub recorded
{
	my ($expected_state, @statements) = @_;
	my $context = context();
	my $wire = connect_wire($context);
	my @events;

	foreach my $statement (@statements)
	{
		if (ref $statement)
		{
			my ($sql, @values) = @$statement;
			push @events, $wire->parse('', $sql)->bind('', '', @values)->execute('')
			  ->sync->read_until_ready;
		}
		else
		{
			my $text = $statement =~ s{/\*context\*/}{comment($context)}re;
			push @events, $wire->simple($text);
		}
	}
	$wire->finish;
	wait_for_delivery($node);
	my $json = slurp_file(trace_file($node));
	my $records = join "\n", grep { /\Q$context->{base}\E/ } split /\n/, $json;
	my $what = join '; ', map { ref $_ ? $_->[0] : $_ } @statements;
	is(state_of(@events), $expected_state, "$what: its outcome");
	unlike($records, qr/LEAK/i, "$what: no value is recorded");
	return $records;
}

# Messages, by how PostgreSQL comes to name the value.
foreach my $case (
	[ '42P01', 'relation \"?\" does not exist', 'SELECT $1::text::regclass', 'leak' ],
	[ '42883', 'function \"?\" does not exist', 'SELECT $1::text::regproc', 'leak' ],
	[ '42704', 'type \"?\" does not exist', 'SELECT $1::text::regtype', 'leak' ],
	[ '42883', 'operator does not exist', 'SELECT $1::text::regoper', 'LEAK' ],
	[ '42883', 'operator does not exist', 'SELECT $1::regoperator', 'LEAK(int4,int4)' ],
	[ '0A000', 'references are not implemented', 'SELECT $1::regproc', 'a.b.leak' ],
	[ '42601', 'improper relation name (too many dotted names)', 'SELECT $1::regclass', 'a.b.c.leak' ],
	[ '42601', 'improper relation name (too many dotted names)', 'SELECT to_regclass($1)', 'a.b.c.leak' ],
	[ '42883', '"***"', q{SELECT pg_get_object_address('function', ARRAY[$1::text], '{int4}')}, 'leak' ],
	[ '42883', '"***"', q{SELECT pg_get_object_address('aggregate', ARRAY[$1::text], '{int4}')}, 'leak' ],
	[ '42883', 'operator does not exist', q{SELECT pg_get_object_address('operator', ARRAY[$1::text], '{int4,int4}')}, 'leak' ],
	[ '22003', 'value ? is out of bounds', q{SELECT setval('s', $1)}, '4711' ],
	[ '22008', 'out of range: ?-?-?', 'SELECT make_date($1, 13, 4711)', '4711' ],
	[ '22008', 'out of range: \"?\"', 'SELECT $1::date', '4711-33-33' ],
	[ '22023', 'invalid size: \"?\"', 'SELECT pg_size_bytes($1)', 'leak' ],
	[ '22023', 'invalid value for parameter \"?\"', q{SELECT set_config('work_mem', $1, true)}, 'leak' ],
	[ '42704', 'parameter \"?\"', q{SELECT set_config($1, 'x', true)}, 'leak' ],
	[ '3F000', 'schema \"?\" does not exist', 'SELECT ($1 || \'.x\')::regclass', 'leak' ],
	[ '58P01', 'could not open file \"?\"', 'SELECT pg_read_file($1)', 'leak' ],
	[ '42601', 'syntax error in tsquery: \"?\"', 'SELECT to_tsquery($1)', 'leak leak' ],
	[ '23505', 'no \"?\"', 'SELECT raises($1)', 'leak' ])
{
	my ($state, $message, $sql, $value) = @$case;
	my $records = recorded($state, [ $sql, $value ]);

	like($records, qr/\Q$message\E/, "$sql: the rest of the message is");

	# Ids, times and process numbers may be such a number by chance.
	(my $told = $records) =~ s/"(?:\w+_id|timestamp)": "[^"]*"|"(?:elapsed_ns|pid|tree)": \d+//g;
	unlike($told, qr/4711/, "$sql: no number is recorded") if $sql !~ /4711/;
}

# A message that a function raises: numbers may be values, and with texts that have no
# constants all of it may.
like(recorded('P0001', [ 'SELECT declines($1)', '4111111111111111' ]),
	qr/"message": "card \? of Bob was declined"/, 'RAISE with a parameter');
like(recorded('P0001', q{SELECT declines('4111')}),
	qr/"message": "card 4111 of Bob was declined"/, 'RAISE without parameters');
foreach my $text ('normalized', 'none')
{
	like(recorded('P0001', "SET osprofiler.statement_text = $text", q{SELECT declines('LEAK 4111')}),
		qr/"message": "\*\*\*"/, "RAISE, $text");
}

# A message that tells a secret, which no statement has, ends before its value.
foreach my $params ('on', 'off')
{
	my @ends = ('bad password=***', 'token ***', 'Authorization: ***',
		$params eq 'on' ? '{\"?\"}' : '{\"api_key\": ***', '***', undef);

	while (my ($i, $end) = each @ends)
	{
		my $n = $i + 1;
		my $told = recorded('P0001', "SET osprofiler.hide_params = $params", "SELECT tells($n)");

		$end //= 'password must have 8 characters';
		like($told, qr/"message": "\Q$end\E"/, "RAISE of a row, $n, hide_params = $params");
	}
}

# PostgreSQL names some constants without quotes.
foreach my $text ('normalized', 'none')
{
	like(recorded('42704', "SET osprofiler.statement_text = $text", q{CREATE DATABASE d ENCODING 'LEAKS'}),
		qr/"message": "\*\*\*"/, "a constant without quotes, $text");
}

# A name that PostgreSQL has made small, and a text that a function executes.
foreach my $text ('normalized', 'none')
{
	like(recorded('42601', "SET osprofiler.statement_text = $text", q{SELECT 'LEAK.b.c.d'::regclass}),
		qr/"message": "\*\*\*"/, "a folded constant without quotes, $text");
	like(recorded('42704', "SET osprofiler.statement_text = $text", q{CREATE DATABASE d ENCODING 'it''s LEAK'}),
		qr/"message": "\*\*\*"/, "a constant with a quote, $text");
	like(recorded('42601', "SET osprofiler.statement_text = $text", q{SELECT executes('LEAK')}),
		qr/"statement": "\?"/, "a constant that is executed and is no SQL, $text");
}

# The row that a view refuses.
foreach my $text ('full', 'normalized')
{
	like(recorded('44000', "SET osprofiler.statement_text = $text", q{PREPARE p(text) AS INSERT INTO chosen VALUES ($1)}, q{EXECUTE p('LEAK')}),
		qr/"detail": "Failing row contains \(\*\*\*\)\."/, "WITH CHECK OPTION, $text");
}

# Names of the schema and of the statement stay.
like(recorded('42P01', [ 'SELECT $1::int FROM vanished', 1 ]),
	qr/relation \\"vanished\\" does not exist/, 'a name in the statement');
like(recorded('42P01', [ 'SELECT static_fails($1)', 'leak' ]),
	qr/relation \\"vanished\\" does not exist/, 'a name in the statement of a function');
like(recorded('23505', [ 'INSERT INTO t VALUES ($1)', 1 ]),
	qr/constraint \\"t_pkey\\"/, 'the name of a constraint');
like(recorded('42P01', 'DROP TABLE vanished'),
	qr/table \\"vanished\\" does not exist/, 'without parameters');

# Values that come by EXECUTE, by a cursor.
recorded('42P01', 'PREPARE p AS SELECT $1::text::regclass', "EXECUTE p('leak')");
# So, too, beside the comment of its context, whose own words are no secret.
recorded('42P01', 'PREPARE p AS SELECT $1::text::regclass', "EXECUTE p('leak') /*context*/");
recorded('42P01', 'PREPARE p AS SELECT $1::text::regclass', "/*context*/ EXECUTE p('leak')");
recorded('42P01', 'PREPARE p AS SELECT $1::text::regclass', "EXECUTE /* trace_hmac=x */ p('leak')");
recorded('42P01', 'PREPARE p AS SELECT $1::text::regclass', "EXECUTE /* password=x */ p('leak')");
recorded('3F000', 'BEGIN', [ 'DECLARE c CURSOR FOR SELECT ($1 || random()::text)::regclass', 'leak' ],
	'FETCH c');
# The query of a cursor whose own text may hold a secret.
foreach my $verb ('FETCH', 'MOVE')
{
	recorded('P0001', 'BEGIN', q{DECLARE c CURSOR FOR SELECT says('password=LEAK')}, "$verb c");
}

# Texts that are built of values.
my $records = recorded('none', [ 'SELECT dynamic($1)', 'LEAK' ]);
like($records, qr/SELECT note FROM t WHERE note = \?"/, 'EXECUTE of a query');
like($records, qr/CREATE TEMP TABLE made AS SELECT \? AS a"/, 'EXECUTE of a utility statement');
like(recorded('none', [ 'SELECT loops($1)', 'LEAK' ]), qr/SELECT \? AS b"/, 'FOR IN EXECUTE');
like(recorded('none', [ 'SELECT nested_dynamic($1)', 'LEAK' ]),
	qr/constant of the source/, 'a text of the source stays');
like(recorded('none', [ 'SELECT in_sql($1)', 'LEAK' ]),
	qr/constant in SQL/, 'a text of a function in SQL stays');
like(recorded('none', q{SELECT dynamic('shown')}),
	qr/note = 'shown'"/, 'without parameters a text is as it is');
like(recorded('none', [ q{SELECT query_to_xml($1, true, true, '')}, q{SELECT 'LEAK' AS c} ]),
	qr/SELECT \? AS c"/, 'query_to_xml');
like(recorded('none', [ q{SELECT ts_stat($1)}, q{SELECT 'LEAK'::tsvector AS d} ]),
	qr/SELECT \?::tsvector AS d"/, 'ts_stat');
like(recorded('none', [ q{SELECT * FROM crosstab($1) AS x(a text, b text)},
			q{SELECT 'LEAK'::text, 'x'::text, 'y'::text} ]),
	qr/SELECT \?::text, \?::text, \?::text"/, 'crosstab');
recorded('42601', [ q{SELECT query_to_xml($1, true, true, '')}, 'LEAK' ]);
recorded('42601', [ q{SELECT query_to_xml($1, true, true, '')}, q{SELECT 1 'LEAK'} ]);
recorded('22012', [ q{SELECT query_to_xml($1, true, true, '')}, q{SELECT 'LEAK', 1/0 FROM t} ]);

# Deferred triggers.
foreach my $points ('commit', 'function')
{
	foreach my $case (
		[ 'BEGIN', q{INSERT INTO pins (pin, password) VALUES ('LEAK', '')}, 'COMMIT' ],
		[ 'BEGIN', q{INSERT INTO pins (pin, password) VALUES ('LEAK', '')},
			'SET CONSTRAINTS ALL IMMEDIATE', 'ROLLBACK' ],
		[ q{INSERT INTO pins (pin, password) VALUES ('LEAK', '')} ],
		[ 'BEGIN', q{SELECT 'password'}, [ 'INSERT INTO pins VALUES ($1)', 'LEAK' ], 'END' ])
	{
		like(recorded('none', "SET osprofiler.points = statement, nested, $points", @$case),
			qr/INSERT INTO log/, "deferred, $points: what runs is recorded");
	}
}
$records = recorded('none', 'BEGIN', q{SELECT 'password'}, 'COMMIT', 'BEGIN',
	q{INSERT INTO t VALUES (2, 'seen')}, 'COMMIT');
like($records, qr/VALUES \(2, 'seen'\)/, 'the next transaction is not masked');

is(count_in_log($node, 'PANIC|terminated by signal'), 0, 'no crash');
$node->stop;
done_testing();
