# SPDX-License-Identifier: Apache-2.0

# Removing the library before the settings: what a server does then, and the way back
# in, as README has it. A library of another name that is not there stands for one that
# was removed, for PostgreSQL's own directory is not ours to write.

use strict;
use warnings;

use File::Copy qw(copy);
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $agent = $ENV{OSPROFILER_TEST_AGENT} || 'osprofiler';
my $node = new_node('removal');
$node->start;
$node->safe_psql('postgres', q{CREATE ROLE plain LOGIN; CREATE EXTENSION osprofiler});

# The right order: the setting, a reload, the extension; then no session needs it.
my $context = context();
$node->safe_psql('postgres', 'SELECT 1 ' . comment($context));
is(scalar(wait_for_points($node, $context, 2)), 2, 'it traces');
$node->append_conf('postgresql.conf', "session_preload_libraries = ''");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('osprofiler.sample_rate', true) IS NULL");
$node->safe_psql('postgres', 'DROP EXTENSION osprofiler');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name ~ '^osprofiler\.' AND vartype = 'bool'}),
	0, 'a session without it');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_proc WHERE prosrc ~ '^pgosp_'}), 0, 'nothing of it is left');

# The shipper would stay until the server ends; nobody begins it anew.
my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
my ($worker) = qx(pgrep -P $postmaster -f 'osprofiler shipper') =~ /(\d+)/;
my ($shipper) = qx(pgrep -P $worker) =~ /(\d+)/;
is(system("pkill -P $postmaster -f 'osprofiler shipper'"), 0, 'the shipper is ended');
for (1 .. 200)
{
	last if !kill 0, $worker, $shipper;
	select undef, undef, undef, 0.05;
}
is(kill(0, $worker, $shipper), 0, 'both of its processes');
$node->safe_psql('postgres', 'SELECT 1 ' . comment(context()));
is(system("pgrep -P $postmaster -f 'osprofiler shipper' >/dev/null") >> 8, 1, 'and does not come back');

# A session that still has a library that was removed does not begin it either: the
# server would try to load it for ever.
my $library = PostgreSQL::Test::Utils::tempdir_short() . '/osprofiler.so';
my ($copied) = $node->safe_psql('postgres',
	"LOAD 'osprofiler'; SELECT setting FROM pg_config() WHERE name = 'PKGLIBDIR'") =~ /^(\S+)$/m;
copy("$copied/osprofiler.so", $library) or die "$copied: $!";
$node->append_conf('postgresql.conf', "session_preload_libraries = '$library'");
$node->reload;
my $shippers = "pgrep -P $postmaster -f 'osprofiler shipper'";
$node->safe_psql('postgres', join "\n",
	'SELECT 1 ' . comment(context()) . ';',
	"\\! until $shippers >/dev/null; do sleep 0.05; done",
	"\\! mv $library $library.away; pkill -P $postmaster -f 'osprofiler shipper'",
	"\\! while $shippers >/dev/null; do sleep 0.05; done",
	'SELECT pg_sleep(3.1);', # until it looks again
	'SELECT 1 ' . comment(context()) . ';',
	'SELECT pg_sleep(0.5);');
is(count_in_log($node, "could not access file \"$library\""), 0, 'nor for a library that is gone');
$node->append_conf('postgresql.conf', "session_preload_libraries = ''");

# The wrong order: the library is gone first.
$node->append_conf('postgresql.conf', "session_preload_libraries = 'osprofiler_gone'");
$node->reload;
for (1 .. 100)
{
	last if ($node->psql('postgres', 'SELECT 1'))[0] != 0;
	select undef, undef, undef, 0.05;
}
for my $user ('plain', undef)
{
	my ($status, undef, $err) = $node->psql('postgres', 'SELECT 1', extra_params => [ $user ? ('-U', $user) : () ]);

	isnt($status, 0, ($user // 'a superuser') . ' is refused');
	like($err, qr/could not access file "osprofiler_gone": No such file/, '... and told why');
}

# The way back in, of a superuser, without a restart.
{
	local $ENV{PGOPTIONS} = '-c session_preload_libraries=';

	is($node->safe_psql('postgres', 'SELECT 1'), 1, 'a superuser gets in');
	my ($status) = $node->psql('postgres', 'SELECT 1', extra_params => [ '-U', 'plain' ]);
	isnt($status, 0, 'others do not');
}

# doctor says it, and its command shows where the setting stands.
$ENV{OSPROFILER_RUN_DIR} = $node->basedir . '/client-run';
$ENV{OSPROFILER_CONNECTION_STRING} = 'file://' . trace_file($node);
my $connstr = $node->connstr('postgres');
my $out = qx($agent doctor "$connstr");
my ($type) = $out =~ /^wrong +server .*\n(?: +do: .*\n)? +type: (.*)$/m;
like($type // '', qr/^PGOPTIONS=.* psql /, 'doctor has the command') or diag($out);
my ($file, $line) = qx($type) =~ /^ *(\S+) *\| *(\d+) *\| *osprofiler_gone *$/m;
is($file, $node->data_dir . '/postgresql.conf', 'which shows the file');
my @lines = split /^/, slurp_file($file // '/dev/null');
like($lines[($line // 1) - 1], qr/osprofiler_gone/, '... and the line');
$lines[($line // 1) - 1] = '';
write_file($file, join('', @lines), 0600);
$node->reload;
wait_until_up($node);
is($node->safe_psql('postgres', 'SELECT 1', extra_params => [ '-U', 'plain' ]), 1, 'everybody is let in again');

# The setting of a role alone: the command of doctor shows it, also to a superuser who has it.
$node->safe_psql('postgres', "ALTER ROLE plain SET session_preload_libraries = 'osprofiler_gone'");
$node->safe_psql('postgres', 'ALTER ROLE postgres SET local_preload_libraries = osprofiler_gone');
$out = qx($agent doctor "$connstr user=plain");
($type) = $out =~ /^wrong +server .*\n(?: +do: .*\n)? +type: (.*)$/m;
like($type // '', qr/^PGOPTIONS=.* psql /, 'doctor has the command for the setting of a role') or diag($out);
$type =~ s/user=plain/user=postgres/;
like(scalar qx($type), qr/^ *plain *\|.*\| *session_preload_libraries=osprofiler_gone *$/m, 'which shows the role');
{
	local $ENV{PGOPTIONS} = '-c session_preload_libraries= -c local_preload_libraries=';
	$node->safe_psql('postgres', 'ALTER ROLE plain RESET session_preload_libraries');
	$node->safe_psql('postgres', 'ALTER ROLE postgres RESET local_preload_libraries');
}
is($node->safe_psql('postgres', 'SELECT 1', extra_params => [ '-U', 'plain' ]), 1, 'the role is let in again');

# A library that the server loads at its start: it does not start without it.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'osprofiler_gone'");
$node->stop;
is($node->start(fail_ok => 1), 0, 'a server that shall load it at its start does not start');
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\nsession_preload_libraries = ''");
$node->start;
is($node->safe_psql('postgres', 'SELECT 1'), 1, 'and does, without the setting');

$node->stop;
done_testing();
