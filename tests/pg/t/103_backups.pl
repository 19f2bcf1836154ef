# SPDX-License-Identifier: Apache-2.0

# Copies of a cluster: a base backup has neither the traces of the default collector
# nor the spool, and a copy that has them sets them aside. So nothing is delivered
# twice, and nobody's statements turn up in another cluster's traces.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Find;
use IPC::Run;
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $store = 'osprofiler/pgsql_tmp';
my $nobody = 'redis://127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port() . '/0';
my $main = new_node('main', allows_streaming => 1);
$main->append_conf('postgresql.conf', "wal_log_hints = on\nwal_keep_size = 256");

sub set
{
	my ($node, $name, $value) = @_;

	$node->append_conf('postgresql.conf', "osprofiler.$name = '$value'");
}

sub stat_of
{
	my ($node, $column) = @_;

	return $node->safe_psql('postgres', "SELECT $column FROM osprofiler.stat");
}

# Files below the data directory that hold a text.
sub files_with
{
	my ($directory, $text) = @_;
	my @found;

	find(sub { push @found, $File::Find::name
			if -f $_ && -r _ && index(slurp_file($_), $text) >= 0; }, $directory);
	return @found;
}

sub count_in_store
{
	my ($node, $context) = @_;

	ok(wait_for_delivery($node), $node->name . ': everything is delivered');
	return $node->safe_psql('postgres',
		"SELECT count(*) FROM osprofiler.points('$context->{base}')");
}

# Some traces in the default collector.
set($main, 'connection_string', '');
$main->start;
$main->safe_psql('postgres', 'CREATE EXTENSION osprofiler');
$main->command_ok([ 'pgbench', '-i', '-q', '-h', $main->host, '-p', $main->port,
		'postgres' ], 'tables of pgbench');
my $stored = context();
$main->safe_psql('postgres', set_context($stored) . "SELECT 'the-marker'");
is(count_in_store($main, $stored), 1, 'the default collector has the trace');
is(-d $main->data_dir . "/$store" ? 'there' : 'missing',
	'there', 'it lies in the directory that backups leave out');

# Then the collector is down, and points wait in the spool while a base backup is
# taken under load.
my $spooled = context();
my $loaded = context();
set($main, 'connection_string', $nobody);
$main->reload;
$main->safe_psql('postgres', set_context($spooled)
	  . join(' ', map { "SELECT $_;" } 1 .. 100));
ok($main->poll_query_until('postgres',
		'SELECT spool_points >= 200 FROM osprofiler.stat'),
	'operations wait in the spool');
my $bench;
{
	local $ENV{PGOPTIONS} = "-c osprofiler.trace_info=$loaded->{info}"
	  . " -c osprofiler.trace_hmac=$loaded->{hmac}";
	$bench = IPC::Run::start([ 'pgbench', '-n', '-c', 2, '-R', 100, '-T', 3, '-h',
			$main->host, '-p', $main->port, 'postgres' ],
		'>', \my $out, '2>', \my $err);
}
$main->backup('base');
$bench->finish;
my $base = $main->backup_dir . '/base';
ok(!-e "$base/$store", 'the base backup has no such directory');
is_deeply([ grep { m{/osprofiler} } files_with($base, $spooled->{base}) ],
	[], 'nor anything of the spool or the collector elsewhere');

# The same by copying files, and that while the server stands still.
my $waiting = stat_of($main, 'spool_points');
cmp_ok($waiting, '>', 200, 'with what the load has made');
$main->stop;
my $cold = $main->backup_dir . '/cold';
system('cp', '-a', $main->data_dir, $cold) == 0 or die 'cp';
unlink "$cold/postmaster.pid";
ok(-s "$cold/$store/spool", 'a copy of the files has the spool');

