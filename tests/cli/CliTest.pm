# SPDX-License-Identifier: Apache-2.0
#
# CliTest.pm
#	  What the tests of the command share: running it, and traces to run it on.
#
# The command and the drivers are those of the build directory, BUILD, or
# "build" in the tree. A test has a directory of its own, $dir, and starts from
# an environment without any setting of osprofiler's.

package CliTest;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use POSIX ();
use Test::More;

our @EXPORT = qw($build $dir $top run_cli run_ok one_error usage_error point
  write_points write_file slurp);

our $top = abs_path(dirname(__FILE__) . '/../..');
our $dir = tempdir('osprofiler-cli.XXXXXX', TMPDIR => 1, CLEANUP => 1);

our $build = $ENV{BUILD} // "$top/build";

delete $ENV{$_} for grep { /^OSPROFILER_/ } keys %ENV;
delete @ENV{qw(NO_COLOR XDG_RUNTIME_DIR)};
$ENV{OSPROFILER_DRIVER_PATH} = "$build/drivers";
$ENV{XDG_STATE_HOME} = "$dir/state";
$ENV{XDG_CONFIG_HOME} = "$dir/config";
$ENV{OSPROFILER_RUN_DIR} = "$dir/rings";
$ENV{LC_ALL} = 'C.UTF-8';

sub slurp
{
	my ($path) = @_;
	open my $file, '<', $path or return undef;
	local $/;
	my $text = <$file>;
	return $text // '';
}

sub write_file
{
	my ($path, $text) = @_;
	open my $file, '>', $path or die "$path: $!";
	print $file $text;
	close $file or die "$path: $!";
	return $path;
}

# Runs the command. The last argument may be one of { stdout => path }; { closed
# => 1 }, no stdout at all; { pipe => 1 }, a pipe that nobody reads; { limit =>
# n }, no file may grow beyond n blocks. Returns exit status (or -signal), stdout,
# stderr.
sub run_cli
{
	my $how = ref $_[-1] ? pop : {};
	my @args = @_;
	my $out = $how->{stdout} // "$dir/stdout";
	my @command = ("$build/bin/osprofiler", @args);

	@command = ('sh', '-c', "ulimit -f $how->{limit}; exec \"\$@\"", '--', @command)
	  if defined $how->{limit};
	write_file("$dir/stdout", '');

	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		open STDIN, '<', '/dev/null' or POSIX::_exit(126);
		open STDERR, '>', "$dir/stderr" or POSIX::_exit(126);
		redirect_stdout($how, $out) or POSIX::_exit(126);
		exec(@command) or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	my $status = $? & 127 ? -($? & 127) : $? >> 8;
	return ($status, slurp("$dir/stdout"), slurp("$dir/stderr"));
}

sub redirect_stdout
{
	my ($how, $out) = @_;

	return POSIX::close(1) if $how->{closed};
	return open STDOUT, '>', $out if !$how->{pipe};
	pipe my $reader, my $writer or return 0;
	close $reader;
	return open STDOUT, '>&', $writer;
}

# Runs the command, which must succeed and say nothing on stderr: its stdout.
sub run_ok
{
	my ($status, $out, $err) = run_cli(@_);
	my $name = join ' ', grep { !ref } @_;

	is("$status|$err", '0|', "osprofiler $name");
	return $out;
}

# The command must fail with one line on stderr that matches, and exit status 1.
sub one_error
{
	my ($pattern, @args) = @_;
	return fails(1, $pattern, @args);
}

# The same for a wrong call, exit status 2.
sub usage_error
{
	my ($pattern, @args) = @_;
	return fails(2, $pattern, @args);
}

sub fails
{
	my ($expected, $pattern, @args) = @_;
	my ($status, $out, $err) = run_cli(@args);
	my $name = 'osprofiler ' . join ' ', grep { !ref } @args;

	local $Test::Builder::Level = $Test::Builder::Level + 2;
	is($status, $expected, "$name: exit status");
	like($err, $pattern, "$name: message");
	like($err, qr/\Aosprofiler: [^\n]+\n\z/, "$name: one line");
	is($out, '', "$name: nothing on stdout");
	return;
}

# A notification as upstream writes it.
sub point
{
	my ($name, $base, $parent, $trace, $time, $info, $service) = @_;
	$info //= '{"host": "h"}';
	$service //= 'svc';
	return
	    qq({"name": "$name", "base_id": "$base", "trace_id": "$trace", )
	  . qq("parent_id": "$parent", "timestamp": "2026-11-22T15:56:$time", )
	  . qq("info": $info, "project": null, "service": "$service"});
}

# Writes notifications, one a line; returns the connection string of the file.
sub write_points
{
	my ($path, @points) = @_;
	write_file($path, join '', map { "$_\n" } @points);
	return "file://$path";
}

1;
