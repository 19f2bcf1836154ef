#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# 060_texts.t
#	  Texts of all kinds, many of them broken, sent in all the ways that libpq has:
#	  results, errors with their positions and messages, notices, how often each
#	  was executed, and the server's log are the same with and without tracing.

use strict;
use warnings;
use lib '.';
use ClientTest;
use Encode qw(encode);
use Test::More;

my $build = $ENV{BUILD} // "$here/../../build";
$ENV{LD_LIBRARY_PATH} = "$build/common";

# Where in a pipeline libpq notices a warning is a matter of time.
start_server("log_min_error_statement = error\nescape_string_warning = off");

my $tables = 'drop table if exists ran; create table ran (what text); '
  . 'drop sequence if exists s; create sequence s';
my $run = "insert into ran values ('x'); select nextval('s'); ";

# --- the texts ----------------------------------------------------------------

# Ends that a comment must not follow, or must not change.
my @ends = (
	'select 1', 'select 1;', ' select 1 ; ; ', "select 1 -- end", "select 1 /* end */",
	"select 1\n", "select 1\r", "select 1\r\n\t", '', ' ', ';', ';;', '-- only', "/* only */",
	"/* a */ -- b\n;", 'select', 'select 1 +', 'select 1 where', 'select 1 from', 'insert into ran',
	"select 1\n+\n", "select 1 +\r", "select 1\r\n +\r\n", "select 1 + -- end", "select (",
	"select 1 + /* end */", 'select case when true then 1', 'selekt 1 + 2', 'select 1 2', 'select 1 )',
	"select 'abc", "select 'abc''", "select E'abc\\'", "select E'abc\\", "select \"abc", 'select "',
	"select U&'abc", 'select U&"abc', "select U&'\\0061' uescape", "select B'01", "select X'0g'",
	"select N'abc", 'select $$abc', 'select $a$abc$b$', 'select $a$abc$a', 'select $1', 'select $',
	"select '\\'", "select '\\', 1", "select '\\' +", "select 'a\\'b' +", "select /* abc", "select /* a /* b */",
	"select 1 /*", 'select 1 --', 'select 1 *', 'select 1 /', 'select 1 -', 'select @', 'select 1::',
	'select 1.', 'select 1e', 'select 0x', 'select 1a', "select 'a'\n'b", "select 'a'\n-- c\n", 'select "a" "b',
	'\\x', '\\', "select 1 \\g", 'select :a', 'select %s', "select 1\0", '{', 'select {fn now()}',
	'prepare p as select 1; deallocate p', 'deallocate all', "prepare q as select 1 +",
	'do $$ begin null; end $$', 'do $$ begin nul; end $$', 'do $$ begin', 'do $x$ begin raise notice $$n$$; end $x$',
	"do \$\$ begin perform 1/0; end", "create function bad() returns int language sql as 'selec 1'",
	"create function bad() returns int language sql as 'select 1 +'",
	"create function bad() returns int language sql begin atomic select 1;",
	"create function bad() returns int language plpgsql as 'begin retur 1; end'",
	'set standard_conforming_strings = off', "set standard_conforming_strings = off; select '\\', 1",
	'explain select', 'copy ran from', 'copy ran to', 'declare c cursor for select', 'begin; select 1 +',
	'select 1 as "u', 'grant select on ran', 'select 1; select 2 +', 'select 1; selec 2', 'values (1', 'with x as (select 1)',
	'create table', 'drop table', 'alter table ran add', "listen x; notify x, 'a", 'select not', 'select 1 with',
	'select nulls', 'select 1 is not', 'select row(1', 'select array[1', 'select 1 between 1', 'select (select 1',
	"select '" . ('long ' x 40) . "' +", ('select 1, ' x 20), "select 1,\n" x 12, "select\t1\t+\t",
	"select '" . ("\t" x 100) . "' where", "\n\n\n\nselect 1\n\n + \n", 'x' x 59, 'x' x 60, 'x' x 61,
	'select ' . 'a' x 52 . ' +', 'select ' . 'a' x 51 . ' +', 'select ' . 'a' x 50 . ' +');

# The same where something was executed before, or would be.
my @texts = (@ends, (map { $run . $_ } @ends), "$run; commit; create function bad() returns int language sql as 'selec 1'",
	"begin; $run commit; create function bad() returns int language sql as 'selec 1'",
	"begin; $run commit; do \$\$ begin nul; end \$\$", "begin; $run commit; select 1 +",
	"begin; $run savepoint a; select 1/0; rollback to a", "$run select 1/0", "begin", "select 1 +", 'commit');

# Characters of several bytes and columns, whole and broken.
my @wide = map { encode('UTF-8', $_) } (
	"select '\x{4e2d}\x{6587}' +", "select '" . "\x{4e2d}" x 40 . "' +", "select 'M\x{fc}ller' where",
	"select '" . "e\x{301}" x 50 . "' +", "select '" . "\x{1f600}" x 33 . "x' +", "select \x{e4}", "select \"\x{e4}",
	"select 1 + -- \x{e4}\x{e4}", "select 1 + /* \x{e4} */");
