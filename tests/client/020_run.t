#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# 020_run.t
#	  `osprofiler run` itself: exit status, signals, terminal, files, children.

use strict;
use warnings;
use lib '.';
use ClientTest;
use IO::Pty;
use JSON::PP ();
use MIME::Base64 ();
use Test::More;
use Time::HiRes qw(sleep time);

my $build = $ENV{BUILD} // "$here/../../build";

start_server();

# --- exit status --------------------------------------------------------------

for my $expected (0, 1, 77, 255)
{
	my ($status, $out, $err) = traced('sh', '-c', "exit $expected");
	is("$status|$out|$err", "$expected||", "exit status $expected");
}
for my $signal (1, 6, 9, 11, 15)
{
	my ($status) = traced('sh', '-c', "kill -$signal \$\$");
	is($status, -$signal, "ended by signal $signal");
}
{
	my ($status, $out, $err) = traced('./no/such/program');
	is($status, 127, 'no such program: 127');
	like($err, qr/^osprofiler: run: cannot run '.*': No such file/, 'and why');
	ok(!defined trace_id(), 'and no trace');
	($status, $out, $err) = traced('/etc/passwd');
	is($status, 126, 'no program: 126');
	($status, $out, $err) = run($osprofiler, 'run');
	is($status, 2, 'no command: a wrong call');
	($status, $out, $err) = run($osprofiler, 'run', '--hmac-key', 'a,b', 'true');
	is($status, 2, 'two keys: a wrong call');
	($status, $out, $err) = run($osprofiler, 'run', '--help');
	like($out, qr/--follow/, 'help');
}
{
	my ($status, $out) = traced('printf', '%s|', '--help', '-x', '--', 'a b');
	is($out, '--help|-x|--|a b|', "the command's words are its own");
}
is(leftover(), '', 'no file is left');

# --- what the command finds ---------------------------------------------------

# Signals 32 and 33 are the C library's own; it sets them as its threads need.
sub programs_signals
{
	my ($text) = @_;
	$text =~ s/^(Sig\w+:\s*)(\w+)/$1 . sprintf('%016x', hex($2) & ~0x180000000)/gem;
	return $text;
}

{
	my $list = q{sh -c 'ulimit -c; umask; ls /proc/self/fd | wc -l; } .
	  q{grep -E "Sig(Blk|Ign|Cgt)" /proc/self/status'};
	my ($status, $out, $err) = run('sh', '-c', $list);
	my ($status2, $out2, $err2) = traced('sh', '-c', $list);
	is(programs_signals("$status2|$out2|$err2"),
		programs_signals("$status|$out|$err"),
		'descriptors, signals and limits are as they were');
	local $SIG{PIPE} = 'IGNORE';
	($status, $out, $err) = run('sh', '-c', $list);
	($status2, $out2, $err2) = traced('sh', '-c', $list);
	is(programs_signals("$status2|$out2|$err2"),
		programs_signals("$status|$out|$err"),
		'also where SIGPIPE is ignored');
}

# --- signals to us alone ------------------------------------------------------

sub start
{
	my @command = @_;
	write_file("$dir/started.out", '');
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		setpgrp;
		open STDOUT, '>', "$dir/started.out" or die;
		open STDERR, '>', "$dir/started.err" or die;
		exec($osprofiler, 'run', '--hmac-key', $key, '--', @command) or die;
	}
	return $pid;
}

for my $signal (qw(TERM HUP INT QUIT USR1 USR2))
{
	my $pid = start('sh', '-c', "trap 'echo got $signal; exit 3' $signal; "
		  . 'echo ready; while :; do sleep 0.05; done');
	wait_for("SIG$signal: it runs", sub { slurp("$dir/started.out") =~ /ready/ });
	kill $signal, $pid;
	waitpid $pid, 0;
	is($? >> 8, 3, "SIG$signal is handed on");
	is(slurp("$dir/started.out"), "ready\ngot $signal\n", "SIG$signal comes once");
}
is(leftover(), '', 'no file is left');

# The signals that stop a process, too, if somebody else than the terminal sends them.
for my $signal (qw(TSTP TTIN TTOU))
{
	my $pid = start('sh', '-c', 'echo ready $$; sleep 0.2; while [ ! -e "$0" ]; do sleep 0.05; done; exit 3',
		"$dir/go-on");
	wait_for("SIG$signal: it runs", sub { slurp("$dir/started.out") =~ /ready/ });
	my ($child) = slurp("$dir/started.out") =~ /(\d+)/;
	kill $signal, $pid;
	wait_for("SIG$signal: the command stops", sub { slurp("/proc/$child/stat") =~ /\) T / });
	wait_for("SIG$signal: and run with it", sub { slurp("/proc/$pid/stat") =~ /\) T / });
	write_file("$dir/go-on", '');
	kill 'CONT', $pid;
	waitpid $pid, 0;
	is($? >> 8, 3, "SIG$signal: it goes on");
	unlink "$dir/go-on";
}

