#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# removal_guard.t
#	  What Debian's packages refuse to do and do when they are removed: their scripts,
#	  called as dpkg calls them, beside a cluster that uses the library.
#
# Needs root: the cluster is made in a mount namespace, with an /etc/postgresql of its own
# and the library in PostgreSQL's directory, so nothing of the system is changed.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IPC::Open3 qw(open3);
use Test::More;

my $here = abs_path(dirname(__FILE__));
my $top = abs_path("$here/../..");
my $build = abs_path($ENV{BUILD} // "$top/build");
my $config = $ENV{PG_CONFIG} // 'pg_config';

plan skip_all => 'only root removes packages' if $> != 0;
plan skip_all => 'no user postgres' if !defined getpwnam('postgres');
my ($version) = qx($config --version 2>/dev/null) =~ /^PostgreSQL (\d+)/;

# The extension may have been built for a copy of Debian's PostgreSQL.
my $debian = '/usr/lib/postgresql/' . ($version // '') . '/bin/pg_config';
plan skip_all => "no PostgreSQL of Debian's" if !$version || !-x $debian || !-x '/usr/bin/pg_lsclusters';
my ($pkglibdir) = map { chomp; $_ } qx($debian --pkglibdir);
if (!$ENV{OSPROFILER_TEST_USERS})
{
	plan skip_all => 'no mount namespaces' if system('unshare -m true 2>/dev/null') != 0;
	$ENV{OSPROFILER_TEST_USERS} = 1;
	exec('unshare', '-m', $^X, $0) or die "unshare: $!";
}

my $dir = tempdir('osprofiler-guard.XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;

sub write_file
{
	my ($path, $text) = @_;
	open my $file, '>', $path or die "$path: $!";
	print $file $text;
	close $file or die "$path: $!";
	return $path;
}

sub must
{
	my ($command) = @_;
	my $out = qx({ $command\n} 2>&1);
	BAIL_OUT("$command: $out") if $? != 0;
	return $out;
}

# --- the machine --------------------------------------------------------------------

# As dpkg has it: psql is Debian's, which knows clusters by their names.
$ENV{PATH} = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
my $bin = "/usr/lib/postgresql/$version/bin";
my $data = "$dir/data";
my $postgres = 'runuser -u postgres --';
my $port = 20000 + $$ % 20000;

mkdir "$dir/closed", 0700;
delete $ENV{$_} for grep { /^(OSPROFILER_|PG(?!_CONFIG)|XDG_|SUDO_)/ && $_ ne 'OSPROFILER_TEST_USERS' } keys %ENV;
$ENV{OSPROFILER_DRIVER_PATH} = "$build/drivers";
chdir '/';
must("make -s -C '$top/pg_osprofiler' install PG_CONFIG='$config' BUILD='$build' DESTDIR='$dir/root'");
for my $kind ([ '--pkglibdir', '' ], [ '--sharedir', '/extension' ])
{
	my ($from, $path) = map { my $place = qx($_ $kind->[0]); chomp $place; "$place$kind->[1]" } $config, $debian;

	must("mkdir -p '$dir/merged$path' && cp -a '$path/.' '$dir/merged$path/' && cp -a '$dir/root$from/.' '$dir/merged$path/' && "
		  . "mount --bind '$dir/merged$path' '$path'");
}
must("mount -t tmpfs none /etc/postgresql && mount -t tmpfs -o mode=1777 none /dev/shm");
must("install -d -o postgres $dir/socket $data && chmod 700 $data && $postgres $bin/initdb -D $data -A peer -U postgres --no-sync >/dev/null");
must("install -d -o postgres /etc/postgresql/$version /etc/postgresql/$version/main");
write_file("/etc/postgresql/$version/main/postgresql.conf", "data_directory = '$data'\nhba_file = '$data/pg_hba.conf'\n"
	  . "ident_file = '$data/pg_ident.conf'\nport = $port\nlisten_addresses = ''\nunix_socket_directories = '$dir/socket'\nfsync = off\n"
	  . "osprofiler.agent = '$build/bin/osprofiler'\nosprofiler.hmac_keys = K\nosprofiler.connection_string = 'sqlite:///$dir/socket/traces.db'\n");
must("chown -R postgres /etc/postgresql");
must("$postgres $bin/pg_ctl -D $data -o '-c config_file=/etc/postgresql/$version/main/postgresql.conf' -l $dir/socket/log -w start >/dev/null");

END
{
	my $status = $?;
	system("$postgres $bin/pg_ctl -D $data -m immediate -w stop >/dev/null 2>&1") if $data && -e "$data/postmaster.pid";
	system("umount '$pkglibdir' 2>/dev/null") if $ENV{OSPROFILER_TEST_USERS};
	$? = $status;
}

# Status and text of a script of the packages.
sub script
{
	my ($name, $environment) = @_;
	my $text = must("sed 's/\@PGVERSION\@/$version/g' $top/debian/$name");

	write_file("$dir/script", $text);
	my $out = qx(cd $dir/closed && env $environment sh $dir/script remove 2>&1);
	return ($? >> 8, $out);
}

sub psql
{
	return must("$postgres psql -XAtq -h $dir/socket -p $port -d postgres " . join ' ', map { "-c \"$_\"" } @_);
}

# --- the extension ------------------------------------------------------------------

my ($status, $out) = script('postgresql.prerm.in', '');
is("$status|$out", '0|', 'a server that does not use it');

# A session that has it, and the shipper that it has begun.
my ($in, $reply);
my $pid = open3($in, $reply, undef, split(/ /, "$postgres psql -XAtq -h $dir/socket -p $port -d postgres"));
print $in "LOAD 'osprofiler'; SET osprofiler.sample_rate = 1; SELECT 1; SELECT pg_backend_pid();\n";
my $one = <$reply>;
chomp(my $backend = <$reply> // '');
my ($server) = qx(head -n 1 $data/postmaster.pid) =~ /(\d+)/;
my $shipper = '';
for (1 .. 100)
{
	($shipper) = qx(pgrep -P $server -f 'osprofiler shipper') =~ /(\d+)/;
	last if $shipper;
	select undef, undef, undef, 0.1;
}
ok($shipper, 'a shipper is at work');
($status, $out) = script('postgresql.prerm.in', '');
is($status, 1, 'a session that has loaded it: the package stays');
like($out, qr/^E:   $version\/main: these processes have it loaded until they end, .*: $backend$/m, '... which is said, without the shipper') or diag($out);
like($out, qr/^E:   osprofiler doctor --unfix 'port=$port dbname=postgres'/m, '... with what to type');
($status, $out) = script('postgresql.prerm.in', "OSPROFILER_REMOVE_FROM=$version/main");
is($status, 0, '... unless the cluster is excepted') or diag($out);

# What was not installed by packages has the same guard, before anything is removed.
my $uninstall = "make -s -C '$top' uninstall PREFIX='$dir/prefix' PG_CONFIG='$debian' BUILD='$build' 2>&1";
mkdir "$dir/prefix";
$out = qx($uninstall);
isnt($?, 0, 'make uninstall is refused, too');
like($out, qr/^E:   $version\/main: these processes have it loaded/m, '... which says why') or diag($out);
like($out, qr/^E:   then type the same again$/m, '... and what to do then');
ok(-e "$pkglibdir/osprofiler.so", '... and the library is there');

# The library goes, and then the processes that have it and that nobody ends.
close $in;
waitpid $pid, 0;
for (1 .. 100)
{
	last if !-e "/proc/$backend";
	select undef, undef, undef, 0.05;
}
($status, $out) = script('postgresql.prerm.in', '');
is("$status|$out", '0|', 'the session has ended');
ok(-e "/proc/$shipper", 'the shipper has not');
my ($agent) = qx(pgrep -P $shipper) =~ /(\d+)/;
$out = qx($uninstall);
is($?, 0, 'the library is removed') or diag($out);
ok(!-e "$pkglibdir/osprofiler.so", '... by make uninstall');
($status, $out) = script('postgresql.postrm.in', '');
is("$status|$out", '0|', '... and nothing is left to do');
for (1 .. 100)
{
	last if !grep { $_ && -e "/proc/$_" } $shipper, $agent;
	select undef, undef, undef, 0.1;
}
ok(!-e "/proc/$shipper", 'the shipper has ended');
ok(!$agent || !-e "/proc/$agent", 'and its agent');
is(psql('SELECT 1'), "1\n", 'the server works on');

# --- the plugin of Python -------------------------------------------------------------

must('mount -t tmpfs none /etc/postgresql');
($status, $out) = script('python3-osprofiler-db.prerm', '');
is("$status|$out", '0|', 'no service has the plugin');
write_file('/etc/postgresql/nova.conf', "[database]\nconnection_parameters = plugin=osprofiler\n");
write_file('/etc/postgresql/old.conf', "[database]\n# connection_parameters = plugin=osprofiler\n");
($status, $out) = script('python3-osprofiler-db.prerm', '');
is($status, 1, 'a service has it: the package stays');
like($out, qr{^E: these files name the plugin osprofiler, and without it their services do not start:\nE:   /etc/postgresql/nova\.conf\nE: Take}m,
	'... which is said') or diag($out);
($status, $out) = script('python3-osprofiler-db.prerm', 'OSPROFILER_REMOVE_FROM=python3');
is($status, 0, '... unless it is excepted') or diag($out);

done_testing();
