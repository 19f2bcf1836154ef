# SPDX-License-Identifier: Apache-2.0
#
# AttackStatements.pm
#	  Statements with planted secrets, by a seed. Every secret begins with LEAK,
#	  and nothing else in a statement does.
#
# A statement is a form with the place of a secret, a way to write the string, what
# stands before and behind it, and maybe something that it is nested in. Forms that
# fail are as welcome as others. A secret that is a number begins with 7319021.

package AttackStatements;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(statements);

# {s} is a string constant of any form, {p} the plain secret, {n} a number, {d} the
# digits of a secret.
my @forms = (
	"ALTER ROLE demo2 PASSWORD {s}",
	"CREATE ROLE r{n} PASSWORD {s}",
	"CREATE USER u{n} WITH ENCRYPTED PASSWORD {s} VALID UNTIL 'infinity'",
	"ALTER USER demo2 WITH LOGIN PASSWORD {s} CONNECTION LIMIT 5",
	"ALTER ROLE demo2 SET myapp.pin = {s}",
	"ALTER ROLE demo2 IN DATABASE postgres SET myapp.pin TO {s}",
	"ALTER DATABASE postgres SET myapp.pin = {s}",
	"SET myapp.pin = {s}",
	"SET LOCAL myapp . pin TO {s}",
	"SET SESSION \"myapp\".\"pin\" TO {s}, {s}",
	"SET session.pin = {s}",
	"SET SESSION local . pin TO {p}",
	"SET my\$app.pin = {s}",
	"SET \"my\$app\".pin TO {p}",
	"ALTER FUNCTION built(text) SET session.pin = {s}",
	"SET myapp.pin TO {p}",
	"SELECT set_config('myapp.pin', {s}, false)",
	"ALTER SYSTEM SET primary_conninfo = {s}",
	"CREATE SERVER s{n} FOREIGN DATA WRAPPER w OPTIONS (host 'h', pin {s})",
	"ALTER SERVER s OPTIONS (ADD pin{n} {s})",
	"CREATE USER MAPPING FOR demo2 SERVER s OPTIONS (pin {s})",
	"ALTER USER MAPPING FOR demo2 SERVER s OPTIONS (ADD p{n} {s})",
	"CREATE SUBSCRIPTION s{n} CONNECTION 'postgresql://u:{p}\@h/d' PUBLICATION p "
	  . "WITH (connect = false, slot_name = NONE)",
	"CREATE SUBSCRIPTION s{n} CONNECTION {s} PUBLICATION p WITH (connect = false)",
	"CREATE TABLE t{n} AS SELECT {s} AS password",
	"EXPLAIN ANALYZE SELECT {s} AS secret",
	"COPY (SELECT 1) TO PROGRAM 'PIN={p} cat >/dev/null'",
	"COPY secrets FROM PROGRAM 'echo {p} | false'",
	"INSERT INTO secrets (name, password) VALUES ('x', {s})",
	"UPDATE secrets SET token = {s} WHERE name = 'x'",
	"DELETE FROM secrets WHERE api_key = {s} OR \"api_key\" IN ({s}, {s})",
	"SELECT * FROM secrets WHERE password = {s}",
	"WITH x AS (SELECT {s} AS token) SELECT * FROM x",
	"SELECT 'redis://:{p}\@host/0', {s}",
	"SELECT 'redis://u:it''s/{p}\@host/0', {s}",
	"SELECT 'postgres://u:p\@x:y/{p} z\@host'",
	"SELECT 'postgres://u:12/{p}\@host'",
	"SELECT '{\"u\":\"redis:\\/\\/u:{p}\@host\"}'",
	"SELECT '{\"Authorization\" : \"{p}\"}'",
	"UPDATE pg_settings SET setting = {s} WHERE name = 'myapp.pin'",
	"UPDATE ONLY pg_catalog.\"pg_settings\" SET setting = {s} WHERE name = 'myapp.pin'",
	"SET U&\"myapp\\002epin\" = {s}",
	"SET SESSION U&\"myapp\\002epin\" TO {p}",
	"SELECT {s} AS U&\"p\\0061ssword\"",
	"SELECT * FROM secrets WHERE token::int IN ({d}, -{d}) OR {d} = token::int",
	"SELECT * FROM secrets WHERE token::numeric BETWEEN {d} AND {d}.5e1",
	"INSERT INTO secrets (name, token) VALUES ('x', {d})",
	"INSERT INTO pins (pin, password) VALUES ({s}, '')",
	"BEGIN; INSERT INTO pins (pin, password) VALUES ({s}, ''); "
	  . "SET CONSTRAINTS ALL IMMEDIATE; COMMIT",
	"PREPARE format(text) AS SELECT \$1; EXECUTE format({s}); DEALLOCATE format",
	"PREPARE \"function\"(text) AS SELECT \$1; EXECUTE \"function\"({s}); "
	  . "EXPLAIN ANALYZE EXECUTE function({s}); DEALLOCATE \"function\"",
	"PREPARE o{n}(text) AS INSERT INTO once VALUES (\$1), (\$1); EXECUTE o{n}({s}); DEALLOCATE o{n}",
	"PREPARE o{n}(text) AS INSERT INTO once VALUES (\$1, 0); EXECUTE o{n}({s}); DEALLOCATE o{n}",
	"PREPARE r{n}(int) AS SELECT \$1; EXECUTE r{n}({d}); DEALLOCATE r{n}",
	"PREPARE r{n}(text) AS SELECT \$1::regclass; EXECUTE r{n}({s}); DEALLOCATE r{n}",
	"PREPARE p{n} AS SELECT * FROM secrets WHERE password = {s}",
	"PREPARE q{n}(text) AS SELECT \$1; EXECUTE q{n}({s}); DEALLOCATE q{n}",
	"DECLARE c{n} CURSOR WITH HOLD FOR SELECT {s} AS password",
	"COMMENT ON ROLE demo2 IS 'the password is {p}'",
	"NOTIFY channel, 'token {p}'",
	"DO \$x\$ BEGIN RAISE EXCEPTION 'the password is {p}'; END \$x\$",
	"DO \$x\$ BEGIN EXECUTE format('ALTER ROLE demo2 PASS' || 'WORD %L', '{p}'); END \$x\$",
	"DO \$x\$ DECLARE p text := '{p}'; BEGIN PERFORM p || '{p}'; "
	  . "EXECUTE 'ALTER ROLE demo2 PASSWORD ' || quote_literal(p); END \$x\$",
	"CREATE OR REPLACE FUNCTION f{n}() RETURNS text LANGUAGE sql AS "
	  . "'SELECT ''{p}'' AS password'",
	"CREATE OR REPLACE FUNCTION f{n}() RETURNS void LANGUAGE plpgsql "
	  . "SET myapp.pin = '{p}' AS \$f\$ BEGIN PERFORM 1; END \$f\$",

	"SELECT 'https://ghp_{p}\@host/x', {s}",
	"SELECT 'https://{p}AAAAAAAAAAA\@host/x'",

	# malformed, with values that have no quotes
	"SET myapp.pin {p}",
	"SET LOCAL myapp.pin : {p}",
	"SET SESSION \"myapp\".\"pin\" {s} {p}",
	"ALTER SYSTEM SET x.y {p}",
	"ALTER SYSTEM SET primary_conninfo {p}",
	"ALTER ROLE demo2 SET myapp.pin {p}",
	"ALTER ROLE demo2 ENCRYPTED {p}",
	"CREATE USER u{n} UNENCRYPTED {p}",
	"ALTER USER demo2 IDENTIFIED BY {p}",
	"CREATE USER u{n} IDENTIFIED {p}",
	"CREATE SUBSCRIPTION s{n} CONNECTION {p} PUBLICATION p",
	"ALTER SUBSCRIPTION s{n} CONNECTION host={p} PUBLICATION p",

	# a name of the program, which the statements behind it have, too
	"SET application_name = 'password={p}'; SELECT 1; RESET application_name",
	"SELECT set_config('application_name', 'token: {p}', false); SELECT 1; RESET application_name",

	# that fail
	"ALTER ROLE nosuch PASSWORD {s}",
	"ALTER ROLE demo2 PASSWORD {p}",
	"ALTER ROLE demo2 PASSWORD \"{p}\"",
	"ALTER ROLE demo2 PASSWORD = {p}",
	"ALTER ROLE demo2 PASWORD {s}",
	"ALTR ROLE demo2 PASSWORD {s}",
	"SELECT {s} FORM secrets",
	"SELECT * FROM nosuch WHERE token = {s}",
	"SELECT password({s})",
	"SELECT {s}::int AS pin_token",
	"SELECT 1; ALTER ROLE demo2 PASSWORD '{p}",
	"INSERT INTO secrets (password) VALUES ({s}::date)",
);

