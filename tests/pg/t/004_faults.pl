# SPDX-License-Identifier: Apache-2.0

# Wrong settings and missing parts: one line in the log, nothing else.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('faults');
my $dir = $node->basedir;
my $file = trace_file($node);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler');

sub set
{
	my (%settings) = @_;

	$node->append_conf('postgresql.conf', "$_ = '$settings{$_}'")
	  for keys %settings;
	$node->reload;
	sleep 1;
}

# Traces two statements in one session; they work as if nothing were wrong.
sub run
{
	my ($context, $what) = @_;
	my $out =
	  $node->safe_psql('postgres', set_context($context) . 'SELECT 1; SELECT 2');

	is($out, "1\n2", "statements work: $what");
}

my @expected = ('SELECT 1', 'SELECT 2');

# The program is not there: points wait.
my $agent = $node->safe_psql('postgres', 'SHOW osprofiler.agent');
my $missing = context();
set('osprofiler.agent' => "$dir/no_such_program");
run($missing, 'no agent');
sleep 1;
is_deeply(shape(points($node, $missing)), [], 'nothing is shipped');
is(count_in_log($node, 'cannot run "[^"]*no_such_program"'),
	1, 'one line in the log');
my ($status) = run_command([ $agent, 'status', '--server', $node->connstr('postgres') ]);
like($status,
	qr/\A\d+ bytes wait in rings, and no shipper is at work; they are delivered once the error of \S+ is corrected: cannot run "[^"]*no_such_program": No such file/,
	'and the status says it');

# One that ends at once is the error of now, whatever was wrong before.
set('osprofiler.agent' => '/bin/false');
ok($node->poll_query_until('postgres', "SELECT last_error = 'the agent ended with status 1' FROM osprofiler.stat"),
	'a program that ends at once: the status says it');
set('osprofiler.agent' => $agent);
is_deeply(shape(wait_for_points($node, $missing, 4)),
	\@expected, 'when it is there, they are delivered');

# A scheme without a plug-in, a collector that does not work: likewise.
foreach my $uri ('nosuchscheme://host/', 'file:///proc/no/such/file',
	'redis://localhost:1/0')
{
	my $context = context();

	set('osprofiler.connection_string' => $uri);
	run($context, $uri);
	set('osprofiler.connection_string' => "file://$file");
	is_deeply(shape(wait_for_points($node, $context, 4)),
		\@expected, "delivered later: $uri");
}
is(count_in_log($node, 'osprofiler agent: .*nosuchscheme'),
	1, 'one line in the log');

# A setting that makes no sense is refused, and the one before stays.
my $nonsense = context();
set('osprofiler.connection_string' => 'nonsense');
my ($ret, $out, $err) =
  $node->psql('postgres', set_context($nonsense) . 'SELECT 1; SELECT 2');
is($out, "1\n2", 'statements work: a wrong value');
like($err, qr/invalid value for parameter "osprofiler.connection_string"/,
	'which is refused');
is_deeply(shape(wait_for_points($node, $nonsense, 4)),
	\@expected, 'the one before stays');
set('osprofiler.connection_string' => "file://$file");

# A run directory that cannot be made, or is not safe.
write_file("$dir/not_a_directory", '', 0600);
mkdir "$dir/open_to_all";
chmod 0777, "$dir/open_to_all";
foreach my $path ("$dir/not_a_directory", "$dir/open_to_all")
{
	my $context = context();
	my $before = count_in_log($node, 'nothing is traced in this session');

	set('osprofiler.run_directory' => $path);
	run($context, $path);
	is(count_in_log($node, 'nothing is traced in this session') - $before,
		1, 'one line in the log');
}
my $reason = $node->safe_psql('postgres',
	set_context(context()) . 'SELECT active, reason FROM osprofiler.context()');
like($reason, qr/^f\|.*open_to_all/, 'and osprofiler.context() says why');

