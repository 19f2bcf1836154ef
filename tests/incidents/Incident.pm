# SPDX-License-Identifier: Apache-2.0
#
# Incident.pm
#	  What the tests of incidents share: each stages something that makes a trace
#	  slow in a real PostgreSQL, and checks what `osprofiler trace explain` finds.
#
# With INCIDENTS_SAVE=DIR the points of each trace are kept there, one file for
# each incident.

package Incident;

use strict;
use warnings;

use Exporter 'import';
use FindBin;
use IPC::Run ();
use JSON::PP;
use lib "$FindBin::RealBin/../pg/lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT =
  qw(start_server psql_traced client_traced why found healthy without_cpu background
	wait_until);

# The kinds of operations that are recorded by default.
my $default_points;

my $agent = $ENV{OSPROFILER_TEST_AGENT} || 'osprofiler';

sub boot_value
{
	my ($node, $setting) = @_;

	return $node->safe_psql('postgres',
		"SELECT boot_val FROM pg_settings WHERE name = 'osprofiler.$setting'");
}

sub start_server
{
	my ($name, $conf) = @_;
	my $node = new_node($name, extra => ['--encoding=UTF8'], allows_streaming => 1);

	$node->append_conf('postgresql.conf',
		"autovacuum = off\nshared_buffers = '64MB'\n" . ($conf // ''));
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler');
	$default_points = boot_value($node, 'points');
	$node->append_conf('postgresql.conf',
		"osprofiler.points = '$default_points'\n"
		  . 'osprofiler.node_min_duration = ' . boot_value($node, 'node_min_duration'));
	$node->reload;
	return $node;
}

# Runs a script of psql in one session, traced: its context. Its errors are its own.
sub psql_traced
{
	my ($node, $sql, %options) = @_;
	my $context = context();
	my $points = '';

	$points = "SET osprofiler.points = '$default_points, $options{points}';\n"
	  if $options{points};
	$node->psql('postgres', $points . set_context($context) . "\n$sql",
		on_error_stop => 0, on_error_die => 0);
	wait_for_delivery($node);
	return $context->{base};
}

# The same below `osprofiler run`, so that the client's operations are in the trace.
sub client_traced
{
	my ($node, @command) = @_;
	my ($out, $err);

	local $ENV{OSPROFILER_HMAC_KEYS} = 'SECRET_KEY';
	local $ENV{OSPROFILER_CONNECTION_STRING} = 'file://' . trace_file($node);
	local $ENV{OSPROFILER_RUN_DIR} = $node->basedir . '/client';
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGDATABASE} = 'postgres';
	IPC::Run::run([ $agent, 'run', '--', @command ], '<', \undef, '>', \$out,
		'2>', \$err);
	wait_for_delivery($node);
	my ($base) = $err =~ /([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/
	  or die "no trace: $err";
	return $base;
}

# What is found in a trace.
sub why
{
	my ($node, $base) = @_;
	my ($out, $err);
	my @at = ('--connection-string', 'file://' . trace_file($node), $base);

	IPC::Run::run([ $agent, 'trace', 'explain', '--json', @at ],
		'>', \$out, '2>', \$err) or die "trace explain: $err";
	return decode_json($out);
}

sub save
{
	my ($node, $base, $name) = @_;
	my $dir = $ENV{INCIDENTS_SAVE} or return;

	$name =~ s/\W+/_/g;
	write_file("$dir/$name.points",
		join('', map { encode_json($_) . "\n" } without_copies(points($node, { base => $base }))),
		0644);
	return;
}

# The first finding must be this one, with a share between two bounds.
sub found
{
	my ($node, $base, $name, $rule, $from, $to) = @_;
	my $why = why($node, $base);

	# Where the machine is busy with something else, that is found, too.
	my @findings = grep { $rule eq 'cpu' || $_->{rule} ne 'cpu' } @{ $why->{findings} };
	my $left = 1;
	$left -= $_->{share} for grep { $rule ne 'cpu' && $_->{rule} eq 'cpu' } @{ $why->{findings} };
	my $first = $findings[0];

	save($node, $base, $name);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($first->{rule} // 'none', $rule, "$name: $rule") or diag explain_text($why);
	my $share = ($first->{share} // 0) / $left;
	ok( $share >= $from && $share <= ($to // 1),
		sprintf '%s: share %.2f', $name, $share) or diag explain_text($why);
	my $sum = $why->{not_explained};
	$sum += $_->{share} for @{ $why->{findings} };
	ok(abs($sum - 1) < 0.01, "$name: the shares are a whole");
	return $first;
}

# For how long processes of this machine have waited for a processor, in us; 0 if the
# kernel does not say.
sub waited_for_cpu
{
	open my $file, '<', '/proc/pressure/cpu' or return 0;
	my ($us) = <$file> =~ /^some .*total=(\d+)/;
	return $us // 0;
}

# Nothing must be found in what is traced, $traced. Where the machine is busy with
# something else, that is found, too: it is traced again, if processes had to wait.
sub healthy
{
	my ($node, $traced, $name) = @_;
	my ($base, $why, @findings);

	for (1 .. 5)
	{
		my $before = waited_for_cpu();

		$base = $traced->();
		my $waited_us = waited_for_cpu() - $before;
		$why = why($node, $base);
		@findings = grep { $_->{rule} ne 'cpu' } @{ $why->{findings} };
		last if !@findings || $waited_us < 20_000;
	}
	save($node, $base, $name);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(scalar(@findings), 0, "$name: no finding")
	  or diag explain_text($why);
	return;
}

# The text of an explanation without what is only found where the machine is busy with
# something else.
sub without_cpu
{
	my ($text) = @_;

	return $text =~ s/^ *\d+ %[^\n]* waited for a CPU for .*?(?=^ *\d+ %)//msr;
}

sub explain_text
{
	my ($why) = @_;

	return JSON::PP->new->pretty->canonical->encode($why);
}

# A psql that runs beside us.
my $scripts = 0;
sub background
{
	my ($node, $sql) = @_;
	my %run = (out => '', err => '');
	my $script = $node->basedir . '/background' . ++$scripts;

	write_file($script, $sql, 0600);
	$run{psql} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', $script ],
		'>', \$run{out}, '2>', \$run{err});
	return \%run;
}

# Waits until a query returns true.
sub wait_until
{
	my ($node, $query) = @_;

	return $node->poll_query_until('postgres', $query);
}

1;