my @sqlite_forms = (
	"\x{feff}PRAGMA key='{p}'", "/* x */\x{feff}PRAGMA key='{p}'",
	"PRAGMA key = {s}",
	"PRAGMA key='{p}'",
	"PRAGMA key = {p}",
	"PRAGMA key(\"{p}\")",
	"PRAGMA main.rekey = {s}",
	"PRAGMA \"my app\".key = {s}",
	"PRAGMA 'my-app'.key = {p}",
	"PRAGMA hexkey='{p}'",
	"PRAGMA textkey={p}",
	"PRAGMA hexrekey={p}",
	"PRAGMA cipher_salt = {s}",
	"PRAGMA cipher_license = {p}",
	"PRAGMA activate_extensions({s})",
	"PRAGMA key {p}",
	"PRAGMA textkey {p}",
	"PRAGMA main.hexkey {p} = 1",
	"PRAGMA [main].[rekey] : {p}",
	"REPLACE INTO temp.sqlite_parameters(key,value)VALUES('\@p',{s})",
	"REPLACE INTO temp.sqlite_parameters(key,value)VALUES('\@p',{p})",
	"SELECT 'https://ghp_{p}\@host/'",
	"ATTACH 'file::memory:?%6bey={p}' AS a{n}",
	"ATTACH \"file:/nosuch/x?hexke%79={p}\" AS a{n}",
	"SELECT * FROM secrets WHERE token IN ({d}, {d})",
	"ATTACH ':memory:' AS a{n} KEY {s}",
	"ATTACH DATABASE \":memory:\" AS a{n} KEY \"{p}\"",
	"ATTACH ':memory:' AS a{n} KEY {p}",
	"ATTACH 'file::memory:?key={p}' AS a{n}",
	"INSERT INTO secrets (name, password) VALUES ('x', {s})",
	"INSERT INTO secrets (name, password) VALUES ('x', \"{p}\")",
	"SELECT * FROM secrets WHERE \"password\" = \"{p}\"",
	"SELECT * FROM secrets WHERE api_key = {s}",
	"UPDATE secrets SET token = {s}",
	"CREATE TABLE t{n} AS SELECT {s} AS password",
	"SELECT 'http://u:{p}\@host/'",
	"SELECT * FROM nosuch WHERE token = {s}",
	"PRGMA key = {s}",
	"SELECT {s} AS password FORM secrets",
);

