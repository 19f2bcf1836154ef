#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# dot.t
#	  osprofiler trace show --dot: what Graphviz and upstream's command make of it.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use JSON::PP;
use Test::More;

plan skip_all => 'Graphviz is not installed' if system('dot -V >/dev/null 2>&1') != 0;

my $base = '11111111-2222-4333-8444-555555555555';
my $json = JSON::PP->new->ascii->canonical->allow_nonref;

# Both points of an operation, from one millisecond to another.
sub operation
{
	my ($name, $id, $parent, $from, $to, $info, $stop) = @_;
	$name = substr $json->encode($name), 1, -1;
	return (point("$name-start", $base, $parent, $id, sprintf('%02d.%03d000', int $from / 1000, $from % 1000), $json->encode($info // {})),
		point("$name-stop", $base, $parent, $id, sprintf('%02d.%03d000', int $to / 1000, $to % 1000), $json->encode($stop // {})));
}

sub trace_file
{
	my ($name, @points) = @_;
	return write_file("$dir/$name", join '', map { "$_\n" } @points);
}

# The texts of the nodes that Graphviz draws, and how many edges. It must say nothing.
sub drawn
{
	my ($name, $file) = @_;
	write_file("$dir/$name.dot", run_ok('trace', 'show', '--dot', $file));
	my $said = `dot -Tsvg -o '$dir/$name.svg' '$dir/$name.dot' 2>&1`;
	is("$?|$said", '0|', "$name: Graphviz takes it");
	my $svg = slurp("$dir/$name.svg");
	my @nodes = map { join "\n", map { unescape($_) } m{<text [^>]*>([^<]*)</text>}g }
	  $svg =~ m{<g id="node\d+" class="node">(.*?)</g>}gs;
	my @edges = $svg =~ m{<g id="edge\d+" class="edge">}g;
	return ([ sort @nodes ], scalar @edges, $svg);
}

sub unescape
{
	my ($text) = @_;
	my %names = (lt => '<', gt => '>', quot => '"', amp => '&');
	$text =~ s/&#(\d+);/chr $1/ge;
	$text =~ s/&(lt|gt|quot|amp);/$names{$1}/g;
	$text =~ tr/\x{a0}/ /;
	utf8::decode($text);
	$text =~ tr/\x{a0}/ /;
	utf8::encode($text);
	return $text;
}

# The four that upstream has a form of its own for.
my $small = trace_file('small',
	operation('wsgi', 'a1', $base, 0, 90, { request => { method => 'GET', path => '/v2/servers/0123456789/0123456789/0123456789' } }),
	operation('rpc', 'a2', 'a1', 10, 70, { function => { name => 'nova.compute.manager.build' } }),
	operation('driver', 'a3', 'a2', 20, 60, { function => { name => 'boot' } }),
	operation('db', 'a4', 'a3', 30, 32, { db => { statement => 'SELECT 1' } }));
my ($nodes, $edges) = drawn('small', $small);
is_deeply($nodes, [ 'svc:db - 2 ms', "svc:driver - 40 ms\nboot", "svc:rpc - 60 ms\nbuild",
	"svc:wsgi - 90 ms\nGET /v2/servers/0123456789/0123456..", 'total - 90 ms' ], 'labels');
is($edges, 4, 'edges');

SKIP: {
	skip "upstream's command or its library is not installed", 1
	  if !-x '/usr/bin/osprofiler' || system('/usr/bin/python3 -c "import graphviz" 2>/dev/null') != 0;
	write_file("$dir/small.json", run_ok('trace', 'show', '--json', $small));
	my $upstream = `/usr/bin/osprofiler trace show --dot --connection-string x '$dir/small.json' 2>&1`;
	$upstream =~ s/\n+\z/\n/;
	is(run_ok('trace', 'show', '--dot', $small), $upstream, 'the same bytes as upstream');
}

# A thousand, most of them side by side.
($nodes, $edges) = drawn('large', trace_file('large', operation('app', 'a0', $base, 0, 5000),
	map { operation('db', "b$_", $_ % 20 == 0 && $_ > 20 ? 'b' . ($_ - 20) : 'a0', $_, $_ + 1) } 1 .. 999));
is(scalar @$nodes . "|$edges", '1001|1000', 'a thousand operations');

# Errors, orphans, a ring, and an operation that never ended.
my $svg;
($nodes, $edges, $svg) = drawn('broken', trace_file('broken',
	operation('db', 'e1', 'nowhere', 0, 5, {}, { etype => 'boom', message => 'x' }),
	operation('ring', 'r1', 'r2', 1, 4), operation('ring', 'r2', 'r1', 1, 4),
	(operation('open', 'o1', $base, 2, 3))[0], (operation('late', 'l1', $base, 2, 3))[1]));
is(scalar @$nodes . "|$edges", '6|5', 'all are drawn');
is(scalar(() = $svg =~ /stroke="red"/g), 1, 'what failed is red');

# Whatever stands in a name is shown as it is, and is nothing else.
my @hostile = ('a"]; evil [label="b', 'back\\slash\\', '\\N \\n \\l \\"', '&lt;b&gt; &amp; &', '<b>x</b>', '<<table>>',
	'digraph { a }', '{ a | b }', '// no /* comment */', '# none', 'strict', "\x{436}\x{1F40C}", '%s%n', '');
($nodes) = drawn('hostile', trace_file('hostile', map { operation($hostile[$_], "h$_", $base, $_, $_ + 1) } 0 .. $#hostile));
my @expected = sort 'total - 14 ms', map { my $name = "svc:$_ - 1 ms"; utf8::encode($name); $name } @hostile;
is_deeply($nodes, \@expected, 'hostile names');
($nodes) = drawn('controls', trace_file('controls', operation("a\nb\tc\x00d\x1b[31m\x{202e}e", 'c1', $base, 0, 1),
	operation('x' x 100_000, 'c2', $base, 2, 3),
	operation('wsgi', 'c3', $base, 3, 4, { request => { method => "G\"\n", path => "/\"\\\n\x{436}" . 'y' x 50 } }),
	operation('rpc', 'c4', $base, 4, 5, { function => { name => 'a."b\\' } }), operation('rpc', 'c5', $base, 5, 6)));
is($nodes->[0], 'svc:a b c\x00d\x1b[31m\u202ee - 1 ms', 'control characters');
is($nodes->[1], "svc:rpc - 1 ms", 'a call without a function');
is($nodes->[2], "svc:rpc - 1 ms\n\"b\\", 'the function of a call');
like($nodes->[3], qr/\Asvc:wsgi - 1 ms\nG" \/"\\ \xd0\xb6y{25}\.\.\z/, 'a request');
is($nodes->[4], 'svc:' . 'x' x 199 . "\xe2\x80\xa6 - 1 ms", 'a long name is cut');

# The picture.
my $plain = run_ok('trace', 'show', '--dot', $small);
is(run_ok('trace', 'show', '--dot', '--render-dot', "$dir/picture", $small), $plain, '--render-dot prints it, too');
like(slurp("$dir/picture.pdf"), qr/\A%PDF-/, 'and draws it');
is(run_ok('trace', 'show', '--dot', '--out', "$dir/out.dot", $small), '', '--out');
is(slurp("$dir/out.dot"), $plain, 'is written');

# What cannot be done is one line, and leaves no file.
{
	local $ENV{PATH} = "$dir/nothing";
	one_error(qr/'dot', which is not installed: it is in the package graphviz/, 'trace', 'show', '--dot', '--render-dot', "$dir/none", $small);
}
mkdir "$dir/bin" or die "$dir/bin: $!";
write_file("$dir/bin/dot", "#!/bin/sh\necho half\necho trouble >&2\nexit 3\n");
chmod 0755, "$dir/bin/dot" or die "$dir/bin/dot: $!";
{
	local $ENV{PATH} = "$dir/bin:$ENV{PATH}";
	one_error(qr/dot could not draw the trace \(its exit status is 3\)/, 'trace', 'show', '--dot', '--render-dot', "$dir/none", $small);
	write_file("$dir/bin/dot", "#!/bin/sh\nkill -9 \$\$\n");
	one_error(qr/dot was ended by signal 9/, 'trace', 'show', '--dot', '--render-dot', "$dir/none", $small);
}
one_error(qr{cannot write '$dir/no/where.pdf': No such file}, 'trace', 'show', '--dot', '--render-dot', "$dir/no/where", $small);
is_deeply([ glob "$dir/none*" ], [], 'no file is left');
one_error(qr/standard output: No space left/, 'trace', 'show', '--dot', $small, { stdout => '/dev/full' });
usage_error(qr/--render-dot goes with --dot/, 'trace', 'show', '--render-dot', "$dir/none", $small);
usage_error(qr/exclude each other/, 'trace', 'show', '--dot', '--json', $small);

done_testing();