push @wide, "select 'a' + \xe4", "select '\xe4' +", "select 1 \xff", "select '\xc3' +", "select 1 + -- \xe4",
  "select \xe4\xb8", "select 1 \xf0\x9f\x98";

my @file = (
	@texts, @wide, '!verbosity 0', @ends[0 .. 60], '!verbosity 2', @ends[0 .. 40], '!verbosity 1',
	(map { ("set standard_conforming_strings = off", $_) } @ends[30 .. 60]), 'set standard_conforming_strings = on',
	'!encoding LATIN1', "select '\xe4' +", "select 1 + \xe4", "select \xe4", "select '\xe4\xe4\xe4", 'select 1 +',
	'!encoding SJIS', "select '\x95\x5c' +", "select E'\x95\x5c', 'a' +", "select E'\x95\x5c' || 'b", 'select 1 +',
	'!encoding EUC_JP', "select '\xc6\xfc\xcb\xdc' +", "select \xc6\xfc\xcb", "select \x81", "select 1 + \xb1", "select 1 \x8f\xb1",
	'!encoding EUC_CN', "select \xb1", '!encoding EUC_TW', "select 1 \x8e1", '!encoding MULE_INTERNAL', "select \x9c", '!encoding SQL_ASCII', "select '\xc3\xa4' +",
	'!encoding UTF8', @wide, 'select 1 +');
my $file = write_file("$dir/texts", join('', map { tr/\0//d; "$_\0" } @file));

# --- the comparison -----------------------------------------------------------

# Positions of functions' source lines differ by nothing; pids and times do.
sub log_since
{
	my ($from) = @_;
	my $log = substr(slurp("$dir/server/log"), $from);
	my $comment = qr{\n\t?/\*trace_hmac='[0-9a-f]{40}',trace_info='[^']*'\*/};

	$log =~ s/^\S+ \S+ \S+ \[\d+\] //mg;
	$log =~ s/$comment//g;
	return $log;
}

sub observe
{
	my ($run) = @_;

	run('psql', '-Xqc', $tables);
	my $from = -s "$dir/server/log";
	my @seen = $run->("$build/tests/client/texts", $file);
	my $log = log_since($from);
	my (undef, $executions) = run('psql', '-XAtc', 'select count(*) from ran',
		'-c', 'select last_value, is_called from s');
	return (@seen, $executions, $log);
}

# Says which text two outputs differ at first.
sub same
{
	my ($got, $expected, $what) = @_;
	my @got = split /^(?=--- )/m, $got;
	my @expected = split /^(?=--- )/m, $expected;

	for my $i (0 .. $#expected)
	{
		next if ($got[$i] // '') eq $expected[$i];
		my @lines = split /^/, $got[$i] // '';
		my @wanted = split /^/, $expected[$i];
		my ($line) = grep { ($lines[$_] // '') ne ($wanted[$_] // '') } 0 .. @lines + @wanted;
		fail($what);
		return diag($wanted[0] . '     got: ' . ($lines[$line] // '') . 'expected: '
			  . ($wanted[$line] // ''));
	}
	return is(scalar @got, scalar @expected, $what);
}

for my $database (['postgres', 'UTF8'], ['ascii', 'SQL_ASCII'], ['latin', 'LATIN1'])
{
	my ($name, $encoding) = @$database;

	run('psql', '-Xqc', "create database $name template template0 encoding '$encoding' locale 'C'")
	  if $name ne 'postgres';
	local $ENV{PGDATABASE} = $name;
	my ($status, $out, $err, $executions, $log) = observe(\&run);
	my ($status2, $out2, $err2, $executions2, $log2) = observe(\&traced);

	cmp_ok(length $out, '>', 100000, "$encoding: the texts were executed");
	is("$status2|$err2", "$status|$err", "$encoding: the same end");
	same($out2, $out, "$encoding: the same results, errors and notices");
	is($executions2, $executions, "$encoding: each is executed as often as it was sent");

	# The position in the log is the server's own.
	s/ at character \d+$/ at character N/mg for $log, $log2;
	is($log2, $log, "$encoding: the same lines in the server's log, but for the comment");
	check_trace($encoding);
	my $comments = () = substr(slurp("$dir/server/log"), 0) =~ /trace_hmac/g;
	cmp_ok($comments, '>', 100, "$encoding: comments were sent");
}

# A failure whose message looks like that of an option which is refused.
for my $name ('osprofiler.db', 'startup parameter')
{
	my $from = -s "$dir/server/log";
	traced('psql', '-X', '-d', "dbname='$name'", '-c', 'select 1');
	my @fatal = log_since($from) =~ /^FATAL:.*/mg;
	is(scalar @fatal, 1, "no database '$name': one attempt to connect");
}

# In the language of the program.
if (-e '/usr/share/locale/de/LC_MESSAGES/libpq5-15.mo' && `locale -a` =~ /^de_DE/m)
{
	local $ENV{LC_ALL} = 'de_DE.UTF-8';
	my (undef, $out) = run("$build/tests/client/texts", $file);
	my (undef, $out2) = traced("$build/tests/client/texts", $file);

	like($out, qr/ZEILE/, 'German');
	same($out2, $out, 'German: the same');
}

done_testing();