# Without a word that says so: a secret if texts are recorded without constants.
my @plain_forms = (
	"SELECT {s}",
	"SELECT {s}::int",
	"INSERT INTO notes VALUES ({s})",
	"SELECT * FROM notes WHERE note = {s} OR note LIKE {s}",
	"SELECT nosuch({s})",
	"SELECT {s} FORM notes",
	"DO \$x\$ BEGIN PERFORM '{p}'; END \$x\$",
	"DO \$x\$ BEGIN RAISE EXCEPTION '\"%\"', '{p}'; END \$x\$",
	"CREATE TABLE n{n} AS SELECT {s} AS note",
	"EXPLAIN ANALYZE SELECT * FROM notes WHERE note = {s}",
	"INSERT INTO chosen VALUES ({s})",
	"CREATE DATABASE d{n} ENCODING {s}",
	"SELECT {s}::regoper",
	"SELECT '{p}.x.y.z'::regclass",
	"SELECT built({s})",
);

my @before = (
	'', '', '', '/* c */ ', "-- it's\n", ';', ' ; -- c' . "\n\t", '/* /* n */ \' */ ',
	'/*+ SeqScan(t) */', 'BEGIN; ', 'SELECT 1; ', "SELECT '\\'; ", "SELECT E'\\''; ",
	'SELECT $$ \' $$; ', 'SELECT "it\'s" FROM (VALUES (1)) AS x("it\'s"); ');
my @behind = ('', '', '', ';', ' /* c */', "\n-- c", '; COMMIT', '; SELECT 2', ' ;; ');

my @strings = (
	sub { "'$_[0]'" }, sub { "E'$_[0]'" }, sub { "e'it\\'s $_[0]'" },
	sub { "'it''s $_[0]'" }, sub { "U&'$_[0]'" }, sub { "\$\$$_[0]\$\$" },
	sub { "\$tag\$it's \$\$ $_[0]\$tag\$" }, sub { "E'abc'\n'def\\'$_[0]'" },
	sub { "'abc' -- c\n '$_[0]'" }, sub { "'\x{e9}$_[0]\x{4e2d}'" });
my @sqlite_strings = (sub { "'$_[0]'" }, sub { "'it''s $_[0]'" }, sub { "'\x{e9}$_[0]'" });

sub pick { return $_[ int rand @_ ]; }

my $number = 0;

sub fill
{
	my ($form, @ways) = @_;
	my $secret = sprintf 'LEAK%06d', ++$number;
	my $digits = sprintf '7319021%03d', $number % 1000;
	my $way = pick(@ways);

	$form = lc $form if int rand 4 == 0;
	$form =~ s/\{n\}/$number/g;
	$form =~ s/\{p\}/$secret/g;
	$form =~ s/\{d\}/$digits/g;
	$form =~ s/\{s\}/$way->($secret)/ge;
	return $form;
}

