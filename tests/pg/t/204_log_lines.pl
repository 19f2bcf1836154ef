# SPDX-License-Identifier: Apache-2.0
#
# 204_log_lines.pl
#	  Lines of ours in the server's log that a statement has caused: they do not have
#	  the statement, nor what called it, and are not sent to the client.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# No worker can be started, and nothing is logged of statements that do not fail.
my $node = new_node('log_lines');
$node->append_conf('postgresql.conf', "max_worker_processes = 0\nlog_statement = none\n"
	  . "log_min_duration_statement = -1\nlog_min_error_statement = info\n");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE bob');

my %statements = (
	'a statement' => "ALTER ROLE bob PASSWORD 'hunter2'",
	'a string of statements' => "SELECT 1; ALTER ROLE bob PASSWORD 'hunter2'",
	'a block' => q{DO $$BEGIN EXECUTE 'ALTER ROLE bob PASSWORD ''hunter2'''; END$$},
	'a statement that fails' => "ALTER ROLE nobody PASSWORD 'hunter2'",
);

# Runs each of the statements in a session of its own, the first after a start of the
# server, for a line stands for all sessions of a minute. The line must be there, and of
# the statements nothing but what PostgreSQL itself logs of those that fail.
sub is_hidden
{
	my ($what, $line) = @_;

	foreach my $kind (sort keys %statements)
	{
		foreach my $way ('comment', 'setting')
		{
			my $context = context();

			$node->restart;
			my $before = -s $node->logfile;
			my ($sql, $set) = ($statements{$kind}, 'SET client_min_messages = log;');

			$sql .= ' ' . comment($context) if $way eq 'comment';
			$set .= set_context($context) if $way eq 'setting';
			my ($status, $out, $err) =
			  $node->psql('postgres', "$set\n\\set VERBOSITY verbose\n$sql");
			my $log = substr slurp_file($node->logfile), $before;
			my ($own) = $log =~ /^(.*LOG:  osprofiler: .*\n(?:.*(?:HINT|DETAIL|CONTEXT|STATEMENT): .*\n|\t.*\n)*)/m;

			like($own // '', $line, "$what, $kind, $way: is logged");
			unlike($own // '', qr/hunter2|STATEMENT|CONTEXT/, '... without the statement');
			unlike($err, qr/osprofiler/, '... and not sent to the client');
		}
	}
	return;
}

is_hidden('no worker', qr/no background worker slot is free/);

my $run = $node->basedir . '/run';
chmod 0755, $run or die;
foreach my $directory (glob "$run/*") { chmod 0755, $directory; }
is_hidden('no ring', qr/nothing is traced in this session/);

unlink $node->basedir . '/keys' or die;
$node->reload;
is_hidden('no keys', qr/no keys, no signed context is accepted/);

$node->stop;
done_testing();
