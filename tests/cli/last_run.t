#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# last_run.t
#	  "last" after a run that made no trace: it is no older trace.

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

# The trace that a name stands for.
sub named
{
	my ($name) = @_;
	my ($id) = run_ok('trace', 'show', $name) =~ /^Trace (\S+) /;
	return $id;
}

my $first = run_sqlite('first');
is(named('last'), $first, 'the last run');

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
	one_error(qr/no trace '\Q$name\E' in \S+ \(an id looks like [0-9a-f-]{36}, and 'osprofiler trace list' shows .*'last' for the newest\)$/,
		'trace', 'show', $name);
	cmp_ok(time - $begun, '<', 4, "$name: no long wait");
}

done_testing();
