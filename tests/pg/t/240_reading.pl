# SPDX-License-Identifier: Apache-2.0

# Reading a trace back while it happens, right behind it, and when it is not what
# one would like: running, interrupted and lost operations are told apart, and a
# value that PostgreSQL cannot hold makes no trace unreadable.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use IPC::Run ();
use Test::More;
use Time::HiRes qw(usleep);

my $agent = $ENV{OSPROFILER_TEST_AGENT} || 'osprofiler';
my $node = new_node('reading');

$node->append_conf('postgresql.conf',
	"osprofiler.ring_size = '64kB'\nosprofiler.spool_limit = '1MB'\nrestart_after_crash = on\n");
$node->start;
local $ENV{OSPROFILER_RUN_DIR} = $node->basedir . '/run';
my @at = ('--connection-string', 'file://' . trace_file($node));

# Right behind the first traced statement, whose shipper is only about to start.
for my $round (1 .. 4)
{
	my $context = context();

	$node->safe_psql('postgres', "SELECT 'first' " . comment($context));
	my ($out, $err) = run_command([ $agent, 'trace', 'show', @at, $context->{base} ]);
	like($out, qr/pg .*SELECT 'first'  1 row$/m, "round $round: shown at once");
	$node->restart if $round < 4;
}
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler');

sub drawn
{
	my ($context) = @_;
	return $node->safe_psql('postgres',
		"SELECT osprofiler.show('$context->{base}')");
}

# A statement that runs, seen from another session and from the command.
my $context = context();
my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_until(qr/begun/, "\\echo begun\nSELECT pg_sleep(600) "
	  . comment($context) . ";\n");
$node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM osprofiler.points('$context->{base}')");
like(drawn($context), qr/pg_sleep\(600\) +\(running\)$/m, 'a statement that runs');
my ($out) = run_command([ $agent, 'trace', 'show', '--no-wait', @at, $context->{base} ]);
like($out, qr/pg_sleep\(600\) +\(running\)$/m, 'to the command, too');
($out) = run_command([ $agent, 'trace', 'check', '--no-wait', @at, $context->{base} ]);
like($out, qr/is still running/, 'and to the check');
my $still = qr/Still running, begun [\d.]+ m?s ago: SELECT pg_sleep\(600\)/;
foreach ([ 'show', qr/\ATrace \S+  0 ns so far .*\n$still\n/ ], [ 'explain', qr/\A$still\.\Z/ ])
{
	my ($command, $like) = @$_;

	($out) = run_command([ $agent, 'trace', $command, '--no-wait', @at, $context->{base} ]);
	like($out, $like, "trace $command begins with it");
}
like(drawn($context), qr/\A.* so far .*\n$still\n/, 'so does show()');
like($node->safe_psql('postgres', "SELECT osprofiler.explain('$context->{base}')"), qr/\A$still\.\z/, 'so does explain()');

# Where another run directory is configured, its process is not known here; one can
# name its directory, or ask the server.
{
	local $ENV{OSPROFILER_RUN_DIR} = $node->basedir . '/elsewhere';
	my @show = ($agent, 'trace', 'show', '--no-wait', @at, $context->{base});
	my $server = 'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres';
	my $err;

	($out) = run_command(\@show);
	like($out, qr/pg_sleep\(600\) +\(running or lost: no process here knows which\)$/m,
		'a process of another run directory');
	($out, $err) = run_command([ @show, '--run-directory', $node->basedir . '/run' ]);
	like($out, qr/pg_sleep\(600\) +\(running\)$/m, 'that is named');
	is($err, '', 'without a message');
	($out, $err) = run_command([ @show, '--run-directory', $node->basedir . '/none' ]);
	like($out, qr/running or lost/, 'one that is not there');
	like($err, qr{\Aosprofiler: trace show: there is no run directory \S+/none, or it cannot be read\z},
		'is told of');
	($out) = run_command([ @show, '--server', $server ]);
	like($out, qr/pg_sleep\(600\) +\(running\)$/m, 'a server that is asked');
	# A server that answers, but not with the trace, is named without the password.
	foreach ([ 'user=nosuch', qr/role "nosuch" does not exist/ ], [ 'dbname=template1', qr/the extension is not in this database/ ])
	{
		my ($part, $why) = @$_;
		(undef, $err) = run_command([ @show, '--server', "$server $part password=hunter2" ]);
		like($err, qr/\Q$part\E.*: .*$why/, "a server without the trace is named: $part");
		like($err, qr/password=\*\*\*/, '... without its password');
		unlike($err, qr/hunter2/, '... anywhere');
	}
	($out) = run_command([ $agent, 'trace', 'check', '--no-wait', '--server', $server, @at,
		$context->{base} ]);
	like($out, qr/is still running/, 'by the check, too');
}

