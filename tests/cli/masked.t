#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# masked.t
#	  Connection strings that are not written as they must be: neither the agent, whose
#	  lines go to a server's log, nor the other commands show a secret in them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

$ENV{OSPROFILER_DRIVER_PATH} = "$build/drivers";

# No part of a login is taken for a host, which messages name.
my @two_ends = ('%s://u:hun@hunter2@127.0.0.1:1/db', '%s://u:hun?x@hunter2@127.0.0.1:1/db',
	'%s://u:hun#x@hunter2@127.0.0.1:1/db', '%s://u@hunter2:p@127.0.0.1:1');

# A scheme of each driver, or of none; what follows never reaches a server.
my @schemes = qw(redis redissentinel mysql postgresql otlp messaging elasticsearch mongodb sqlite nosuch);
my @forms = (
	'%s:/u:hunter2@127.0.0.1:1/0', '%s//u:hunter2@127.0.0.1:1', ' %s://u:hunter2@127.0.0.1:1',
	"\t%s://u:hunter2\@127.0.0.1:1", '%s://u:hunter2', '%s://127.0.0.1:hunter2/x',
	'%s://127.0.0.1:1?heder=Authorization:hunter2', '%s://127.0.0.1:1?hunter2', '%s://u:hun%%zzhunter2',
);

my $run = "$dir/run";
foreach my $scheme (@schemes)
{
	foreach my $form (@forms, @two_ends)
	{
		my $string = sprintf $form, $scheme;
		my $said = '';

		foreach my $command ([ 'agent', '--once', '--run-directory', $run ], [ 'trace', 'list' ], ['doctor'])
		{
			my ($status, $out, $err) = run_cli(@$command, '--connection-string', $string);
			$said .= $out . $err;
		}
		unlike($said, qr/hunter2/, "'$string' is not shown as it is");
		like($said, qr/collector/, '... but something is said of it');
		like($said, qr/more than one @ before the path; .* write it as %40/, '... and what is wrong with it')
		  if grep { $_ eq $form } @two_ends;
		unlike(join('', map { slurp($_) } grep { -f } glob "$run/*"), qr/hunter2/, '... nor kept in the run directory');
	}
}
done_testing();
