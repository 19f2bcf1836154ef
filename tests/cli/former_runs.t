#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# former_runs.t
#	  What a run whose collector was away has left: status and doctor name it, trace
#	  show counts the points of its trace, and an agent or the next run delivers it.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use IO::Socket::INET;
use JSON::PP;
use Test::More;

plan skip_all => 'no sqlite3' if system('which sqlite3 >/dev/null') != 0;
$ENV{OSPROFILER_HOOK_PATH} = "$build/client_hooks:$build/sqlite_osprofiler";

my $number = 0;

# Runs a program while the collector is away, in a run directory of its own: the
# trace's id, the directory that is left, what is said, and how the collector comes back.
sub leave_run
{
	my (@options) = @_;
	my $away = "$dir/away" . ++$number;

	# A directory that cannot be made as long as a file has its name.
	write_file($away, '');
	$ENV{OSPROFILER_RUN_DIR} = "$dir/rings$number";
	$ENV{OSPROFILER_CONNECTION_STRING} = "file://$away/points" if !@options;
	my ($status, undef, $err) = run_cli('run', @options, 'sqlite3', ':memory:', "select 'seen'");
	is($status, 0, 'the program does not notice');
	my ($id) = $err =~ /^Trace ID: (\S+)$/m;
	my ($left) = glob "$ENV{OSPROFILER_RUN_DIR}/run-*";
	return ($id, $left, $err, sub { unlink $away; return "$away/points"; });
}

sub points_left
{
	my ($left) = @_;
	my (undef, $json) = run_cli('status', '--json', '--run-directory', $left);
	return decode_json($json)->{spool_points};
}

my ($id, $left, $said, $come_back) = leave_run();
my $points = points_left($left);

cmp_ok($points, '>', 0, 'points wait in the spool of the run');
like($said, qr/not everything was delivered to [^\n]*; the next 'osprofiler run' delivers the rest; to deliver it earlier, run: osprofiler agent --run-directory \Q$left\E --once$/m,
	'run says who delivers the rest');

# Of another trace nothing waits there.
{
	my ($status, $out, $err) = run_cli('trace', 'show', '--no-wait', '--connection-string', "file://$dir/none_of_it",
		'11111111-2222-4333-8444-555555555555');

	isnt($status, 0, 'a trace that is not known: exit status');
	unlike($err, qr/wait/, '... what waits of other traces is not named');
	($status, $out, $err) = run_cli('trace', 'show', '--wait', '1s', '--connection-string', "file://$dir/none_of_it",
		'11111111-2222-4333-8444-555555555555');
	unlike($err, qr/points? waits? in|\Q$left\E/, '... not even if one waits for it');
	($status, $out, $err) = run_cli('trace', 'show', '--wait', '1s', '--connection-string', "file://$dir/none_of_it", $id);
	like($err, qr/\Q$left\E/, '... but for the trace itself it is');
}

# --- status: first in a directory in which nobody but runs has traced --------------

my $words = qr/$points points wait in \Q$left\E, left by a former 'osprofiler run' \(last error: [^\n]+\); the next 'osprofiler run' delivers that; to deliver it earlier, run: osprofiler agent --once/;

for my $place ('where only runs have traced', 'beside an agent')
{
	my ($status, $out, $err) = run_cli('status');

	is("$status|$err", '3|', "status $place: exit status");
	like($out, qr/\A$words\n/, "status $place: the words");
	($status, $out) = run_cli('status', '--json');
	is($status, 3, "status --json $place: exit status");
	my $json = decode_json($out);
	like($json->{troubles}[0], qr/\A$words\z/, "status --json $place: the words");
	is_deeply($json->{former_runs},
		[ { run_directory => $left, spool_points => $points, waiting_bytes => 0 } ],
		"status --json $place: the numbers");
	is($json->{spool_points}, 0, 'the counters are those of the directory itself');
	my $metrics = run_ok('status', '--metrics');
	like($metrics, qr/^osprofiler_spool_points\{run_directory="\Q$ENV{OSPROFILER_RUN_DIR}\E"\} 0\nosprofiler_spool_points\{run_directory="\Q$left\E"\} $points$/m,
		"status --metrics $place");
	run_cli('agent', '--run-directory', $ENV{OSPROFILER_RUN_DIR}, '--once');
}
is((run_cli('status', '--run-directory', $ENV{OSPROFILER_RUN_DIR}))[0], 0,
	'a directory that is named is looked at alone');

