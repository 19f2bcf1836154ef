#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# install.t
#	  An installation finds its drivers and hooks wherever it is, and under
#	  whatever name: no path is compiled in.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

delete $ENV{OSPROFILER_DRIVER_PATH};
$ENV{OSPROFILER_CONNECTION_STRING} = "sqlite:///$dir/traces.db";

# An installation below this directory, as `make install` makes it.
sub install
{
	my ($prefix) = @_;
	my $modules = "$prefix/lib/osprofiler";

	system("mkdir -p '$prefix/bin' '$modules/drivers' '$modules/shadow' && "
		  . "cp '$build/bin/osprofiler' '$prefix/bin/' && "
		  . "cp '$build'/drivers/*.so '$modules/drivers/' && "
		  . "cp '$build/sqlite_osprofiler/sqlite_preload.so' '$modules/' && "
		  . "cp '$build/client_hooks/shadow/libpq.so.5' '$modules/shadow/' && "
		  . "cp -P '$build'/common/libosprofiler.so* '$build'/sqlite_osprofiler/libosprofiler_sqlite.so* '$prefix/lib/'")
	  == 0 or BAIL_OUT("cannot install into $prefix");
	return;
}

# The command by this name traces a program, and shows the trace.
sub works
{
	my ($what, $command) = @_;
	my $out = `$command run -- sqlite3 :memory: 'SELECT 42' 2>&1`;
	my ($id) = $out =~ /^Trace ID: (\S+)$/m;

	like(`$command trace show @{[ $id // 'none' ]} 2>&1`, qr/sqlite.*SELECT 42/, $what)
	  or diag($out);
	return;
}

SKIP:
{
	skip 'no sqlite3', 5 if system('which sqlite3 >/dev/null') != 0;
	install("$dir/first");
	works('installed', "$dir/first/bin/osprofiler");
	rename "$dir/first", "$dir/moved" or die;
	works('moved', "'$dir/moved/bin/osprofiler'");
	symlink "$dir/moved/bin/osprofiler", "$dir/link" or die;
	works('by a symbolic link', "$dir/link");
	works('by the search path', "PATH='$dir/moved/bin':\$PATH osprofiler");
	works('by a relative path', "cd '$dir/moved/lib'; ../bin/osprofiler");

	system('rm', '-rf', "$dir/moved/lib/osprofiler/drivers");
	my $out = `'$dir/moved/bin/osprofiler' trace list 2>&1`;
	like($out, qr/there is no driver for sqlite:/, 'without drivers it says so');
}

# Nothing is compiled again for another PREFIX.
for my $flags (map { "$build/flags.$_" } qw(common drivers cli client_hooks sqlite_osprofiler))
{
	unlike(slurp($flags), qr{/lib/osprofiler|/usr/local}, "$flags has no PREFIX");
}

done_testing();
