# SPDX-License-Identifier: Apache-2.0

# osprofiler doctor --unfix: takes back what --fix did in a server, says what it leaves,
# and keeps nobody out; after it no session needs the library.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use IO::Socket::UNIX;
use IPC::Run;
use JSON::PP;
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $agent = $ENV{OSPROFILER_TEST_AGENT} || 'osprofiler';
my $node = new_node('unfix');
my $home = $node->basedir . '/new user';
my $auto = $node->data_dir . '/postgresql.auto.conf';

$node->append_conf('postgresql.conf', "session_preload_libraries = 'auto_explain'\nosprofiler.hmac_keys_file = ''");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE plain LOGIN; CREATE DATABASE other');
mkdir $home, 0700;
$ENV{OSPROFILER_RUN_DIR} = "$home/run";
$ENV{OSPROFILER_CONNECTION_STRING} = 'file://' . trace_file($node);
$ENV{XDG_CONFIG_HOME} = $home;
my $conninfo = $node->connstr('postgres');

# Status and text of doctor: stderr with the commands, then the report.
sub doctor
{
	my ($what, $database) = @_;
	my $out = qx(cd /; $agent doctor $what "@{[ $database // $conninfo ]}" 2>&1);
	return ($? >> 8, $out);
}

# The steps of --unfix by name. The commands that it executes go to $said.
my $said;

sub unfix
{
	my $out = qx(cd /; $agent doctor --unfix --json "$conninfo" 2>"$home/said");
	my $report = eval { decode_json($out) } // { steps => [] };

	$said = slurp_file("$home/said");
	return { good => $report->{good}, map { ($_->{name} => $_) } @{ $report->{steps} } };
}

sub verdicts
{
	my ($steps) = @_;
	return join ' ', map { "$_=$steps->{$_}{verdict}" } grep { ref $steps->{$_} eq 'HASH' && $steps->{$_}{verdict} ne 'good' } sort keys %$steps;
}

# --- what --fix did -----------------------------------------------------------

# A program that connected before is not traced until it connects again.
my ($in, $reply, $timer) = ('', '', IPC::Run::timeout(60));
my $early = IPC::Run::start([ 'psql', '-XAtq', '-d', "$conninfo application_name=shop-web" ], '<', \$in, '>', \$reply, $timer);
$in = "SELECT 'pid ' || pg_backend_pid();\n";
$early->pump until $reply =~ /pid (\d+)\n/;
my ($early_pid) = $reply =~ /pid (\d+)/;
my ($status, $out) = doctor('--fix');
is($status, 0, '--fix') or diag($out);
like($out, qr/^good +module .*\n +do: 1 session has not loaded it: shop-web, user \S+, process $early_pid: restart it$/m, '--fix: a session from before');
$early->kill_kill;
$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $early_pid)");
(undef, $out) = doctor('');
unlike($out, qr/not loaded it/, '... and none when it has ended');
{
	local $ENV{PGOPTIONS} = '-c session_preload_libraries=';
	($in, $reply) = ('', '');
	my $nameless = IPC::Run::start([ 'psql', '-XAtq', '-d', $conninfo ], '<', \$in, '>', \$reply, $timer);
	$in = "SET application_name = ''; SELECT 'pid ' || pg_backend_pid();\n";
	$nameless->pump until $reply =~ /pid (\d+)\n/;
	my ($nameless_pid) = $reply =~ /pid (\d+)/;
	delete $ENV{PGOPTIONS};
	(undef, $out) = doctor('');
	like($out, qr/ has not loaded it: no application_name, user \S+, process $nameless_pid: restart it$/m, '... one without an application_name');
	$nameless->kill_kill;
	$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $nameless_pid)");
}
is($node->safe_psql('postgres', 'SHOW session_preload_libraries'), 'auto_explain, osprofiler', '--fix: the setting');

# A program that goes on, with the library in its session.
($in, $reply) = ('', '');
my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', $conninfo ], '<', \$in, '>', \$reply, $timer);
$in = "SELECT 'pid ' || pg_backend_pid();\n";
$psql->pump until $reply =~ /pid (\d+)\n/;
my ($pid) = $reply =~ /pid (\d+)/;

