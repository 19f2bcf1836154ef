#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# 080_differential.t
#	  Programs run with and without tracing, each against a new database and in new
#	  directories: output, exit status, the server's log, rows and sequences, how
#	  often each statement was executed, and the files they leave are the same.
#
# RANDOM=N executes N random texts besides, of the seed SEED; `make differential`
# does so for a while.

use strict;
use warnings;
use lib '.';
use ClientTest;
use Test::More;

my $build = $ENV{BUILD} // "$here/../../build";
my $random = $ENV{RANDOM} // 200;
my $seed = $ENV{SEED} // 1;
delete @ENV{qw(RANDOM SEED)};

need_extension();
start_server(<<"END");
shared_preload_libraries = 'pg_stat_statements'
session_preload_libraries = 'osprofiler'
osprofiler.hmac_keys = '$key'
osprofiler.agent = '$osprofiler'
osprofiler.connection_string = '$ENV{OSPROFILER_CONNECTION_STRING}'
log_min_messages = notice
log_min_error_statement = error
escape_string_warning = off
END
run('psql', '-Xqc', 'create extension pg_stat_statements');

# --- what can be seen ---------------------------------------------------------

my $work = "$dir/work";
my @places = map { "$work/$_" } qw(cwd home tmp);
my $comment = qr{\n\t?/\*trace_hmac='[0-9a-f]{40}',trace_info='[^']*'\*/};

# Where the server's half of a trace is late, `osprofiler run` asks the server for it.
my $not_ours = q(and query !~ 'to_regprocedure\(\$1\)|osprofiler\.|/\* osprofiler \*/');

# Process ids, object ids of large objects, and times differ from run to run.
sub normal
{
	my ($text) = @_;

	$text =~ s/$comment//g;
	$text =~ s/^\S+ \S+ \S+ \[\d+\] //mg;
	$text =~ s/\b(PID|Process|process|large object|lo_import|shell PID) \d+/$1 N/g;
	$text =~ s/^\\((?:un)?restrict) \S+$/\\$1/mg;
	$text =~ s/\btook \d+\.\d+ ms/took N ms/g;
	return $text;
}

# The server's own doings and our shipper's are nobody's statements. Whether the
# server still writes to a client that has gone is a race that it may lose.
sub log_since
{
	my ($from) = @_;
	my $log = normal(substr(slurp("$dir/server/log"), $from));

	$log =~ s/^LOG:  (?:checkpoint|osprofiler|starting|.*background worker).*\n//mg;
	$log =~ s/^LOG:  could not send data to client: .*\n//mg;
	$log =~ s/ at character \d+$/ at character N/mg;
	return $log;
}

# Before PostgreSQL 16 a utility statement with another comment is another entry.
sub calls
{
	my ($text) = @_;
	my %calls;

	for (split /\0/, $text)
	{
		my ($query, $calls, $rows) = /^(.*)\|(\d+)\|(\d+)$/s or next;
		$query = normal($query) =~ s/\s+\z//r;
		$calls{$query}[0] += $calls;
		$calls{$query}[1] += $rows;
	}
	return join "\n", map { "$_: @{ $calls{$_} }" } sort keys %calls;
}

sub files
{
	my $text = '';

	for my $path (split /\n/, (run('find', @places, '-type', 'f'))[1])
	{
		$text .= "$path: " . slurp($path) . "\n";
	}
	return join "\n", sort split /^(?=\Q$work\E)/m, $text;
}

