# SPDX-License-Identifier: Apache-2.0
#
# incident_page.pl
#	  The incidents that docs/why.md shows beside EXPLAIN and the server's log: each
#	  is staged, and what comes must be what the page has, but for its figures. With
#	  WHY_PAGE_WRITE, the path of the page, they are written anew.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Incident;
use IPC::Run ();
use OspTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $page = $ENV{WHY_PAGE_WRITE} || "$FindBin::RealBin/../../docs/why.md";
my ($begin, $end) = ("<!-- begin of incidents -->\n", "<!-- end of incidents -->\n");
my $agent = $ENV{OSPROFILER_TEST_AGENT} || 'osprofiler';
my $node = start_server('page',
	"jit = off\nmax_parallel_workers_per_gather = 0\nlog_lock_waits = on\ndeadlock_timeout = '200ms'\n"
	  . "log_min_duration_statement = '20ms'\nlog_statement = none\n"
	  . "log_line_prefix = ''\nautovacuum = off\n");

if ($node->safe_psql('postgres', 'SHOW server_version_num') !~ /^15/)
{
	$node->stop;
	plan skip_all => 'other versions have other plans';
}
local $ENV{PGAPPNAME} = 'psql';
$node->safe_psql('postgres', q{
CREATE TABLE account (id int PRIMARY KEY, balance int);
INSERT INTO account SELECT g, 0 FROM generate_series(1, 1000) g;
CREATE TABLE visit (country int, city int, street int, page int);
INSERT INTO visit SELECT g % 20, g % 20, g % 20, g FROM generate_series(1, 12000) g;
CREATE TABLE click (page int, target int);
INSERT INTO click SELECT g / 100, g::bigint * 7 % 10000 FROM generate_series(100, 1200099) g;
CREATE INDEX ON click (page);
CREATE TABLE target (id int PRIMARY KEY, price int);
INSERT INTO target SELECT g, g FROM generate_series(0, 9999) g;
CREATE TABLE price (item int, price int);
INSERT INTO price SELECT g % 1000, g FROM generate_series(1, 900000) g;
CREATE FUNCTION total(items int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	sum bigint := 0;
	one int;
BEGIN
	FOR i IN 1 .. items LOOP
		SELECT max(price) INTO one FROM price WHERE item = i;
		sum := sum + one;
	END LOOP;
	RETURN sum;
END $$;
VACUUM ANALYZE;
});

# Somebody holds a row, and does nothing, for a second.
sub hold
{
	my $other = background($node, "SET application_name = 'importer'; BEGIN;"
		  . " UPDATE account SET balance = 1 WHERE id = 7;\n\\! sleep 1\nCOMMIT;");

	# What is shorter than 10 ms is not said.
	wait_until($node, "SELECT count(*) > 0 FROM pg_stat_activity WHERE state = 'idle in transaction'"
		  . " AND state_change < clock_timestamp() - interval '12 ms'");
	return $other;
}

my @incidents = (
	{   title => 'Somebody holds the row',
		about => 'A program has changed the row and does nothing, its transaction open. EXPLAIN shows that the update took long, and not why. '
		  . 'The log names processes, if `log_lock_waits` is on, and not what they did.',
		sql => 'UPDATE account SET balance = balance + 1 WHERE id = 7;', hold => \&hold },
	{   title => 'A wrong estimate',
		about => 'Three columns depend on each other. EXPLAIN has the figures; which of its lines is the cause, one has to know.',
		sql => 'SELECT sum(price) FROM visit v JOIN click USING (page) JOIN target t ON t.id = click.target '
		  . 'WHERE country = 7 AND city = 7 AND street = 7;' },
	{   title => 'A statement in a function',
		about => 'EXPLAIN does not look into functions, and the log has the outer statement only.',
		sql => 'SELECT total(10);' });

# What the server's log got since then.
my $log_at = 0;
sub log_lines
{
	my $log = slurp_file($node->logfile, $log_at);

	$log_at += length $log;
	return join '', grep { !/osprofiler|^(?:STATEMENT|HINT)|set_config|pg_stat_activity|SELECT pg_|checkpoint|shipper/i }
	  $log =~ /^(?:LOG|DETAIL|CONTEXT):.*\n/mg;
}

sub run_beside
{
	my ($incident, $run) = @_;
	my $other = $incident->{hold} ? $incident->{hold}->() : undef;
	my $result = $run->();

	IPC::Run::finish($other->{psql}) if $other;
	return $result;
}

sub explain_analyze
{
	my ($incident) = @_;

	return run_beside($incident,
		sub { $node->safe_psql('postgres', "EXPLAIN (ANALYZE, BUFFERS) $incident->{sql}") });
}

sub trace_explain
{
	my ($incident) = @_;
	my ($out, $err);

	# Where the machine is busy with something else, that is found, too. It does not
	# belong on the page.
	foreach my $attempt (1 .. 20)
	{
		log_lines();
		my $base = run_beside($incident, sub { psql_traced($node, $incident->{sql}) });
		IPC::Run::run([ $agent, 'trace', 'explain', '--connection-string',
				'file://' . trace_file($node), $base ], '>', \$out, '2>', \$err) or die $err;
		last if $out !~ /waited for a CPU/ || !$ENV{WHY_PAGE_WRITE};
	}
	$out =~ s/^ *\d+ %[^\n]*waited for a CPU.*?(?=^ *\d+ %)//ms;
	return $out;
}

sub block
{
	my ($text) = @_;

	$text =~ s/\s+\z//;
	return "```\n$text\n```\n\n";
}

my $made = '';
foreach my $incident (@incidents)
{
	my $plan = explain_analyze($incident);

	my $why = trace_explain($incident);
	my $log = log_lines();
	$made .= "### $incident->{title}\n\n$incident->{about}\n\n```sql\n$incident->{sql}\n```\n\n"
	  . "EXPLAIN (ANALYZE, BUFFERS):\n\n" . block($plan)
	  . "The server's log:\n\n" . block($log)
	  . "`osprofiler trace explain`:\n\n" . block($why);
}
$node->stop;

# All but the figures, and what depends on how fast the machine is.
sub without_figures
{
	my ($text) = @_;

	$text =~ s/\d[\d,.]*( (?:us|ms|s|%))?/N/g;
	$text =~ s/ *\n */\n/g;
	$text =~ s/Buffers: .*/Buffers/g;
	$text =~ s/ {2,}/ /g;
	return $text;
}

my $text = slurp_file($page);
my ($before, $shown, $after) = $text =~ /\A(.*\Q$begin\E)(.*?)(\Q$end\E.*)\z/s
  or die "$page has no place for incidents";
if ($ENV{WHY_PAGE_WRITE})
{
	write_file($page, "$before\n$made$after", 0644);
	ok(1, 'the page is written');
}
else
{
	is(without_figures($shown), without_figures("\n$made"), 'what docs/why.md shows');
}
done_testing();
