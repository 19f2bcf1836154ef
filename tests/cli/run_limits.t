#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# run_limits.t
#	  osprofiler run under limits, with closed descriptors and full file systems:
#	  the command always starts, and behaves as it does untraced.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use POSIX ();
use Test::More;

plan skip_all => 'no sqlite3' if system('which sqlite3 >/dev/null') != 0;

$ENV{OSPROFILER_HOOK_PATH} = "$build/client_hooks:$build/sqlite_osprofiler";
$ENV{OSPROFILER_CONNECTION_STRING} = "sqlite:///$dir/traces.db";
my $run = "$build/bin/osprofiler run --";

# A user without a process; processes of a user namespace are counted apart, too.
my $unused_uid = 54321;
my @alone = $> == 0 ? () : qw(unshare --user --map-current-user --);

# Runs a line of bash, perhaps as a user who has no process: exit status, stdout, stderr.
sub bash
{
	my ($line, $alone) = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		open STDIN, '<', '/dev/null' or POSIX::_exit(126);
		open STDOUT, '>', "$dir/stdout" or POSIX::_exit(126);
		open STDERR, '>', "$dir/stderr" or POSIX::_exit(126);
		POSIX::setuid($unused_uid) if $alone && $> == 0;
		exec($alone ? @alone : (), 'bash', '-c', $line) or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	return ($? & 127 ? -($? & 127) : $? >> 8, slurp("$dir/stdout"), slurp("$dir/stderr"));
}

