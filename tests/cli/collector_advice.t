#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# collector_advice.t
#	  What the command proposes for a collector that fails fits the failure: a server
#	  that answers is not to be started, and a misspelt scheme is named.

use strict;
use warnings;
use FindBin;
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
one_error(qr{: a / in a password must be written as %2F},
	'trace', 'list', '--connection-string', 'messaging://openstack:s3cr3t/x@127.0.0.1/');

# A port that the connection string does not name is in the reason.
one_error(qr{redis at 127\.0\.0\.9:6379: Connection refused; start it, or name},
	'trace', 'list', '--connection-string', 'redis://127.0.0.9');

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
	(undef, $out) = run_cli('doctor', '--connection-string', "$uri?topic=kept&exchange=kept&durable=1");
	like($out, qr/^good +store a trace .* takes it\n(?! +do:)/m, '... and not of a durable queue');
	(undef, $out) = run_cli('doctor', '--connection-string', "$uri?durable=1");
	like($out, qr/^wrong +store a trace .*the exchange 'openstack' exists and is not durable: delete .*, or give durable=0$/m,
		'other properties');

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
	my ($port, $stop) = start('mariadb');
	skip 'no mariadbd', 1 if !$port;
	proposes("mysql://locked:wrong\@127.0.0.1:$port/test", 'Access denied for user', 'correct user and password in the connection string');
	proposes("mysql://osp\@127.0.0.1:$port/nosuch", "Unknown database 'nosuch'",
		'make the database or virtual host that the connection string names, or name another one');
	proposes("mysql://locked:pass%20word\@127.0.0.1:$port/test", "Access denied for user .* to database 'test'",
		'give the user the rights, or name another user');
	$stop->();
}

SKIP:
{
	my ($port, $stop) = start('postgres');
	skip 'no PostgreSQL', 1 if !$port;
	proposes("postgresql://locked:wrong\@127.0.0.1:$port/postgres", 'FATAL:  password authentication failed',
		'correct user and password in the connection string');
	proposes("postgresql://postgres\@127.0.0.1:$port/nosuch", 'FATAL:  database "nosuch" does not exist',
		'make the database or virtual host that the connection string names, or name another one');
	$stop->();
}
done_testing();
