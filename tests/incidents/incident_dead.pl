# SPDX-License-Identifier: Apache-2.0
#
# incident_dead.pl
#	  Incidents of tables that are mostly dead rows, as queues become.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Incident;
use OspTest;
use Test::More;

my $node = start_server('dead',
	"jit = off\nmax_parallel_workers_per_gather = 0\nshared_buffers = '384MB'\n");

# A queue without long values, one that has a TOAST table, and an index of two columns.
$node->safe_psql('postgres', q{
CREATE TABLE job (id int PRIMARY KEY, state int, n int);
INSERT INTO job SELECT g, 0, g FROM generate_series(1, 3000000) g;
CREATE TABLE mail (id int PRIMARY KEY, state int, body text);
INSERT INTO mail SELECT g, g % 2, repeat('x', 80) FROM generate_series(1, 1800000) g;
CREATE INDEX mail_state ON mail (state);
CREATE TABLE visit (page int, visitor int, n int);
INSERT INTO visit SELECT g, g % 900000, g FROM generate_series(1, 1200000) g;
CREATE INDEX visit_page ON visit (page, visitor);
VACUUM ANALYZE job, mail, visit;
DELETE FROM job WHERE id <= 2999900;
DELETE FROM mail WHERE id <= 1799900;
});

sub has_no
{
	my ($base, $rule, $name) = @_;
	my $why = why($node, $base);

	is(scalar(grep { $_->{rule} eq $rule } @{ $why->{findings} }), 0, $name)
	  or diag Incident::explain_text($why);
	return;
}

# The work on a queue begins where the last rows were deleted. The time is that of
# reading, and it is not called long values: there is no table for them.
my $next = 'DELETE FROM job WHERE id = (SELECT id FROM job ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id;';
my $found = found($node, psql_traced($node, $next), 'dead index entries, not read before', 'dead_rows', 0.6);
like($found->{cause},
	qr/\AIndex Scan using job_pkey on job visited [\d,]{6,} pages for 1 row: most of the index entries that it read belong to dead rows\.\z/,
	'dead index entries: the sentence');
like($found->{next_step}, qr/\AVACUUM job removes dead entries from its indexes\./, 'dead index entries: the step');
ok($found->{figures}{pages} > 10000 && $found->{figures}{rows} == 1, 'dead index entries: the figures');

# A range of an index.
$found = found($node,
	psql_traced($node, 'SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT sum(n) FROM job WHERE id < 2999950;'),
	'dead rows in a range', 'dead_rows', 0.5);
like($found->{cause}, qr/ visited [\d,]+ pages for \d+ rows: most of the index entries/, 'range: the sentence');

