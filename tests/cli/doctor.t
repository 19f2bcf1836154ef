#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# doctor.t
#	  osprofiler doctor, without a server: broken set-ups, each with the line that
#	  names what is wrong, and the command that it prints to mend it, which is typed.
#	  tests/pg/t/250_doctor.pl has those of a server.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use JSON::PP;
use POSIX ();
use Test::More;

$ENV{PATH} = "$build/bin:$ENV{PATH}";
$ENV{HOME} = $dir;
$ENV{OSPROFILER_HOOK_PATH} = "$build/client_hooks:$build/sqlite_osprofiler";
$ENV{OSPROFILER_HMAC_KEYS} = 'SECRET_KEY';

# The steps by name, of a doctor that is called by a line of bash.
sub steps
{
	my ($line) = @_;
	my $out = qx($line);
	my $report = eval { decode_json($out) };

	return $report if $report;
	diag($out);
	return { steps => [] };
}

sub step
{
	my ($report, $name) = @_;
	my ($found) = grep { $_->{name} eq $name } @{ $report->{steps} };
	return $found // { verdict => 'no step', found => '' };
}

# A broken set-up: the step is wrong, and says so. If the line that it prints is to
# mend it, it is typed, and the step is good then. before is a line of bash that
# breaks the set-up, or the environment is that of the caller.
sub broken
{
	my ($what, $name, $pattern, %how) = @_;
	my $arguments = $how{arguments} // '';
	my $before = $how{before} // 'true';
	my $report = steps("bash -c '$before; exec osprofiler doctor --json $arguments'");
	my $step = step($report, $name);

	is($step->{verdict}, 'wrong', "$what: it is found");
	like($step->{found}, $pattern, "$what: it is said");
	ok($step->{do} || $step->{type}, "$what: it says what to do");
	ok(!$report->{good}, "$what: not all is good");
	return $step if !$how{mends};
	write_file("$dir/type.sh",
		"$before\n" . ($step->{type} // 'false') . "\nexec osprofiler doctor --json $arguments\n");
	$step = step(steps("bash $dir/type.sh 2>$dir/mend.err"), $name);
	is($step->{verdict}, 'good', "$what: what it says to type mends it")
	  or diag($step->{found}, slurp("$dir/mend.err"), slurp("$dir/type.sh"));
	return $step;
}

# --- all is good --------------------------------------------------------------

my $text = run_ok('doctor');
like($text, qr/^good +run directory +\Q$dir\E\/rings$/m, 'the run directory');
like($text, qr/^good +read it back +it is there, and removed again$/m, 'the collector');
like($text, qr/\nAll is good\.\n\z/, 'all is good');
unlike($text, qr/SECRET_KEY/, 'no key is shown');
unlike($text, qr/wrong|not tried/, 'nothing else');
my $json = decode_json(run_ok('doctor', '--json'));
ok($json->{good}, 'all is good in JSON');
is(join(' ', map { $_->{name} } @{ $json->{steps} }),
	'configuration names run_directory keys hooks agent collector store read_back',
	'the steps in JSON');
is(run_ok('trace', 'list'), run_ok('trace', 'list', '--limit', '1'), 'no trace of it is left');
unlike(run_ok('trace', 'list'), qr/doctor/, 'also not in the list');

# --- configuration ------------------------------------------------------------

{
	local $ENV{OSPROFILER_RING_SIZE} = 'huge';
	my $report = steps('osprofiler doctor --json');
	is(step($report, 'configuration')->{verdict}, 'wrong', 'a value that makes no sense');
	like(step($report, 'configuration')->{found}, qr/OSPROFILER_RING_SIZE is "huge", but must be a size/,
		'a value that makes no sense: it is said');
	is(step($report, 'keys')->{verdict}, 'not tried', 'what needs it is not tried');
	is(step($report, 'keys')->{found}, 'it needs: configuration', 'and says why');
}
{
	local $ENV{OSPROFILER_CONF} = write_file("$dir/conf",
		"[profiler]\nenabled = true\nconection_string = file:///tmp/x\nes_doc_type = x\n[other]\nfoo = 1\n");
	broken('an unknown setting', 'names',
		qr{no such setting \(\Q$dir\E/conf, line 3\): conection_string}, mends => 1);
	like(slurp("$dir/conf"), qr/^connection_string = file/m, 'the right name is in the file');
	is(step(steps('osprofiler doctor --json'), 'names')->{verdict}, 'good',
		"OSProfiler's own settings are known");
}
{
	local $ENV{OSPROFILER_HMAC_KEY} = 'SECRET_KEY';
	broken('an unknown variable', 'names', qr/no such variable: OSPROFILER_HMAC_KEY$/, mends => 1);
}

# --- the run directory --------------------------------------------------------

mkdir "$dir/open";
chmod 0755, "$dir/open";
{
	local $ENV{OSPROFILER_RUN_DIR} = "$dir/open";
	broken('a run directory that is open to others', 'run_directory',
		qr/others have access to it/, mends => 1);
}
{
	# Of another user: root gives one away, others take root's.
	my $foreign = '/usr';

	if ($> == 0)
	{
		$foreign = "$dir/foreign";
		mkdir $foreign, 0700;
		chown 54321, -1, $foreign;
	}
	local $ENV{OSPROFILER_RUN_DIR} = $foreign;
	broken("another user's run directory", 'run_directory', qr/belongs to another user/,
		mends => 1);
}
SKIP:
{
	my $own = $> == 0 ? 'unshare -m' : 'unshare -Urm';

	skip 'no mount namespaces', 10 if system("$own true 2>/dev/null") != 0;
	mkdir "$dir/tiny", 0700;
	local $ENV{OSPROFILER_RUN_DIR} = "$dir/tiny/run";
	for my $way (["mount -t tmpfs -o size=64k,mode=700 none $dir/tiny", qr/has only \d+ kB of room/, 'a tiny /dev/shm'],
		["mount -t tmpfs -o ro none $dir/tiny", qr/cannot open run directory \S+, which cannot be made: Read-only file system/, 'a /dev/shm that cannot be written to'])
	{
		my $step = step(steps("$own bash -c '$way->[0]; exec osprofiler doctor --json'"), 'run_directory');
		is($step->{verdict}, 'wrong', "$way->[2]: it is found");
		like($step->{found}, $way->[1], "$way->[2]: it is said");
		write_file("$dir/type.sh", "$way->[0]\n$step->{type}\nexec osprofiler doctor --json\n");
		is(step(steps("$own bash $dir/type.sh"), 'run_directory')->{verdict}, 'good',
			"$way->[2]: what it says to type mends it");
	}
}

# --- a store on a full file system: it is writable, and prune needs room itself ----

SKIP:
{
	my $own = $> == 0 ? 'unshare -m' : 'unshare -Urm';

	skip 'no mount namespaces', 15 if system("$own true 2>/dev/null") != 0;
	mkdir "$dir/full", 0700;
	my $uri = "sqlite:///$dir/full/traces.db";
	write_file("$dir/full.sh", <<"END");
mount -t tmpfs -o size=256k,mode=700 none $dir/full
export OSPROFILER_CONNECTION_STRING=$uri
osprofiler doctor >/dev/null
cat /dev/zero >$dir/full/rest 2>/dev/null
osprofiler trace delete 11111111-2222-4333-8444-555555555555 2>$dir/full.err
exec osprofiler doctor --json
END
	my $step = step(steps("$own bash $dir/full.sh"), 'store');
	is($step->{verdict}, 'wrong', 'a full file system: it is found');
	like($step->{found}, qr{^\Q$uri\E: .*(?:disk is full|No space left)}, '... with the reason');
	is($step->{do}, 'free or enlarge its file system: what waits is delivered then', '... what to do');
	is($step->{type}, undef, '... and not to take another collector');
	like(slurp("$dir/full.err"), qr{^osprofiler: trace delete: cannot remove traces from \Q$uri\E: .*(?:disk is full|No space left).*; free or enlarge its file system, for this needs room, too$},
		'... nor can traces be removed there');

	# What waits cannot be delivered there either, so that is not proposed alone.
	write_file("$dir/full.sh", <<"END");
mount -t tmpfs -o size=256k,mode=700 none $dir/full
export OSPROFILER_CONNECTION_STRING=$uri OSPROFILER_RUN_DIR=$dir/waits
osprofiler doctor >/dev/null
cat /dev/zero >$dir/full/rest 2>/dev/null
osprofiler run -q sqlite3 :memory: 'SELECT 1' >/dev/null 2>&1
osprofiler doctor --fix --json 2>$dir/full.err
if [ "\$1" = room ]; then rm $dir/full/rest; exec osprofiler doctor --json; fi
END
	$step = step(steps("$own bash $dir/full.sh"), 'agent');
	like($step->{found}, qr/^\d+ points wait in .*: .*(?:disk is full|No space left on device)\)$/, 'a full file system, and what waits for it');
	like($step->{do}, qr/^first do what the step 'store a trace' says, or the command fails; /, '... is not to be delivered first');
	is($step->{type}, 'osprofiler agent --once', '... but then');
	unlike(slurp("$dir/full.err"), qr/agent --once/, '... and --fix does not try it');
	my $out = qx($own bash $dir/full.sh room);
	$step = step(decode_json($out =~ s/\A.*?^\}\n//msr), 'agent');
	like($step->{do}, qr/^the collector's file system was full: first free or enlarge it, unless that was done; /, '... with room again');

	# A reader keeps SQLite from making room by itself. The room is enough to store the
	# trace, not to remove it: each attempt to store it gets a page more.
	write_file("$dir/full.sh", <<"END");
mount -t tmpfs -o size=256k,mode=700 none $dir/full
export OSPROFILER_CONNECTION_STRING=$uri
osprofiler doctor >/dev/null
mkfifo $dir/full/go
sqlite3 $dir/full/traces.db <$dir/full/go >$dir/full/read &
exec 9>$dir/full/go
echo 'BEGIN; SELECT count(*) FROM sqlite_master;' >&9
until [ -s $dir/full/read ]; do sleep 0.05; done
for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
	cat /dev/zero >$dir/full/rest 2>/dev/null
	truncate -s -4K $dir/full/rest
	osprofiler doctor --json >$dir/full.json
	echo \$? >$dir/full.rc
	grep -q '"store", "verdict": "good"' $dir/full.json && break
done
rm $dir/full/rest
exec 9>&-
wait
osprofiler trace list --json >$dir/full.list
cat $dir/full.json
END
	$step = step(steps("$own bash $dir/full.sh"), 'read_back');
	is($step->{verdict}, 'wrong', 'a trace that cannot be removed: it is found');
	like($step->{found}, qr/^it is there; it cannot be removed: .*(?:disk is full|No space left on device)$/, '... with the reason');
	my ($id) = ($step->{do} // '') =~ /^free or enlarge its file system, for removing needs room, too; then remove the trace of this test, (\S+)$/;
	ok($id, '... and what to do');
	is(slurp("$dir/full.rc"), "1\n", '... and the exit status');
	like(slurp("$dir/full.list"), qr/\Q$id\E/, '... it is still there') if $id;
}

# --- a home directory that cannot be written to ---------------------------------

{
	local $ENV{HOME} = '/dev/null';
	local $ENV{TMPDIR} = $dir;
	local $ENV{OSPROFILER_RUN_DIR} = '/dev/null/run';
	delete local @ENV{qw(OSPROFILER_CONNECTION_STRING OSPROFILER_HMAC_KEYS XDG_STATE_HOME XDG_CONFIG_HOME)};
	broken('a closed home', 'store', qr{/dev/null/\.local/state/osprofiler/traces\.db}, mends => 1);
	broken('a closed home', 'keys', qr/there is no key/, mends => 1, arguments => "host=$dir");
	broken('a closed home', 'run_directory', qr{/dev/null/run}, mends => 1);
	like(steps('osprofiler doctor --json --fix')->{steps}[0]{name} // '', qr/configuration/, 'a closed home: --fix');
}

# --- keys ---------------------------------------------------------------------

{
	delete local $ENV{OSPROFILER_HMAC_KEYS};
	my $report = steps('osprofiler doctor --json');
	is(step($report, 'keys')->{verdict}, 'good', 'no key, and no server');
	is(step($report, 'keys')->{found}, 'none; not needed without a server', '... is said so');
	ok($report->{good}, '... and all is good');
	like(run_ok('doctor'), qr/^good +configuration +from the environment$/m, 'the environment has settings');
	like(run_ok('doctor', '--program', 'true'), qr/^good +keys +none; not needed/m, '... with a program, too');
	broken('no key', 'keys', qr/there is no key/, mends => 1, arguments => "host=$dir");
	is((stat "$dir/config/osprofiler/hmac_keys")[2] & 0777, 0600, 'no key: the new file is closed to others');
	like(run_ok('doctor'), qr{^good +keys +1; the file of keys is \Q$dir\E/config/osprofiler/hmac_keys$}m, 'it is found where it was made');
	like(run_ok('context', 'new'), qr/^X-Trace-HMAC: [0-9a-f]{40}$/m, 'it signs');
	write_file("$dir/config/osprofiler/hmac_keys", "# none\n");
	broken('a file without a key', 'keys', qr{there is no key in \Q$dir\E/config}, mends => 1);
	unlink "$dir/config/osprofiler/hmac_keys";
	local $ENV{OSPROFILER_HMAC_KEYS_FILE} = write_file("$dir/keys of mine", "SECRET_KEY\n");
	chmod 0644, "$dir/keys of mine";
	broken('a file of keys that others can read', 'keys', qr/others/, mends => 1);
	$ENV{OSPROFILER_HMAC_KEYS_FILE} = "$dir/none";
	broken('a file of keys that is not there', 'keys', qr{\Q$dir\E/none});
}
# A service reads its file of settings, and neither the variables of this command nor its
# default file of keys.
{
	delete local $ENV{OSPROFILER_HMAC_KEYS};
	local $ENV{OSPROFILER_CONF} = "$dir/service.conf";
	my $keys = "$dir/config/osprofiler/hmac_keys";
	my $before = "cp $dir/without.conf $dir/service.conf; chmod 644 $dir/service.conf";

	mkdir "$dir/config/osprofiler";
	write_file($keys, "\n# of 2026\n  SERVICE_KEY\nOLDER\n");
	chmod 0600, $keys;
	write_file("$dir/without.conf", "[DEFAULT]\ndebug = true\n[profiler]\nenabled = true\ntrace_sqlalchemy = true\n[other]\na = 1\n");
	my $step = broken('a service without a key', 'keys',
		qr{\Q$dir\E/service\.conf has enabled = true and no hmac_keys: a Python service does not read \Q$keys\E,}, mends => 1, before => $before);
	is($step->{found}, '1', '... its key is that of its file then');
	like(slurp("$dir/service.conf"), qr/^\[profiler\]\nhmac_keys = +SERVICE_KEY\nenabled = true$/m, '... in its section');
	like($step->{type} // '', qr/\A\z/, '... and nothing more is to be typed');
	is((stat "$dir/service.conf")[2] & 07, 0, '... and it is closed to others') or diag(slurp("$dir/type.sh"));
	chmod 0600, "$dir/service.conf";
	write_file("$dir/service.conf", "[profiler]\n$_->[1]\n"), is(step(steps('osprofiler doctor --json'), 'keys')->{verdict}, 'good', $_->[0])
	  for ['a service with a key', "enabled = true\nhmac_keys = K"], ['a program with a file of keys', "enabled = true\nhmac_keys_file = $keys"],
	  ['a program that traces if there are keys', 'service = shop'];
	my @notes = map { write_file("$dir/service.conf", "[profiler]\nhmac_keys = K\n$_\n"); step(steps('osprofiler doctor --json'), 'collector')->{do} // '' }
	  'enabled = true', "enabled = true\nconnection_string = sqlite:///$dir/x.db", 'service = shop';
	like($notes[0], qr{^note that \Q$dir\E/service\.conf has enabled = true and no connection_string: a Python service takes messaging:// then}, 'a service without a collector');
	is("$notes[1]$notes[2]", '', '... and others');
	system("cp $dir/without.conf $dir/service.conf");
	my ($status, $out, $err) = run_cli('doctor', '--fix');
	is("$status|$err", '1|', '--fix: does not write into the file of a service');
	unlink $keys;
}
{
	local $ENV{OSPROFILER_ENABLED} = 'false';
	broken('tracing is switched off', 'keys', qr/enabled is false/, mends => 1);
}

# --- the collector ------------------------------------------------------------

for my $wrong (
	['a wrong scheme', 'reddis://localhost', 'collector', qr/there is no driver for reddis/],
	['no scheme', 'localhost', 'collector', qr/localhost/],
	['a collector that is down', 'redis://127.0.0.1:1', 'store', qr/refused/],
	['a database that is down', 'postgresql://nobody@127.0.0.1:1/x', 'store', qr/refused/],
	['a collector that cannot be written to', "sqlite:///$build/bin/osprofiler/x.db", 'store', qr/x\.db/],
	['a file that is none of ours', "sqlite:///$top/config.mk", 'store', qr/config\.mk/])
{
	my ($what, $uri, $name, $pattern) = @$wrong;
	local $ENV{OSPROFILER_CONNECTION_STRING} = $uri;
	broken($what, $name, $pattern, mends => 1);
}
# Where the address of a collector that is down stands.
{
	my $file = write_file("$dir/port.conf", "[profiler]\nconnection_string = redis://127.0.0.1:1\n");
	for my $case (["OSPROFILER_CONF=$file", '', $file],
		["OSPROFILER_CONF=$file OSPROFILER_CONNECTION_STRING=redis://127.0.0.1:1", '', 'OSPROFILER_CONNECTION_STRING'],
		["OSPROFILER_CONF=$file", '--connection-string redis://127.0.0.1:1', '--connection-string'])
	{
		my $step = step(steps("env $case->[0] osprofiler doctor --json $case->[1]"), 'store');
		like($step->{do}, qr/^start the collector, or correct its address in \Q$case->[2]\E/, "the address is in $case->[2]");
	}
}

# A driver that is not installed: the package is that whose list of files has it.
{
	local $ENV{OSPROFILER_DRIVER_PATH} = "$dir/none";
	my %package;

	for my $list (glob "$top/debian/osprofiler-driver-*.install")
	{
		my ($package) = $list =~ m{/([^/]+)\.install$};
		my @patterns = slurp($list) =~ m{/drivers/(\S+)$}mg;
		$package{$_} = $package for map { m{([^/]+)\.so$} } map { glob "$build/drivers/$_" } @patterns;
	}
	cmp_ok(scalar(keys %package), '>', 5, 'drivers that are in packages');

	# What an archive has, and what only this project's own build has: such a name is one
	# that osprofiler-db suggests, which `show` does not fail for.
	for my $known (0, 1)
	{
		my $listed = $known ? 'echo "$2 | 1.0 | http://archive"' : ':';

		mkdir "$dir/apt$known";
		write_file("$dir/apt$known/apt-cache", "#!/bin/sh\n[ \"\$1\" = madison ] && $listed\nexit 0\n");
		chmod 0755, "$dir/apt$known/apt-cache";
	}
	{
		local $ENV{PATH} = "$dir/apt0:$ENV{PATH}";
		local $ENV{OSPROFILER_CONNECTION_STRING} = 'redis://h/x';
		my $step = step(steps('osprofiler doctor --json'), 'collector');
		like($step->{type}, qr{^(?:sudo )?apt-get install \./osprofiler-driver-redis_\*\.deb$}, 'a package that is in no archive: what to type');
		like($step->{do}, qr/no archive of this host has the package, which is built with the others/, '... and where it is');
	}
	local $ENV{PATH} = "$dir/apt1:$ENV{PATH}";
	for my $scheme (sort keys %package)
	{
		my $step = step(steps("env OSPROFILER_CONNECTION_STRING=$scheme://h/x osprofiler doctor --json"), 'collector');
		like($step->{found}, qr{there is no driver for $scheme:// \(its package is $package{$scheme};}, "$scheme: its package");
		like($step->{do}, qr/^install that package, or name one/, "$scheme: what to do");
		like($step->{type}, qr/^(?:sudo )?apt install $package{$scheme}$/, "$scheme: what to type");
		one_error(qr/its package is $package{$scheme};/, 'trace', 'list', '--connection-string', "$scheme://h/x");
	}
	one_error(qr{there is no driver for $_:// \(there are:}, 'trace', 'list', '--connection-string', "$_://h/x")
	  for 'reddis', 'file', 'redis2', 'jaeger';
}
{
	local $ENV{OSPROFILER_CONNECTION_STRING} = 'otlp://localhost';
	my $step = step(steps('osprofiler doctor --json'), 'store');
	like($step->{found}, qr/otlp/, 'a collector that only sends');
}

# --- hooks --------------------------------------------------------------------

{
	local $ENV{OSPROFILER_HOOK_PATH} = "$dir/none";
	broken('no hooks', 'hooks', qr/hooks of libpq and SQLite are not installed/);
	is(step(steps('osprofiler doctor --json --program sqlite3'), 'program')->{verdict},
		'not tried', 'no hooks: a program is not examined');
}

# --- no agent -----------------------------------------------------------------

SKIP:
{
	skip 'no sqlite3', 6 if system('which sqlite3 >/dev/null') != 0;
	my $context = run_ok('context', 'new', '--format', 'env', '--hmac-key', 'SECRET_KEY');

	write_file("$dir/traced.sh", "$context\nexport LD_PRELOAD=$build/sqlite_osprofiler/sqlite_preload.so\n"
		  . "exec sqlite3 :memory: 'SELECT 1'\n");
	system("bash $dir/traced.sh >/dev/null") == 0 or die;
	broken('no agent', 'agent', qr/\d+ bytes wait in \Q$dir\E\/rings, and no agent is at work/, mends => 1);
	is(step(steps('osprofiler doctor --json --program sqlite3'), 'program')->{found} =~ /SQLite is seen by the preloaded library/ ? 1 : 0,
		1, 'a program with SQLite');

	# One that is stopped by a signal.
	my $pid = fork // die;
	if ($pid == 0)
	{
		exec 'osprofiler', 'agent', '--run-directory', "$dir/rings", '--connection-string', "file://$dir/stopped" or POSIX::_exit(127);
	}
	for (1 .. 100) { last if run_ok('doctor') =~ /^good +agent +at work, process $pid$/m; select undef, undef, undef, 0.05; }
	kill 'STOP', $pid;
	my ($status, $out) = run_cli('status', '--run-directory', "$dir/rings");
	is($status, 3, 'a stopped agent: status says that somebody should look');
	like($out, qr/^the shipper, process $pid, is stopped \(state T\), and delivers nothing: kill -CONT $pid$/m, '... and what to type');
	broken('a stopped agent', 'agent', qr/^process $pid is stopped \(state T\), so it delivers nothing$/, mends => 1);
	kill 'TERM', $pid;
	waitpid $pid, 0;
}

# --- programs -----------------------------------------------------------------

write_file("$dir/main.c", "int PQlibVersion(void);\nint main(void) { return PQlibVersion() == 0; }\n");
write_file("$dir/empty.c", "int main(void) { return 0; }\n");
write_file("$dir/pq.c", "int PQlibVersion(void) { return 1; }\n");
SKIP:
{
	skip 'no compiler', 20 if system("cc -o $dir/empty $dir/empty.c 2>/dev/null") != 0;

	# Debian's psql is a script that calls the psql of a version.
	SKIP:
	{
		my ($real) = sort { ($b =~ /(\d+)/)[0] <=> ($a =~ /(\d+)/)[0] } glob '/usr/lib/postgresql/*/bin/psql';

		skip 'no psql of postgresql-common', 2 if !defined $real || !-e '/usr/share/postgresql-common/pg_wrapper';
		symlink '/usr/share/postgresql-common/pg_wrapper', "$dir/psql";
		my $program = step(steps("osprofiler doctor --json --program $dir/psql"), 'program');
		is($program->{verdict}, 'good', "Debian's wrapper of psql");
		like($program->{found}, qr/^\Q$real\E: libpq is seen/, '... is followed to psql itself');
	}
	is(step(steps("osprofiler doctor --json --program $dir/empty"), 'program')->{verdict},
		'good', 'a program without a database');
	is(step(steps("osprofiler doctor --json --program $dir"), 'program')->{found},
		"cannot read $dir: it is not a file", 'a directory is no program');
	broken('no such program', 'program', qr/there is no program 'nosuch'/, arguments => '--program nosuch');

	if (system("cc -static -o $dir/static $dir/empty.c 2>/dev/null") == 0)
	{
		broken('a static program', 'program', qr/is statically linked/, arguments => "--program $dir/static");
	}
	write_file("$dir/embedded.c", <<'END');
const char *volatile magic = "SQLite format 3";
const char *volatile enable;
int main(void) { return magic[0] == 0; }
END
	if (system("cc -static -o $dir/static_sqlite $dir/embedded.c 2>/dev/null") == 0)
	{
		my $step = broken('a static program with SQLite', 'program', qr/is statically linked/,
			arguments => "--program $dir/static_sqlite");
		like($step->{do}, qr/without -static, with -lsqlite3/, 'a static program with SQLite: what can be done');
		unlike($step->{do}, qr/server/, 'a static program with SQLite: there is no server');
	}
	system("cc -o $dir/embedded $dir/embedded.c") == 0 or die;
	like(broken('a program that holds SQLite', 'program', qr/holds a SQLite of its own/,
			arguments => "--program $dir/embedded")->{do},
		qr/call osp_sqlite_enable\(\)/, 'a program that holds SQLite: what to do');
	system("sed -i 's/enable;/enable = \"osp_sqlite_enable\";/' $dir/embedded.c && cc -o $dir/embedded $dir/embedded.c") == 0
	  or die;
	like(step(steps("osprofiler doctor --json --program $dir/embedded"), 'program')->{found},
		qr/a SQLite of its own is seen by libosprofiler_sqlite/, 'one that traces its connections is seen');
	system("cp $dir/empty $dir/setuid; chmod u+s $dir/setuid");
	broken('a set-uid program', 'program', qr/is set-uid/, arguments => "--program $dir/setuid");
	write_file("$dir/script", "#!/usr/bin/env $dir/setuid\n");
	chmod 0755, "$dir/script";
	broken('a script of one', 'program', qr/is set-uid/, arguments => "--program $dir/script");

	# A libpq that comes under a name of its own, as in psycopg2-binary.
	mkdir "$dir/psycopg2";
	write_file("$dir/psycopg2/__init__.py", '');
	system("cc -shared -fPIC -Wl,-soname,libpq-9f3b.so.5.16 -o $dir/psycopg2/libpq-9f3b.so.5.16 $dir/pq.c && "
		  . "cc -o $dir/bundled $dir/main.c -Wl,-rpath,$dir/psycopg2 $dir/psycopg2/libpq-9f3b.so.5.16 && "
		  . "cc -shared -fPIC -o $dir/psycopg2/_psycopg.so $dir/main.c -Wl,-rpath,'\$ORIGIN' $dir/psycopg2/libpq-9f3b.so.5.16")
	  == 0 or die;
	broken('a bundled libpq', 'program', qr/libpq-9f3b\.so\.5\.16, which 'osprofiler run' does not see, for it is bundled/,
		arguments => "--program $dir/bundled");
	local $ENV{PYTHONPATH} = $dir;
	my $step = broken('psycopg2-binary', 'program', qr/psycopg2\._psycopg: loads \S+libpq-9f3b/,
		arguments => '--program /usr/bin/python3');
	like($step->{do}, qr/psycopg2, in place of psycopg2-binary/, 'psycopg2-binary: what to install');

	# A virtual environment: its python is a link, and its modules are its own.
	delete local $ENV{PYTHONPATH};
	system("/usr/bin/python3 -m venv --without-pip $dir/venv") == 0 or die;
	like(step(steps("osprofiler doctor --json --program $dir/venv/bin/python"), 'program')->{found},
		qr/this Python has no psycopg2 or psycopg: nothing of PostgreSQL to see/, 'a venv without psycopg');
	system("cp -r $dir/psycopg2 $dir/venv/lib/python3*/site-packages/") == 0 or die;
	broken('psycopg2-binary in a venv', 'program', qr/psycopg2\._psycopg: loads \S+libpq-9f3b/,
		arguments => "--program $dir/venv/bin/python");

	# Node's own SQLite.
	if (system('which node >/dev/null') == 0)
	{
		system("mkdir -p $dir/app/node_modules/better-sqlite3; echo >$dir/app/node_modules/better-sqlite3/index.js");
		broken('better-sqlite3', 'program', qr/better-sqlite3: brings a SQLite of its own/,
			before => "cd $dir/app", arguments => '--program node');
	}

	# A libpq by its own path.
	system("cc -shared -fPIC -Wl,-soname,libpq.so.5 -o $dir/libpq.so.5 $dir/pq.c && "
		  . "cc -o $dir/rpath $dir/main.c -Wl,--disable-new-dtags,-rpath,$dir $dir/libpq.so.5 && "
		  . "cc -o $dir/usual $dir/main.c -Wl,-rpath,$dir $dir/libpq.so.5")
	  == 0 or die;
	broken('a libpq by RPATH', 'program', qr/its path stands in the program/, arguments => "--program $dir/rpath");
	like(step(steps("osprofiler doctor --json --program $dir/usual"), 'program')->{found},
		qr/libpq is seen by the library that stands in its place/, 'libpq by its usual name');
}

# --- what --fix types -----------------------------------------------------------

{
	local $ENV{OSPROFILER_HMAC_KEYS};
	my ($status, $out, $err) = run_cli('doctor', '--fix');
	my ($key) = slurp("$dir/config/osprofiler/hmac_keys") =~ /^([0-9a-f]{32})\n\z/;

	is($status, 0, '--fix: makes a key');
	like($out, qr/\nAll is good\.\n\z/, '--fix: says that all is good then');
	like($err, qr/\A\$ \(umask 077; [^\n]+\)\n\z/, '--fix: prints what it types');
	ok(defined $key && index($out . $err, $key) < 0, '--fix: the key is not shown');
	($status, $out, $err) = run_cli('doctor', '--fix');
	is("$status|$err", '0|', '--fix: types nothing if nothing is wrong');
	unlink "$dir/config/osprofiler/hmac_keys";
	symlink "$dir/none/hmac_keys", "$dir/config/osprofiler/hmac_keys" or die;
	($status, $out, $err) = run_cli('doctor', '--fix');
	is($status, 1, '--fix: a command that fails');
	like($err, qr/^osprofiler: doctor: this command failed, exit status [12]$/m, '--fix: that is said');
	like($out, qr/^wrong +keys .*\n.*do: .*\n.*type: \(umask/m, '--fix: it is left to the user');
	unlink "$dir/config/osprofiler/hmac_keys";
}
{
	local $ENV{OSPROFILER_ENABLED} = 'false';
	my ($status, $out, $err) = run_cli('doctor', '--fix');
	is("$status|$err", '1|', '--fix: does not type what only changes a shell');
	like($out, qr/type: export OSPROFILER_ENABLED=true$/m, '--fix: it is left to the user');
}

# --- Ctrl-C while --fix types ---------------------------------------------------

# The command that is typed, and doctor, which waits for it, are one job of a shell: the
# signal goes to both. The directories of PATH begin with a mkdir that sends it.
mkdir "$dir/bin";
for my $case (['INT', POSIX::SIGINT()], ['QUIT', POSIX::SIGQUIT()])
{
	my ($signal, $number) = @$case;
	local $ENV{OSPROFILER_HMAC_KEYS};
	local $ENV{PATH} = "$dir/bin:$ENV{PATH}";

	write_file("$dir/bin/mkdir", "#!/bin/sh\nulimit -c 0\nkill -$signal 0\nsleep 10\n");
	chmod 0755, "$dir/bin/mkdir";
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		POSIX::setpgid(0, 0);
		chdir $dir;
		open STDOUT, '>', "$dir/ended.out";
		open STDERR, '>', "$dir/ended.err";
		exec('sh', '-c', 'ulimit -c 0; exec osprofiler doctor --fix') or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	is($? & 127, $number, "--fix: SIG$signal ends it, and not only the command");
	is(slurp("$dir/ended.out"), '', '--fix: and nothing more is tried');
}
unlink "$dir/bin/mkdir";

# A command that a signal ends, which doctor did not get.
{
	local $ENV{OSPROFILER_HMAC_KEYS};
	local $ENV{PATH} = "$dir/bin:$ENV{PATH}";

	# What osprofiler has started ends.
	write_file("$dir/bin/mkdir", <<'END');
#!/bin/sh
p=$$
while [ "$(cat /proc/$p/comm)" != osprofiler ]; do
	child=$p
	p=$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$p/status)
	[ "$p" -gt 1 ] || exit 9
done
kill -TERM $child
END
	chmod 0755, "$dir/bin/mkdir";
	my ($status, $out, $err) = run_cli('doctor', '--fix');
	is($status, 1, '--fix: a command that a signal ends');
	like($err, qr/^osprofiler: doctor: this command was ended by signal 15$/m, '--fix: that is said');
	unlink "$dir/bin/mkdir";
}

# --- the keys of a file, for the user of a server -------------------------------

# A libpq that is connected to a server of another user of this machine, as an ordinary
# user, and answers no to every question, but yes to whether the extension is installed.
# What doctor prints then is typed, with a sudo, or for root a runuser, that shows the keys
# which it is given.
write_file("$dir/fake_pq.c", <<'END');
#include <string.h>
void *PQconninfoParse(const char *c, char **e) { static void *end[16]; return end; }
void PQconninfoFree(void *o) {}
void *PQconnectdbParams(const char *const *k, const char *const *v, int e) { return "c"; }
void *PQconnectStartParams(const char *const *k, const char *const *v, int e) { return "c"; }
int PQconnectPoll(void *c) { return 3; }
void PQfinish(void *c) {}
int PQstatus(const void *c) { return 0; }
char *PQerrorMessage(const void *c) { return ""; }
char *PQhost(const void *c) { return FAKE_HOST; }
char *PQport(const void *c) { return "5432"; }
char *PQuser(const void *c) { return "anna"; }
char *PQdb(const void *c) { return "shop"; }
const char *PQparameterStatus(const void *c, const char *n) { return "off"; }
static int results;
int PQsendQuery(void *c, const char *q) { results = 1; return 1; }
int PQsendQueryParams(void *c, const char *q, int n, const unsigned *t, const char *const *v, const int *l,
	const int *f, int r) { results = 1; return 1; }
int PQsocket(const void *c) { return -1; }
int PQconsumeInput(void *c) { return 1; }
int PQisBusy(void *c) { return 0; }
void *PQgetResult(void *c) { return results-- > 0 ? "r" : 0; }
int PQresultStatus(const void *r) { return 2; }
char *PQresultErrorField(const void *r, int f) { return 0; }
int PQntuples(const void *r) { return 1; }
int PQgetisnull(const void *r, int row, int column) { return column == 1 || column == 3 || column >= 5; }
char *PQgetvalue(const void *r, int row, int column) {
	return column == 2 ? "ALTER SYSTEM SET session_preload_libraries = 'osprofiler'" : column == 4 ? "t" : "f"; }
void PQclear(void *r) {}
END
SKIP:
{
	mkdir "$dir/fake";
	skip 'no compiler', 6
	  if system("cc -shared -fPIC -w -DFAKE_HOST='\"$dir/fake\"' -Wl,-soname,libpq.so.5 -o $dir/fake/libpq.so.5 $dir/fake_pq.c") != 0;

	# Who the server's user is, its socket says. Only root can give a file away; other
	# users name one of root's.
	if ($> == 0)
	{
		write_file("$dir/fake/.s.PGSQL.5432", '');
		chown scalar getpwnam('daemon'), -1, "$dir/fake/.s.PGSQL.5432";
	}
	else
	{
		symlink '/etc/passwd', "$dir/fake/.s.PGSQL.5432";
	}
	my $as = $> == 0 ? 'runuser' : 'sudo';

	write_file("$dir/bin/$as", "#!/bin/sh\nprintf '%s' \"\$OSPROFILER_HMAC_KEYS\" >$dir/given\n");
	chmod 0755, "$dir/bin/$as";
	for my $case (
		['a file of one key', 'keys', "FIRST\n", 'FIRST'],
		['a comment and two keys', 'keys', "# of 2026\nFIRST\nSECOND\n", 'FIRST,SECOND'],
		['comments everywhere, and no end of line', 'keys', "FIRST\n  # old\n\t#,older\nSECOND,THIRD\n#\nFOURTH",
			'FIRST,SECOND,THIRD,FOURTH'],
		['a name for the shell', "my 'keys' \$HOME", "#1\nFIRST\nSEC#OND\n", 'FIRST,SEC#OND'],
		['empty lines', 'keys', "\nFIRST\n\n  SECOND  \n", 'FIRST,SECOND'])
	{
		my ($what, $name, $text, $keys) = @$case;
		delete local $ENV{OSPROFILER_HMAC_KEYS};
		local $ENV{OSPROFILER_HMAC_KEYS_FILE} = write_file("$dir/$name", $text);
		local $ENV{PATH} = "$dir/bin:$ENV{PATH}";

		chmod 0600, "$dir/$name";
		my $step = step(steps("env LD_LIBRARY_PATH=$dir/fake osprofiler doctor --json dbname=shop"), 'module');
		write_file("$dir/type.sh", ($step->{type} // 'false') . "\n");
		system('sh', "$dir/type.sh");

		# As keys are read: blanks around them and empty ones are left out.
		is(join(',', grep { $_ ne '' } map { s/^\s+|\s+$//gr } split /,/, slurp("$dir/given") // ''), $keys,
			"$what: the server's user gets them")
		  or diag(explain($step));
		unlink "$dir/given";
	}
	my $step = step(steps("env LD_LIBRARY_PATH=$dir/fake osprofiler doctor --json dbname=shop"), 'module');
	unlike($step->{type}, qr/HMAC_KEYS=/, 'keys of the environment need no file');

	# Settings that cannot be read: what needs none is checked nevertheless, and says what
	# to type.
	my @refused = map { write_file("$dir/$_->[0]", "[profiler]\n$_->[1]\n") }
	  ['open.conf', 'hmac_keys = SECRET_KEY'], ['wrong.conf', 'enabled = perhaps'], ['broken.conf', '['];
	chmod 0644, @refused;
	my @settings = ((map { { OSPROFILER_CONF => $_ } } '/nonexist', $dir, @refused),
		{ OSPROFILER_ENABLED => 'perhaps' }, { OSPROFILER_RING_SIZE => '-1' },
		{ OSPROFILER_HMAC_KEYS => undef }, { OSPROFILER_HMAC_KEYS => undef, OSPROFILER_HMAC_KEYS_FILE => $refused[0] });
	for my $settings (@settings)
	{
		local %ENV = (%ENV, LD_LIBRARY_PATH => "$dir/fake", PATH => "$dir/bin:$ENV{PATH}", %$settings);
		my $what = join ' ', map { "$_=" . ($settings->{$_} // '') } sort keys %$settings;

		delete @ENV{ grep { !defined $ENV{$_} } keys %ENV };
		for my $how ([], ['--json'], ['--fix'], ['--program', 'sqlite3'])
		{
			my ($status, $out, $err) = run_cli('doctor', @$how, 'dbname=shop');

			is($status, 1, "$what: doctor @$how ends") or diag($out, $err);
			like($out, qr{$as .*osprofiler doctor --fix }, "$what: doctor @$how says what to type");
		}
	}
}

# --- wrong calls --------------------------------------------------------------

usage_error(qr/unexpected argument 'b'.*stands in quotes/, 'doctor', 'a', 'b');
usage_error(qr/option '--program' needs a value/, 'doctor', '--program');
one_error(qr/No space left/, 'doctor', { stdout => '/dev/full' });

done_testing();
