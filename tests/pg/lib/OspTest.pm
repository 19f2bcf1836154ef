# SPDX-License-Identifier: Apache-2.0
#
# OspTest.pm
#	  What the TAP tests of the PostgreSQL extension share: servers with the
#	  extension, signed contexts, points read back from the collector.

package OspTest;

use strict;
use warnings;

use Digest::SHA qw(hmac_sha1_hex);
use Exporter 'import';
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run ();
use Time::HiRes qw(usleep);
use Time::Local qw(timegm);

our @EXPORT = qw(new_node configure context signed set_context comment points
  without_copies shape
  count_points wait_until_shipped wait_for_points wait_for_delivery
  wait_until_up tree operations
  breaches write_file unset count_in_log trace_file shipper_pid while_locked);

# A server that is set up but not started. Points go to a file.
sub new_node
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(%options);
	configure($node);
	return $node;
}

sub trace_file
{
	my ($node) = @_;
	return $node->basedir . '/traces.jsonl';
}

sub configure
{
	my ($node) = @_;
	my $keys = $node->basedir . '/keys';
	my $run = $node->basedir . '/run';
	my $file = trace_file($node);

	mkdir $run, 0700;
	chmod 0700, $run;
	write_file($keys, "SECRET_KEY\n", 0600);
	$node->append_conf(
		'postgresql.conf', qq{
session_preload_libraries = 'osprofiler'
osprofiler.points = 'statement, nested'
osprofiler.node_min_duration = -1
osprofiler.hmac_keys_file = '$keys'
osprofiler.run_directory = '$run'
osprofiler.connection_string = 'file://$file'
});
	$node->append_conf('postgresql.conf',
		"osprofiler.agent = '$ENV{OSPROFILER_TEST_AGENT}'")
	  if $ENV{OSPROFILER_TEST_AGENT};
}

sub write_file
{
	my ($path, $text, $mode) = @_;

	open my $file, '>', $path or die "$path: $!";
	print $file $text;
	close $file;
	chmod $mode, $path;
}

