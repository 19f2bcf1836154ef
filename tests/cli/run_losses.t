#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# run_losses.t
#	  What `osprofiler run` says at its end of points that were lost, and of a trace of
#	  which nothing reached the collector.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

plan skip_all => 'no sqlite3' if system('which sqlite3 >/dev/null') != 0;

$ENV{OSPROFILER_HOOK_PATH} = "$build/client_hooks:$build/sqlite_osprofiler";
$ENV{OSPROFILER_CONNECTION_STRING} = "sqlite:///$dir/traces.db";

# What it says on stderr, and its lines.
sub said
{
	my (undef, undef, $err) = run_cli('run', '--', @_);
	return $err;
}

# While the shipper is stopped nobody empties the ring.
write_file("$dir/many.sql", join '', map { "SELECT $_;\n" } 1 .. 20000);
{
	local @ENV{qw(OSPROFILER_RING_SIZE OSPROFILER_ON_FULL)} = qw(64kB drop);
	my $err = said('sh', '-c',
		"kill -STOP \$PPID; sqlite3 :memory: '.read $dir/many.sql' >/dev/null; kill -CONT \$PPID");
	my ($sum, $full) = $err =~
	  /^osprofiler: run: the trace is not complete: (\d+) points were lost: (\d+) found no room in a ring; OSPROFILER_RING_SIZE .*$/m;

	is($sum, $full, 'rings that were full: all that was lost is said once');
	cmp_ok($sum // 0, '>', 30000, 'and how much it was') or diag($err);
	my ($command) = $err =~ /^Display trace with command: osprofiler (.*)$/m;
	like((run_cli(split / /, $command))[1], qr/ points lost /, 'the trace says it, too');
}
unlike(said('sqlite3', ':memory:', 'SELECT 1'), qr/lost/, 'nothing was lost: nothing is said');

# A collector that takes nothing.
{
	mkdir "$dir/server";
	write_file("$dir/server/faults.json", '{"item": 400, "kind": "mapper_parsing_exception", "reason": "no such field"}');
	my $port = qx($top/tests/drivers/standin_server.sh start $dir/server elastic_standin.py) =~ /(\d+)/ ? $1 : die;
	local $ENV{OSPROFILER_CONNECTION_STRING} = "elasticsearch://127.0.0.1:$port";
	my $err = said('sqlite3', ':memory:', 'SELECT 1');

	like($err, qr/^osprofiler: run: the trace is not complete: 2 points were lost: 2 the collector refused \(.*no such field.*\)$/m,
		'a collector that refuses: how much, and why');
	like($err, qr{^osprofiler: run: there is no trace: none of its points reached elasticsearch://127\.0\.0\.1:$port$}m,
		'... and that there is no trace');
	unlike($err, qr/Display trace|Trace ID/, '... which nobody is told to show');
	one_error(qr/there is no trace of the last run: none of its points reached the collector/, 'trace', 'show', 'last');
	system("$top/tests/drivers/standin_server.sh stop $dir/server");

	# One that is away: the trace comes later.
	$err = said('sqlite3', ':memory:', 'SELECT 1');
	like($err, qr/^Display trace once it is delivered, with command: osprofiler trace show/m, 'a collector that is away');
}

done_testing();
