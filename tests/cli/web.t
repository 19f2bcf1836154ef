#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# web.t
#	  osprofiler web: who may ask, what is answered, what it is when something is not as
#	  it should be. What a browser makes of it is for tests/page.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Errno qw(EAGAIN);
use IO::Pty;
use IO::Select;
use IO::Socket::IP;
use JSON::PP;
use MIME::Base64;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $base = '11111111-2222-4333-8444-555555555555';
my $other = '22222222-2222-4333-8444-555555555555';

sub trace_points
{
	my ($id, $text) = @_;
	return (
		point('app-start', $id, $id, "a$id", '01.000000'),
		point('db-start', $id, "a$id", "b$id", '01.001000', qq({"db": {"statement": "$text"}, "host": "h"})),
		point('db-stop', $id, "a$id", "b$id", '01.003000'),
		point('app-stop', $id, $id, "a$id", '01.010000'));
}

my $file = write_points("$dir/points", trace_points($base, 'SELECT 1'), trace_points($other, 'SELECT 2'));

# --- starting one, and asking it ----------------------------------------------

my %running;

# Starts a server; { address, origin, pid, out, path, cookie }. How: a reference to
# variables of its environment.
sub start
{
	my $env = ref $_[0] ? shift : {};
	my @args = @_;

	pipe(my $reader, my $writer) or die;
	my $pid = fork // die;
	if ($pid == 0)
	{
		local @ENV{ keys %$env } = values %$env;
		close $reader;
		$SIG{HUP} = 'IGNORE' if $env->{NOHUP};
		open STDOUT, '>&', $writer;
		open STDERR, '>', "$dir/server.err";
		exec "$build/bin/osprofiler", 'web', @args or POSIX::_exit(127);
	}
	close $writer;
	my $address = <$reader> // '';
	chomp $address;
	$running{$pid} = 1;
	my %server = (address => $address, pid => $pid, out => $reader);
	@server{qw(origin token)} = $address =~ m{^(http://[^/]+)/\?token=([0-9a-f]{32})$};
	return \%server;
}

# Ends it; returns the exit status, or -signal.
sub stop
{
	my ($server, $signal) = @_;

	kill $signal // 'TERM', $server->{pid};
	return ended($server);
}

sub ended
{
	my ($server, $seconds) = @_;
	my $end = time + ($seconds // 10);

	while (waitpid($server->{pid}, POSIX::WNOHANG()) == 0)
	{
		if (time > $end)
		{
			kill 'KILL', $server->{pid};
			waitpid $server->{pid}, 0;
			last;
		}
		sleep 0.02;
	}
	delete $running{ $server->{pid} };
	return $? & 127 ? -($? & 127) : $? >> 8;
}

END { local $?; kill 'KILL', keys %running; }

# Asks by curl: status, headers in lower case, body. What is asked for is taken as it is.
sub ask
{
	my ($server, $path, @args) = @_;
	my @cookie = defined $server->{cookie} ? ('-b', $server->{cookie}) : ();

	unlink "$dir/body";
	open my $curl, '-|', 'curl', '-sg', '--path-as-is', '--max-time', 20, '-D', '-', '-o', "$dir/body",
	  @cookie, @args, "$server->{origin}$path" or die;
	my $head = do { local $/; <$curl> } // '';
	close $curl;
	my ($status) = $head =~ m{^HTTP/1\.1 (\d+)};
	my %headers = map { /^([^:]+): (.*?)\r?$/ ? (lc $1, $2) : () } split /\n/, $head;
	return ($status // 0, \%headers, slurp("$dir/body") // '');
}

# Sends bytes as they are; returns the answer. More bytes may come unless this is the end:
# who closes a half of the connection counts as gone.
sub send_bytes
{
	my ($to, $bytes, $more) = @_;
	my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $to) or die;

	$socket->syswrite($bytes);
	shutdown $socket, 1 unless $more;
	return join '', <$socket>;
}

# Brings the token, and keeps the cookie and the path.
sub enter
{
	my ($server) = @_;
	my ($status, $headers) = ask($server, "/?token=$server->{token}");

	($server->{cookie}) = ($headers->{'set-cookie'} // '') =~ /^([^;]+)/;
	($server->{path}) = ($headers->{refresh} // '') =~ m{^0; url=(/[0-9a-f]{32}/)$};
	return ($status, $headers);
}

sub traces
{
	my ($server, $query) = @_;
	my ($status, undef, $body) = ask($server, "$server->{path}traces?" . ($query // ''));

	return ($status, eval { decode_json($body) } // {});
}

sub status_of { return (ask(@_))[0] }

# --- a slow client: looked at again at the end ---------------------------------

my $patient = start('--connection-string', $file);
my $server = start('--connection-string', $file);
like($server->{address}, qr{^http://127\.0\.0\.1:\d+/\?token=[0-9a-f]{32}$}, 'the address is printed');
my ($port) = $server->{origin} =~ /:(\d+)$/;
my $drip_began = time;
my ($patient_port) = $patient->{origin} =~ /:(\d+)$/;
my $drip = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $patient_port, Blocking => 0) or die;
$drip->syswrite("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n");

# Clients that say nothing: 64 have a thread each, the others wait.
my $crowded = start('--connection-string', $file);
my ($crowded_port) = $crowded->{origin} =~ /:(\d+)$/;
my @crowd = map { IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $crowded_port) or die } 1 .. 80;
my $threads = 0;
for (1 .. 50)
{
	($threads) = slurp("/proc/$crowded->{pid}/status") =~ /^Threads:\s+(\d+)$/m;
	last if $threads > 64;
	sleep 0.1;
}
sleep 0.2;
($threads) = slurp("/proc/$crowded->{pid}/status") =~ /^Threads:\s+(\d+)$/m;
is($threads, 64 + 2, 'so many connections have a thread');

# --- token, cookie, headers -----------------------------------------------------

my ($status, $headers, $body) = ask($server, '/');
is($status, 403, 'without the token nothing is shown');
like($body, qr/it has a token/, 'but what to do');
is(status_of($server, "/?token=" . ('0' x 32)), 403, 'a wrong token');
is(status_of($server, "/?token="), 403, 'an empty token');
is(status_of($server, "/?token=" . substr($server->{token}, 0, 31)), 403, 'a part of the token');
is(status_of($server, "/?token=$server->{token}0"), 403, 'more than the token');
is(status_of($server, "/?token=%00$server->{token}"), 403, 'a NUL');

($status, $headers) = enter($server);
is($status, 200, 'the token');
like($headers->{'set-cookie'}, qr{^osprofiler-$port=[0-9a-f]{32}; Path=\Q$server->{path}\E; HttpOnly; SameSite=Strict$},
	'becomes a cookie that scripts and other sites cannot use');
unlike($server->{path}, qr/$server->{token}/, 'the path is not the token');

my %wanted = (
	'cache-control' => 'no-store',
	'cross-origin-resource-policy' => 'same-origin',
	'referrer-policy' => 'no-referrer',
	'x-content-type-options' => 'nosniff',
	'x-frame-options' => 'DENY');

for my $path ('', 'traces', "trace?id=$base", "compare?a=$base&b=$other", 'nothing', 'trace?id=nosuch')
{
	($status, $headers, $body) = ask($server, "$server->{path}$path");
	is($status, $path =~ /noth|nosuch/ ? 404 : 200, "/$path");
	is($headers->{$_}, $wanted{$_}, "/$path: $_") for sort keys %wanted;
	like($headers->{'content-security-policy'}, qr/^default-src 'none'; .*frame-ancestors 'none'$/, "/$path: policy");
	unlike($headers->{'content-security-policy'}, qr/unsafe|data:|http|\*/, "/$path: nothing but ours");
}
is((ask($server, '/'))[1]{'cache-control'}, 'no-store', 'a refusal has them too');
($status, $headers, $body) = ask($server, "$server->{path}trace?id=$base");
like($body, qr/SELECT 1/, 'the page of a trace');
like($body, qr{<script type="application/json" id="served">\{"messages": \[\]\}</script>}, 'knows that it is served');

# Without the cookie, or with another one, none of it.
{
	local $server->{cookie} = undef;
	is(status_of($server, "$server->{path}$_"), 403, "/$_: not without the cookie") for '', 'traces', "trace?id=$base", 'nothing';
	local $server->{cookie} = "osprofiler-$port=" . ('0' x 32);
	is(status_of($server, "$server->{path}traces"), 403, 'not with another cookie');
	local $server->{cookie} = "osprofiler-1=$server->{token}";
	is(status_of($server, "$server->{path}traces"), 403, 'not with that of another server');
}

# --- methods, other hosts, other origins ------------------------------------------

my $list = "$server->{path}traces";
for my $method (qw(POST PUT DELETE PATCH OPTIONS TRACE PROPFIND))
{
	($status, $headers) = ask($server, $list, '-X', $method);
	is("$status $headers->{allow}", '405 GET, HEAD', "$method is not allowed");
}
is(status_of($server, $list, '--data-binary', '@' . "$build/bin/osprofiler"), 405, 'nothing is taken');
like(send_bytes($port, "HEAD $list HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: $server->{cookie}\r\n\r\n", 1),
	qr/^HTTP\S+ 200 .*Content-Length: [1-9]\d\d.*\r\n\r\n\z/s, 'HEAD has no body, but says how long it is');

for my $host ('evil.example', "evil.example:$port", '127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1', '', '[::2]',
	'127.0.0.1@evil.example', '0x7f000001', '127.1', '[127.0.0.1]', '::1', 'x' x 300,
	'[::1]evil', '127.0.0.1:evil.example', "localhost:$port:evil.example")
{
	my $refused = status_of($server, $list, '-H', $host eq '' ? 'Host;' : "Host: $host");
	is($refused, 403, 'Host: ' . substr $host, 0, 40);
}
for my $host ("127.0.0.1:$port", "localhost:$port", '127.0.0.1:9000', '[::1]:9000', 'LOCALHOST')
{
	is(status_of($server, $list, '-H', "Host: $host"), 200, "Host: $host (a tunnel has another port)");
}
for my $origin ('http://evil.example', 'null', "https://127.0.0.1:$port", 'http://127.0.0.1', 'http://127.0.0.1:1',
	"http://127.0.0.1:$port.evil.example", 'file://')
{
	is(status_of($server, $list, '-H', "Origin: $origin"), 403, "Origin: $origin");
}
is(status_of($server, $list, '-H', "Origin: http://127.0.0.1:$port"), 200, 'Origin: ours');
for my $twice (['Host: 127.0.0.1', 'Host: evil.example'], ['Host: evil.example', 'host: 127.0.0.1'], ['Host: 127.0.0.1', 'HOST: 127.0.0.1'],
	['Host: 127.0.0.1', "Origin: http://127.0.0.1", 'Origin: http://evil.example'], ['Host: 127.0.0.1', 'Origin: null', 'origin: http://127.0.0.1'],
	['Host: 127.0.0.1', 'Sec-Fetch-Site: none', 'Sec-Fetch-Site: cross-site'], ['Host: 127.0.0.1', 'Sec-Fetch-Mode: navigate', 'sec-fetch-mode: cors'])
{
	my $request = join "\r\n", "GET $list HTTP/1.1", @$twice, "Cookie: $server->{cookie}", 'Connection: close', '', '';
	like(send_bytes($port, $request, 1), qr/^HTTP\S+ 400 /, join ', ', @$twice);
}
is(status_of($server, $list, '-H', "Sec-Fetch-Site: $_"), 403, "Sec-Fetch-Site: $_") for 'cross-site', 'same-site';
is(status_of($server, $list, '-H', "Sec-Fetch-Site: $_"), 200, "Sec-Fetch-Site: $_") for 'same-origin', 'none';

# --- paths, ids, what is too large -----------------------------------------------

write_points("$dir/secret", trace_points('33333333-2222-4333-8444-555555555555', 'SELECT secret'));
for my $path ('/etc/passwd', '/../../../../etc/passwd', "$server->{path}../../../etc/passwd", "$server->{path}%2e%2e%2f%2e%2e%2fetc/passwd",
	"$server->{path}/etc/passwd", "$server->{path}trace/../../etc/passwd", "$server->{path}traces/", "$server->{path}trace%00", '//', '/%00')
{
	($status, undef, $body) = ask($server, $path);
	like($status, qr/^(?:400|403|404)$/, "no path to files: $path");
	unlike($body, qr/root:x:/, 'and nothing of one');
}
for my $path ("$server->{path}traces%00", "$server->{path}traces%00/../../etc/passwd", "$server->{path}%00", "$server->{path}%00?since=2026-11-22",
	"$server->{path}trace%00x?id=$base", '/favicon.ico%00')
{
	is(status_of($server, $path), 404, 'a path is not cut at a NUL: ' . $path =~ s{^/[0-9a-f]{32}}{}r);
}
{
	local $server->{cookie} = undef;
	is(status_of($server, "$_?token=$server->{token}"), 403, "nor the token's: $_") for '/%00', '/%00x', '/%00/';
	is(status_of($server, "/?x=%00&token=$server->{token}"), 200, 'a NUL in another argument is none in the path');
}
is(status_of($server, "$server->{path}traces%00", '-H', 'Host: evil.example'), 403, 'another host learns nothing of it');
for my $id ('../../etc/passwd', '/etc/passwd', "$dir/secret", 'secret', '%2e%2e%2fsecret', 'x%00y', '%ff%fe', "'; DROP TABLE trace; --", '<script>',
	'%0d%0aSet-Cookie:%20a=b', 'a' x 129, 'a' x 2000)
{
	my $escaped = $id =~ s/([^A-Za-z0-9%.-])/sprintf '%%%02x', ord $1/ger;
	($status, $headers, $body) = ask($server, "$server->{path}trace?id=$escaped");
	like($status, qr/^(?:400|404)$/, 'no trace: ' . substr $id, 0, 40);
	unlike($body, qr/root:x:|SELECT secret|<script>[^"]*<|^Set-Cookie/, 'and nothing else');
}
is(status_of($server, "$server->{path}trace"), 400, 'no id');
is(status_of($server, "$server->{path}trace?id=last"), 200, 'the last one');
is(status_of($server, "$server->{path}trace?id=11111111"), 200, 'the beginning of an id');
is(status_of($server, "$server->{path}?" . ('a' x $_)), 414, "an address of $_ bytes") for 17000, 65000, 66000, 100000;
is(status_of($server, "$server->{path}?" . ('a&' x $_)), 414, "$_ arguments") for 70, 480, 3000, 20000;
is(status_of($server, "$server->{path}?" . ('a&' x 40)), 200, '40 arguments');
is(status_of($server, $list, map { ('-H', "X-$_: " . ('a' x 4000)) } 1 .. 40), 431, 'headers of 160 kB');
for my $size (30_000, 32_000, 32_400, 33_000, 50_000, 64_000, 66_000)
{
	my ($line) = send_bytes($port, "GET $list HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nCookie: $server->{cookie}\r\nX: " . ('a' x $size) . "\r\n\r\n", 1) =~ /^HTTP\S+ (\d+)/;
	is($line // 'none', $size < 32_500 ? 200 : 431, "a header of $size bytes is answered");
}
my ($crowd) = send_bytes($port, "GET $list HTTP/1.1\r\nHost: 127.0.0.1\r\n" . ("A: b\r\n" x 480) . "\r\n", 1) =~ /^HTTP\S+ (\d+)/;
is($crowd, 431, '480 headers');
is((traces($server, "$_=" . 'a' x 2000))[0], 400, "$_ of 2 kB") for 'text', 'page', 'since', 'service';
for my $name ('text', 'page', 'since', 'min', 'service', 'order', 'errors')
{
	for my $case ([ 'x%00y' => qr/^$name contains the character NUL/ ], [ '%00' => qr/^$name contains the character NUL/ ],
		[ 'a' x 2000 => qr/^$name is too long$/ ])
	{
		my ($code, $answer) = traces($server, "$name=$case->[0]");
		is($code, 400, "$name=" . substr $case->[0], 0, 10);
		is(scalar @{ $answer->{messages} }, 1, 'one message');
		like($answer->{messages}[0], $case->[1], 'which says what is wrong');
	}
}
like((ask($server, "$server->{path}trace?id=$_->[0]"))[2], $_->[1], "why there is no trace: $_->[0]")
  for [ '%00' => qr/"id contains the character NUL/ ], [ 'a' x 129 => qr/"id is longer than/ ], [ '' => qr/"the address names no trace"/ ];
for my $bytes ("\0" x 100, "GET\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
	"GET $list HTTP/1.1\r\nHost: a\r\nHost: 127.0.0.1\r\nCookie: $server->{cookie}\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999\r\n\r\n")
{
	unlike(send_bytes($port, $bytes), qr/^HTTP\S+ 200/, 'what is no request');
}
is((traces($server))[0], 200, 'it lives');

# --- the list --------------------------------------------------------------------

my $answer;
($status, $answer) = traces($server);
is(join(' ', sort map { $_->{base_id} } @{ $answer->{traces} }), "$base $other", 'two traces');
is("$answer->{traces}[0]{operations} $answer->{traces}[0]{errors} $answer->{traces}[0]{service} $answer->{traces}[0]{name}", '2 0 svc app', 'what is known of one');
is($answer->{collector}, $file, 'of which collector');
is($answer->{next}, undef, 'no other page');
is(scalar @{ (traces($server, 'errors=1'))[1]{traces} }, 0, 'none with errors');
is(scalar @{ (traces($server, 'since=2026-11-22'))[1]{traces} }, 2, 'since a day');
is(scalar @{ (traces($server, 'until=2026-11-21'))[1]{traces} }, 0, 'until a day');
is(scalar @{ (traces($server, 'service=svc'))[1]{traces} }, 2, 'of a service');
is(scalar @{ (traces($server, 'service=nova'))[1]{traces} }, 0, 'of another service');
is(scalar @{ (traces($server, 'text=APP'))[1]{traces} }, 2, 'with a text');
is(scalar @{ (traces($server, 'text=nothing'))[1]{traces} }, 0, 'with no such text');
is(scalar @{ (traces($server, 'min=10ms'))[1]{traces} }, 2, 'of a duration');
is(scalar @{ (traces($server, 'min=11ms'))[1]{traces} }, 0, 'of a longer one');
for my $wrong (['since=yesterday', qr/since must be a date/], ['min=-1', qr/min must be a time/], ['order=size', qr/order/], ['page=nonsense', qr/page/])
{
	my ($query, $message) = @$wrong;
	($status, $answer) = traces($server, $query);
	cmp_ok($status, '>=', 400, $query);
	like(join(' ', @{ $answer->{messages} // [] }), $message, "$query: it says why");
}
is(stop($server), 0, 'SIGTERM ends it');
like(slurp("$dir/server.err"), qr/\A\z/, 'and it said nothing');

# All pages, each trace once.
my $many = write_points("$dir/many", map { my $n = sprintf '%08d', $_;
	point('app-start', "$n-2222-4333-8444-555555555555", "$n-2222-4333-8444-555555555555", "t$n", sprintf('%02d.%06d', $_ / 20, $_), '{"host": "h"}') } 1 .. 950);
$server = start('--connection-string', $many);
enter($server);
for my $order ('', 'duration')
{
	my (%seen, @seen, $pages);
	my $page = '';

	for ($pages = 0; $pages < 20 && defined $page; $pages++)
	{
		($status, $answer) = traces($server, "order=$order&page=$page");
		push @seen, map { $_->{base_id} } @{ $answer->{traces} // [] };
		$page = $answer->{next};
	}
	@seen{@seen} = ();
	is("$pages " . @seen . ' ' . keys %seen, '10 950 950', "order '$order': all pages have each trace once");
}

# Several at once.
my @children = map {
	my $child = fork // die;
	if ($child == 0)
	{
		$dir = "$dir/child$_"; mkdir $dir;
		my @all = map { status_of($server, "$server->{path}$_") } ('traces', 'trace?id=last') x 4;
		POSIX::_exit(grep({ $_ != 200 } @all) ? 1 : 0);
	}
	$child
} 1 .. 6;
is(join(' ', map { waitpid $_, 0; $? } @children), '0 0 0 0 0 0', 'six users at once');
is(stop($server, 'INT'), 0, 'SIGINT ends it');

# --- slow readers of large pages -----------------------------------------------------

# Pages of 30 MB that are read slowly: so many are held, and others are to come again.
{
	open my $random, '<:raw', '/dev/urandom' or die;
	my $large = write_points("$dir/large", map {
		read $random, my $bytes, 75_000;
		my $text = encode_base64($bytes, '');
		map { point("db-$_", $base, $base, "d$text" =~ s/(.{20}).*/$1/r, '01.000000', $_ eq 'start' ? qq({"db": {"statement": "$text"}}) : '{}') } 'start', 'stop'
	} 1 .. 300);

	$server = start('--connection-string', $large);
	enter($server);
	my ($large_port) = $server->{origin} =~ /(\d+)$/;
	my (@slow, @refused);
	my $bytes = 0;

	for (1 .. 6)
	{
		my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $large_port) or die;
		my $head = '';

		$socket->syswrite("GET $server->{path}trace?id=$base HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: $server->{cookie}\r\n\r\n");

		# Those that are being sent must see some of it read, or they are ended.
		until (IO::Select->new($socket)->can_read(0.1))
		{
			$_->sysread(my $part, 40_000) for @slow;
		}
		$socket->sysread($head, 2000);
		if ($head =~ /^HTTP\S+ 200 .*^Content-Length: (\d+)/ms)
		{
			$bytes += $1;
			push @slow, $socket;
			next;
		}
		push @refused, $head;
	}
	cmp_ok($bytes / @slow, '>', 25_000_000, 'a large page');
	is(scalar @slow, 4, 'as many are sent as there is room for');
	like($refused[$_], qr/^HTTP\S+ 503 .*^Retry-After: \d+\r$/ms, 'others are to come again') for 0, 1;
	is((traces($server))[0], 200, 'the list comes');
	my ($memory) = slurp("/proc/$server->{pid}/status") =~ /^VmRSS:\s+(\d+) kB$/m;
	cmp_ok($memory, '<', 200_000, 'they take no more memory than that');
	@slow = ();
	for (1 .. 100)
	{
		$status = status_of($server, "$server->{path}trace?id=$base");
		last if $status != 503;
		sleep 0.1;
	}
	is($status, 200, 'when they are gone, there is room again');
	stop($server);
}

# --- collectors that are not as they should be --------------------------------------

mkdir "$dir/coming";
$server = start('--connection-string', "file://$dir/coming");
enter($server);
($status, $answer) = traces($server);
is($status, 502, 'the collector cannot be read');
like("@{ $answer->{messages} }", qr/\Q$dir\E\/coming/, 'it says which one, and why');
($status, undef, $body) = ask($server, "$server->{path}trace?id=$base");
is($status, 502, 'nor a trace of it');
like($body, qr/"view": "problem", "again": true/, 'the page tries again');
is(status_of($server, "$server->{path}trace?id=$_"), 502, "nor '$_'") for 'last', 'last~1', substr $base, 0, 8;
is(status_of($server, "$server->{path}compare?a=last~1&b=last"), 502, 'nor can two be compared');
rmdir "$dir/coming";
is(status_of($server, "$server->{path}trace?id=$_"), 502, "'$_' of one that is not there") for 'last', $base;
($status, $answer) = traces($server);
is(scalar @{ $answer->{traces} }, 0, 'nothing was stored yet');
ok(!$answer->{stored}, 'there is no store');
write_points("$dir/coming", trace_points($base, 'SELECT 1'));
is(scalar @{ (traces($server))[1]{traces} }, 1, 'it comes back');
is(status_of($server, "$server->{path}trace?id=$base"), 200, 'with its trace');
write_file("$dir/coming", '');
($status, $answer) = traces($server);
is(scalar @{ $answer->{traces} }, 0, 'it is emptied');
ok($answer->{stored}, 'but there');
is(status_of($server, "$server->{path}trace?id=$_"), 404, "the trace is gone: $_") for $base, 'last';
is(stop($server, 'HUP'), 0, 'SIGHUP ends it');

# A collector that accepts and says nothing: others are served, and the end comes at once.
my $silent = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 5) or die;
$server = start('--connection-string', 'redis://127.0.0.1:' . $silent->sockport);
enter($server);
my $waiting = fork // die;
if ($waiting == 0) { $dir = "$dir/waiting"; mkdir $dir; traces($server); POSIX::_exit(0) }
my $conn = $silent->accept;
my $hasty = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $server->{origin} =~ /(\d+)$/) or die;
$hasty->syswrite("GET $server->{path}traces HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: $server->{cookie}\r\n\r\n");
my $given_up = $silent->accept;
close $hasty;
my $gone_at = time;
1 while $given_up->sysread(my $rest, 1000);
cmp_ok(time - $gone_at, '<', 5, 'what a browser no longer waits for is given up');
is(status_of($server, $server->{path}), 200, 'the page comes while a collector is silent');
my $asked = time;
is(stop($server), 0, 'SIGTERM while a collector is silent');
cmp_ok(time - $asked, '<', 3, 'ends it soon');
waitpid $waiting, 0;

# The same of a second collector, which is asked for a trace only.
$server = start('--connection-string', $file, '--connection-string', 'redis://127.0.0.1:' . $silent->sockport);
enter($server);
$hasty = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $server->{origin} =~ /(\d+)$/) or die;
$hasty->syswrite("GET $server->{path}trace?id=$base HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: $server->{cookie}\r\n\r\n");
$given_up = $silent->accept;
close $hasty;
$gone_at = time;
1 while $given_up->sysread(my $more, 1000);
cmp_ok(time - $gone_at, '<', 8, 'a second collector is given up, too, when the browser is gone');
is(stop($server), 0, 'and does not hold up the end');

# The same of a PostgreSQL server that lets us in, and then says nothing.
$server = start('--connection-string', $file, '--server',
	'host=127.0.0.1 user=u dbname=d sslmode=disable gssencmode=disable port=' . $silent->sockport);
enter($server);
$hasty = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $server->{origin} =~ /(\d+)$/) or die;
$hasty->syswrite("GET $server->{path}trace?id=$base HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: $server->{cookie}\r\n\r\n");
$given_up = $silent->accept;
$given_up->sysread(my $startup, 1000);
$given_up->syswrite(pack('a N N a N a', 'R', 8, 0, 'Z', 5, 'I'));
$given_up->sysread(my $question, 1000);
like($question, qr/^Q/, 'a silent server is asked');
close $hasty;
my $closed = 1;
$closed = IO::Select->new($given_up)->can_read(15) while $closed && $given_up->sysread(my $tail, 1000);
ok($closed, 'it is given up, too, when the browser is gone');
is(stop($server), 0, 'and does not hold up the end');

# Parts in two collectors, and a server that is not there.
my @halves = trace_points($base, 'SELECT 1');
my $first = write_points("$dir/half1", @halves[0, 3]);
my $second = write_points("$dir/half2", @halves[1, 2]);
$server = start('--connection-string', $first, '--connection-string', $second, '--server', "host=$dir/none",
	'--server', "host=$dir/locked password=hunter2", '--server', "host=$dir/open password='hunter2");
enter($server);
($status, undef, $body) = ask($server, "$server->{path}trace?id=$base");
like($body, qr/SELECT 1/, 'a trace is read from both');
like($body, qr/id="served">\{"messages": \["host=.*No such file/, 'the page names the server that cannot be asked');
like($body, qr{"[^"]*host=\Q$dir\E/locked: .*No such file.*", "the server: libpq does not understand}, '... and each other one');
unlike($body, qr/hunter2/, '... without its password');

# --- its end ------------------------------------------------------------------------

close $server->{out};
is(ended($server), 0, 'it ends when nobody reads what it wrote');

$server = start({ NOHUP => 1 }, '--connection-string', $file);
kill 'HUP', $server->{pid};
enter($server);
is((traces($server))[0], 200, 'nohup keeps it');
stop($server);

my $pty = IO::Pty->new;
my $on_terminal = fork // die;
if ($on_terminal == 0)
{
	POSIX::setsid();
	$pty->make_slave_controlling_terminal;
	my $slave = $pty->slave;
	close $pty;
	open STDIN, '<&', $slave; open STDOUT, '>&', $slave; open STDERR, '>&', $slave;
	close $slave;
	exec "$build/bin/osprofiler", 'web', '--connection-string', $file or POSIX::_exit(127);
}
$pty->close_slave;
like(scalar <$pty>, qr/^http:/, 'on a terminal');
close $pty;
is(ended({ pid => $on_terminal }), 0, 'it ends with the terminal');

# --- addresses ------------------------------------------------------------------------

$server = start('--connection-string', $file, '--listen', '127.0.0.1:0');
($port) = $server->{origin} =~ /:(\d+)$/;
one_error(qr/cannot listen at 127\.0\.0\.1 port $port: Address already in use \(without a port/, 'web', '--connection-string', $file, '--listen', "127.0.0.1:$port");
stop($server);
$server = start('--connection-string', $file, '--listen', $port);
is($server->{origin}, "http://127.0.0.1:$port", 'the port is free again, and a port alone is one of this host');
stop($server);
if (IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0, Listen => 1))
{
	$server = start('--connection-string', $file, '--listen', '[::1]:0');
	like($server->{origin}, qr{^http://\[::1\]:\d+$}, 'IPv6');
	enter($server);
	is((traces($server))[0], 200, 'is served');
	is(status_of($server, "$server->{path}traces", '-H', 'Host: [2001:db8::1]'), 403, 'under its own address only');
	stop($server);
}
else
{
	one_error(qr/cannot listen at ::1 port 0: (Cannot assign requested address|Address family not supported by protocol)/, 'web', '--connection-string', $file, '--listen', '[::1]:0');
}
$server = start('--connection-string', $file, '--listen', '0.0.0.0:0');
like(slurp("$dir/server.err"), qr/\Aosprofiler: web: warning: other hosts can reach [^\n]+\n\z/, 'all addresses: one line warns');
$server->{origin} =~ s{//[^:]+}{//127.0.0.1};
enter($server);
is((traces($server))[0], 200, 'with the token');
is(status_of($server, "$server->{path}traces", '-H', 'Host: 192.0.2.7'), 200, 'an address is no name');
is(status_of($server, "$server->{path}traces", '-H', 'Host: evil.example'), 403, 'another name is refused');
stop($server);

for my $listen ('example.com:1', 'a', '127.0.0.1:70000', '127.0.0.1:x', '[::1', '127.0.0.1:', '1.2.3:80', '127.0.0.1:80:80')
{
	usage_error(qr/--listen must be ADDRESS:PORT/, 'web', '--connection-string', $file, '--listen', $listen);
}
usage_error(qr/unexpected argument 'a'/, 'web', 'a');
one_error(qr/no driver for nosuch/, 'web', '--connection-string', 'nosuch://x');
one_error(qr/traces cannot be read from otlp/, 'web', '--connection-string', 'otlp://127.0.0.1:1');
one_error(qr/no driver for nosuch/, 'web', '--connection-string', $file, '--connection-string', 'nosuch://x');
one_error(qr/traces cannot be read from otlp/, 'web', map { ('--connection-string', $_) } $file, $file, 'otlp://127.0.0.1:1');

# The library is not there.
mkdir "$dir/lib";
my ($library) = `strings $build/bin/osprofiler` =~ /^(libmicrohttpd\.so\.\d+)$/m;
write_file("$dir/lib/" . ($library // 'none'), '');
{
	local $ENV{LD_LIBRARY_PATH} = "$dir/lib";
	one_error(qr/\Q$library\E is not installed \(Debian's package libmicrohttpd/, 'web', '--connection-string', $file);
}

# There is not enough memory for a page: an answer in plain words. A library in front of
# libc's refuses what is large.
SKIP:
{
	write_file("$dir/scarce.c", <<'END');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
void *realloc(void *p, size_t n)
{
	static void *(*real)(void *, size_t);
	if (!real)
		real = (void *(*)(void *, size_t)) dlsym(RTLD_NEXT, "realloc");
	return n > 40000 ? NULL : real(p, n);
}
END
	skip 'no compiler', 9 if system("cc -shared -fPIC -o $dir/scarce.so $dir/scarce.c -ldl") != 0;
	$server = start({ LD_PRELOAD => "$dir/scarce.so" }, '--connection-string', $file);
	enter($server);
	for my $path ('', "trace?id=last", "compare?a=$base&b=$other")
	{
		($status, $headers, $body) = ask($server, "$server->{path}$path");
		is("$status $headers->{'content-type'}", '500 text/plain; charset=utf-8', "/$path: no memory");
		is($headers->{'content-security-policy'}, "default-src 'none'; frame-ancestors 'none'", 'as plain text');
		is($body, "There is not enough memory for this.\n", 'in words');
	}
	stop($server);
}

# --- the slow client ------------------------------------------------------------------

my $open = 1;
my $loop_began = time;
while ($open && time - $loop_began < 16)
{
	local $SIG{PIPE} = 'IGNORE';
	$drip->syswrite('X');
	my $read = $drip->sysread(my $bytes, 100);
	$open = defined $read ? $read > 0 : $! == EAGAIN;
	sleep 0.1;
}
cmp_ok(time - $drip_began, '>', 8, 'a client has some time to ask');
ok(!$open, 'one that sends a byte now and then does not stay');

is(status_of($crowded, '/'), 403, 'nor do those that say nothing: others are served then');

done_testing();
