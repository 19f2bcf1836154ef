# SPDX-License-Identifier: Apache-2.0
#
# One request of a running service: the lines of docs/request.md, typed as they stand but
# for ports, and for the user, who is the same on both sides here; the service is
# docs/examples/shop_wsgi.py.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use ClientTest;
use IO::Socket::INET;
use MIME::Base64 ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

my $top = "$here/../..";
my $python = '/usr/bin/python3';
my $page = slurp("$top/docs/request.md");
my ($redis, $port);

sub free_port
{
	my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die $!;
	return $socket->sockport;
}

# The commands of the block that is marked so.
sub lines
{
	my ($mark) = @_;
	my ($block) = $page =~ /^<!-- request: $mark -->\n```\n(.*?)^```$/ms;
	my @lines = map { s/^\$ (?:runuser -u \w+ -- )?//r } split /\n/, $block // '';

	s/127\.0\.0\.1:6379/127.0.0.1:$redis/, s/127\.0\.0\.1:8080/127.0.0.1:$port/, s/--for-user \w+ // for @lines;
	return @lines;
}

# The trace of the context in hdr, which a terminal is told.
sub new_trace
{
	my ($info) = slurp("$dir/hdr") =~ /^X-Trace-Info: (\S+)/m;
	return (MIME::Base64::decode_base64($info // '') =~ /"base_id": "([^"]+)"/)[0] // 'none';
}

# Types them; the output of the last one.
sub type
{
	my ($mark) = @_;
	my ($status, $out, $err);

	for my $line (lines($mark))
	{
		$line =~ s/ ID$/' ' . new_trace()/e;
		($status, $out, $err) = run('sh', '-c', "cd $dir && $line");
		is($status, 0, $line) or diag($out, $err);
		sleep 0.5;
	}
	return $out // '';
}

SKIP:
{
	skip 'no curl', 1 if !need_program('curl', 'curl', '--version');
	skip 'no Redis', 1 if !need_program('Redis', 'redis-server', '--version');
	skip 'no Python with OSProfiler, redis and psycopg2', 1
	  if !need_program('OSProfiler', $python, '-c', "'import osprofiler.web, redis, psycopg2'");

	delete @ENV{qw(XDG_CONFIG_HOME OSPROFILER_CONNECTION_STRING)};
	$ENV{HOME} = $dir;
	$ENV{PATH} = "$top/build/bin:$ENV{PATH}";
	$ENV{PATH} = "$ENV{BUILD}/bin:$ENV{PATH}" if $ENV{BUILD};
	need_extension();
	start_server("session_preload_libraries = 'osprofiler'\nosprofiler.agent = '$osprofiler'\nautovacuum = off\n");
	is((run('psql', '-Xqc', 'CREATE DATABASE shop'))[0], 0, 'a database');
	is((run('psql', '-Xqd', 'shop', '-c', 'CREATE EXTENSION osprofiler'))[0], 0, 'with the extension');

	mkdir "$dir/redis";
	$redis = free_port();
	my $redis_pid = fork // die;
	if ($redis_pid == 0)
	{
		open STDOUT, '>', "$dir/redis/log";
		exec('redis-server', '--port', $redis, '--bind', '127.0.0.1', '--save', '', '--dir', "$dir/redis") or POSIX::_exit(127);
	}
	$port = free_port();
	wait_for('Redis is there', sub { IO::Socket::INET->new("127.0.0.1:$redis") });
	my $out = type('setup');
	like($out, qr/^All is good\.$/m, 'the setup') or diag($out);

	# The example names a port of Redis.
	my $program = slurp("$top/docs/examples/shop_wsgi.py");
	for my $line (split /\n/, ($page =~ /^```python\n(.*?)^```$/ms)[0])
	{
		like($program, qr/^ *\Q@{[ $line =~ s{^ +}{}r ]}\E$/m, "the example has: $line") if $line ne '';
	}
	$program =~ s/127\.0\.0\.1:6379/127.0.0.1:$redis/;
	write_file("$dir/shop_wsgi.py", $program);
	my $service = fork // die;
	if ($service == 0)
	{
		$ENV{PYTHONPATH} = "$top/integrations/python";
		$ENV{PYTHONDONTWRITEBYTECODE} = 1;
		open STDERR, '>', "$dir/service.log";
		exec($python, "$dir/shop_wsgi.py", $port) or POSIX::_exit(127);
	}
	wait_for('the service is there', sub { IO::Socket::INET->new("127.0.0.1:$port") });

	$out = type('service');
	like($out, qr/ wsgi .* db .*SELECT count.* pg .*SELECT count/s, 'with the service: one tree') or diag($out, slurp("$dir/service.log"));
	like(type('check'), qr/^base_id: @{[new_trace()]}$/m, 'a context that the key of the service has signed');
	{
		local $ENV{OSPROFILER_HMAC_KEYS} = 'another';
		my ($check) = lines('check');
		like((run('sh', '-c', "cd $dir && $check"))[2], qr/the signature matches none of the HMAC keys/, '... and one that another key has');
	}
	$out = type('server');
	like($out, qr/ pg .*SELECT count/, 'the server alone') or diag($out);
	unlike($out, qr/ wsgi /, '... without the service');

	# Short statements of a long request are none that min_duration records.
	my @short = ('psql', '-Xqtd', 'shop', '-c', "SET osprofiler.sample_rate = 1; SET osprofiler.min_duration = 100",
		map { ('-c', "SELECT pg_sleep(0.02), 'short'") } 1 .. 10);
	is((run(@short))[0], 0, 'ten statements of 20 ms');
	sleep 1;
	unlike((run($osprofiler, 'trace', 'list', '--server', 'dbname=shop'))[1], qr/short/, '... of which osprofiler.min_duration = 100 records none');
	kill 'TERM', $service, $redis_pid;
	waitpid $_, 0 for $service, $redis_pid;
}

done_testing();
