#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# unreadable.t
#	  A collector that cannot be read: each command says so in one line, without
#	  asking the collector, and without the password.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

my $id = '11111111-2222-4333-8444-555555555555';
my @at = ('--connection-string', 'otlp://me:secret@192.0.2.1:1?header=A:secret');
my $says = qr{otlp://me:\*\*\*\@192\.0\.2\.1:1\?header=\*\*\*:\ OTLP\ has\ no\ way\ to\ read
	\ traces\ back,\ .*behind\ the\ collector\ at\ 192\.0\.2\.1:1}x;

one_error($says, 'trace', @$_, @at)
  foreach [ 'show', $id ], [ 'show', '--json', $id ], [ 'show', '11111111' ], ['list'],
  [ 'list', '--json' ], [ 'check', $id ], [ 'explain', $id ], [ 'delete', $id ],
  [ 'prune', '--older-than', '1d' ];
# One of several collectors, whichever it is: it is named, and the rest is shown.
my $whole = write_points("$dir/whole",
	point('app-start', $id, $id, 'a1', '01.000000'),
	point('db-start', $id, 'a1', 'b1', '01.001000', '{"db": {"statement": "SELECT here"}, "host": "h"}'),
	point('db-stop', $id, 'a1', 'b1', '01.003000'),
	point('app-stop', $id, $id, 'a1', '01.010000'));
mkdir "$dir/directory";
for my $away ('redis://127.0.0.1:1', "file://$dir/directory", $at[1])
{
	my @uris = map { ('--connection-string', $_) } $away, $whole;
	my @turned = @uris[ 2, 3, 0, 1 ];
	my $name = $away =~ /^otlp/ ? $says : qr/\Q$away\E/;

	for my $command (['show'], [ 'show', '--follow', '--wait', '0.2s' ], [ 'show', '--json' ], [ 'explain', '--json' ],
		[ 'export', '--format', 'csv' ])
	{
		for my $case ([ 'the first', @uris ], [ 'the second', @turned ])
		{
			my ($which, @from) = @$case;
			my ($status, $out, $err) = run_cli('trace', @$command, @from, $id);

			is($status, 0, "@$command: $which of two, $away") or diag($err);
			like($out, $command->[0] eq 'explain' ? qr/"duration_ms": 10\b/ : qr/SELECT here/, 'the rest is shown');
			$err =~ s/^[^\n]* following trace [^\n]*\n//;
			is(scalar(() = $err =~ /$name/g), 1, 'it is named once') or diag($err);
		}
	}
	one_error($name, 'trace', 'show', '--no-wait', '--connection-string', $away, $id);
}
done_testing();
