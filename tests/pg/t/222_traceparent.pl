# SPDX-License-Identifier: Apache-2.0

# Traceparents of the W3C as drivers, middleware and people send them: in comments of
# all forms, of strings of statements and of prepared statements; and as the name of the
# application, which is the only way to reach a prepared statement.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('traceparent');
$node->append_conf('postgresql.conf', q{
osprofiler.points = 'statement, nested, plan, commit'
osprofiler.accept_traceparent = on
osprofiler.accept_application_name = on
});
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler; CREATE TABLE t (id int)');
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $span = '00f067aa0ba902b7';
my $parent = "00000000-0000-0000-$span" =~ s/(.{4})(.{12})$/$1-$2/r;

sub connect_wire
{
	my ($options) = @_;
	return PgWire->new($node->host . '/.s.PGSQL.' . $node->port,
		database => 'postgres', user => $user, options => $options // '');
}

# A traceparent of a new trace, which points() finds by {base}.
my $last = 0;

sub caller_of
{
	my $id = sprintf '4bf92f3577b34da6a3ce929d%08x', ++$last;
	return {
		base => $id =~ s/(.{8})(.{4})(.{4})(.{4})(.{12})/$1-$2-$3-$4-$5/r,
		text => "00-$id-$span-01"
	};
}

# The statements of the trace are these, all of them called by the span; other comments
# than that of the caller stay in their texts.
sub called
{
	my ($caller, $expected, $what) = @_;

	wait_for_delivery($node);
	my @statements = grep { $_->{name} eq 'pg' } operations(points($node, $caller));
	is_deeply([ map { $_->{text} =~ s{\s*(?:/\*.*?\*/|--[^\n]*|;)\s*}{}gr } @statements ], $expected, $what);
	is_deeply([ grep { $_->{parent_id} ne $parent } @statements ], [], "$what: by that span");
	is(breaches($node, $caller->{base}), '', "$what: nothing is wrong") if @$expected;
	return;
}

# Forms of comments: one odd pair does not make the others void.
my $wire = connect_wire();
foreach my $form (
	"/*traceparent='%s'*/", '/* traceparent=%s */', '/*traceparent=%s*/', '/*traceparent="%s"*/',
	"/*app=foo,traceparent='%s'*/", "/*a:b='c',traceparent='%s'*/", "/*a='it''s',traceparent='%s'*/",
	"/*traceparent='%s',*/", '/*application:Api,traceparent:%s*/', "/*traceparent='%s'*/ -- x",
	"/*traceparent='%s'*/;", "/*traceparent='%s',tracestate='a%%3Db'*/ /* note */",
	"/* x */ /*route='%%2Fa%%20b',traceparent='%s'*/")
{
	my $caller = caller_of();

	$wire->simple('SELECT 1 ' . sprintf $form, $caller->{text});
	called($caller, ['SELECT 1'], "$form behind the statement");
	next if $form =~ /-- x|;$/;
	$caller = caller_of();
	$wire->simple(sprintf("$form SELECT 1", $caller->{text}));
	called($caller, ['SELECT 1'], "$form before it");
}

# A comment at the start or the end of a string is that of all its statements.
foreach my $form ('%s SELECT 1; INSERT INTO t VALUES (2); SELECT 3',
	'SELECT 1; INSERT INTO t VALUES (2); SELECT 3 %s', 'SELECT 1; INSERT INTO t VALUES (2); SELECT 3; %s',
	'-- note
 %s; SELECT 1; INSERT INTO t VALUES (2); SELECT 3')
{
	my $caller = caller_of();

	$wire->simple(sprintf $form, "/*traceparent='$caller->{text}'*/");
	called($caller, [ 'SELECT 1', 'INSERT INTO t VALUES (2)', 'SELECT 3' ], $form);
}

# Formatted as Python's bytes a signed context is malformed, and counted.
sub malformed
{
	return $node->safe_psql('postgres', q{SELECT contexts->>'malformed' FROM osprofiler.stat});
}
my $before = malformed();
$wire->simple(q{SELECT 1 /*trace_hmac='52',trace_info='b'eyJ''*/});
$wire->parse('', q{SELECT 2 /*trace_hmac='52',trace_info=b'eyJ'*/})->bind('', '')->execute('')
  ->sync->read_until_ready;
is(malformed() - $before, 2, 'contexts that are malformed are counted');

# Prepared statements.
foreach my $mode (qw(force_custom_plan force_generic_plan auto))
{
	my ($comment, @names) = map { caller_of() } 0 .. 3;
	my $text = 'SELECT $1::int';

	# The comment of the text is that of its first execution.
	$wire = connect_wire("-c plan_cache_mode=$mode");
	$wire->prepare('s', "$text /*traceparent='$comment->{text}'*/");
	$wire->run_prepared('s', 1) for 1 .. 8;
	called($comment, [$text], "$mode: a comment, executed eight times");

	# A name of the application is for the statement behind it, whatever became known
	# of the plan. The SET is none, in no protocol.
	$wire->simple("SET application_name = '$names[0]{text}'");
	$wire->run_prepared('s', 1) for 1 .. 3;
	called($names[0], [$text], "$mode: a name, by a simple query");
	$wire->prepare('', "SET application_name = '$names[1]{text}'");
	$wire->run_prepared('');
	$wire->run_prepared('s', 1) for 1 .. 3;
	called($names[1], [$text], "$mode: a name, by an extended one");
	$wire->parse('', "SET application_name TO '$names[2]{text}'")->bind('', '')->execute('');
	$wire->bind('', 's', 1)->execute('') for 1 .. 2;
	$wire->sync->read_until_ready;
	called($names[2], [$text], "$mode: a name, in one pipeline");
	$wire->finish;
}

# The name that a session begins with, as a pooler may give it, calls nothing.
my $stranger = caller_of();
$wire = PgWire->new($node->host . '/.s.PGSQL.' . $node->port,
	database => 'postgres', user => $user, application_name => $stranger->{text});
$wire->simple('SELECT 1');
$wire->simple('SELECT 2');
called($stranger, [], 'the name that a session begins with');
$wire->finish;

# A string of many statements is read once, not once for each: this took minutes.
$wire = connect_wire();
my $many = "INSERT INTO t VALUES (77);\n" x 8000;
foreach my $string ("$many/*app='shop',route='/cart'*/", "/*licence: for all*/$many")
{
	my $what = $string =~ s/INSERT.*;\n/…/sr;
	eval {
		local $SIG{ALRM} = sub { die "it takes too long\n" };
		alarm 60;
		$wire->simple($string);
		alarm 0;
		1;
	};
	is($@, '', "$what: 8,000 statements");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM t WHERE id = 77'), 16_000, 'all of them ran');
$wire->finish;
is(count_in_log($node, 'PANIC|terminated by signal'), 0, 'no crash');

$node->stop;
done_testing();
