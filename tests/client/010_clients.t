#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# 010_clients.t
#	  Unmodified clients of libpq, with and without tracing: the same output, and
#	  the tree of points that is stored in expected/.
#
# With UPDATE=DIR the trees are written to that directory, to be read and committed.

use strict;
use warnings;
use lib '.';
use ClientTest;
use File::Basename qw(basename);
use Test::More;

start_server();

# Values that differ from run to run.
sub normal
{
	my ($text) = @_;

	$text =~ s/\Q$dir\E/DIR/g;
	$text =~ s/process with PID \d+/process with PID N/g;
	$text =~ s/server process PID \d+/server process PID N/g;
	$text =~ s/pdo_stmt_[0-9a-f]+/pdo_stmt_N/g;
	$text =~ s/dbdpg_p\d+_/dbdpg_pN_/g;
	return $text;
}

sub compare
{
	my ($name, @command) = @_;
	my $how = ref $command[0] ? shift @command : {};
	my ($status, $out, $err) = run($how, @command);
	my ($status2, $out2, $err2) = traced($how, @command);

	is($status2, $status, "$name: the same exit status");
	is(normal($out2), normal($out), "$name: the same output");
	is(normal($err2), normal($err), "$name: the same errors");
	check_trace($name);
	is(leftover(), '', "$name: no file is left");
	my $tree = normal(tree());
	my $file = "$here/expected/$name.tree";

	write_file("$ENV{UPDATE}/" . basename($file), $tree) if $ENV{UPDATE};
	is($tree, slurp($file) // '', "$name: the tree");
}

compare('psql', { stdin => "$here/programs/psql.sql" }, 'psql', '-X');
compare('psycopg2', '/usr/bin/python3', "$here/programs/use_psycopg2.py")
  if need_program('psycopg2', '/usr/bin/python3', '-c', '"import psycopg2"');
compare('psycopg3', '/usr/bin/python3', "$here/programs/use_psycopg3.py")
  if need_program('psycopg 3', '/usr/bin/python3', '-c', '"import psycopg"');
compare('php', 'php', "$here/programs/use_pgsql.php")
  if need_program('php-pgsql', 'php', '-r', "'exit(extension_loaded(\"pgsql\") ? 0 : 1);'");
compare('perl', '/usr/bin/perl', "$here/programs/use_dbd_pg.pl")
  if need_program('DBD::Pg', '/usr/bin/perl', '-MDBD::Pg', '-e', '1');
compare('ruby', 'ruby', "$here/programs/use_pg.rb")
  if need_program('ruby-pg', 'ruby', '-rpg', '-e', '1');

# pgbench: one client, few transactions, its random numbers made equal.
run('psql', '-Xqc', 'create schema bench; alter role demo set search_path = bench, public');
{
	my ($status) = traced('pgbench', '-i', '-q', '-s', '1');
	is($status, 0, 'pgbench -i');
	check_trace('pgbench -i');
	my $tree = normal(tree());
	my $file = "$here/expected/pgbench-init.tree";

	write_file("$ENV{UPDATE}/" . basename($file), $tree) if $ENV{UPDATE};
	is($tree, slurp($file) // '', 'pgbench -i: the tree');
}
for my $mode (qw(simple extended prepared))
{
	my @command = ('pgbench', '-n', '-t', '2', '-M', $mode, '--random-seed=7');
	my ($status, $out, $err) = run(@command);
	my ($status2, $out2, $err2) = traced(@command);

	s/(latency average|initial connection time|tps) = .*/$1/g for $out, $out2;
	is("$status2|$out2|$err2", "$status|$out|$err", "pgbench -M $mode: the same");
	check_trace("pgbench -M $mode");
	my $tree = normal(tree());
	my $file = "$here/expected/pgbench-$mode.tree";

	write_file("$ENV{UPDATE}/" . basename($file), $tree) if $ENV{UPDATE};
	is($tree, slurp($file) // '', "pgbench -M $mode: the tree");
}

# Each start names the process of the server, also after a connection was made anew.
{
	my ($status, $out) = traced('psql', '-XAt', '-c', 'select pg_backend_pid()', '-c',
		'\\connect', '-c', 'select pg_backend_pid()');
	my @pids = grep { /^\d+$/ } split /\n/, $out;
	my @starts = map { $_->{info}{'meta.raw_payload.db-start'}{info}{db} }
	  grep { $_->{info}{name} eq 'db' } @{ points()->{children} };
	my @connects = map { $_->{info}{'meta.raw_payload.db.connect-stop'}{info}{db} }
	  grep { $_->{info}{name} eq 'db.connect' } @{ points()->{children} };

	is(scalar @pids, 2, 'two sessions');
	isnt($pids[0], $pids[1], 'of two processes');
	is(join(' ', map { $_->{pid} } @starts), "@pids", 'statements name the process');
	is(join(' ', map { $_->{pid} } @connects), "@pids", 'connections do');
}

# pg_dump: the statements are its own; that they are all there is what counts.
{
	my ($status, $out) = run('pg_dump', '-n', 'bench');
	my ($status2, $out2, $err2) = traced('pg_dump', '-n', 'bench');

	s/^\\(un)?restrict .*$//mg for $out, $out2;
	is($status2, $status, 'pg_dump: the same exit status');
	is($out2, $out, 'pg_dump: the same dump');
	is($err2, '', 'pg_dump: no messages');
	check_trace('pg_dump');
	my $tree = tree();

	like($tree, qr/^db\.connect\n/, 'pg_dump: connects');
	like($tree, qr/db COPY bench\.pgbench_accounts .* TO stdout; \| COPY 100000 \| rows 100000 \| bytes \d+/,
		'pg_dump: COPY with rows and bytes');
	my @lines = split /\n/, $tree;
	cmp_ok(scalar @lines, '>', 50, 'pg_dump: all statements');
	is(scalar(grep { /NO STOP|libpq_error/ } @lines), 0, 'pg_dump: all ended well');
}

done_testing();
