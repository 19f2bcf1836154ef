# SPDX-License-Identifier: Apache-2.0

# Secrets of settings: with files, no process shows them and no log has them; in a
# setting there is one warning at each start and reload, which names the file.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $agent = $ENV{OSPROFILER_TEST_AGENT} || 'osprofiler';
my $node = new_node('secrets', allows_streaming => 1);
my $collector = $node->basedir . '/collector';
my $file = 'file://' . trace_file($node);
my $secret = 'hunter2';
my $port = PostgreSQL::Test::Cluster::get_free_port();

# Nobody listens there; a password stands in the string.
write_file($collector, "# where traces go\n\n  redis://:$secret\@127.0.0.1:$port/0\n",
	0600);
write_file($node->basedir . '/keys', "$secret-key\n", 0600);
$node->append_conf('postgresql.conf', qq{
osprofiler.connection_string = ''
osprofiler.connection_string_file = '$collector'
autovacuum_naptime = 1
autovacuum_vacuum_threshold = 1
autovacuum_analyze_threshold = 1
log_autovacuum_min_duration = 0
});
$node->start;

# Before PostgreSQL 15 a replication connection loads session_preload_libraries, too.
my $loads_late = $node->safe_psql('postgres', 'SHOW server_version_num') >= 150000;
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler');

my @names = map { ("osprofiler.$_", "osprofiler.${_}_file") }
  qw(connection_string hmac_keys);

# All that a process shows of these settings, as one text.
sub shown_by_replication
{
	my ($of) = @_;
	return join "\n", map {
		my ($out, $err) = ('', '');
		$of->psql('postgres', "SHOW $_", stdout => \$out, stderr => \$err,
			replication => '1');
		"$out $err"
	} @names;
}

# An index function that autovacuum calls logs what it is shown: how often it did.
sub shown_by_autovacuum
{
	my ($of) = @_;
	my $before = count_in_log($of, 'autovacuum sees: ');
	$of->safe_psql('postgres', q{
		DROP TABLE IF EXISTS t, seen;
		CREATE TABLE seen (what text);
		CREATE OR REPLACE FUNCTION look(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
		BEGIN
			IF (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid())
				= 'autovacuum worker' THEN
				RAISE LOG 'autovacuum sees: %', (SELECT string_agg(
					coalesce(current_setting('osprofiler.' || n, true), ''), ' ')
				FROM unnest(ARRAY['connection_string', 'hmac_keys']) n);
			END IF;
			RETURN $1;
		END $$;
		CREATE TABLE t AS SELECT g FROM generate_series(1, 1000) g;
		CREATE INDEX ON t (look(g));
		INSERT INTO t SELECT generate_series(1, 1000);
		DELETE FROM t});
	for (1 .. 600)
	{
		last if count_in_log($of, 'autovacuum sees: ') > $before;
		usleep(100_000);
	}
	return count_in_log($of, 'autovacuum sees: ') - $before;
}

# A session that loads the module late.
sub shown_before_load
{
	my ($of) = @_;
	local $ENV{PGOPTIONS} = '-c session_preload_libraries=';
	my ($out, $err) = ('', '');
	$of->psql('postgres', join(';', map { "SHOW $_" } @names),
		stdout => \$out, stderr => \$err, on_error_stop => 0);
	return "$out $err";
}

foreach my $preload ('session_preload_libraries', 'shared_preload_libraries')
{
	if ($preload eq 'shared_preload_libraries')
	{
		$node->append_conf('postgresql.conf',
			"session_preload_libraries = ''\n$preload = 'osprofiler'");
		$node->restart;
	}
	my $seen = shown_by_replication($node) . shown_before_load($node);

	unlike($seen, qr/\Q$secret/, "files, $preload: nobody is shown a secret");
	like($seen, qr/\Q$collector/, 'only the name of the file');
	cmp_ok(shown_by_autovacuum($node), '>', 0, 'autovacuum has looked');
	my $context = context("$secret-key");
	$node->safe_psql('postgres', set_context($context) . 'SELECT 1');
	$node->append_conf('postgresql.conf', "osprofiler.service = '$preload'");
	write_file($collector, "redis://:$secret-2\@127.0.0.1:$port/0\n", 0600);
	$node->reload;
	$node->poll_query_until('postgres',
		'SELECT last_error IS NOT NULL FROM osprofiler.stat')
	  or diag('the collector that is down is not noticed');
	unlike($node->safe_psql('postgres', 'SELECT * FROM osprofiler.stat'),
		qr/\Q$secret/, 'nor in the last error');
	my (undef, undef, $err) = $node->psql('postgres',
		"SELECT osprofiler.show('$context->{base}')");
	unlike($err, qr/\Q$secret/, 'nor in the error of a reader');
	like($err, qr/cannot read the trace/, 'which says that nobody is there');
}
unlike(slurp_file($node->logfile), qr/\Q$secret/, 'files: no log has a secret');
is(count_in_log($node, 'holds a secret'), 0, 'files: there is no warning');

# The string of the file counts, and is read again by a reload.
my $context = context("$secret-key");
write_file($collector, "$file\n", 0600);
$node->reload;
$node->safe_psql('postgres', set_context($context) . "SELECT 'to the file'");
is_deeply(shape(wait_for_points($node, $context, 2)),
	[q(SELECT 'to the file')], 'a reload reads the file again');
my ($read) = $node->safe_psql('postgres',
	"SELECT count(*) FROM osprofiler.points('$context->{base}')");
is($read, 1, 'a reader in SQL reads it, too');

# What is wrong with the file is said, and nothing goes anywhere else.
my @wrong = (
	[ "$file\n", 0644, 'others must neither' ],
	[ "$file\n$file\n", 0600, 'more than one connection string' ],
	[ "# nothing\n", 0600, 'holds no connection string' ],
	[ "nonsense\n", 0600, 'begins with a scheme' ],
	[ "sqlite:///tmp/x.db\n", 0600, 'sqlite:////tmp/x.db' ]);
foreach my $case (@wrong)
{
	my ($text, $mode, $message) = @$case;
	my $wrong = context("$secret-key");

	write_file($collector, $text, $mode);
	$node->reload;
	ok(wait_for_log_line($node, "no collector.*$message"), "said: $message");
	my (undef, undef, $err) = $node->psql('postgres',
		set_context($wrong) . " SELECT 1; SELECT osprofiler.show('x')");
	like($err, qr/$message/, 'and to a reader');
	$node->poll_query_until('postgres', "SELECT last_error LIKE '%' || \$m\$$message\$m\$ || '%' FROM osprofiler.stat")
	  or diag('osprofiler.stat does not have it');
	foreach my $of ([ '--server', $node->connstr('postgres') ], [ '--run-directory', $node->safe_psql('postgres', 'SELECT run_directory FROM osprofiler.stat') ])
	{
		my ($out) = run_command([ $agent, 'status', @$of ]);
		like($out, qr/\A\d+ bytes wait in rings, and no shipper is at work; they are delivered once the error of \S+ is corrected: [^\n]*$message/,
			"and to who asks for the status by $of->[0]");
	}
	unlink $collector;
	write_file($collector, "$file\n", 0600);
	$node->reload;
	is_deeply(shape(wait_for_points($node, $wrong, 4))->[0],
		'SELECT 1', 'once it is right, it arrives');
}
ok(!-e $node->data_dir . '/tmp', 'no relative path was made');

# After a collector that did not work, what is wrong with the file is said, not the
# last error of that collector, whose agent ends a moment later.
my $second = context("$secret-key");
write_file($collector, "file:///proc/no/such/file\n", 0600);
$node->reload;
$node->psql('postgres', set_context($second) . ' SELECT 1');
ok($node->poll_query_until('postgres', "SELECT last_error LIKE '%/proc/no/such%' AND spool_points > 0 FROM osprofiler.stat"),
	'a collector that does not work');
write_file($collector, "nonsense\n", 0600);
$node->reload;
ok(wait_for_log_line($node, 'no collector.*begins with a scheme'), '... and then a file that is wrong');
usleep(1_000_000);
my ($told) = run_command([ $agent, 'status', '--server', $node->connstr('postgres') ]);
like($told, qr/\A\d+ points wait in the spool.*; no shipper is at work \([^)]*\); last error of the collector, at \S+: [^\n]*begins with a scheme/,
	'... the status has the reason of now');
