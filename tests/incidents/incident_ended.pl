# SPDX-License-Identifier: Apache-2.0
#
# incident_ended.pl
#	  Statements that something else ended: the heading and the causes say so, whatever
#	  took the time.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Incident;
use IPC::Run;
use OspTest;
use Test::More;

my $node = start_server('ended', "jit = off\n");
my $admin = q{DO $$ BEGIN PERFORM pg_sleep(0.6); PERFORM pg_%s_backend(pid)
	FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(9)%%'; END $$};

$node->safe_psql('postgres', 'CREATE TABLE stock (id int PRIMARY KEY, n int);'
	  . 'INSERT INTO stock VALUES (1, 0)');

sub words
{
	my ($base) = @_;
	my $out;

	IPC::Run::run([ $ENV{OSPROFILER_TEST_AGENT} || 'osprofiler', 'trace', 'explain',
			'--connection-string', 'file://' . trace_file($node), $base ],
		'>', \$out, '2>&1');
	return $out;
}

sub ended_by
{
	my ($name, $base, $by) = @_;
	my $why = why($node, $base);
	my $words = words($base);

	is($why->{ended}{by}, $by, $name) or diag explain_text($why);
	like($words, qr/^Why it took [^\n]+; a (?:statement did not finish, ended after [^\n]+|session was ended) by \Q$by\E:$/m,
		"$name: the heading") or diag $words;
	is($why->{findings}[0] ? $why->{findings}[0]{evidence} =~ /did not finish: ended by \Q$by\E$/ : 1,
		1, "$name: the first cause") or diag explain_text($why);
	return;
}

ended_by('statement_timeout',
	psql_traced($node, "SET statement_timeout = '500ms'; SELECT pg_sleep(9);"),
	'statement_timeout');
ended_by('statement_timeout, while it works',
	psql_traced($node, "SET statement_timeout = '500ms'; SELECT count(*) FROM generate_series(1, 1000000000);"),
	'statement_timeout');

my $other = background($node, sprintf $admin, 'cancel');
ended_by('pg_cancel_backend', psql_traced($node, 'SELECT pg_sleep(9);'),
	'a cancel request of the program or an administrator');
IPC::Run::finish $other->{psql};
$other = background($node, sprintf $admin, 'terminate');
ended_by('pg_terminate_backend', psql_traced($node, 'SELECT pg_sleep(9);'),
	'an administrator or a shutdown of the server');
IPC::Run::finish $other->{psql};

$other = background($node, 'BEGIN; UPDATE stock SET n = 1; SELECT pg_sleep(3); COMMIT');
wait_until($node, "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(3)%'");
ended_by('lock_timeout',
	psql_traced($node, "SET lock_timeout = '600ms'; UPDATE stock SET n = n + 1;"),
	'lock_timeout');
IPC::Run::finish $other->{psql};

# The client's half.
my $script = $node->basedir . '/ended.sql';
OspTest::write_file($script, "SET statement_timeout = '500ms';\nSELECT pg_sleep(9);\n", 0600);
ended_by('both halves', client_traced($node, 'psql', '-Xf', $script), 'statement_timeout');

# A session that idled for too long: what the client sent then failed.
OspTest::write_file($script, "SET idle_in_transaction_session_timeout = '300ms';\nBEGIN;\nSELECT pg_sleep(0.5);\n"
	  . "\\! sleep 1\nUPDATE stock SET n = 3;\n", 0600);
my $base = client_traced($node, 'psql', '-Xf', $script);
like(words($base), qr/\AWhy it took [^\n]+; a session was ended by idle_in_transaction_session_timeout:\n/,
	'an idle transaction that was ended') or diag words($base);
$node->stop;
done_testing();