# Statements with the secret as parameter: those that fail in ways that name the value,
# and those that run a statement that is built of it.
my @parameter_forms = (
	'SELECT %s::int', 'SELECT %s::text', 'SELECT %s::text::regclass',
	'SELECT %s::text::regproc', 'SELECT %s::text::regrole', 'SELECT (%s::text)::date',
	'SELECT pg_size_bytes(%s)', q{SELECT set_config('work_mem', %s, true)},
	q{SELECT set_config(%s, 'x', true)}, q{SELECT nextval(%s::text)},
	'SELECT pg_read_file(%s)', 'SELECT to_tsquery(%s)', 'SELECT xmlparse(document %s)',
	q{SELECT jsonb_path_query('{}', %s::text::jsonpath)}, 'SELECT (%s::text)::inet',
	q{SELECT query_to_xml(%s, true, true, '')}, 'SELECT ts_stat(%s)', 'SELECT built(%s)',
	'SELECT raises(%s)', 'INSERT INTO notes VALUES (%s) RETURNING note::regtype',
	'INSERT INTO secrets (token) VALUES (%s)', 'INSERT INTO pins VALUES (%s)');
my @parameters = (
	'LEAK parameter', 'leak', q{SELECT 'LEAK'}, q{SELECT 1 'LEAK'}, q{SELECT 'LEAK' FORM notes},
	'LEAK.x', '7319021-13-77', '73190211234');
my @sqlite_parameter_forms = (
	'SELECT ?', 'INSERT INTO secrets (token) VALUES (?)', 'ATTACH ? AS b',
	q{SELECT json_extract('{}', ?)}, 'SELECT json(?)', 'SELECT * FROM found WHERE found MATCH ?',
	'SELECT * FROM pragma_table_info(?)', 'SELECT load_extension(?)', 'DETACH ?',
	'INSERT INTO found (found) VALUES (?)', q{SELECT 'x' LIKE 'y' ESCAPE ?});
my @sqlite_parameters = (
	'LEAK parameter', 'file:/nosuch/x?key=LEAK', '$LEAK[', '"LEAK', 'LEAK: x', 'leak AND (',
	'/nosuch/LEAK', '73190211234:');

# Each statement with each parameter.
sub with_parameters
{
	my ($how, $forms, $parameters) = @_;
	my @all;

	foreach my $form (@$forms)
	{
		push @all, [ $how, $form, [$_] ] for @$parameters;
	}
	return @all;
}

# In a DO block or a function that is called.
sub nest
{
	my ($text) = @_;

	return "DO \$outer\$ BEGIN EXECUTE \$inner\$$text\$inner\$; END \$outer\$"
	  if int rand 2;
	return "CREATE OR REPLACE FUNCTION nested() RETURNS void LANGUAGE plpgsql AS "
	  . "\$outer\$ BEGIN EXECUTE \$inner\$$text\$inner\$; END \$outer\$; SELECT nested()";
}

# Where a program's own context may stand; {c} is the comment.
sub with_context
{
	my ($text, $comment) = @_;

	return pick(
		"$comment$text", "$text $comment", "/*+ hint */ $comment $text",
		"-- note\n$comment $text", "$comment; $text", "$text $comment /* x */",
		"$text $comment -- x", "/* x */ -- n\n$comment $text", "$text; $comment",
		"$text -- $comment");
}

# All forms once, and each in a few more ways. $plain: also those without a word;
# $comments: signed contexts as comments.
sub statements
{
	my ($seed, $plain, @comments) = @_;
	my @all;

	srand $seed;
	for my $form ((@forms, $plain ? @plain_forms : ()) x 3)
	{
		my $text = fill($form, @strings);
		$text = nest($text) if int rand 4 == 0;
		$text = pick(@before) . $text . pick(@behind);
		$text = with_context($text, pick(@comments)) if int rand 3 == 0;
		push @all, [ pick('simple', 'simple', 'extended'), $text, [] ];
	}
	for my $form ((@sqlite_forms) x 3)
	{
		my $text = fill($form, @sqlite_strings);
		$text = pick('', '', '/* c */', "-- it's\n", ';', 'SELECT 1;') . $text;
		$text .= pick('', ';', ' /* c */');
		$text = with_context($text, pick(@comments)) if int rand 3 == 0;
		push @all, [ 'sqlite', $text, [] ];
	}
	push @all, with_parameters('extended', \@parameter_forms, \@parameters);
	push @all, with_parameters('sqlite', \@sqlite_parameter_forms, \@sqlite_parameters);
	return @all;
}

1;
