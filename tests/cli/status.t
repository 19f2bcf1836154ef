#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# status.t
#	  osprofiler status.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use JSON::PP;
use Test::More;

my $run = "$dir/run";

# Nothing there yet; and nothing is made by looking.
one_error(qr{there is no run directory '\Q$run\E'}, 'status',
	'--run-directory', $run);
ok(!-e $run, 'looking makes no directory');
mkdir $run, 0700;
one_error(qr{nothing was traced in '\Q$run\E' yet}, 'status',
	'--run-directory', $run);
is(join(' ', glob "$run/*"), '', 'looking makes no file');

# A directory that others can enter is refused.
mkdir "$dir/open";
chmod 0755, "$dir/open";
one_error(qr{\Q$dir\E/open}, 'status', '--run-directory', "$dir/open");
symlink $run, "$dir/link";
one_error(qr{\Q$dir\E/link}, 'status', '--run-directory', "$dir/link");

# Where it looks.
{
	local $ENV{OSPROFILER_RUN_DIR} = "$dir/here";
	one_error(qr{'\Q$dir\E/here'}, 'status');
	one_error(qr{'\Q$run\E'}, 'status', '--run-directory', $run);
}
{
	delete local $ENV{OSPROFILER_RUN_DIR};
	local $ENV{XDG_RUNTIME_DIR} = $dir;
	one_error(qr{'\Q$dir\E/osprofiler'}, 'status');
}

# One round of an agent makes the files and empties the rings.
my ($status) = run_cli('agent', '--run-directory', $run, '--connection-string',
	"file://$dir/traces", '--once');
is($status, 0, 'an agent');
my $text = run_ok('status', '--run-directory', $run);
like($text, qr/^run directory +\Q$run\E$/m, 'run directory');
like($text, qr/^shipper +none$/m, 'no shipper');
like($text, qr/^points shipped +0$/m, 'nothing shipped');
my $json = decode_json(run_ok('status', '--json', '--run-directory', $run));
is($json->{run_directory}, $run, 'run directory in JSON');
is($json->{shipper_pid}, undef, 'no shipper in JSON');
is($json->{$_}, 0, "$_ in JSON")
  for qw(rings written dropped waiting_bytes shipped refused spooled
  spool_points spool_bytes spool_dropped corrupt_bytes batches driver_errors);
is($json->{contexts}{$_}, 0, "contexts $_ in JSON")
  for qw(accepted none no_keys unsigned too_long bad_signature bad_encoding
  bad_members bad_id malformed);
is($json->{last_error}, undef, 'no error in JSON');

one_error(qr/No space left/, 'status', '--run-directory', $run,
	{ stdout => '/dev/full' });
usage_error(qr/option '--run-directory' needs a value/, 'status',
	'--run-directory');

done_testing();