# Each copy delivers what it traces itself, and nothing else.
my %copies;
foreach my $kind ('base', 'cold')
{
	my $copy = PostgreSQL::Test::Cluster->new($kind);
	my $own = context();

	$copy->init_from_backup($main, $kind);
	mkdir $copy->basedir . '/run', 0700;
	set($copy, 'run_directory', $copy->basedir . '/run');
	set($copy, 'connection_string', 'file://' . trace_file($copy));
	$copy->start;
	$copy->safe_psql('postgres', set_context($own) . 'SELECT 1');
	is_deeply(shape(wait_for_points($copy, $own, 2)),
		['SELECT 1'], "$kind: the copy delivers its own");
	ok(wait_for_delivery($copy), "$kind: nothing waits");
	is(scalar(points($copy, $_)), 0, "$kind: nothing of the main cluster")
	  for $spooled, $loaded;
	is(count_in_log($copy, 'were copied with the data directory'),
		$kind eq 'cold' ? 1 : 0, "$kind: a line says what was set aside, if any");

	# Its default collector is new, too.
	my $fresh = context();
	set($copy, 'connection_string', '');
	$copy->reload;
	usleep(500_000);
	$copy->safe_psql('postgres', set_context($fresh) . 'SELECT 2');
	is(count_in_store($copy, $fresh), 1, "$kind: the default collector works");
	is(count_in_store($copy, $stored), 0, "$kind: without the main cluster's");
	$copies{$kind} = $copy;
}

# A restart, or another name for the same directory, makes nobody a copy.
my $cold_node = $copies{cold};
my $kept = context();
$cold_node->safe_psql('postgres', set_context($kept) . 'SELECT 3');
is(count_in_store($cold_node, $kept), 1, 'stored before the restart');
$cold_node->stop;
rename $cold_node->data_dir, $cold_node->data_dir . '.moved' or die "rename: $!";
symlink $cold_node->data_dir . '.moved', $cold_node->data_dir or die "symlink: $!";
$cold_node->start;
$cold_node->safe_psql('postgres', set_context(context()) . 'SELECT 4');
is(count_in_store($cold_node, $kept), 1, 'and still there after it');
is(count_in_log($cold_node, 'were copied with the data directory'),
	1, 'nothing was set aside again');
$_->stop for values %copies;

# The main cluster still has its spool, and delivers each operation once.
set($main, 'connection_string', 'file://' . trace_file($main));
$main->start;
$main->safe_psql('postgres', set_context(context()) . 'SELECT 5');
is(scalar(wait_for_points($main, $spooled, 200)), 200,
	'the main cluster delivers its spool');
ok(wait_for_delivery($main), 'all of it');
my %times;
$times{"$_->{trace_id} $_->{name}"}++
  for points($main, $spooled), points($main, $loaded);
is(scalar(grep { $_ > 1 } values %times), 0, 'each operation once');

# A standby that is promoted has the same system identifier, and its own store.
my $standby = PostgreSQL::Test::Cluster->new('standby');
$main->backup('for_standby');
$standby->init_from_backup($main, 'for_standby', has_streaming => 1);
mkdir $standby->basedir . '/run', 0700;
set($standby, 'run_directory', $standby->basedir . '/run');
set($standby, 'connection_string', '');
$standby->start;
my ($before, $after) = (context(), context());
$standby->safe_psql('postgres', set_context($before) . 'SELECT 6');
is(count_in_store($standby, $before), 1, 'a standby stores its traces');
$standby->promote;
$standby->safe_psql('postgres', set_context($after) . 'CREATE TABLE promoted ()');
is(count_in_store($standby, $after), 1, 'and so it does when it is promoted');
is(count_in_store($standby, $before), 1, 'with those from before');

# pg_rewind takes the promoted server's data, but not its traces.
my $old = context();
set($main, 'connection_string', '');
$main->reload;
usleep(500_000);
$main->safe_psql('postgres', set_context($old) . 'CREATE TABLE diverged ()');
is(count_in_store($main, $old), 1, 'the old server goes on by itself');
$main->stop;
$standby->safe_psql('postgres', 'CHECKPOINT');
command_ok([ 'pg_rewind', '--target-pgdata', $main->data_dir, '--source-server',
		$standby->connstr('postgres') ], 'pg_rewind');
is_deeply([ files_with($main->data_dir . '/osprofiler', $after->{base}) ], [],
	'which brings no traces of the other server');
ok(!-e $main->data_dir . "/$store/traces.db", 'and removes those that were there');
$standby->stop;

done_testing();