# What a node of a trace has in its start or stop.
sub of_nodes
{
	my ($base, $kind, $key) = @_;

	return join ' ', map { $_->{info}{db}{node}{$key} // 'none' }
	  grep { $_->{name} eq "pg.node-$kind" } without_copies(points($node, { base => $base }));
}

# All of the table, from the disk, and from memory.
$node->restart;
my $all = 'SELECT count(n) FROM job;';
for my $when ('not read before', 'in memory')
{
	$found = found($node, psql_traced($node, $all), "dead rows, $when", 'dead_rows', 0.8);
	like($found->{cause},
		qr/\ASeq Scan on job read 16,\d{3} pages \(12\d MB\) for 99 rows: most of what it read is dead rows or free space\.\z/,
		"dead rows, $when: the sentence");
}
like($found->{next_step}, qr/pg_repack.*autovacuum_vacuum_scale_factor.*pg_replication_slots/, 'dead rows: the step');
found($node, psql_traced($node, $all, points => 'node'), 'dead rows, timed', 'dead_rows', 0.7);
found($node, psql_traced($node, 'SELECT * FROM job WHERE state = 1;'), 'dead rows below a filter', 'dead_rows', 0.7);
found($node,
	psql_traced($node,
		'SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SELECT count(n) FROM job;'),
	'dead rows, parallel', 'dead_rows', 0.4);

# VACUUM does not make it smaller.
$node->safe_psql('postgres', 'VACUUM job');
found($node, psql_traced($node, $all x 4), 'free space', 'dead_rows', 0.5);
$node->safe_psql('postgres', 'VACUUM FULL job');
healthy($node, sub { psql_traced($node, $all) }, 'without free space');

# A table with a TOAST table. By how many pages the table has, and how many rows the index
# found, none of them were read; of an index scan that is not known.
$found = found($node,
	psql_traced($node,
		'SET enable_seqscan = off; SET enable_indexscan = off; SELECT count(body) FROM mail WHERE state = 1;'),
	'dead rows of a bitmap', 'dead_rows', 0.6);
like($found->{cause}, qr/\ABitmap Heap Scan on mail read .* for 50 rows: most of what it read is dead rows or free space\.\z/,
	'bitmap: the sentence');
$found = found($node, psql_traced($node, 'SELECT count(body) FROM mail;'), 'dead rows beside TOAST', 'dead_rows', 0.8);
like($found->{cause}, qr/ for 100 rows: most of what it read is dead rows or free space\.\z/, 'beside TOAST: the sentence');
$found = found($node, psql_traced($node, 'SELECT id, body FROM mail ORDER BY id LIMIT 1;'),
	'dead index entries beside TOAST', 'dead_rows', 0.6);
like($found->{cause}, qr/ belong to dead rows, or the rows have long values in the TOAST table\.\z/,
	'index beside TOAST: the sentence');

# VACUUM cannot remove what an open transaction may still see.
$node->safe_psql('postgres', 'CREATE TABLE task (id int PRIMARY KEY, n int);'
	  . 'INSERT INTO task SELECT g, g FROM generate_series(1, 600000) g; VACUUM ANALYZE task');
my $holder = background($node, "SET application_name = 'holder'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; SELECT pg_sleep(300);");
wait_until($node, q{SELECT backend_xmin IS NOT NULL FROM pg_stat_activity WHERE application_name = 'holder' AND wait_event = 'PgSleep'});
$node->safe_psql('postgres', 'DELETE FROM task WHERE id <= 594000');
$node->safe_psql('postgres', 'VACUUM ANALYZE task');
my $first = 'SELECT id FROM task ORDER BY id LIMIT 1;';
for my $case (['held rows', $first], ['held rows, timed', $first, points => 'node'])
{
	my ($name, $sql, %options) = @$case;

	$found = found($node, psql_traced($node, $sql, %options), $name, 'dead_rows', 0.5);
	like($found->{cause},
		qr/\AIndex Only Scan using task_pkey on task looked in the table for the rows of 594,00\d index entries and found 1 row: most of the index entries that it read belong to dead rows\.\z/,
		"$name: the sentence");
	like($found->{next_step}, qr/Long transactions and replication slots keep dead rows: see the oldest backend_xmin/,
		"$name: the step");
}
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'});
$holder->{psql}->finish;
$node->safe_psql('postgres', 'VACUUM task');
healthy($node, sub { psql_traced($node, $first) }, 'no held rows');

# What an index has to read for its second column is not dead.
has_no(
	psql_traced($node, 'SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT n FROM visit WHERE visitor = 4711;'),
	'dead_rows', 'the second column of an index: no dead rows');

# Nor is a table of which each row fills a page.
$node->safe_psql('postgres', 'CREATE TABLE wide (id int, body text); ALTER TABLE wide ALTER body SET STORAGE PLAIN;'
	  . q{INSERT INTO wide SELECT g, repeat('x', 5000) FROM generate_series(1, 20000) g; VACUUM ANALYZE wide});
my $wide = psql_traced($node, 'SELECT body FROM wide WHERE id < 0;');
has_no($wide, 'dead_rows', 'wide rows, none wanted: no dead rows');
is(of_nodes($wide, 'start', 'relation_short_rows'), 0, 'wide rows are not short');
has_no(psql_traced($node, 'SELECT max(length(body)) FROM wide;'), 'dead_rows', 'wide rows: no dead rows');

# Nor one with rows that just need no TOAST table, and one with long values.
$node->safe_psql('postgres', 'CREATE TABLE note (id int, body text); CREATE TABLE letter (id int, body text);'
	  . q{INSERT INTO note SELECT g, repeat('x', 1900) FROM generate_series(1, 40000) g;}
	  . q{INSERT INTO letter SELECT g, string_agg(md5(g::text || h), '') FROM generate_series(1, 6000) g, generate_series(1, 80) h GROUP BY g;}
	  . 'VACUUM ANALYZE note, letter');
has_no(psql_traced($node, 'SELECT max(length(body)) FROM note;'), 'dead_rows', 'four rows a page: no dead rows');
has_no(psql_traced($node, 'SELECT max(md5(body)) FROM letter;'), 'dead_rows', 'long values: no dead rows');

# A table of which most was deleted, without autovacuum: its statistics are those of a small
# table. There are one or two rows for a page.
$node->safe_psql('postgres', q{
CREATE TABLE stock (id int PRIMARY KEY, name text, n int);
INSERT INTO stock SELECT g, 'thing ' || g, 0 FROM generate_series(1, 20000) g;
VACUUM ANALYZE stock;
});
$node->safe_psql('postgres', q{
INSERT INTO stock SELECT g, repeat('x', 100), 0 FROM generate_series(20001, 1000000) g;
DELETE FROM stock WHERE id % 50 <> 0;
});
my $sum = 'SELECT sum(n) FROM stock;';
for my $case (['stale statistics', $sum], ['stale statistics, timed', $sum, points => 'node'])
{
	my ($name, $sql, %options) = @$case;

	# On a busy machine one of the three can have waited for a processor: then that is
	# its cause.
	$found = found($node, psql_traced($node, $sql x 3, %options), $name, 'dead_rows', 0.5);
	my $rows = 20 * ($found->{count} // 0);
	like($found->{cause},
		qr/\ASeq Scan on stock read \d\d,\d{3} pages \(\d{3} MB\) for $rows,000 rows: most of what it read is dead rows or free space\.\z/,
		"$name: the sentence");
}
found($node,
	psql_traced($node,
		'SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;' . $sum x 3),
	'stale statistics, parallel', 'dead_rows', 0.3);
my $blocks = $node->safe_psql('postgres', q{SELECT pg_relation_size('stock') / current_setting('block_size')::int});
for my $points ('plan', 'node')
{
	my $base = psql_traced($node, 'SELECT * FROM stock WHERE n < 0;', points => $points);

	is(of_nodes($base, 'stop', 'relation_blocks'), $blocks, "$points: how large the table is");
	is(of_nodes($base, 'start', 'relation_short_rows'), 1, "$points: its rows are short");
}
$node->safe_psql('postgres', 'ANALYZE stock');
found($node, psql_traced($node, $sum x 3), 'a row for a page', 'dead_rows', 0.5);
$node->safe_psql('postgres', 'VACUUM stock');
found($node, psql_traced($node, $sum x 3), 'a row for a page, vacuumed', 'dead_rows', 0.5);
$node->safe_psql('postgres', 'VACUUM FULL stock');
has_no(psql_traced($node, $sum x 3), 'dead_rows', 'full pages: no dead rows');

$node->stop;
done_testing();