sub observe
{
	my ($how, @command) = @_;

	run('rm', '-rf', $work);
	run('mkdir', '-p', @places);
	run('psql', '-Xqc', 'drop database if exists work', '-c', 'create database work',
		'-c', 'select pg_stat_statements_reset()');
	run('psql', '-Xqd', 'work', '-c',
		'create table pay (id serial, amount int check (amount > 0))');
	my $from = -s "$dir/server/log";
	my ($status, $out, $err) = do
	{
		local @ENV{qw(PGDATABASE HOME TMPDIR)} = ('work', @places[1, 2]);
		$how->('sh', '-c', "cd $work/cwd && exec \"\$@\"", 'sh', @command);
	};
	my (undef, $calls) = run('psql', '-XAt0c', 'select query, sum(calls), sum(rows) '
		  . 'from pg_stat_statements join pg_database on dbid = pg_database.oid '
		  . "where datname = 'work' and query !~ 'create table pay' $not_ours group by 1");
	my (undef, $data) = run('pg_dump', '-a', '--inserts', '-d', 'work');

	# By now the server has noticed that the program is gone.
	my $log = log_since($from);
	$data =~ s/^--.*\n|^SELECT pg_catalog.set_config.*\n|^\\(?:un)?restrict.*\n//mg;
	return (
		status => $status, stdout => normal($out), stderr => normal($err), log => $log,
		calls => calls($calls), data => $data, files => files());
}

my ($traced_programs, $with_trace) = (0, 0);