# A server is followed as a collector is: this one has the trace, and the client's store
# has nothing of it.
{
	my $whole = context();
	my $server = 'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres';

	$node->safe_psql('postgres', "SELECT 'followed' " . comment($whole));
	($out, my $err) = run_command([ $agent, 'trace', 'show', '--follow', '--wait', '1s',
		'--connection-string', 'sqlite:///' . $node->basedir . '/empty.db', '--server', $server,
		$whole->{base} ]);
	like($out, qr/ pg  .*SELECT 'followed'  1 row\n\nTrace $whole->{base} .*\n(?:.*\n)*.* pg  .*SELECT 'followed'/,
		'a trace of a server is followed');
	like($err, qr/\A[^\n]*following trace '$whole->{base}' in [^\n]*\z/, 'with one message');
}

# A server lists its traces, those of before and, followed, new ones. Who may not read
# them is told so.
{
	my $server = 'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres';
	my @list = ($agent, 'trace', 'list', '--json', '--server', $server);
	my $first = context();
	my $second = context();

	$node->safe_psql('postgres', "SELECT 'to be listed' " . comment($first));
	wait_for_delivery($node);
	($out) = run_command([ @list, '--limit', '1', '--text', 'TO BE listed' ]);
	like($out, qr/"base_id": "$first->{base}", "first": "2.*"operations": [1-9]\d*, .*"name": "pg", "text": "SELECT 'to be listed'"/,
		'a server lists a trace');
	unlike($out, qr/\n.*\n.*"base_id"/, 'and one only');
	($out) = run_command([ @list, '--until', '2001-01-01' ]);
	unlike($out, qr/base_id/, 'none is that old');
	is($node->safe_psql('postgres', "SELECT name || ' ' || statement || ' ' || (first <= last) || ' ' || (errors >= 0)"
			  . " FROM osprofiler.traces(now() - interval '1 h', max => 100000) WHERE base_id = '$first->{base}'"),
		"pg SELECT 'to be listed' true true", 'SQL lists it, too');

	my $listed = '';
	my $following = IPC::Run::start([ @list, '--follow' ], '>', \$listed, '2>', \my $said,
		IPC::Run::timeout(60));
	$following->pump until $said =~ /waiting for new traces in the server/;
	$node->safe_psql('postgres', "SELECT 'new' " . comment($second));
	$following->pump until $listed =~ /"base_id": "$second->{base}"/;
	pass('a new trace of a server is listed');

	# The beginning of an id is found by the server's list, where the store has none.
	$node->safe_psql('postgres', "SET osprofiler.sample_rate = 1; SELECT 'drawn'");
	wait_for_delivery($node);
	my $id = $node->safe_psql('postgres', "SELECT base_id FROM osprofiler.traces() WHERE statement = 'SELECT ''drawn'''");
	my @store = ('--connection-string', 'sqlite:///' . $node->basedir . '/empty.db', '--server', $server);
	for my $verb ('show', 'explain', 'export --format csv')
	{
		my ($shown, $said) = run_command([ $agent, 'trace', split(/ /, $verb), '--no-wait', @store, substr($id, 0, 8) ]);
		isnt($shown, '', "$verb: the beginning of an id of a server's trace") or diag($said);
	}
	for my $name ('last', 'newest')
	{
		my ($shown, $said) = run_command([ $agent, 'trace', 'show', '--no-wait', @store, $name ]);
		like($shown, qr/^Trace $id /m, "$name: the newest trace of the server, where the store has none");
		like($said, qr/\Aosprofiler: trace show: '$name' is $id, the trace that ended last in the server\z/, "$name: that is said");
	}
	my ($diff) = run_command([ $agent, 'trace', 'diff', '--no-wait', @store, substr($id, 0, 8), substr($id, 0, 13) ]);
	isnt($diff, '', 'diff: both are found');
	my (undef, $none) = run_command([ $agent, 'trace', 'show', '--no-wait', @store, 'aaaaaaaa' ]);
	like($none, qr/no trace 'aaaaaaaa' in \S+ and the server/, 'a beginning that no trace has');

	# Parts of the list say how to see more, by options that --server takes.
	for my $order ([], ['--slow'])
	{
		my $what = @$order ? 'other' : 'older';
		my ($text) = run_command([ $agent, 'trace', 'list', '--server', $server, '--limit', 1, @$order ]);
		like($text, qr/\nThere are $what traces: --limit 2, or --all\z/, "a part of the list: there are more (@$order)");
		($text) = run_command([ $agent, 'trace', 'list', '--server', $server, '--all', @$order ]);
		unlike($text, qr/There are/, "... and not behind all (@$order)");
		my $count = () = $text =~ /\n/g;
		($text) = run_command([ $agent, 'trace', 'list', '--server', $server, '--limit', $count, @$order ]);
		unlike($text, qr/There are/, "... nor if the limit is their number (@$order)");
	}
	(undef, $none) = run_command([ $agent, 'trace', 'list', '--server', $server =~ s/postgres$/template1/r ]);
	like($none, qr/CREATE EXTENSION osprofiler/, 'a database without the extension');
	(undef, $none) = run_command([ $agent, 'status', '--server', $server =~ s/postgres$/template1/r ]);
	like($none, qr/CREATE EXTENSION osprofiler/, '... asked for counters');

	# A collector's file that the shipper cannot make is no collector without traces.
	$node->append_conf('postgresql.conf', "osprofiler.connection_string = 'sqlite:////nodir/x.db'");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT current_setting('osprofiler.connection_string') ~ 'nodir'");
	$node->safe_psql('postgres', "SELECT 'lost in the spool' " . comment(context()));
	$node->poll_query_until('postgres', "SELECT spool_points > 0 AND last_error ~ 'nodir' FROM osprofiler.stat");
	my ($empty, $unlisted) = run_command([ $agent, 'trace', 'list', '--server', $server ]);
	isnt($?, 0, 'the collector cannot be made: the list fails');
	like($unlisted, qr{cannot list the traces of the server: cannot read the trace: .*/nodir/x\.db}, '... and says why');
	unlike($empty, qr/There is no trace/, '... not that there is none');
	$node->append_conf('postgresql.conf', "osprofiler.connection_string = '@{[ 'file://' . trace_file($node) ]}'");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT current_setting('osprofiler.connection_string') ~ '^file'");
	wait_for_delivery($node);

	# A server that samples does not trace the commands that read it.
	{
		local $ENV{PGOPTIONS} = '-c osprofiler.sample_rate=1';
		my @written = map {
			my ($text) = run_command([ $agent, 'status', '--server', $server ]);
			$text =~ /^points written +(\d+)$/m
		} 1 .. 2;
		is($written[1], $written[0], 'status is not traced');
	}
	$following->signal('INT');
	$following->finish;

	$node->safe_psql('postgres', 'CREATE ROLE lister LOGIN; GRANT USAGE ON SCHEMA osprofiler TO lister');
	(undef, my $err) = run_command([ $agent, 'trace', 'list', '--server', "$server user=lister" ]);
	like($err, qr/\Aosprofiler: trace list: cannot list the traces of the server: .*permission denied for function traces \(it takes a member of pg_read_all_stats\)/,
		'not to everybody');
	(my $shown, $err) = run_command([ $agent, 'trace', 'show', '--no-wait', @at, '--server', "$server user=lister", 'last' ]);
	like($err, qr/cannot list the traces of the server: .*permission denied/, "nor does 'last' see their newest");
	like($shown, qr/^Trace \S+ /, 'that of the collector is shown');

	# A server that refuses has not said that there is no such trace.
	my @empty = ('--no-wait', '--connection-string', 'sqlite:///' . $node->basedir . '/empty.db');
	for my $key ('SECRET_KEY', 'another')
	{
		local $ENV{OSPROFILER_HMAC_KEYS} = $key;
		($shown, $err) = run_command([ $agent, 'trace', 'show', @empty, '--server', "$server user=lister", $context->{base} ]);
		is($shown, '', "a server that refuses, with the key $key");
		like($err, qr/\Aosprofiler: trace show: [^\n]*permission denied/, '... its reason');
		my ($typed) = $err =~ /^osprofiler: trace show: no trace '$context->{base}' in sqlite:\/\/\S+empty\.db[^\n]*; the server has not reported whether it has it; ask it as a superuser: osprofiler (trace show --server '[^']+' $context->{base})$/m;
		ok($typed, '... nobody says that the server has no such trace') or diag($err);
		unlike($err, qr/and the server/, '... not in other words, either');
		my ($verb, $place, $name) = ($typed // '') =~ /^(trace show --server) '(.*)' (\S+)$/;
		($shown) = run_command([ $agent, split(/ /, $verb // ''), $place // '', @empty, $name // '' ]);
		like($shown, qr/pg_sleep/, '... and what is proposed shows it');
	}
	($shown, $err) = run_command([ $agent, 'trace', 'show', @empty, '--server', "$server user=nosuch", $context->{base} ]);
	like($err, qr/^osprofiler: trace show: no trace '$context->{base}' in [^\n]*; the server has not reported whether it has it$/m, 'a server that lets nobody in');
	(undef, $err) = run_command([ @list, @at ]);
	like($err, qr/make no sense with it/, 'a server or a collector');
}

# Killed: nobody says how it ended, and nobody runs it.
my $pid = $node->safe_psql('postgres',
	"SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%'");
kill 'KILL', $pid;
eval { $session->quit };
wait_until_up($node);
like(drawn($context), qr/pg_sleep\(600\) +\(running or lost: no process here knows which\)$/m,
	'its process is gone');

# Terminated: its tracer says how it ended.
$context = context();
$session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_until(qr/begun/, "\\echo begun\nSELECT pg_sleep(600) "
	  . comment($context) . ";\n");
$node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM osprofiler.points('$context->{base}')");
$node->safe_psql('postgres',
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%'");
eval { $session->quit };
$node->poll_query_until('postgres',
	"SELECT count(finished) = 1 FROM osprofiler.points('$context->{base}')");
unlike(drawn($context), qr/running|lost/, 'a terminated statement');

# A ring that is full: its statements have lost starts and ends.
$context = context();
my $shipper = shipper_pid($node);
kill 'STOP', $shipper;
my $many = join "\n", (comment($context) . " SELECT repeat('x', 10);") x 2000;
my $lossy = $node->background_psql('postgres');
$lossy->query_safe("DO \$\$ BEGIN FOR i IN 1 .. 2000 LOOP PERFORM i; END LOOP; END \$\$ "
	  . comment($context));
kill 'CONT', $shipper;
wait_for_delivery($node);
$lossy->query_safe("SELECT 'after the loss' " . comment($context));
$lossy->quit;
wait_for_delivery($node);
my $drawn = drawn($context);
like($drawn, qr/\ATrace .* operations  \d+ points lost /, 'lost points are in the head');
unlike($drawn, qr/running|interrupted/, 'nothing of it runs');
like($drawn, qr/\((?:end|start) lost\)/, 'lost ends are called so');
($out) = run_command([ $agent, 'trace', 'check', @at, $context->{base} ]);
like($out, qr/^\d+ points lost$/m, 'the check says it');

# Values that JSON or Python know and PostgreSQL does not.
$context = context();
my %odd = (
	'huge' => '1e999999999',
	'tiny' => '-1e-999999999',
	'long exponent' => '1e99999999999999999999',
	'digits' => '9' x 140_000,
	'behind' => '0.' . '1' x 20_000,
	'nan' => 'NaN',
	'infinity' => '-Infinity',
	'number' => '-12.5e3',
	'in a text' => '"1e999999999, NaN"',
	'escape' => '"\\\\\\" 1e999999999 \\u0000 \\ud800"',
);
open my $file, '>>', trace_file($node) or die;
printf $file '{"name": "x-start", "base_id": "%s", "trace_id": "x", "parent_id": "%s", '
  . '"timestamp": "2026-11-22T15:56:58.022333", "info": {%s, "list": [1e999999999,NaN, 1], '
  . '"host": "h"}, "project": null, "service": null}' . "\n",
  $context->{base}, $context->{base},
  join(', ', map { "\"$_\": $odd{$_}" } sort keys %odd);
close $file;
my $row = sub {
	my ($key) = @_;
	return $node->safe_psql('postgres',
		"SELECT jsonb_typeof(info->'$key') || ' ' || left(info->>'$key', 30) "
		  . "FROM osprofiler.points('$context->{base}')");
};
is($row->('huge'), 'string 1e999999999', 'a number too large');
is($row->('tiny'), 'string -1e-999999999', 'a number too small');
is($row->('long exponent'), 'string 1e99999999999999999999', 'a long exponent');
is($row->('digits'), 'string ' . '9' x 30, 'too many digits');
is($row->('behind'), 'string 0.' . '1' x 28, 'too many digits behind the point');
is($row->('nan'), 'string NaN', 'NaN');
is($row->('infinity'), 'string -Infinity', 'infinity');
is($row->('number'), 'number -12500', 'a number stays one');
is($row->('in a text'), 'string 1e999999999, NaN', 'text stays as it is');
is($row->('escape'), "string \\\" 1e999999999 \x{ef}\x{bf}\x{bd} \x{ef}\x{bf}\x{bd}", 'escapes');
is($row->('list'), 'array ["1e999999999", "NaN", 1]', 'in a list');

$node->stop;
done_testing();