# --- the signal that a caller wants when its parent ends --------------------------

{
	my @parent_dies = qw(setpriv --pdeathsig USR1);
	my ($status, $out) = run(@parent_dies, 'setpriv', '-d');
	my ($status2, $out2) =
	  run(@parent_dies, $osprofiler, 'run', '--hmac-key', $key, '--', 'setpriv', '-d');
	like($out, qr/death signal: .*USR1|death signal: .*user/i, 'setpriv shows the signal');
	is("$status2|$out2", "$status|$out", "the command has the caller's signal for its parent's end");
}

# --- a command that stops, without a shell that would continue it ---------------

{
	my ($status, $out) = run('timeout', '20', 'setsid', '-w', $osprofiler, 'run',
		'--hmac-key', $key, '--', 'sh', '-c',
		'(sleep 0.5; kill -CONT $$) & kill -STOP $$; echo goes on; exit 3');
	is("$status|$out", "3|goes on\n", 'it goes on when it is continued alone');
}

# --- timers that the caller has set ---------------------------------------------

{
	my @alarm = ($^X, '-e', 'alarm 1; exec @ARGV', $osprofiler, 'run', '--hmac-key', $key, '--');
	my ($status) = run(@alarm, 'sleep', '20');
	is($status, -14, "the caller's alarm ends the command");
	($status) = run(@alarm, $^X, '-e', 'alarm 0; select undef, undef, undef, 1.5; exit 5');
	is($status, 5, '... which can put it off');
}

# --- what is loaded into the command --------------------------------------------

{
	my $libraries = sub {
		my ($status, $out) = @_;
		my %names = map { $_ => 1 } $out =~ m{/([^/\s]+\.so[^/\s]*)$}gm;
		return \%names;
	};
	my $plain = $libraries->(run('cat', '/proc/self/maps'));
	my $traced = $libraries->(traced('cat', '/proc/self/maps'));
	my @added = grep { !$plain->{$_} && !/^libosprofiler|^sqlite_preload/ } sort keys %$traced;
	is("@added", '', 'no library but ours is loaded into the command');
}

# A program with functions of such names, and with a libpq of its own.
{
	my $libpq = `PATH=/sbin:/usr/sbin:\$PATH ldconfig -p` =~ m{^\s*libpq\.so\.5 .* => (\S+)}m ? $1 : die 'no libpq';
	mkdir "$dir/$_" for qw(program program/own);
	system('cp', "$build/tests/client/own_libraries", "$dir/program") == 0 or die;
	system('cp', '-L', $libpq, "$dir/program/own/libpq.so.5") == 0 or die;
	my ($status, $out) = run("$dir/program/own_libraries");
	is("$status|$out", "0|$dir/program/own/libpq.so.5\n", 'a program with its own libraries');
	($status, $out) = traced("$dir/program/own_libraries");
	is($status, 0, '... ends the same when it is traced');
	is(join('|', grep { !m{/shadow/} } split /\n/, $out),
		"$dir/program/own/libpq.so.5", '... uses the same libpq');
	like(tree(), qr/^db select 1 /m, '... and is traced');
}

# --- the stack of a thread ------------------------------------------------------

{
	my $program = "$build/tests/client/small_stack";
	my (undef, $plain) = run($program);
	my (undef, $traced) = traced($program);
	cmp_ok($traced - $plain, '<', 16 * 1024, 'a traced thread needs little more stack');
	note("stack of a thread: $plain bytes, traced: $traced");
}

# --- a killed program ---------------------------------------------------------

