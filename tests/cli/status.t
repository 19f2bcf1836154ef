#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# status.t
#	  osprofiler status.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use JSON::PP;
use Test::More;

my $run = "$dir/run";

# Nothing there yet; and nothing is made by looking.
one_error(qr{there is no run directory '\Q$run\E'}, 'status',
	'--run-directory', $run);
ok(!-e $run, 'looking makes no directory');
mkdir $run, 0700;
one_error(qr{nothing was traced in '\Q$run\E' yet}, 'status',
	'--run-directory', $run);
is(join(' ', glob "$run/*"), '', 'looking makes no file');

# A directory that others can enter is refused.
mkdir "$dir/open";
chmod 0755, "$dir/open";
one_error(qr{\Q$dir\E/open}, 'status', '--run-directory', "$dir/open");
symlink $run, "$dir/link";
one_error(qr{\Q$dir\E/link}, 'status', '--run-directory', "$dir/link");

# Where it looks.
{
	local $ENV{OSPROFILER_RUN_DIR} = "$dir/here";
	one_error(qr{'\Q$dir\E/here'}, 'status');
	one_error(qr{nothing was traced by this user since the host was started, or its run directory was removed: there is no run directory '\Q$dir\E/here' .*; --server CONNINFO shows what a PostgreSQL server has$}, 'status');
	one_error(qr{'\Q$run\E'}, 'status', '--run-directory', $run);
}
{
	delete local $ENV{OSPROFILER_RUN_DIR};
	local $ENV{XDG_RUNTIME_DIR} = $dir;
	one_error(qr{'\Q$dir\E/osprofiler'}, 'status');
}

# A run that is at work has a directory of its own, which is named.
{
	local $ENV{OSPROFILER_RUN_DIR} = "$dir/runs";
	local $ENV{OSPROFILER_HOOK_PATH} = "$build/client_hooks:$build/sqlite_osprofiler";
	my $pid = fork // die;

	if ($pid == 0)
	{
		open STDERR, '>', '/dev/null';
		exec "$build/bin/osprofiler", 'run', '--connection-string', "file://$dir/traces.run", '--', 'sh', '-c',
		  "touch $dir/runs.begun; while [ ! -e $dir/runs.over ]; do sleep 0.05; done" or POSIX::_exit(127);
	}
	for (1 .. 200)
	{
		last if -e "$dir/runs.begun";
		select undef, undef, undef, 0.05;
	}
	my ($own) = glob "$dir/runs/run-*";
	one_error(qr{in '\Q$dir\E/runs' yet; 'osprofiler run' is at work.*: osprofiler status --run-directory \Q$own\E\n},
		'status');
	write_file("$dir/runs.over", '');
	waitpid $pid, 0;
	is($?, 0, 'the run');
	one_error(qr{nothing was traced in '\Q$dir\E/runs' yet\n}, 'status');
}

# A service has no directory that one is in.
my ($refused, undef, $why) = run_cli('agent', '--run-directory', $run, '--connection-string',
	'sqlite:///tmp/x.db');
