#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# findings_vectors.t
#	  tests/vectors/findings/make_findings.py copies the traces of the incidents that
#	  were run, and leaves those of all others as they are.

use strict;
use warnings;
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $vectors = "$FindBin::Bin/../vectors/findings";
my $copies = tempdir(CLEANUP => 1);
my $saved = tempdir(CLEANUP => 1);

sub slurp_files
{
	my ($dir) = @_;
	my %text;

	for my $path (glob "$dir/*.points")
	{
		open my $file, '<', $path or die "$path: $!";
		local $/ = undef;
		$text{ $path =~ s{.*/}{}r } = <$file>;
	}
	return \%text;
}

sub make_findings
{
	my $said = qx{python3 $copies/make_findings.py @_ 2>&1};

	return ($? >> 8, $said);
}

sub changed_files
{
	my ($before) = @_;
	my $after = slurp_files($copies);

	return [ grep { ($before->{$_} // '') ne $after->{$_} } sort keys %$after ];
}

copy($_, $copies) or die "$_: $!" foreach glob("$vectors/*.points"), "$vectors/make_findings.py";
my $before = slurp_files($copies);
is_deeply([ make_findings() ], [ 0, '' ], 'all near misses are made');
is_deeply(changed_files($before), [], '... as they are in the repository');

# A directory with the trace of one incident: that of another one shows that it is copied.
copy("$vectors/lock_wait.points", "$saved/deadlock.points") or die $!;
is_deeply([ make_findings($saved) ], [ 0, '' ], 'the trace of one incident');
is_deeply(changed_files($before), [qw(deadlock.points deadlock_near.points)], '... replaces its own');
is(slurp_files($copies)->{'deadlock.points'}, $before->{'lock_wait.points'}, '... as it is');

copy("$vectors/lookup.points", "$saved/lock.points") or die $!;
copy("$vectors/deadlock.points", $copies) or die $!;
is_deeply([ make_findings($saved, 'lock_wait') ], [ 0, '' ], 'a rule that is named');
is_deeply([ grep { !/deadlock_near/ } @{ changed_files($before) } ], [qw(lock_wait.points lock_wait_near.points)],
	'... and no other one');
like((make_findings($saved, 'nosuch'))[1], qr/RECORDED has no rule nosuch/, 'a rule that is not there');

done_testing();