# A session whose statements all fail says so, too, though not in the middle of an error.
{
	my $before = count_in_log($node, 'nothing is traced in this session');

	mkdir "$dir/open_to_fail";
	chmod 0777, "$dir/open_to_fail";
	set('osprofiler.run_directory' => "$dir/open_to_fail");
	$node->psql('postgres', 'SET osprofiler.sample_rate = 1; SET osprofiler.min_duration = 200; SELECT 1/0;');
	is(count_in_log($node, 'nothing is traced in this session') - $before,
		1, 'a session in which all fails says that it is not traced');
	is(count_in_log($node, 'Such sessions are counted'), 0, 'no count is promised where none can be kept');
}

# Another run directory, by a reload, in a session that traced already.
my $moved = context();
mkdir "$dir/run2", 0700;
set('osprofiler.run_directory' => "$dir/run");
$node->safe_psql('postgres',
	    set_context($moved)
	  . "SELECT 1;\nSELECT pg_sleep(1);\n"
	  . "\\! echo \"osprofiler.run_directory = '$dir/run2'\" >> "
	  . $node->data_dir
	  . "/postgresql.conf\n"
	  . "SELECT pg_reload_conf();\nSELECT pg_sleep(0.5);\nSELECT 2;\n");
my $shape = shape(wait_for_points($node, $moved, 10));
is($shape->[0], 'SELECT 1', 'before the move');
is($shape->[-1], 'SELECT 2', 'after the move');

# A ring that is full drops points, and says so.
my $full = context();
set('osprofiler.ring_size' => '64kB', 'osprofiler.agent' => '/nonexistent');
$node->safe_psql('postgres',
	set_context($full)
	  . "DO \$\$ BEGIN FOR i IN 1..2000 LOOP PERFORM count(*)"
	  . " FROM pg_class WHERE relname = i::text; END LOOP; END \$\$");
my $dropped =
  $node->safe_psql('postgres', 'SELECT dropped FROM osprofiler.stat');
cmp_ok($dropped, '>', 1000, 'points that find no room are dropped');
set('osprofiler.agent' => $agent);
ok(scalar(wait_for_points($node, $full, 10)), 'the others are delivered');
my %seen = map { $_->{trace_id} => 1 } points($node, $full);
$seen{ $full->{base} } = 1;
is(scalar(grep { !$seen{ $_->{parent_id} } } points($node, $full)),
	0, 'and all parents exist');

# A session for whose ring there is no room is not traced, and counted once. Of all such
# sessions of the server there is one line in the log.
my $lines = count_in_log($node, 'nothing is traced in this session');
set('osprofiler.ring_total' => '64kB');
my $beyond = context();
like(
	$node->safe_psql(
		'postgres', set_context($beyond) . "SELECT 7;\nSELECT 8;\nSELECT 9;"),
	qr/9$/,
	'a session beyond the bound of all rings works');
is($node->safe_psql('postgres', 'SELECT untraced FROM osprofiler.stat'),
	1, 'it is counted');
$node->safe_psql('postgres', set_context(context()) . 'SELECT 10') for 1 .. 20;
is($node->safe_psql('postgres', 'SELECT untraced FROM osprofiler.stat'),
	21, 'so are others');
is(count_in_log($node, 'nothing is traced in this session') - $lines,
	1, 'one line in the log for all of them');
is(count_in_log($node, 'Such sessions are counted'), 1, 'which names the count');
set('osprofiler.ring_total' => '128MB');

# The same of a directory that no session can use, in which nothing can be noted, and of
# keys that no session can read.
foreach my $fault (
	[ 'osprofiler.run_directory', "$dir/run", "$dir/open_to_others", 'nothing is traced in this session' ],
	[ 'osprofiler.hmac_keys_file', "$dir/keys", "$dir/no_keys", 'no keys, no signed context is accepted' ])
{
	my ($setting, $good, $bad, $words) = @$fault;
	my $before = count_in_log($node, $words);

	mkdir $bad if $setting =~ /directory/;
	chmod 0777, $bad;
	set($setting => $bad);
	$node->safe_psql('postgres', set_context(context()) . 'SELECT 11') for 1 .. 20;
	is(count_in_log($node, $words) - $before, 1, "$setting: one line for all sessions");
	set($setting => $good);
}

is(count_in_log($node, 'PANIC|terminated by signal 11'), 0, 'no crash');
$node->stop;
done_testing();
