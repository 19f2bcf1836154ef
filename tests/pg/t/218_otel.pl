# SPDX-License-Identifier: Apache-2.0

# Spans in a real OpenTelemetry Collector, whose program OSPROFILER_OTELCOL names:
# those of the server are children of the spans of whoever called, be it our client
# hooks or a service of OpenTelemetry's own SDK; an agent that is killed loses none.
#
# The service needs Node.js and these packages in NODE_PATH: @opentelemetry/
# sdk-trace-node, sdk-trace-base, resources, instrumentation, instrumentation-pg,
# exporter-trace-otlp-proto, and pg.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run ();
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $program = $ENV{OSPROFILER_OTELCOL};
plan skip_all => 'OSPROFILER_OTELCOL names no OpenTelemetry Collector'
  unless $program;
my $dir = PostgreSQL::Test::Utils::tempdir();
my ($http, $grpc) = (PostgreSQL::Test::Cluster::get_free_port(),
	PostgreSQL::Test::Cluster::get_free_port());
my $output = "$dir/spans";

write_file("$dir/otelcol.yaml", <<"END", 0600);
receivers:
  otlp: {protocols: {http: {endpoint: 127.0.0.1:$http}, grpc: {endpoint: 127.0.0.1:$grpc}}}
exporters:
  debug: {verbosity: detailed}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], exporters: [debug]}
END
my $collector = IPC::Run::start([ $program, '--config', "$dir/otelcol.yaml" ],
	'<', \undef, '>', "$dir/out", '2>', $output);
END
{
	my $status = $?;

	$collector->kill_kill(grace => 2) if $collector;
	$? = $status;
}

