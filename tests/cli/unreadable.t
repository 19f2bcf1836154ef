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
done_testing();
