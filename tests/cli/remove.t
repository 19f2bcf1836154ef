#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# remove.t
#	  The default collector: osprofiler trace list, delete and prune on an SQLite
#	  store that an agent has filled.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use JSON::PP;
use Digest::SHA qw(hmac_sha1_hex);
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use Test::More;

plan skip_all => 'no sqlite3' if system('which sqlite3 >/dev/null') != 0;

my $uri = "sqlite:///$dir/traces.db";
my @at = ('--connection-string', $uri);

one_error(qr{cannot list the traces of \Q$uri\E: cannot open \Q$dir\E/traces\.db: No such file},
	'trace', 'list', @at);
one_error(qr{cannot open \Q$dir\E/traces\.db: No such file}, 'trace', 'delete',
	@at, 'a');
usage_error(qr/--server only reads\. Name the collector that the server delivers to by --connection-string; .*sqlite:\/\/\/DATA_DIRECTORY\/osprofiler\/pgsql_tmp\/traces\.db/,
	'trace', $_, '--server', 'dbname=x', 'a') for 'delete', 'prune';
one_error(qr{cannot open \Q$dir\E/traces\.db: No such file}, 'trace', 'prune',
	@at, '--older-than', '1d');
ok(!-e "$dir/traces.db", 'looking makes no file');

