#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# show.t
#	  osprofiler trace show: the tree, the JSON, files in and out, and faults.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CliTest;
use JSON::PP;
use Test::More;

my $base = '11111111-2222-4333-8444-555555555555';
my @points = (
	point('app-start', $base, $base, 'a1', '01.000000'),
	point('db-start', $base, 'a1', 'b1', '01.001000',
		'{"db": {"statement": "SELECT \u0436, 1"}, "host": "h"}'),
	point('db-stop', $base, 'a1', 'b1', '01.003000',
		'{"etype": "unique_violation", "message": "no", "host": "h"}'),
	point('app-stop', $base, $base, 'a1', '01.010000'));
my $uri = write_points("$dir/points", @points);
my @at = ('--connection-string', $uri);

# The tree.
my $tree = run_ok('trace', 'show', @at, $base);
like($tree, qr/app.*\n.*db.*SELECT ж, 1/, 'a tree');
like($tree, qr/unique_violation/, 'with the error');
unlike($tree, qr/\e/, 'without colours, for this is no terminal');
is(run_ok('trace', 'show', '--text', @at, $base), $tree, '--text is the default');
{
	local $ENV{OSPROFILER_CONNECTION_STRING} = $uri;
	is(run_ok('trace', 'show', $base), $tree, 'collector of the environment');
	is(run_ok('trace', 'show', '--connection-string', '', $base),
		$tree, 'an empty option counts as none');
}
{
	local $ENV{OSPROFILER_CONF} =
	  write_file("$dir/conf", "[profiler]\nconnection_string = $uri\n");
	is(run_ok('trace', 'show', $base), $tree, 'collector of the configuration');
}
{
	local $ENV{LC_ALL} = 'C';
	my $ascii = run_ok('trace', 'show', @at, $base);
	$ascii =~ s/SELECT .*//;
	unlike($ascii, qr/[\x80-\xff]/, 'no box characters in the C locale');
}

# The JSON.
my $json = run_ok('trace', 'show', '--json', @at, $base);
my $report = decode_json($json);
is($report->{info}{name}, 'total', 'a report');
is($report->{children}[0]{children}[0]{info}{exception},
	'unique_violation', 'with the error');
