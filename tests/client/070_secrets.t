#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# 070_secrets.t
#	  What is recorded of statements: no passwords, no signatures; and in each
#	  operation the service of its own program.

use strict;
use warnings;
use lib '.';
use ClientTest;
use Test::More;

my $build = $ENV{BUILD} // "$here/../../build";

start_server();

# What must never be recorded is LEAK; the operation is recorded all the same.
if (need_program('psycopg 3', '/usr/bin/python3', '-c', '"import psycopg"'))
{
	my (undef, $comment) = run($osprofiler, 'context', 'new', '--hmac-key', $key,
		'--base-id', 'of-the-program', '--format', 'comment');
	chomp $comment;
	my @texts = (
		"alter role demo password 'LEAK1'", "/* c */ alter role demo password 'LEAK2'",
		"-- c\nalter role demo password 'LEAK3'", ";alter role demo password 'LEAK4'",
		"begin; alter role demo password 'LEAK5'; commit",
		'do $$ begin execute \'alter role demo password \'\'LEAK6\'\'\'; end $$',
		"create subscription s connection 'postgresql://u:LEAK7\@h/db' publication p",
		"alter role demo password LEAK8", "alter role demo password E'abc'\n'def\\'LEAK9'",
		"set myapp.token = 'LEAK10'", "alter database postgres set myapp.token = 'LEAK11'",
		"select 'x' as a, 'LEAK12' as password",
		"create user mapping for demo server s options (password 'LEAK13')",
		"copy (select 1) to program 'PGPASSWORD=LEAK14 true'", 'select $1::int',
		'select $1::text::regclass', 'select $1::text::regtype', 'select pg_read_file($1)',
		q{select set_config('work_mem', $1, true)}, q{select query_to_xml($1, true, true, '')},
		'do $$ begin raise unique_violation using message = \'token LEAK21\'; end $$',
		"execute nosuch('LEAK22')", "set u&\"myapp\\002epin\" to LEAK23",
		"update pg_settings set setting = 'LEAK24' where name = 'myapp.pin'",
		"select 'redis://u:12/LEAK25\@h'",
		"alter rol demo pasword 'LEAK26'", "altr role demo paswrd 'LEAK27'",
		"set myapp,pin = 'LEAK28'", "\xef\xbb\xbfset a,b = 'LEAK29'",
		"'LEAK32'", "select 1; 'LEAK33'", "alter 'LEAK34'", "grnt 1; E'LEAK35'",
		"call login('LEAK36", 'notify a, $$LEAK37', "set session.pin = 'LEAK38'",
		'set my$app.pin to LEAK39', q{select '{"u": "redis:\/\/u:LEAK43@h"}'},
		q{select '{"Authorization" : "LEAK44"}'},
		"comment on role demo is 'LEAK30'", "select 1 /* trace_info='LEAK31",
		'select $1::text::regoper', 'select $1::text::regoperator',
		"prepare x as select 'password LEAK15'", "/*+ hint */ $comment select 16",
		"select 17 $comment /* x */", "/* x */ -- n\n$comment select 18", "$comment select 19",
		"select 20 $comment");
	my $program = write_file("$dir/secrets.py", <<'END');
import sys, psycopg
db = psycopg.connect("", autocommit=True).pgconn
for text in sys.argv[1:]:
    values = [b"LEAK100"] if "$1" in text else None
    db.exec_(text.encode())
    db.exec_params(text.encode(), values)
    db.prepare(b"", text.encode())
    db.exec_prepared(b"", values)
    db.send_query(text.encode())
    while db.get_result():
        pass
db.exec_(b"prepare p(text) as select set_config('my.x', $1, false)")
db.exec_prepared(b"p", [b"LEAK101"])
END
	for my $hide (qw(true false))
	{
		local $ENV{OSPROFILER_HIDE_PARAMS} = $hide;
		my ($status, $out, $err) = traced('/usr/bin/python3', $program, @texts);
		my (undef, $json) = run($osprofiler, 'trace', 'show', '--json', trace_id());
		my $n = () = $json =~ /"name": "db-start"/g;
		my %leaks = map { $_ => 1 } $json =~ /(LEAK\d+|trace_hmac|trace_info)/g;

		delete $leaks{LEAK100} if $hide eq 'false';
		is("$status|$out|$err", '0||', "hide_params = $hide: runs");
		is($n, 5 * @texts + 2, "hide_params = $hide: every statement is recorded");
		is(join(' ', sort keys %leaks), '', "hide_params = $hide: no secret is");
	}
}

