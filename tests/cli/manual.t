#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# manual.t
#	  The help of each command, its manual page and the documents name the same commands
#	  and options.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Test::More;

my ($list) = run_ok('--help') =~ /^Commands:\n(.*?)^$/ms;
my @commands = $list =~ /^  ([a-z]+(?: [a-z]+)?)  /mg;
my %options; # of each command, as its help names them

for my $command (@commands)
{
	my $help = run_ok(split(/ /, $command), '--help');
	my %seen = map { ($_ => 1) } $help =~ /^ +(?:-[a-z], )?(--[a-z][a-z-]*)/mg, $help =~ /^ +--[a-z-]+ \S+, (--[a-z-]+)/mg, $help =~ /\((--[a-z-]+) is the same\)/g;

	$options{$command} = \%seen;
	is(join("\n", grep { length > 80 + 4 } split /\n/, $help), '', "help of $command: no long lines");
}

# --- manual pages ----------------------------------------------------------------

# A page in plain words: its sections by name.
sub sections
{
	my ($page) = @_;
	my $text = slurp("$top/cli/man/$page.1") // '';

	$text =~ s/\\-/-/g;
	$text =~ s/\\f[A-Z\[\]]+//g;
	return map { /\A(\w[^\n]*)\n(.*)\z/s ? ($1 => $2) : () } split /^\.SH /m, $text;
}

# The options that stand as tags in a part of a page.
sub tags
{
	my ($part) = @_;
	return map { /(--[a-z][a-z-]*)/g } $part =~ /^\.TP\n([^\n]*)/mg;
}

my %main = sections('osprofiler');
like($main{COMMANDS}, qr/^\.BR? "?(?:[^\n]*", " ")?$_"?(?: |$)/m, "osprofiler(1) names $_") for @commands;

for my $page (map { /([^\/]+)\.1\z/ } glob "$top/cli/man/osprofiler-*.1")
{
	my ($word) = $page =~ /\Aosprofiler-(.*)\z/;
	my @here = grep { /\A$word\b/ } @commands;
	my %section = sections($page);
	my ($all, @parts) = split /^\.SS /m, $section{OPTIONS};
	my %named;

	like($main{'SEE ALSO'}, qr/\b$page\b/, "osprofiler(1) names $page(1)");
	for my $command (@here)
	{
		my ($last) = $command =~ /(\w+)\z/;

		like($section{SYNOPSIS}, qr/^\.B osprofiler $command\b/m, "$page: $command is in its synopsis");
		my @mine = map { my ($tag, $commands) = @$_; !defined $commands || $commands =~ /\b$last\b/ ? $tag : () }
		  map { my $entry = $_; my ($commands) = $entry =~ /^\(((?:\w+, )*\w+)\) /m; map { [ $_, $commands ] } tags(".TP\n$entry") }
		  split /^\.TP\n/m, $all =~ s/\A\n*\.TP\n//r;
		for (@parts)
		{
			my ($of, $part) = /\AOf ([^\n]*)\n(.*)\z/s or next;
			push @mine, tags($part) if $of =~ /\b$last\b/;
		}
		is(join(' ', sort keys %{ { map { ($_ => 1) } @mine } }), join(' ', sort keys %{ $options{$command} }),
			"$page: the options of $command");
	}
}

# --- documents -------------------------------------------------------------------

my $documents = 0;
my %anywhere = map { %$_ } values %options;
for my $file ("$top/README.md", glob "$top/docs/*.md")
{
	my ($name) = $file =~ m{([^/]+)\z};
	my $text = slurp($file);

	# What stands behind a command in code, up to what ends it.
	while ($text =~ /\bosprofiler ((?:(?:trace|context) )?[a-z]+)([^`\n|;&#)]*)/g)
	{
		my ($command, $rest) = ($1, $2);
		next if !$options{$command} || $command eq 'run';
		for my $option ($rest =~ /(?<=\s)(--[a-z][a-z-]*)/g)
		{
			$documents++;
			ok($options{$command}{$option}, "$name: $command has $option");
		}
	}
}
cmp_ok($documents, '>', 20, 'documents name options');
ok($anywhere{$_}, "docs/cli.md: a command has $_")
  for grep { !/\A--(?:data-binary)\z/ } slurp("$top/docs/cli.md") =~ /(?<=[`\s])(--[a-z][a-z-]*)/g;
like(slurp("$top/docs/cli.md"), qr/^\| `osprofiler $_\b/m, "docs/cli.md names $_") for @commands;

done_testing();
