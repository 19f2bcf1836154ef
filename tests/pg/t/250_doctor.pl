# SPDX-License-Identifier: Apache-2.0

# osprofiler doctor with a server: broken set-ups, each with the line that names what is
# wrong, and the command that it prints to mend it, which is typed. tests/cli/doctor.t
# has those without a server.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use IO::Socket::UNIX;
use IPC::Run;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use OspTest;
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $agent = $ENV{OSPROFILER_TEST_AGENT} || 'osprofiler';
my $node = new_node('doctor');
my $traces = trace_file($node);

$node->append_conf('postgresql.conf', 'max_worker_processes = 16');
$node->start;
mkdir $node->basedir . '/client', 0700;
$ENV{OSPROFILER_RUN_DIR} = $node->basedir . '/client/run';
$ENV{OSPROFILER_CONNECTION_STRING} = "file://$traces";
$ENV{OSPROFILER_HMAC_KEYS} = 'SECRET_KEY';
my $conninfo = $node->connstr('postgres');
my $mend = $node->basedir . '/mend.sh';

# The steps by name, after lines of bash.
sub steps
{
	my ($before, $database) = @_;
	my $where = $database // $conninfo;

	write_file($mend, ($before // '') . "\nexec $agent doctor --json \"$where\"\n", 0700);
	my $out = qx(bash $mend 2>$mend.err);
	my $report = eval { decode_json($out) } // { steps => [] };

	diag($out, slurp_file("$mend.err")) if !@{ $report->{steps} };
	return { good => $report->{good}, map { ($_->{name} => $_) } @{ $report->{steps} } };
}

# That step is wrong, and says so; what it says to type mends it, unless not_mended.
sub broken
{
	my ($what, $name, $pattern, %how) = @_;
	my $steps = steps($how{before}, $how{database});
	my $step = $steps->{$name} // { verdict => 'no step', found => '' };

	is($step->{verdict}, 'wrong', "$what: it is found") or diag(explain($steps));
	like($step->{found}, $pattern, "$what: it is said");
	ok(!$steps->{good}, "$what: not all is good");
	return $step if $how{not_mended};
	my $type = $step->{type} // 'false';
	my $after = steps(($how{before} // '') . "\n{ $type\n} >&2\nsleep 0.3", $how{database})->{$name};
	is($after->{verdict}, 'good', "$what: what it says to type mends it")
	  or diag($type, "\n", explain($after));
	return $step;
}

sub setting
{
	my ($name, $value) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $name = $value");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT current_setting('$name', true) = " . ($value =~ /^'/ ? $value : "'$value'"))
	  or die "$name is not set";
}

sub reset_setting
{
	my ($name) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM RESET $name");
	$node->reload;
}

# --- from nothing to all good, step by step -----------------------------------

broken('no extension', 'extension', qr/was not created in database postgres/);
my $steps = steps();
ok($steps->{good}, 'all is good') or diag(explain($steps));
is(join(' ', grep { $steps->{$_}{verdict} ne 'good' } grep { ref $steps->{$_} eq 'HASH' } keys %$steps),
	'', 'every step is good');
like($steps->{module}{found}, qr/loaded by session_preload_libraries/, 'who loads the module');
like($steps->{arrival}{found}, qr/it arrived in file:/, 'the test statement arrives');
like(slurp_file($traces), qr{"SELECT /\* test of osprofiler doctor \*/ }, '... and says at its begin whose it is, where it stays');
is($node->safe_psql('postgres', 'SELECT contexts_rejected FROM osprofiler.stat'), 0,
	'no context of it was refused');

# --- its counters -------------------------------------------------------------

my $status = decode_json(scalar qx($agent status --json --server "$conninfo"));
is($status->{$_}, $node->safe_psql('postgres', "SELECT $_ FROM osprofiler.stat"), "status --server: $_")
  for qw(run_directory shipper_pid rings written dropped waiting_bytes shipped refused spool_points);
is($status->{contexts}{accepted}, $node->safe_psql('postgres', 'SELECT contexts_accepted FROM osprofiler.stat'),
	'status --server: contexts');
ok(!exists $status->{batches}, 'status --server: nothing that it does not know');
like(qx($agent status --metrics --server "$conninfo"), qr/^osprofiler_shipped_total\{run_directory="[^"]+"\} $status->{shipped}$/m,
	'status --server --metrics');

# --- the module ---------------------------------------------------------------

$node->append_conf('postgresql.conf', "session_preload_libraries = ''");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('session_preload_libraries') = ''");
# A library that does not load must not be named there, for it would keep everybody out.
setting('dynamic_library_path', "'/none'");
qx($agent doctor --fix "$conninfo" 2>&1);
is($node->safe_psql('postgres', 'SHOW session_preload_libraries'), '', '--fix: no server is told to load what does not load');
reset_setting('dynamic_library_path');
$node->poll_query_until('postgres', q{SELECT current_setting('dynamic_library_path') = '$libdir'});
broken('no preload', 'module', qr/has not loaded it: neither session_preload_libraries nor/);
setting('session_preload_libraries', "'auto_explain'");
broken('another library is preloaded', 'module', qr/has not loaded it/);
is($node->safe_psql('postgres', 'SHOW session_preload_libraries'), 'auto_explain, osprofiler',
	'the other library stays');
$node->append_conf('postgresql.conf', "session_preload_libraries = 'osprofiler'");
reset_setting('session_preload_libraries');
$node->poll_query_until('postgres', "SELECT current_setting('osprofiler.enabled', true) = 'on'");
setting('osprofiler.enabled', 'off');
broken('switched off', 'module', qr/osprofiler\.enabled is off/);
setting('osprofiler.enabled', 'off');
$node->safe_psql('postgres', 'CREATE ROLE stranger LOGIN');
broken('switched off, asked by an ordinary user', 'module', qr/osprofiler\.enabled is off/,
	database => "$conninfo user=stranger");
reset_setting('osprofiler.enabled');
setting('osprofiler.points', "'nested'");
broken('statements are not recorded', 'server_key', qr/nothing is traced: osprofiler\.points/);
reset_setting('osprofiler.points');

# --- versions -----------------------------------------------------------------

$node->safe_psql('postgres', "UPDATE pg_extension SET extversion = '0.0.1' WHERE extname = 'osprofiler'");
my $step = broken('another version in the database', 'extension',
	qr/database postgres has version 0\.0\.1, the library is of version \d/);
like($step->{type}, qr/ALTER EXTENSION osprofiler UPDATE/, 'another version: the command');
$node->safe_psql('postgres', "UPDATE pg_extension SET extversion = '0.0.0' WHERE extname = 'osprofiler'");
$step = broken('a version without an upgrade script', 'extension', qr/database postgres has version 0\.0\.0/, not_mended => 1);
is($step->{type}, undef, 'a version without an upgrade script: no command that fails');
like($step->{do}, qr/has osprofiler--0\.0\.0--\d\S*\.sql; or, .*: DROP EXTENSION osprofiler; CREATE EXTENSION osprofiler \(which loses grants/,
	'... but what works, and what that loses');
$node->safe_psql('postgres',
	"UPDATE pg_extension SET extversion = (SELECT default_version FROM pg_available_extensions WHERE name = 'osprofiler') WHERE extname = 'osprofiler'");

# --- keys ---------------------------------------------------------------------

my $rejected = $node->safe_psql('postgres', 'SELECT contexts_rejected FROM osprofiler.stat');
broken('a wrong key', 'server_key', qr/signature matches none of the HMAC keys/,
	before => 'export OSPROFILER_HMAC_KEYS=ANOTHER_KEY');
write_file($node->basedir . '/keys', "SECRET_KEY\n", 0600);
write_file($node->basedir . '/mine', "THIRD_KEY\n", 0600);
broken('a wrong key in a file', 'server_key', qr/signature matches none/,
	before => "unset OSPROFILER_HMAC_KEYS; export OSPROFILER_HMAC_KEYS_FILE=" . $node->basedir . '/mine');
# A mistyped key in the environment, beside a file whose key the server knows: that one is
# preferred, and the server never gets the other one by --fix.
{
	my $home = $node->basedir . '/home';
	my $mine = "$home/osprofiler/hmac_keys";
	my $typed = 'export OSPROFILER_HMAC_KEYS=MISTYPED_KEY; unset SUDO_UID';
	my $there = $node->basedir . '/keys';

	mkdir $_, 0700 for $home, "$home/osprofiler";
	write_file($mine, "SECRET_KEY\n", 0600);
	for my $name ("XDG_CONFIG_HOME=$home", "XDG_CONFIG_HOME=/none; export OSPROFILER_HMAC_KEYS_FILE=$mine")
	{
		my $step = broken('a mistyped key beside a good file', 'server_key',
			qr/the two sides have different keys: here from OSPROFILER_HMAC_KEYS, there from \Q$there\E; the server refuses .* none of the HMAC keys$/,
			before => "$typed; export $name");
		like($step->{do}, qr/the server knows the key in \Q$mine\E: take that, by leaving OSPROFILER_HMAC_KEYS out/, '... which to take');
		is($step->{type}, 'unset OSPROFILER_HMAC_KEYS', '... and how');
	}
	write_file($mine, "FOURTH_KEY\n", 0600);
	for my $name ("XDG_CONFIG_HOME=$home", 'XDG_CONFIG_HOME=/none')
	{
		my $out = qx(bash -c '$typed; export $name; $agent doctor --fix "$conninfo"' 2>&1);

		isnt($?, 0, 'a mistyped key without a good file: --fix leaves it');
		unlike($out, qr/^\$ /m, '... and types nothing');
		like($out, qr/which one is right\? It may be mistyped\./, '... but lets one choose');
		like($out, qr/type: printenv OSPROFILER_HMAC_KEYS \| psql /, '... with the command for the other choice');
		unlike($out, qr/MISTYPED_KEY|SECRET_KEY|FOURTH_KEY/, '... and shows no key');
	}
	unlike(slurp_file($there), qr/MISTYPED_KEY/, 'a mistyped key does not get to the server');
	my $plain = steps("$typed; export XDG_CONFIG_HOME=$home", "$conninfo user=stranger")->{server_key};
	like($plain->{found}, qr/there from a setting that this user may not see/, 'an ordinary user: it is said, too') or diag(explain($plain));
}
write_file($node->basedir . '/keys', "SECRET_KEY\n", 0644);
$node->reload;
wait_until_up($node);
$step = broken('a file of keys that others can read, on the server', 'server_key', qr/others/);
like($step->{type}, qr/^chmod 600 \S+\/keys && psql .*pg_reload_conf/, '... the command names the file');
is((stat $node->basedir . '/keys')[2] & 0777, 0600, '... and closes it');
$node->reload;

# Keys of a file of settings get to the server by what is typed.
write_file($node->basedir . '/conf.ini', "[profiler]\nhmac_keys = CONF_KEY\n", 0600);
{
	my $step = broken('a wrong key in OSPROFILER_CONF', 'server_key', qr/different keys: here from hmac_keys of OSPROFILER_CONF/,
		before => 'unset OSPROFILER_HMAC_KEYS; export XDG_CONFIG_HOME=/none OSPROFILER_CONF=' . $node->basedir . '/conf.ini');
	unlike($step->{type}, qr/CONF_KEY/, '... and no key is shown');

	# Beside a file whose key the server knows: without the line a service has no key.
	my $known = $node->basedir . '/home/osprofiler/hmac_keys';
	write_file($known, "SECRET_KEY\n", 0600);
	write_file($node->basedir . '/conf.ini', "[profiler]\nhmac_keys = OTHER_CONF_KEY\n", 0600);
	$step = broken('a wrong key in OSPROFILER_CONF beside a good file', 'server_key', qr/different keys: here from hmac_keys of OSPROFILER_CONF/,
		before => 'unset OSPROFILER_HMAC_KEYS SUDO_UID; export XDG_CONFIG_HOME=' . $node->basedir . '/home OSPROFILER_CONF=' . $node->basedir . '/conf.ini',
		not_mended => 1);
	my $conf = $node->basedir . '/conf.ini';
	like($step->{do}, qr/the server knows the key in \Q$known\E: take that, by writing it into the line hmac_keys of \Q$conf\E /, '... what to write');
	unlike($step->{do}, qr/leaving/, '... and the line is not left out');
}

# A server without any key says nothing of keys in its settings; what is typed gives it
# one, in a file that is closed to others.
my $before = 'cd /';
$node->append_conf('postgresql.conf', "osprofiler.hmac_keys = ''\nosprofiler.hmac_keys_file = ''");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('osprofiler.hmac_keys_file') = ''");
$step = broken('a server without keys', 'server_key', qr/no HMAC key/i, before => $before);
is($node->safe_psql('postgres', 'SELECT contexts_rejected FROM osprofiler.stat'), $rejected,
	'... and what doctor tried is not counted as refused');
is((stat $node->data_dir . '/osprofiler.keys')[2] & 0777, 0600, 'a server without keys: the file is closed to others');
like(slurp_file($node->data_dir . '/osprofiler.keys'), qr/\ASECRET_KEY\n\z/, 'a server without keys: it has the key');
unlike(slurp_file($node->logfile), qr/SECRET_KEY/, 'a server without keys: the log has not');
unlike($step->{type}, qr/SECRET_KEY/, 'a server without keys: nor has the command');

# --- from nothing, by one command ---------------------------------------------------

$node->safe_psql('postgres', "ALTER SYSTEM RESET osprofiler.hmac_keys_file; DROP EXTENSION osprofiler");
unlink $node->data_dir . '/osprofiler.keys';
$node->append_conf('postgresql.conf', "session_preload_libraries = ''");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('session_preload_libraries') = ''");
{
	my $home = $node->basedir . '/new user';
	mkdir $home;
	my $fix = "cd /; unset OSPROFILER_HMAC_KEYS; export XDG_CONFIG_HOME='$home'; $agent doctor --fix \"$conninfo\"";
	my $out = qx($fix 2>&1);

	is($?, 0, '--fix: a server without anything') or diag($out);
	like($out, qr/\nAll is good\.\n\z/, '--fix: all is good then');
	is(scalar(() = $out =~ /^\$ /mg), 4, '--fix: key, module, extension, signed context') or diag($out);
	chomp(my $key = slurp_file("$home/osprofiler/hmac_keys"));
	unlike($out, qr/\Q$key\E/, '--fix: the key is not shown');
	unlike(slurp_file($node->logfile), qr/\Q$key\E/, '--fix: nor is it in the log');
	$out = qx($fix 2>&1);
	unlike($out, qr/^\$ /m, '--fix: nothing more is typed');
}
$node->append_conf('postgresql.conf', "session_preload_libraries = 'osprofiler'\nosprofiler.hmac_keys = 'SECRET_KEY'");
reset_setting('session_preload_libraries');
$node->poll_query_until('postgres', "SELECT current_setting('osprofiler.enabled', true) = 'on'");

# --- the shipper --------------------------------------------------------------

my $good_agent = $node->safe_psql('postgres', 'SHOW osprofiler.agent');
setting('osprofiler.agent', "'/none/osprofiler'");
broken('a shipper that cannot run', 'shipper', qr{there is no program /none/osprofiler});
reset_setting('osprofiler.agent');

# One that is stopped: no other collector helps.
{
	my $poll = sub { $node->poll_query_until('postgres', 'SELECT shipper_pid IS NOT NULL AND waiting_bytes = 0 FROM osprofiler.stat') };

	ok($poll->(), 'a shipper is at work');
	my $pid = $node->safe_psql('postgres', 'SELECT shipper_pid FROM osprofiler.stat');
	kill 'STOP', $pid;
	my $out = qx($agent status --server "$conninfo");
	is($? >> 8, 3, 'a shipper that is stopped: status says that somebody should look');
	like($out, qr/^the shipper, process $pid, is stopped \(state T\), and delivers nothing: kill -CONT $pid$/m, '... and what to type');
	$step = broken('a shipper that is stopped', 'shipper', qr/^process $pid is stopped \(state T\), so it delivers nothing, and [1-9]\d* bytes wait$/);
	like($step->{type}, qr/^kill -CONT $pid$/, '... has a command');
	kill 'STOP', $pid;
	my $arrival = steps()->{arrival};
	is($arrival->{found}, 'it needs: shipper', '... and nothing is said of collectors');
	is($arrival->{do}, undef, '... nor to do');
	$arrival = steps(undef, "$conninfo user=stranger")->{arrival};
	like($arrival->{do} // '', qr/^a superuser sees by 'osprofiler doctor' whether the server's shipper works/, '... an ordinary user is told who sees the cause');
	kill 'CONT', $pid;
	ok($poll->(), '... it goes on');
	is(steps()->{shipper}{verdict}, 'good', '... and is good then');

	# Without its run directory it still holds the spool.
	my $directory = $node->safe_psql('postgres', 'SELECT run_directory FROM osprofiler.stat');
	kill 'STOP', $pid;
	system('rm', '-rf', $directory);
	$node->safe_psql('postgres', comment(context()) . 'SELECT 1');
	my $held = qr/process $pid, which is stopped \(state T\), uses spool /;
	ok($node->poll_query_until('postgres', "SELECT last_error ~ 'process $pid, which is stopped' AND shipper_pid IS NULL FROM osprofiler.stat"),
		'one that is stopped in a directory of before: the error names it');
	for my $of (['--server', "\"$conninfo\""], ['--run-directory', $directory])
	{
		$out = qx($agent status @$of);
		is($? >> 8, 3, "... status @$of[0] says that somebody should look") or diag($out);
		like($out, qr/^\d+ bytes wait in rings, and no shipper is at work; they are delivered once the error of \S+ is corrected: $held/m, '... and why');
	}
	$step = broken('a shipper that is stopped in a directory of before', 'shipper', qr/^none is at work, so operations wait in the server, \d+ bytes of them: $held/);
	like($step->{type} // '', qr/^kill -CONT $pid$/, '... has a command');
	ok($poll->(), '... what waited is delivered then');
}
setting('osprofiler.connection_string', "'redis://127.0.0.1:1'");
$step = broken("the server's collector is down", 'shipper', qr/does not take what is delivered, \d+ points wait in the spool(?: and \d+ bytes of others in rings)?: .*refused/,
	not_mended => 1);
like($step->{do}, qr{^start the server's collector, redis://127\.0\.0\.1:1: what waits is delivered then; if it shall be another one, see osprofiler\.connection_string_file and},
	'... it is to be started');
reset_setting('osprofiler.connection_string');
$node->poll_query_until('postgres', 'SELECT waiting_bytes = 0 AND spool_points = 0 FROM osprofiler.stat');

# --- the run directory --------------------------------------------------------

{
	# The names of directories that the server cannot make, and what is proposed.
	my $owner = getpwuid($>);
	my $base = $node->basedir;
	my $directory = $node->safe_psql('postgres', 'SHOW osprofiler.run_directory');

	mkdir "$base/closed", 0500;
	for my $case (
		[ "$base/closed/run", qr/\Amake the directory that osprofiler\.run_directory names, or use the default .*; as root:\z/,
			qr{install -d -o \Q$owner\E -m 700 \Q$base\E/closed/run\z} ],
		[ '/proc/nowhere/run', qr/\Aname another directory in osprofiler\.run_directory, or use the default/, qr/RESET osprofiler\.run_directory/ ])
	{
		my ($path, $do, $type) = @$case;
		setting('osprofiler.run_directory', "'$path'");
		$step = broken("the run directory $path", 'server_key', qr{nothing is traced: cannot open run directory \Q$path\E/pg-\S+, which cannot be made: }, not_mended => 1);
		like($step->{do} // '', $do, '... what to do');
		like($step->{type} // '', $type, '... has a command');
		like($node->safe_psql('postgres', 'SELECT last_error, shipper_pid, written FROM osprofiler.stat'),
			qr{\Ano run directory: cannot open run directory \Q$path\E/pg-\S+, which cannot be made: .*\|\|0\z}, '... and osprofiler.stat answers');
		my $out = qx($agent status --server "$conninfo");
		is($? >> 8, 3, '... status says that somebody should look');
		like($out, qr{^nothing is traced: cannot open run directory \Q$path\E}m, '... and why');
	}
	setting('osprofiler.run_directory', "'$directory'");
	setting('osprofiler.ring_total', "'1MB'");

	# Each session has a ring of 64 kB and its header: a megabyte is for less than 16.
	my @sessions = map { my $wire = PgWire->new($node->host . '/.s.PGSQL.' . $node->port, database => 'postgres', user => $owner);
		$wire->simple(comment(context()) . 'SELECT 1'); $wire } 1 .. 16;
	$step = broken('no room for rings', 'server_key', qr/nothing is traced: there is no room for another ring in /, not_mended => 1);
	like($step->{do} // '', qr/\Amake room there, or name a directory on another file system in osprofiler\.run_directory; if there is room, raise osprofiler\.ring_total\. What takes the room/, '... what to do');
	like($step->{type} // '', qr/du -xah \S+ \| sort -rh \| head\z/, '... has a command');
	$_->finish for @sessions;
	reset_setting('osprofiler.ring_total');
	ok($node->poll_query_until('postgres', 'SELECT rings < 3 FROM osprofiler.stat'), '... they go');
}

# --- another collector --------------------------------------------------------

broken('another collector', 'arrival', qr/the server delivers to another collector/,
	before => 'export OSPROFILER_CONNECTION_STRING=file://' . $node->basedir . '/other.jsonl');

# The one that a person gives to doctor is the one to take, there as well.
{
	my $other = 'file://' . $node->basedir . '/other.jsonl';
	my $out = qx($agent doctor --fix --connection-string $other "$conninfo" 2>&1);

	is($?, 0, 'a collector that is given: --fix makes it the server\'s') or diag($out);
	is($node->safe_psql('postgres', 'SHOW osprofiler.connection_string'), $other, '... by its setting');
	like($out, qr/it arrived in \Q$other\E; --fix has moved all users of the server there, from file:\S+, where the traces from before stay: a run of another user that delivers elsewhere lacks/,
		'... for all users, which is said');

	# A second one is taken as well, also by a user who may not see the first.
	$step = steps('true')->{arrival};
	like($step->{found}, qr/the server delivers to another collector, \Q$other\E, than the one that is read here, \Q$ENV{OSPROFILER_CONNECTION_STRING}\E$/,
		'another collector: it is named');
	like($step->{do} // '', qr/\A\z|--connection-string/, '... with what moves it') or diag(explain($step));
	$node->safe_psql('postgres', 'CREATE ROLE mover LOGIN');
	for my $user (scalar(getpwuid($<)), 'mover')
	{
		my $second = 'file://' . $node->basedir . "/second_$user.jsonl";
		$out = qx($agent doctor --fix --connection-string $second "$conninfo user=$user" 2>&1);
		is($?, 0, "a second collector that is given: --fix moves the server ($user)") or diag($out);
		is($node->safe_psql('postgres', 'SHOW osprofiler.connection_string'), $second, '... by its setting');
		$out = qx($agent doctor --connection-string $other "$conninfo user=$user" 2>&1);
		like($out, qr/this moves the collector of all users of the server: their runs that deliver elsewhere lack the server's half then; as a superuser:$/m,
			'... which is said before');
		like($out, $user eq 'mover' ? qr/it did not arrive in \Q$other\E; where the server delivers to, 'osprofiler doctor' of a superuser says$/m
			: qr/the server delivers to another collector, \Q$second\E, than/, '... with where it delivers to, or who knows');
	}

	# One with a password goes into a file.
	my $server = (grep { -x } map { "$_/redis-server" } split /:/, $ENV{PATH})[0];
  SKIP:
	{
		skip 'no redis-server', 12 if !$server;
		my $free = PostgreSQL::Test::Cluster::get_free_port();
		my $uri = "redis://:hun%25ter2\@127.0.0.1:$free";
		my $redis = IPC::Run::start([ $server, '--port', $free, '--bind', '127.0.0.1', '--requirepass', 'hun%ter2', '--save', '', '--dir', $node->basedir ],
			'>', '/dev/null', '2>&1');
		my $given = "$agent doctor --connection-string '$uri' \"$conninfo\" 2>&1";
		sleep 2;
		$out = qx($given);
		like($out, qr/with the collector in OSPROFILER_CONNECTION_STRING, as a superuser:\n +type: printenv /, 'a password: what is typed') or diag($out);
		$given =~ s/ doctor / doctor --fix /;
		$out = qx($given);
		is($?, 0, 'a password: --fix moves the server') or diag($out);
		unlike($out, qr/hun/, '... and does not show it');
		is($node->safe_psql('postgres', 'SHOW osprofiler.connection_string_file'), 'osprofiler.collector', '... in a file');
		is(slurp_file($node->data_dir . '/osprofiler.collector'), "$uri\n", '... that has it');
		is((stat $node->data_dir . '/osprofiler.collector')[2] & 0777, 0600, '... closed to others');
		unlike(slurp_file($node->logfile), qr/hun%/, '... and the log has no password');
		like(steps('true')->{arrival}{found}, qr/delivers to another collector, redis:\/\/\S*\*\*\*\@127\.0\.0\.1:$free, than/, '... which is masked');

		# The file of a service has it: neither it nor the password is typed.
		my $conf = $node->basedir . '/password.conf';
		write_file($conf, "[profiler]\nconnection_string = $uri\n", 0600);
		setting('osprofiler.connection_string_file', "''");
		setting('osprofiler.connection_string', "'$other'");
		$out = qx(bash -c 'unset OSPROFILER_CONNECTION_STRING; export OSPROFILER_CONF=$conf; $agent doctor --fix --move-collector "$conninfo"' 2>&1);
		is($?, 0, 'a password in a file: --move-collector moves the server') or diag($out);
		unlike($out, qr/hun/, '... and does not show it');
		is(slurp_file($node->data_dir . '/osprofiler.collector'), "$uri\n", '... the server has it');

		# The server's user cannot read the file.
		chmod 0000, $node->data_dir . '/osprofiler.collector';
		$node->reload;
		sleep 1;
		$step = broken('a file of the collector that cannot be read', 'shipper', qr/cannot read file "\S+osprofiler\.collector": Permission denied/,
			not_mended => 1, before => "export OSPROFILER_CONNECTION_STRING='$uri'");
		my $owner = getpwuid($<);
		like($step->{do} // '', qr/the file has to belong to the server's user, $owner, be closed to others, .*; as root:$/, '... whose it must be');
		like($step->{type} // '', qr/chown $owner: \S+osprofiler\.collector && .*chmod 600 \S+osprofiler\.collector && .*psql .*pg_reload_conf/, '... and what root types');
		chmod 0600, $node->data_dir . '/osprofiler.collector';
		setting('osprofiler.connection_string_file', "''");
		$redis->kill_kill;
	}
	reset_setting($_) for qw(osprofiler.connection_string osprofiler.connection_string_file);
	$node->poll_query_until('postgres', "SELECT current_setting('osprofiler.connection_string') <> '$other'");
}

# Nothing of doctor's stays in a collector that removes traces, however it ends.
{
	my ($here, $there) = map { 'sqlite:///' . $node->basedir . "/$_.db" } qw(here there);
	my $stays = sub {
		my ($uri) = @_;
		sleep 1;
		return scalar(() = qx($agent trace list --json --connection-string $uri 2>/dev/null) =~ /base_id/g);
	};

	setting('osprofiler.connection_string', "'$there'");
	$steps = steps("export OSPROFILER_CONNECTION_STRING=$here");
	is($steps->{arrival}{verdict}, 'wrong', 'two collectors');
	is($stays->($here), 0, '... nothing stays here');
	is($stays->($there), 0, '... nor in that of the server');
	setting('osprofiler.agent', "'/none/osprofiler'");
	my $out = qx($agent doctor --fix --connection-string $there "$conninfo" 2>&1);
	is($?, 0, 'a shipper that --fix starts') or diag($out);
	is($stays->($there), 0, '... what arrives late is removed');
	$out = qx($agent doctor --connection-string $there --run-directory /dev/null "$conninfo" 2>&1);
	is($? >> 8, 1, 'another step is wrong') or diag($out);
	is($stays->($there), 0, '... nothing stays');

	# --fix moves the server: the statement that was traced before is in the old collector.
	my $third = 'sqlite:///' . $node->basedir . '/third.db';
	reset_setting($_) for qw(osprofiler.agent osprofiler.connection_string_file);
	setting('osprofiler.connection_string', "'$there'");
	$out = qx($agent doctor --fix --connection-string $third "$conninfo" 2>&1);
	is($?, 0, 'a server that --fix moves') or diag($out);
	is($stays->($_), 0, "... nothing stays in $_") for $there, $third;
	setting('osprofiler.connection_string', "''");
	my $default = 'sqlite:///' . $node->data_dir . '/osprofiler/pgsql_tmp/traces.db';
	$out = qx($agent doctor --fix --connection-string $there "$conninfo" 2>&1);
	is($?, 0, '... from its default store') or diag($out);
	like($out, qr/--fix has moved all users of the server there, from the server's default store \(osprofiler\/pgsql_tmp\/traces\.db in its data directory\), where the traces from before stay: a run/, '... which is called that');
	is($stays->($_), 0, "... nothing stays in $_") for $there, $default;

	# A service's file names the collector: what changes this shell alone does not help.
	my $conf = $node->basedir . '/service.conf';
	my $typed = "unset OSPROFILER_CONNECTION_STRING; export OSPROFILER_CONF=$conf";
	write_file($conf, "[profiler]\nconnection_string = $here\n", 0600);
	$step = broken("a service's file", 'arrival', qr/the server delivers to another collector, \Q$there\E, than the one that is read here, \Q$here\E$/,
		before => $typed, not_mended => 1);
	is($step->{type}, undef, '... no variable of a shell is typed');
	like($step->{do}, qr/^which one is right\? If the server's is, write connection_string = \Q$there\E into the section \[profiler\] of \Q$conf\E and restart the service; to have the server deliver to the one here, .* --fix --move-collector/,
		'... what to write, and what moves the server');
	$out = qx(bash -c '$typed; $agent doctor --fix --move-collector "$conninfo"' 2>&1);
	is($?, 0, '--move-collector') or diag($out);
	is($node->safe_psql('postgres', 'SHOW osprofiler.connection_string'), $here, '... moves the server there');
	is($stays->($_), 0, "... nothing stays in $_") for $here, $there;
	$step = broken('a variable names another one', 'arrival', qr/delivers to another collector/,
		before => "export OSPROFILER_CONNECTION_STRING=$there");
	like($step->{do}, qr/^to have the server deliver to the one here, .* --fix --move-collector .*; to read the server's here:$/, '... says both ways');
	reset_setting($_) for qw(osprofiler.agent osprofiler.connection_string osprofiler.connection_string_file);
	$node->poll_query_until('postgres', "SELECT current_setting('osprofiler.connection_string') <> '$there'");
}

# Without a collector on either side, each has its own, and run copies.
setting('osprofiler.connection_string', "''");
$steps = steps('unset OSPROFILER_CONNECTION_STRING; export HOME=' . $node->basedir . '/client');
is($steps->{arrival}{verdict}, 'good', 'a database of its own on each side');
like($steps->{arrival}{found}, qr/in the server's own database: `osprofiler run` copies/, 'says who brings them together');
$steps = steps('export OSPROFILER_CONNECTION_STRING=file://' . $node->basedir . '/other.jsonl');
like($steps->{arrival}{do}, qr/if it has a password, in a file named by osprofiler\.connection_string_file/,
	'where the password of a collector belongs');
$node->safe_psql('postgres', 'CREATE ROLE nobody LOGIN');
$steps = steps('unset OSPROFILER_CONNECTION_STRING; export HOME=' . $node->basedir . '/client', "$conninfo user=nobody");
ok($steps->{good}, '... also to an ordinary user') or diag(explain($steps));
like($steps->{arrival}{found}, qr/in the server's own database: `osprofiler run` copies/, '... who is told the same');
reset_setting('osprofiler.connection_string');

# --- a user who may see little ------------------------------------------------

$node->safe_psql('postgres', 'CREATE ROLE plain LOGIN');
$steps = steps(undef, "$conninfo user=plain");
like(qx($agent status --server "$conninfo user=plain" 2>&1), qr/^osprofiler: status: permission denied.* \(it takes a member of pg_read_all_stats\)/, 'an ordinary user sees no counters');
ok($steps->{good}, 'an ordinary user: all is good') or diag(explain($steps));
is($steps->{shipper}{verdict}, 'not tried', 'an ordinary user does not see the shipper');
is($steps->{arrival}{verdict}, 'good', '... but that the statement arrives');

# --- what a service records ---------------------------------------------------

# Neither the least duration nor the sampling of a database misleads: the test statement is
# recorded, and a key that the server lacks is found.
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET osprofiler.min_duration = 300');
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET osprofiler.sample_rate = 1');
for my $user (scalar(getpwuid($<)), 'plain')
{
	my $database = "$conninfo user=$user";
	my $wrong = steps('export OSPROFILER_HMAC_KEYS=ANOTHER_KEY', $database);

	$steps = steps(undef, $database);
	ok($steps->{good}, "slow statements, and samples: all is good ($user)") or diag(explain($steps));
	is($steps->{arrival}{verdict}, 'good', "... the test statement arrives ($user)");
	is($wrong->{server_key}{verdict}, 'wrong', "... a wrong key is found ($user)") or diag(explain($wrong));
	like($wrong->{server_key}{found}, qr/the two sides have different keys/, "... and said ($user)");
}
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET osprofiler.min_duration = 60000');
$steps = steps(undef, "$conninfo user=plain");
ok($steps->{good}, 'very slow statements only: all is good') or diag(explain($steps));
like($steps->{arrival}{found}, qr/record only statements that take 60000 ms/, 'very slow statements only: it is said');
is(steps()->{arrival}{verdict}, 'good', 'very slow statements only: that of a superuser arrives');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET ALL');

# --- sampling -----------------------------------------------------------------

like(steps()->{sampling}{found}, qr/^sample_rate = 0 \(default\), min_duration = -1 \(default\), statement_text = full \(default\): no samples$/,
	'no samples: the settings are said');
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET osprofiler.sample_rate = 1; ALTER ROLE plain SET osprofiler.min_duration = 100');
is(steps(undef, "$conninfo user=plain")->{sampling}{found},
	'sample_rate = 1 (of database postgres), min_duration = 100ms (of role plain), statement_text = full (default)',
	'samples: the settings, and whose they are');
$node->safe_psql('postgres', 'ALTER ROLE plain SET osprofiler.statement_text = normalized');
like(steps(undef, "$conninfo user=plain")->{sampling}{found},
	qr/statement_text = normalized \(of role plain\); programs under 'osprofiler run' record constants, until OSPROFILER_STATEMENT_TEXT is set for them$/,
	'texts without constants: the clients have their own setting');
{
	local $ENV{OSPROFILER_STATEMENT_TEXT} = 'normalized';
	unlike(steps(undef, "$conninfo user=plain")->{sampling}{found}, qr/OSPROFILER_STATEMENT_TEXT/, '... which may be set');
}
$node->safe_psql('postgres', 'ALTER ROLE plain RESET osprofiler.statement_text');
{
	local $ENV{OSPROFILER_HMAC_KEYS};
	local $ENV{HOME} = $node->basedir . '/no_home';
	delete $ENV{OSPROFILER_HMAC_KEYS};
	delete local $ENV{XDG_CONFIG_HOME};
	mkdir $ENV{HOME};
	$steps = steps();
	ok($steps->{good}, 'samples: no key is needed') or diag(explain($steps));
	like($steps->{keys}{found}, qr/^none; not needed for sampling/, '... and that is said');
	is($steps->{server_key}{found}, 'not needed for sampling', '... of the server, too');
	like($steps->{shipper}{found}, qr/^at work, process/, '... the shipper is looked at all the same');
	like($steps->{arrival}{found}, qr/osprofiler trace list --server '/, '... and where the samples are');

	# Nobody who may not see the shipper is told that all is good.
	like(scalar qx($agent doctor "$conninfo user=stranger"), qr/\nNothing is wrong as far as this user may see, which is not whether points are delivered: see shipper\.\n\z/,
		'... an ordinary user is not told that all is good');
	my $pid = $node->safe_psql('postgres', 'SELECT shipper_pid FROM osprofiler.stat');
	kill 'STOP', $pid;
	broken('samples: a shipper that is stopped', 'shipper', qr/^process $pid is stopped/);

	# The program is gone: at once, while its last process is at work, and when points wait.
	my $bytes = sub { $node->safe_psql('postgres', 'SELECT waiting_bytes FROM osprofiler.stat') };
	my $program = $node->basedir . '/program';
	chomp(my $real = qx(sh -c 'command -v $agent'));
	write_file($program, "#!/bin/sh\nexec $real \"\$@\"\n", 0700);
	setting('osprofiler.agent', "'$program'");
	$node->poll_query_until('postgres', "SELECT shipper_pid <> $pid FROM osprofiler.stat") or die 'no other shipper';
	rename $program, "$program.away";
	$step = broken('samples: the program is gone', 'shipper', qr{^process \d+ is at work, and the last one: there is no program \Q$program\E, which osprofiler\.agent names$}, not_mended => 1);
	like($step->{do}, qr/^install it again, the server tries it every 30 seconds; or name another one: /, '... what to do');
	kill 'KILL', $node->safe_psql('postgres', 'SELECT shipper_pid FROM osprofiler.stat');
	$node->poll_query_until('postgres', 'SELECT shipper_pid IS NULL AND waiting_bytes > 0 FROM osprofiler.stat') or die 'a shipper';
	$step = broken('samples: no program, and points wait', 'shipper', qr{^none is at work: there is no program \Q$program\E}, not_mended => 1);
	write_file($program, "#!/bin/sh\nexit 1\n", 0700);
	my $error_is = sub { $node->reload; $node->poll_query_until('postgres', "SELECT last_error ~ '$_[0]' FROM osprofiler.stat") or die "no $_[0]" };
	$error_is->('^the agent ended');
	$step = broken('samples: a program that does not work, and points wait', 'shipper', qr{^none is at work, so operations wait in the server, [1-9]\d* bytes}, not_mended => 1);
	is($step->{do}, "the server's log says why, in lines with 'osprofiler agent:'; the server tries it every 30 seconds", '... what to do');
	chmod 0600, $program;
	$error_is->('^cannot run .*denied');
	$step = broken('samples: a program that may not be run', 'shipper', qr{^none is at work, so operations wait in the server, [^:]*: cannot run "\Q$program\E": Permission denied$}, not_mended => 1);
	like($step->{do}, qr/^make the program executable for the server's user, or name another one in osprofiler\.agent; the server tries it every 30 seconds$/, '... what to do');
	reset_setting('osprofiler.agent');
	$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET ALL');
	$node->poll_query_until('postgres', 'SELECT waiting_bytes = 0 FROM osprofiler.stat') or die 'points wait';
	is(steps()->{keys}{verdict}, 'wrong', 'without samples a key is missing');
}
$node->safe_psql('postgres', 'ALTER ROLE plain RESET ALL');

# A collector without room, and what waits for it.
for my $case (['a full disk', 'ERR No space left on device', qr/^free or enlarge its file system: what waits is delivered then$/],
	['Redis at its maxmemory', "OOM command not allowed when used memory > 'maxmemory'.", qr{^raise Redis's maxmemory, or remove its old traces with 'osprofiler trace prune --older-than 1d': what waits is delivered then \(--connection-string redis://127\.0\.0\.1:\d+ names this collector\)$}])
{
	my ($what, $answer, $do) = @$case;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16, ReuseAddr => 1) or die "listen: $!";
	my $full = fork // die "fork: $!";

	if ($full == 0)
	{
		alarm 120;
		while (my $client = $listener->accept)
		{
			syswrite $client, "-$answer\r\n" x 8 if sysread $client, my $request, 65536;
		}
		POSIX::_exit(0);
	}
	setting('osprofiler.connection_string', "'redis://127.0.0.1:@{[ $listener->sockport ]}'");
	$step = broken($what, 'shipper', qr/^the server's collector does not take what is delivered, \d+ points wait in the spool(?: and \d+ bytes of others in rings)?: .*\Q$answer\E/, not_mended => 1);
	like($step->{do}, $do, '... what to do');
	kill 'KILL', $full;
	waitpid $full, 0;
}
setting('osprofiler.agent', "'/nonexistent'");
$node->poll_query_until('postgres', 'SELECT shipper_pid IS NULL FROM osprofiler.stat') or die 'a shipper';
broken('points in the spool, and no shipper', 'shipper', qr{^none is at work: there is no program /nonexistent}, not_mended => 1);
reset_setting('osprofiler.agent');
reset_setting('osprofiler.connection_string');
$node->poll_query_until('postgres', 'SELECT waiting_bytes = 0 AND spool_points = 0 FROM osprofiler.stat') or die 'points wait';

# Of what the server samples nothing is doctor's own.
{
	my $store = 'sqlite:///' . $node->basedir . '/sampled.db';
	my $marked = sub { scalar(() = qx($agent trace list --json --connection-string $store 2>/dev/null) =~ /marked sample/g) };

	setting('osprofiler.connection_string', "'$store'");
	$node->safe_psql('postgres', 'ALTER DATABASE postgres SET osprofiler.sample_rate = 1');
	for my $user (scalar(getpwuid($<)), 'plain')
	{
		$steps = steps("export OSPROFILER_CONNECTION_STRING=$store", "$conninfo user=$user");
		is($steps->{arrival}{verdict}, 'good', "where the server samples: the test statement ($user)") or diag(explain($steps));
	}
	$node->safe_psql('postgres', "SELECT 1 AS \"marked sample\"");
	for (1 .. 100) { last if $marked->(); select undef, undef, undef, 0.1; }
	my $list = qx($agent trace list --json --connection-string $store);
	is(scalar(() = $list =~ /set_config|pg_catalog|osprofiler doctor/g), 0, '... and no statement of doctor is in the list') or diag($list);
	$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET ALL');
	reset_setting('osprofiler.connection_string');
	$node->poll_query_until('postgres', "SELECT current_setting('osprofiler.connection_string') <> '$store'");
}

# Other roles and databases that are traced otherwise: they are named, and not all is good.
$node->safe_psql('postgres', 'CREATE DATABASE beside');
$node->safe_psql('postgres', "ALTER DATABASE postgres SET osprofiler.sample_rate = 1; ALTER ROLE plain SET osprofiler.sample_rate = 0; "
	  . "ALTER DATABASE beside SET osprofiler.untraced = on; ALTER ROLE nobody SET osprofiler.sample_rate = 1");
like(steps()->{sampling}{found}, qr/; other sessions have untraced = on \(of DATABASE beside\), sample_rate = 0 \(of ROLE plain\)$/,
	'settings of others: they are named');
unlike(steps(undef, "$conninfo user=plain")->{sampling}{found}, qr/ROLE plain/, '... and not to the role itself');
like(steps(undef, "$conninfo user=plain")->{sampling}{found}, qr/sample_rate = 1 \(of DATABASE postgres\), sample_rate = 1 \(of ROLE nobody\)$/, '... but those of others');
like(scalar qx($agent doctor "$conninfo" 2>&1), qr/\nAll is good for sessions such as this one; others are traced differently, or not at all: see sampling\.\n\z/,
	'... and the last line says it');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET ALL; ALTER ROLE plain RESET ALL; ALTER ROLE nobody RESET ALL');
$node->safe_psql('postgres', 'DROP DATABASE beside');
like(scalar qx($agent doctor "$conninfo" 2>&1), qr/\nAll is good\.\n\z/, '... without them all is good');

# --- settings of roles and databases -------------------------------------------

# A role or a database that preloads something else is found, named and mended.
for my $who ('ROLE plain', 'DATABASE postgres', 'ROLE plain IN DATABASE postgres')
{
	$node->safe_psql('postgres', "ALTER $who SET session_preload_libraries = 'auto_explain', 'passwordcheck'");
	like(steps()->{module}{found}, qr/; sessions of \Q$who\E are not traced/, "$who preloads something else: others are told")
	  if $who =~ /ROLE/;
	$step = broken("$who preloads something else", 'module', qr/: session_preload_libraries of \Q$who\E does not name osprofiler/,
		database => "$conninfo user=plain");
	like($step->{type}, qr/ALTER \Q$who\E SET/, "$who preloads something else: what to type names it");
	like($node->safe_psql('postgres', 'SELECT setconfig FROM pg_db_role_setting'), qr/auto_explain, *passwordcheck, *osprofiler/,
		"$who preloads something else: that stays");
	like(steps(undef, "$conninfo user=plain")->{module}{found}, qr/loaded by session_preload_libraries of \Q$who\E/,
		"$who preloads it: that is said");
	$node->safe_psql('postgres', "ALTER $who RESET session_preload_libraries");
}

# What is typed has roles that load something else traced, and leaves what they load.
$node->safe_psql('postgres', "ALTER ROLE plain SET session_preload_libraries = 'auto_explain', 'passwordcheck'; "
	  . "ALTER ROLE nobody IN DATABASE postgres SET session_preload_libraries = ''");
{
	my $out = qx($agent doctor --fix "$conninfo" 2>&1);
	unlike($out, qr/^\$ /m, 'roles that preload something else: --fix leaves them');
	like($out, qr/\nAll is good for sessions such as this one; others are traced differently, or not at all: see module\.\n\z/, '... but not all is good');
	my $module = steps()->{module};
	is($module->{verdict}, 'good', '... for this session it is');
	like($module->{do}, qr/to have these traced, too, as a superuser:$/, '... what to do');
	is(system("{ $module->{type}; } >/dev/null"), 0, '... and to type');
	unlike(steps()->{module}{found}, qr/not traced/, '... after which they are traced');
	like($node->safe_psql('postgres', 'SELECT current_user, count(*) FROM pg_settings WHERE name = \'osprofiler.enabled\' AND vartype = \'bool\'', extra_params => [ '-U', $_ ]),
		qr/\|1$/, "... $_") for qw(plain nobody);
	is($node->safe_psql('postgres', q{SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'plain'::regrole}),
		'{"session_preload_libraries=auto_explain, passwordcheck, osprofiler"}', '... with what it had');
	$node->safe_psql('postgres', 'ALTER ROLE plain RESET ALL; ALTER ROLE nobody IN DATABASE postgres RESET ALL');
}

# One role alone loads it, as docs/python.md has it.
$node->append_conf('postgresql.conf', "session_preload_libraries = ''");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('session_preload_libraries') = ''");
$node->safe_psql('postgres', "ALTER ROLE plain SET session_preload_libraries = 'osprofiler'");
$steps = steps();
ok($steps->{good}, 'one role alone loads it: all is good') or diag(explain($steps));
like($steps->{module}{found}, qr/session_preload_libraries of ROLE plain loads it/, '... and it is said which');
$step = broken('another role alone loads it', 'module', qr/has not loaded it: neither/, database => "$conninfo user=nobody");
like($step->{type}, qr/ALTER ROLE nobody SET/, 'another role alone loads it: what to type');
$node->safe_psql('postgres', 'DROP EXTENSION osprofiler');
$steps = steps(undef, "$conninfo user=plain");
ok($steps->{good}, 'one role alone loads it: it needs no extension') or diag(explain($steps));
like($steps->{extension}{found}, qr/traced without it/, '... and that is said');
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler; ALTER ROLE plain RESET ALL; ALTER ROLE nobody RESET ALL');
$node->append_conf('postgresql.conf', "session_preload_libraries = 'osprofiler'");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('osprofiler.enabled', true) = 'on'");

# --- the server itself --------------------------------------------------------

my %advice = (
	'no such database' => [$node->connstr('nosuch'), qr/database "nosuch" does not exist/, qr/\Aname a database that is there \('psql -l' lists them\): postgres$/],
	'no such user' => ["$conninfo user=nosuch", qr/role "nosuch" does not exist/, qr/as a user whom the server lets in/],
	'no server' => ['host=127.0.0.1 port=1', qr/Connection refused/, qr/start the server/],
	'words that libpq cannot read' => ['host=h password=hun hunter2', qr/\Alibpq does not understand this connection string/, qr/\Acorrect it/],
	'another port' => ['dbname=postgres port=1 host=' . $node->host, qr/No such file or directory \(servers there: port=\d+\)/,
		qr/^type osprofiler doctor 'port=\d+ dbname=postgres host=\S+', or start the server/],
	'no socket' => ['host=/none', qr/No such file or directory/, qr/start the server/],
	'a password is needed' => ["$conninfo user=secretive", qr/no password supplied/, qr/\.pgpass/],
	'a role without a user of this host' => ["$conninfo user=peered", qr/FATAL:  Peer authentication failed for user "peered"$/,
		qr/in ~\/\.pgpass or PGPASSWORD\): osprofiler doctor 'host=localhost user=peered dbname=postgres port=\d+'; or leave user=\.\.\. out: called by a superuser, this says which roles have settings of their own$/],
	'a server with too many sessions' => ["$conninfo user=crowded", qr/too many connections for role "crowded"$/, qr/\Aend sessions, or raise that limit$/],
	'a user who is let in nowhere' => ["$conninfo user=rejected", qr/pg_hba\.conf rejects/, qr/as a user whom the server lets in/]);
$node->safe_psql('postgres', q{CREATE ROLE secretive LOGIN PASSWORD 'x'; CREATE ROLE rejected LOGIN; CREATE ROLE peered LOGIN; CREATE ROLE crowded LOGIN CONNECTION LIMIT 0});
my $hba = slurp_file($node->data_dir . '/pg_hba.conf');
write_file($node->data_dir . '/pg_hba.conf', "local all secretive scram-sha-256\nlocal all rejected reject\nlocal all peered peer\n$hba", 0600);
$node->reload;
$node->poll_query_until('postgres', 'SELECT count(*) > 1 FROM pg_hba_file_rules WHERE auth_method IN (\'reject\', \'scram-sha-256\')');
# Another server beside this one is named only where none answers.
my $beside = IO::Socket::UNIX->new(Local => $node->host . '/.s.PGSQL.1234', Listen => 1) or die "socket: $!";
$advice{'another port'}[2] = qr/^type osprofiler doctor 'port=1234 dbname=postgres host=\S+', or osprofiler doctor 'port=\d+ dbname=postgres host=\S+', or start the server$/;
$advice{'another port'}[1] = qr/No such file or directory \(servers there: port=1234, port=\d+\)$/;
for my $what (sort keys %advice)
{
	my ($database, $found, $do) = @{ $advice{$what} };
	$step = broken($what, 'server', $found, database => $database, not_mended => 1);
	like($step->{do}, $do, "$what: what to do");
}
close $beside;
unlink $node->host . '/.s.PGSQL.1234';
my ($other) = $advice{'another port'}[0];
my $port = $node->port;
like(scalar qx($agent doctor --fix "$other" 2>&1), qr/do: type osprofiler doctor --fix 'port=$port .*', or start.*; --fix executes no command before the server answers$/m,
	'another port: --fix says what it did not do');
like(scalar qx($agent trace list --server "$other" 2>&1), qr/ \(servers there: port=$port\)$/m, 'another port: other commands name it, too');
is(steps(undef, $node->connstr('nosuch'))->{module}{found}, 'it needs: server',
	'what needs the server is not tried');
$node->append_conf('postgresql.conf', "session_preload_libraries = 'osprofiler_gone'");
$node->reload;
sleep 1;
broken("the server's library is gone", 'server', qr/could not access file/, not_mended => 1);

$node->stop;
done_testing();