# A deferred trigger quotes at COMMIT what a statement before wrote, and so does a cursor.
{
	my @setup = ('create table deferring (v text)',
		q{create function quote() returns trigger language plpgsql as $$begin raise exception 'bad %', new.v; end$$},
		'create constraint trigger quote after insert on deferring deferrable initially deferred for each row execute function quote()');
	my @secret = ('begin', q{insert into deferring values ('password=LEAK40')});

	run('psql', '-XAtq', map { ('-c', $_) } @setup);
	for my $end ('commit', 'end', 'set constraints all immediate')
	{
		traced('psql', '-XAtq', map { ('-c', $_) } @secret, $end, 'rollback');
		my (undef, $json) = run($osprofiler, 'trace', 'show', '--json', trace_id());
		like($json, qr/"statement": "\Q$end\E(?s:.*)"message": "\*\*\*"/, "$end: its failure is recorded");
		unlike($json, qr/LEAK/, "$end: and nothing of the secret in it");
	}
	run('psql', '-XAtqc', q{create function refuse(v text) returns text language plpgsql as $$begin raise exception 'bad %', v; end$$});
	for my $end ('fetch c', 'move c')
	{
		traced('psql', '-XAtq', map { ('-c', $_) } 'begin', q{declare c cursor for select refuse('password=LEAK41')}, $end);
		my (undef, $json) = run($osprofiler, 'trace', 'show', '--json', trace_id());
		like($json, qr/"statement": "\Q$end\E(?s:.*)"message": "\*\*\*"/, "$end: its failure is recorded");
		unlike($json, qr/LEAK/, "$end: and nothing of the secret in it");
	}
	# A row has the secret, and no statement.
	run('psql', '-XAtqc', q{create table vault as select 'password=LEAK42'::text v});
	traced('psql', '-XAtqc', 'select refuse(v) from vault');
	my (undef, $row) = run($osprofiler, 'trace', 'show', '--json', trace_id());
	like($row, qr/"message": "bad password=\*\*\*"/, 'a message with a secret of a row ends before it');
	unlike($row, qr/LEAK/, 'and the secret is nowhere');
	traced('psql', '-XAtq', map { ('-c', $_) } @secret, 'rollback', 'begin', q{insert into deferring values ('plain')}, 'commit');
	my (undef, $json) = run($osprofiler, 'trace', 'show', '--json', trace_id());
	like($json, qr/"message": "bad plain"/, 'the next transaction has no secret');
}

# A client that gives up a COPY tells why, in the words of an exception.
if (need_program('psycopg 3', '/usr/bin/python3', '-c', '"import psycopg"'))
{
	my $program = write_file("$dir/give_up.py", <<'END');
import psycopg
with psycopg.connect("") as db:
    pg = db.pgconn
    pg.exec_(b"copy vault from stdin")
    pg.put_copy_data(b"x\n")
    pg.put_copy_end(b"bad row: password leakpin")
    while pg.get_result():
        pass
END
	traced('/usr/bin/python3', $program);
	my (undef, $json) = run($osprofiler, 'trace', 'show', '--json', trace_id());
	like($json, qr/COPY from stdin failed: bad row: password \*\*\*/, 'the reason is recorded');
	unlike($json, qr/leakpin/, 'and not the secret in it');
}

# With texts without constants no message has one, in quotes or not.
for my $text ('normalized', 'none')
{
	local $ENV{OSPROFILER_STATEMENT_TEXT} = $text;
	run('psql', '-XAtqc', q{create or replace view chosen as select v from deferring where v like 'ok%' with check option});
	for my $sql (q{select 'LEAK'::regoper}, q{select 'LEAK.b.c.d'::regclass},
		q{create database d encoding 'LEAK'}, q{insert into chosen values ('LEAK')})
	{
		traced('psql', '-XAtqc', $sql);
		my (undef, $json) = run($osprofiler, 'trace', 'show', '--json', trace_id());

		like($json, qr/"message": /, "$text: $sql fails");
		unlike($json, qr/LEAK/i, "$text: $sql: its constant is nowhere");
	}
}

# Several programs share a run directory and an agent.
{
	local $ENV{OSPROFILER_RUN_DIR} = "$dir/agent";
	for my $service ('web', 'billing', '')
	{
		my (undef, $lines) = run($osprofiler, 'context', 'new', '--hmac-key', $key,
			'--base-id', "service-$service", '--format', 'env');
		local @ENV{ $lines =~ /export (\w+)=/g } = $lines =~ /='(.*)'/g;
		local $ENV{OSPROFILER_HMAC_KEYS} = $key;
		local @ENV{qw(OSPROFILER_SERVICE OSPROFILER_PROJECT)} =
		  ($service, $service ? "$service-p" : '');
		local $ENV{LD_LIBRARY_PATH} = "$build/client_hooks/shadow:$build/common";
		run('psql', '-XAtqc', "select '$service'", '-c', 'select 1/0');
		local $ENV{LD_PRELOAD} = "$build/sqlite_osprofiler/sqlite_preload.so";
		run('sqlite3', ':memory:', "select '$service'");
	}
	run($osprofiler, 'agent', '--once', '--service', 'of-the-agent');
	for my $service ('web', 'billing', '')
	{
		my (undef, $json) =
		  run($osprofiler, 'trace', 'show', '--json', "service-$service");
		like($json, qr/"name": "$_"/, "program of '$service': $_") for 'db', 'sqlite';
		my %services = map { $_ => 1 } $json =~ /"service": "?([\w-]+)/g;
		my %projects = map { $_ => 1 } $json =~ /"project": "?([\w-]+)/g;

		is(join(' ', sort keys %services), $service || 'of-the-agent',
			"program of '$service': its service in every operation");
		is(join(' ', sort keys %projects), $service ? "$service-p" : 'null',
			"program of '$service': its project in every operation");
	}
}

# What libpq says of a connection string that it cannot read quotes the string.
for my $conninfo ('postgresql://app:S3cret@[::1', 'host=h password=my S3cret',
	'postgresql://u:S3cret%zz@h', 'postgresql://u:S3cret/x@h/d',
	'postgresql://u:pw@S3cret@h/d')
{
	my ($status, $out, $err) = run($osprofiler, 'run', '--hmac-key', $key, '--',
		'psql', '-X', $conninfo, '-c', 'select 1');
	my ($id) = "$out$err" =~ /^Trace ID: (\S+)/m;
	my (undef, $json) = run($osprofiler, 'trace', 'show', '--json', $id // 'none');

	like($json, qr/"message": /, "$conninfo: the failure is recorded");
	unlike($json, qr/S3cret/, "$conninfo: and nothing of what it quotes");
}

# A whole command line in quotes, which the list of runs names, for nothing of that name is there.
run($osprofiler, 'run', '--hmac-key', $key, '--', 'psql postgresql://u:S3cret@h/d');
my $runs = join '', map { slurp($_) // '' } glob("$dir/run/runs $dir/state/*/run/runs $dir/.local/state/*/run/runs");
like($runs, qr/could not start '\*\*\*'/, 'a command that cannot be started is named, without a password');
unlike($runs, qr/S3cret/, 'and nothing of the password');

done_testing();
