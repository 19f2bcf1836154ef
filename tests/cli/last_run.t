#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# last_run.t
#	  "last" is the trace of this user's last run, also among traces of others; and after a
#	  run that made no trace it is no older trace.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

plan skip_all => 'no sqlite3' if system('which sqlite3 >/dev/null') != 0;

$ENV{OSPROFILER_HOOK_PATH} = "$build/client_hooks:$build/sqlite_osprofiler";
$ENV{OSPROFILER_CONNECTION_STRING} = "sqlite:///$dir/traces.db";
write_file("$dir/mine", "not executable\n");
write_file("$dir/open.keys", "k\n");
chmod 0644, "$dir/open.keys";

sub run_sqlite
{
	my (undef, undef, $err) = run_cli('run', 'sqlite3', ':memory:', "SELECT '$_[0]'");
	my ($id) = $err =~ /^Trace ID: (\S+)$/m;
	return $id // die $err;
}

# The trace that a name stands for; options may stand before it.
sub named
{
	my ($id) = run_ok('trace', 'show', @_) =~ /^Trace (\S+) /;
	return $id;
}

my $first = run_sqlite('first');
is(named('last'), $first, 'the last run');

# The store is not what its trace is written to.
for my $collector ("sqlite:///$dir/traces.db", "sqlite:///$dir/traces.db?keep=0")
{
	usage_error(qr/--out would replace '\Q$dir\E\/traces\.db', which the trace is read from/, 'trace', 'show', '--connection-string',
		$collector, $first, '--out', "$dir/traces.db");
	is(named('--connection-string', $collector, $first), $first, 'the store is as it was');
}

for my $case (
	['no such program', 127, qr/it could not start 'nosuch': No such file or directory/, {}, 'nosuch'],
	['not executable', 126, qr/it could not start '\Q$dir\E\/mine': Permission denied/, {}, "$dir/mine"],
	['a directory', 126, qr/it could not start '\Q$dir\E': Permission denied/, {}, $dir],
	['nothing to see', 0, qr/no operation was seen/, {}, 'true'],
	['it failed', 1, qr/no operation was seen/, {}, 'false'],
	['keys that others can read', 1, qr/it was not started/, { OSPROFILER_HMAC_KEYS_FILE => "$dir/open.keys" }, 'true'])
{
	my ($what, $expected, $why, $environment, @command) = @$case;
	my $before = run_sqlite($what);
	my ($status) = do
	{
		local @ENV{ keys %$environment } = values %$environment;
		run_cli('run', '--', @command);
	};

	is($status, $expected, "$what: exit status");
	one_error(qr/there is no trace of the last run: .*$why.* \('last~1' is the trace before\)/, 'trace', $_, 'last')
	  for 'show', 'explain';
	is(named('last~1'), $before, "$what: the trace before");
	like(run_ok('trace', 'show', '--connection-string',
			write_points("$dir/points", point('app-start', $first, $first, 'a1', '01.000000')), 'last'),
		qr/^Trace \Q$first\E /, "$what: another collector's last trace");
}
one_error(qr/there is no trace of the last run/, 'trace', 'diff', 'last~1', 'last');
one_error(qr/'last~99' goes back too far: there are 7 traces/, 'trace', 'show', 'last~99');
my $newest = run_sqlite('again');
is(named('last'), $newest, 'a run that made one is the last');

# --- traces of others in the same collector ----------------------------------------------

