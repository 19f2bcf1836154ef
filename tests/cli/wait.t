#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# wait.t
#	  osprofiler trace show of a trace that is still on its way: in the ring of a
#	  program that has just ended, behind a shipper that starts late, or in the
#	  spool of one whose collector is down.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $uri = "file://$dir/traces";
my @at = ('--connection-string', $uri);

# A traced program that leaves its points in its ring: the trace's id.
sub trace_program
{
	my ($run) = @_;
	my %env = run_ok('context', 'new', '--format', 'env', '--hmac-key', 'k') =~
	  /^(?:export )?(\w+)='?([^'\n]*)/mg;
	my $shown = run_ok('context', 'show', '--hmac-key', 'k',
		'--trace-info', $env{OSPROFILER_TRACE_INFO},
		'--trace-hmac', $env{OSPROFILER_TRACE_HMAC});

	local @ENV{ keys %env } = values %env;
	local $ENV{OSPROFILER_HMAC_KEYS} = 'k';
	local $ENV{OSPROFILER_RUN_DIR} = $run;
	local $ENV{LD_PRELOAD} = "$build/sqlite_osprofiler/sqlite_preload.so";
	system("sqlite3 :memory: 'SELECT 42' >$dir/program 2>&1") == 0
	  or die slurp("$dir/program");
	return $shown =~ /([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/ && $1;
}

# Runs an agent after a while, in the background.
sub start_agent
{
	my ($delay, @args) = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		sleep $delay;
		open STDOUT, '>', "$dir/agent";
		open STDERR, '>&', \*STDOUT;
		exec("$build/bin/osprofiler", 'agent', @args) or POSIX::_exit(127);
	}
	return $pid;
}

sub stop_agent
{
	my ($pid) = @_;
	kill 'TERM', $pid;
	waitpid $pid, 0;
	return;
}

# A point that is made now.
sub point_now
{
	my ($name, $base, $parent, $trace) = @_;
	my $now = time;
	my $text = POSIX::strftime('%Y-%m-%dT%H:%M:%S', gmtime int $now)
	  . sprintf '.%06d', ($now - int $now) * 1e6;

	return point($name, $base, $parent, $trace, '00') =~ s/"timestamp": "[^"]*"/"timestamp": "$text"/r;
}

# What others recorded is stored when it comes: a trace that is young is read again.
{
	my $base = '33333333-2222-4333-8444-555555555555';
	my @young = ('--connection-string', write_points("$dir/young",
			map { point_now($_, $base, $base, 'a') } 'app-start'));
	my $writer = fork // die "fork: $!";

	if ($writer == 0)
	{
		sleep 0.5;
		open my $file, '>>', "$dir/young";
		print {$file} map { "$_\n" } point_now('pg-start', $base, 'a', 'b'),
		  point_now('pg-stop', $base, 'a', 'b'), point_now('app-stop', $base, $base, 'a');
		close $file;
		POSIX::_exit(0);
	}
	my ($status, $out, $err) = run_cli('trace', 'show', @young, $base);
	waitpid $writer, 0;
	is($status, 0, 'a trace of which others store the rest');
	like($out, qr/\bpg\b/, 'is shown as a whole');
	is($err, '', 'without a word');

	@young = ('--connection-string', write_points("$dir/open",
			map { point_now($_, $base, $base, 'a') } 'app-start'));
	my $begun = time;
	like((run_cli('trace', 'show', @young, $base))[1], qr/running or lost/, 'one that does not end');
	cmp_ok(time - $begun, '<', 20, 'is not waited for');
	like((run_cli('trace', 'show', @young, '--no-wait', $base))[1], qr/running or lost/, 'nor with --no-wait');
}

