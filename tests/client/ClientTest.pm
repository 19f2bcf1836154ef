# SPDX-License-Identifier: Apache-2.0
#
# ClientTest.pm
#	  What the tests of libpq's clients share: a PostgreSQL of their own, programs
#	  run with and without tracing, and traces as text.
#
# The command, hooks and drivers are those of the build directory, BUILD, or
# "build" in the tree. The server listens on a Unix socket in the test's own
# directory only. PostgreSQL refuses to run as root: then all is run as postgres.

package ClientTest;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw($dir $here $osprofiler $key start_server stop_server
  restart_server run plain traced trace_id tree points check_trace slurp
  write_file need_program need_extension leftover
  $nothing_seen $summary wait_for wait_for_query);

# Everything runs as one user, so that both sides may write to one collector.
BEGIN
{
	if ($> == 0)
	{
		$ENV{HOME} = '/';
		exec('setpriv', '--reuid', 'postgres', '--regid', 'postgres',
			'--clear-groups', '--', $^X, '-I', dirname(__FILE__), $0, @ARGV)
		  or die "setpriv: $!";
	}
}

our $here = abs_path(dirname(__FILE__));
our $dir = tempdir('osprofiler-client.XXXXXX', TMPDIR => 1, CLEANUP => 1);
our $key = 'SECRET_KEY';

my $build = $ENV{BUILD} // "$here/../../build";
our $osprofiler = "$build/bin/osprofiler";
my $bin = `$ENV{PG_CONFIG} --bindir` if $ENV{PG_CONFIG};
$bin //= `pg_config --bindir`;
chomp $bin;

chmod 0755, $dir;
delete $ENV{$_} for grep { /^(OSPROFILER_|PG(?!_CONFIG))/ } keys %ENV;
delete @ENV{qw(NO_COLOR XDG_RUNTIME_DIR LD_PRELOAD)};
$ENV{OSPROFILER_DRIVER_PATH} = "$build/drivers";
$ENV{OSPROFILER_HOOK_PATH} = "$build/client_hooks:$build/sqlite_osprofiler";
$ENV{OSPROFILER_CONNECTION_STRING} = "sqlite:///$dir/traces.db";
$ENV{OSPROFILER_RUN_DIR} = "$dir/run";
$ENV{XDG_CONFIG_HOME} = "$dir/config";
$ENV{LC_ALL} = 'C.UTF-8';
$ENV{PATH} = "$bin:$ENV{PATH}";
@ENV{qw(PGHOST PGUSER PGDATABASE PGTZ)} = ("$dir/server", 'demo', 'postgres', 'UTC');