{
	my $pid = start('/usr/bin/psql', '-Xc', 'select 42', '-c', 'select pg_sleep(60)');
	wait_for('the program sleeps', sub {
		my (undef, $n) = run('psql', '-XAtc',
			q{select count(*) from pg_stat_activity where query like 'select pg_sleep%'});
		return $n == 1;
	});
	my (undef, $children) = run('pgrep', '-f', 'psql -Xc select 42');
	kill 'KILL', $_ for grep { $_ != $pid && slurp("/proc/$_/comm") =~ /psql/ }
	  split ' ', $children;
	waitpid $pid, 0;
	is($? & 127, 9, 'killed: we end so too');
	my $err = slurp("$dir/started.err");
	my ($id) = $err =~ /^Trace ID: (\S+)$/m;
	is(tree($id), <<'END', 'what it committed is there');
db.connect
db select 42 | SELECT 1 | rows 1
db select pg_sleep(60) | NO STOP
END
	is(leftover(), '', 'no file is left');
}

# --- a killed run -------------------------------------------------------------

# Its program goes on, and ends; the next run ships what both left.
{
	my $pid = start('/usr/bin/psql', '-Xc', 'select 43', '-c', 'select pg_sleep(3)',
		'-c', 'select 44');
	my $child;
	wait_for('the program sleeps', sub {
		($child) = grep { slurp("/proc/$_/comm") =~ /psql/ } grep { $_ != $pid }
		  split ' ', (run('pgrep', '-f', 'psql -Xc select 43'))[1];
		my (undef, $n) = run('psql', '-XAtc',
			q{select count(*) from pg_stat_activity where query like 'select pg_sleep(3)%'});
		return $child && $n == 1;
	});
	my ($info) = slurp("/proc/$child/environ") =~ /OSPROFILER_TRACE_INFO=([^\0]+)/;
	my $id = JSON::PP->new->decode(MIME::Base64::decode_base64($info))->{base_id};
	kill 'KILL', $pid;
	waitpid $pid, 0;
	traced('true');
	isnt(leftover(), '', 'while the program goes on its directory stays');
	wait_for('it ends', sub { !-e "/proc/$child" });
	traced('true');
	is(tree($id), <<'END', 'killed -9: the next run delivers everything');
db.connect
db select 43 | SELECT 1 | rows 1
db select pg_sleep(3) | SELECT 1 | rows 1
db select 44 | SELECT 1 | rows 1
END
	check_trace('killed run', $id);
	is(leftover(), '', 'no file is left');
}

# --- children -----------------------------------------------------------------

{
	my ($status, $out, $err) = traced('sh', '-c',
		'psql -XAtc "select 1"; (psql -XAtc "select 2" &) ; wait; '
		  . 'exec env -u NOTHING psql -XAtc "select pg_sleep(0.2), 3"');
	is($status, 0, 'a shell that runs, forks and executes');
	my %seen = map { $_ => 1 } split /\n/, tree();
	ok($seen{"db select $_ | SELECT 1 | rows 1"}, "the trace has select $_")
	  for 1, 2, 'pg_sleep(0.2), 3';
	check_trace('children');
}
if (need_program('psycopg2', '/usr/bin/python3', '-c', '"import psycopg2"'))
{
	my ($status, $out, $err) = traced('/usr/bin/python3', "$here/programs/fork.py");
	is("$status|$err", '0|', 'a program that forks and goes on on both sides');
	my %seen = map { $_ => 1 } split /\n/, tree();
	ok($seen{"db select '$_' | SELECT 1 | rows 1"}, "the trace has $_")
	  for map { ("child $_", "parent $_") } 1 .. 3;
	check_trace('fork');
}

# --- SQLite too ---------------------------------------------------------------

if (need_program('SQLite\'s hooks and shell', 'sh', '-c',
		q{'command -v sqlite3 && test -e "${OSPROFILER_HOOK_PATH#*:}/sqlite_preload.so"'}))
{
	my ($status, $out, $err) = traced('sh', '-c',
		q{sqlite3 :memory: 'select 11' && psql -XAtc 'select 22'});
	is("$status|$out|$err", "0|11\n22\n|", 'a program of SQLite and one of PostgreSQL');
	like(tree(), qr/^sqlite \(:memory:\) select 11.*\ndb\.connect\ndb select 22 /m, 'one trace');
	check_trace('SQLite and PostgreSQL');
}

