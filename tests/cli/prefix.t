#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# prefix.t
#	  A trace that is named by the beginning of its id.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

plan skip_all => 'no sqlite3' if system('which sqlite3 >/dev/null') != 0;

my @at = ('--connection-string', "sqlite:///$dir/traces.db");
my ($one, $two, $other) = map { "$_-4333-8444-555555555555" }
  ('1234abcd-0001', '1234abcd-0002', 'fedcba98-0001');

# Before anything is stored.
one_error(qr/no trace '1234abcd'/, 'trace', 'show', @at, '1234abcd');

for my $id ($one, $two, $other)
{
	my %env = run_ok('context', 'new', '--base-id', $id, '--format', 'env', '--hmac-key', 'k') =~
	  /^(?:export )?(\w+)='?([^'\n]*)/mg;

	local @ENV{ keys %env } = values %env;
	local $ENV{OSPROFILER_HMAC_KEYS} = 'k';
	local $ENV{LD_PRELOAD} = "$build/sqlite_osprofiler/sqlite_preload.so";
	system("sqlite3 :memory: \"SELECT '$id'\" >/dev/null") == 0 or die;
}
run_ok('agent', '--once', @at);

for my $case (['fedcba98', $other], ['FEDCBA98', $other], ['fedcba98-', $other],
	['fedcba98-0001-4333', $other], ['1234abcd-0001', $one], ['1234abcd-0002-', $two],
	[substr($two, 0, 35), $two], [$one, $one])
{
	like(run_ok('trace', 'show', @at, $case->[0]), qr/^Trace \Q$case->[1]\E /,
		"$case->[0] is $case->[1]");
}
is(run_ok('trace', 'check', @at, 'fedcba98'), '', 'to be checked as well');
one_error(qr/the ids of 2 traces begin with '$_': give more of the id$/, 'trace', 'show', @at, $_)
  for '1234abcd', '1234abcd-', '1234ABCD-000';
one_error(qr/no trace '\Q$_\E' .*give the whole id/, 'trace', 'show', @at, $_)
  for 'fedcba9', 'fedcba97', 'fedcba980', 'fedcba98-0002', 'fedcba9%', 'fedcba98_0001';
like(run_ok('trace', $_, '--help'), qr/at least (?:its|their) first 8 characters/, "$_ --help says how much of an id is needed")
  for 'show', 'diff', 'delete';

# The newest.
my $newest = (run_ok('trace', 'list', @at) =~ /($one|$two|$other)/)[0];
like(run_ok('trace', 'show', @at, 'last'), qr/^Trace \Q$newest\E /, 'the last one');
like(run_ok('trace', 'explain', @at, 'last'), qr/./, 'its explanation');
one_error(qr/there is no trace in/, 'trace', 'show', '--connection-string', "sqlite:///$dir/none.db", 'last');

# In a file.
my $file = write_points("$dir/points", point('app-start', $one, $one, 'a1', '01.000000'),
	point('app-stop', $one, $one, 'a1', '01.010000'));
like(run_ok('trace', 'show', '--connection-string', $file, '1234abcd'), qr/^Trace \Q$one\E /,
	'a file collector');
like(run_ok('trace', 'show', '--connection-string', $file, 'last'), qr/^Trace \Q$one\E /,
	'the last one of a file collector');

done_testing();