SKIP:
{
	skip 'no sqlite3', 1 if system('which sqlite3 >/dev/null') != 0;

	# Nobody ships from this directory: that is said at once.
	$ENV{OSPROFILER_RUN_DIR} = "$dir/alone";
	my $id = trace_program("$dir/alone");
	my $begun = time;
	one_error(qr/no trace '$id' in \Q$uri\E yet: points wait in \Q$dir\E\/alone, where no shipper is at work/,
		'trace', 'show', @at, '--wait', '60', $id);
	cmp_ok(time - $begun, '<', 20, 'there is nothing to wait for');

	# Half of a trace was delivered: another program's points wait.
	{
		my $other = '22222222-2222-4333-8444-555555555555';
		my $half = write_points("$dir/part",
			map { (point('app-start', $_, $_, 'a', '01.000000'),
				point('app-stop', $_, $_, 'a', '02.000000')) } $id, $other);
		my @part = ('--connection-string', $half);
		my ($status, $out, $err) = run_cli('trace', 'show', @part, $id);
		is($status, 0, 'a trace of which half is there');
		like($out, qr/\bapp\b/, 'is shown');
		like($err, qr/\Aosprofiler: trace show: the trace is not complete: [1-9]\d* points of it wait in \Q$dir\E\/alone, where no shipper is at work; to deliver them, run: osprofiler agent --once --run-directory \Q$dir\E\/alone\n\z/,
			'with the other half told of');
		like((run_cli('trace', 'show', @part, '--no-wait', $id =~ s/-//gr))[2],
			qr/not complete/, 'also by 32 digits, and without waiting');
		run_ok('trace', 'show', @part, $other);
		my ($done) = run_cli('agent', '--once', '--run-directory', "$dir/alone", @part);
		is($done, 0, 'delivered');
		like(run_ok('trace', 'show', @part, $id), qr/SELECT 42/, 'then it is whole');
	}

	# A shipper is about to start, as PostgreSQL's is.
	mkdir "$dir/run", 0700;
	$ENV{OSPROFILER_RUN_DIR} = "$dir/run";
	$id = trace_program("$dir/run/pg-1");
	one_error(qr/no trace '$id'/, 'trace', 'show', @at, '--no-wait', $id);
	my $agent = start_agent(0.7, '--run-directory', "$dir/run/pg-1", @at);
	my ($status, $out, $err) = run_cli('trace', 'show', @at, $id);
	is($status, 0, 'a trace whose shipper starts late');
	like($out, qr/sqlite.*SELECT 42/, 'is shown');
	my $place = qr{\Q$dir\E/run/pg-1};
	like($err, qr/\A(osprofiler: trace show: waiting up to 5 s: points (still wait in $place|wait in $place, where no shipper is at work \(the PostgreSQL server starts one, and its log says why there is none\))\n)?\z/,
		'with at most a word on what it waited for');

	# A stopped cluster has left points: nobody waits for those.
	trace_program("$dir/run/pg-3");
	utime 1, time - 3600, glob "$dir/run/pg-3/ring.*";
	my $half = write_points("$dir/half",
		point('app-start', '11111111-2222-4333-8444-555555555555', 'p', 'a',
			'01.000000'));
	$begun = time;
	like(run_ok('trace', 'show', '--connection-string', $half, '--wait', '60',
			'11111111-2222-4333-8444-555555555555'),
		qr/running or lost/, 'points of a stopped cluster');
	cmp_ok(time - $begun, '<', 20, 'are not waited for');
	system('rm', '-rf', "$dir/run/pg-3");

	# What an agent that works is about to deliver is waited for.
	for (1 .. 3)
	{
		$id = trace_program("$dir/run/pg-1");
		like(run_ok('trace', 'show', @at, $id), qr/SELECT 42/, 'at once');
		is(run_ok('trace', 'check', @at, $id), '', 'and whole');
	}
	my $digits = $id =~ s/-//gr;
	like(run_ok('trace', 'show', @at, uc $digits), qr/SELECT 42/,
		'by 32 digits, as OpenTelemetry writes it');
	is(run_ok('trace', 'check', @at, "00-$digits-00f067aa0ba902b7-01"), '',
		'by a traceparent');
	stop_agent($agent);

	# The collector is down.
	$id = trace_program("$dir/run/pg-2");
	$agent = start_agent(0, '--run-directory', "$dir/run/pg-2",
		'--connection-string', 'redis://127.0.0.1:1');
	for (1 .. 100)
	{
		my (undef, $json) =
		  run_cli('status', '--run-directory', "$dir/run/pg-2", '--json');

		last if $json =~ /"spool_points": [1-9]/;
		sleep 0.1;
	}
	($status, $out, $err) = run_cli('trace', 'show', @at, '--wait', '1s', $id);
	is($status, 1, 'a trace in the spool');
	like($err, qr/yet: \d+ points wait in the spool of [^\n]+: [^\n]*refused[^\n]*\n\z/,
		'the message says why');
	stop_agent($agent);
}

usage_error(qr/--wait must be a time such as 30s, 15m, 24h or 7d/,
	'trace', 'show', '--wait', $_, 'a')
  for 'x', '-1', '1y', '', '2h', 'inf', '0x1', '1 s', 'nan', '1e3x';

done_testing();
