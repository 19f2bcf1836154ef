# SPDX-License-Identifier: Apache-2.0

# incident_sessions.pl
#	  Incidents of several sessions in one trace, which wait for each other.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use lib "$FindBin::RealBin/../pg/lib";
use Incident;
use IPC::Run qw(finish);
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_server('sessions', "jit = off\ndeadlock_timeout = '1s'\n");

$node->safe_psql('postgres', q{
CREATE TABLE stock (id int PRIMARY KEY, n int);
INSERT INTO stock SELECT g, 0 FROM generate_series(1, 10) g;
});

# The script of a session of a trace.
sub session
{
	my ($context, $name, $sql) = @_;

	return background($node,
		"SET application_name = '$name';\n" . set_context($context) . "\n$sql");
}

sub waits_for_lock
{
	my ($name) = @_;

	return wait_until($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE"
		  . " application_name = '$name' AND wait_event_type = 'Lock'");
}

# The rule's finding, and how long the longest operation of a name took, in ms.
sub finding
{
	my ($why, $rule) = @_;
	my ($found) = grep { $_->{rule} eq $rule } @{ $why->{findings} };

	ok($found, "$rule is found") or diag Incident::explain_text($why);
	return $found // { cause => '', evidence => '', next_step => '' };
}

# A chain: the first session holds a row and is slow, the second has another row and
# waits for that, the third waits for the second.
my $context = context();
my $first = session($context, 'first',
	"BEGIN;\nUPDATE stock SET n = 1 WHERE id = 1;\nSELECT pg_sleep(1.6);\nCOMMIT;");
wait_until($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
my $second = session($context, 'second',
	"BEGIN;\nUPDATE stock SET n = 2 WHERE id = 2;\nUPDATE stock SET n = 2 WHERE id = 1;\nCOMMIT;");
waits_for_lock('second');
my $third = session($context, 'third', "UPDATE stock SET n = 3 WHERE id = 2;");
finish $_->{psql} for $first, $second, $third;
wait_for_delivery($node);
my $why = why($node, $context->{base});
my $found = finding($why, 'lock_wait');
is($found->{figures}{waits}, 2, 'chain: two waits');
like($found->{cause}, qr/^2 waits for locks took [23]\.\d+ s; the longest: /, 'chain: as many, and in all their time');
like($found->{evidence}, qr/; it counts as .* of the trace, for others were at work meanwhile/, 'chain: and what it counts as');
unlike($found->{next_step}, qr/trace show/, 'chain: this trace is not referred to');
like($found->{next_step}, qr/^What the transaction that held the lock did is in this trace, too: process \d+, whose last statement before the wait was SELECT pg_sleep\(1\.6\)\. /,
	'chain: but the process in it');

# A deadlock.
$context = context();
$first = session($context, 'first',
	"BEGIN;\nUPDATE stock SET n = 1 WHERE id = 3;\nSELECT pg_sleep(0.5);\nUPDATE stock SET n = 1 WHERE id = 4;\nCOMMIT;");
wait_until($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
$second = session($context, 'second',
	"BEGIN;\nUPDATE stock SET n = 2 WHERE id = 4;\nUPDATE stock SET n = 2 WHERE id = 3;\nCOMMIT;");
finish $_->{psql} for $first, $second;
wait_for_delivery($node);
$found = finding(why($node, $context->{base}), 'deadlock');
like($found->{cause}, qr/^A statement was cancelled because of a deadlock, after 1\.\d+ s in all\.$/,
	'deadlock: not before deadlock_timeout');

# A request that hangs behind many short statements: in a lock, and in a commit that no
# standby confirms. What is said names that, and not only what came before.
foreach my $hang (
	[ 'lock', 'UPDATE stock SET n = 5 WHERE id = 5;', 'UPDATE stock SET n = 5 WHERE id = 5' ],
	[ 'commit', "BEGIN;\nUPDATE stock SET n = 6 WHERE id = 6;\nCOMMIT;", 'COMMIT' ])
{
	my ($name, $sql, $running) = @$hang;
	my $holder = $node->background_psql('postgres');

	$holder->query_safe('BEGIN; UPDATE stock SET n = n + 1 WHERE id = 5');
	if ($name eq 'commit')
	{
		$node->append_conf('postgresql.conf', "synchronous_standby_names = 'missing'");
		$node->reload;
	}
	$context = context();
	my $request = session($context, 'request', "SELECT n FROM stock WHERE id = 1;\n" x 300 . $sql);
	wait_until($node, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'request'}
		  . q{ AND (wait_event_type = 'Lock' OR wait_event = 'SyncRep') AND state_change < now() - interval '1 s'});
	foreach my $command ('show', 'explain')
	{
		my ($out) = run_command([ $ENV{OSPROFILER_TEST_AGENT} || 'osprofiler', 'trace', $command, '--no-wait',
			'--run-directory', $node->basedir . '/run',
			'--connection-string', 'file://' . trace_file($node), $context->{base} ]);
		my $head = $command eq 'show' ? qr/Trace \S+  \S+ \S+ so far .*\n/ : qr//;

		like($out, qr/\A${head}Still running, begun [\d.]+ s ago: \Q$running\E(?:\n|\.\s)/, "hanging $name: trace $command");
		unlike($out, qr/^Why it took [^\n]* m?s:/m, "... it does not explain the whole");
	}
	my $open = why($node, $context->{base})->{unfinished};
	is($open->{what}, $running, "hanging $name: JSON");
	$node->append_conf('postgresql.conf', "synchronous_standby_names = ''");
	$node->reload;
	$holder->query_safe('COMMIT');
	$holder->quit;
	finish $request->{psql};
	wait_for_delivery($node);
	is(why($node, $context->{base})->{unfinished}, undef, "... and no more when it has ended");
}

$node->stop;
done_testing();