# The line of bash has COMMAND in it; the command is tried as it is, and traced.
# What `run` says besides is one line that matches, or nothing but the trace id.
sub same
{
	my ($what, $line, $message, $alone) = @_;
	my @plain = bash($line =~ s/COMMAND //r, $alone);
	my ($status, $out, $err) = bash($line =~ s/COMMAND/$run/r, $alone);
	my $words = '';

	# The shell says which process a signal ended.
	s/^bash: line \d+: +\d+ .*\n//m for $plain[2], $err;

	$err =~ s/^osprofiler: run: \d+ statements? of SQLite\n//m;
	$words .= $1 while $err =~ s/^(osprofiler: run: .*\n)//m;
	$err =~ s/^Trace ID: .*\nDisplay trace(?: once it is delivered,)? with command: .*\n//m;
	is("$status|$out|$err", join('|', @plain), "$what: the command does not notice");
	like($words, $message, "$what: what is said");
	return;
}

sub untraced
{
	my ($why) = @_;
	return qr/\Aosprofiler: run: the command runs untraced: .*${why}.*\n\z/;
}

my $query = q{sqlite3 :memory: 'select 42'};

for my $limit (4 .. 12, 16, 24)
{
	same("ulimit -n $limit", "ulimit -n $limit; COMMAND $query; echo \$?",
		untraced('open files \(ulimit -n\)'));
}
same('descriptors that are in use',
	'for fd in {10..50}; do eval "exec $fd</dev/null"; done; '
	  . "ulimit -n 60; COMMAND $query; echo \$?", untraced('open files'));
same('ulimit -n 256', "ulimit -n 256; COMMAND $query; echo \$?", qr/\A\z/);
for my $limit (10_000, 20_000, 60_000)
{
	same("ulimit -$_ $limit", "ulimit -$_ $limit; COMMAND $query; echo \$?",
		untraced('memory'))
	  for 'v', 'd';
}
for my $limit (48, 56, 64, 72, 128)
{
	same("ulimit -s $limit", "ulimit -s $limit; COMMAND /bin/echo 42; echo \$?",
		untraced('the stack \(ulimit -s\)'));
}
same('ulimit -s 256', "ulimit -s 256; COMMAND $query; echo \$?", qr/\A\z/);
same('ulimit -v 2000000', "ulimit -v 2000000; COMMAND $query; echo \$?", qr/\A\z/);

# The superuser has no limit of processes.
SKIP:
{
	skip 'no user namespaces', 2 * 4 if @alone && system("@alone true 2>$dir/stderr") != 0;
	mkdir "$dir/mine", 0700;
	chown $unused_uid, -1, "$dir/mine" if $> == 0;
	chmod 0711, $dir;
	local @ENV{qw(OSPROFILER_RUN_DIR OSPROFILER_CONNECTION_STRING)} =
	  ("$dir/mine/run", "sqlite:///$dir/mine/traces.db");
	same("ulimit -u $_", "ulimit -u $_; COMMAND $query; echo \$?",
		untraced('processes'), 1)
	  for 2, 3, 5, 12;
}

# Files that may not grow. With 0 the line that says so has no room either.
for my $limit (0, 1, 4, 8)
{
	same("ulimit -f $limit", "ulimit -f $limit; COMMAND $query; echo \$?",
		$limit == 0 ? qr/\A\z/ :
		  qr/\Aosprofiler: run: the command (?:runs untraced: .*|was not traced: there was no room for its points in \Q$dir\E.*)\n\z/);
}

# Pipes take what is written whatever the limit. The signal of our own write that fails
# must not reach the command.
same("ulimit -f 0 before pipes, $_", '{ (ulimit -f 0; COMMAND ' . $_ . '; echo "rc $?") 2>&1 >&3 | cat >&2; } 3>&1 | cat',
	untraced('File too large'))
  for 'echo hello', $query;
same("ulimit -f 0 before pipes, the command's own signal", '{ (ulimit -f 0; COMMAND '
	  . qq{sh -c "echo hello >$dir/large"} . '; echo "rc $?") 2>&1 >&3 | cat >&2; } 3>&1 | cat',
	untraced('File too large'));

# There is room for a ring, but perhaps not for all that the trace needs.
same("ulimit -f $_: many statements",
	"ulimit -f $_; seq 2000 | sed 's/.*/select &;/' | COMMAND sqlite3 :memory: | tail -n 1; echo \${PIPESTATUS[*]}",
	$_ <= 100 ? qr/^osprofiler: run: (?:the command was not traced|cannot spool): /m : qr//)
  for 64, 100, 150, 300, 1000;
same("ulimit -f 8: the command's own file", "cd $dir; ulimit -f 8; "
	  . 'COMMAND dd if=/dev/zero of=large bs=1k count=100 status=none; echo $?; wc -c <large',
	qr/no operation was seen before the command/);

# Hooks that the loader cannot find.
{
	mkdir "$dir/a b";
	system('cp', '-r', "$build/client_hooks/shadow", "$dir/a b/") == 0 or die;
	local $ENV{OSPROFILER_HOOK_PATH} = "$dir/a b";
	same('hooks in a path with a space', "COMMAND $query; echo \$?",
		untraced('path with a space'));
}

# How many operations the trace of this output has.
sub count_operations
{
	my ($err) = @_;
	my ($id) = $err =~ /^Trace ID: (\S+)$/m or return 'no trace';
	my ($status, $out) = bash("$build/bin/osprofiler trace show --json $id");
	return scalar(() = $out =~ /"meta.raw_payload.sqlite-stop"/g);
}

my $python = '/usr/bin/python3';
SKIP:
{
	skip 'no Python with SQLite', 9 if system("$python -c 'import sqlite3' 2>/dev/null") != 0;
	my $work = 'for i in range(3000): db.execute("select %d, ?" % i, ("x" * 200,)).fetchall()';

	# A mask that takes rights from the owner of new files, too.
	write_file("$dir/umask.py", "import os, sqlite3\nos.umask(0o777)\ndb = sqlite3.connect(':memory:')\n$work\n");
	for my $line ("$run $python $dir/umask.py", "umask 0777; $run $python $dir/umask.py")
	{
		my ($status, $out, $err) = bash($line);
		is($status, 0, 'umask 0777: the command');
		is(count_operations($err), 3000, 'umask 0777: all operations are there');
		is(join('|', glob "$ENV{OSPROFILER_RUN_DIR}/run-*"), '', 'umask 0777: nothing is left');
	}

	# In another root directory nothing is made; what cannot be recorded is said.
	mkdir "$dir/jail";
	write_file("$dir/chroot.py", <<"END");
import os, sqlite3
db = sqlite3.connect(":memory:")
db.execute("select 1").fetchall()
os.chroot("$dir/jail")
os.chdir("/")
if os.fork() == 0:
    db.execute("select 2").fetchall()
    os._exit(0)
os.wait()
$work
END
	my $root = $> == 0 ? '' : 'unshare --user --map-root-user';
	my ($status, $out, $err) = bash("$run $root $python $dir/chroot.py; find $dir/jail");
	is($out, "$dir/jail\n", 'chroot: no file in the new root');
	is(count_operations($err), 3001, 'chroot: all operations of the parent are there');
	like($err, qr/the trace is not complete: 1 thread or process/, 'chroot: the child is said to lack');
}

# A part of the command under such a limit: the trace is there, and says what it lacks.
{
	my $select = 'sqlite3 :memory: "select 42"';
	my ($status, $out, $err) = bash("$build/bin/osprofiler run --connection-string sqlite:///$dir/part.db "
		  . "sh -c '$select; ulimit -f 0; $select >/dev/null'");
	is($status, 0, 'a part of the command may write no file');
	like($err, qr/the trace is not complete: 1 thread or process of the command could make no ring/,
		'which is said');
	my ($id) = $err =~ /^Trace ID: (\S+)$/m;
	ok($id, 'beside the trace');
	($status, $out, $err) = bash("$build/bin/osprofiler trace show --connection-string sqlite:///$dir/part.db " . ($id // 'none'));
	like($out, qr/^Outside of the trace: what 1 thread or process did, which could make no ring for points[.;]/m,
		'... which says it, too') or diag($out, $err);
}

# The store cannot be written: everything is kept, and the reason is said.
{
	my ($status, $out, $err) = bash("mkdir $dir/no; ulimit -f 100; "
		  . "$build/bin/osprofiler run --connection-string sqlite:///$dir/traces.db/x $query");
	is("$status|$out", "0|42\n", 'a collector that cannot be');
	like($err, qr/\Aosprofiler: run: .*\nTrace ID: /s, 'is said');
}

# Descriptors that are closed stay closed, those that are open stay what they are.
for my $closed ('<&-', '>&-', '2>&-', '<&- >&-', '<&- >&- 2>&-', '>&- 3>/dev/null')
{
	same("run $closed",
		"(COMMAND sh -c 'ls /proc/\$\$/fd >$dir/fds; readlink /proc/\$\$/fd/[0-9] >>$dir/fds; exit 7' $closed); "
		  . "echo \$?; cat $dir/fds", qr/\A(?:osprofiler: run: no operation .*\n)?\z/);
}

# A command that cannot be traced has the environment and the signals of the caller.
same('an environment', 'ulimit -n 16; FOO=bar COMMAND env | sed /^_=/d', untraced('open files'));
same('signals', q{trap '' USR1 PIPE; ulimit -n 16; COMMAND grep -E 'Sig(Blk|Ign)' /proc/self/status},
	untraced('open files'));
# The end of the command is noticed by a signal that the caller may ignore.
same('SIGCHLD is ignored',
	q{timeout -k1 10 env --ignore-signal=CHLD COMMAND sh -c "grep SigIgn /proc/self/status; exit 3"; echo $?},
	qr/\Aosprofiler: run: no operation .*\n\z/);
same('no such command', 'ulimit -n 16; COMMAND true; echo $?', untraced('open files'));
{
	my ($status, undef, $err) = bash("ulimit -n 16; $run $dir/none");
	is($status, 127, 'a command that is not there');
	like($err, qr/cannot run '\Q$dir\E\/none': No such file/, 'is said');
}
{
	local $ENV{OSPROFILER_HOOK_PATH} = "$dir/none";
	my @before = glob "$dir/rings/run-*";
	same('no hooks', "COMMAND sh -c 'env | sort | sed /^_=/d; exit 3'; echo \$?",
		untraced('hooks of libpq .* not installed'));
	is(join(' ', glob "$dir/rings/run-*"), "@before", 'no run directory is left');
}

# The end of the command is told as it was.
for my $end (['exit 3', qr/ended with exit status 3,/], ['kill -TERM $$', qr/was ended by signal 15,/])
{
	my (undef, undef, $err) = bash("$run sh -c '$end->[0]'");
	like($err, $end->[1], "nothing traced by '$end->[0]'");
	unlike($err, qr/statically linked/, 'the reason is not guessed');
}

# An environment that leaves just room for the command itself: what it would take for
# tracing is given back.
sub full_environment
{
	my ($size) = @_;
	my $texts = join ' ', map { sprintf 'F%d=$(printf %%0%dd 0)', $_, $_ < 3 ? 100_000 : $size } 1 .. 3;
	return "ulimit -s 1024; export $texts; COMMAND $query";
}
my ($fits, $does_not) = (1, 100_000);
while ($does_not - $fits > 1)
{
	my $size = int(($fits + $does_not) / 2);
	my ($status) = bash(full_environment($size) =~ s/COMMAND //r);
	($status == 0 ? $fits : $does_not) = $size;
}
cmp_ok($fits, '>', 1000, 'a full environment was found');
same('an environment without room', full_environment($fits - 100 - length $run), untraced('no room for what tracing adds'));

done_testing();
