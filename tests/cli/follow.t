#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# follow.t
#	  osprofiler trace list --follow and trace show --follow: what comes while they run,
#	  and how they end.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use IO::Select;
use IO::Socket::IP;
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $uri = write_points("$dir/points");
my @at = ('--connection-string', $uri);

sub add_points
{
	open my $file, '>>', "$dir/points" or die $!;
	print $file map { "$_\n" } @_;
	close $file;
	return;
}

# Now, and a while later, in the form of a notification's time without its date.
sub point_now
{
	my ($name, $base, $parent, $trace, @rest) = @_;
	my $now = time;
	my $time = POSIX::strftime('%Y-%m-%dT%H:%M:%S', gmtime $now)
	  . sprintf('.%06d', ($now - int $now) * 1e6);
	return point($name, $base, $parent, $trace, '00.000000', @rest) =~
	  s/"timestamp": "[^"]*"/"timestamp": "$time"/r;
}

# Starts the command; its output is appended to files.
sub start_cli
{
	unlink "$dir/follow.out", "$dir/follow.err";
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$dir/follow.out";
		open STDERR, '>', "$dir/follow.err";
		exec("$build/bin/osprofiler", @_) or POSIX::_exit(127);
	}
	return $pid;
}

# Waits until what a file holds matches; fails after a while.
sub wait_for
{
	my ($file, $pattern, $what) = @_;
	my $end = time + 20;

	sleep 0.05 while (slurp("$dir/$file") // '') !~ $pattern && time < $end;
	like(slurp("$dir/$file"), $pattern, $what);
	return;
}

sub stop_cli
{
	my ($pid, $signal, $what) = @_;
	my $begun = time;

	kill $signal, $pid;
	while (waitpid($pid, POSIX::WNOHANG()) == 0)
	{
		kill 'KILL', $pid if time - $begun > 12;
		sleep 0.02;
	}
	is($?, 0, "$what: ends well by $signal");
	cmp_ok(time - $begun, '<', 10, "$what: at once");
	return;
}

sub id
{
	return sprintf '%08x-2222-4333-8444-555555555555', $_[0];
}

# --- lists ---------------------------------------------------------------------

add_points(map { (point_now('old-start', id($_), 'p', "t$_"),
			point_now('old-stop', id($_), 'p', "t$_")) } 1 .. 3);
my $pid = start_cli('trace', 'list', '--follow', @at, '--limit', 2);
wait_for('follow.err', qr/\Aosprofiler: trace list: waiting for new traces in \Q$uri\E, until Ctrl-C\n\z/,
	'what it waits for');
like(slurp("$dir/follow.out"), qr/\ATRACE .*\n00000002-.*\n00000003-.*\n\z/, 'the newest that were there');
add_points(point_now('new-start', id(4), 'p', 't4'), point_now('new-stop', id(4), 'p', 't4'));
wait_for('follow.out', qr/\n00000003-.*\n00000004-.* new\n\z/, 'a new one');
add_points(map { (point_now('new-start', id($_), 'p', "t$_"),
			point_now('new-stop', id($_), 'p', "t$_")) } 5, 6);
wait_for('follow.out', qr/\n00000004-.*\n00000005-.*\n00000006-.*\n\z/, 'two more, the newest last');
stop_cli($pid, 'INT', 'a list');
is(scalar(() = slurp("$dir/follow.out") =~ /^0/mg), 5, 'each once');

$pid = start_cli('trace', 'list', '--follow', @at, '--limit', 1, '--json', '--errors');
wait_for('follow.err', qr/waiting/, 'it waits');
add_points(point_now('bad-start', id(7), 'p', 't7'), point_now('good-start', id(8), 'p', 't8'),
	point_now('good-stop', id(8), 'p', 't8'));
sleep 1.2;
add_points(point_now('bad-stop', id(7), 'p', 't7', '{"etype": "E", "message": "m", "host": "h"}'));
wait_for('follow.out', qr/\n\z/, 'a trace that fails later on');
stop_cli($pid, 'TERM', 'a list in JSON');
my @lines = map { decode_json($_) } split /\n/, slurp("$dir/follow.out");
is(join(' ', map { "$_->{base_id} $_->{errors} $_->{operations}" } @lines), id(7) . ' 1 1',
	'one object a line');

# A reader that goes away ends it.
{
	pipe my $reader, my $writer or die;
	my $piped = fork // die;
	if ($piped == 0)
	{
		open STDOUT, '>&', $writer;
		open STDERR, '>', '/dev/null';
		close $reader;
		close $writer;
		exec("$build/bin/osprofiler", 'trace', 'list', '--follow', @at) or POSIX::_exit(127);
	}
	close $writer;
	my $head = <$reader>;
	close $reader;
	waitpid $piped, 0;
	like($head, qr/^TRACE/, 'a reader that goes away');
	is($? & 127, 0, 'ends it without a signal');
}
for my $wrong (['--sort', 'time'], ['--slow'], ['--page', 'x'], ['--all'], ['--until', '1h'])
{
	usage_error(qr/--follow lists traces as they come/, 'trace', 'list', '--follow', @$wrong);
}

# --- a trace -------------------------------------------------------------------

my $id = id(100);
$pid = start_cli('trace', 'show', '--follow', '--wait', '2s', @at, $id);
wait_for('follow.err', qr/\Aosprofiler: trace show: following trace '$id' in \Q$uri\E, until it is complete and nothing has come for 2 s, or Ctrl-C\n\z/,
	'what it waits for, also before the trace is there');
add_points(point_now('web-start', $id, $id, 'w'), point_now('db-start', $id, 'w', 'd'));
add_points(point_now('db-stop', $id, 'w', 'd'));
wait_for('follow.out', qr/\A *\S+ \w+ .* db\n\z/, 'an operation that has ended');
add_points(point_now('db-start', $id, 'w', 'e'),
	point_now('db-stop', $id, 'w', 'e', '{"etype": "E", "message": "went wrong", "host": "h"}'),
	point_now('web-stop', $id, $id, 'w'));
waitpid $pid, 0;
is($?, 0, 'it ends when the trace is complete');
like(slurp("$dir/follow.out"),
	qr/\A.* db\n.* db  E: went wrong\n.* web  .*\n\nTrace $id .*\n(?:.*\n)*?.* web  .*\n.*├─ db.*\n(?:.*no operation.*\n)?.*└─ db.*E: went wrong\n/,
	'each operation once, in the order of their ends, and then the tree');

# Ctrl-C ends it with what there is.
$id = id(101);
add_points(point_now('web-start', $id, $id, 'w'), point_now('db-start', $id, 'w', 'd'),
	point_now('db-stop', $id, 'w', 'd'));
$pid = start_cli('trace', 'show', '--follow', @at, $id);
wait_for('follow.out', qr/ db\n/, 'a trace that does not end');
stop_cli($pid, 'INT', 'a trace');
like(slurp("$dir/follow.out"), qr/\nTrace $id .*\n(?:.*\n)*.* web  .*└─ db/s, 'the tree so far');
like(slurp("$dir/follow.err"), qr/\nosprofiler: trace show: the trace is not complete: 1 operation has not ended\n\z/,
	'and what it lacks');

# On a terminal the tree is drawn on a screen of its own, and then printed.
$id = id(102);
add_points(point_now('web-start', $id, $id, 'w'), (map { (point_now('db-start', $id, 'w', "d$_"),
				point_now('db-stop', $id, 'w', "d$_")) } 1 .. 15), point_now('web-stop', $id, $id, 'w'));
my $screen = qx($top/tests/cli/on_terminal.py 80 10 $build/bin/osprofiler trace show --no-pager --color=never --follow --wait 1s @at $id 2>$dir/err);
my ($own, $rest) = $screen =~ /\e\[\?1049h(.*)\e\[\?1049l(.*)\z/s;
my ($first) = $own =~ /\A\e\[H(.*?)\e\[J/s;
my @rows = split /\r\n/, $first =~ s/\e\[K//gr;
is(scalar @rows, 10, 'a screen full');
like($rows[0], qr/^Trace $id/, 'its head');
like($rows[8], qr/└─ db/, 'the end of the tree');
like($rows[9], qr/^0 unfinished, nothing new for \d+ s; Ctrl-C ends$/, 'how it stands');
is(scalar(() = $rest =~ / db\s/g), 15, 'then the whole tree');

# --- collectors that accept and say nothing --------------------------------------

# A signal ends the command also while it waits for an answer: of the collector, or of
# the second one.
for my $case (
	['a list', 'TERM', 'trace', 'list', '--follow'],
	['a list in JSON', 'INT', 'trace', 'list', '--follow', '--json'],
	['a trace of two collectors', 'TERM', 'trace', 'show', '--follow', $id, @at],
	['a trace of three', 'INT', 'trace', 'show', '--follow', $id, @at, @at])
{
	my ($what, $signal, @command) = @$case;
	my $silent = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 5) or die;
	my $client;

	$pid = start_cli(@command, '--connection-string', 'redis://127.0.0.1:' . $silent->sockport);
	$client = $silent->accept if IO::Select->new($silent)->can_read(20);
	IO::Select->new($client)->can_read(20) if $client;
	ok($client, "$what: a silent collector is asked");
	stop_cli($pid, $signal, "$what, of a silent collector");
	unlike(slurp("$dir/follow.err"), qr/does not answer|interrupted|waiting for new traces/, "$what: no complaint");
}

# A PostgreSQL server that lets the command in, and then says nothing.
for my $signal ('TERM', 'INT')
{
	my $silent = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 5) or die;
	my ($client, $bytes);

	$pid = start_cli('trace', 'show', '--follow', @at, '--server',
		'host=127.0.0.1 user=u dbname=d sslmode=disable gssencmode=disable port=' . $silent->sockport, $id);
	$client = $silent->accept if IO::Select->new($silent)->can_read(20);
	$client->sysread($bytes, 1000) if $client && IO::Select->new($client)->can_read(20);
	$client->syswrite(pack('a N N a N a', 'R', 8, 0, 'Z', 5, 'I')) if $client;
	$bytes = '';
	$client->sysread($bytes, 1000) if $client && IO::Select->new($client)->can_read(20);
	like($bytes, qr/^Q/, 'a silent server is asked');
	stop_cli($pid, $signal, 'a trace of a server that says nothing');
	unlike(slurp("$dir/follow.err"), qr/host=127/, 'no complaint');
}

usage_error(qr/--follow draws the tree/, 'trace', 'show', '--follow', $_, 'x') for '--json', '--html';
usage_error(qr/--follow draws the tree/, 'trace', 'show', '--follow', '--out', "$dir/x", 'x');
usage_error(qr/--follow needs a time to wait/, 'trace', 'show', '--follow', '--no-wait', 'x');

done_testing();