like($json, qr/\A\{\n  "info": \{\n    "name": "total",/, 'in upstream\'s form');

# A file instead of an id.
is(run_ok('trace', 'show', '--json', "$dir/points"), $json, 'JSON lines');
write_file("$dir/list.json", '[' . join(', ', @points) . ']');
is(run_ok('trace', 'show', '--json', "$dir/list.json"), $json, 'a JSON list');
write_file("$dir/report.json", $json);
is(run_ok('trace', 'show', '--json', "$dir/report.json"), $json, 'a report');
is(run_ok('trace', 'show', "$dir/report.json"), $tree, 'a report as a tree');
one_error(qr/cannot open '\Q$dir\E\/none\.json': No such file/,
	'trace', 'show', "$dir/none.json");
one_error(qr/cannot read '\Q$dir\E\/': Is a directory/, 'trace', 'show', "$dir/");
one_error(qr/bad\.json': line 2: /, 'trace', 'show',
	write_file("$dir/bad.json", "{}\nnonsense\n"));
one_error(qr/there are no points of a trace in/, 'trace', 'show',
	write_file("$dir/empty.json", "[]\n"));
one_error(qr/there are no points of a trace in/, 'trace', 'show',
	write_file("$dir/other.json", "{\"name\": 1}\n"));

# Points that make no sense are left out, and that is said.
{
	my ($status, $out, $err) = run_cli('trace', 'show', '--json',
		write_file("$dir/mixed.json", join "\n", '{"x": 1}', @points, '{}'));
	is($status, 0, 'two bad points');
	is($out, $json, 'the others are shown');
	like($err, qr/\Aosprofiler: trace show: 2 points make no sense.*\n\z/, 'told');
	like($err, qr/2 points make no sense and were left out \(the first: a notification needs a string "name"\)\n/, 'and why');
}

# One of them, in every command; and when there are no others.
{
	my $deep = '{"a": ' x 300 . '1' . '}' x 300;
	my $one = write_file("$dir/deep.points", join "\n", @points, point('db-start', $base, 'a1', 'c1', '01.004000', $deep));
	my $all = write_file("$dir/deeper.points", join "\n", map { point("db-$_", $base, 'a1', 'c1', '01.004000', $deep) } 'start', 'stop');

	for my $command (['show'], ['show', '--json'], ['explain'], ['explain', '--json'], ['export', '--format', 'csv'],
		['diff', "$dir/points"])
	{
		my ($status, $out, $err) = run_cli('trace', @$command, $one);

		is($status, 0, "@$command: one point that nests too deep");
		is($err, "osprofiler: trace $command->[0]: 1 point makes no sense and was left out (nested deeper than 256 levels)\n",
			'is said to be left out');
	}
	one_error(qr/there are no points of a trace in '\Q$all\E': 2 points make no sense \(the first: nested deeper than 256 levels\)/,
		'trace', @$_, $all) for ['show'], ['explain'], ['check'], ['export', '--format', 'otlp'];

	# A collector is asked for each form of the id, and each point counts once.
	my $collector = write_file("$dir/collector.points", slurp($all) . "\n");
	one_error(qr/nothing of trace '\Q$base\E' in \S+ can be shown: 2 points make no sense /,
		'trace', @$_, '--no-wait', '--connection-string', "file://$collector", $base) for ['show'], ['check'];
}

# Operations with one id.
{
	my @again = map { my $n = $_; map { point("app-$_", $base, $base, 'a1', sprintf('%02d.00000%d', $n % 60, $_ eq 'stop')) } 'start', 'stop' } 1 .. 50;
	my ($status, $out, $err) = run_cli('trace', 'show', write_file("$dir/again.points", join "\n", @again));

	is($status, 0, 'operations with one id');
	like($out, qr/  1 operation  98 points with the ids of others, not shown  /, 'the head says so');
	is($err, "osprofiler: trace show: 98 points have the ids of other points: of each operation the last ones count; see 'osprofiler trace check'\n",
		'and stderr');
	for my $command (['show', '--json'], ['explain'], ['export', '--format', 'csv'])
	{
		($status, $out, $err) = run_cli('trace', @$command, "$dir/again.points");
		like($err, qr/\Aosprofiler: trace $command->[0]: 98 points have the ids of other points[^\n]*\n\z/, "@$command: stderr");
	}
}

# What OTLP cannot have.
{
	my @numbers = map { point("app-$_", $base, $base, 'a2', '01.000000') =~ s/"a2"/17/r } 'start', 'stop';
	my ($status, $out, $err) = run_cli('trace', 'export', '--format', 'otlp', '--out', "$dir/numbers.otlp",
		write_file("$dir/numbers.points", join "\n", @points, @numbers));

	is("$status $err", "0 osprofiler: trace export: 1 operation was left out: OTLP needs a base_id and a trace_id that are texts\n",
		'an id that is a number');
}

# Ids need not be UUIDs.
my $odd = write_points("$dir/odd", point('a-start', 'my trace', 'x', 'y', '01.0'));
like(run_ok('trace', 'show', '--connection-string', $odd, 'my trace'),
	qr/\ba\b/, 'an id that is no UUID');

# Nothing there, or no way there.
one_error(qr{no trace '\Q$base\E0' in \Q$uri\E .*trace list}, 'trace', 'show', @at,
	"${base}0");
one_error(qr{no trace '$base' in file:///.*/none}, 'trace', 'show', $base,
	'--connection-string', "file://$dir/none");
one_error(qr{no trace '$base' in sqlite:///.*traces\.db: cannot open /.*/state/osprofiler/traces\.db: No such file or directory \(nothing was stored there yet; .*\)\n},
	'trace', 'show', $base);
ok(!-e "$dir/state", 'looking makes no file');
one_error(qr{connection string must begin with SCHEME}, 'trace', 'show', $base,
	'--connection-string', 'nonsense');
one_error(qr{gopher.*(redis|sqlite)}, 'trace', 'show', $base,
	'--connection-string', 'gopher://x');
{
	my ($status, $out, $err) = run_cli('trace', 'show', $base,
		'--connection-string', 'redis://:SeCrEt@127.0.0.1:1');
	is($status, 1, 'a collector that is down');
	unlike($err, qr/SeCrEt/, 'its password is not shown');
	like($err, qr{\Aosprofiler: [^\n]*redis://[^\n]*127\.0\.0\.1:1[^\n]*\n\z}, 'its address is');
}
{
	local $ENV{OSPROFILER_CONF} = "$dir/missing.conf";
	one_error(qr/missing\.conf/, 'trace', 'show', @at, $base);
}

# --out: whole or not at all.
my $file = "$dir/out.json";
is(run_ok('trace', 'show', '--json', @at, $base, '--out', $file), '', '--out');
is(slurp($file), $json, 'the file holds the report');
is((stat $file)[2] & 0777, 0666 & ~umask, 'its mode is that of a new file');
is(run_ok('trace', 'show', '--json', @at, $base, '--out', '-'), $json, '- is stdout');

chmod 0640, $file;
symlink $file, "$dir/link";
run_ok('trace', 'show', @at, $base, '--out', "$dir/link");
is(slurp($file), $tree, 'a link is followed');
ok(-l "$dir/link", 'and stays one');
is((stat $file)[2] & 0777, 0640, 'the mode stays');

# Not what the trace is read from, by whatever name; in whatever form.
mkdir "$dir/only";
mkdir "$dir/only/below";
my $only = write_points("$dir/only/points", @points) =~ s{^file://}{}r;
my $written = slurp($only);
link $only, "$dir/only/points.hard";
symlink $only, "$dir/only/points.soft";
symlink $only, "$dir/only/points.pdf";
my @forms = map { [ 'show', $_ ] } '--text', '--html', '--json', '--dot';
push @forms, map { [ 'export', '--format', $_ ] } 'csv', 'chrome', 'otlp';
for my $form (@forms)
{
	my $replace = qr/--out would replace '.*only.*', which the trace is read from; name another file/;

	usage_error($replace, 'trace', @$form, $only, '--out', $_)
	  for $only, "$dir/only/points.hard", "$dir/only/points.soft", "$dir/only/below/../points";
	usage_error($replace, 'trace', @$form, "$dir/only/points.soft", '--out', $only);
	usage_error($replace, 'trace', @$form, $base, '--connection-string', "file://$only", '--out', $only);
	usage_error($replace, 'trace', @$form, $base, '--connection-string', "file://localhost$only", '--out', $only);
	usage_error($replace, 'trace', @$form, $base, @at, '--connection-string', "file://$only", '--out', $only);
}
usage_error(qr/--render-dot would replace '.*points\.pdf'/, 'trace', 'show', '--dot', '--render-dot',
	"$dir/only/points", $only);
usage_error(qr/--render-dot must be the name of a file without '\.pdf', not '\Q$_\E'/, 'trace', 'show',
	'--dot', '--render-dot', $_, $only) for '', "$dir/only/";
ok(!-e "$dir/only/.pdf" && !-e '.pdf', 'no hidden file');
is(slurp($only), $written, 'it is as it was');
run_ok('trace', 'show', $only, '--out', "$dir/only/copy");
is(slurp("$dir/only/copy"), $tree, 'another file is one');

# A link to what is not there yet: that is made.
mkdir "$dir/links";
mkdir "$dir/links/below";
symlink 'below/made', "$dir/links/relative";
symlink "$dir/links/below/absolute", "$dir/links/absolute";
symlink 'relative-too', "$dir/links/chain";
symlink 'below/../below/last', "$dir/links/relative-too";
for my $case (['relative', 'made'], ['absolute', 'absolute'], ['chain', 'last'])
{
	my ($link, $made) = @$case;

	run_ok('trace', 'show', @at, $base, '--out', "$dir/links/$link");
	ok(-l "$dir/links/$link", "$link: the link stays");
	ok(!-l "$dir/links/below/$made", 'its target is a file');
	is(slurp("$dir/links/below/$made"), $tree, 'with the tree');
	is((stat "$dir/links/below/$made")[2] & 0777, 0666 & ~umask, 'and the mode of a new one');
}
symlink 'nowhere/made', "$dir/links/astray";
symlink 'round', "$dir/links/round";
one_error(qr{cannot write '.*/links/astray': No such file}, 'trace', 'show', @at, $base,
	'--out', "$dir/links/astray");
one_error(qr{cannot write '.*/links/round': Too many levels}, 'trace', 'show', @at, $base,
	'--out', "$dir/links/round");
ok(-l "$dir/links/$_", "$_ stays") for 'astray', 'round';
is(join(' ', map { s{.*/}{}r } sort grep { -f } glob "$dir/links/below/*"), 'absolute last made',
	'and nothing else was made');
chdir "$dir/links" or die;
symlink 'here', "$dir/links/bare";
run_ok('trace', 'show', @at, $base, '--out', 'bare');
is(slurp("$dir/links/here"), $tree, 'a link without a directory');
chdir $top or die;

one_error(qr{cannot write '.*/no/such/out': No such file}, 'trace', 'show', @at,
	$base, '--out', "$dir/no/such/out");
one_error(qr/cannot write '.*': Is a directory/, 'trace', 'show', @at, $base,
	'--out', $dir);
one_error(qr{cannot write '/dev/full': No space left}, 'trace', 'show', @at, $base,
	'--out', '/dev/full');
ok(-c '/dev/full', 'a device stays a device');
one_error(qr/no trace/, 'trace', 'show', @at, 'other', '--out', $file);
is(slurp($file), $tree, 'after an error the old file is there');
one_error(qr{cannot write '/proc/osp': }, 'trace', 'show', @at, $base,
	'--out', '/proc/osp');

SKIP:
{
	# A directory where nothing may be made; root may everywhere.
	skip 'root may write anywhere', 5 if $> == 0;
	mkdir "$dir/closed";
	chmod 0555, "$dir/closed";
	one_error(qr{cannot write '.*/closed/out': Permission denied}, 'trace', 'show',
		@at, $base, '--out', "$dir/closed/out");
	ok(!-e "$dir/closed/out", 'no file');
}

# A file that may not grow, as on a full disk: no part of it stays.
my $large = write_points("$dir/large",
	map { point("p$_-start", $base, $base, "t$_", '01.000000') } 1 .. 100);
one_error(qr/cannot write '.*': File too large/, 'trace', 'show', '--json', $base,
	'--connection-string', $large, '--out', "$dir/limited", { limit => 8 });
ok(!-e "$dir/limited", 'no half a file');
is(join(' ', grep { !/\.(json|conf|points|otlp)$/ } glob "$dir/*.* $dir/.[a-z]*"), '', 'no temporary file left');

# Names as long as they can be, and longer.
for my $length (248, 250, 255)
{
	my $long = 'n' x $length;

	is(run_ok('trace', 'show', @at, $base, '--out', "$dir/$long"), '', "a name of $length bytes");
	is(slurp("$dir/$long"), $tree, 'the file is there');
	ok(unlink("$dir/$long"), 'by its name');
}
one_error(qr/cannot write '.*n': File name too long/, 'trace', 'show', @at, $base,
	'--out', "$dir/" . 'n' x 256);

# stdout.
one_error(qr/standard output: No space left/, 'trace', 'show', @at, $base,
	{ stdout => '/dev/full' });
one_error(qr/standard output: No space left/, 'trace', 'show', '--json', @at,
	$base, { stdout => '/dev/full' });
one_error(qr/standard output: Bad file descriptor/, 'trace', 'show', @at, $base,
	{ closed => 1 });
# A reader that went away ends it as any command, unless the caller ignores that.
{
	local $SIG{PIPE} = 'DEFAULT';
	my ($status, undef, $err) = run_cli('trace', 'show', '--json', @at, $base, { pipe => 1 });
	is($status, -13, 'trace show into a closed pipe: SIGPIPE');
	is($err, '', 'trace show into a closed pipe: no message');
	local $SIG{PIPE} = 'IGNORE';
	one_error(qr/standard output: Broken pipe/, 'trace', 'show', '--json', @at, $base,
		{ pipe => 1 });
}

# A trace that is not there: what is known, and two steps.
{
	my $absent = '99999999-2222-4333-8444-555555555555';
	my @named = ('--connection-string', "file://$dir/points");

	one_error(qr{trace show: no trace '$absent' in file://\Q$dir\E/points: a service whose keys lack the one that signed the context traces nothing \('osprofiler context show', with the service's keys, says whether they do\), nor does one that was not restarted; 'osprofiler trace list' shows those that there are; --server CONNINFO asks a PostgreSQL server, which records nothing shorter than osprofiler\.min_duration\n\z},
		'trace', 'show', '--no-wait', @named, $absent);
	one_error(qr{trace show: no trace '99999999' in file://\Q$dir\E/points: 'osprofiler trace list' shows those that there are, so give the whole id; --server},
		'trace', 'show', '--no-wait', @named, '99999999');
}

done_testing();