sub slurp
{
	my ($path) = @_;
	open my $file, '<', $path or return undef;
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

# --- the server ---------------------------------------------------------------

sub server_command
{
	my @command = @_;

	system("cd / && " . join(' ', map { "'$_'" } @command) . ' >/dev/null 2>&1')
	  == 0
	  or BAIL_OUT("@command failed; see $dir/server/log");
}

my $started = 0;

# Starts it with more lines for postgresql.conf.
sub start_server
{
	my ($conf) = @_;

	if (!-d "$dir/server")
	{
		mkdir "$dir/server";
		server_command("$bin/initdb", '-D', "$dir/server/data", '-U', 'demo',
			'-A', 'trust', '--no-sync', '--locale', 'C.UTF-8', '-E', 'UTF8');
		open my $file, '>>', "$dir/server/data/postgresql.conf" or die $!;
		print $file "listen_addresses = ''\nunix_socket_directories = '$dir/server'\n"
		  . "fsync = off\nmax_connections = 100\n" . ($conf // '') . "\n";
		close $file;
	}
	server_command("$bin/pg_ctl", '-D', "$dir/server/data", '-l', "$dir/server/log",
		'-w', 'start');
	$started = 1;
}

sub stop_server
{
	my ($mode) = @_;

	return if !$started;
	server_command("$bin/pg_ctl", '-D', "$dir/server/data", '-m', $mode // 'fast', '-w',
		'stop');
	$started = 0;
}

sub restart_server
{
	stop_server('immediate');
	start_server();
}

END
{
	my $status = $?;
	stop_server('immediate');
	$? = $status;
}

# --- programs -----------------------------------------------------------------

# Skips the rest of a block when a program or module is not there; in CI that is
# a failure.
sub need_program
{
	my ($what, @probe) = @_;

	return 1 if system(join(' ', @probe) . ' >/dev/null 2>&1') == 0;
	fail("$what is installed") if $ENV{CI};
	SKIP: { skip "$what is not installed", 1 if !$ENV{CI} }
	return 0;
}

# Makes the server to be started one that has the extension: a private copy of
# PostgreSQL, for nothing of the system is touched.
sub need_extension
{
	my $config = $ENV{PG_CONFIG} // 'pg_config';
	my $root = "$dir/root";

	for my $kind (qw(bindir pkglibdir sharedir))
	{
		chomp(my $path = `$config --$kind`);
		system("mkdir -p '$root" . dirname($path) . "' && "
			  . "{ test -e '$root$path' || cp -rL '$path' '$root$path'; }") == 0
		  or BAIL_OUT("cannot copy $path");
	}
	system("make -s -C '$here/../../pg_osprofiler' install PG_CONFIG='$config' "
		  . "BUILD='" . abs_path($build) . "' DESTDIR='$root' >'$dir/install.log' 2>&1") == 0
	  or BAIL_OUT("cannot install the extension:\n" . slurp("$dir/install.log"));
	$bin = $root . $bin;
	$ENV{PATH} = "$bin:$ENV{PATH}";
}

# Runs a command; returns exit status (or -signal), stdout, stderr. A file named
# by a first argument of { stdin => path } is its input.
sub run
{
	my $how = ref $_[0] ? shift : {};
	my @command = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		open STDIN, '<', $how->{stdin} // '/dev/null' or POSIX::_exit(126);
		open STDOUT, '>', "$dir/stdout" or POSIX::_exit(126);
		open STDERR, '>', "$dir/stderr" or POSIX::_exit(126);
		exec(@command) or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	my $status = $? & 127 ? -($? & 127) : $? >> 8;
	return ($status, slurp("$dir/stdout"), slurp("$dir/stderr"));
}

my $last_id;

# What `osprofiler run` says instead of a trace id where nothing was traced.
our $nothing_seen = qr{^osprofiler: run: (?:no operation was seen|the command was not traced:|the command runs untraced:).*\n\z}m;

# What it says at the end of what it has seen.
our $summary = qr{^osprofiler: run: \d+ statements? of .*\n}m;

# As run, under `osprofiler run`; its own lines at the end are taken away.
sub traced
{
	my $how = ref $_[0] ? shift : {};
	my ($status, $out, $err) =
	  run($how, $osprofiler, 'run', '--hmac-key', $key, '--', @_);

	$last_id = undef;
	$last_id = $1
	  if $err =~ s/^Trace ID: (\S+)\nDisplay trace(?: once it is delivered,)? with command: .*\n\z//m;
	$err =~ s/$nothing_seen//;
	$err =~ s/$summary//;
	return ($status, $out, $err);
}

sub trace_id
{
	return $last_id;
}

# Waits until a condition holds, for at most 15 seconds; a test of that name.
sub wait_for
{
	my ($what, $condition) = @_;
	my $end = time + 15;

	while (time < $end)
	{
		return pass($what) if $condition->();
		sleep 0.02;
	}
	return fail($what);
}

# Waits until a server process executes a statement that begins so.
sub wait_for_query
{
	my ($text) = @_;

	return wait_for("the server executes $text", sub {
		my (undef, $n) = run('psql', '-XAtc', 'select count(*) from pg_stat_activity '
			  . "where state = 'active' and starts_with(query, '$text')");
		return $n == 1;
	});
}

# What run directories hold that should be gone.
sub leftover
{
	return join ' ', glob "$dir/run/run-*";
}

# --- traces -------------------------------------------------------------------

# The last trace as upstream's JSON, decoded.
sub points
{
	my ($id) = @_;
	my ($status, $out, $err) =
	  run($osprofiler, 'trace', 'show', '--json', $id // $last_id // 'none');

	is("$status|$err", '0|', 'trace show');
	return JSON::PP->new->decode($out || '{}');
}

# Of a point: "db SELECT 1 | SELECT 1 | 1 row", whatever of it there is.
sub line_of
{
	my ($point) = @_;
	my $info = $point->{info};
	my $name = $info->{name};
	my $start = $info->{"meta.raw_payload.$name-start"}{info} // {};
	my $stop = $info->{"meta.raw_payload.$name-stop"};
	my $end = $stop ? $stop->{info} // {} : {};
	my @parts = ($name);
	my $text = $start->{db}{statement};

	push @parts, "[$start->{db}{operation}]" if defined $start->{db}{operation};
	push @parts, "($start->{db}{name})" if length($start->{db}{name} // '');
	push @parts, "#$start->{db}{pipeline}" if defined $start->{db}{pipeline};
	if (defined $text)
	{
		$text =~ s/\s+/ /g;
		$text = substr($text, 0, 100) . '...' if length $text > 100;
		push @parts, $text;
	}
	push @parts, '-> ' . JSON::PP->new->canonical->encode($start->{db}{params})
	  if defined $start->{db}{params};
	push @parts, "| $end->{db}{command}" if defined $end->{db}{command};
	push @parts, "| rows $end->{db}{rows}" if defined $end->{db}{rows};
	push @parts, "| bytes $end->{db}{bytes}" if defined $end->{db}{bytes};
	push @parts, "| $end->{db}{outcome}" if defined $end->{db}{outcome};
	push @parts, "| $end->{etype}: $end->{message}" if defined $end->{etype};
	push @parts, '| NO STOP' if !$stop;
	return join ' ', @parts;
}

sub lines_of
{
	my ($point, $depth) = @_;
	my $text = '';

	for my $child (@{ $point->{children} // [] })
	{
		$text .= '  ' x $depth . line_of($child) . "\n";
		$text .= lines_of($child, $depth + 1);
	}
	return $text;
}

# The last trace as indented lines.
sub tree
{
	my ($id) = @_;
	my $text = lines_of(points($id), 0);

	utf8::encode($text);
	return $text;
}

sub check_trace
{
	my ($what, $id) = @_;
	my ($status, $out, $err) =
	  run($osprofiler, 'trace', 'check', $id // $last_id // 'none');

	is("$status|$out|$err", '0||', "$what: the trace is whole");
}

1;