# All spans so far: a hash each, of the attributes too. The attributes of a
# resource stand before its spans.
sub spans
{
	my (@spans, $span, %resource);

	foreach my $line (split /\n/, slurp_file($output))
	{
		if ($line =~ /^Resource attributes/) { %resource = (); undef $span; }
		elsif ($line =~ /^Span #/) { push @spans, $span = {%resource}; }
		elsif ($line =~ /^    (\S.*?) +: (.*?)\s*$/ && $span) { $span->{$1} = $2; }
		elsif ($line =~ /^     -> ([\w.]+): \w+\((.*)\)$/)
		{
			($span // \%resource)->{$1} = $2;
		}
	}
	return @spans;
}

# The one span that matches, once it is there.
sub span_of
{
	my ($what, $matches) = @_;
	my @found;

	for (1 .. 1500)
	{
		@found = grep { $matches->() } spans();
		last if @found;
		usleep(20_000);
	}
	is(scalar @found, 1, "$what: one span");
	return $found[0] // {};
}

sub is_child
{
	my ($child, $parent, $what) = @_;

	is($child->{'Trace ID'}, $parent->{'Trace ID'}, "$what: trace");
	is($child->{'Parent ID'}, $parent->{ID}, "$what: parent");
}

my $node = new_node('otel');
$node->append_conf('postgresql.conf', <<"END");
osprofiler.connection_string = 'otlp://127.0.0.1:$http?unfinished=1h'
osprofiler.service = 'orders'
osprofiler.points = 'statement, nested, plan'
osprofiler.accept_traceparent = on
END
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler;'
	  . ' CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 50)');

# Whoever writes the comment by hand.
my $trace = '4bf92f3577b34da6a3ce929d0e0e4736';
$node->safe_psql('postgres',
	"SELECT count(*) FROM t WHERE n > 7 /*traceparent='00-$trace-00f067aa0ba902b7-01'*/");
my $span = span_of('comment', sub { $_->{'Trace ID'} eq $trace && $_->{Name} eq 'SELECT t' });
is($span->{'Parent ID'}, '00f067aa0ba902b7', 'comment: parent');
is($span->{Kind}, 'Server', 'comment: kind');
is($span->{'service.name'}, 'orders', 'comment: service');
is($span->{'db.system.name'}, 'postgresql', 'comment: system');
is($span->{'db.namespace'}, 'postgres', 'comment: namespace');
is($span->{'db.query.text'}, 'SELECT count(*) FROM t WHERE n > ?', 'comment: text');
is($span->{'db.operation.name'}, 'SELECT', 'comment: operation');
is($span->{'osprofiler.db.rows'}, 1, 'comment: rows');
my $plan = span_of('plan', sub { $_->{'Trace ID'} eq $trace && $_->{Name} eq 'pg.plan' });
is_child($plan, $span, 'plan');
is($plan->{Kind}, 'Internal', 'plan: kind');

# An agent that is killed while a statement runs.
my $other = $trace =~ s/4bf/5bf/r;
my $sleep = $node->background_psql('postgres', on_error_stop => 0);
$sleep->query_until(qr/begun/, "\\echo begun\nSELECT pg_sleep(4), 1 FROM t WHERE n = 1"
	  . " /*traceparent='00-$other-00f067aa0ba902b7-01'*/;\n");
usleep(1_000_000);
my $pid = shipper_pid($node);
is(kill('KILL', $pid), 1, 'the agent is killed');
$sleep->quit;
$span = span_of('killed agent', sub { $_->{'Trace ID'} eq $other && $_->{Kind} eq 'Server' });
is($span->{'db.query.text'}, 'SELECT pg_sleep(?), ? FROM t WHERE n = ?', 'killed agent: text');
is($span->{'osprofiler.start_lost'} // '', '', 'killed agent: whole');
isnt(shipper_pid($node), $pid, 'another agent has sent it');

# Our own client, which ships for itself.
my $agent = $ENV{OSPROFILER_TEST_AGENT} || 'osprofiler';
my $build = $agent =~ s{/bin/osprofiler$}{}r;
{
	local $ENV{OSPROFILER_CONNECTION_STRING} = "otlp://127.0.0.1:$http";
	local $ENV{OSPROFILER_HMAC_KEYS} = 'SECRET_KEY';
	local $ENV{OSPROFILER_SERVICE} = 'shop';
	local $ENV{OSPROFILER_RUN_DIR} = "$dir/run";
	local $ENV{OSPROFILER_HOOK_PATH} = "$build/client_hooks:$build/sqlite_osprofiler"
	  if -d "$build/client_hooks";
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	my ($out, $err) = ('', '');

	ok( IPC::Run::run([ $agent, 'run', '--', 'psql', '-XAtc',
				'SELECT n FROM t WHERE n = 12', 'postgres' ],
			'>', \$out, '2>', \$err),
		'osprofiler run') or diag $err;
	is($out, "12\n", 'osprofiler run: output');
	my ($id) = $err =~ /Search what stands behind it for trace ([0-9a-f]{32})$/m;
	my $client = span_of('client',
		sub { $_->{'Trace ID'} eq $id && $_->{Kind} eq 'Client' && $_->{Name} eq 'SELECT t' });
	my $server = span_of('server', sub { $_->{'Trace ID'} eq $id && $_->{Kind} eq 'Server' });
	is_child($server, $client, 'client and server');
	is($client->{'service.name'}, 'shop', 'client: service');
	is($client->{'server.port'}, $node->port, 'client: port');

	# It says where traces are not to be had from.
	foreach my $command ([ 'trace', 'show', $id ], [ 'trace', 'list' ])
	{
		IPC::Run::run([ $agent, @$command ], '>', \$out, '2>', \$err);
		is($out, '', "@$command[0, 1]: prints nothing");
		like($err, qr/^[^\n]*OTLP has no way to read traces back[^\n]*\n\z/,
			"@$command[0, 1]: says so in one line");
	}
}

SKIP:
{
	my ($out, $err) = ('', '');

	skip 'no Node.js with OpenTelemetry', 1
	  unless eval { IPC::Run::run([ 'node', '-e', q{
			for (const m of ['sdk-trace-node', 'instrumentation-pg'])
				require('@opentelemetry/' + m);} ], '>&', \$out); };
	local $ENV{OTLP_URL} = "http://127.0.0.1:$http/v1/traces";
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGDATABASE} = 'postgres';
	local $ENV{PGUSER} = scalar getpwuid($<);
	my @texts = ('SELECT ? / ?', 'SELECT n FROM t WHERE n = $1',
		"SELECT n FROM t WHERE n = ? AND ? <> ?");

	# Statements that are prepared under a name get no comment.
	service('comment', @texts);
	$node->append_conf('postgresql.conf', 'osprofiler.accept_application_name = on');
	$node->reload;
	service('name', ('SELECT -n FROM t WHERE n = $1') x 3, @texts);
}

# The service's six statements, of which the server knows the callers of these.
sub service
{
	my ($propagate, @expected) = @_;
	local @ENV{qw(PROPAGATE REQUEST)} = ($propagate, "GET /$propagate");
	my ($out, $err) = ('', '');

	ok(IPC::Run::run([ 'node', "$FindBin::RealBin/../lib/otel_service.js" ],
			'>', \$out, '2>', \$err), "$propagate: a service in Node.js") or diag $err;
	my $request = span_of('request', sub { $_->{Name} eq "GET /$propagate" });
	my (%call, @servers);
	for (1 .. 500)
	{
		%call = map { ($_->{ID} => $_) }
		  grep { ($_->{'Parent ID'} // '') eq $request->{ID} } spans();
		@servers = grep { $call{ $_->{'Parent ID'} // '' } } spans();
		last if keys %call == 6 && @servers == @expected;
		usleep(20_000);
	}
	is(scalar keys %call, 6, "$propagate: a span for each statement");
	is_deeply([ sort map { $_->{'db.query.text'} } @servers ],
		\@expected, "$propagate: the statements of the server");
	my %parents = map { ($_->{'Parent ID'} => 1) } @servers;
	is(scalar keys %parents, scalar @expected, "$propagate: each has its own caller");
	foreach my $server (@servers)
	{
		is_child($server, $call{ $server->{'Parent ID'} }, "$propagate: call");
		is($server->{Kind}, 'Server', "$propagate: kind");
		is($server->{'service.name'}, 'orders', "$propagate: service");
	}
	my ($failed) = grep { $_->{'Status code'} eq 'Error' } @servers;
	is($failed->{'db.response.status_code'}, '22012', "$propagate: the one that failed");
}

$node->stop;
done_testing();
