#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# doctor_users.t
#	  osprofiler doctor with a server, by the users of a plain Debian without sudo: root,
#	  postgres, a service's user, and one without a home directory. What is printed is
#	  typed.
#
# Needs root: the users are made in a mount namespace, with a /dev/shm of their own, so
# nothing of the system is changed.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

my $here = abs_path(dirname(__FILE__));
my $top = abs_path("$here/../..");
my $build = abs_path($ENV{BUILD} // "$top/build");
my $config = $ENV{PG_CONFIG} // 'pg_config';

plan skip_all => 'only root has other users' if $> != 0;
plan skip_all => 'no user postgres' if !defined getpwnam('postgres');
plan skip_all => 'no PostgreSQL' if system("$config --bindir >/dev/null 2>&1") != 0;
if (!$ENV{OSPROFILER_TEST_USERS})
{
	plan skip_all => 'no mount namespaces' if system('unshare -m true 2>/dev/null') != 0;
	$ENV{OSPROFILER_TEST_USERS} = 1;
	exec('unshare', '-m', $^X, $0) or die "unshare: $!";
}

my $dir = tempdir('osprofiler-users.XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $fake = "$dir/etc";
my $root = "$dir/files";
chmod 0755, $dir;

sub slurp
{
	my ($path) = @_;
	open my $file, '<', $path or return '';
	local $/;
	return <$file> // '';
}

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

mkdir $_ for $fake, $root, map { "$dir/$_" } qw(home admin socket);
must("install -d -o postgres $dir/socket $dir/home/postgres");
write_file("$fake/passwd", join('', grep { !/^(?:postgres|shop|homeless|nobody2):/ } map { "$_\n" } split /\n/, slurp('/etc/passwd'))
	  . 'postgres:x:' . getpwnam('postgres') . ':' . (getpwnam('postgres'))[3] . "::$dir/home/postgres:/bin/bash\n"
	  . "shop:x:54321:54321::$dir/home/shop:/bin/sh\nhomeless:x:54322:54322::$dir/home/homeless:/usr/sbin/nologin\n");
write_file("$fake/group", slurp('/etc/group') . "shop:x:54321:\nhomeless:x:54322:\n");
write_file("$fake/shadow", slurp('/etc/shadow') . "shop:*:19000:0:99999:7:::\nhomeless:*:19000:0:99999:7:::\n");
must("install -d -o 54321 -g 54321 -m 700 $dir/home/shop");
must("mount --bind $fake/$_ /etc/$_") for qw(passwd group shadow);
must('mount -t tmpfs -o mode=1777 none /dev/shm');
for my $sudo (grep { -e } map { "$_/sudo" } split /:/, $ENV{PATH})
{
	must("mount --bind $fake/group $sudo");
}

my ($bin) = map { chomp; $_ } qx($config --bindir);
for my $kind (qw(bindir pkglibdir sharedir))
{
	my ($path) = map { chomp; $_ } qx($config --$kind);
	must("mkdir -p '$root" . dirname($path) . "'; test -e '$root$path' || cp -rL '$path' '$root$path'");
}
must("make -s -C '$top/pg_osprofiler' install PG_CONFIG='$config' BUILD='$build' DESTDIR='$root'");
$bin = $root . $bin;
delete $ENV{$_} for grep { /^(OSPROFILER_|PG(?!_CONFIG)|XDG_|SUDO_)/ } keys %ENV;
$ENV{OSPROFILER_DRIVER_PATH} = "$build/drivers";
$ENV{OSPROFILER_HOOK_PATH} = "$build/client_hooks:$build/sqlite_osprofiler";
$ENV{LC_ALL} = 'C.UTF-8';
$ENV{HOME} = "$dir/admin";
$ENV{PATH} = "$bin:$build/bin:$ENV{PATH}";
chdir '/';

my $place = "host=$dir/socket port=5432 dbname=shop";
my $postgres = 'runuser -u postgres --';

must("$postgres $bin/initdb -D $dir/socket/data -A peer -U postgres --no-sync --locale C.UTF-8 -E UTF8");
open my $conf, '>>', "$dir/socket/data/postgresql.conf" or die;
print $conf "listen_addresses = ''\nunix_socket_directories = '$dir/socket'\nfsync = off\n"
  . "osprofiler.agent = '$build/bin/osprofiler'\n";
close $conf;

sub start
{
	must("$postgres $bin/pg_ctl -D $dir/socket/data -l $dir/socket/log -w start >/dev/null");
}

sub stop
{
	system("$postgres $bin/pg_ctl -D $dir/socket/data -m fast -w stop >/dev/null 2>&1");
}

END
{
	my $status = $?;
	stop() if $bin && $dir && -e "$dir/socket/data/postmaster.pid";
	if ($dir && -e "$fake/passwd")
	{
		system("umount /etc/$_ 2>/dev/null") for qw(passwd group shadow);
	}
	$? = $status;
}

# Status and text of a command line that a user types in a shell.
sub types
{
	my ($user, $line) = @_;
	my $file = write_file("$dir/line", "cd /\n$line\n");

	chmod 0644, $file;
	my $out = $user eq 'root' ? qx(sh $file 2>&1) : qx(runuser -u $user -- sh $file 2>&1);
	return ($? >> 8, $out);
}

sub sql
{
	my ($statement) = @_;
	return must("$postgres psql -XAtq -h $dir/socket -d shop -c \"$statement\"");
}

# --- root -----------------------------------------------------------------------------

my ($status, $out) = types('root', "osprofiler doctor --fix '$place'");
is($status, 1, 'root, and no server: it fails');
like($out, qr/^wrong +server /m, '... and says why') or diag($out);
unlike($out, qr/^\$ /m, '... and types nothing');
ok(!-e "$dir/admin/.config", '... and makes no key');

start();
must("$postgres psql -Xq -h $dir/socket -d postgres -c 'CREATE ROLE shop LOGIN' -c 'CREATE DATABASE shop OWNER shop'");
($status, $out) = types('root', "osprofiler doctor '$place'");
like($out, qr/^good +server +PostgreSQL \S+.*, database shop, user postgres$/m, 'root is let in as the server\'s user') or diag($out);
my ($line) = $out =~ /^wrong +extension.*?^ +type: ([^\n]*)$/ms;
like($line // '', qr/^runuser -u postgres -- psql /, '... and what is printed is for root');
($status, $out) = types('root', "osprofiler doctor --fix '$place'");
is($status, 0, 'root: --fix') or diag($out);
like($out, qr/\nAll is good\.\n\z/, '... mends all');
is(scalar(() = $out =~ /^\$ /mg), 4, '... by four commands') or diag($out);
like($out, qr/^good +signed context +it accepts a context that is signed here, by the user root; for another user: osprofiler doctor --fix --for-user USER '\Q$place\E'$/m,
	'... and says for whom');
is((stat "$dir/admin/.config/osprofiler/hmac_keys")[4], 0, '... root\'s key is root\'s');

($status, $out) = types('root', "$postgres osprofiler trace list --server '$place'");
unlike($out, qr/osprofiler doctor|CASE source/, '... and its test statement is not in the list of traces') or diag($out);

my $list = $out;
($status, $out) = types('root', "osprofiler trace list --server '$place'");
is("$status|$out", "0|$list", 'root is let in by trace list as by doctor');
($status, $out) = types('root', "osprofiler status --server '$place'");
unlike($out, qr/role "root"/, '... and by status');

# Root is let in at the first attempt, so the server's log has nothing of root, and the
# cause of a refusal is that of the user who is let in.
{
	my $log = sub { scalar(() = slurp("$dir/socket/log") =~ /FATAL/g) };
	my $before = $log->();

	types('root', "osprofiler $_") for "doctor '$place'", "doctor '$place user=postgres'", "status --server '$place'", "trace list --server '$place'";
	is($log->(), $before, 'the log has no refusal of root') or diag(slurp("$dir/socket/log"));
	($status, $out) = types('root', "osprofiler doctor 'host=$dir/socket port=5432 dbname=nosuch'");
	like($out, qr/^wrong +server .*database "nosuch" does not exist$/m, 'root: a database that is not there') or diag($out);
	like($out, qr/^ +do: name a database that is there \('psql -l' lists them\): postgres, shop$/m, '... and which are');
	is($log->(), $before + 1, '... with one line in the log');
	($status, $out) = types('root', "osprofiler status --server 'host=$dir/socket port=5432 dbname=nosuch'");
	like($out, qr/database "nosuch" does not exist/, '... for status, too');

	# A server without a role of its user's name lets root in as root, or says why not.
	must("$postgres psql -Xq -h $dir/socket -d postgres -c 'CREATE ROLE root SUPERUSER LOGIN'");
	must("psql -Xq -h $dir/socket -U root -d postgres -c 'ALTER ROLE postgres RENAME TO away'");
	($status, $out) = types('root', "osprofiler doctor '$place'");
	like($out, qr/^good +server +.*, user root$/m, 'root is let in as root if the server\'s user is not') or diag($out);
	must("psql -Xq -h $dir/socket -U root -d postgres -c 'ALTER ROLE away RENAME TO postgres'");
	must("$postgres psql -Xq -h $dir/socket -d postgres -c 'DROP ROLE root'");
	($status, $out) = types('root', "osprofiler doctor '$place user=nosuch'");
	like($out, qr/^wrong +server .*Peer authentication failed for user "nosuch"$/m, 'a role that nobody is let in as') or diag($out);
}

# Root's status names the servers of others, also one that has stopped.
types('root', 'osprofiler agent --once');
($status, $out) = types('root', 'osprofiler status');
like($out, qr/^PostgreSQL servers +1, each with a directory of its own: osprofiler status --server CONNINFO$/m, 'root: status names a server') or diag($out);
is($status, 0, '... which delivers');
must("$postgres psql -Xq -h $dir/socket -d shop -c \"ALTER SYSTEM SET osprofiler.connection_string = 'redis://127.0.0.1:1'\" -c 'SELECT pg_reload_conf()'");
must("$postgres psql -Xq -h $dir/socket -d shop -c 'SET osprofiler.sample_rate = 1' -c 'SELECT 1'");
stop();
for my $user ('root', 'postgres')
{
	my $as_postgres = $user eq 'root' ? $postgres . ' ' : '';

	($status, $out) = types($user, 'osprofiler status');
	like($out, qr{ waits? in .* of a PostgreSQL server, /dev/shm/osprofiler-\d+/pg-\S+, and no shipper is at work \(the PostgreSQL server has stopped; .*: '\Q$as_postgres\Epg_ctl start -D \Q$dir\E/socket/data'\)}, "$user: status says what waits of a stopped server") or diag($out);
	is($status, 3, '... by its exit status, too');
}
start();
must("$postgres psql -Xq -h $dir/socket -d shop -c 'ALTER SYSTEM RESET osprofiler.connection_string' -c 'SELECT pg_reload_conf()'");
for (1 .. 100)
{
	last if sql('SELECT waiting_bytes + spool_points = 0 FROM osprofiler.stat') eq "t\n";
	select undef, undef, undef, 0.1;
}

# --- postgres ---------------------------------------------------------------------------

($status, $out) = types('postgres', "osprofiler doctor --fix '$place'");
is($status, 0, 'postgres: --fix') or diag($out);
like($out, qr/signed here, by the user postgres; for another user: as root, osprofiler doctor --fix --for-user USER '/, 'says for whom');
is((stat "$dir/home/postgres/.config/osprofiler/hmac_keys")[4], scalar getpwnam('postgres'), '... the key is postgres\'s');
is(scalar(() = slurp("$dir/socket/data/osprofiler.keys") =~ /^\S+$/mg), 2, 'the server has both keys');

# --- the circle: a service's user -------------------------------------------------------

($status, $out) = types('shop', "osprofiler run -- psql -X -h $dir/socket -d shop -c 'SELECT 1'");
is($status, 0, 'a run of shop');
($line) = $out =~ /this makes one that the server knows: (.*)$/m;
ok(defined $line, '... says what makes a key') or diag($out);
($status, $out) = types('shop', $line // 'false');
is($status, 1, 'typed by shop, who is nobody special, it cannot do all');
is(-e "$dir/home/shop/.config/osprofiler/hmac_keys" ? (stat _)[4] : -1, 54321, '... but there is a key');
unlike($out, qr/sudo/, '... there is no sudo');
like($out, qr/as root, for the server's user, who is a superuser there:$/m, '... says who can') or diag($out);
($line) = $out =~ /^ +type: (.*)$/m;
like($line // '', qr/^OSPROFILER_HMAC_KEYS=.* runuser -u postgres -- \S+ doctor --fix --add-key '\Q$place\E'$/, '... and how');
($status, $out) = types('root', $line // 'false');
is($status, 0, 'typed by root, it ends the circle') or diag($out);
unlike($out, qr/unset OSPROFILER_HMAC_KEYS/, '... and sends nobody back');
($status, $out) = types('shop', "osprofiler doctor '$place'");
is($status, 0, 'all is good for shop') or diag($out);
is(scalar(() = slurp("$dir/socket/data/osprofiler.keys") =~ /^\S+$/mg), 3, 'the server has three keys');
($status, $out) = types('root', "runuser -u shop -- osprofiler run -- psql -X -h $dir/socket -d shop -c 'SELECT 1'");
my ($show) = $out =~ /^Display trace with command: (.*)$/m;
like($show // '', qr/^runuser -u shop -- osprofiler trace show /, 'root, who acted as shop, is told what root types');
($status, $out) = types('root', $show // 'false');
like($out, qr/ pg  .*SELECT 1/, 'the trace has the server\'s half') or diag($out);

# A given key is added, also beside one that the server knows.
($status, $out) = types('postgres', "OSPROFILER_HMAC_KEYS=GIVEN_KEY osprofiler doctor '$place'");
like($out, qr/or give the server this key, too: --fix --add-key$/m, 'another key: both ways are said') or diag($out);
($status, $out) = types('postgres', "OSPROFILER_HMAC_KEYS=GIVEN_KEY osprofiler doctor --fix --add-key '$place'");
is($status, 0, '--add-key') or diag($out);
like(slurp("$dir/socket/data/osprofiler.keys"), qr/^GIVEN_KEY$/m, '... adds it');
is(scalar(() = slurp("$dir/socket/data/osprofiler.keys") =~ /^\S+$/mg), 4, '... to the others');

# --- for another user ---------------------------------------------------------------------

must("rm -r $dir/home/shop/.config");
must("install -d -m 700 $dir/closed");
($status, $out) = types('root', "cd $dir/closed; osprofiler doctor --fix --for-user shop '$place'");
is($status, 0, '--for-user shop') or diag($out);
like($out, qr/^\$ .*runuser -u postgres -- psql /m, '... calls psql as postgres');
unlike($out, qr/could not change directory/, "... which may not enter root's directory, and does not complain");
like($out, qr/signed here, by the user shop$/m, '... says for whom');
for my $path ('', '/osprofiler', '/osprofiler/hmac_keys')
{
	my @st = stat "$dir/home/shop/.config$path";

	is($st[4] // -1, 54321, ".config$path is shop's");
	is(($st[2] // 077) & 077, 0, ".config$path is closed to others");
}
like($out, qr{sqlite:///\Q$dir\E/home/shop/\S+ takes it}, '... and shop\'s store was tried');
($status, $out) = types('shop', "osprofiler doctor '$place'");
is($status, 0, 'all is good for shop again') or diag($out);
{
	local $ENV{HOME} = "$dir/nowhere";
	($status, $out) = types('root', 'osprofiler context new');
	like($out, qr/no HMAC key: .*; keys are each user's own, and postgres has one: runuser -u postgres -- osprofiler context new \(see/m,
		'context new of root without a key names a user who has one') or diag($out);
}
($status, $out) = types('root', "osprofiler doctor '$place' --fix --for-user shop");
unlike($out, qr/^\$ /m, 'a second time nothing is typed');
unlike($out, qr/is not used with --for-user/, '... and nothing is passed over');
($status, $out) = types('root', "OSPROFILER_HMAC_KEYS=ROOTS_KEY osprofiler doctor '$place' --for-user shop");
is($status, 0, "root's variable with a key is not shop's") or diag($out);
like($out, qr/^good +keys +1; the file of keys is \S+; OSPROFILER_HMAC_KEYS of this environment is not used with --for-user: the user's key is that of the file in OSPROFILER_CONF or/m,
	'... which is said') or diag($out);

# --- rights ------------------------------------------------------------------------------

# What is typed for files that belong to the wrong user, or are open to others.
sub rights
{
	my ($what, $break, $call, $step, $type, $repair) = @_;

	must($break);
	my ($status, $out) = types('root', $call);
	my ($text, $typed) = $out =~ /^wrong +\Q$step\E +(.*?)^ +type: ([^\n]*)$/ms;

	like($typed // 'no command', $type, "$what: what root types") or diag($out);
	my $tries = 0;
	($status, my $said) = types('root', $typed // 'false');
	is($status, 0, '... works') or diag($said);
	do { select undef, undef, undef, 1 if $tries; ($status, $out) = types('root', $call) } while ($out =~ /^wrong/m && $tries++ < 3);
	unlike($out, qr/^(?:wrong|not tried) +\Q$step\E/m, '... and mends it') or diag($out);
	return $text;
}

{
	my $for_shop = "osprofiler doctor --for-user shop '$place'";
	my $for_root = "osprofiler doctor '$place'";
	my $home = "$dir/home/shop";
	my $data = "$dir/socket/data";
	my $uid = getpwnam('postgres');

	rights("a service's key that is root's", "chown root: $home/.config/osprofiler/hmac_keys", $for_shop, 'keys',
		qr{^chown -hR shop: \Q$home\E/\.config/osprofiler/hmac_keys && chmod 600 \Q$home\E/\.config/osprofiler/hmac_keys$});
	rights("a service's store that is root's", "chown root: $home/.local/state/osprofiler", $for_shop, 'store a trace',
		qr{^chown -hR shop: \Q$home\E/\.local/state/osprofiler$});
	rights("a service's run directory that is root's", 'rm -rf /dev/shm/osprofiler-54321; install -d -m 700 /dev/shm/osprofiler-54321', $for_shop, 'run directory',
		qr{^chown -hR shop: /dev/shm/osprofiler-54321 && chmod 700 /dev/shm/osprofiler-54321$});
	rights("a service's run directory that is another user's", 'rm -rf /dev/shm/osprofiler-54321; install -d -m 700 -o 54322 /dev/shm/osprofiler-54321', $for_shop, 'run directory',
		qr{^rm -r /dev/shm/osprofiler-54321$});
	rights("the server's keys that others can read", "chmod 644 $data/osprofiler.keys; $postgres psql -Xq -h $dir/socket -d postgres -c 'SELECT pg_reload_conf()' >/dev/null", $for_root, 'signed context',
		qr{^chmod 600 \Q$data\E/osprofiler\.keys && runuser -u postgres -- psql .*pg_reload_conf});
	rights("the server's keys that are root's", "chown root $data/osprofiler.keys; $postgres psql -Xq -h $dir/socket -d postgres -c 'SELECT pg_reload_conf()' >/dev/null", $for_root, 'signed context',
		qr{^chown postgres: \Q$data\E/osprofiler\.keys && chmod 600 \Q$data\E/osprofiler\.keys && runuser -u postgres -- psql .*pg_reload_conf});
	rights("the server's run directory that is root's", "chown root /dev/shm/osprofiler-$uid", $for_root, 'signed context',
		qr{^chown -hR postgres: /dev/shm/osprofiler-$uid && chmod 700 /dev/shm/osprofiler-$uid$});
	my $end = "kill \$($postgres psql -XAt -h $dir/socket -d shop -c 'SELECT shipper_pid FROM osprofiler.stat'); sleep 1";
	rights("the server's database that is root's", "chown root $data/osprofiler/pgsql_tmp/traces.db*; chmod 600 $data/osprofiler/pgsql_tmp/traces.db*; $end", $for_root, 'shipper',
		qr{^chown -hR postgres: \Q$data\E/osprofiler$});
	rights("the server's directory that is root's", "chown root $data/osprofiler; $end", $for_root, 'shipper',
		qr{^chown -hR postgres: \Q$data\E/osprofiler$});
}

# Both sides name one collector, and what the server delivers is not there: another one
# lies at that path for the caller.
must("install -d -m 777 $dir/same");
SKIP:
for my $uri ("sqlite:///$dir/same/traces.db", "redis+unix://$dir/same/redis")
{
	my $call = "OSPROFILER_CONNECTION_STRING=$uri runuser -u postgres -- osprofiler doctor '$place'";
	my $redis = "redis-server --port 0 --save '' --dir $dir --unixsocket $dir/same/redis --unixsocketperm 777 >/dev/null 2>&1 & redis=\$!; sleep 1";

	skip 'no redis-server', 3 if $uri =~ /redis/ && !grep { -x "$_/redis-server" } split /:/, $ENV{PATH};
	chomp(my $pid = $uri =~ /redis/ ? must("$redis; echo \$redis") : '');
	sql("ALTER SYSTEM SET osprofiler.connection_string = '$uri'");
	sql('SELECT pg_reload_conf()');
	for (1 .. 5) { ($status, $out) = types('root', $call); last if $status == 0; sleep 1; }
	is($status, 0, "one collector on both sides, $uri") or diag($out);
	my $file = write_file("$dir/other", "mount -t tmpfs -o mode=1777 none $dir/same\n" . ($pid ? "$redis\n$call\nkill \$redis\n" : "$call\n"));
	($status, $out) = types('root', "unshare -m sh $file");
	like($out, qr/^wrong +test statement +it arrived in \Q$uri\E as the server reaches it, which is another one than is reached here\n +do: name a place that is the same for both sides: /m,
		'... where it does not arrive that is said') or diag($out);
	unlike($out, qr/--move-collector|export OSPROFILER_CONNECTION_STRING|name one collector/, '... and the collector is not moved');
	sql('ALTER SYSTEM RESET osprofiler.connection_string');
	sql('SELECT pg_reload_conf()');
	sleep 1;
	kill 'TERM', $pid if $pid;
}

# The server's collector is a file that only the server's user may open: nobody is sent
# there. One that all can open is named.
must("install -d -m 700 -o postgres $dir/closed_store && install -d -m 777 $dir/open_store && install -m 666 /dev/null $dir/open_store/traces.db");
for my $store ('closed', 'open')
{
	my $uri = "sqlite:///$dir/${store}_store/traces.db";

	sql("ALTER SYSTEM SET osprofiler.connection_string = '$uri'");
	sql('SELECT pg_reload_conf()');
	for (1 .. 5) { ($status, $out) = types('root', "osprofiler doctor --for-user shop '$place'"); last if $out =~ /^wrong +test statement +the server delivers/m; sleep 1; }
	my ($do) = $out =~ /^wrong +test statement +the server delivers to another collector, \Q$uri\E, .*?\n +do: ([^\n]*)$/ms;
	like($do // '', $store eq 'closed'
		? qr/^this user cannot open the server's collector, a file: a member of pg_read_all_stats reads the traces in it by osprofiler trace show --server '[^']+' ID; or name one collector on both sides that both may use, such as redis:\/\/localhost: here in OSPROFILER_CONNECTION_STRING \(in the environment of the service and of this command\), there in osprofiler\.connection_string/
		: qr/in the environment of the service and of this command:$/, "the server's store is $store: what to do") or diag($out);
	unlike($do // '', qr/; *;/, '... without an empty clause');
	is($out =~ /export OSPROFILER_CONNECTION_STRING/ ? 'export' : '', $store eq 'open' ? 'export' : '', '... and what to type');
	sql('ALTER SYSTEM RESET osprofiler.connection_string');
	sql('SELECT pg_reload_conf()');
	sleep 1;
}

# Root, who checks a server for others, keeps no database.
{
	my $left = must("find $dir/admin -name 'traces.db*' -o -path '*/.local*'");

	is($left, '', "no database of doctor's stays in root's home directory");
	($status, $out) = types('root', "osprofiler doctor '$place'");
	like($out, qr{^good +read it back +it is there, and removed again$}m, '... where a trace was stored') or diag($out);
	like($out, qr{^good +collector +sqlite:///\Q$dir\E/admin/\.local/state/osprofiler/traces\.db$}m, '... in the name of the default') or diag($out);
	is(must("find $dir/admin -path '*/.local*'"), '', '... and nothing stays');
}

# The file of a service of shop, which has no key.
write_file("$dir/shop.conf", "[profiler]\nenabled = true\n");
must("chown root:54321 $dir/shop.conf && chmod 640 $dir/shop.conf");
my $service = "OSPROFILER_CONF=$dir/shop.conf osprofiler doctor --for-user shop '$place'";
($status, $out) = types('root', $service);
is($status, 1, 'a service without a key') or diag($out);
my ($write) = $out =~ /^wrong +keys .*?^ +type: ([^\n]*)$/ms;
like($write // '', qr/runuser -u shop -- grep /, "... root opens no file of shop's");
($status, $out) = types('root', $write // 'false');
is($status, 0, '... what root types works') or diag($out);
($status, $out) = types('root', $service);
is($status, 0, '... and mends it') or diag($out);
is((stat "$dir/shop.conf")[5], 54321, "... and the file stays shop's");
($status, $out) = types('shop', "osprofiler doctor --fix --for-user postgres '$place'");
is($status, 2, '--for-user is for root');
like($out, qr/--for-user is for root; without it, the user postgres calls/, '... which is said');
($status, $out) = types('root', "osprofiler doctor --fix --for-user nosuch '$place'");
like($out, qr/there is no user 'nosuch' on this host/, '--for-user of nobody');

# --- a user with sudo -------------------------------------------------------------------

# As sudo, it keeps little of the environment.
mkdir "$dir/sudo";
write_file("$dir/sudo/sudo.c", <<'END');
#define _GNU_SOURCE
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int
main(int argc, char **argv)
{
	static const char *kept[] = {"PATH", "LC_ALL", "OSPROFILER_DRIVER_PATH", "OSPROFILER_HOOK_PATH", NULL, NULL, NULL};
	char *values[7] = {NULL};
	const char *name = "root";
	char caller[20];
	int i, n = 4, at = 1;
	for (; at < argc && argv[at][0] == '-'; at++)
		if (strcmp(argv[at], "-u") == 0)
			name = argv[++at];
		else if (strncmp(argv[at], "--preserve-env=", 15) == 0)
			for (char *word = strtok(argv[at] + 15, ","); word != NULL && n < 6; word = strtok(NULL, ","))
				kept[n++] = word;
	struct passwd *user = getpwnam(name);
	snprintf(caller, sizeof(caller), "%d", (int) getuid());
	for (i = 0; kept[i] != NULL; i++)
		values[i] = getenv(kept[i]) != NULL ? strdup(getenv(kept[i])) : NULL;
	clearenv();
	for (i = 0; kept[i] != NULL; i++)
		if (values[i] != NULL)
			setenv(kept[i], values[i], 1);
	setenv("SUDO_UID", caller, 1);
	setenv("HOME", user->pw_dir, 1);
	if (initgroups(name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)
		return 99;
	execvp(argv[at], argv + at);
	return 98;
}
END
must("cc -o $dir/sudo/sudo $dir/sudo/sudo.c && chmod 4755 $dir/sudo/sudo");
my $sudo = "PATH=$dir/sudo:\$PATH";

($status, $out) = types('shop', "$sudo; osprofiler doctor --unfix '$place'");
is($status, 0, 'with sudo: --unfix') or diag($out);
like($out, qr/^\$ sudo -u postgres \S+ doctor --unfix /m, '... calls itself as the server\'s user');
like($out, qr/^good +open sessions +none has the module loaded$/m, '... without a session of its own');
like($out, qr/All is good, the library may be removed\.\n\z/, '... and is content with that');
like($out, qr/^--- report for the user postgres, the server's user ---\n\$ sudo .*^All is good.*^--- report for the user shop ---\ngood +server /ms, '... each report has a heading');
is(sql("SHOW session_preload_libraries"), "\n", '... all is taken back');

($status, $out) = types('shop', "$sudo; osprofiler doctor --fix '$place'");
is($status, 0, 'with sudo: --fix') or diag($out);
is(scalar(() = $out =~ /^--- report for the user (?:postgres, the server's user|shop) ---$/mg), 2 * scalar(() = $out =~ /^\$ .*sudo .* doctor --fix /mg),
	'... headings') or diag($out);

# Another collector for the server, and another one after it, the second with a password.
my ($redis) = grep { -x } map { "$_/redis-server" } split /:/, $ENV{PATH};
SKIP:
{
	skip 'no redis-server', 8 if !$redis;
	my $port = 20000 + $$ % 20000;
	my @pids;

	for my $more ('', '--requirepass hunter2')
	{
		my $pid = fork // die;
		exec("exec $redis --port $port --bind 127.0.0.1 --save '' --dir $dir $more >/dev/null 2>&1") if $pid == 0;
		push @pids, $pid;
		sleep 1;
		my $uri = 'redis://' . ($more ? ':hunter2@' : '') . "127.0.0.1:$port";
		($status, $out) = types('shop', "$sudo; osprofiler doctor --fix --connection-string $uri '$place'");
		is($status, 0, "with sudo: a collector of the server, $uri") or diag($out);
		is(sql("SHOW osprofiler.connection_string" . ($more ? '_file' : '')), $more ? "osprofiler.collector\n" : "$uri\n", '... is set');
		unlike($out =~ s/^.*--connection-string.*$//mr, qr/hunter2/, '... and not shown') if $more;
		$port++;
	}
	chmod 0644, "$dir/socket/data/osprofiler.collector";
	must("chown root $dir/socket/data/osprofiler.collector && chmod 600 $dir/socket/data/osprofiler.collector");
	sql("SELECT pg_reload_conf()");
	sleep 1;
	($status, $out) = types('root', "OSPROFILER_CONNECTION_STRING=redis://:hunter2\@127.0.0.1:@{[ $port - 1 ]} osprofiler doctor '$place'");
	like($out, qr/the file has to belong to the server's user, postgres, /, 'a file of root\'s: it is said whose it must be') or diag($out);
	my ($mend) = $out =~ /^wrong +shipper.*?^ +type: ([^\n]*)$/ms;
	($status, my $said) = types('root', $mend // 'false');
	is($status, 0, '... what root types works') or diag($mend, $said);
	($status, $out) = types('root', "OSPROFILER_CONNECTION_STRING=redis://:hunter2\@127.0.0.1:@{[ $port - 1 ]} osprofiler doctor --fix '$place'");
	is($status, 0, '... and is enough') or diag($out);
	sql("ALTER SYSTEM RESET osprofiler.$_") for qw(connection_string connection_string_file);
	sql("SELECT pg_reload_conf()");
	kill 'TERM', @pids;
	waitpid $_, 0 for @pids;
}

# What the caller of sudo types has sudo before both commands.
{
	chmod 0644, "$dir/socket/data/osprofiler.keys";
	sql("SELECT pg_reload_conf()");
	($status, $out) = types('shop', "$sudo; sudo -u postgres env $build/bin/osprofiler doctor '$place'");
	like($out, qr/^ +type: sudo chmod 600 \Q$dir\E\/socket\/data\/osprofiler\.keys && sudo -u postgres psql /m, 'with sudo: a file that others can read') or diag($out);
	chmod 0600, "$dir/socket/data/osprofiler.keys";
	sql("SELECT pg_reload_conf()");
}

# A session that stays is what is wrong, and not the call.
must("runuser -u shop -- sh -c \"(echo 'SELECT 1;'; sleep 30) | psql -XAtq -h $dir/socket -d shop\" >$dir/open 2>&1 & "
	  . "while ! grep -q 1 $dir/open; do sleep 0.1; done");
($status, $out) = types('shop', "$sudo; osprofiler doctor --unfix '$place'");
is($status, 1, 'with sudo, and a session is open: --unfix fails') or diag($out);
like($out, qr/^wrong +open sessions +1 has the module loaded until it ends: psql, user shop, process \d+$/m, '... says why');
like($out, qr/^wrong +preloading +the report of the server's user, above, says what is wrong$/m, '... and who said it');
my ($own) = $out =~ /^(wrong +preloading.*)\z/ms;
unlike($own // '', qr/doctor --unfix/, '... and does not propose the same again');
sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'");
($status, $out) = types('root', "osprofiler doctor --fix --for-user shop '$place'");
is($status, 0, 'root mends it again') or diag($out);

# --- a user without a home directory ----------------------------------------------------

($status, $out) = types('homeless', "osprofiler run -- true");
like($out, qr/cannot be written to: \Q$dir\E\/home\/homeless, the home directory of the user homeless, does not exist/, 'run: no home') or diag($out);
like($out, qr/OSPROFILER_CONNECTION_STRING=sqlite:\/\/\/\/var\/lib\/homeless\/traces\.db/, '... what a service is given instead');
($status, $out) = types('homeless', "osprofiler doctor");
like($out, qr/home\/homeless, the home directory of the user homeless, does not exist: make it, as root; or name a place/, 'doctor: no home') or diag($out);
unlike($out, qr/mktemp/, '... nothing for a shell alone');
($line) = $out =~ /^wrong +store a trace.*?^ +type: ([^\n]*)$/ms;
($status, $out) = types('root', $line // 'false');
is($status, 0, 'what is to be typed is root\'s') or diag($out);
is((stat "$dir/home/homeless")[4] // -1, 54322, '... and makes the directory');
rmdir "$dir/home/homeless";
($status, $out) = types('root', "osprofiler doctor --fix --for-user homeless '$place'");
is($status, 0, '--for-user makes it, too') or diag($out);
is((stat "$dir/home/homeless")[2] & 07777, 0700, '... closed to others');

# --- back -------------------------------------------------------------------------------

($status, $out) = types('postgres', "psql -Xq -h $dir/socket -d shop -c \"ALTER ROLE shop SET session_preload_libraries = 'osprofiler'\"");
($status, $out) = types('root', "$postgres osprofiler doctor --unfix '$place'");
($line) = $out =~ /^wrong +other places.*?^ +type: ([^\n]*)$/ms;
like($line // '', qr/^runuser -u postgres -- psql /, '--unfix: what root types, who called it as postgres') or diag($out);
($status, $out) = types('root', $line // 'false');
is($status, 0, '... is let in') or diag($out);
($status, $out) = types('root', "osprofiler doctor --unfix '$place'");
is($status, 0, 'root: --unfix') or diag($out);
like($out, qr/All is good, the library may be removed\.\n\z/, '... takes all back');
like($out, qr{^good +what stays +.*; of other users (?:\S+ )*\Q$dir\E/home/shop/\.config/osprofiler/hmac_keys[,;]}m, '... and names the keys of others that stay');
is(sql("SHOW session_preload_libraries"), "\n", '... in the server');

# --- README removes all ---------------------------------------------------------------------

# What installs is removed by the tests of installing; here is what that leaves.
{
	local $ENV{PGHOST} = "$dir/socket";
	my ($block) = slurp("$top/README.md") =~ /^<!-- remove -->\n```\n(.*?)^```$/ms;
	my @lines = map { s{/var/lib/postgresql/15/main}{$dir/socket/data}r } ($block // '') =~ /^\$ ((?:osprofiler|rm) [^#\n]*)/mg;
	my $all = "find $dir/admin $dir/home $dir/socket /dev/shm -name '*osprofiler*'";

	is(scalar @lines, 6, 'README: the lines of the block');
	s{~root}{$dir/admin}g for @lines;
	isnt(must($all), '', 'before it there is something');
	for my $line (@lines)
	{
		($status, $out) = types('root', $line);
		is($status, 0, "README: $line") or diag($out);
	}
	must("rm -rf $dir/home/homeless");
	is(must($all), '', 'nothing is left');
}

done_testing();
