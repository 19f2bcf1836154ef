# SPDX-License-Identifier: Apache-2.0

# The examples of docs/points.md: each block of SQL is run, in a trace of its own,
# and what the command draws must have the shape of the drawing that stands below
# it. With POINTS_PAGE_WRITE=1 drawings of another shape are replaced instead, in the copy
# of the page that tests/pg/run has made; it copies that back.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $page = "$FindBin::RealBin/../../../docs/points.md";
my $agent = $ENV{OSPROFILER_TEST_AGENT} || 'osprofiler';
plan skip_all => "no $page" if !-r $page;

my $node = new_node('points', extra => ['--encoding=UTF8']);
$node->append_conf('postgresql.conf',
	"autovacuum = off\njit = off\nlog_statement = none");
$node->start;
if ($node->safe_psql('postgres', 'SHOW server_version_num') !~ /^15/)
{
	$node->stop;
	plan skip_all => 'other versions have other plans';
}
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler');
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PGDATABASE} = 'postgres';

# As the page has it; the test framework gives its programs the name of the test.
local $ENV{PGAPPNAME} = 'psql';

# Lines are drawn as the page has them, whatever the locale here.
local $ENV{LC_ALL} = 'C.UTF-8';

# What a tree has but its times: the columns before it are cut off.
sub drawn_shape
{
	my @lines = map { my $line = $_; utf8::decode($line); $line }
	  split /\n/, $_[0];
	my $column;

	foreach my $line (@lines)
	{
		$line =~ /^(\s*[\d.]+ \w+\s+\+[\d.]+ \w+[\s\x{2501}\x{2578}\x{257a}]*)/
		  or next;
		$column = length $1 if !defined $column || length $1 < $column;
	}
	return join "\n", map {
		my $tree = length $_ > $column ? substr $_, $column : '';
		$tree =~ s/ *\(self [\d.]+ \w+\)//;
		$tree =~ s/\bprocess \d+/process N/g;
		$tree =~ s/\s+\z//;
		utf8::encode($tree);
		$tree
	} @lines;
}

# Runs a block; what our command draws of it, without the lines round the tree.
sub draw
{
	my ($sql) = @_;
	my $context = context();

	$node->psql(
		'postgres',
		"SET osprofiler.points = ''; " . set_context($context) . "\n$sql",
		on_error_stop => 0, on_error_die => 0);
	wait_for_delivery($node);
	open my $out, '-|', $agent, 'trace', 'show', '--text',
	  '--connection-string', 'file://' . trace_file($node), $context->{base}
	  or die "$agent: $!";
	my @lines = grep { /^\s*[\d.]+ \w+\s+\+/ } <$out>;
	close $out;

	# Which machine it was is nobody's business.
	return join '', map { s/  on \S+//r } @lines;
}

# The page in parts: a block of SQL, or other text, which may be a drawing.
my @parts = split /(^```sql\n.*?^```\n)/ms, slurp_file($page);
my $setup = 1;
for my $i (0 .. $#parts)
{
	my ($sql) = $parts[$i] =~ /^```sql\n(.*)^```\n/ms or next;

	if ($setup)
	{
		$node->safe_psql('postgres', $sql);
		$setup = 0;
		next;
	}
	my ($points) = $sql =~ /osprofiler.points = '([^']*)'/;
	my $drawing = draw($sql);
	my ($committed) = $parts[ $i + 1 ] =~ /\A\n```\n(.*?)^```\n/ms;
	my $is_same = drawn_shape($drawing) eq drawn_shape($committed // '');

	if ($ENV{POINTS_PAGE_WRITE} && !$is_same)
	{
		$parts[ $i + 1 ] =~ s/\A\n```\n.*?^```\n//ms;
		$parts[ $i + 1 ] = "\n```\n$drawing```\n" . $parts[ $i + 1 ];
		next;
	}
	is(drawn_shape($drawing), drawn_shape($committed // ''), $points);
}
if ($ENV{POINTS_PAGE_WRITE})
{
	write_file($page, join('', @parts), 0644);
	pass('the page is written');
}
$node->stop;
done_testing();
