#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# 030_server.t
#	  Client and server in one tree: the server's point is a child of the client's,
#	  which told it by a comment.

use strict;
use warnings;
use lib '.';
use ClientTest;
use File::Basename qw(dirname);
use Encode qw(encode_utf8);
use Test::More;
use Time::HiRes qw(sleep time);

# Where the machine is busy, any statement may take as long as to get a pg.parse or the
# nodes of its plan, which are not what is looked at here.
need_extension();
start_server(<<"END");
session_preload_libraries = 'osprofiler'
osprofiler.hmac_keys = '$key'
osprofiler.agent = '$osprofiler'
osprofiler.connection_string = '$ENV{OSPROFILER_CONNECTION_STRING}'
osprofiler.hide_params = off
osprofiler.points = 'statement, nested, plan, commit, trigger, worker, wait'
osprofiler.node_min_duration = -1
END

# The trace, once the server has shipped n points of its own: it does so later.
sub joined_tree
{
	my ($server_points, $id) = @_;
	my $end = time + 15;
	my $tree = '';

	while (time < $end)
	{
		my ($status, $json) =
		  run($osprofiler, 'trace', 'show', '--json', $id // trace_id());
		my $n = () = $json =~ /"name": "pg(\.\w+)?-stop"/g;
		last if $n >= $server_points;
		sleep 0.1;
	}
	return tree($id);
}

# Waits until everything is delivered that was written so far: a later session's
# statement is.
sub wait_for_delivery
{
	traced('psql', '-XAtqc', 'select 0 as sentinel');
	like(joined_tree(1), qr/^  pg select 0 as sentinel /m, 'a later statement is delivered');
}

sub joins
{
	my ($what, $n, $expected, @command) = @_;
	my ($status, $out, $err) = traced(@command);

	is("$status|$err", '0|', "$what: runs");
	my $tree = joined_tree($n);
	$tree =~ s/ \| rows \d+//g;
	$tree =~ s/^ *pg\.(parse|plan|commit).*\n//mg;
	is($tree, $expected, "$what: the tree");
	check_trace($what);
	return $out;
}

joins('a simple statement', 1, <<'END', 'psql', '-XAtqc', 'select 1');
db.connect
db select 1 | SELECT 1
  pg select 1 | SELECT
END

# The comment at the end of the string is that of all its statements.
joins('several statements', 2, <<'END', 'psql', '-XAtqc', 'select 1; select 2');
db.connect
db select 1; select 2 | SELECT 1
  pg select 1 | SELECT
  pg select 2 | SELECT
END

if (need_program('psycopg 3', '/usr/bin/python3', '-c', '"import psycopg"'))
{
	joins('parameters', 1, <<'END',
db.connect
db select $1 | SELECT 1
  pg select $1 -> {"1":"7"} | SELECT
END
		'/usr/bin/python3', '-c', 'import psycopg
c = psycopg.connect("", autocommit=True)
c.execute("select %s", (7,))
c.close()');

}
joins('COPY', 2, <<'END', 'psql', '-XAtqc', 'copy (select 1) to stdout');
db.connect
db copy (select 1) to stdout | COPY 1 | bytes 2
  pg copy (select 1) to stdout | COPY
    pg copy (select 1) to stdout | SELECT
END

# A COMMIT that carries no context, long after the last statement that did, as clients
# send it that comment only what an ORM writes. No comment is added in this encoding.
{
	local $ENV{OSPROFILER_PROPAGATE} = 'comment';
	run('psql', '-XAtqc', 'create table pauses (a int)');
	my ($status) = traced('psql', '-Xqc', 'begin', '-c', 'insert into pauses values (1)',
		'-c', '\\! sleep 0.3', '-c', "\\encoding SJIS", '-c', 'commit');
	is($status, 0, 'a COMMIT without a context');
	my $tree = joined_tree(3);
	like($tree, qr/^ *pg\.commit/m, '... is in the trace');
	unlike($tree, qr/^  pg commit/mi, '... though not as a statement of the client');
	check_trace('COMMIT without a context');
}

# Prepared: the option that went with the connection names the trace itself.
{
	my ($status, $out, $err) = traced('pgbench', '-n', '-t', '1', '-M', 'prepared',
		'-f', write_file("$dir/one.sql", "select 1 as prepared;\n"));
	is($status, 0, 'pgbench -M prepared runs');
	my $tree = joined_tree(1);
	like($tree, qr/^db \(P_0\) select 1 as prepared; \| SELECT 1/m, 'prepared: the client');
	like($tree, qr/^pg select 1 as prepared/m, "prepared: the server, in the same trace");
	check_trace('prepared');
}

# With osprofiler.set_context before it, it is the client's child. Nothing else
# changes, whatever is executed.
{
	my $api = ($ENV{BUILD} // "$here/../../build") . '/tests/client/api';
	local $ENV{LD_LIBRARY_PATH} = ($ENV{BUILD} // "$here/../../build") . '/common';
	run('psql', '-Xqc', 'create extension if not exists osprofiler');
	my ($status, $out, $err) = run($api, 'prepared');
	my ($status2, $out2, $err2) = run($osprofiler, 'run', '--hmac-key', $key,
		'--propagate-prepared', $api, 'prepared');
	my ($id) = $err2 =~ /^Trace ID: (\S+)$/m;

	is("$status2|$out2", "$status|$out", 'set_context: the same output');
	my $tree = joined_tree(30, $id);
	$tree =~ s/^ *pg\.(parse|plan|commit).*\n//mg;
	my $n = () = $tree =~ /^db \(\w*\) select \$1::int.*\n  pg select \$1::int/mg;
	is($n, 5, 'set_context: the statement in the server is a child');
	like($tree, qr/^db \(divide\) .* \| division_by_zero: .*\n  pg .* \| division_by_zero: /m,
		'set_context: also one that fails');
	unlike($tree, qr/set_context/, 'set_context: its call is no point');
	check_trace('set_context', $id);

	# Without the extension it is asked for once, and that is all.
	run('psql', '-Xqc', 'create database plain');
	local $ENV{PGDATABASE} = 'plain';
	($status2, $out2, $err2) = run($osprofiler, 'run', '--hmac-key', $key,
		'--propagate-prepared', $api, 'prepared');
	is("$status2|$out2", "$status|$out", 'set_context, not there: the same output');
	unlike(slurp("$dir/server/log"), qr/function .*set_context|schema "osprofiler"/,
		'set_context, not there: no error in the log');
}

# A function of that name that is not the extension's is never called, whoever
# made it, and whatever the client's search path is.
if (need_program("perl's DBD::Pg", 'perl', '-MDBD::Pg', '-e', '1'))
{
	my $program = write_file("$dir/prepared.pl", <<'END');
use DBI;
my $db = DBI->connect('dbi:Pg:', undef, undef, { RaiseError => 1, pg_server_prepare => 1 });
$db->do($ENV{BEFORE}) if $ENV{BEFORE};
my $statement = $db->prepare('select ?::int');
for my $turn (1 .. 3)
{
	$statement->execute($turn);
	print $statement->fetchrow_array, "\n";
	DBI->connect('dbi:Pg:')->do($ENV{MEANWHILE}) if $turn == 1 && $ENV{MEANWHILE};
}
END
	my %planted = (
		sql => q{create function osprofiler.set_context(text) returns void language sql
			as 'insert into public.stolen values ($1)'},
		plpgsql => q{create function osprofiler.set_context(context text) returns void language plpgsql
			as 'begin insert into public.stolen values (context); end'},
		atomic => q{create function osprofiler.set_context(text) returns void
			begin atomic insert into public.stolen values ($1); end},
		defaults => q{create function osprofiler.set_context(text, int default 1) returns void language sql
			as 'insert into public.stolen values ($1)'},
		variadic => q{create function osprofiler.set_context(variadic text[]) returns void language sql
			as 'insert into public.stolen values ($1[1])'},
		varchar => q{create function osprofiler.set_context(varchar) returns void language sql
			as 'insert into public.stolen values ($1)'});
	run('psql', '-Xqc', 'create role mallory login', '-c', 'create database planted',
		'-c', 'create database dropped', '-c', 'grant create on database planted, dropped to mallory');
	run('psql', '-Xqd', $_, '-c', 'create table stolen (context text)', '-c',
		'grant all on stolen to public', '-c', 'grant create on schema public to mallory')
	  for qw(planted dropped);
	local $ENV{PGDATABASE} = 'planted';
	run('psql', '-XqU', 'mallory', '-c', 'create schema osprofiler', '-c', <<'END');
create function public.yes(oid, oid) returns boolean language sql as 'select true';
create function public.yes(name, name) returns boolean language sql as 'select true';
create function public.yes(name, text) returns boolean language sql as 'select true';
create function public.yes(text, text) returns boolean language sql as 'select true';
create operator public.= (leftarg = oid, rightarg = oid, function = public.yes);
create operator public.= (leftarg = name, rightarg = name, function = public.yes);
create operator public.= (leftarg = name, rightarg = text, function = public.yes);
create operator public.= (leftarg = text, rightarg = text, function = public.yes);
END
	for my $kind (sort keys %planted)
	{
		run('psql', '-XqU', 'mallory', '-c', $planted{$kind});
		for my $path ('"$user", public', 'public, pg_catalog', 'osprofiler')
		{
			local $ENV{BEFORE} = "set search_path = $path";
			my ($status, $out, $err) = run($osprofiler, 'run', '--hmac-key', $key,
				'--propagate-prepared', 'perl', $program);
			is("$status|$out", "0|1\n2\n3\n", "$kind function, $path: runs") or diag($err);
		}
		is((run('psql', '-XAtc', 'select count(*) from stolen'))[1], "0\n",
			"$kind function of somebody else: never called");
		run('psql', '-XqU', 'mallory', '-c', 'drop schema osprofiler cascade',
			'-c', 'create schema osprofiler');
	}

	# The extension goes while a client has the call prepared.
	local $ENV{PGDATABASE} = 'dropped';
	run('psql', '-Xqc', 'create extension osprofiler');
	local $ENV{MEANWHILE} = 'drop extension osprofiler; set role mallory; '
	  . "create schema osprofiler; $planted{sql}";
	my ($status, $out, $err) = run($osprofiler, 'run', '--hmac-key', $key,
		'--propagate-prepared', 'perl', $program);
	is("$status|$out", "0|1\n2\n3\n", 'the extension is dropped: runs') or diag($err);
	is((run('psql', '-XAtc', 'select count(*) from stolen'))[1], "0\n",
		'a function that takes its name: never called');
}

# Errors are told by both sides.
{
	my ($status, $out, $err) = traced('psql', '-XAtqc', 'select 1/0');
	my $tree = joined_tree(1);
	like($tree, qr/^db select 1\/0 \| division_by_zero: .*\n  pg select 1\/0 .*\| division_by_zero/m,
		'an error on both sides');
	check_trace('error');
}

# A server with another key does not believe us, and nobody notices.
{
	my ($status, $out, $err) = run($osprofiler, 'run', '--hmac-key', 'WRONG',
		'psql', '-XAtqc', 'select 5');
	my ($id) = $err =~ /^Trace ID: (\S+)$/m;

	is("$status|$out", "0|5\n", 'another key: the same result');
	wait_for_delivery();
	unlike(tree($id), qr/^ *pg /m, 'another key: no point of the server');
}

# A comment of the program's own is not followed by a second one.
{
	my (undef, $comment) = run($osprofiler, 'context', 'new', '--hmac-key', $key,
		'--base-id', 'of-the-program', '--format', 'comment');
	chomp $comment;
	my ($status, $out, $err) = traced('psql', '-XAtqc', "select 8 $comment");
	is("$status|$out|$err", "0|8\n|", "the program's own comment: the same result");
	my $id = trace_id();
	wait_for_delivery();
	unlike(tree($id), qr/^ *pg /m, "the program's own comment wins");
}

# Switched off, nothing is sent.
{
	local $ENV{OSPROFILER_PROPAGATE} = 'none';
	my ($status, $out, $err) = traced('psql', '-XAtqc',
		q{select query from pg_stat_activity where pid = pg_backend_pid()});
	unlike($out, qr/trace_hmac/, 'propagate = none: no comment');
}
{
	my ($status, $out, $err) = traced('psql', '-XAtqc',
		q{select query from pg_stat_activity where pid = pg_backend_pid()});
	like($out, qr/\n\/\*trace_hmac='[0-9a-f]{40}',trace_info='/, 'else there is one');
	($status, $out, $err) = traced('psql', '-XAtq',
		'replication=1', '-c', 'IDENTIFY_SYSTEM');
	is("$status|$err", '0|', 'none on a replication connection');
	($status, $out, $err) = traced('psql', '-XAtq',
		'replication=database dbname=postgres', '-c', 'IDENTIFY_SYSTEM');
	is("$status|$err", '0|', 'nor where it names a database');
}

# A Python service that traces itself with OSProfiler: its points, the client's
# and the server's are one tree.
if (need_program('osprofiler of Python', '/usr/bin/python3', '-c',
		'"import osprofiler.profiler, sqlalchemy, psycopg2"'))
{
	my $build = $ENV{BUILD} // "$here/../../build";

	run('psql', '-Xqc', 'create table purchase (id int)');
	local $ENV{OSPROFILER_HMAC_KEYS} = $key;
	local $ENV{LD_LIBRARY_PATH} = "$build/client_hooks/shadow:$build/common";
	my ($status, $out, $err) = run('/usr/bin/python3',
		"$here/../../docs/examples/shop.py", $ENV{OSPROFILER_CONNECTION_STRING});
	is($status, 0, 'shop.py runs') or diag($err);
	chomp $out;
	run($osprofiler, 'agent', '--once');
	my $tree = joined_tree(1, $out);
	$tree =~ s/^ *pg\.(parse|plan|commit).*\n//mg;
	is($tree, <<'END', 'shop.py: one tree of three tiers');
wsgi
  db SELECT count(*) FROM purchase | SELECT 1 | rows 1
    pg SELECT count(*) FROM purchase | SELECT | rows 1
END
	check_trace('shop.py', $out);
}

# --- the program of demo.sh, as the README shows its trace -----------------------

# A drawn line without its times, bar and place, without the head's line of times, and
# without the text of a plan, which has constants here because hide_params is off.
sub bare
{
	my ($line) = @_;

	$line =~ s/^ *[0-9.]+ \w+ +\+[0-9.]+ \w+ +[\x{2501}\x{2578}\x{257a} ]+//;
	$line =~ s/  (?:on |\S*\@)\S+(?=  |$)//;
	$line =~ s/(pg\.plan  ).*/$1/;
	$line =~ s/  \(self [0-9.]+ \w+\)$//;
	# On a slow machine
	$line =~ s/  \([0-9.]+ \w+ (?:waiting for the disk|between its rows|before the server, [0-9.]+ \w+ after)\)$//;
	return $line;
}

{
	my $build = $ENV{BUILD} // "$here/../../build";
	my ($readme) = slurp("$here/../../README.md") =~ /^Trace \S+ .*?\n(.*?)^```$/ms;
	my ($status, undef, $why) = run('sh', '-c', "cc -o $dir/cart $here/../../docs/examples/cart.c "
		  . '$(pkg-config --cflags --libs sqlite3 libpq)');
	is("$status|$why", '0|', 'cart.c compiles');
	run('psql', '-Xqc', 'create database shop');
	local $ENV{PGDATABASE} = 'shop';
	run('psql', '-Xqf', "$here/../../docs/examples/orders.sql");
	traced("$dir/cart", "$dir/cart.db", '');
	wait_for('the trace is whole', sub {
		(undef, my $text) = run($osprofiler, 'trace', 'show', trace_id());
		return $text =~ /pg .*SELECT sum\(price\)/;
	});
	(undef, my $text) = run($osprofiler, 'trace', 'show', trace_id());
	utf8::decode($_) for $readme, $text;
	# Parts of less than one per cent are left out.
	my $part = qr/(?:server|waiting|SQLite|database|on the way|client) [0-9.]+ (?:ns|us|ms|s) \(\d+ %\)/;
	for my $head ($readme, $text)
	{
		like($head, qr/^Time:(?:  $part){2,6}$/m, 'how the time divides');
		my ($shares) = $head =~ /^Time:(.*)$/m;
		my $sum = 0;
		$sum += $_ for $shares =~ /\((\d+) %\)/g;
		cmp_ok(abs($sum - 100), '<=', 6, 'which is all of it');
		like($shares, qr/  server .*  SQLite /, 'between server and SQLite');
	}
	my @drawn = map { bare($_) } grep { !/^Time:/ } split /\n/, $text;
	my @expected = map { bare($_) } grep { $_ ne '...' && !/^Time:/ } split /\n/, $readme;
	my @missing;

	for my $line (@expected)
	{
		my ($at) = grep { $drawn[$_] eq $line } 0 .. $#drawn;
		if (defined $at) { splice @drawn, 0, $at + 1 }
		else { push @missing, $line }
	}
	utf8::encode($_) for @missing;
	is(join("\n", @missing), '', 'the README shows what is drawn');
	diag(encode_utf8($text)) if @missing;
	cmp_ok(scalar @expected, '>', 20, 'all of it');
}

# The README's way to see whether a server traces.
{
	my ($block) = slurp("$here/../../README.md") =~ /^\*\*Does it work\?.*?^```\n(.*?)^```$/ms;
	my @lines = $block =~ /^\$ (.*)$/mg;
	local $ENV{OSPROFILER_HMAC_KEYS} = $key;
	local $ENV{PATH} = dirname($osprofiler) . ":$ENV{PATH}";
	local $ENV{PSQLRC} = '/dev/null';
	run('psql', '-Xqc', 'create extension if not exists osprofiler');

	is(scalar @lines, 2, 'two commands');
	for my $line (@lines)
	{
		my ($status, $out, $err) = run('bash', '-c', $line);
		is($status, 0, "README: $line") or diag($out, $err);
		like($out, qr/^All is good\.$/m, 'README: all is good');
	}
	local $ENV{OSPROFILER_HMAC_KEYS} = 'another';
	my (undef, $out) = run('bash', '-c', $lines[0]);
	like($out, qr/^wrong +signed context .*matches none of the HMAC keys$/m, 'README: another key is said');
}

done_testing();