my ($plain, $plain_out) = doctor('--unfix', "$conninfo user=plain");
is($plain, 1, 'an ordinary user: it fails');
like($plain_out, qr/a session of this user loads the module/, '... and says why');
like($plain_out, qr/as a superuser|the server's user/, '... and who can');
is($node->safe_psql('postgres', 'SHOW session_preload_libraries'), 'auto_explain, osprofiler', '... and changes nothing');

my $steps = unfix();
is(verdicts($steps), 'undo_open_sessions=wrong undo_shipper=not tried', '--unfix: only an open session is left') or diag(explain($steps), $said);
is(scalar(() = $said =~ /^\$ /mg), 3, '--unfix: says each command: preloading, extension, settings') or diag($said);
like($said, qr/\A\$ psql [^\n]*ALTER SYSTEM RESET session_preload_libraries.*\n\$ psql [^\n]*DROP EXTENSION osprofiler.*\n\$ psql [^\n]*RESET osprofiler\.hmac_keys_file/s, '--unfix: in this order');
is($node->safe_psql('postgres', 'SHOW session_preload_libraries'), 'auto_explain', '--unfix: the library that was there stays');
unlike(slurp_file($auto), qr/osprofiler/, '--unfix: nothing is left of ALTER SYSTEM');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_proc WHERE prosrc ~ '^pgosp_'}), 0, '--unfix: nor of the extension');
like($steps->{undo_open_sessions}{found}, qr/^1 has the module loaded until it ends: 252_unfix.pl, user \S+, process $pid$/, 'an open session: whose it is');
like($steps->{undo_open_sessions}{type}, qr/pg_catalog\.pg_terminate_backend\(p\) FROM pg_catalog\.unnest\(ARRAY\[.*\b$pid\b.*\]\)/, 'an open session: the command that ends it');
is(kill(0, $pid), 1, '... which is not executed');
ok(!$steps->{good}, '... and not all is good');
for my $file ("$home/osprofiler/hmac_keys", $node->data_dir . '/osprofiler.keys')
{
	ok(-s $file, "keys stay: $file");
	like($steps->{undo_rest}{found}, qr/\Q$file\E/, '... and it is said where');
}

