#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# collector_advice.t
#	  What the command proposes for a collector that fails fits the failure: a server
#	  that answers is not to be started, and a misspelt scheme is named.

use strict;
use warnings;
use FindBin;
use IO::Socket::INET;
use POSIX ();
use lib $FindBin::Bin;
use CliTest;
use Test::More;

$ENV{OSPROFILER_DRIVER_PATH} = "$build/drivers";

# --- schemes ------------------------------------------------------------------

for my $scheme (map { m{([a-z]+)\.so$} } glob "$build/drivers/*.so")
{
	next if length $scheme < 5;
	my $misspelt = substr($scheme, 0, 2) . substr($scheme, 3);
	one_error(qr{there is no driver for $misspelt:// .*; did you mean $scheme://\?\n\z},
		'trace', 'list', '--connection-string', "$misspelt://h/x");
}
one_error(qr{there is no driver for $_:// .*; RabbitMQ is messaging://user:password\@host/, or messaging:// with rabbit://\.\.\. as --transport-url},
	'trace', 'list', '--connection-string', "$_://h/x")
  for 'rabbit', 'amqp', 'amqps', 'kombu';

# Names that others have for ours; `osprofiler run` says it, too.
my %meant = (elastic => 'elasticsearch', mongo => 'mongodb', mariadb => 'mysql', postgres => 'postgresql', pgsql => 'postgresql',
	pg => 'postgresql', otel => 'otlp', http => 'otlp', valkey => 'redis', redsi => 'redis');
for my $given (sort keys %meant)
{
	my $says = qr{there is no driver for $given:// .*; did you mean $meant{$given}://\?\n\z};
	one_error($says, 'trace', 'list', '--connection-string', "$given://h/x");
	usage_error($says, 'run', '--connection-string', "$given://h/x", 'true');
}
usage_error(qr{there is no driver for rabbit:// .*; RabbitMQ is messaging://user:password\@host/},
	'run', '--connection-string', 'rabbit://h/x', 'true');
one_error(qr{: a / in a password must be written as %2F},
	'trace', 'list', '--connection-string', 'messaging://openstack:s3cr3t/x@127.0.0.1/');

# A port that the connection string does not name is in the reason.
one_error(qr{redis at 127\.0\.0\.9:6379: Connection refused; start it, or name},
	'trace', 'list', '--connection-string', 'redis://127.0.0.9');

# What a run says whose trace goes to a collector. Points that cannot be delivered shall
# wait in a run directory of their own.
sub run_here
{
	my ($uri, $rings) = @_;
	local $ENV{OSPROFILER_RUN_DIR} = $rings // $ENV{OSPROFILER_RUN_DIR};
	local $ENV{OSPROFILER_HOOK_PATH} = "$build/client_hooks:$build/sqlite_osprofiler";
	my (undef, undef, $err) = run_cli('run', '--connection-string', $uri, 'sqlite3', ':memory:', 'SELECT 1');
	return $err;
}

# Something that listens at an address, and answers so, whatever it is sent. Nothing: the
# port is taken.
sub listener
{
	my ($host, $port, $answer) = @_;
	my $socket = IO::Socket::INET->new(LocalAddr => $host, LocalPort => $port, Listen => 5, ReuseAddr => 1)
	  or return;
	my $pid = fork // die "fork: $!";

	return ($socket->sockport, sub { kill 'TERM', $pid; waitpid $pid, 0 }) if $pid != 0;
	while (my $client = $socket->accept)
	{
		print $client $answer;
		$client->flush;
		sysread $client, my $request, 65536;
		close $client;
	}
	POSIX::_exit(0);
}

# A receiver of OTLP by gRPC answers in HTTP/2, or not at all.
my $settings = "\0\0\6\4\0\0\0\0\0\0\5\0\0\x40\0";
for my $case (['127.0.43.17', 4317, $settings], ['127.0.43.17', 4317, ''], ['127.0.43.18', 0, $settings])
{
	my ($host, $wanted, $answer) = @$case;
	my ($port, $stop) = listener($host, $wanted, $answer) or next;
	my (undef, $out) = run_cli('doctor', '--connection-string', "otlp://$host:$port");
	like($out, qr/^wrong +store a trace .* \(give the port for HTTP, such as 4318; this one is for gRPC\)$/m, 'the port of gRPC');
	unlike($out, qr/start the collector/, 'it is not to be started');
	$stop->();
}

# The reason is printed whole, also if it has more than one colon.
{
	my ($port, $stop) = listener('127.0.43.18', 0, "HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\nwhy: none");
	like(run_here("otlp://127.0.43.18:$port", "$dir/undelivered"),
		qr/not everything was delivered to \S+ \(.*127\.0\.43\.18:$port answers 401 \(give a login: otlp:\S+ .*\): why: none\); the next/,
		'run: the reason is whole');
	$stop->();
}

# What answers is not to be started.
for my $case (["301 Moved\r\nLocation: https://es.example/?hidden", qr/answers 301: it sends others to https:\/\/es\.example, which is not followed; name the server itself\n\z/],
	['200 OK', qr/answers what is not Elasticsearch's \(is the port that of its HTTP interface\?\)\n\z/],
	['503 No', qr/answers 503; see the collector's log for what it lacks\n\z/])
{
	my ($answer, $says) = @$case;
	my ($port, $stop) = listener('127.0.43.18', 0, "HTTP/1.1 $answer\r\nContent-Length: 0\r\n\r\n");
	one_error($says, 'trace', 'list', '--connection-string', "elasticsearch://127.0.43.18:$port");
	$stop->();
}

# --- servers that answer ------------------------------------------------------

sub start
{
	my ($name, @options) = @_;
	my $script = "$top/tests/drivers/${name}_server.sh";
	my $place = "$dir/" . substr($name, 0, 2);

	mkdir $place;
	my $port = `$script start $place @options`;
	return if $? != 0;
	chomp $port;
	return ($port, sub { system($script, 'stop', $place) });
}

sub proposes
{
	my ($uri, $reason, $step) = @_;

	# The proposal is behind the reason, or the reason has one.
	one_error(qr/: $reason.*; $step\n\z/, 'trace', 'list', '--connection-string', $uri);
	my (undef, $out) = run_cli('doctor', '--connection-string', $uri);
	like($out, qr/^wrong +store a trace .*$reason.*\n +do: $step, or correct its address in --connection-string/m, "doctor: $reason");
	unlike($out, qr/start the collector/, 'what runs is not to be started');
}

SKIP:
{
	my ($port, $stop) = start('rabbit');
	skip 'no rabbitmq-server', 1 if !$port;
	my $uri = "messaging://guest:guest\@127.0.0.1:$port/";

	proposes("messaging://guest:wrong\@127.0.0.1:$port/", 'ACCESS_REFUSED - Login was refused .* see the broker logfile',
		'correct user and password in the connection string');
	proposes("messaging://guest:guest\@127.0.0.1:$port/nosuch", 'NOT_ALLOWED - vhost nosuch not found',
		'make the database or virtual host that the connection string names, or name another one');

	my (undef, $out) = run_cli('doctor', '--connection-string', $uri);
	like($out, qr{^good +store a trace .* takes it\n +do: note that RabbitMQ forgets it when it restarts; to keep it, add \?durable=1}m,
		'doctor says that RabbitMQ forgets');
	for my $durable ("$uri?topic=kept&exchange=kept&durable=1", "$uri?durable=1")
	{
		(undef, $out) = run_cli('doctor', '--connection-string', $durable);
		like($out, qr/^good +store a trace .* takes it\n(?! +do:)/m, "... and not of a durable queue ($durable)");
	}

	# The test of doctor has left nothing; a writer's exchange stays as it is.
	my ($trace) = run_here($uri) =~ /^Trace ID: (\S+)$/m;
	(undef, $out) = run_cli('doctor', '--connection-string', "$uri?durable=1");
	like($out, qr/^wrong +store a trace .*the exchange 'openstack' exists and is not durable: delete .*, or give durable=0$/m,
		'other properties');

	# A service's file has no options for it.
	{
		my $conf = write_file("$dir/bus.conf", "[DEFAULT]\ntransport_url = rabbit://guest:guest\@127.0.0.1:$port/\n[profiler]\nconnection_string = messaging://\n");
		local $ENV{OSPROFILER_CONF} = $conf;
		my $line = "in a service's file, \Q$conf\E, that is amqp_durable_queues =";

		(undef, $out) = run_cli('doctor');
		like($out, qr{ add \?durable=1 to the connection string, after docs/drivers\.md; $line true in \[oslo_messaging_rabbit\]$}m, 'a service: the name of durable=1');
		write_file($conf, slurp($conf) . "[oslo_messaging_rabbit]\namqp_durable_queues = true\n");
		(undef, $out) = run_cli('doctor');
		like($out, qr{^wrong +store a trace .* or give durable=0\n +do: do what is proposed there; $line false in \[oslo_messaging_rabbit\]$}m, '... and of durable=0');
		local $ENV{OSPROFILER_RUN_DIR} = "$dir/bus_rings";
		local $ENV{OSPROFILER_HOOK_PATH} = "$build/client_hooks:$build/sqlite_osprofiler";
		my (undef, undef, $err) = run_cli('run', 'sqlite3', ':memory:', 'SELECT 1');
		like($err, qr{ or give durable=0; $line false in \[oslo_messaging_rabbit\]\); the next}, '... after a run, too');
	}

	# The trace of the last run, after it was removed.
	is(run_ok('trace', 'delete', '--connection-string', $uri, $trace), "1 trace removed\n", 'it is removed');
	one_error(qr/nothing is left of the trace of your last 'osprofiler run', $trace, in messaging:\S+: it was removed, another consumer took it, or RabbitMQ restarted \(without durable=1\); to make another one, type: osprofiler run COMMAND\n/,
		'trace', $_, '--connection-string', $uri, 'last') for 'show', 'explain', 'delete';

	my $absent = '11111111-1111-4111-8111-111111111111';
	one_error(qr/no trace '$absent' in messaging:.*: it was deleted, another consumer took it, RabbitMQ restarted \(without durable=1\), or it never arrived;/,
		'trace', 'show', '--connection-string', $uri, $absent);
	$stop->();
}

SKIP:
{
	my ($port, $stop) = start('redis', '--requirepass', 'secret');
	skip 'no redis-server', 1 if !$port;
	one_error(qr{: NOAUTH .*\(give the password: redis://:PASSWORD\@HOST\)\n\z},
		'trace', 'list', '--connection-string', "redis://127.0.0.1:$port");
	one_error(qr{: WRONGPASS .*\(correct the password in the connection string\)\n\z},
		'trace', 'list', '--connection-string', "redis://:wrong\@127.0.0.1:$port");
	$stop->();
}

SKIP:
{
	my ($port, $stop) = start('redis');
	skip 'no redis-server', 1 if !$port;
	proposes("redis://:needless\@127.0.0.1:$port", 'ERR AUTH <password> called without any password configured',
		'leave the password out of the connection string');
	proposes("redissentinel://127.0.0.1:$port", "ERR unknown command 'SENTINEL'", 'name a sentinel, or the server itself as redis://');
	proposes("redis://127.0.0.1:$port/99", 'ERR DB index is out of range',
		'make the database or virtual host that the connection string names, or name another one');

	# Redis at its maxmemory still removes traces.
	my $uri = "redis://127.0.0.1:$port";
	my $memory = "raise Redis's maxmemory, or remove its old traces with 'osprofiler trace prune --older-than 1d'";

	system("redis-cli -p $port CONFIG SET maxmemory 1 >/dev/null");
	my (undef, $out) = run_cli('doctor', '--connection-string', $uri);
	like($out, qr/^wrong +store a trace .*OOM command not allowed.*\n +do: $memory/m, 'Redis at its maxmemory');
	is((run_cli('trace', 'prune', '--older-than', '1h', '--connection-string', $uri))[0], 0, '... prunes');
	$stop->();
}

SKIP:
{
	my ($port, $stop) = start('mariadb');
	skip 'no mariadbd', 1 if !$port;
	proposes("mysql://locked:wrong\@127.0.0.1:$port/test", 'Access denied for user', 'correct user and password in the connection string');
	proposes("mysql://osp\@127.0.0.1:$port/nosuch", "Unknown database 'nosuch'",
		'make the database or virtual host that the connection string names, or name another one');
	proposes("mysql://locked:pass%20word\@127.0.0.1:$port/test", "Access denied for user .* to database 'test'",
		'give the user the rights, or name another user');
	proposes("mysql://osp\@127.0.0.1:$port/test?ssl=1", 'TLS/SSL error: SSL is required, but the server does not support it',
		'name a port that speaks TLS, or leave TLS out of the connection string');
	$stop->();
}

SKIP:
{
	my ($port, $stop) = start('postgres');
	skip 'no PostgreSQL', 1 if !$port;
	proposes("postgresql://locked:wrong\@127.0.0.1:$port/postgres", 'FATAL:  password authentication failed',
		'correct user and password in the connection string');
	proposes("postgresql://postgres\@127.0.0.1:$port/postgres?sslmode=require", 'server does not support SSL, but SSL was required',
		'name a port that speaks TLS, or leave TLS out of the connection string');
	proposes("postgresql://postgres\@127.0.0.1:$port/nosuch", 'FATAL:  database "nosuch" does not exist',
		'make the database or virtual host that the connection string names, or name another one');
	$stop->();
}
done_testing();