# --- nested runs, follow ------------------------------------------------------

{
	my ($status, $out, $err) =
	  traced($osprofiler, 'run', '--', 'psql', '-XAtc', 'select 7');
	is("$status|$out", "0|7\n", 'a run in a run');
	my ($inner) = $err =~ /^Trace ID: (\S+)$/m;
	is(tree($inner), "db.connect\ndb select 7 | SELECT 1 | rows 1\n",
		'the inner one has the trace');
}
{
	my ($status, $out, $err) = run($osprofiler, 'run', '--hmac-key', $key,
		'--follow', 'psql', '-XAtc', 'select nosuch', '-c', "select E'a\\nb\\033'");
	like($err, qr/^ +\d+\.\d{3} ms  > db select nosuch$/m, '--follow: a start');
	like($err, qr/^ +\d+\.\d{3} ms  < db \d+\.\d{3} ms failed: undefined_column$/m,
		'--follow: a stop that failed');
	unlike($err, qr/\033/, '--follow: no control characters');
}

# --- the collector is away ----------------------------------------------------

# The command that is printed delivers to the collector of the run, whatever is
# configured where it is called, and also if the address holds a password.
for my $how ('option', 'variable', 'file')
{
	my $collector = "file:///$dir/rescued-$how/traces";
	my ($option, %variables);

	# A directory that cannot be made as long as a file has its name.
	write_file("$dir/rescued-$how", '');
	if ($how eq 'option') { $option = $collector }
	elsif ($how eq 'variable') { $variables{OSPROFILER_CONNECTION_STRING} = $collector }
	else
	{
		$variables{OSPROFILER_CONF} = write_file("$dir/rescued.conf",
			"[profiler]\nconnection_string = $collector\n");
		$variables{OSPROFILER_CONNECTION_STRING} = '';
	}
	my ($status, $out, $err) = do
	{
		local @ENV{ keys %variables } = values %variables;
		run($osprofiler, 'run', ($option ? ('--connection-string', $option) : ()),
			'psql', '-XAtc', "select '$how'");
	};
	is("$status|$out", "0|$how\n", "collector by $how is away: the program does not notice");
	like($err, qr/not everything was delivered to \Q$collector\E \(.+\); /,
		"by $how: the message names the collector");
	my ($id) = $err =~ /^Trace ID: (\S+)$/m;
	my ($rescue) = $err =~ /, run: osprofiler (agent .*)$/m;
	unlink "$dir/rescued-$how";
	($status, $out, $err) = run($osprofiler, split ' ', $rescue // 'none');
	is($status, 0, "by $how: the command that it prints works") or diag($err);
	local $ENV{OSPROFILER_CONNECTION_STRING} = $collector;
	is(tree($id), "db.connect\ndb select '$how' | SELECT 1 | rows 1\n",
		"by $how: everything is there");
}
{
	my ($status, $out, $err) = run($osprofiler, 'run', '--connection-string',
		'redis://:secret@127.0.0.1:1', 'psql', '-XAtc', 'select 9');
	is("$status|$out", "0|9\n", 'no redis server: the program does not notice');
	unlike($err, qr/secret/, 'no redis server: no password on the terminal');
	my ($id) = $err =~ /^Trace ID: (\S+)$/m;
	my ($path) = $err =~ /agent --run-directory (\S+) --once/;
	like($err, qr/\([^)]*refused[^)]*\)/, 'the reason is said');
	like($err, qr{\Aosprofiler: run: the collector redis://:\*+\@127\.0\.0\.1:1 cannot be reached now \(.*refused.*\); the trace waits for it in the run directory\n},
		'and it is said before the program starts');
	like($err, qr/--once --connection-string URI \(the URI with its password/,
		'what the command lacks is said');
	($status, $out) = run('grep', '-rac', 'secret', $path);
	unlike($out, qr/:[1-9]/, 'no file of the run directory has the password');

	# The command needs the password from somewhere, and says so.
	my (undef, undef, $without) = run($osprofiler, 'agent', '--run-directory', $path, '--once');
	like($without, qr{belong to redis://:\S+\@127\.0\.0\.1:1, whose password is not stored; name the collector},
		'without it the command says what to do');
	{
		local $ENV{OSPROFILER_CONNECTION_STRING} = 'redis://:secret@127.0.0.1:1';
		(undef, undef, $without) =
		  run($osprofiler, 'agent', '--run-directory', $path, '--once');
		unlike($without, qr/is not stored/, 'the setting has it');
		unlike($without, qr/secret/, 'and it is not shown');
	}
	($status) = run($osprofiler, 'agent', '--run-directory', $path, '--once',
		'--connection-string', $ENV{OSPROFILER_CONNECTION_STRING});
	is($status, 0, 'another collector takes the rest, if an option says so');
	is(tree($id), "db.connect\ndb select 9 | SELECT 1 | rows 1\n", 'nothing is lost');
}
traced('true');
is(leftover(), '', 'the next run removes what was delivered');

# A relative path is said by its absolute one: what is printed works in any directory.
for my $how ('option', 'variable')
{
	my $relative = "sqlite:///sub-$how/traces.db";
	my $path = "$dir/relative/sub-$how";
	my @option = $how eq 'option' ? ('--connection-string', $relative) : ();
	local $ENV{OSPROFILER_CONNECTION_STRING} =
	  $how eq 'variable' ? $relative : $ENV{OSPROFILER_CONNECTION_STRING};
	my @run = ('sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', "$dir/relative",
		$osprofiler, 'run', @option, 'psql', '-XAtc', "select '$how'");

	# First it cannot be made, then it can.
	mkdir "$dir/relative";
	write_file($path, '');
	my (undef, undef, $err) = run(@run);
	like($err, qr{not everything was delivered to sqlite:///\Q$path\E/traces\.db \(.*, run: osprofiler agent },
		"a relative path by $how: what was not delivered has its absolute one");
	my ($rescue) = $err =~ /, run: osprofiler (agent .*)$/m;
	unlink $path;
	{
		local $ENV{OSPROFILER_CONNECTION_STRING} = '';
		my ($status) = run('sh', '-c', "cd / && exec $osprofiler $rescue");
		is($status, 0, "by $how: the command that it prints works elsewhere");
	}
	(undef, undef, my $err2) = run(@run);
	local $ENV{OSPROFILER_CONNECTION_STRING} = '';
	for my $said ($err, $err2)
	{
		my ($show) = $said =~ /with command: osprofiler (trace show .*)$/m;
		my (undef, $out) = run('sh', '-c', "cd / && exec $osprofiler $show");
		like($out, qr/select '$how'/, "by $how: as does the one that shows the trace");
	}
}

traced('true');
is(leftover(), '', 'the next run removes what was delivered by another');

# --- the server's half is missing ---------------------------------------------

# This server does not load the extension.
{
	my $missing = qr/^The server's operations are missing: \S+ was sent the context .*does not load the extension.*--server CONNINFO.*'osprofiler doctor CONNINFO' says which, and what to type$/m;
	my %shown;

	for my $case (['told', {}, 'psql', '-XAtc', 'select 1'],
		['not told', { OSPROFILER_PROPAGATE => 'none' }, 'psql', '-XAtc', 'select 1'],
		['SQLite', {}, 'sqlite3', ':memory:', 'select 1'])
	{
		my ($what, $env, @command) = @$case;

		local @ENV{ keys %$env } = values %$env;
		traced(@command);
		(undef, $shown{$what}) = run($osprofiler, 'trace', 'show', trace_id() // 'none');
	}
	like($shown{told}, $missing, 'a server that was told, and recorded nothing');
	unlike($shown{$_}, qr/missing/, "$_: nothing is missing")
	  for grep { $_ ne 'told' } sort keys %shown;
}

# Without a key the server cannot know it.
{
	my $no_key = qr/^osprofiler: run: no HMAC key is configured, .*: osprofiler doctor --fix 'host=.*'\n/m;
	my (undef, undef, $err) = run($osprofiler, 'run', 'psql', '-XAtc', 'select 1');
	like($err, $no_key, 'no key: that is said');
	{
		# A statement that was not to tell a server, and one of another kind.
		local $ENV{OSPROFILER_PROPAGATE} = 'none';
		(undef, undef, $err) = run($osprofiler, 'run', 'psql', '-XAtc', 'select 1');
		like($err, qr/^osprofiler: run: no HMAC key is configured, .*: osprofiler doctor --fix '(?:host=\S+ )?port=\d+ dbname=\S+ user=\S+'\n/m, '... with the server, also where none is told');
		delete local $ENV{OSPROFILER_PROPAGATE};
		(undef, undef, $err) = run($osprofiler, 'run', 'psql', '-Xc', '\\copy (select 1) to stdout');
		like($err, qr/^osprofiler: run: no HMAC key is configured, .*: osprofiler doctor --fix '(?:host=\S+ )?port=\d+ dbname=\S+ user=\S+'\n/m, '... for any operation');
	}
	(undef, undef, $err) = run($osprofiler, 'run', 'sqlite3', ':memory:', 'select 1');
	unlike($err, $no_key, 'not where there is no server');
	local $ENV{OSPROFILER_HMAC_KEYS_FILE} = write_file("$dir/keys", "KEY_OF_FILE\n");
	chmod 0600, "$dir/keys";
	(undef, undef, $err) = run($osprofiler, 'run', 'sh', '-c',
		"psql -XAtc 'select 1'; echo \$OSPROFILER_TRACE_INFO:\$OSPROFILER_TRACE_HMAC >$dir/context");
	unlike($err, $no_key, 'a file of keys is one');
	my ($info, $hmac) = split /[:\n]/, slurp("$dir/context");
	my ($status) = run($osprofiler, 'context', 'show', '--hmac-key', 'KEY_OF_FILE',
		'--trace-info', $info, '--trace-hmac', $hmac);
	is($status, 0, 'and its first key signs');
}

# --- collectors that cannot be ------------------------------------------------

for my $nonsense ('nonsense', 'nonsense://x', 'sqlite:', 'sqlite:///', 'file://',
	'redis://[', "redis://h:99999", ' ')
{
	my $touched = "$dir/touched";
	my ($status, $out, $err) =
	  run($osprofiler, 'run', '--connection-string', $nonsense, 'touch', $touched);

	is($status, 2, "'$nonsense' is refused");
	like($err, qr/\Aosprofiler: run: .+\n\z/, "'$nonsense': by one line");
	ok(!-e $touched, "'$nonsense': before the program starts");
	local $ENV{OSPROFILER_CONNECTION_STRING} = $nonsense;
	($status) = run($osprofiler, 'run', 'touch', $touched);
	is($status, 2, "'$nonsense' of the environment is refused");
}
is(leftover(), '', 'no file is left');

# --- the default collector ----------------------------------------------------

# One place, wherever programs and readers are started.
for my $variables ({ HOME => "$dir/home" }, { HOME => "$dir/home", XDG_STATE_HOME => "$dir/state" },
	{ HOME => "$dir/home", XDG_STATE_HOME => 'relative' })
{
	my $what = join ' ', map { "$_=$variables->{$_}" } sort keys %$variables;
	my $path = $variables->{XDG_STATE_HOME} // '';

	$path = "$dir/home/.local/state" if $path !~ m{^/};
	mkdir "$dir/$_" for qw(home producer reader);
	local @ENV{ keys %$variables } = values %$variables;
	delete local $ENV{OSPROFILER_CONNECTION_STRING};
	my ($status, $out, $err) = run('sh', '-c',
		"cd $dir/producer && $osprofiler run psql -XAtc 'select 5'");
	my ($id) = $err =~ /^Trace ID: (\S+)$/m;
	ok(-s "$path/osprofiler/traces.db", "$what: the database is below $path");
	($status, $out) = run('sh', '-c', "cd $dir/reader && $osprofiler trace show $id");
	like($out, qr/select 5/, "$what: a reader in another directory finds the trace");
	is(join(' ', glob("$dir/producer/* $dir/reader/*")), '', "$what: no file where they run");
}

# --- descriptors ----------------------------------------------------------------

# A reader sees the end of a pipe when the command closes it: here the command waits
# for what the reader does then.
for my $case ([ '1', '' ], [ '5', '5>&1 >&2' ])
{
	my ($fd, $redirection) = @$case;
	unlink "$dir/end";
	my ($status) = run('timeout', '20', 'bash', '-c',
		"set -o pipefail; '$osprofiler' run -- sh -c 'exec $fd>&-; until [ -e $dir/end ]; do sleep 0.02; done'"
		  . " $redirection | { cat; touch $dir/end; }");
	is($status, 0, "descriptor $fd of the command is not kept open");
}

# --- a run directory that is removed too early --------------------------------

# Whole or in part, once or twice, as the first thing or as the last. The shipper has time
# to see the ring of each psql: one that it has never opened is lost with its directory.
for my $case (
	['whole', 'rm -rf $D; psql -XAtc "select 9"; sleep 0.3; psql -XAtc "select 8"', 9, 8],
	['in part', 'rm $D/status; psql -XAtc "select 9"; sleep 0.3; psql -XAtc "select 8"', 9, 8],
	['slowly', 'rm $D/status; sleep 0.02; rm $D/lock; sleep 0.02; rm -rf $D; psql -XAtc "select 9"', 9],
	['twice', 'psql -XAtc "select 9"; sleep 0.3; rm -rf $D; psql -XAtc "select 8"; sleep 0.3; rm -rf $D; psql -XAtc "select 7"', 9, 8, 7],
	['at the end', 'psql -XAtc "select 9"; sleep 0.1; rm -rf $D', 9])
{
	my ($what, $script, @numbers) = @$case;

	for my $round (1 .. 2)
	{
		my ($status, $out, $err) = traced('bash', '-c', "D=\$OSPROFILER_RUN_DIR; $script");
		my $rows = join '', map { "$_\n" } @numbers;

		$err =~ s/^osprofiler: run: run directory \S+ was removed; it is made anew\n//mg;
		is("$status|$out|$err", "0|$rows|", "removed $what: the command is as untraced");
		is(join(' ', tree() =~ /select (\d)/g), "@numbers", "removed $what: all is in the trace");
	}
}
is(leftover(), '', 'no file is left');

# --- what a command leaves running --------------------------------------------

# After the run has ended, its directory is not made anew: by processes that begin then,
# nor by one that has begun before and ends then. What they do works as untraced.
{
	my $left = "until [ -e $dir/go ]; do sleep 0.02; done; "
	  . 'for i in 1 2 3; do psql -XAtc "select 5"; sqlite3 :memory: "select 6"; done';
	my $begun = "{ echo 'select 7;'; until [ -e $dir/go ]; do sleep 0.02; done; echo 'select 8;'; } | psql -XAt";

	write_file("$dir/left.sh", "$left; $begun; touch $dir/gone\n");
	write_file("$dir/left2.sh", "$begun; touch $dir/gone2\n");
	my ($status) = traced('bash', '-c',
		"for i in '' 2; do setsid bash $dir/left\$i.sh >$dir/left\$i 2>&1 & done; "
		  . "until grep -qs 7 $dir/left2; do sleep 0.02; done");
	is($status, 0, 'daemons are left');
	like(tree(), qr/select 7/, 'one of them has begun');
	is(leftover(), '', 'the run directory is gone');
	write_file("$dir/go", '');
	wait_for('they end', sub { -e "$dir/gone" && -e "$dir/gone2" });
	is(slurp("$dir/left"), "5\n6\n" x 3 . "7\n8\n", 'the first works as untraced');
	is(slurp("$dir/left2"), "7\n8\n", 'and the second');
	is(leftover(), '', 'the run directory was not made anew');
}

# What an earlier version has left so, in the directory of a process that is no more, is
# removed by the next run; but not that of a process that goes on.
{
	my ($pid, $start) = (split ' ', slurp("/proc/$$/stat"))[0, 21];
	my @names = map { sprintf "$dir/run/run-%016x-abcdef", $_ }
	  (4194303 << 42 | 5, $pid << 42 | $start);

	for my $name (@names)
	{
		mkdir $name, 0700 or die "$name: $!";
		write_file("$name/ring.0", 'x' x 65536);
	}
	traced('psql', '-XAtc', 'select 1');
	is(leftover(), $names[1], 'a directory that an ended run has left is removed');
	unlink "$names[1]/ring.0";
	rmdir $names[1];
}

# --- the command itself --------------------------------------------------------

# Its own statements are no operations of a command that runs it; what an inner run
# traces is the inner run's.
{
	my ($status, $out, $err) = traced($osprofiler, 'run', '--hmac-key', $key, '--', 'psql', '-XAtc', 'select 13');
	my ($inner) = $err =~ /^Trace ID: (\S+)/m;

	is("$status|$out", "0|13\n", 'a run in a run');
	ok(!defined trace_id(), 'the outer one has seen nothing');
	like(tree($inner), qr/^db select 13/m, 'the inner one has its trace');
}
{
	my ($status, $out) = traced('sh', '-c',
		"psql -XAtc 'select 14'; '$osprofiler' trace list >/dev/null; sqlite3 :memory: 'select 15'");

	is("$status|$out", "0|14\n15\n", 'a script that lists traces');
	is(join(' ', tree() =~ /^(?!db\.connect)(.*?)(?: \|.*)?$/mg),
		'db select 14 sqlite (:memory:) select 15', 'only its own statements are traced');
}

# --- programs of which nothing is traced --------------------------------------

for my $command (['true'], ['pg_isready', '-q'], ['sh', '-c', 'echo out; echo err >&2'])
{
	my ($status, $out, $err) = run(@$command);
	my ($status2, $out2, $err2) = run($osprofiler, 'run', @$command);

	like($err2, $nothing_seen, "@$command: it is said that nothing was seen");
	unlike($err2, qr/Trace ID|Display trace/, "@$command: no trace is announced");
	$err2 =~ s/$nothing_seen//;
	is("$status2|$out2|$err2", "$status|$out|$err", "@$command: else the same");
}
{
	my ($status, $out, $err) = run($osprofiler, 'run', 'psql', '-XAtc', 'select 1');
	unlike($err, $nothing_seen, 'not where something was traced');
}

# --- a terminal ---------------------------------------------------------------

# A shell with job control on a terminal of its own.
{
	my $pty = IO::Pty->new;
	my $output = '';
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		POSIX::setsid();
		$pty->make_slave_controlling_terminal;
		my $slave = $pty->slave;
		close $pty;
		open STDIN, '<&', $slave->fileno or die;
		open STDOUT, '>&', $slave->fileno or die;
		open STDERR, '>&', $slave->fileno or die;
		$ENV{PS1} = 'shell> ';
		$ENV{TERM} = 'dumb';
		$ENV{PAGER} = 'cat';
		exec('bash', '--norc', '--noprofile', '-i') or die;
	}
	$pty->close_slave;
	$pty->blocking(0);

	my $read_until = sub {
		my ($what, $pattern) = @_;
		my $end = time + 15;

		while (time < $end)
		{
			my $chunk;
			$output .= $chunk if sysread $pty, $chunk, 65536;
			if ($output =~ s/^.*?$pattern//s)
			{
				return pass($what);
			}
			sleep 0.02;
		}
		fail($what);
		diag($output);
	};
	my $type = sub { syswrite $pty, $_[0] };

	$read_until->('a shell', qr/shell> /);
	$type->("$osprofiler run --hmac-key $key psql -X --no-readline\n");
	$read_until->('psql has the terminal', qr/postgres=# /);
	$type->("select pg_sleep(30);\n");
	wait_for_query('select pg_sleep(30)');
	$type->("\003");
	$read_until->('Ctrl-C cancels the statement, not psql',
		qr/canceling statement due to user request.*postgres=# /s);
	$type->("select 'still' || ' here';\n");
	$read_until->('psql goes on', qr/still here.*postgres=# /s);
	$type->("\032");
	$read_until->('Ctrl-Z stops it', qr/Stopped.*shell> /s);
	$type->("fg\n");
	$type->("select 'back' || ' again';\n");
	$read_until->('fg brings it back', qr/back again.*postgres=# /s);
	$type->("\\q\n");
	$read_until->('the trace is told', qr/Trace ID: \S+/);
	my ($id) = $output =~ /trace show (\S+)/;
	$read_until->('the shell is back', qr/shell> /);
	$type->("exit\n");
	waitpid $pid, 0;
	ok(defined $id, 'with its id');
	my $tree = tree($id);
	like($tree, qr/^db select pg_sleep\(30\); \| query_canceled: /m, 'cancelled');
	like($tree, qr/^db\.cancel$/m, 'the cancel request is an event');
	check_trace('terminal', $id);
}
is(leftover(), '', 'no file is left');

done_testing();