# --- doctor ----------------------------------------------------------------------

my (undef, $doctor) = run_cli('doctor', '--json');
my ($agent) = grep { $_->{name} eq 'agent' } @{ decode_json($doctor)->{steps} };
isnt($agent->{verdict}, 'good', 'doctor: the agent is missing');
like($agent->{found}, qr/\A$points points wait in \Q$left\E, left by/, 'doctor: what waits');
is($agent->{type}, 'osprofiler agent --once', 'doctor: what to type');
like($agent->{do}, qr/\Afirst do what the step 'store a trace' says, or the command fails; the next 'osprofiler run' delivers that, too\z/, 'doctor: or to wait for');

# --- trace show ------------------------------------------------------------------

{
	my $other = '22222222-2222-4333-8444-555555555555';
	my $half = write_points("$dir/half", map { (point('app-start', $_, $_, 'a', '01.000000'),
				point('app-stop', $_, $_, 'a', '02.000000')) } $id, $other);
	my @half = ('--connection-string', $half);
	my $before = slurp("$left/spool");
	my ($status, $out, $err) = run_cli('trace', 'show', @half, $id);

	is($status, 0, 'the half that the collector has');
	like($out, qr/\bapp\b/, 'is shown');
	like($err, qr/\Aosprofiler: trace show: the trace is not complete: $points points of it wait in \Q$left\E, where no shipper is at work; to deliver them, run: osprofiler agent --once --run-directory \Q$left\E\n\z/,
		'and the other half is told of');
	like((run_cli('trace', 'show', @half, '--no-wait', $id =~ s/-//gr))[2],
		qr/$points points of it wait/, 'also by 32 digits, and without waiting');
	run_ok('trace', 'show', @half, $other);
	is(slurp("$left/spool"), $before, 'reading changes no spool');
}

# --- agent --once ----------------------------------------------------------------

my ($status, $out, $err) = run_cli('agent', '--once');
is($status, 1, 'an agent while the collector is away: exit status');
my $kept = $words =~ s/; to deliver it earlier.*/, or this command, once the collector takes it)/sr;
like($err, qr/^osprofiler agent: $kept$/m, 'what still waits is said, and not to call the same again');
is(points_left($left), $points, 'and nothing is lost');

my $file = $come_back->();
($status, $out, $err) = run_cli('agent', '--once');
is("$status|$err", "0|osprofiler agent: delivered $points points that former runs of 'osprofiler run' left\n",
	'an agent when it is back');
like(slurp($file), qr/\Q$id\E/, 'the trace is there');
ok(!-e $left, 'the directory of the run is gone');
run_ok('status');
is(run_ok('agent', '--once'), '', 'another agent has nothing to do');

# --- the next run ----------------------------------------------------------------

($id, $left, $said, $come_back) = leave_run();
$file = $come_back->();
run_cli('run', 'sqlite3', ':memory:', 'select 2');
like(slurp($file), qr/\Q$id\E/, 'the next run delivers the rest by itself');
ok(!-e $left, 'and removes the directory');

# --- a collector whose address was wrong, and was corrected ---------------------------

($id, $left) = leave_run('--connection-string', 'redis://127.0.0.1:1');
{
	my $right = "file://$dir/right.points";
	local $ENV{OSPROFILER_CONNECTION_STRING} = $right;
	$points = points_left($left);
	my $rest = qr/that belongs to redis:\/\/127\.0\.0\.1:1, not to the collector of the settings, and is delivered only there by the next 'osprofiler run'/;
	my $command = "osprofiler agent --run-directory $left --connection-string $right --once";
	my $all = qr/$points points wait in \Q$left\E, left by a former 'osprofiler run' \(last error: [^\n]+\); $rest; to deliver that to the collector of the settings, run: \Q$command\E; to give it up: rm -r \Q$left\E/;

	like((run_cli('status'))[1], qr/\A$all$/m, 'a corrected address: status says how to deliver what waits');
	like((run_cli('agent', '--once'))[2], qr/^osprofiler agent: $all$/m, '... agent --once');
	like((run_cli('agent', '--once', '--run-directory', $left))[2], qr/^osprofiler agent: $all$/m, '... with the directory, too');
	like((run_cli('run', 'sqlite3', ':memory:', 'select 3'))[2], qr/^osprofiler: run: $all$/m, '... the next run');
	unlike((run_cli('run', '-q', 'sqlite3', ':memory:', 'select 3'))[2], qr/\Q$left\E/, '... unless it is quiet');
	unlike((run_cli('run', '--connection-string', "file://$dir/third.points", 'sqlite3', ':memory:', 'select 3'))[2],
		qr/\Q$left\E/, '... or has another collector than the settings');
	my ($step) = grep { $_->{name} eq 'agent' } @{ decode_json((run_cli('doctor', '--json'))[1])->{steps} };
	like($step->{do}, qr/\A$rest; to give it up: rm -r \Q$left\E; to deliver it to the collector of the settings:\z/, '... doctor');
	is($step->{type}, $command, '... what to type');
	my (undef, @typed) = split / /, $step->{type};
	run_ok(@typed);
	like(slurp("$dir/right.points"), qr/\Q$id\E/, '... delivers to the collector of the settings');
	run_cli('run', '-q', 'sqlite3', ':memory:', 'select 4');
	ok(!-e $left, '... and the next run removes the directory');
	run_ok('status');
}

# --- collectors that do not answer ---------------------------------------------------

# The next run tries the collector once, not once for each directory.
{
	my $deaf = IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1') or die "listen: $!";
	my @to = ('--connection-string', 'redis://127.0.0.1:' . $deaf->sockport);
	my $batches = sub
	{
		my (undef, $json) = run_cli('status', '--json', '--run-directory', $_[0]);
		return decode_json($json)->{batches};
	};

	$ENV{OSPROFILER_RUN_DIR} = "$dir/deaf";
	$ENV{OSPROFILER_CONNECTION_STRING} = "file://$dir/hears.points";
	run_cli('run', '-q', @to, 'sqlite3', ':memory:', "select 'left'") for 1 .. 2;
	my @left = glob "$ENV{OSPROFILER_RUN_DIR}/run-*";
	is(scalar @left, 2, 'collectors that do not answer: two directories are left');
	my %before = map { $_ => $batches->($_) } @left;
	run_cli('run', '-q', 'sqlite3', ':memory:', 'select 5');
	is(scalar(grep { $batches->($_) > $before{$_} } @left), 1, '... the next run tries one of them');
	is(scalar(grep { points_left($_) > 0 } @left), 2, '... and loses nothing');
}

# --- a password ------------------------------------------------------------------

my $secret = 'redis://:SECRET@127.0.0.1:1';
{
	local $ENV{OSPROFILER_CONNECTION_STRING} = $secret;
	(undef, $left, $said) = leave_run('-q');
	like($said, qr/the next 'osprofiler run' to this collector delivers the rest; to deliver it earlier, run: osprofiler agent --run-directory \Q$left\E --once$/m,
		'the variable has the password: the command asks for none');
}
for my $told ((run_cli('status'))[1], (run_cli('agent', '--once'))[2])
{
	like($told, qr/set OSPROFILER_CONNECTION_STRING to redis:\S+127\.0\.0\.1:1 with its password, which is not stored; then the next/,
		'without the variable it is asked for by its name');
	unlike($told, qr/SECRET/, 'and not shown');
}
{
	local $ENV{OSPROFILER_CONF} = write_file("$dir/conf", "[profiler]\nconnection_string = $secret\n");
	delete local $ENV{OSPROFILER_CONNECTION_STRING};
	unlike((run_cli('status'))[1], qr/with its password/, 'a configuration file has it');
	(undef, $left, $said) = leave_run('-q');
	like($said, qr/ --once$/m, 'a configuration file has the password, too');
}
(undef, $left, $said) = leave_run('--connection-string', $secret);
like($said, qr/--once --connection-string URI \(the URI with its password, which is not stored\)$/m,
	'an option is gone with the run');

done_testing();
