# SPDX-License-Identifier: Apache-2.0
#
# WorkloadCheck.pm
#	  Judges what the randomised workload left in the collector: every trace
#	  passes `osprofiler trace check`, and its top-level statements are those of
#	  the ledger.

package WorkloadCheck;

use strict;
use warnings;

use JSON::PP;

# So many traces are given to one run of the command.
my $batch = 500;

my $json = JSON::PP->new->ascii->allow_nonref;

# A statement's text as a notification has it: white space off, in JSON.
sub encoded
{
	my ($text) = @_;

	$text =~ s/\A\s+|\s+\z//g;
	utf8::decode($text);
	return substr $json->encode($text), 1, -1;
}

# Lines of the collector's file, by trace; and how many there are.
sub read_points
{
	my ($path) = @_;
	my (%lines, $count);

	open my $file, '<', $path or die "$path: $!";
	while (my $line = <$file>)
	{
		$line =~ /"base_id": "([^"]+)"/ or die "no point: $line";
		push @{ $lines{$1} }, $line;
		$count++;
	}
	close $file;
	return (\%lines, $count // 0);
}

# Texts of the statements right under the context, with how often they came.
sub top_statements
{
	my ($base, $lines) = @_;
	my %found;

	foreach my $line (@$lines)
	{
		next if $line !~ /\A\{"name": "pg-start"/;
		next if index($line, qq("parent_id": "$base")) < 0;
		$line =~ /"statement": "((?:[^"\\]|\\.)*)"/ or next;
		$found{ $1 =~ s/ +\z//r }++;
	}
	return %found;
}

# What is wrong with a trace beside the ledger's entries for it.
sub against_ledger
{
	my ($base, $lines, $expected) = @_;
	my %found = top_statements($base, $lines);
	my $any = $expected->{''} // [ 0, 0 ];
	my @wrong;
	my $others = 0;
	my %wanted;

	foreach my $text (grep { $_ ne '' } keys %$expected)
	{
		my $entry = $wanted{ encoded($text) } //= [ 0, 0 ];

		$entry->[$_] += $expected->{$text}[$_] for 0, 1;
	}
	foreach my $text (keys %wanted)
	{
		my ($least, $most) = @{ $wanted{$text} };
		my $count = delete $found{$text} // 0;

		push @wrong, "$count points, not $least to $most: $text"
		  if $count < $least;
		$others += $count - $most if $count > $most;
		push @wrong, "$count points, not at most $most: $text"
		  if $count > $most + $any->[1];
	}
	$others += $_ for values %found;
	push @wrong,
	  "$others points that nobody expects: " . join ' ;; ', sort keys %found
	  if $others > $any->[1];
	return @wrong;
}

# Runs the command over the traces; the lines that it prints.
sub check_whole
{
	my ($command, $dir, $lines) = @_;
	my @bases = sort keys %$lines;
	my @wrong;

	while (my @some = splice @bases, 0, $batch)
	{
		foreach my $base (@some)
		{
			open my $file, '>', "$dir/$base.jsonl" or die "$dir/$base: $!";
			print $file @{ $lines->{$base} };
			close $file or die "$dir/$base: $!";
		}
		open my $out, '-|', $command, 'trace', 'check',
		  map { "$dir/$_.jsonl" } @some
		  or die "$command: $!";
		push @wrong, <$out>;
		close $out;
		push @wrong, "$command failed: $?\n" if $? && !@wrong;
		unlink map { "$dir/$_.jsonl" } @some;
	}
	return @wrong;
}

1;