unlink $collector;
write_file($collector, "$file\n", 0600);
$node->reload;
is_deeply(shape(wait_for_points($node, $second, 2))->[0], 'SELECT 1', '... once it is right, it arrives');
$node->stop;

sub wait_for_log_line
{
	my ($of, $pattern) = @_;
	for (1 .. 300)
	{
		return 1 if count_in_log($of, $pattern) > 0;
		usleep(100_000);
	}
	return 0;
}

# Secrets in settings: a warning for each of them, at a start and at a reload.
foreach my $preload ('session_preload_libraries', 'shared_preload_libraries')
{
	my $clear = new_node("clear_$preload", allows_streaming => 1);
	my $uri = "redis://user:$secret\@127.0.0.1:$port/0";
	my $warnings = sub {
		return map { count_in_log($clear, "$_ holds a secret") }
		  qw(osprofiler.connection_string osprofiler.hmac_keys);
	};

	$clear->append_conf('postgresql.conf', qq{
session_preload_libraries = ''
$preload = 'osprofiler'
osprofiler.connection_string = '$uri'
osprofiler.hmac_keys = '$secret'
});
	$clear->start;
	$clear->safe_psql('postgres', 'SELECT 1') for 1 .. 3;
	is_deeply([ $warnings->() ], [ 1, 1 ], "settings, $preload: one warning each");
	my $shown = $preload =~ /^session/ && $loads_late ? 'shows' : 'hides';
	is( shown_by_replication($clear) =~ /\Q$secret/ ? 'shows' : 'hides',
		$shown, "a replication connection $shown them, as the docs say");
	is(count_in_log($clear, "HINT: .*osprofiler.${_}_file"),
		1, "which names the file: $_")
	  for qw(connection_string hmac_keys);
	$clear->safe_psql('postgres', set_context(context($secret)) . 'SELECT 1');
	is_deeply([ $warnings->() ], [ 1, 1 ], 'the shipper says no more');
	usleep(1_200_000);
	$clear->reload;
	usleep(300_000);
	$clear->safe_psql('postgres', 'SELECT 1') for 1 .. 3;
	is_deeply([ $warnings->() ], [ 2, 2 ], 'one more after a reload');
	$clear->append_conf('postgresql.conf', qq{
osprofiler.connection_string = 'redis://127.0.0.1:$port/0'
osprofiler.hmac_keys = ''
});
	usleep(1_200_000);
	$clear->reload;
	usleep(300_000);
	$clear->safe_psql('postgres', 'SELECT 1') for 1 .. 3;
	is_deeply([ $warnings->() ], [ 2, 2 ], 'none without a secret');
	$clear->stop;
}

done_testing();