is($refused, 1, 'an agent refuses a relative path');
like($why, qr{\Aosprofiler agent: [^\n]*relative[^\n]*four slashes[^\n]*sqlite:////tmp/x\.db\n\z},
	'and names the absolute one');

# One round of an agent makes the files and empties the rings.
my ($status) = run_cli('agent', '--run-directory', $run, '--connection-string',
	"file://$dir/traces", '--once');
is($status, 0, 'an agent');
my $text = run_ok('status', '--run-directory', $run);
like($text, qr/^run directory +\Q$run\E$/m, 'run directory');
like($text, qr/^shipper +none$/m, 'no shipper');
like($text, qr/^points shipped +0$/m, 'nothing shipped');
my $json = decode_json(run_ok('status', '--json', '--run-directory', $run));
is($json->{run_directory}, $run, 'run directory in JSON');
is($json->{shipper_pid}, undef, 'no shipper in JSON');
is($json->{$_}, 0, "$_ in JSON")
  for qw(rings written dropped waiting_bytes shipped refused spooled
  spool_points spool_bytes spool_dropped corrupt_bytes batches driver_errors);
is($json->{contexts}{$_}, 0, "contexts $_ in JSON")
  for qw(accepted none no_keys unsigned too_long bad_signature bad_encoding
  bad_members bad_id malformed);
is($json->{last_error}, undef, 'no error in JSON');

is(join('', @{ $json->{troubles} }), '', 'no trouble in JSON');

# The same numbers for Prometheus.
my $metrics = run_ok('status', '--metrics', '--run-directory', $run);
for my $name (grep { !ref $json->{$_} && defined $json->{$_} && $json->{$_} =~ /^\d+\z/ } sort keys %$json)
{
	my $kind = $metrics =~ /^osprofiler_\Q$name\E_total\{/m ? 'counter' : 'gauge';
	my $suffix = $kind eq 'counter' ? '_total' : '';

	like($metrics, qr/^# HELP osprofiler_$name$suffix \S.*\n# TYPE osprofiler_$name$suffix $kind\nosprofiler_$name$suffix\{run_directory="\Q$run\E"\} $json->{$name}$/m,
		"metrics: $name");
}
like($metrics, qr/^osprofiler_contexts_total\{run_directory="[^"]+",verdict="bad_signature"\} 0$/m, 'metrics: contexts');
like($metrics, qr/^osprofiler_shipper\{[^}]+\} 0$/m, 'metrics: no shipper');
unlike($metrics, qr/^(?!#|osprofiler_\w+\{[^}]*\} \d+$)/m, 'metrics: nothing else');
usage_error(qr/--json and --metrics exclude each other/, 'status', '--json', '--metrics');
usage_error(qr/--run-directory and --server exclude/, 'status', '--run-directory', $run, '--server', '');
one_error(qr/No such file or directory/, 'status', '--server', "host=$dir");

# What waits, or was lost, is said first, and by the exit status.
SKIP:
{
	skip 'no sqlite3', 1 if system('which sqlite3 >/dev/null') != 0;
	my $lonely = "$dir/lonely";
	my $program = sub {
		local $ENV{OSPROFILER_RUN_DIR} = $_[1] // $lonely;
		local $ENV{LD_PRELOAD} = "$build/sqlite_osprofiler/sqlite_preload.so";
		local @ENV{qw(OSPROFILER_HMAC_KEYS OSPROFILER_RING_SIZE)} = ('k', 65536);
		local @ENV{qw(OSPROFILER_TRACE_INFO OSPROFILER_TRACE_HMAC)} =
		  run_ok('context', 'new', '--format', 'env', '--hmac-key', 'k') =~
		  /OSPROFILER_TRACE_(?:INFO|HMAC)='?([^'\n]*)/g;
		write_file("$dir/sql", join '', map { "SELECT $_;\n" } 1 .. $_[0]);
		system("sqlite3 :memory: <$dir/sql >$dir/program 2>&1") == 0
		  or die slurp("$dir/program");
	};

	$program->(1);
	my ($status, $out, $err) = run_cli('status', '--run-directory', $lonely);
	is("$status|$err", '3|', 'a ring that nobody empties: exit status');
	like($out,
		qr/\A\d+ bytes wait in rings, and no shipper is at work \('osprofiler agent --once --run-directory \Q$lonely\E' delivers them\)\nrun directory /,
		'a ring that nobody empties');

	# Sessions that went without a ring, by the counter of the status file.
	{
		my $small = "$dir/small";

		$program->(1, $small);

		# Where the counter lies: runstat.h.
		my $offset = 8 + 4 + 4 + 8 + 8 + 16 + 8;

		open my $file, '+<:raw', "$small/status" or die;
		seek $file, $offset, 0;
		print $file pack 'Q', 2;
		close $file;
		my ($status, $out) = run_cli('status', '--run-directory', $small);
		is($status, 3, 'untraced sessions: exit status');
		like($out, qr/^2 sessions were not traced: no ring could be made \(/m,
			'untraced sessions');
	}

	# A server has its own shipper: no command delivers to where that would.
	rename $lonely, "$dir/pg-77-1" or die "$!";
	($status, $out) = run_cli('status', '--run-directory', "$dir/pg-77-1");
	is($status, 3, 'the directory of a server: exit status');
	like($out, qr/\A\d+ bytes wait in rings, and no shipper is at work \(the PostgreSQL server starts one, and its log says why there is none\)\n/,
		'no command is proposed');

	# Servers of this user are named without --run-directory, with what has them deliver.
	{
		local $ENV{OSPROFILER_RUN_DIR} = "$dir/above";
		my $left = "$dir/above/pg-77-1";
		my $data = "$dir/data of it";

		mkdir "$dir/above", 0700;
		rename "$dir/pg-77-1", $left or die "$!";
		my ($status, $out) = run_cli('status');
		is($status, 3, 'a server that has left points: exit status');
		like($out, qr/\A\d+ bytes wait in rings of a PostgreSQL server, \Q$left\E, and no shipper is at work \(the PostgreSQL server starts one, /,
			'a server of which nothing is known');
		write_file("$left/worker", $data);
		(undef, $out) = run_cli('status');
		like($out, qr/ \(the PostgreSQL server's data directory \Q$data\E is not there, so nothing delivers them; if it is gone for good, remove them: 'rm -r \Q$left\E'\)\n/,
			'a server whose data directory is gone');
		mkdir $data;
		write_file("$data/PG_VERSION", "15\n");
		(undef, $out) = run_cli('status');
		like($out, qr/ \(the PostgreSQL server has stopped; once it is started, the first session that loads the library has them delivered: 'pg_ctl start -D '\Q$data\E''\)\n/,
			'a server that has stopped');
		write_file("$data/postmaster.pid", "$$\n");
		(undef, $out) = run_cli('status');
		like($out, qr/ \(the PostgreSQL server starts one, and its log says why there is none\)\n/,
			'a server that is at work');
		(undef, $out) = run_cli('status', '--json');
		is(decode_json($out)->{servers}[0]{run_directory}, $left, '... in JSON');
		like((run_cli('status', '--metrics'))[1],
			qr/^osprofiler_waiting_bytes\{run_directory="\Q$left\E"\} [1-9]/m, '... in the metrics');
		unlink "$left/worker";
		rename $left, "$dir/pg-77-1" or die "$!";
	}
	rename "$dir/pg-77-1", $lonely or die "$!";

	# The collector is down: a shipper puts it into the spool, and gives up.
	run_cli('agent', '--run-directory', $lonely, '--once', '--connection-string',
		'redis://127.0.0.1:1');
	($status, $out) = run_cli('status', '--run-directory', $lonely);
	is($status, 3, 'a spool: exit status');
	like($out, qr/\A\d+ points wait in the spool; no shipper is at work \('osprofiler agent --once --run-directory \Q$lonely\E' delivers them\); last error of the collector, at 2\S+: [^\n]*refused/,
		'a spool');
	($status, $out) = run_cli('status', '--json', '--run-directory', $lonely);
	is($status, 3, 'the same exit status with --json');
	like(decode_json($out)->{troubles}[0], qr/wait in the spool/, 'words in JSON');

	# It is back, but a ring was full meanwhile.
	$program->(5000);
	run_cli('agent', '--run-directory', $lonely, '--once', '--connection-string',
		"file://$dir/traces");
	($status, $out) = run_cli('status', '--run-directory', $lonely);
	is($status, 3, 'lost points: exit status');
	like($out, qr/\A\d+ points were lost: \d+ found no room in a ring, the last at (2\S+)\nrun [\s\S]*^last loss +\1$/m,
		'lost points, and when');
	($status, $out) = run_cli('status', '--run-directory', $lonely, '--since', '1h');
	is($status, 3, '--since: lost since then');
	($status, $out, $err) = run_cli('status', '--run-directory', $lonely, '--since', '2000-01-01');
	is($status, 3, '--since: a moment');
	sleep 1;
	($status, $out) = run_cli('status', '--run-directory', $lonely, '--since', '500ms');
	is($status, 0, '--since: nothing was lost since then');
	like($out, qr/\Arun directory [\s\S]*^last loss +2/m, '... but the counters and the time are there');
	($status, $out) = run_cli('status', '--run-directory', $lonely, '--since', '500ms', '--json');
	is("$status|@{ decode_json($out)->{troubles} }", '0|', '... in JSON, too');
	like(decode_json($out)->{last_loss_time}, qr/^2\d{3}-/, '... with the time');
	like((run_cli('status', '--run-directory', $lonely, '--metrics'))[1],
		qr/^osprofiler_last_loss_timestamp_seconds\{[^}]*\} 1\d{9}$/m, '... and in the metrics');
	like((run_cli('doctor', '--run-directory', $lonely))[1],
		qr/^good +agent +none is at work, [^\n]*; \d+ points were lost: \d+ found no room in a ring, the last at 2/m,
		'doctor says what was lost');
	usage_error(qr/--since/, 'status', '--since', 'never');
}

# The directories of PostgreSQL servers in this one: their counters are not these.
{
	my ($status, $out) = run_cli('status', '--run-directory', $run);
	unlike($out, qr/PostgreSQL/, 'no server');
	mkdir "$run/pg-4711-0a", 0700;
	mkdir "$run/pg-4712-0b", 0700;
	($status, $out) = run_cli('status', '--run-directory', $run);
	like($out, qr/^PostgreSQL servers +2, each with a directory of its own: osprofiler status --server CONNINFO$/m, 'servers are named');
	mkdir "$dir/unused", 0700;
	mkdir "$dir/unused/pg-4711-0a", 0700;
	one_error(qr/nothing was traced in '\S+' yet; --server CONNINFO shows what a PostgreSQL server has$/, 'status', '--run-directory', "$dir/unused");
}

one_error(qr/No space left/, 'status', '--run-directory', $run,
	{ stdout => '/dev/full' });
usage_error(qr/option '--run-directory' needs a value/, 'status',
	'--run-directory');

done_testing();