sub compare
{
	my ($what, @command) = @_;
	my %plain = observe(\&run, @command);
	my %traced = observe(\&traced, @command);

	$traced_programs++;
	$with_trace++ if defined trace_id();
	for my $aspect (sort keys %plain)
	{
		next if $plain{$aspect} eq $traced{$aspect};
		my @got = split /^/, $traced{$aspect};
		my @expected = split /^/, $plain{$aspect};
		my ($line) = grep { ($got[$_] // '') ne ($expected[$_] // '') } 0 .. @got + @expected;
		fail("$what: the same $aspect");
		return diag("     got: " . ($got[$line] // "nothing\n") . "expected: " . ($expected[$line] // "nothing\n"));
	}
	return pass("$what: the same");
}

# --- programs -----------------------------------------------------------------

my $insert = 'insert into pay (amount) values';
my %sql = (
	'several statements' => "$insert (1); $insert (2); select count(*) from pay; select 1/0; $insert (3);",
	'errors of all kinds' => "select 1 +; selekt 1; select nosuch; select 1/0; $insert (-1); \\nosuch\nselect 'abc\n;';",
	'transactions' => "begin; $insert (1); savepoint a; $insert (-1); rollback to a; $insert (2); commit;\n"
	  . "begin; select 1/0; select 2; commit; begin; $insert (9); rollback; select sum(amount) from pay;",
	'do blocks' => "do \$\$ begin $insert (4); raise notice 'seen %', 1; end \$\$; do \$\$ begin nul; end \$\$;\n"
	  . "do \$\$ begin $insert (0); exception when others then raise warning '%', sqlerrm; end \$\$;",
	'copy' => "copy pay (amount) from stdin;\n1\n2\n\\.\ncopy pay (amount) from stdin;\n1\nx\n\\.\ncopy pay to stdout;\n"
	  . "\\copy pay to 'pay.out'\n\\copy pay (amount) from program 'echo 7'\n",
	'cursors' => "begin; declare c cursor for select generate_series(1, 5); fetch 2 from c; move 1 in c; fetch all c; close c; commit;\n"
	  . "\\set FETCH_COUNT 2\nselect generate_series(1, 5);",
	'notifications' => "listen news; notify news, 'first'; select 1; unlisten *; notify news, 'second'; select 2;",
	'large objects' => "\\! echo content > object\n\\lo_import object\nselect lo_get(oid) from pg_largeobject_metadata;\n"
	  . "select lo_unlink(oid) from pg_largeobject_metadata;",
	'prepared' => "prepare p(int) as $insert (\$1) returning amount; execute p(1); execute p(-1); deallocate p; execute p(2);",
	'settings' => "set standard_conforming_strings = off; select '\\', 1; ';\nselect 'a\\'b'; reset all;\n"
	  . "set search_path = nowhere; select * from pay; set client_encoding = latin1; select 'x';",
	'timeouts' => "set statement_timeout = 100; select pg_sleep(5); reset statement_timeout; select 1;",
	'descriptions' => "\\d pay\n\\dt\n\\gdesc\nselect 1 as a \\gx\nselect 'select ' || n from generate_series(1, 3) n \\gexec\n"
	  . "select 1 \\; select 2;\n\\errverbose\nselect 1 +;\n\\errverbose\n",
);
compare("psql, $_", 'psql', '-X', '-f', write_file("$dir/program.sql", "$sql{$_}\n")) for sort keys %sql;
compare("psql -c, $_", 'psql', '-Xc', $sql{$_}) for 'several statements', 'transactions', 'do blocks';
compare("psql -1, $_", 'psql', '-X1v', 'ON_ERROR_STOP=1', '-f', write_file("$dir/program.sql", "$sql{$_}\n"))
  for 'several statements', 'transactions';

# A statement that is executed before a broken one in the same string.
my @strings = ("begin; $insert (10); commit; create function f() returns int language sql as 'selec 1'",
	"$insert (1); select 1 +", "$insert (1); commit; do \$\$ begin nul; end \$\$", "selekt 1 + 2",
	"set standard_conforming_strings = off", "select '\\', 1", "select '\\' || 'x", "$insert (2) returning id");
my $texts = write_file("$dir/strings", join "\0", @strings);
my %programs = (
	'psycopg2' => ['/usr/bin/python3', <<END],
import psycopg2
c = psycopg2.connect('')
for text in open('$texts').read().split('\\0'):
    cur = c.cursor()
    try:
        cur.execute(text)
        print(cur.statusmessage, cur.description and cur.fetchall())
    except psycopg2.Error as e:
        print(e.pgcode, e.diag.statement_position, e)
    if 'set ' not in text: c.commit()
END
	'psycopg 3' => ['/usr/bin/python3', <<END],
import psycopg
c = psycopg.connect('', autocommit=True)
for text in open('$texts').read().split('\\0'):
    try:
        cur = c.execute(text)
        print(cur.statusmessage)
    except psycopg.Error as e:
        print(e.sqlstate, e.diag.statement_position, e)
with c.pipeline():
    for n in range(3): c.execute('$insert (%s)', (n + 1,))
END
	'php' => ['php', <<'END' =~ s/TEXTS/$texts/r],
<?php $c = pg_connect('');
foreach (explode("\0", file_get_contents('TEXTS')) as $text) {
    $r = @pg_query($c, $text);
    echo $r ? pg_affected_rows($r) : pg_last_error($c), "\n";
}
END
	'DBD::Pg' => ['perl', <<'END' =~ s/TEXTS/$texts/r],
use DBI; my $c = DBI->connect('dbi:Pg:', undef, undef, { PrintError => 0 });
local $/; open my $f, '<', 'TEXTS'; 
for my $text (split /\0/, <$f>) { print $c->do($text) // ($c->state . $c->errstr), "\n"; }
END
	'ruby-pg' => ['ruby', <<'END' =~ s/TEXTS/$texts/r]);
require 'pg'
c = PG.connect('')
File.read('TEXTS').split("\0").each do |text|
  begin
    puts c.exec(text).cmd_status
  rescue PG::Error => e
    puts e.message
  end
end
END
for my $name (sort keys %programs)
{
	my ($interpreter, $text) = @{ $programs{$name} };
	next if !need_program($name, 'command', '-v', $interpreter);
	compare($name, $interpreter, write_file("$dir/program." . ($name =~ s/\W//gr), $text));
}
compare($_->[0], @{$_}[1 .. $#$_])
  for ['sqlite3 shell', 'sqlite3', 'x.db', "create table t(a); insert into t values (1); selec 1; select * from t"],
  ['python sqlite3', '/usr/bin/python3', '-c',
	"import sqlite3; c = sqlite3.connect('x.db'); c.execute('create table t(a)'); c.execute('insert into t values (1)'); c.commit(); print(c.execute('select * from t').fetchall())"],
  ['set -e', 'sh', '-ec', 'psql -Xqc "select 1/0"; echo never'],
  ['fork and exec', 'sh', '-c', "psql -Xqc '$insert (1)'; (psql -Xqc '$insert (2)'); exec psql -XAtqc 'select count(*) from pay'"],
  ['interrupted', 'timeout', '--foreground', '-s', 'INT', '1', 'psql', '-Xc', 'select pg_sleep(20)'],
  ['terminated', 'timeout', '--foreground', '-s', 'TERM', '1', 'psql', '-Xc', 'select pg_sleep(20)'],
  ['closed input', 'sh', '-c', 'exec psql -Xc "select 1" <&-'],
  # Its descriptor 1 is the connection then: what psql prints there, the server may
  # refuse before psql ends, or after that.
  ['closed output', 'sh', '-c', "psql -Xqc '$insert (1)' >&-; echo \$?"],
  ['a reader that goes', 'sh', '-c', 'psql -XAtqc "select generate_series(1, 100000)" | head -1'],
  ['no HOME', 'env', '-u', 'HOME', 'psql', '-Xc', 'select 1/0'],
  ['LANG=C', 'env', 'LC_ALL=C', 'LANG=C', 'psql', '-Xc', "select '\xc3\xa4' +"],
  ['few files', 'sh', '-c', 'ulimit -n 12; exec psql -Xc "select 1"'],
  ['little memory', 'sh', '-c', 'ulimit -v 400000; exec psql -Xc "select 1"'],
  ['no run directory', 'env', 'OSPROFILER_RUN_DIR=/proc/nowhere', 'psql', '-Xc', 'select 1 +'],
  ['pgbench', 'sh', '-c', 'pgbench -iqs1 >/dev/null 2>&1; pgbench -Snt 10 --random-seed=1 2>&1 | grep -c "actually processed: 10/10"'],
  ['pg_dump', 'pg_dump', '--no-comments'], ['pg_isready', 'pg_isready', '-q'];
compare('no large files', 'sh', '-c', 'ulimit -f 100; exec psql -Xc "select 1"');
cmp_ok($with_trace, '>', $traced_programs / 2, "$with_trace of $traced_programs programs had a trace");

# --- random texts -------------------------------------------------------------

srand $seed;
sub pick { return $_[ rand @_ ]; }

# Parts with an effect, whole ones, and broken ones, put together in any way.
sub random_text
{
	my @effects = ("$insert (1)", "select nextval('pay_id_seq')", "$insert (-1)", 'begin', 'commit', 'rollback',
		'savepoint a', 'rollback to a', 'select 1/0', "notify x, 'y'", "set local work_mem = '1MB'",
		"do \$\$ begin $insert (3); end \$\$", "do \$x\$ begin nul; end \$x\$", 'declare c cursor for select 1',
		"create function pg_temp.f() returns int language sql as 'select 1'",
		"create function pg_temp.g() returns int language sql as 'selec 1'", 'explain select 1', 'select 1 as "a;b"');
	my @parts = ("'", '"', '$$', '$a$', '/*', '*/', '--', "\n", "\r", ';', '(', ')', '+', ' where', ' from', ',', '\\',
		"E'", "U&'", "B'", '$1', '::', "'a'", "'it''s'", '"n"', 'select', 'values', '1', '1.', "/* c */", "-- c\n", "\xc3\xa4", "\xc3", "\t");
	my @words = map { pick(@effects) } 1 .. rand 4;

	push @words, join pick('', ' '), map { pick(@parts) } 1 .. 1 + rand 6 if rand() < 0.7;
	return join pick('; ', ';', ";\n"), @words;
}
my @random = grep { length } map { random_text() } 1 .. $random;
local $ENV{LD_LIBRARY_PATH} = "$build/common";
compare("$random random texts of seed $seed", "$build/tests/client/texts", write_file("$dir/random", join("\0", @random) . "\0"));

done_testing();
