# SPDX-License-Identifier: Apache-2.0
#
# incident_variants.pl
#	  Incidents in which two things meet, or one is where nobody looks for it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Incident;
use IPC::Run qw(finish);
use OspTest;
use Test::More;

my $node = start_server('variants', "jit = off\nmax_parallel_workers_per_gather = 0\n");

$node->safe_psql('postgres', q{
CREATE TABLE stock (id int PRIMARY KEY, n int);
INSERT INTO stock SELECT g, 0 FROM generate_series(1, 100) g;
CREATE TABLE account (id int PRIMARY KEY, owner int, note text);
INSERT INTO account SELECT g, g % 1000, 'note ' || g FROM generate_series(1, 200000) g;
CREATE TABLE part (id int PRIMARY KEY, n int);
INSERT INTO part SELECT g, g FROM generate_series(1, 100) g;
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN PERFORM count(*) FROM account WHERE note LIKE '%x' || NEW.id; RETURN NEW; END $$;
CREATE TRIGGER look BEFORE UPDATE ON part FOR EACH ROW EXECUTE FUNCTION look();
VACUUM ANALYZE;
});

# Another session holds a row for more than a second.
sub hold
{
	my ($id, $context) = @_;
	my $other = background($node, ($context ? set_context($context) : '')
		  . "BEGIN; UPDATE stock SET n = n + 1 WHERE id = $id; SELECT pg_sleep(1.5); COMMIT;");

	wait_until($node, "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
	return $other;
}

# The holder is a traced session itself: its trace is named.
my $holder = context();
my $other = hold(1, $holder);
my $found = found($node, psql_traced($node, 'UPDATE stock SET n = n + 1 WHERE id = 1;'),
	'holder that is traced', 'lock_wait', 0.7);
my $collector = 'file://' . trace_file($node);
like($found->{next_step}, qr/: osprofiler trace show --connection-string '?\Q$collector\E'? $holder->{base}\. /, 'its trace, and where it is');
finish $other->{psql};

# A trigger, of the second of three statements, does what takes long.
$found = found($node,
	psql_traced($node, "BEGIN;\nUPDATE stock SET n = n + 1 WHERE id = 3;\nUPDATE part SET n = n + 1 WHERE id <= 6;\n"
		  . "SELECT count(*) FROM stock;\nCOMMIT;"),
	'trigger of the second statement', 'filter', 0.5);
like($found->{evidence}, qr/^SELECT count\(\*\) FROM account WHERE note LIKE .*, in the trigger look: /, 'the trigger is named');

# Two services do the same, each for itself.
my $script = $node->basedir . '/reads.sql';
write_file($script, join("\n", map { "SELECT n FROM stock WHERE id = $_;" } (1 .. 100) x 2), 0644);
my @psql = map { "OSPROFILER_SERVICE_NAME=$_ psql -Xq -o /dev/null -f $script;" } qw(shop billing);
my $why = why($node, client_traced($node, 'sh', '-c', "@psql"));
my ($repeat) = grep { $_->{rule} eq 'repeat' } @{ $why->{findings} };
is($repeat->{figures}{executions}, 400, 'N+1 of two services') or diag Incident::explain_text($why);

# A spill and a lock in one request: both, the longer one first.
$other = hold(5);
my $base = psql_traced($node,
	"UPDATE stock SET n = n + 1 WHERE id = 5;\nSET work_mem = '256kB';\n"
	  . 'SELECT count(*) FROM (SELECT * FROM account, generate_series(1, 6) ORDER BY note OFFSET 0) x;');
found($node, $base, 'lock and spill', 'lock_wait', 0.4);
$why = why($node, $base);
is(join(' ', grep { $_ ne 'cpu' } map { $_->{rule} } @{ $why->{findings} }), 'lock_wait spill', 'both are told');
finish $other->{psql};

# A subquery for each row.
$found = found($node,
	psql_traced($node, 'SELECT s.id, (SELECT count(*) FROM account a WHERE a.owner = s.id) FROM stock s WHERE s.id <= 20;'),
	'subquery for each row', 'filter', 0.7);
is($found->{figures}{loops}, 20, 'how often it ran');

# An index that has the order and not the rows.
$found = found($node,
	psql_traced($node, "SELECT * FROM account WHERE note LIKE '%199999' ORDER BY id LIMIT 1;"),
	'order by an index', 'filter', 0.7);
like($found->{next_step}, qr/^The index account_pkey does not cover the filter/, 'which index');

# Large and healthy: much is done, and nothing of it in vain.
healthy($node,
	sub {
		$node->safe_psql('postgres', 'DROP TABLE IF EXISTS batch');
		return psql_traced($node, "BEGIN;\nCREATE TABLE batch (LIKE account);\nINSERT INTO batch SELECT * FROM account;\n"
			  . "UPDATE batch SET owner = owner + 1;\nDELETE FROM batch WHERE id % 2 = 0;\nCOMMIT;");
	},
	'batch');

$node->stop;
done_testing();
