#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# usage.t
#	  Help, version, wrong calls.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

my @commands = (
	['trace', 'show'],
	['trace', 'list'],
	['trace', 'check'],
	['trace', 'delete'],
	['trace', 'prune'],
	['context', 'new'],
	['context', 'show'],
	['status'],
	['run'],
	['doctor'],
	['web'],
	['agent']);

like(run_ok('-v'), qr/\Aosprofiler \d+\.\d+\.\d+\n\z/, 'version');
is(run_ok('--version'), run_ok('-v'), 'long name of the version');
is(run_ok('version'), run_ok('-v'), 'a word for the version');
usage_error(qr/unexpected argument 'x'/, $_, 'x') foreach '--version', '-v';

# A run directory that is not there: nothing is delivered, and nothing made.
{
	my @agent = ('agent', '--once', '--run-directory', "$dir/typo", '--connection-string', "file://$dir/none");
	my ($status, $out, $err) = run_cli(@agent);
	is($status, 0, 'nothing to deliver');
	is($out . $err, "osprofiler agent: nothing to deliver: there is no directory $dir/typo\n", '... it is said');
	ok(!-e "$dir/typo", '... and no directory made');
}

# A file of something else is no collector without traces.
{
	my $other = write_file("$dir/other", "root:x:0:0\n\n{}\n");
	one_error(qr/cannot list the traces of file:.*other: file: none of its lines is a point/,
		'trace', 'list', '--connection-string', "file://$other");
	my ($status, undef, $err) = run_cli('trace', 'list', '--connection-string', 'file://' . write_file("$dir/empty", ''));
	is("$status$err", '0', 'an empty file is');
}

my $help = run_ok('-h');
is(run_ok('--help'), $help, 'long name of the help');
is(run_ok('trace', $_), $help, "trace $_: help of a group") foreach '-h', '--help', 'help';
is(run_ok('help', 'trace'), $help, 'help trace');
for my $command (@commands)
{
	my $name = join ' ', @$command;

	like($help, qr/^  $name +\w/m, "the help names $name");
	for my $option ('-h', '--help')
	{
		like(run_ok(@$command, $option), qr/\AUsage: osprofiler $name\b/,
			"help of $name");
	}
	usage_error(qr/$name: unknown or ambiguous option '--wrong'/,
		@$command, '--wrong');
	usage_error(qr/$name: unknown option '-Q'/, @$command, '-Q');
}

usage_error(qr/a command is missing \(see 'osprofiler --help'\)/);
usage_error(qr/no command 'tracer'/, 'tracer');
usage_error(qr/after 'trace' comes one of: show, explain, diff, export, list, check, delete, prune/, 'trace');
usage_error(qr/no command 'trace sho';.*show, explain, diff, export, list, check, delete, prune/, 'trace', 'sho');
usage_error(qr/after 'context' comes one of: new, show/, 'context');
usage_error(qr/unknown option '--verbose'/, '--verbose');
usage_error(qr/no command 'a\\x0ab\\x1b'/, "a\nb\x1b");

usage_error(qr/the trace is missing/, 'trace', 'show');
usage_error(qr/the trace is missing/, 'trace', 'check');
usage_error(qr/the trace is missing/, 'trace', 'delete');
usage_error(qr/--older-than is missing/, 'trace', 'prune');
usage_error(qr/unexpected argument 'a'/, 'trace', 'prune', '--older-than', '7d', 'a');
usage_error(qr/--older-than must be a time such as/, 'trace', 'prune',
	'--older-than', $_) for 'a', '-7d', '', '200000d', '7 d';
usage_error(qr/the trace must not be empty/, 'trace', 'show', '');
usage_error(qr/unexpected argument 'b'/, 'trace', 'show', 'a', 'b');
usage_error(qr/unexpected argument 'a'/, 'trace', 'list', 'a');
usage_error(qr/unexpected argument 'a'/, 'status', 'a');
usage_error(qr/unexpected argument 'a'/, 'context', 'new', 'a');
usage_error(qr/unexpected argument 'a'/, 'context', 'show', 'a');
usage_error(qr/'--json' takes no value|'--json=1' takes no value/,
	'status', '--json=1');
usage_error(qr/--json, --html, --dot and --text exclude/,
	'trace', 'show', '--json', '--text', 'a');

