#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# 040_faults.t
#	  All calls of libpq, right and wrong ones, and servers that go away: what the
#	  program sees is the same, and every point has its stop.
#
# With UPDATE=DIR the trees are written to that directory, to be read and committed.

use strict;
use warnings;
use lib '.';
use ClientTest;
use File::Basename qw(basename);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $build = $ENV{BUILD} // "$here/../../build";
my $api = "$build/tests/client/api";

$ENV{LD_LIBRARY_PATH} = join ':', "$build/common", "$build/client_hooks",
  $ENV{LD_LIBRARY_PATH} // ();
start_server();

sub normal
{
	my ($text) = @_;

	$text =~ s/\Q$dir\E/DIR/g;
	return $text;
}

sub is_stored
{
	my ($tree, $name) = @_;
	my $file = "$here/expected/$name.tree";

	write_file("$ENV{UPDATE}/" . basename($file), $tree) if $ENV{UPDATE};
	is($tree, slurp($file) // '', "$name: the tree");
}

# --- every call, shadowed -----------------------------------------------------

my %plain;
for my $case (qw(sync prepared async pipeline copy large-object connect gone big threads many))
{
	my ($status, $out, $err) = run($api, $case);
	my ($status2, $out2, $err2) = traced($api, $case);

	$plain{$case} = $out;
	is($status, 0, "$case: runs");
	is($status2, 0, "$case: runs, traced");
	is($out2, $out, "$case: the same output");
	is($err2, $err, "$case: the same errors");
	check_trace($case);

	my $tree = normal(tree());
	unlike($tree, qr/NO STOP/, "$case: every point has a stop");
	is_stored($tree, "api-$case") if $case !~ /^(threads|many)$/;
	if ($case eq 'threads')
	{
		my $n = () = $tree =~ /^db select [12] \| SELECT 1 \| rows 1$/mg;
		is($n, 800, 'threads: every statement');
	}
	if ($case eq 'many')
	{
		my $n = () = $tree =~ /^db\.connect/mg;
		is($n, 3080, 'many: every connection');
	}
}
is(leftover(), '', 'no file is left');

# --- preloaded, and linked ----------------------------------------------------

# Runs a program with a context in its environment, and ships afterwards.
sub with_context
{
	my ($base, @command) = @_;
	my (undef, $lines) = run($osprofiler, 'context', 'new', '--hmac-key', $key,
		'--base-id', $base, '--format', 'env');
	local @ENV{ $lines =~ /export (\w+)=/g } = $lines =~ /='(.*)'/g;
	local $ENV{OSPROFILER_HMAC_KEYS} = $key;
	local $ENV{OSPROFILER_RUN_DIR} = "$dir/agent";
	my @result = run(@command);

	run($osprofiler, 'agent', '--once');
	return @result;
}

for my $case (qw(sync async pipeline copy connect))
{
	my ($status, $out, $err) = do
	{
		local $ENV{LD_PRELOAD} = "$build/client_hooks/libosprofiler_pq.so.0";
		with_context("preloaded-$case", $api, $case);
	};
	is($out, $plain{$case}, "$case, preloaded: the same output");
	is(normal(tree("preloaded-$case")), slurp("$here/expected/api-$case.tree"),
		"$case, preloaded: the tree");

	($status, $out, $err) =
	  with_context("linked-$case", "$build/tests/client/api_linked", $case);
	is($out, $plain{$case}, "$case, linked: the same output");
	is(normal(tree("linked-$case")), slurp("$here/expected/api-$case.tree"),
		"$case, linked: the tree");
}

# Linked and shadowed: once is enough.
{
	my ($status, $out) = traced("$build/tests/client/api_linked", 'sync');
	is($out, $plain{sync}, 'linked and shadowed: the same output');
	is(normal(tree()), slurp("$here/expected/api-sync.tree"),
		'linked and shadowed: the tree');
}
if (need_program('psycopg2', '/usr/bin/python3', '-c', '"import psycopg2"'))
{
	local $ENV{LD_PRELOAD} = "$build/client_hooks/libosprofiler_pq.so.0";
	my ($status, $out, $err) = with_context('preloaded-python',
		'/usr/bin/python3', '-c', 'import psycopg2
c = psycopg2.connect("")
c.cursor().execute("select 1")
c.close()');
	is("$status|$out|$err", '0||', 'an interpreter, preloaded: runs');
	is(tree('preloaded-python'),
		"db.connect\ndb BEGIN | BEGIN\ndb select 1 | SELECT 1 | rows 1\n",
		'an interpreter, preloaded: the tree');
}

# --- the program's own points -------------------------------------------------

{
	local $ENV{OSPROFILER_RUN_DIR} = "$dir/agent";
	my ($status, $out, $err) = run("$build/tests/client/api_linked", 'profiler');
	is("$status|$err", '0|', 'the profiler: runs');
	run($osprofiler, 'agent', '--once');
	is(tree('the-program'), <<'END', 'its points and its statements are one tree');
db.connect
work
  db select 1 | SELECT 1 | rows 1
  db select 2 | SELECT 1 | rows 1
END
}

# --- contexts that do not hold ------------------------------------------------

for my $bad ({ OSPROFILER_HMAC_KEYS => 'OTHER' }, { OSPROFILER_TRACE_INFO => '%%%' },
	{ OSPROFILER_TRACE_HMAC => '' }, { OSPROFILER_RUN_DIR => '/proc/nowhere' },
	{ OSPROFILER_ENABLED => 'perhaps' }, { OSPROFILER_TRACE_SQLALCHEMY => 'no' })
{
	my ($name) = keys %$bad;
	my ($status, $out, $err) = traced('env', map({"$_=$bad->{$_}"} keys %$bad), $api, 'async');

	is("$status|$out|$err", "0|$plain{async}|", "$name=$bad->{$name}: nobody notices");
}

# Ours find no room beside start-up options of the program that just have enough.
for my $length (100, 7_600, 8_000, 9_000, 9_700)
{
	local $ENV{PGOPTIONS} = '-c a.b=' . 'y' x $length;
	my ($status, $out, $err) = traced('psql', '-XAtc', "select length(current_setting('a.b'))");

	is("$status|$out|$err", "0|$length\n|", "start-up options of $length bytes");
}

# Connection strings mean the same: values that are given and empty are no others.
{
	local $ENV{PGAPPNAME} = 'of the environment';
	local $ENV{PGOPTIONS} = '-c work_mem=1MB';
	my $script = write_file("$dir/connect.py", <<'END');
import sys, psycopg2
try:
    c = psycopg2.connect(sys.argv[1]).cursor()
    c.execute("select current_setting('application_name'), current_setting('work_mem')")
    print(c.fetchall())
except Exception as e:
    print(str(e).splitlines()[0])
END
	my $show = "select current_setting('application_name'), current_setting('work_mem')";

	for my $string ('', ' ', 'postgresql://', "host=''", 'postgresql:///postgres?host=', "application_name=''",
		'postgresql:///postgres?application_name=', "port=''", "sslmode=''", "service=''",
		"options=''", 'postgresql:///postgres?options=', "options='-c work_mem=2MB'", "password=''",
		"dbname='host=nowhere'", 'nonsense', "replication=''", "options='' options='-c work_mem=3MB'")
	{
		my @commands = ([ 'psql', '-XAtc', $show, '-d', $string ]);
		push @commands, [ '/usr/bin/python3', $script, $string ]
		  if need_program('psycopg2', '/usr/bin/python3', '-c', '"import psycopg2"');
		for my $command (@commands)
		{
			my $plain = join '|', run(@$command);
			is(join('|', traced(@$command)), $plain, "$command->[0], connection string \"$string\"");
		}
	}
}

# Start-up options of the program that end in the middle of something.
for my $options ('-c work_mem=1MB\\', '-c work_mem=1MB --', '-c', '-B', '-d', '-c search_path=a\\',
	'-c work_mem=1MB ', '--', ' ')
{
	local $ENV{PGOPTIONS} = $options;
	my @command = ('psql', '-XAtc', 'show work_mem; show search_path');
	my $plain = join '|', run(@command);
	is(join('|', traced(@command)), $plain, "start-up options \"$options\"");
}

# --- parameters ---------------------------------------------------------------

{
	local $ENV{OSPROFILER_HIDE_PARAMS} = 'false';
	traced($api, 'sync');
	like(tree(), qr/^db select \$1::int, \$2::text, \$3::text -> \{"1":"7","2":null,"3":"text"\} \|/m,
		'parameters, where they are not hidden');
}

# --- calls that the program leaves by a longjmp ---------------------------------

# The operation ends as interrupted, and tracing goes on.
for my $case (qw(PQexec PQexecParams PQexecPrepared PQfn PQgetResult PQgetCopyData PQconnectdb
	PQconnectdbParams PQsetdbLogin))
{
	my $left = $case =~ /onnect|Login/ ? qr/^db\.connect \| interrupted$/m
	  : qr/^db .*(?:pg_sleep|function 2626).*\| interrupted$/m;

	for my $how (qw(next deep exit))
	{
		local $ENV{SILENT_DIR} = $dir;
		my ($status, $out, $err) = traced("$build/tests/client/longjmp", $case, $how);
		my $tree = tree();

		is("$status|$out|$err", $how eq 'exit' ? '0||' : "0|after\nafter\n|", "$case, $how: runs");
		like($tree, $left, "$case, $how: what was left is interrupted");
		unlike($tree, qr/NO STOP/, "$case, $how: every operation has a stop");
		my $after = () = $tree =~ /^db select 'after' /mg;
		is($after, $how eq 'exit' ? 0 : 2, "$case, $how: what follows is traced");
		check_trace("$case, $how");
	}
}
if (need_program("perl's DBD::Pg", 'perl', '-MDBD::Pg', '-e', '1'))
{
	my ($status, $out, $err) = traced('perl', write_file("$dir/alarm.pl", <<'END'));
use DBI; use POSIX;
my $other = DBI->connect('dbi:Pg:');
POSIX::sigaction(SIGALRM, POSIX::SigAction->new(sub { die "alarm\n" }));
for my $sql ('select pg_sleep(20)', 'select pg_sleep(21)')
{
	my $db = DBI->connect('dbi:Pg:', undef, undef, { RaiseError => 1, PrintError => 0 });
	eval { alarm 1; $db->do($sql); };
	print $@;
	print $other->selectrow_array("select 'other'"), "\n";
}
END
	is("$status|$out", "0|alarm\nother\nalarm\nother\n", 'perl: sigaction and die') or diag($err);
	my $tree = tree();
	my $n = () = $tree =~ /^db select pg_sleep\(2[01]\) \| interrupted$/mg;
	is($n, 2, 'perl: the statements are interrupted');
	$n = () = $tree =~ /^db .*select 'other'/mg;
	cmp_ok($n, '>=', 2, 'perl: what follows is traced');
	unlike($tree, qr/NO STOP/, 'perl: every operation has a stop');
}

# --- no memory ----------------------------------------------------------------

# Ours fails, from the n-th time on; the program must not notice.
for my $case (qw(sync prepared async pipeline copy large-object connect))
{
	my @bad;

	for my $n (0, 1, 2, 3, 4, 5, 6, 8, 11, 16, 25)
	{
		my ($status, $out, $err) = run($osprofiler, 'run', '--propagate-prepared',
			'env', "FAIL_FROM=$n", "LD_PRELOAD=$build/tests/client/failing_malloc.so",
			$api, $case);
		push @bad, $n if $status != 0 || $out ne $plain{$case};
	}
	is("@bad", '', "$case: the same output without memory for us");
}

# --- an agent that is killed --------------------------------------------------

# Started anew again and again while a client works: nothing is lost or twice.
{
	my $statements = 600;
	my $sql = write_file("$dir/many.sql",
		join '', map { "select pg_sleep(0.002), $_;\n" } 1 .. $statements);
	local $ENV{OSPROFILER_RUN_DIR} = "$dir/agent";
	my $client = fork // die "fork: $!";
	if ($client == 0)
	{
		open STDOUT, '>', '/dev/null';
		my (undef, $lines) = run($osprofiler, 'context', 'new', '--hmac-key', $key,
			'--base-id', 'restarted-agent', '--format', 'env');
		my @names = $lines =~ /export (\w+)=/g;
		@ENV{@names} = $lines =~ /='(.*)'/g;
		$ENV{OSPROFILER_HMAC_KEYS} = $key;
		$ENV{LD_LIBRARY_PATH} = "$build/client_hooks/shadow:$ENV{LD_LIBRARY_PATH}";
		exec('psql', '-XAtqf', $sql) or POSIX::_exit(1);
	}
	my $kills = 0;
	my $agent;
	while (waitpid($client, POSIX::WNOHANG()) == 0)
	{
		$agent = fork // die "fork: $!";
		if ($agent == 0)
		{
			open STDERR, '>', '/dev/null';
			exec($osprofiler, 'agent') or POSIX::_exit(1);
		}
		sleep 0.15 + rand 0.2;
		kill 'KILL', $agent;
		waitpid $agent, 0;
		$kills++;
	}
	run($osprofiler, 'agent', '--once');
	my $n = () = tree('restarted-agent') =~ /^db select pg_sleep\(0.002\), \d+; \| SELECT 1 /mg;
	cmp_ok($kills, '>', 2, "an agent was killed $kills times");
	is($n, $statements, 'a restarted agent loses no point');
	check_trace('restarted agent', 'restarted-agent');
}

# --- a server that goes away --------------------------------------------------

{
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open STDOUT, '>', "$dir/gone.out";
		open STDERR, '>', "$dir/gone.err";
		exec($osprofiler, 'run', '--', 'psql', '-Xc', 'select pg_sleep(30)');
	}
	wait_for_query('select pg_sleep(30)');
	stop_server('immediate');
	waitpid $pid, 0;
	is($? >> 8, 2, 'psql ends as it does');
	my $err = slurp("$dir/gone.err");
	my ($id) = $err =~ /^Trace ID: (\S+)$/m;
	like(tree($id), qr/^db select pg_sleep\(30\) \| .+: .+$/m, 'the statement failed');
	check_trace('server gone', $id);
	start_server();
}

# --- a pooler -----------------------------------------------------------------

if (need_program('pgbouncer', 'test', '-x', '/usr/sbin/pgbouncer'))
{
	write_file("$dir/users", qq{"demo" ""\n});
	write_file("$dir/bouncer.ini", <<"END");
[databases]
postgres = host=$dir/server
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = $dir
auth_type = trust
auth_file = $dir/users
pool_mode = transaction
# Else a name that one run prepared may be taken in the next one, or not.
server_reset_query_always = 1
logfile = $dir/bouncer.log
pidfile = $dir/bouncer.pid
END
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open STDERR, '>', '/dev/null';
		exec('/usr/sbin/pgbouncer', '-q', "$dir/bouncer.ini");
	}
	for (1 .. 100)
	{
		last if -e "$dir/.s.PGSQL.6432";
		sleep 0.05;
	}
	local @ENV{qw(PGHOST PGPORT)} = ($dir, 6432);
	for my $case (qw(sync prepared async pipeline copy large-object))
	{
		my ($status, $out, $err) = run($api, $case);
		my ($status2, $out2, $err2) = traced($api, $case);

		is("$status2|$out2|$err2", "$status|$out|$err", "pgbouncer, $case: the same");
		check_trace("pgbouncer, $case");
	}
	kill 'TERM', $pid;
	waitpid $pid, 0;
}

done_testing();