# A traced program; its points are delivered to the store. The trace's id.
sub trace_program
{
	my ($sql, $name) = @_;
	my ($info, $hmac) = signed($name);

	return deliver($sql, $info, $hmac, $name) if defined $name;
	($info, $hmac) =
	  run_ok('context', 'new', '--format', 'env', '--hmac-key', 'k') =~
	  /OSPROFILER_TRACE_(?:INFO|HMAC)='?([^'\n]*)/g;
	my $shown = run_ok('context', 'show', '--hmac-key', 'k', '--trace-info', $info,
		'--trace-hmac', $hmac);

	deliver($sql, $info, $hmac);
	return $shown =~ /([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/ && $1;
}

# A context whose trace has a name that is no UUID, as OSProfiler in Python allows.
sub signed
{
	my ($name) = @_;
	my $info = encode_base64url(encode_json({ base_id => $name, parent_id => $name }));

	return ($info . '=' x (-length($info) % 4), hmac_sha1_hex($info . '=' x (-length($info) % 4), 'k'));
}

sub deliver
{
	my ($sql, $info, $hmac, $name) = @_;

	local $ENV{OSPROFILER_HMAC_KEYS} = 'k';
	local $ENV{OSPROFILER_TRACE_INFO} = $info;
	local $ENV{OSPROFILER_TRACE_HMAC} = $hmac;
	local $ENV{OSPROFILER_SERVICE} = 'shop';
	{
		local $ENV{LD_PRELOAD} = "$build/sqlite_osprofiler/sqlite_preload.so";
		system("sqlite3 :memory: '$sql' >$dir/program 2>&1");
	}
	my ($status, undef, $err) = run_cli('agent', '--once', @at);
	is($status, 0, "delivered $err");
	return $name;
}

sub list
{
	return decode_json(run_ok('trace', 'list', '--json', @at, @_));
}

sub ids
{
	return join ' ', map { $_->{base_id} } @{ list(@_)->{traces} };
}

my @ids = map { trace_program("SELECT $_; SELECT $_ + 1") } 1 .. 5;
my $failed = trace_program('SELECT nothing FROM nowhere');
my @newest = ($failed, reverse @ids);

# What the store knows of a trace without reading it.
my ($last, $first) = @{ list('--limit', 2)->{traces} };
is($last->{base_id}, $failed, 'the newest first');
is($last->{errors}, 1, 'its error is counted');
is($first->{errors}, 0, 'the other has none');
is($first->{operations}, 2, 'operations are counted');
is($first->{service}, 'shop', 'service');
is($first->{name}, 'sqlite', 'name of the first operation');
like($first->{text}, qr/^SELECT 5/, 'its text');
cmp_ok($first->{last}, 'ge', $first->{first}, 'times');
like(run_ok('trace', 'list', @at, '--limit', 2),
	qr/^\Q$ids[4]\E  \S+ +[\d.]+ [mun]?s +2 +0  shop +sqlite SELECT 5/m, 'as a line');
is(ids('--errors'), $failed, 'errors only');

# Page by page.
my @seen;
my $page;
for (1 .. 10)
{
	my $part = list('--limit', 2, $page ? ('--page', $page) : ());

	push @seen, map { $_->{base_id} } @{ $part->{traces} };
	$page = $part->{next} // last;
}
is("@seen", "@newest", 'pages');
is(ids('--all'), "@newest", 'all');
is(ids('--until', '1h'), '', 'none is an hour old');
is(ids('--since', '1h'), "@newest", 'all are of the last hour');

# Delete: by id, in any form of it.
is(run_ok('trace', 'delete', @at, $ids[0]), "1 trace removed\n", 'one');
is(run_ok('trace', 'delete', @at, $ids[1] =~ s/-//gr, $ids[2]),
	"2 traces removed\n", 'two');
my ($status, $out, $err) = run_cli('trace', 'delete', @at, $ids[0], $ids[3]);
is("$status $out", "1 1 trace removed\n", 'one of them is gone already');
like($err, qr/\Aosprofiler: trace delete: 1 of 2 traces were not in \Q$uri\E\n\z/,
	'which is said');
is(ids(), "$failed $ids[4]", 'the others stay');
one_error(qr/no trace '$ids[0]'/, 'trace', 'show', '--no-wait', @at, $ids[0]);

# Prune: by age.
is(run_ok('trace', 'prune', @at, '--older-than', '1h'), "0 traces removed\n",
	'nothing is an hour old');
is(ids(), "$failed $ids[4]", 'they stay');
select undef, undef, undef, 0.05;
usage_error(qr/needs a unit: for \Q$_\E days write \Q$_\Ed /,
	'trace', 'prune', @at, '--older-than', $_)
  for '0', '1', '30', '0.5';
is(run_ok('trace', 'prune', @at, '--older-than', '1ms'), "2 traces removed\n",
	'all are older than a millisecond');
is(ids(), '', 'an empty store');

# Delete: traces whose names are no UUIDs.
trace_program("SELECT '$_'", $_) for 'order-4711', 'order-4712', 'a', 'x' x 64;
is(run_ok('trace', 'delete', @at, 'order-4712'), "1 trace removed\n", 'a name');
is(run_ok('trace', 'delete', @at, 'a', 'x' x 64), "2 traces removed\n", 'several names');
is(ids(), 'order-4711', 'the other one stays');
is(run_ok('trace', 'delete', @at, 'order-4711'), "1 trace removed\n", 'and goes');

# Delete: a trace that is named by its place or the beginning of its id. What it is, is
# said; nothing is removed if one name may mean several traces, or none.
@ids = map { trace_program("SELECT $_") } 1 .. 7;
sub deleted
{
	my ($what, $names, $gone, @others) = @_;
	my %name;

	@name{@$names} = @$gone;
	is(run_ok('trace', 'delete', @at, @$names, @others), join('', map { "$_ is $name{$_}\n" } @$names)
		  . (@$gone > 1 ? @$gone . " traces removed\n" : "1 trace removed\n"), "$what is removed");
	@ids = grep { my $id = $_; !grep { $_ eq $id } @$gone } @ids;
	is(ids(), join(' ', reverse @ids), "$what: the others stay");
}
deleted('last', ['last'], [$ids[6]]);
deleted('last~1', ['last~1'], [$ids[4]]);
deleted('the beginning of an id', [substr $ids[0], 0, 8], [$ids[0]]);
deleted('several names', ['last', 'last~1'], [@ids[-1, -2]]);
deleted('a trace by two names', ['last'], [$ids[-1]], $ids[-1]);
one_error(qr/'last~5' goes back too far/, 'trace', 'delete', @at, 'last~5', 'last');
is(ids(), "@ids", 'what goes back too far: nothing is removed');
my $twin = substr($ids[0], 0, 9) . 'ffff-4333-8444-555555555555';
{
	my %env = run_ok('context', 'new', '--base-id', $twin, '--format', 'env', '--hmac-key', 'k') =~
	  /^(?:export )?(\w+)='?([^'\n]*)/mg;

	local @ENV{ keys %env } = values %env;
	local $ENV{OSPROFILER_HMAC_KEYS} = 'k';
	local $ENV{LD_PRELOAD} = "$build/sqlite_osprofiler/sqlite_preload.so";
	system('sqlite3 :memory: "SELECT 1" >/dev/null') == 0 or die;
}
run_ok('agent', '--once', @at);
one_error(qr/the ids of 2 traces begin with/, 'trace', 'delete', @at, substr $twin, 0, 8);
deleted('last of two', ['last'], [$twin]);
deleted('the rest', ['last'], [@ids]);
one_error(qr/there is no trace in/, 'trace', 'delete', @at, 'last');

done_testing();
