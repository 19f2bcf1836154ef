# SPDX-License-Identifier: Apache-2.0

# An upgrade under a running server: the agent's file is replaced, then the library's, as
# dpkg and install(1) do that. Whoever ships is of the new version soon, and nothing that
# old and new sessions record is lost.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Copy qw(copy);
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The file that is copied: the command that others call by its name.
my ($agent) = grep { -x }
  $ENV{OSPROFILER_TEST_AGENT} || map { "$_/osprofiler" } split /:/, $ENV{PATH};

die 'there is no osprofiler' if !$agent;
my $node = new_node('upgrade');
my $files = PostgreSQL::Test::Utils::tempdir_short();
my ($library, $program) = ("$files/osprofiler.so", "$files/bin/osprofiler");

# An installed command finds its libraries and drivers beside itself.
mkdir "$files/bin" or die $!;
symlink(dirname($agent) . '/../lib', "$files/lib") or die $!;
$node->start;
my $libraries = $node->safe_psql('postgres', q{SELECT setting FROM pg_config() WHERE name = 'PKGLIBDIR'});
$node->safe_psql('postgres', "CREATE EXTENSION osprofiler; UPDATE pg_proc SET probin = '$library' WHERE probin = '\$libdir/osprofiler'");
$ENV{OSPROFILER_RUN_DIR} = $node->basedir . '/client-run';
$ENV{OSPROFILER_CONNECTION_STRING} = 'file://' . trace_file($node);
$ENV{OSPROFILER_HMAC_KEYS} = 'SECRET_KEY';

# Puts a new file of the same content in the place of the one that is there.
sub replace
{
	my ($from, $to) = @_;

	copy($from, "$to.new") or die "$from: $!";
	chmod 0755, "$to.new";
	rename "$to.new", $to or die "$to: $!";
}

sub doctor
{
	my $connstr = $node->connstr('postgres');
	return scalar qx($agent doctor @_ "$connstr" 2>&1);
}

# Waits until the function gives another value than this one.
sub wait_for_another
{
	my ($value, $function) = @_;

	for (1 .. 300)
	{
		my $now = eval { $function->() };
		return $now if $now && $now ne $value;
		select undef, undef, undef, 0.1;
	}
	return;
}

my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
sub worker { return (qx(pgrep -P $postmaster -f 'osprofiler shipper') =~ /^(\d+)$/)[0] }
sub shipper { my $pid = worker(); return $pid && (qx(pgrep -P $pid) =~ /^(\d+)$/)[0] }

replace("$libraries/osprofiler.so", $library);
replace($agent, $program);
$node->append_conf('postgresql.conf', "session_preload_libraries = '$library'\nosprofiler.agent = '$program'");
$node->restart;
($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;

my $context = context();
$node->safe_psql('postgres', 'SELECT 1 ' . comment($context));
is(scalar(wait_for_points($node, $context, 2)), 2, 'it traces');
my ($first_worker, $first_shipper) = (worker(), shipper());
like(doctor(), qr/^good +shipper +at work, process $first_shipper$/m, 'doctor: the shipper is good');

# The agent.
replace($agent, $program);
my $said = doctor();
like($said, qr/^wrong +shipper +at work, process $first_shipper, but with the files from before an upgrade$/m,
	'doctor: its program was replaced');
like($said, qr/pg_reload_conf/, '... and what to type');
my $second_shipper = wait_for_another($first_shipper, \&shipper);
ok($second_shipper, 'the new agent takes over by itself');
is(worker(), $first_worker, '... of the same worker');
like(doctor(), qr/^good +shipper +at work, process $second_shipper$/m, '... which doctor finds good');

# The library, and at once by a reload. What was recorded before is delivered.
my @contexts = map { context() } 1 .. 20;
$node->safe_psql('postgres', join ';', map { 'SELECT 2 ' . comment($_) } @contexts[0 .. 9]);
replace("$libraries/osprofiler.so", $library);
sleep 2;
like(doctor(), qr/^wrong +shipper +at work, process $second_shipper, but/m, 'doctor: the library was replaced')
  if worker() == $first_worker;
$node->reload;
my $second_worker = wait_for_another($first_worker, \&worker);
ok($second_worker, 'another worker takes over');
$node->safe_psql('postgres', join ';', map { 'SELECT 2 ' . comment($_) } @contexts[10 .. 19]);
is(scalar(grep { scalar(wait_for_points($node, $_, 2)) == 2 } @contexts), 20, 'nothing is lost meanwhile');
unlike(slurp_file("/proc/$second_worker/maps"), qr/osprofiler\.so \(deleted\)/, '... with the new library');
my $third_shipper = wait_for_another('', \&shipper);
like(doctor(), qr/^good +shipper +at work, process $third_shipper$/m, '... which doctor finds good');
is(count_in_log($node, 'background worker "osprofiler shipper"'), 0, 'no worker fails');

# A file that was removed is not replaced.
unlink $program;
$node->reload;
sleep 3;
is(shipper(), $third_shipper, 'an agent whose program was removed stays');
replace($agent, $program);

# So does a reload that comes right behind the replacement.
$second_worker = worker();
replace("$libraries/osprofiler.so", $library);
my $begun = time;
$node->reload;
my $third_worker = wait_for_another($second_worker, \&worker);
ok($third_worker, 'a worker takes over whose library was replaced just before the reload');
cmp_ok(time - $begun, '<', 6, '... without the usual ten seconds');
ok(wait_for_another('', \&shipper), '... and has an agent');

# doctor does what it says.
replace("$libraries/osprofiler.so", $library);
sleep 2;
like(doctor('--fix'), qr/^good +shipper /m, 'doctor --fix has the new ones take over');

# A server that has loaded the library goes on with it until it is restarted.
unset($node, 'session_preload_libraries');
$node->append_conf('postgresql.conf', "shared_preload_libraries = '$library'");
$node->restart;
($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
$context = context();
$node->safe_psql('postgres', 'SELECT 1 ' . comment($context));
is(scalar(wait_for_points($node, $context, 2)), 2, 'it traces with shared_preload_libraries');
my $shared_shipper = shipper();
replace("$libraries/osprofiler.so", $library);
replace($agent, $program);
sleep 2;
$node->reload;
sleep 1;
is(shipper(), $shared_shipper, 'there the agent stays with the library');
like(doctor(), qr/^wrong +shipper .*\n +do: restart the server, which has the library in shared_preload_libraries$/m, '... and doctor says so');
$node->restart;
like(doctor(), qr/^good +shipper /m, 'after a restart it is good');

$node->stop;
done_testing();
