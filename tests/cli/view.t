#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# view.t
#	  Colours, the pager, and how wide lines are on a terminal.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

my $id = '11111111-2222-4333-8444-555555555555';
my $uri = write_points("$dir/points",
	point('web-start', $id, $id, 'w', '01.000000'),
	point('db-start', $id, 'w', 'd', '01.100000',
		'{"db": {"statement": "SELECT ' . 'a_long_name, ' x 30 . '1"}, "host": "h"}'),
	point('db-stop', $id, 'w', 'd', '01.900000',
		'{"etype": "E", "message": "' . 'went wrong ' x 20 . '", "host": "h"}'),
	point('web-stop', $id, $id, 'w', '02.000000'));
my @at = ('--connection-string', $uri);
my @show = ('trace', 'show', @at, $id);
my @explain = ('trace', 'explain', @at, $id);
my @list = ('trace', 'list', @at);

# What a command writes to a terminal; the environment first.
sub on_terminal
{
	my ($env, $size, @command) = @_;
	my $out = qx(env $env $top/tests/cli/on_terminal.py $size $build/bin/osprofiler @command 2>&1);
	return ($? >> 8, $out);
}

sub is_colored
{
	return $_[0] =~ /\e\[/ ? 1 : 0;
}

# --- colours ---------------------------------------------------------------------

for my $command (\@show, \@explain, \@list)
{
	my $name = "trace $command->[1]";

	is(is_colored(run_ok(@$command)), 0, "$name: no colours in a pipe");
	is(is_colored(run_ok(@$command, $_)), 1, "$name: but with $_") for '--color', '--color=always';
	is(is_colored(run_ok(@$command, $_)), 0, "$name: none with $_") for '--color=never', '--color=auto';
	usage_error(qr/--color takes always, never or auto, not '$_'/, @$command, "--color=$_")
	  for 'Always', '', '1';
	for my $case (['TERM=xterm', 1], ['TERM=xterm NO_COLOR=1', 0], ['TERM=xterm NO_COLOR=', 1],
		['TERM=dumb', 0], ['-u TERM', 0])
	{
		my ($status, $out) = on_terminal($case->[0], '80 50', @$command, '--no-pager');
		is("$status " . is_colored($out), "0 $case->[1]", "$name: on a terminal, $case->[0]");
	}
	my (undef, $out) = on_terminal('TERM=xterm NO_COLOR=1', '80 50', @$command, '--no-pager', '--color');
	is(is_colored($out), 1, "$name: an option comes before NO_COLOR");
	(undef, $out) = on_terminal('TERM=xterm', '80 50', @$command, '--no-pager', '--color=never');
	is(is_colored($out), 0, "$name: never on a terminal");
}
{
	local $ENV{NO_COLOR} = 1;
	is(is_colored(run_ok('--color=always', @show)), 1, 'before the command');
}

# --- the pager ---------------------------------------------------------------------

mkdir "$dir/bin";
for my $pager ('less', 'own')
{
	write_file("$dir/bin/$pager", "#!/bin/sh\necho \"$pager LESS=\$LESS\"\nexec cat\n");
	chmod 0755, "$dir/bin/$pager";
}
my $path = "PATH=$dir/bin:$ENV{PATH} TERM=xterm";

for my $command (\@show, \@explain, \@list)
{
	my $name = "trace $command->[1]";
	my (undef, $plain) = on_terminal($path, '80 50', @$command, '--no-pager');

	for my $case (
		["-u PAGER -u LESS $path", "less LESS=FRX\n", 'less without PAGER'],
		["-u PAGER LESS=i $path", "less LESS=i\n", 'LESS is left as it is'],
		["-u LESS PAGER=own $path", "own LESS=FRX\n", 'PAGER'],
		["-u LESS 'PAGER=own; true' $path", "own LESS=FRX\n", 'PAGER is a command of the shell'],
		["PAGER= $path", '', 'PAGER is empty'],
		["PAGER=cat $path", '', 'PAGER is cat'],
		["-u PAGER PATH=$dir TERM=xterm", '', 'there is no less'],
		["-u PAGER PATH=$dir/bin:$ENV{PATH} TERM=dumb", '', 'a dumb terminal'])
	{
		my ($env, $head, $what) = @$case;

		# The terminal's script needs a PATH of its own.
		my $python = $env =~ / PATH=\Q$dir\E TERM/ ? 1 : 0;
		my ($status, $out) = $python
		  ? (0, scalar qx(env -u PAGER TERM=xterm $top/tests/cli/on_terminal.py 80 50 /usr/bin/env PATH=$dir $build/bin/osprofiler @$command 2>&1))
		  : on_terminal($env, '80 50', @$command);
		my $expected = $head . ($env =~ /dumb/ ? $plain =~ s/\e\[[\d;]*m//gr : $plain);

		is("$status $out", "0 $expected", "$name: $what");
	}
	is(run_ok(@$command) =~ /LESS/ ? 1 : 0, 0, "$name: none in a pipe");
}
{
	my ($status, $out) = on_terminal("PAGER=nosuchpager $path", '200 50', @show);
	is($status, 1, 'a pager that is not there: nothing was shown');
	like($out, qr/osprofiler: trace show: the pager 'nosuchpager' \(PAGER\) cannot be run; --no-pager shows/, 'is named');

	write_file("$dir/bin/plain", 'no program');
	for my $command (\@show, \@explain, \@list)
	{
		for my $pager ('nosuchpager', "$dir/bin/plain", $dir)
		{
			($status, $out) = on_terminal("PAGER=$pager $path", '250 50', @$command);
			is($status, 1, "trace $command->[1]: $pager cannot be run");
			like($out, qr/the pager '\Q$pager\E' \(PAGER\) cannot be run/, 'and is named');
		}
	}
	mkdir "$dir/bin/dir";
	mkdir "$dir/bin/dir/less";
	my ($plain_status, $plain) = on_terminal($path, '80 50', @show, '--no-pager');
	is(scalar qx(env -u PAGER TERM=xterm $top/tests/cli/on_terminal.py 80 50 /usr/bin/env PATH=$dir/bin/dir $build/bin/osprofiler @show 2>&1),
		$plain, 'a directory of the name is no less');

	# One that ends before it has read all is no error: the text is longer than a pipe.
	my $many = write_points("$dir/many", map { my $n = $_; point('x-start', $id, $id, "t$n", '01.000000',
				'{"db": {"statement": "SELECT ' . ('x' x 150) . "$n\"}, \"host\": \"h\"}") } 1 .. 3000);
	($status, $out) = on_terminal("'PAGER=head -n 1' $path", '200 50', 'trace', 'show', '--all',
		'--connection-string', $many, $id);
	like("$status $out", qr/\A0 \S*Trace \S*$id[^\n]*\n\z/, 'a pager that has seen enough');
	($status, $out) = on_terminal("PAGER=own $path", '80 50', 'trace', 'show', '--json', @at, $id);
	like($out, qr/\A\{/, 'JSON goes through none');
}

# --- widths --------------------------------------------------------------------------

for my $width (40, 41, 71, 72, 80, 109, 110, 160, 250)
{
	my (undef, $out) = on_terminal('TERM=xterm', "$width 50", @show, '--no-pager');

	utf8::decode($out);
	$out =~ s/\e\[[\d;]*m//g;
	my ($tree) = $out =~ /\A(.*?)\n\n/s;
	is(join("\n", grep { length > $width } split /\n/, $tree), '', "lines of $width columns");
	like($tree, qr/$id.*\n[^\n]*DURATION .*OPERATION\n.* web .*\n.* db /s, 'the head, headings and both operations');
}

done_testing();
