# SPDX-License-Identifier: Apache-2.0

# How the module comes into a session, and the ways a context does.

use strict;
use warnings;

use DBI;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('preload');
$node->append_conf('postgresql.conf', "session_preload_libraries = ''");
$node->start;

# Not preloaded.
my ($ret, $out, $err) =
  $node->psql('postgres', 'CREATE EXTENSION osprofiler');
like($err, qr/WARNING: .*osprofiler is not preloaded/,
	'CREATE EXTENSION says so');
my $none = context();
$node->safe_psql('postgres', set_context($none) . 'SELECT 1');
is_deeply(shape(points($node, $none)), [], 'nothing is traced');

# The function says why, for it is what loads the module; afterwards that is no
# reason any more.
my $why = 'SELECT reason FROM osprofiler.context()';
my $not_loaded = qr/^the module was not loaded when this statement began/;
my $reasons = $node->safe_psql('postgres', "$why; $why");
like($reasons, $not_loaded, 'and context() says why');
like($reasons, qr/\nno trace context was given$/, 'but not in the next statement');
like($node->safe_psql('postgres', set_context($none) . $why),
	$not_loaded, 'nor is a context that was set the reason');
like($node->safe_psql('postgres', comment($none) . $why),
	$not_loaded, 'or one in a comment');

# LOAD, with a context that was set before.
my $load = context();
$node->safe_psql('postgres',
	set_context($load) . "SELECT 1; LOAD 'osprofiler'; SELECT 2; SELECT 3");
is_deeply(shape(wait_for_points($node, $load, 4)),
	[ 'SELECT 2', 'SELECT 3' ], 'LOAD');

# What was prepared before may have its context in its comment.
my $prepared = context();
my $dbh = DBI->connect('dbi:Pg:dbname=postgres;host=' . $node->host . ';port=' . $node->port,
	'', '', { RaiseError => 1 });
my $sth = $dbh->prepare('SELECT ?::int ' . comment($prepared), { pg_prepare_now => 1 });
$dbh->do("LOAD 'osprofiler'");
$sth->execute(4);
$sth->finish;
$dbh->disconnect;
is_deeply(shape(wait_for_points($node, $prepared, 2)), ['SELECT $1::int'], 'LOAD behind a prepared statement');

# The functions load it too, for the statements after.
my $call = context();
$node->safe_psql('postgres',
	"SELECT osprofiler.init('$call->{info}', '$call->{hmac}'); SELECT 1");
is_deeply(shape(wait_for_points($node, $call, 2)),
	['SELECT 1'], 'a function of the extension');

# With the server; the client's start-up options carry the context.
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'osprofiler'");
$node->restart;
my $shared = context();
{
	local $ENV{PGOPTIONS} = "-c osprofiler.trace_info=$shared->{info}"
	  . " -c osprofiler.trace_hmac=$shared->{hmac}";
	$node->safe_psql('postgres', 'SELECT 1');
}
is_deeply(shape(wait_for_points($node, $shared, 2)),
	['SELECT 1'], 'shared_preload_libraries, start-up options');
($ret, $out, $err) = $node->psql('postgres',
	'DROP EXTENSION osprofiler; CREATE EXTENSION osprofiler');
is($err, '', 'now CREATE EXTENSION says nothing');
unlike($node->safe_psql('postgres', $why), $not_loaded, 'nor does context()');

# The first text with a comment in a session: a statement that cannot be parsed, one that
# fails in analysis, a command.
foreach my $case (
	[ 'SELEC 1', ' (syntax_error)' ], [ 'SELECT no_such_column', ' (undefined_column)' ],
	[ 'CREATE TEMP TABLE t (a int)', '' ])
{
	my ($first, $error) = @$case;
	my $context = context();

	$node->psql('postgres', "SELECT 1;\n$first " . comment($context) . ";\nSELECT 3;", on_error_stop => 0);
	is_deeply(shape(wait_for_points($node, $context, 2)), ["$first$error"], "the first comment: $first");
}

# Extended and prepared protocol, many executions.
foreach my $mode (qw(extended prepared))
{
	my $context = context();
	my $script = $node->basedir . '/script.sql';

	write_file($script, "SELECT abs(:client_id);\n", 0600);
	local $ENV{PGOPTIONS} = "-c osprofiler.trace_info=$context->{info}"
	  . " -c osprofiler.trace_hmac=$context->{hmac}";
	command_ok(
		[
			'pgbench', '-n', '-M', $mode, '-c', 2, '-t', 50, '-f', $script,
			'-h', $node->host, '-p', $node->port, 'postgres'
		],
		"pgbench -M $mode");
	my @points = wait_for_points($node, $context, 200);
	is(scalar(grep { $_ eq 'SELECT abs($1)' } @{ shape(@points) }),
		100, "$mode: a point for each execution");
}

# Parallel workers are not traced as statements of their own.
my $parallel = context();
$node->safe_psql('postgres',
	    'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;'
	  . ' SET min_parallel_table_scan_size = 0;'
	  . set_context($parallel)
	  . 'SELECT count(*) FROM pg_attribute;'
	  . 'RESET ALL;'
	  . 'SELECT count(*) FROM pg_class '
	  . comment($parallel));
is_deeply(
	shape(wait_for_points($node, $parallel, 4)),
	[ 'SELECT count(*) FROM pg_attribute', 'SELECT count(*) FROM pg_class' ],
	'parallel plans');

# Text in another encoding arrives as UTF-8.
$node->safe_psql('postgres',
	    "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
	  . ' TEMPLATE template0');
$node->safe_psql('postgres',
	    "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C'"
	  . " LC_CTYPE 'C' TEMPLATE template0");
my $latin = context();
$node->psql(
	'latin',
	"SET client_encoding = 'UTF8'; "
	  . set_context($latin)
	  . "SELECT '\xc3\xa4\xc3\xb6';\nSELECT \xc3\xbc;\n",
	on_error_stop => 0);
is_deeply(
	[ map { s/[^ -~]/sprintf '<%x>', ord $&/ger }
		  @{ shape(wait_for_points($node, $latin, 4)) } ],
	[ "SELECT '<e4><f6>'", 'SELECT <fc> (undefined_column)' ],
	'LATIN1');
my $ascii = context();
$node->safe_psql('ascii', set_context($ascii) . "SELECT '\xff' <> ''");
is(scalar(wait_for_points($node, $ascii, 2)), 2,
	'bytes that are no text at all');

$node->stop;
done_testing();