# Takes a setting out of postgresql.conf. (adjust_conf came with PostgreSQL 14.)
sub unset
{
	my ($node, $name) = @_;
	my $path = $node->data_dir . '/postgresql.conf';

	write_file($path, slurp_file($path) =~ s/^\Q$name\E\b.*\n//gmr, 0600);
}

my $last_trace = 0;

# A signed context of a new trace.
sub context
{
	my ($key) = @_;

	return signed(sprintf('00000000-0000-4000-8000-%012d', ++$last_trace), $key);
}

# A signed context of the trace with that id, of an operation that calls.
sub signed
{
	my ($base, $key, $parent) = @_;
	my $info = encode_base64(
		sprintf('{"base_id": "%s", "parent_id": "%s"}', $base, $parent // $base), '');

	$info =~ tr{+/}{-_};
	return {
		base => $base,
		info => $info,
		hmac => hmac_sha1_hex($info, $key // 'SECRET_KEY'),
	};
}

sub set_context
{
	my ($context) = @_;
	return "SET osprofiler.trace_info = '$context->{info}';"
	  . " SET osprofiler.trace_hmac = '$context->{hmac}';";
}

sub comment
{
	my ($context) = @_;
	return
	  "/*trace_hmac='$context->{hmac}',trace_info='$context->{info}'*/";
}

# The points of a trace that the collector has.
sub points
{
	my ($node, $context) = @_;
	my @points;

	open my $file, '<', trace_file($node) or return;
	while (my $line = <$file>)
	{
		next unless $line =~ /\n\z/ && index($line, $context->{base}) >= 0;
		my $point = decode_json($line);
		push @points, $point if $point->{base_id} eq $context->{base};
	}
	close $file;
	return @points;
}

# Points are delivered at least once: a shipper that is killed between a delivery
# and the note of it delivers again. Reports drop such copies, and so does this.
sub without_copies
{
	my (@points) = @_;
	my %seen;

	return grep { !$seen{"$_->{trace_id} $_->{name}"}++ } @points;
}

# How many points of a trace the collector may have: without decoding them.
sub count_points
{
	my ($node, $context) = @_;
	my $count = 0;

	open my $file, '<', trace_file($node) or return 0;
	while (my $line = <$file>)
	{
		$count++ if index($line, $context->{base}) >= 0;
	}
	close $file;
	return $count;
}

# Waits until the collector has so many points of a trace, and a bit longer to
# see that there come no more.
sub wait_until_shipped
{
	my ($node, $context, $count) = @_;

	for (1 .. 6000)
	{
		last if count_points($node, $context) >= $count;
		usleep(10_000);
	}
	usleep(100_000);
}

# The same, and the points.
sub wait_for_points
{
	my ($node, $context, $count) = @_;

	wait_until_shipped($node, $context, $count);
	return points($node, $context);
}

# Waits until nothing is left in rings and spool; false if that takes too long.
sub wait_for_delivery
{
	my ($node) = @_;

	return $node->poll_query_until('postgres',
		'SELECT waiting_bytes = 0 AND spool_points = 0 FROM osprofiler.stat');
}

# Waits until the server lets us in, after a crash for instance. PostgreSQL's own
# poll_query_until dies where psql is refused before it has read the query.
sub wait_until_up
{
	my ($node) = @_;
	my $output;

	for (1 .. 1800)
	{
		return 1
		  if IPC::Run::run(
			[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT true' ],
			'<', '/dev/null', '>', \$output, '2>&1');
		usleep(100_000);
	}
	die "the server lets nobody in: $output\n";
}

# Points as a list of texts: "statement", with " (no stop)" or its error.
sub shape
{
	my (@points) = @_;
	my %stops;
	my @shape;

	push @{ $stops{ $_->{trace_id} } }, $_
	  for grep { $_->{name} =~ /-stop$/ } @points;

	# Sessions are delivered in any order.
	foreach my $start (
		sort { $a->{timestamp} cmp $b->{timestamp} }
		grep { $_->{name} =~ /-start$/ } @points)
	{
		my @ends = @{ $stops{ $start->{trace_id} } // [] };
		my $text = $start->{info}{db}{statement} // $start->{name};

		$text .= ' (no stop)' if !@ends;
		$text .= ' (stops: ' . scalar(@ends) . ')' if @ends > 1;
		$text .= " ($ends[0]{info}{etype})" if @ends && $ends[0]{info}{etype};
		$text .= ' (interrupted)' if @ends && $ends[0]{info}{interrupted};
		push @shape, $text;
	}
	return \@shape;
}

# Points as a tree: a line for each, two spaces further in than its parent;
# "text -> command rows (what went wrong)", with the name in front unless it is pg.
sub tree
{
	my (@points) = @_;
	my (%stop, %children, @lines);
	my %known = map { ($_->{trace_id} => 1) } @points;

	foreach my $point (@points)
	{
		if ($point->{name} =~ /-stop$/)
		{
			$stop{ $point->{trace_id} } = $point->{info};
			next;
		}
		my $parent = $known{ $point->{parent_id} } ? $point->{parent_id} : '';

		push @{ $children{$parent} }, $point;
	}
	my $walk;
	$walk = sub {
		my ($parent, $indent) = @_;

		foreach my $point (
			sort { $a->{timestamp} cmp $b->{timestamp} }
			@{ $children{$parent} // [] })
		{
			push @lines, $indent . line_of($point, $stop{ $point->{trace_id} });
			$walk->($point->{trace_id}, "$indent  ");
		}
	};
	$walk->('', '');
	return \@lines;
}

sub line_of
{
	my ($start, $stop) = @_;
	my $name = $start->{name} =~ s/-start$//r;
	my $line = join ': ', $name eq 'pg' ? () : $name,
	  $start->{info}{db}{statement} // ();

	return "$line (no stop)" if !$stop;
	$line .= " -> $stop->{db}{command}" if $stop->{db}{command};
	$line .= " $stop->{db}{rows}" if $stop->{db}{rows};
	$line .= " ($stop->{etype})" if $stop->{etype};
	$line .= ' (interrupted)' if $stop->{interrupted};
	return $line;
}

# Points as operations, in the order of their starts: name, text, ids, the info of
# start and stop, begin and end in seconds since 1970, length in milliseconds.
sub operations
{
	my (@points) = @_;
	my %stop = map { ($_->{trace_id} => $_) } grep { $_->{name} =~ /-stop$/ } @points;

	return map {
		my $stop = $stop{ $_->{trace_id} };
		{
			name => $_->{name} =~ s/-start$//r,
			text => $_->{info}{db}{statement},
			trace_id => $_->{trace_id},
			parent_id => $_->{parent_id},
			start => $_->{info},
			stop => $stop ? $stop->{info} : undef,
			begin => seconds_of($_->{timestamp}),
			end => $stop ? seconds_of($stop->{timestamp}) : undef,
			ms => $stop ? $stop->{info}{elapsed_ns} / 1e6 : undef
		}
	  } sort { $a->{timestamp} cmp $b->{timestamp} }
	  grep { $_->{name} =~ /-start$/ } @points;
}

# A time of OSProfiler as seconds since 1970.
sub seconds_of
{
	my ($text) = @_;
	my ($y, $m, $d, $h, $min, $s) =
	  $text =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):([\d.]+)$/ or die "time: $text";

	return timegm(0, $min, $h, $d, $m - 1, $y) + $s;
}

# Runs the code while the session of $locker has the table locked, and for so many
# seconds after somebody waits for it. What the code returned.
sub while_locked
{
	my ($locker, $table, $seconds, $code) = @_;

	$locker->simple("BEGIN; LOCK TABLE $table");
	$locker->query(<<"SQL")->send;
DO \$\$ BEGIN
	FOR i IN 1 .. 6000 LOOP
		EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE relation = '$table'::regclass AND NOT granted);
		PERFORM pg_sleep(0.01);
	END LOOP;
END \$\$;
SELECT pg_sleep($seconds); COMMIT
SQL
	my @result = $code->();
	$locker->read_until_ready;
	return @result;
}

# What `osprofiler trace check` finds wrong with a trace.
sub breaches
{
	my ($node, $base) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([
			$ENV{OSPROFILER_TEST_AGENT} || 'osprofiler', 'trace', 'check', '--connection-string',
			'file://' . trace_file($node), $base ],
		'>', \$out, '2>', \$err);
	return $out . $err;
}

sub count_in_log
{
	my ($node, $pattern) = @_;
	my $log = slurp_file($node->logfile);
	my $count = () = $log =~ /$pattern/g;

	return $count;
}

# Pid of the shipper, once there is one.
sub shipper_pid
{
	my ($node) = @_;

	# Asked once for both: it may be gone between two questions.
	for (1 .. 6000)
	{
		my $pid = $node->safe_psql('postgres',
			'SELECT shipper_pid FROM osprofiler.stat');

		return $pid if $pid ne '';
		usleep(10_000);
	}
	die 'no shipper';
}

1;
