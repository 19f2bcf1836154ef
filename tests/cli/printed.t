#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# printed.t
#	  The commands that messages print are typed, for files and directories whose names
#	  mean something to a shell.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

$ENV{PATH} = "$build/bin:$ENV{PATH}";
$ENV{OSPROFILER_HOOK_PATH} = "$build/client_hooks:$build/sqlite_osprofiler";

my @names = ('plain', 'two words', "it's", '$HOME', '$(touch made)', '`touch made`', 'a;touch made;', '*', '"', 'a\b');

# Types the line in an empty directory; exit status and what is printed.
sub type
{
	my ($line) = @_;

	mkdir "$dir/here";
	write_file("$dir/type.sh", "cd $dir/here\n$line\n");
	my $out = qx(sh $dir/type.sh 2>&1);
	my $status = $? >> 8;
	is(join(' ', glob "$dir/here/*"), '', 'what is typed makes nothing else');
	return ($status, $out);
}

# What `osprofiler run` says of a statement.
sub traced
{
	my ($status, undef, $err) = run_cli('run', @_, 'sqlite3', ':memory:', "select 'seen'");

	is($status, 0, 'a statement is traced');
	return $err;
}

# --- how to see the trace ------------------------------------------------------

for my $name (@names)
{
	mkdir "$dir/at $name";
	for my $collector ("sqlite:///$dir/at $name/t.db", "file://$dir/at $name/points")
	{
		my ($command) = traced('--connection-string', $collector) =~ /^Display trace with command: (.*)$/m;
		my ($status, $out) = type($command // 'false');

		is($status, 0, "$collector: the command works") or diag($command, $out);
		like($out, qr/select 'seen'/, 'and shows the trace');
	}
}

# An address that is too long for a message, or has a password, is left to the user.
{
	my $long = join '/', ('x' x 200) x 6;

	system('mkdir', '-p', "$dir/$long") == 0 or die;
	my $collector = "file://$dir/$long/points";
	my $err = traced('--connection-string', $collector);
	my ($id) = $err =~ /^Trace ID: (\S+)$/m;
	my ($command) = $err =~ /^Display trace with command: (.*)$/m;

	is($command, "osprofiler trace show --connection-string URI $id", 'no address that was cut');
	local $ENV{URI} = $collector;
	like((type($command =~ s/URI/"\$URI"/r))[1], qr/select 'seen'/, 'what it names shows the trace');
	local $ENV{OSPROFILER_CONNECTION_STRING} = $collector;
	($command) = traced() =~ /^Display trace with command: (.*)$/m;
	like((type($command))[1], qr/select 'seen'/, 'a setting needs no address');
}
{
	my $err = traced('--connection-string', 'redis://:SECRET@127.0.0.1:1');

	like($err, qr/^Display trace once it is delivered, with command: osprofiler trace show --connection-string URI [0-9a-f-]{36}$/m,
		'a password is left to the user');
	like($err, qr/--once --connection-string URI \(the URI with its password, which is not stored\)$/m,
		'also where the trace is delivered later');
	unlike($err, qr/SECRET/, 'and not shown');
}

# By sudo: the store and the run directory belong to the other user.
{
	my $as = $> == 0 ? 'sudo' : 'sudo -u ' . getpwuid $>;
	my $id = qr/[0-9a-f-]{36}/;

	mkdir "$dir/sudo";
	write_file("$dir/sudo/sudo", "#!/bin/sh\n[ \"\$1\" != -u ] || shift 2\nexec env -u OSPROFILER_CONNECTION_STRING \"\$@\"\n");
	chmod 0755, "$dir/sudo/sudo";
	local $ENV{PATH} = "$dir/sudo:$ENV{PATH}";
	local $ENV{SUDO_UID} = $> + 1;
	for my $case ([undef, qr/^\Q$as\E osprofiler trace show $id$/], ["sqlite:///$dir/by_sudo.db", qr/^\Q$as\E osprofiler trace show --connection-string \S+ $id$/],
		["file://$dir/by_sudo", qr/^\Q$as\E osprofiler trace show --connection-string \S+ $id$/])
	{
		local @ENV{ defined $case->[0] ? 'OSPROFILER_CONNECTION_STRING' : () } = ($case->[0]);
		my ($command) = traced() =~ /^Display trace with command: (.*)$/m;

		like($command, $case->[1], 'by sudo: ' . ($case->[0] // 'the default collector'));
		like((type($command))[1], qr/select 'seen'/, '... and what is typed shows the trace');
	}
	my $err = traced('--connection-string', 'redis://127.0.0.1:1');
	like($err, qr/^Display trace once it is delivered, with command: osprofiler trace show --connection-string redis:\S+ $id$/m, 'by sudo: a service is open to all');
	like($err, qr/; to deliver it earlier, run: \Q$as\E osprofiler agent --run-directory /, '... the run directory is not');
	local $ENV{SUDO_UID} = $>;
	like(traced(), qr/^Display trace with command: osprofiler trace show $id$/m, 'sudo to the same user');
}

# Root who typed sudo is told sudo, root who did not is told runuser.
if ($> == 0)
{
	my ($name, undef, $uid, $gid) = getpwnam 'nobody';

	local $ENV{PATH} = "$dir/sudo:$ENV{PATH}";
	for my $case ([0, 'sudo -u nobody '], [undef, 'runuser -u nobody -- '])
	{
		local $ENV{SUDO_UID} = $case->[0];
		delete $ENV{SUDO_UID} if !defined $case->[0];
		system('sh', '-c', "rm -rf '$dir/nobody'; mkdir '$dir/nobody'; chown nobody '$dir/nobody'; chmod 755 '$dir'");
		local $ENV{HOME} = "$dir/nobody";
		delete local @ENV{qw(OSPROFILER_CONNECTION_STRING OSPROFILER_RUN_DIR XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME)};
		my $err = qx(setpriv --reuid=$uid --regid=$gid --clear-groups '$build/bin/osprofiler' run -- sh -c "sqlite3 :memory: 'select 1'; true" 2>&1);
		like($err, qr/^Display trace with command: \Q$case->[1]\Eosprofiler trace show/m, 'root typed ' . (defined $case->[0] ? 'sudo' : 'another command'));
	}
}

# --- how to deliver what waits -------------------------------------------------

for my $name (@names, 'x' x 200)
{
	my $away = $name =~ /^x{200}/ ? join '/', "$dir/away", ($name) x 6 : "$dir/away $name";

	# A directory that cannot be made as long as a file has its name.
	if ($away =~ m{/x}) { system('mkdir', '-p', $away) == 0 or die }
	write_file("$away/file", '') if $away =~ m{/x};
	write_file($away, '') if $away !~ m{/x};
	my $file = $away =~ m{/x} ? "$away/file" : $away;
	local $ENV{OSPROFILER_RUN_DIR} = $away =~ m{/x} ? "$dir/rings of long" : "$dir/rings of $name";

	my $err = traced('--connection-string', "file://$file/points");
	my ($id) = $err =~ /^Trace ID: (\S+)$/m;
	my ($command) = $err =~ /; to deliver it earlier, run: (osprofiler agent .*)$/m;
	unlike($err, qr/the URI with its password/, "$name: no password is missing");
	my (undef, undef, $absent) = run_cli('trace', 'show', '--wait', '0.2s', '--connection-string', "file://$dir/none", $id);
	my ($again) = $absent =~ /\('(osprofiler agent --once --run-directory .*)' delivers them\)/;
	is(join(' ', sort split / /, $again // ''), join(' ', sort split / /, $command // 'none'),
		"$name: trace show prints the same command");
	unlink $file;
	my ($status, $out) = type($again // 'false');
	is($status, 0, "$name: the command delivers") or diag($err, $absent, $out);
	like(slurp("$file/points") // '', qr/\Q$id\E/, "$name: the trace is there");
}

# --- a program -----------------------------------------------------------------

mkdir "$dir/bin";
$ENV{PATH} = "$dir/bin:$ENV{PATH}";
for my $name (grep { !m{\\} } @names)
{
	write_file("$dir/bin/my $name", "#!/bin/sh\nexec sqlite3 :memory: \"select 'seen'\"\n");
	chmod 0755, "$dir/bin/my $name";
	my (undef, undef, $err) = run_cli("my $name");
	my ($command) = $err =~ /to trace the program of this name: (.*) \(see 'osprofiler --help'\)$/m;
	my ($status, $out) = type($command // 'false');
	like($out, qr/^seen$/m, "my $name: the command runs it");
}

done_testing();
