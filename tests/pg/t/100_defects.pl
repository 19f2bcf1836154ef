# SPDX-License-Identifier: Apache-2.0

# What is known to bring down, or to mislead, tracers inside PostgreSQL: each of
# it is done here, and the server lives, the statements give what they give, and
# the points are those that they must be.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('defects');
$node->append_conf(
	'postgresql.conf', q{
max_prepared_transactions = 2
max_stack_depth = '1MB'
osprofiler.on_full = 'wait'
osprofiler.ring_size = '16MB'
osprofiler.max_points = 200000
});
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler');
my $agent = $ENV{OSPROFILER_TEST_AGENT} || 'osprofiler';

# Runs traced SQL; the context and what psql said.
sub traced
{
	my ($sql, %options) = @_;
	my $context = context();
	my ($ret, $out, $err) =
	  $node->psql('postgres', set_context($context) . "\n$sql", %options);

	return ($context, $out, $err);
}

# Waits for a whole trace, which our own command judges.
sub whole
{
	my ($context, $count, $what) = @_;

	wait_until_shipped($node, $context, $count);
	is(count_points($node, $context), $count, "$what: all points");
	command_ok(
		[
			$agent, 'trace', 'check', '--connection-string',
			'file://' . trace_file($node), $context->{base}
		],
		"$what: the trace is whole");
}

# How many points have each text.
sub texts
{
	my %count;

	$count{$_}++ for @{ shape(@_) };
	return \%count;
}

# pgbench, every connection with a context from the start.
sub pgbench
{
	my ($context, $script, @options) = @_;
	my $file = $node->basedir . '/script.sql';

	write_file($file, $script, 0600);
	local $ENV{PGOPTIONS} = $context
	  ? "-c osprofiler.trace_info=$context->{info}"
	  . " -c osprofiler.trace_hmac=$context->{hmac}"
	  : '';
	command_ok(
		[
			'pgbench', '-n', @options, '-f', $file, '-h', $node->host,
			'-p', $node->port, 'postgres'
		],
		"pgbench @options");
}

# B1: a FOR loop over a query, with a statement in its body.
foreach my $rows (1, 2, 5, 60, 1000)
{
	my ($context, $out, $err) = traced(
		qq{DO \$\$ DECLARE r record; x int; BEGIN
FOR r IN SELECT g FROM generate_series(1, $rows) g LOOP
	SELECT count(*) INTO x FROM pg_am; END LOOP; END \$\$});
	whole($context, 2 * ($rows + 2), "FOR loop over $rows rows");
	is( scalar(
			grep { /^SELECT count.*FROM pg_am/ }
			  @{ shape(points($node, $context)) }),
		$rows,
		'a point for each time round');
}

# B1b: the rows of a parallel plan come from workers only.
$node->safe_psql('postgres',
	'CREATE TABLE wide AS SELECT g FROM generate_series(1, 20000) g; ANALYZE wide');
my $settings = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;'
  . ' SET min_parallel_table_scan_size = 0;'
  . ' SET parallel_leader_participation = off;';
my $parallel = context();
$node->safe_psql('postgres',
	    $settings
	  . set_context($parallel)
	  . 'SELECT 1 FROM wide LIMIT 1;' x 50
	  . 'SELECT count(*) FROM wide a JOIN wide b USING (g);' x 10);
whole($parallel, 120, 'parallel plans without the leader');

