#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# server_secrets.t
#	  A PostgreSQL server that cannot be read is named without its secrets, by every
#	  command that asks one, however its connection string is written.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

my $id = '11111111-2222-4333-8444-555555555555';
my $file = write_points("$dir/points", point('app-start', $id, $id, "a$id", '01.000000'),
	point('app-stop', $id, $id, "a$id", '01.010000'));
my @at = ('--connection-string', $file, '--server');

my @commands = (
	[ [ 'trace', 'show', @at ], [$id] ],
	[ [ 'trace', 'show', '--html', @at ], [$id] ],
	[ [ 'trace', 'explain', @at ], [$id] ],
	[ [ 'trace', 'check', @at ], [$id] ],
	[ [ 'trace', 'diff', @at ], [ $id, $id ] ],
	[ [ 'trace', 'export', '--format', 'csv', @at ], [$id] ],
	[ [ 'trace', 'list', '--server' ], [] ],
	[ [ 'status', '--server' ], [] ],
	[ [ 'doctor' ], [] ]);

sub said
{
	my ($command, $conninfo) = @_;
	my ($status, $out, $err) = run_cli(@{ $command->[0] }, $conninfo, @{ $command->[1] });
	return $out . $err;
}

# No server is reached by these: none understands them, or there is none.
my @down = (
	"host=$dir password=hunter2", "host=$dir password='hun hunter2'", "host=$dir\npassword=hunter2",
	"host='${dir}'password=hunter2", "host=$dir password = hunter2", "host=$dir sslpassword=hunter2",
	"host=$dir dbname='host=h password=hunter2'", "host=$dir dbname=postgresql://u:hunter2\@h/db",
	'postgresql://u:hunter2@127.0.0.1:1/db', 'postgres://u:hunter2@127.0.0.1:1',
	'postgresql://127.0.0.1:1/db?password=hunter2', 'postgresql://u@127.0.0.1:1/db?sslpassword=hunter2',
	'postgresql://u:h%75nter2@127.0.0.1:1/db');
my @wrong = (
	"host=$dir password='hunter2", 'host=h password=hun hunter2', 'postgresql://u:hunter2@[::1/db',
	'postgresql://u:hunter2%zz@h/db', 'postgresql://u:hunter2', 'postgresql://u:hunter2/db', 'host=h port=hunter2',
	'postgresql://u:hun@hunter2@127.0.0.1:1/db', 'postgresql://u:p?q@hunter2@127.0.0.1:1/db',
	'postgresql://u:p@q#hunter2@127.0.0.1:1/db', "host=$dir pass=hunter2", "host=$dir hunter2=1");

foreach my $conninfo (@down, @wrong)
{
	foreach my $command (@commands)
	{
		my $said = said($command, $conninfo);

		unlike($said, qr/h(?:u|%75)nter2/, join(q( ), @{ $command->[0] }) . " with '$conninfo' shows no secret")
		  or diag($said);
	}
}

# The server is named, so that people know which of several it was.
like(said($commands[0], $down[0]), qr/^osprofiler: .*password=\*\*\* host=\Q$dir\E: .*No such file/m,
	'the name of a server');
like(said($commands[0], $down[8]), qr/user=u .*host=127\.0\.0\.1 port=1.*: .*refused/s, 'the name of a URI');
like(said($commands[0], $_), qr/: libpq does not understand this connection string; expected/, "'$_' is refused")
  foreach @wrong;
like(said([ ['doctor'], [] ], $_), qr/libpq does not understand this connection string/, "... by doctor, too")
  foreach @wrong;
done_testing();