{
	rename "$home/osprofiler/hmac_keys", "$home/osprofiler/other";
	my $rest = unfix()->{undo_rest}{found};
	unlike($rest, qr/\Q$home\E\/osprofiler\/hmac_keys/, 'a file that is not there does not stay');
	my ($files) = $rest =~ /traces: (.*?)(?:, osprofiler\.\S+ (?:in|of) .*?)?; traces in (.*)\z/;
	is($2, "$ENV{OSPROFILER_CONNECTION_STRING} and in other collectors, such as Redis, stay there", 'so do traces in other collectors');
	ok(-e ($_ =~ s{^(?:here |of other users |sqlite://|in the server )*}{}r), "... but this: $_") for grep { !/^none/ } split /[,;] /, $files;
	rename "$home/osprofiler/other", "$home/osprofiler/hmac_keys";
}

# What it says to type is enough.
is(system("{ $steps->{undo_open_sessions}{type}; } >/dev/null"), 0, 'the session is ended');
$psql->kill_kill;
($status, $out) = doctor('--unfix');
is($status, 0, 'then all is good') or diag($out);
like($out, qr/^good +shipper +none is at work$/m, 'no shipper is at work');
like($out, qr/\nAll is good, the library may be removed\.\n\z/, '... and the library may go');
my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
{
	# Another server of the host may need it.
	my $beside = IO::Socket::UNIX->new(Local => $node->host . '/.s.PGSQL.1234', Listen => 1) or die "socket: $!";
	($status, $out) = doctor('--unfix');
	is($status, 0, 'another server beside this one') or diag($out);
	like($out, qr/^good +what stays .*; other servers of this host, which may load the library: port=1234$/m, '... is named');
	like($out, qr/\nAll is good, this server does not need the library\. Others of this host may, and tell by 'osprofiler doctor --unfix': port=1234\.\n\z/,
		'... and nothing says that the library may go');
	close $beside;
	unlink $node->host . '/.s.PGSQL.1234';
}
is(system("pgrep -P $postmaster -f 'osprofiler shipper' >/dev/null") >> 8, 1, 'the shipper has ended');
$steps = unfix();
is($said, '', 'again: nothing is typed');
ok($steps->{good}, 'again: all is good') or diag(explain($steps));
($status, $out) = doctor('--unfix', "$conninfo user=plain");
is($status, 3, 'an ordinary user: nothing is wrong any more, but most was not tried') or diag($out);
unlike($out, qr/All is good|^wrong/m, '... so not all is good');
like($out, qr/^\d+ of 10 steps were not tried: it is not known whether the library may be removed\.\n\z/m, '... which is said');
like($out, qr/the files of settings and ALTER SYSTEM were not read/, '... with what was not looked at');
($plain) = $out =~ /^ +type: (.*)$/m;
like($plain // '', qr/^osprofiler doctor --unfix '.* dbname=postgres user=\S+'$/, '... and what a superuser types');
my $superuser = qx(cd /; PATH="$ENV{PATH}"; @{[ $plain =~ s/^osprofiler/$agent/r ]} 2>&1);
is($? >> 8, 0, '... which tries the rest') or diag($superuser);
ok(!decode_json(scalar qx(cd /; $agent doctor --unfix --json "$conninfo user=plain" 2>/dev/null))->{good}, '... as JSON, too');

# What loads the library for a role or a database everybody may know.
for my $who ('ROLE plain', 'DATABASE other')
{
	$node->safe_psql('postgres', "ALTER $who SET session_preload_libraries = 'auto_explain', 'osprofiler'");
	$node->safe_psql('postgres', 'CREATE ROLE plain2 LOGIN') if $who eq 'ROLE plain';
	($status, $out) = doctor('--unfix', "$conninfo user=plain2");
	is($status, 1, "$who loads it: another user's --unfix is not good") or diag($out);
	like($out, qr/^wrong +preloading +it is named by session_preload_libraries of \Q$who\E$/m, '... and says so');
	$node->safe_psql('postgres', "ALTER $who RESET session_preload_libraries");
}

# --- other databases ---------------------------------------------------------------

$node->safe_psql('postgres', qq{CREATE DATABASE "its shop"});
$node->safe_psql('postgres', 'CREATE DATABASE closed');
$node->safe_psql('its shop', "LOAD 'osprofiler'; CREATE EXTENSION osprofiler");
$node->safe_psql('template1', "LOAD 'osprofiler'; CREATE EXTENSION osprofiler");
$node->safe_psql('postgres', 'ALTER DATABASE closed ALLOW_CONNECTIONS false');
$steps = unfix();
is($steps->{undo_other_databases}{verdict}, 'wrong', 'other databases have the extension: not all is good');
is($steps->{undo_other_databases}{found}, 'these have it, too: its shop, template1', '... and it is said which');
is($said, '', '... and left to whoever called');
is(system("{ $steps->{undo_other_databases}{type}; } >/dev/null 2>&1"), 0, '... what is typed for each');
$steps = unfix();
ok($steps->{good}, '... takes it back in all') or diag(explain($steps));
like($steps->{undo_other_databases}{found}, qr/^none of \d+ others has the extension$/, '... which is said');
$node->safe_psql('postgres', qq{DROP DATABASE "its shop"});
$node->safe_psql('postgres', 'DROP DATABASE closed');

# --- and once more ----------------------------------------------------------------

# The file of keys is still there: a key that it has is not appended again, and no key to
# a line without an end.
{
	my $file = $node->data_dir . '/osprofiler.keys';
	chomp(my $key = slurp_file($file));
	for my $case (["$key\n", "$key\n"], ["# old\n$key\nOTHER", "# old\n$key\nOTHER\n"], ['OTHER', "OTHER\n$key\n"], ['', "$key\n"])
	{
		my ($before, $after) = @$case;
		write_file($file, $before, 0600);
		($status, $out) = doctor('--fix');
		is($status, 0, '--fix after --unfix') or diag($out);
		is(slurp_file($file), $after, '... has each key once in the file, which had ' . length($before) . ' bytes');
		$node->safe_psql('postgres', 'ALTER SYSTEM RESET osprofiler.hmac_keys_file; SELECT pg_reload_conf()');
		$node->poll_query_until('postgres', "SELECT current_setting('osprofiler.hmac_keys_file') = ''");
	}
	unfix();
	($status, $out) = doctor('--unfix');
	is($status, 0, 'and taken back') or diag($out);
}

# --- what somebody else did -----------------------------------------------------

$node->append_conf('postgresql.conf', "session_preload_libraries = 'auto_explain, osprofiler'\nosprofiler.points = 'statement'");
$node->reload;
$node->safe_psql('postgres', q{
ALTER ROLE plain SET session_preload_libraries = 'auto_explain', '$libdir/osprofiler';
ALTER ROLE plain IN DATABASE other SET local_preload_libraries = 'osprofiler';
ALTER DATABASE other SET session_preload_libraries = 'osprofiler';
ALTER ROLE ALL SET session_preload_libraries = 'osprofiler';
ALTER DATABASE other SET osprofiler.sample_rate = 1});
$node->safe_psql('postgres', 'ALTER SYSTEM SET osprofiler.service = \'shop\'');
my @places = (
	qr{session_preload_libraries in \Q@{[ $node->data_dir ]}\E/postgresql\.conf, line \d+},
	qr/session_preload_libraries of ROLE plain(?!\w| IN)/, qr/local_preload_libraries of ROLE plain IN DATABASE other/,
	qr/session_preload_libraries of DATABASE other/, qr/session_preload_libraries of ROLE ALL/);
my $before = $node->safe_psql('postgres', 'SELECT * FROM pg_db_role_setting ORDER BY 1, 2');
$steps = unfix();
is($steps->{undo_elsewhere}{verdict}, 'wrong', 'what --fix did not set');
like($steps->{undo_elsewhere}{found}, $_, 'named: ' . ($_ =~ s/^\(\?\^:|\)$//gr)) for @places;
is($steps->{undo_new_session}{verdict}, 'not tried', 'no word that the library may go');
is($said, '', 'none of it is taken back');
is($node->safe_psql('postgres', 'SELECT * FROM pg_db_role_setting ORDER BY 1, 2'), $before, '... in no catalog');
like($steps->{undo_rest}{found}, qr/osprofiler\.points in \S+postgresql\.conf, line \d+.*osprofiler\.sample_rate of DATABASE other/, 'settings that do nothing without it are named');
like($steps->{undo_rest}{found}, qr/osprofiler\.service in/, 'those of ALTER SYSTEM, too');
is(system("{ $steps->{undo_elsewhere}{type}; $steps->{undo_rest}{type}; } >/dev/null"), 0, 'what it says to type works');
$node->poll_query_until('postgres', q{SELECT setting = 'auto_explain' FROM pg_settings WHERE name = 'session_preload_libraries'});
is($node->safe_psql('postgres', q{SELECT rolname, setconfig FROM pg_db_role_setting LEFT JOIN pg_roles r ON r.oid = setrole}),
	'plain|{session_preload_libraries=auto_explain}', '... and keeps the other library');
$steps = unfix();
ok($steps->{good}, '... and then all is good') or diag(explain($steps));
is($said, '', '... nothing more to do');
unlike($steps->{undo_rest}{found}, qr/sample_rate|service/, '... nor to name');

# A file that names nothing else: such a list cannot be made empty by ALTER SYSTEM.
unset($node, 'session_preload_libraries');
$node->append_conf('postgresql.conf', "session_preload_libraries = 'osprofiler'");
$node->safe_psql('postgres', 'ALTER SYSTEM RESET session_preload_libraries');
$node->reload;
$steps = unfix();
is(system("{ $steps->{undo_elsewhere}{type}; } >/dev/null"), 0, 'the only library in a file');
$steps = unfix();
is(verdicts($steps), '', '... is taken out');
is($node->safe_psql('postgres', 'SELECT 1', extra_params => [ '-U', 'plain' ]), 1, '... and nobody is kept out');

# A file names a library that is not there, which ALTER SYSTEM hides: it stays hidden.
$node->append_conf('postgresql.conf', "session_preload_libraries = 'nosuch_library'");
write_file($auto, slurp_file($auto) . "session_preload_libraries = 'osprofiler'\n", 0600);
$node->reload;
$steps = unfix();
is($steps->{undo_preload}{verdict}, 'wrong', 'what would keep everybody out is not done');
like($said, qr/could not access file "nosuch_library"/, '... and it is said why');
is($node->safe_psql('postgres', 'SELECT 1', extra_params => [ '-U', 'plain' ]), 1, '... and nobody is kept out');
unset($node, 'session_preload_libraries');
$steps = unfix();
is(verdicts($steps), '', '... until the file is mended');

# --- the library goes: everybody is let in --------------------------------------

# Names that only resemble ours are not touched.
$node->safe_psql('postgres', q{ALTER SYSTEM SET session_preload_libraries = 'osprofiler', 'auto_explain', '$libdir/osprofiler', '$libdir/auto_explain'});
$steps = unfix();
is($node->safe_psql('postgres', q{SELECT setting FROM pg_file_settings WHERE name = 'session_preload_libraries' ORDER BY seqno DESC LIMIT 1}),
	'auto_explain, "$libdir/auto_explain"', 'a path, and twice: taken out, the others stay in their order')
  or diag(explain($steps), $said);
$node->safe_psql('postgres', $_) for 'ALTER SYSTEM RESET session_preload_libraries', 'ALTER ROLE plain RESET session_preload_libraries';
$node->append_conf('postgresql.conf', "session_preload_libraries = ''\nshared_preload_libraries = 'osprofiler'");
$node->restart;
$steps = unfix();
like($steps->{undo_elsewhere}{found}, qr/\Ashared_preload_libraries in /, 'loaded at the start');
like($steps->{undo_elsewhere}{do}, qr/restart the server, which reads shared_preload_libraries only at its start, then/, '... which takes a restart');
unlike($steps->{undo_elsewhere}{type}, qr/pg_reload_conf/, '... and no reload');
is(system("{ $steps->{undo_elsewhere}{type}; } >/dev/null"), 0, '... and a command');
$steps = unfix();
is($steps->{undo_new_session}{verdict}, 'wrong', 'before the restart it is not good');
$node->append_conf('postgresql.conf', "dynamic_library_path = '/none'");
$node->stop;
is($node->start(fail_ok => 1), 1, 'the server starts without the library');
is($node->safe_psql('postgres', 'SELECT 1', extra_params => [ '-U', 'plain' ]), 1, 'and lets everybody in');

# --- the library went first: nobody is let in -------------------------------------

# ALTER SYSTEM names it in another setting, which --fix does not set: no line denies that.
$node->append_conf('postgresql.conf', "dynamic_library_path = '\$libdir'\nsession_preload_libraries = ''");
$node->safe_psql('postgres', 'ALTER SYSTEM SET shared_preload_libraries = \'osprofiler\'');
$steps = unfix();
is($steps->{undo_preload}{found}, 'session_preload_libraries of ALTER SYSTEM does not name it', 'ALTER SYSTEM and another setting: the line says of which it speaks');
like($steps->{undo_elsewhere}{found}, qr{\Ashared_preload_libraries of ALTER SYSTEM in \Q$auto\E, line \d+$}, '... and the next one whose the other is');
unlike($steps->{undo_elsewhere}{type}, qr/pg_reload_conf/, '... no reload helps');
is(system("{ $steps->{undo_elsewhere}{type}; } >/dev/null"), 0, '... which is taken back');
$node->restart;

$node->safe_psql('postgres', 'ALTER SYSTEM SET session_preload_libraries = \'$libdir/auto_explain\', \'osprofiler\'');
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET session_preload_libraries = \'osprofiler\'');
$node->append_conf('postgresql.conf', "local_preload_libraries = 'osprofiler'\ndynamic_library_path = '/none'");
$node->reload;
for (1 .. 100) { last if ($node->psql('postgres', 'SELECT 1'))[0] != 0; select undef, undef, undef, 0.1; }
isnt(($node->psql('postgres', 'SELECT 1'))[0], 0, 'the library is gone: a superuser is refused');
($status, $out) = doctor('');
like($out, qr/^wrong +server .*could not (?:access file|load library) "osprofiler".*\n +do: .* or take it out of the settings, as a superuser: osprofiler doctor --unfix '[^']+'; where the settings stand/m,
	'... doctor says what takes it out') or diag($out);
($status, $out) = doctor('--unfix', "$conninfo user=plain");
is($status, 1, '... no ordinary user can') or diag($out);
$steps = unfix();
like($steps->{server}{found}, qr/; it lets in only superusers, and these without the library, which is gone$/, '... --unfix gets in') or diag(explain($steps), $said);
like($said, qr/^\$ env PGOPTIONS='-c session_preload_libraries= -c local_preload_libraries=' psql .*ALTER SYSTEM SET session_preload_libraries = /m, '... with a command that gets in, too');
is(system("{ $steps->{undo_elsewhere}{type}; } >/dev/null"), 0, '... what it prints for the other places works') or diag(explain($steps));
$steps = unfix();
is(verdicts($steps), '', '... and then all is good') or diag(explain($steps));
is($node->safe_psql('postgres', 'SELECT 1', extra_params => [ '-U', 'plain' ]), 1, '... everybody is let in');
is($node->safe_psql('postgres', 'SHOW session_preload_libraries'), '"$libdir/auto_explain"', '... and the other library stays');

# --- wrong calls ----------------------------------------------------------------

for my $call (['--unfix', qr/--unfix needs a CONNINFO/], ["--unfix --fix \"$conninfo\"", qr/--unfix excludes --fix/])
{
	my $error = qx($agent doctor $call->[0] 2>&1);

	is($? >> 8, 2, 'a wrong call');
	like($error, $call->[1], '... is said');
}

$node->stop;
done_testing();
