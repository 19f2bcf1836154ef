#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# html.t
#	  osprofiler trace show --html: the file, what it holds of a trace, and faults.
#	  What a browser makes of it is for tests/page.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use Compress::Zlib qw(uncompress);
use Digest::SHA qw(sha256_base64);
use IO::Pty;
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use Test::More;

my $base = '11111111-2222-4333-8444-555555555555';
my @points = (
	point('app-start', $base, $base, 'a1', '01.000000'),
	point('db-start', $base, 'a1', 'b1', '01.001000',
		'{"db": {"statement": "SELECT \u0436, \'</script><!--\'", "queryid": -6423423423423423421}, "host": "h"}'),
	point('db-stop', $base, 'a1', 'b1', '01.003000',
		'{"etype": "unique_violation", "message": "no", "host": "h", "ms": 1.50, "n": [1e3, 0.1, true, null, {}]}'),
	point('app-stop', $base, $base, 'a1', '01.010000'));
my $file = write_points("$dir/points", @points);
my @at = ('--connection-string', $file);

# One file that allows its own script and style, and nothing else.
my $page = run_ok('trace', 'show', '--html', @at, $base);
like($page, qr/\A<!DOCTYPE html>/, 'a page');
is(() = $page =~ /<script/g, 2, 'with two script elements, one of them the trace');
my ($style) = $page =~ m{<style>(.*?)</style>}s;
my ($script) = $page =~ m{<script type="module">(.*?)</script>}s;
my ($policy) = $page =~ /Content-Security-Policy" content="([^"]*)"/;
like($policy, qr/^default-src 'none'; /, 'the policy forbids all');
like($policy, qr/script-src 'sha256-\Q${\sha256_base64($script)}\E='/, 'but this script');
like($policy, qr/style-src 'sha256-\Q${\sha256_base64($style)}\E='/, 'and this style');
unlike($policy, qr/unsafe|https?:|data:/, 'and no other');
unlike($page, qr/\b(?:src|href)=/, 'it names no other file');
unlike($page, qr{https?://}, 'and no address');

# The script has no way to make markup of a text.
unlike($script,
	qr/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(|srcdoc/,
	'nothing makes markup of a text');

sub trace_of
{
	my ($html) = @_;
	my ($json) = $html =~ m{<script type="application/json" id="trace">(.*?)</script>}s;
	$json = uncompress(decode_base64($json)) if $json !~ /^\{/;
	unlike($json, qr/<|[^\x00-\x7e]/, 'data without "<" and all ASCII') if $json =~ /<|[^\x00-\x7e]/;
	return decode_json($json);
}

my $json = JSON::PP->new->ascii->canonical->allow_nonref;

# A string as notifications and ids name it.
sub point_string
{
	my ($trace, $number) = @_;
	return $trace->{ $number % 2 ? 'point_strings' : 'strings' }[ int $number / 2 ];
}

# A template with the values in the places of its numbers, as cli/html/trace.js fills
# it; here it stays a text, so that numbers keep their digits.
sub fill_text
{
	my ($trace, $template, $at) = @_;
	my $filled = '';

	while ($template =~ /\G(?:("(?:[^"\\]|\\.)*"|[^"0-3]+)|([0-3]))/gc)
	{
		if (defined $1) { $filled .= $1; next; }
		my $value = $trace->{values}[ $$at++ ];
		if ($2 == 0) { $filled .= $value; }
		elsif ($2 == 1) { $filled .= $json->encode(point_string($trace, $value)); }
		elsif ($2 == 2) { $filled .= point_string($trace, $value); }
		else { $filled .= qq("+$value us"); }
	}
	return $filled;
}

# All notifications of a page, in one form each, sorted. Timestamps are compared as
# microseconds since the first one.
sub points_of_page
{
	my ($html) = @_;
	my $trace = trace_of($html);
	my ($templates) = $html =~ /^"templates":\[(.*?)\],$/ms;
	my @templates = split /,\n/, $templates;
	my @found;

	for my $row (0 .. $#{ $trace->{depth} })
	{
		my $at = $trace->{at}[$row];
		my $id = point_string($trace, $trace->{id}[$row]);

		for (1 .. $trace->{values}[ $at++ ])
		{
			my $name = point_string($trace, $trace->{values}[ $at++ ]);
			my $text = fill_text($trace, $templates[ $trace->{values}[ $at++ ] ], \$at);
			my $point = $json->decode($text);

			$point->{name} = $name;
			$point->{trace_id} //= $id;
			$point->{service} = $trace->{strings}[ $trace->{service}[$row] ]
			  unless exists $point->{service};
			push @found, $point;
		}
	}
	return @found;
}

# What is compared of a notification; numbers as texts.
sub form
{
	my ($point) = @_;
	my %form = (%$point, service => $point->{service} // '');

	delete @form{qw(base_id parent_id project timestamp)};
	return $json->encode(\%form);
}

sub all_in
{
	my ($name, $path) = @_;
	my $text = slurp($path);
	my @given = map { form($json->decode($_)) } grep { /\S/ } split /\n/, $text;
	my @found = map { form($_) } points_of_page(run_ok('trace', 'show', '--html', $path));

	@given = grep { !/osprofiler\.lost/ } @given;
	is_deeply([ sort @found ], [ sort @given ], "all that $name says is in its page");
}

all_in('a trace', "$dir/points");
all_in($_, "$top/tests/vectors/findings/$_.points")
  for qw(estimate lock_wait repeat deadlock sqlite_busy);

# A number keeps its digits, which a browser could not hold.
like($page, qr/"-6423423423423423421"/, 'a large number is a text');
like($page, qr/"1\.50"/, 'and one whose last digit would be dropped');

# Files.
is(run_ok('trace', 'show', '--html', '--out', "$dir/page.html", @at, $base), '',
	'nothing is said where a file is named');
is(slurp("$dir/page.html"), $page, '--out writes the same page');
is(run_ok('trace', 'show', '--out', '-', '--html', @at, $base), $page, '"-" is stdout');
usage_error(qr/--json, --html, --dot and --text exclude each other/,
	'trace', 'show', '--html', '--json', @at, $base);

# On a terminal the page becomes a file, which is named.
sub on_terminal
{
	my ($folder, @args) = @_;
	my $pty = IO::Pty->new;
	my $slave = $pty->slave;
	my $pid = fork // die;

	if ($pid == 0)
	{
		chdir $folder or die;
		open STDOUT, '>&', $slave or die;
		open STDERR, '>&', $slave or die;
		close $pty;
		exec "$build/bin/osprofiler", 'trace', 'show', '--html', @args > 0 ? @args : (@at, $base);
		die;
	}
	$slave->close;
	my $said = '';
	while (sysread $pty, my $more, 4096) { $said .= $more; }
	waitpid $pid, 0;
	return ($?, $said);
}
mkdir "$dir/here" or die;
my ($status, $said) = on_terminal("$dir/here");
is($status, 0, 'on a terminal');
is(slurp("$dir/here/osprofiler-trace-11111111.html"), $page, 'a file holds the page');
like($said, qr/^The page is in osprofiler-trace-11111111\.html; open it in a browser\.\r?\n\z/,
	'and is named');

# Each trace has a page of its own.
my @alike = ('a b', "a'b", 'ab', 'a_20b', 'long-name-1', 'long-name-2');
mkdir "$dir/alike" or die;
foreach my $id (@alike)
{
	my $points = write_points("$dir/alike.points",
		point('app-start', $id, $id, 'a1', '01.000000'),
		point('app-stop', $id, $id, 'a1', '01.010000'));

	($status) = on_terminal("$dir/alike", '--connection-string', $points, $id);
	is($status, 0, "the page of '$id'");
}
is(scalar(() = glob "$dir/alike/*.html"), scalar @alike, 'is no other one');

# A link that somebody else put there is not followed.
mkdir "$dir/there" or die;
write_file("$dir/there/precious", 'precious');
symlink 'precious', "$dir/there/osprofiler-trace-11111111.html" or die;
($status, $said) = on_terminal("$dir/there");
is($status >> 8, 1, 'a symbolic link is an error');
like($said, qr/symbolic link; name a file with --out\r?\n\z/, 'that is explained');
is(slurp("$dir/there/precious"), 'precious', 'and what it points at is left alone');

# A full disk: one line, and no half file.
one_error(qr/cannot write to standard output: No space left/,
	'trace', 'show', '--html', @at, $base, { stdout => '/dev/full' });
mkdir "$dir/full" or die;
one_error(qr/cannot write '.*': File too large/,
	'trace', 'show', '--html', '--out', "$dir/full/page.html", @at, $base, { limit => 8 });
is_deeply([ glob "$dir/full/* $dir/full/.[a-z]*" ], [], 'nothing is left of a page that found no room');
write_file("$dir/full/page.html", 'old');
one_error(qr/File too large/,
	'trace', 'show', '--html', '--out', "$dir/full/page.html", @at, $base, { limit => 8 });
is(slurp("$dir/full/page.html"), 'old', 'and an old page stays');

# The work grows with the number of operations, not with that times the number of levels:
# statements, functions and nodes of plans that are nested as in deep recursion.
sub chain_of
{
	my ($what, $count) = @_;
	my %what = (
		function => [ ['pg', '{}', '{"db": {"waits": {"IO:DataFileRead": 0.5}, "io_read_ms": 0.5, "active_ms": 1,' .
			' "buffers": {"shared_blks_read": 900}, "cpu": {"user_ms": 1, "of_ms": 90, "involuntary_switches": 900}}}'],
			['pg.function', '{"db": {"function": {"name": "f"}}}', '{"db": {"calls": 1, "total_ms": 1}}'] ],
		node => [ ['pg.node', '{"db": {"node": {"name": "Seq Scan on t", "filter": "(a = ?)"}}}',
			'{"db": {"node": {"rows": 1, "loops": 1, "total_ms": 0.5, "rows_removed_by_filter": 9000}}}'] ]);
	my @lines;
	for my $n (0 .. $count - 1)
	{
		my ($name, $start, $stop) = @{ $what{$what}[ $n % @{ $what{$what} } ] };
		my $parent = $n > 0 ? 'n' . ($n - 1) : $base;
		push @lines, point("$name-start", $base, $parent, "n$n", sprintf('01.%06d', $n), $start),
			point("$name-stop", $base, $parent, "n$n", sprintf('59.%06d', 900_000 - $n), $stop);
	}
	return write_points("$dir/chain-$what-$count", @lines);
}

# Processor time of the command, the least of three runs.
sub work_of
{
	my ($points) = @_;
	my $least;
	for (1 .. 3)
	{
		my $before = (times)[2];
		run_ok('trace', 'show', '--html', '--out', "$dir/chain.html",
			'--connection-string', $points, $base);
		my $work = (times)[2] - $before;
		$least = $work if !defined $least || $work < $least;
	}
	return $least;
}

# Long data are packed, and are the same data: a text makes them as long as can be without that,
# and a byte longer, and long enough for many pieces.
sub page_of_length
{
	my ($length) = @_;
	my $text = join '', map { chr(97 + int rand 26) } 1 .. 1000;
	my $points = write_points("$dir/length", point('a-start', $base, $base, 'a1', '01.000000',
		qq({"n": "${\ substr($text x (1 + $length / 1000), 0, $length)}"})));
	return run_ok('trace', 'show', '--html', '--connection-string', $points, $base);
}

my ($data) = page_of_length(0) =~ m{id="trace">(.*?)</script>}s;
my $empty = length $data;
srand 7;
for my $case ([ 2**20 - $empty - 10, 0 ], [ 2**20 - $empty + 10, 1 ], [ 5_000_000, 1 ])
{
	my ($length, $packed) = @$case;
	my $html = page_of_length($length);
	my ($stored) = $html =~ m{id="trace">(.*?)</script>}s;

	is($stored =~ m{\A[A-Za-z0-9+/]+={0,2}\z} ? 1 : 0, $packed, "$length bytes are " . ($packed ? 'packed' : 'plain'));
	cmp_ok(length $html, '<', 600_000, 'that makes the page small') if $packed;
	is((sort { $b <=> $a } map { length } @{ trace_of($html)->{point_strings} })[0], $length, 'the text is there');
}

for my $what ('function', 'node')
{
	my ($small, $large) = map { work_of(chain_of($what, $_)) } (2500, 20000);
	cmp_ok($large, '<', 20 * ($small > 0.05 ? $small : 0.05),
		"eight times as many levels of ${what}s take about eight times as long ($small s, $large s)");
}

# A statement that waited for a processor: not its planning, for which that was nothing.
# Of its plan all nodes of the loop that was a mistake, the scan that ran again and again
# (12), too.
my ($claims) = run_ok('trace', 'show', '--html', "$top/tests/vectors/findings/cpu_workers.points") =~ /"claims":(\[.*\]\])/;
is($claims, '[[1,1],[10,6,9,11,9,12,6]]', 'the operations of two findings about one statement');

done_testing();