for my $command (['show'], ['list'], ['check'])
{
	usage_error(qr/option '--connection-string' needs a value/,
		'trace', @$command, '--connection-string');
}
usage_error(qr/option '--out' needs a value/, 'trace', 'show', '--out');

one_error(qr/standard output: No space left on device/,
	'-h', { stdout => '/dev/full' });
one_error(qr/standard output: Bad file descriptor/, '-h', { closed => 1 });

# --- natural mistakes: one line each, with what to do --------------------------

# A collector that has a trace.
my %stored = (OSPROFILER_CONNECTION_STRING =>
	  write_points("$dir/stored", point('x-start', '11111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', '2', '2026-01-01T00:00:00.000000')));

# A line of the shell, and what it must say; with the variables of its set-up.
my @mistakes = (
	# the command line
	['show', qr/did you mean 'trace show'\?/],
	['stauts', qr/did you mean 'status'\?/],
	['trace', qr/after 'trace' comes one of:/],
	['trace shw', qr/no command 'trace shw'; did you mean 'trace show'\? There are: show, explain/],
	['trace shwo last', qr/did you mean 'trace show'\?/],
	['help trace shw', qr/did you mean 'trace show'\?/],
	['--json trace lst', qr/did you mean 'trace list'\?/],
	['trce list', qr/no command 'trce'; did you mean 'trace list'\?/],
	['trac', qr/no command 'trac'; did you mean 'trace'\?/],
	['contxt new', qr/did you mean 'context new'\?/],
	['context mew', qr/did you mean 'context new'\?/],
	['docter', qr/did you mean 'doctor'\?/],
	['trace frobnicate', qr/no command 'trace frobnicate'; after 'trace' comes one of:/],
	['help me', qr/no command 'me' \(see/],
	['frobnicate', qr/no command 'frobnicate' \(see/],
	['trace show', qr/the trace is missing/],
	['trace show nosuch', qr/nothing was stored there yet; 'osprofiler doctor' tries it/],
	['trace show nosuch/file', qr{cannot open 'nosuch/file': No such file}],
	['trace explain', qr/the trace is missing/],
	['trace list extra', qr/unexpected argument 'extra'/],
	['trace prune', qr/--older-than is missing/],
	['trace prune --older-than week', qr/must be a time such as/],
	['help nosuch', qr/no command 'nosuch'/],
	['trace explan last', qr/did you mean 'trace explain'\?/],
	# options
	['trace show --htlm last', qr/unknown or ambiguous option '--htlm'; did you mean '--html'\?/],
	['trace show --jsn=1 last', qr/did you mean '--json'\?/],
	['trace list --limt 3', qr/did you mean '--limit'\?/],
	['trace list --min_duration 3s', qr/did you mean '--min-duration'\?/],
	['run --quite true', qr/did you mean '--quiet'\? \(options of the command stand behind it/],
	['doctor --unifx', qr/did you mean '--unfix'\?/],
	['trace show --xyzzy last', qr/unknown or ambiguous option '--xyzzy' \(see/],
	(map { ["trace show $_->[0] last", qr/unknown option '$_->[0]'; did you mean '--$_->[1]'\?/] }
	  ['-html', 'html'], ['-htlm', 'html'], ['-json', 'json'], ['-hlep', 'help'], ['-out=x', 'out']),
	['trace show last -html', qr/unknown option '-html'; did you mean '--html'\?/],
	['status -help', qr/unknown option '-help'; did you mean '--help'\?/],
	['run -quiet true', qr/unknown option '-quiet'; did you mean '--quiet'\?/],
	['run -hx true', qr/unknown option '-hx' \(options of the command/],
	['--jsno trace list', qr/unknown option '--jsno'; did you mean '--json'\?/],
	['-help', qr/unknown option '-help'; did you mean '--help'\?/],
	['--versoin', qr/did you mean '--version'\?/],
	# the beginning of an id
	(map { ["trace show $_", qr/no trace '$_' in .*'osprofiler trace list' shows .*give the whole id, its first 8 characters, or 'last'/, %stored] }
	  '0e197f2', '0', 'abc'),
	# a program to trace
	(map { ["run -- $_->[0]", qr/cannot run '[^']+': $_->[1]/, cwd => "$dir/scripts"] }
	  ['stock.py', 'No such file or directory; did you mean python3 stock\.py\?'],
	  ['ready.py', 'No such file or directory; did you mean \./ready\.py, or python3 ready\.py\?'],
	  ['ready', 'No such file or directory; did you mean \./ready\?'],
	  ['"two words.pl"', q{No such file or directory; did you mean perl 'two words\.pl'\?}],
	  ['./stock.py', 'Permission denied; it is not executable: chmod \+x \./stock\.py, or osprofiler run -- python3 \./stock\.py'],
	  ['./data', 'Permission denied; it is not executable: chmod \+x \./data\n'],
	  ['./folder', 'Permission denied; it is a directory'],
	  ['folder', 'No such file or directory\n'],
	  ['./lost', 'No such file or directory; the interpreter that it names is not there'],
	  ['./none.py', 'No such file or directory\n'],
	  ['"sqlite3 app.db"', 'No such file or directory; without the quotes: osprofiler run -- sqlite3 app\.db']),
	['--verbose status', qr/unknown option '--verbose'/],
	['trace show last', qr/there is no trace of the last run: it could not start 'sqlite3 app\.db': \S.* \(nothing was stored there yet; 'osprofiler doctor' tries it\)/],
	['trace list --since yesterday', qr/must be a date, a date and a time \(UTC\), or a time before now such as 15m/],
	['trace show --wait long id', qr/must be a time such as 30s/],
	['sqlite3 app.db', qr/no command 'sqlite3'; to trace the program of this name: osprofiler run -- sqlite3/],
	['/tmp', qr{no command '/tmp' \(see}],
	["$dir/mine", qr{no command '\Q$dir\E/mine' \(see}],
	['directory', qr{no command 'directory' \(see}, PATH => "$dir:$ENV{PATH}"],
	['/bin/true', qr{to trace the program of this name: osprofiler run -- /bin/true}],
	# run
	['run', qr/a command to run is missing/],
	['run --hmac-key', qr/needs a value/],
	["run --hmac-key '' true", qr/--hmac-key is one key, not empty/],
	['run -c true', qr/unknown option '-c' \(options of the command stand behind it: osprofiler run \[OPTIONS\] COMMAND/],
	['run --version', qr/unknown or ambiguous option '--version' \(options of the command stand behind it/],
	['run nosuch', qr/cannot run 'nosuch': No such file/],
	['run false --quiet', qr/exit status 1, so there is no trace \('--quiet' went to the command; options of 'osprofiler run' stand before it\)/],
	['run true', qr/no operation was seen, so there is no trace\. Programs that are statically linked/],
	['run echo hi', qr/run: no operation was seen, so there is no trace\. .*; a command that uses no database has no operations$/],
	['run sqlite3 :memory: "select 1"', qr/the collector redis:\/\/127\.0\.0\.1:1 cannot be reached now \(.*refused\); the trace waits for it in the run directory/,
		OSPROFILER_CONNECTION_STRING => 'redis://127.0.0.1:1', OSPROFILER_RUN_DIR => "$dir/own.run", lines => 6],
	['run -q sqlite3 :memory: "select 1"', qr{cannot be reached now \(Connection refused\); .*\n.*not everything was delivered to redis://127\.0\.0\.1:1 \(Connection refused\); the next 'osprofiler run' delivers the rest; to deliver it earlier, run: osprofiler agent},
		OSPROFILER_CONNECTION_STRING => 'redis://127.0.0.1:1', OSPROFILER_RUN_DIR => "$dir/own.run", lines => 2],
	['run sqlite3 :memory: "select 1"', qr{\Aosprofiler: run: the collector sqlite:////dev/null/x/traces\.db cannot be written to; the trace waits for it in the run directory\n},
		OSPROFILER_CONNECTION_STRING => 'sqlite:////dev/null/x/traces.db', OSPROFILER_RUN_DIR => "$dir/own.run", lines => 6],
	# a home directory that is missing, and is made: nothing is wrong
	['run sqlite3 :memory: "select 1"', qr{\Aosprofiler: run: 1 statement of SQLite\nTrace ID: },
		HOME => "$dir/new.home", XDG_STATE_HOME => '', OSPROFILER_CONNECTION_STRING => '', OSPROFILER_RUN_DIR => "$dir/new.run", lines => 3],
	['run --hmac-key a,b true', qr/--hmac-key is one key/],
	['run true', qr/No such file/, OSPROFILER_HMAC_KEYS_FILE => "$dir/no.keys"],
	['run true', qr{run: there is no key in \Q$dir\E/empty\.keys$}, OSPROFILER_HMAC_KEYS_FILE => "$dir/empty.keys"],
	['run -- --follow true', qr/cannot run '--follow'/],
	# collectors
	['trace list --connection-string redis', qr/must begin with SCHEME:/],
	['trace list --connection-string reddis://localhost', qr/no driver for reddis:\/\/ \(there are: .*redis/],
	['trace list --connection-string sqlite:', qr/must begin with SCHEME:/],
	['trace list --connection-string sqlite:////nosuch/traces.db', qr/nosuch/],
	['trace list --connection-string redis://127.0.0.1:1', qr/refused/],
	(map { [$_, qr{cannot (?:read|list|remove)[a-z ]* redis://:\*\*\*\@127\.0\.0\.1:1: Connection refused; start it, or name another collector with --connection-string\n},
		OSPROFILER_CONNECTION_STRING => 'redis://:secret@127.0.0.1:1', lines => 1] }
	  'trace list', 'trace show last', 'trace show 11111111', 'trace show 11111111-1111-4111-8111-111111111111',
	  'trace explain last', 'trace prune --older-than 7d'),
	['trace list', qr{cannot list the traces of elasticsearch://u:\*\*\*\@127\.0\.0\.1:1/x: Failed to connect .*; start it, or name},
		OSPROFILER_CONNECTION_STRING => 'elasticsearch://u:secret@127.0.0.1:1/x', lines => 1],
	['trace list --connection-string a:// --connection-string b://', qr/given twice/],
	['trace list', qr/cannot open \S*none\.db: No such file or directory \(nothing was stored there yet; 'osprofiler doctor' tries it\)/, OSPROFILER_CONNECTION_STRING => "sqlite:///$dir/none.db"],
	['trace list', qr/nothing was stored there yet/, OSPROFILER_CONNECTION_STRING => ''],
	(map { [$_, qr/nothing was stored there yet; .*so trace a program first \(osprofiler run -- PROGRAM\)\n/, OSPROFILER_CONNECTION_STRING => "sqlite:///$dir/none.db"] }
	  'trace list', 'trace show last', 'trace explain 11111111', 'trace delete 11111111-1111-4111-8111-111111111111', 'trace prune --older-than 7d'),
	['trace list', qr/nothing was stored there yet/, OSPROFILER_SERVICE => ''],
	['trace list --connection-string sqlite:///relative.db', qr{cannot open /\S*/relative\.db}],
	['trace list', qr/there is no driver for nosuch/, OSPROFILER_CONNECTION_STRING => 'nosuch://x'],
	['agent --once --connection-string sqlite:///relative.db', qr/with four slashes it is absolute/],
	['agent --once --spool-limit huge', qr/spool-limit/],
	# keys and contexts
	['context new', qr/OSPROFILER_HMAC_KEYS/],
	['context new', qr/others/, OSPROFILER_HMAC_KEYS_FILE => "$dir/open.keys"],
	['context new', qr/No such file/, OSPROFILER_HMAC_KEYS_FILE => "$dir/no.keys"],
	['context show', qr/trace|context/, OSPROFILER_HMAC_KEYS => 'k'],
	['context new --format nosuch', qr/--format/, OSPROFILER_HMAC_KEYS => 'k'],
	# configuration
	['trace list', qr/ring_size is "huge", but must be a size/, OSPROFILER_CONF => "$dir/bad.conf"],
	['trace list', qr/No such file/, OSPROFILER_CONF => "$dir/no.conf"],
	['run true', qr/there is no setting 'conection_string'; did you mean 'connection_string'\?/,
		OSPROFILER_CONF => "$dir/typo.conf"],
	['run true', qr/the variable OSPROFILER_HMAC_KEY means nothing; did you mean OSPROFILER_HMAC_KEYS\?/,
		OSPROFILER_HMAC_KEY => 'k'],
	# the run directory
	['status', qr/there is no run directory '.*' \(another one is named by --run-directory\)/, OSPROFILER_RUN_DIR => "$dir/no.run"],
	['status', qr/not an absolute path/, OSPROFILER_RUN_DIR => 'relative'],
	['status', qr/others have access to it \(chmod 700 it\)/, OSPROFILER_RUN_DIR => "$dir/open.run"],
	['run true', qr/others have access to it \(chmod 700 it\)/, OSPROFILER_RUN_DIR => "$dir/open.run"],
	['run true', qr/run directory.*OSPROFILER_RUN_DIR/, OSPROFILER_RUN_DIR => '/proc/none'],
	['agent --once', qr/others have access to it \(chmod 700 it\)/, OSPROFILER_RUN_DIR => "$dir/open.run"],
	['status', qr{there is no run directory '\Q$dir\E/no\.xdg/osprofiler' \(another one is named by --run-directory\)}, OSPROFILER_RUN_DIR => '', XDG_RUNTIME_DIR => "$dir/no.xdg"],
	['run true', qr/run directory.*; OSPROFILER_RUN_DIR names another one/, OSPROFILER_RUN_DIR => '', XDG_RUNTIME_DIR => '/proc/none'],
	# directories of another user, as with sudo
	['run true', qr/closed\.run: Permission denied; OSPROFILER_RUN_DIR names another one/, uid => 54321,
		OSPROFILER_RUN_DIR => "$dir/closed.run"],
	['trace list', qr/Permission denied/, uid => 54321, OSPROFILER_CONNECTION_STRING => "sqlite:///$dir/closed.state/traces.db"],
	# no home directory
	['trace list', qr/there is no home directory for the default one; set OSPROFILER_CONNECTION_STRING/,
		HOME => '', XDG_STATE_HOME => '', uid => 54321],
	# servers
	["doctor a b", qr/stands in quotes/],
	["status --server host=$dir", qr/No such file or directory/],
	["trace show --server host=$dir 11111111-1111-4111-8111-111111111111", qr/No such file or directory/],
);

mkdir "$dir/directory";
mkdir "$dir/$_" for qw(scripts scripts/folder);
write_file("$dir/scripts/$_", "#!/none/interpreter\n") for 'stock.py', 'ready.py', 'ready', 'two words.pl', 'data', 'lost';
chmod 0755, map { "$dir/scripts/$_" } qw(ready.py ready lost);
write_file("$dir/mine", "not executable\n");
write_file("$dir/open.keys", "k\n");
write_file("$dir/empty.keys", "# none\n");
chmod 0600, "$dir/empty.keys";
chmod 0644, "$dir/open.keys";
write_file("$dir/bad.conf", "[profiler]\nring_size = huge\n");
write_file("$dir/typo.conf", "[profiler]\nconection_string = x\n");
mkdir "$dir/closed.$_", 0 for 'run', 'state';
mkdir "$dir/open.run";
chmod 0755, $dir, "$dir/open.run";
$ENV{OSPROFILER_HOOK_PATH} = "$build/client_hooks:$build/sqlite_osprofiler";
for my $mistake (@mistakes)
{
	my ($line, $pattern, %variables) = @$mistake;
	my $uid = delete $variables{uid};
	my $lines = delete $variables{lines};
	my $cwd = delete $variables{cwd} // '.';
	local @ENV{ keys %variables } = values %variables;
	my $name = join ' ', (map { "$_=$variables{$_}" } sort keys %variables), $line;

	# What is closed to everybody is so to all users but root. One without a home has a
	# number that no user has.
	my $as = !defined $uid ? '' : $> == 0 ? "setpriv --reuid $uid --clear-groups"
	  : exists $variables{HOME} ? "unshare --user --map-user=$uid" : '';
	my $err = qx(cd $cwd && $as $build/bin/osprofiler $line 2>&1 >/dev/null);

	like($err, $pattern, "$name: what to do");
	my $beginnings = defined $lines ? 'osprofiler[a-z ]*: |Trace ID: |Display trace ' : 'osprofiler[a-z ]*: ';
	$lines //= 2;
	like($err, qr/\A(?:(?:$beginnings)[^\n]+\n){1,$lines}\z/, "$name: in a line");
}

done_testing();