# B1c: an open cursor comes out of a function.
$node->safe_psql(
	'postgres', q{
CREATE FUNCTION open_cursor(c refcursor) RETURNS refcursor LANGUAGE plpgsql AS
	$$ BEGIN OPEN c FOR SELECT g FROM generate_series(1, 10) g; RETURN c; END $$;
CREATE FUNCTION forever(n int) RETURNS int LANGUAGE sql VOLATILE AS
	'SELECT forever(n + 1) + (SELECT count(*)::int FROM pg_am)';
CREATE FUNCTION deep(n int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN IF n = 0 THEN RETURN 0; END IF; RETURN 1 + (SELECT deep(n - 1)); END $$;
CREATE FUNCTION many(n int) RETURNS void LANGUAGE plpgsql AS
	$$ BEGIN FOR i IN 1 .. n LOOP PERFORM count(*) FROM pg_am WHERE oid = i;
	END LOOP; END $$;
});
my ($cursor, $out, $err) = traced(
	q{BEGIN; SELECT open_cursor('c'); FETCH 3 FROM c; FETCH 3 FROM c; COMMIT});
like($out, qr/^c\n1\n2\n3\n4\n5\n6$/m, 'a cursor that a function returns');
whole($cursor, 16, 'a cursor that a function returns');

# B1c: recursion without end, and nesting of hundreds of levels.
(my $forever, $out, $err) = traced('SELECT forever(1)');
like($err, qr/stack depth limit exceeded/, 'recursion without end');
my @points = wait_for_points($node, $forever, 4);
is(scalar(grep { /no stop|stops:/ } @{ shape(@points) }),
	0, 'every start has a stop');
(my $deep, $out, $err) =
  traced("SET max_stack_depth = '6MB'; SELECT deep(400)");
is($out, 400, 'nesting of 400 levels');
whole($deep, 2 * 402, 'nesting of 400 levels');

# B1d: as many nested statements as you like, and no memory for them.
my $data = "(regexp_match(pg_read_file('/proc/self/status', 0, 8000),"
  . " 'VmData:\\s*(\\d+)'))[1]::int";
(my $many, $out, $err) =
  traced("SELECT many(1000); SELECT $data; SELECT many(100000); SELECT $data");
my ($before, $after) = $out =~ /(\d+)/g;
cmp_ok($after - $before, '<', 2048, 'kB for 100,000 nested statements');
whole($many, 2 * (101_000 + 4), '100,000 nested statements');

# B2: a utility statement that fails, untraced, changes nothing for the next.
my $next = context();
$node->psql(
	'postgres',
	'DROP TABLE no_such_table; SELECT 1 ' . comment($next) . ';',
	on_error_stop => 0);
$node->psql(
	'postgres',
	"DROP TABLE no_such_table;\nCALL no_such_procedure();\nSELECT 2 "
	  . comment($next)
	  . ";\n",
	on_error_stop => 0);
is_deeply(shape(wait_for_points($node, $next, 4)),
	[ 'SELECT 1', 'SELECT 2' ], 'after a utility statement that failed');

# B3: a context is one statement's, not the connection's.
my $stale = context();
pgbench(
	undef,
	'SELECT 1 ' . comment($stale) . ";\nSELECT 2;\nBEGIN;\nSELECT 3;\nEND;\n",
	'-M', 'prepared', '-c', 1, '-t', 5);
is_deeply(texts(wait_for_points($node, $stale, 2)),
	{ 'SELECT 1' => 1 }, 'the context of a prepared text is that of its first execution');

# B4: passwords and points are not for everybody.
my ($secret) = traced(
	"CREATE ROLE nobody LOGIN PASSWORD 'hunter2';\n"
	  . "ALTER ROLE nobody PASSWORD 'hunter3';\n"
	  . "DO \$\$ BEGIN ALTER USER nobody PASSWORD 'hunter4'; END \$\$;\n"
	  . "ALTER ROLE nobody PASSWORD 'hunter5;\n",
	on_error_stop => 0);
wait_for_points($node, $secret, 8);
ok(slurp_file(trace_file($node)) !~ /hunter\d/, 'no password');
$out = $node->safe_psql(
	'postgres', q{
SELECT string_agg(p.proname, ' ' ORDER BY p.proname) FROM pg_proc p
WHERE p.pronamespace = 'osprofiler'::regnamespace
	AND has_function_privilege('nobody', p.oid, 'EXECUTE')});
is($out, 'challenge context headers init notifications set_context start stop traceparent',
	'what everybody may call');
foreach my $sql ('SHOW osprofiler.hmac_keys', 'TABLE osprofiler.stat',
	'SHOW osprofiler.connection_string')
{
	my ($ret, $stdout, $stderr) =
	  $node->psql('postgres', "SET ROLE nobody; $sql");

	like($stderr, qr/permission denied|must be superuser/, "denied: $sql");
}
my @modes = map { (stat $_)[2] & 077 } glob $node->basedir . '/run/*';
ok(@modes > 0 && !grep({ $_ } @modes), 'the rings are the server\'s alone');

# B5, B6, B7: each point has its own text, with many sessions and many texts.
my $one = context();
my $distinct = '';
$distinct .= "INSERT INTO wide VALUES ($_);\n" for 1 .. 5000;
$node->safe_psql('postgres', set_context($one) . "\n$distinct");
my $texts = texts(wait_for_points($node, $one, 10000));
is(scalar(keys %$texts), 5000, 'statements that are all different');
my @loads = map { context() } 1 .. 3;
pgbench(
	undef,
	join('', map { "SELECT '$_->{base}' " . comment($_) . ";\n" } @loads),
	'-c', 4, '-j', 2, '-t', 100);
foreach my $load (@loads)
{
	is_deeply(
		texts(wait_for_points($node, $load, 800)),
		{ "SELECT '$load->{base}'" => 400 },
		'texts do not get mixed up');
}

# B13: a prepared statement belongs to the context that it is executed under.
my ($first, $second) = (context(), context());
pgbench(undef,
	    join("\n", split /(?<=;) /, set_context($first)) . "\nSELECT 1;\n"
	  . join("\n", split /(?<=;) /, set_context($second)) . "\nSELECT 1;\n",
	'-M', 'prepared', '-c', 1, '-t', 10);
is_deeply(texts(wait_for_points($node, $first, 20)),
	{ 'SELECT 1' => 10 }, 'a prepared statement, the first context');
is_deeply(texts(wait_for_points($node, $second, 20)),
	{ 'SELECT 1' => 10 }, 'and the second');

# B14: a transaction that is prepared for two-phase commit.
my $phase = context();
my $after_it = context();
$node->safe_psql('postgres',
	    set_context($phase)
	  . "\nBEGIN; INSERT INTO wide VALUES (1); PREPARE TRANSACTION 'one';\n"
	  . set_context($after_it)
	  . "\nSELECT 'next';\nCOMMIT PREPARED 'one';\n");
whole($phase, 6, 'PREPARE TRANSACTION');
is_deeply(
	shape(points($node, $phase)),
	[ 'BEGIN', 'INSERT INTO wide VALUES (1)', "PREPARE TRANSACTION 'one'" ],
	'its points');
whole($after_it, 4, 'after it');
is_deeply(
	shape(points($node, $after_it)),
	[ "SELECT 'next'", "COMMIT PREPARED 'one'" ],
	'the next trace has only its own');

is(count_in_log($node, 'PANIC|terminated by signal'), 0, 'no crash');
$node->stop;
done_testing();