# What a command says on stderr besides its output.
sub said
{
	my ($status, $out, $err) = run_cli('trace', 'show', @_);
	my ($id) = $out =~ /^Trace (\S+) /;
	is($status, 0, "trace show @_");
	return ($id // 'none', $err);
}

# A run of another user, who has a run directory of their own.
sub run_of_other
{
	local $ENV{OSPROFILER_RUN_DIR} = "$dir/rings-of-other";
	return run_sqlite('theirs');
}

for my $collector ("sqlite:///$dir/shared.db", "file:///$dir/shared.points")
{
	local $ENV{OSPROFILER_CONNECTION_STRING} = $collector;
	my $others = run_of_other();

	is(named('last'), $others, "$collector: without a run of one's own it is the newest");
	my ($before, $mine) = (run_sqlite('before'), run_sqlite('mine'));
	is(named('last'), $mine, 'nobody came after the run: nothing is said');
	my $theirs = run_of_other();
	my ($id, $err) = said('last');
	is($id, $mine, 'the own run, not a newer trace of others');
	like($err, qr/\Aosprofiler: trace show: 'last' is the trace of your 'osprofiler run' that ended on \d{4}-\d\d-\d\d at \d\d:\d\d:\d\d UTC; 'newest', the trace that ended last in \Q$collector\E, is $theirs\n\z/,
		'and that is said, in one line');
	is((said('last~1'))[0], $before, 'last~1 is the own run before');
	is((said('last~2'))[0], $others, 'last~2 is what was there before the own runs');
	is(named('newest'), $theirs, 'newest is the newest');
	is(named('newest~1'), $mine, 'newest~1 is the one before it');
	if ($collector =~ m{^file://(.*)})
	{
		my $copy = "$dir/copy.points";
		is(system('cp', $1, $copy), 0, 'a copy');
		my @both = ('--connection-string', $collector, '--connection-string', "file://$copy");
		is(named(@both, 'newest'), $theirs, 'two collectors that have the same: the newest');
		is(named(@both, 'newest~1'), $mine, 'the one before it is another trace');
		one_error(qr/'newest~4' goes back too far: there are 4 traces in/, 'trace', 'show', @both, 'newest~4');
	}
	one_error(qr/'last~3' goes back too far: there are 3 traces of your runs and before them/, 'trace', 'show', 'last~3');
	one_error(qr/'newest~4' goes back too far: there are 4 traces in/, 'trace', 'show', 'newest~4');
	run_cli('run', 'true');
	run_of_other();
	one_error(qr/there is no trace of the last run: no operation was seen \('last~1' is the trace before\)/,
		'trace', 'show', 'last');
	is((said('last~1'))[0], $mine, 'a run without a trace counts, whatever others have done since');
	next if $collector =~ /^file/;
	is((run_cli('trace', 'delete', 'last~1'))[0], 0, 'it is deleted');
	is((said('last~1'))[0], $before, 'a trace that was deleted does not count');
	is(named('newest'), named('newest'), 'newest');
}

# A run whose collector is another one than that which is read.
{
	my $mine = run_sqlite('elsewhere');
	my @shared = ('--connection-string', "sqlite:///$dir/other.db");
	my $theirs = do { local $ENV{OSPROFILER_CONNECTION_STRING} = $shared[1]; run_of_other() };

	is(named(@shared, 'last'), $theirs, 'a newer trace in another collector: nothing is said');
	my $later = run_sqlite('later');
	my ($id, $err) = said(@shared, 'last');
	is($id, $theirs, 'the newest of the collector that is read');
	like($err, qr/\A.*'last' is $theirs, .*; your last 'osprofiler run' delivered trace $later to sqlite:\/\/\/\Q$dir\E\/traces.db .*\n\z/,
		'and where the last run is');
	one_error(qr/no trace '$later' in .*other\.db.*; your 'osprofiler run' delivered it to sqlite:\/\/\/\Q$dir\E\/traces\.db/,
		'trace', 'show', '--no-wait', @shared, $later);
	one_error(qr/there is no trace in .*none\.db.*; your last 'osprofiler run' delivered trace $later to/,
		'trace', 'show', '--connection-string', "sqlite:///$dir/none.db", 'last');
}

# An own run that is older and delivered here, when the last one delivered elsewhere.
{
	my @here = ('--connection-string', "sqlite:///$dir/older.db");
	my $older = do { local $ENV{OSPROFILER_CONNECTION_STRING} = $here[1]; run_sqlite('older') };
	my $later = run_sqlite('last of all');
	my $elsewhere = qr/your last 'osprofiler run' delivered trace $later to sqlite:\/\/\/\Q$dir\E\/traces\.db /;

	for my $command (['show'], ['explain'], ['check'], ['export', '--format', 'csv'])
	{
		my ($status, $out, $err) = run_cli('trace', @$command, @here, 'last');
		is($status, 0, "trace @$command");
		like($err, qr/\Aosprofiler: trace $command->[0]: 'last' is $older, the trace of your 'osprofiler run' that ended on \S+ at \S+ UTC; $elsewhere.*\n\z/,
			"trace @$command: an older run, and where the last one is");
	}
	like((run_cli('trace', 'diff', @here, $older, 'last'))[2], $elsewhere, 'trace diff says so, too');
	like((run_cli('trace', 'delete', @here, 'last'))[2], $elsewhere, 'and trace delete');

	{ local $ENV{OSPROFILER_CONNECTION_STRING} = $here[1]; run_cli('run', 'true'); }
	my $again = run_sqlite('again');
	one_error(qr/there is no trace of the last run that delivered here: no operation was seen.*; your last 'osprofiler run' delivered trace $again to/,
		'trace', 'show', @here, 'last');
}

# A relative path means the same collector as the absolute one.
{
	local $ENV{OSPROFILER_CONNECTION_STRING} = 'sqlite:///relative.db';
	my $mine = qx(cd $dir && $build/bin/osprofiler run sqlite3 :memory: 'SELECT 1' 2>&1) =~ /^Trace ID: (\S+)/m ? $1 : 'none';
	$ENV{OSPROFILER_CONNECTION_STRING} = "sqlite:///$dir/relative.db";
	run_of_other();
	$ENV{OSPROFILER_CONNECTION_STRING} = 'sqlite:///relative.db';
	like(qx(cd $dir && $build/bin/osprofiler trace show last 2>&1), qr/^Trace $mine /m, 'a relative path');
}

# A command that could not start, before anything was stored.
{
	local $ENV{OSPROFILER_CONNECTION_STRING} = "sqlite:///$dir/new.db";
	run_cli('run', 'nosuch');
	one_error(qr/nothing was stored there yet/, 'trace', 'show', 'last');
}

# --- time outside of the trace ----------------------------------------------------------

for my $case (
	['before', 'sleep 0.4; sqlite3 :memory: "SELECT 1"', qr/[4-9]\d\d ms before .*/],
	['after', 'sqlite3 :memory: "SELECT 1"; sleep 0.4', qr/.* before its first operation, [4-9]\d\d ms/],
	['both', 'sleep 0.2; sqlite3 :memory: "SELECT 1"; sleep 0.2', qr/[2-9]\d\d ms before its first operation, [2-9]\d\d ms/])
{
	my ($what, $script, $parts) = @$case;
	my (undef, undef, $err) = run_cli('run', '--', 'sh', '-c', $script);
	my $line = qr/the command took (?:[4-9]\d\d ms|\d\.\d\d s): $parts after its last one/;

	unlike($err, qr/command took/, "$what: not said among what the command prints");
	like(run_ok('trace', 'show', 'last'), qr/^Outside of the trace: $line\.$/m, "$what: and shown");
	unlike(run_ok('trace', 'show', $first), qr/Outside/, "$what: not with another trace");
}
my (undef, undef, $within) = run_cli('run', '--', 'sqlite3', ':memory:', 'SELECT 1', '.shell sleep 1', 'SELECT 2');
unlike($within, qr/command took/, 'time between operations is in the trace');
unlike(run_ok('trace', 'show', 'last'), qr/Outside/, 'and nothing is shown of it');

# --- a name that is no id -----------------------------------------------------------

# Points of another trace wait, which has nothing to do with it.
{
	local $ENV{OSPROFILER_CONNECTION_STRING} = '';
	local $ENV{OSPROFILER_HMAC_KEYS} = 'k';
	my %env = run_ok('context', 'new', '--format', 'env') =~ /^(?:export )?(\w+)='?([^'\n]*)/mg;
	local @ENV{ keys %env } = values %env;
	local $ENV{LD_PRELOAD} = "$build/sqlite_osprofiler/sqlite_preload.so";
	system('sqlite3 :memory: "SELECT 1" >/dev/null') == 0 or die;
}
for my $name ('nosuch', 'latest', 'last~', 'Last', '1234567', 'ghijklmn', '1234abcd-0001-4333-8444-55555555555z')
{
	my $begun = time;
	one_error(qr/no trace '\Q$name\E' in \S+ \(an id looks like [0-9a-f-]{36}, and 'osprofiler trace list' shows .*or 'last' for your last run, 'newest' for the newest\)$/,
		'trace', 'show', $name);
	cmp_ok(time - $begun, '<', 4, "$name: no long wait");
}

done_testing();
