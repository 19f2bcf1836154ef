#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# peer.t
#	  The Python OSProfiler and its command: the same reports, member for member,
#	  and the same list of traces, out of the same Redis.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

my $python = '/usr/bin/python3';
my $upstream = '/usr/bin/osprofiler';
my $peer = "$FindBin::Bin/peer_trace.py";
my $redis = "$top/tests/drivers/redis_server.sh";

plan skip_all => 'the Python OSProfiler is not installed'
  if system("$python -c 'import osprofiler, redis' 2>/dev/null") != 0;

# JSON in one form, numbers digit for digit.
sub canonical
{
	my ($json) = @_;
	write_file("$dir/canonical", $json);
	return scalar `$python -c 'import json, sys; json.dump(json.load(sys.stdin), sys.stdout, sort_keys=True, indent=1)' < $dir/canonical`;
}

sub output_of
{
	my ($command) = @_;
	my $output = `$command`;
	is($?, 0, $command);
	return $output;
}

# Random traces, as Python's drivers report them.
for my $seed (1 .. 5)
{
	system("$python $peer random $seed > $dir/random.json") == 0 or die;
	my $expected = `$python $peer report < $dir/random.json`;
	my $ours = run_ok('trace', 'show', '--json', "$dir/random.json");

	is(canonical($ours), canonical($expected), "random trace $seed");
}

# One Redis, two commands.
mkdir "$dir/redis";
chomp(my $port = `$redis start $dir/redis`);
die 'no redis-server' if $? != 0;
my $owner = $$;
END { local $?; system("$redis stop $dir/redis") if defined $port && $$ == $owner }

my $uri = "redis://127.0.0.1:$port/2";
my @at = ('--connection-string', $uri);
my @ids = map { my $id = output_of("$python $peer write $uri"); chomp $id; $id } 1 .. 2;

for my $id (@ids)
{
	my $theirs = output_of("$upstream trace show --json @at $id");
	my $ours = run_ok('trace', 'show', '--json', @at, $id);

	is(canonical($ours), canonical($theirs), "trace $id");
	is(run_ok('trace', 'check', @at, $id), '', 'which is whole');
	like(run_ok('trace', 'show', @at, $id), qr/wsgi.*\n(.*db.*\n){3}.*rpc.*ValueError/,
		'and can be drawn');
}

# The same traces; what upstream says of their times is that of a later point.
my @theirs = sort map { /^\| (\S+-\S+)/ ? $1 : () }
  split /\n/, output_of("$upstream trace list @at");
my @ours = sort map { /^([0-9a-f]{8}-\S+)/ ? $1 : () }
  split /\n/, run_ok('trace', 'list', @at);
is("@ours", "@theirs", 'list');
is("@ours", join(' ', sort @ids), 'has both');

done_testing();
