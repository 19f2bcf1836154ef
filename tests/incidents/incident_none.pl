# SPDX-License-Identifier: Apache-2.0
#
# incident_none.pl
#	  Healthy traces: nothing is found, whatever kinds of operations they have.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Incident;
use Test::More;

my $node = start_server('healthy', "jit = off\n");

$node->safe_psql('postgres', q{
CREATE TABLE account (id int PRIMARY KEY, owner int, balance int);
INSERT INTO account SELECT g, g % 1000, 0 FROM generate_series(1, 300000) g;
CREATE INDEX ON account (owner);
CREATE TABLE history (account int REFERENCES account, amount int);
VACUUM ANALYZE account;
});

my @all = (points => 'function, node');

# A short transaction, sent at once: on a busy machine psql may have to wait for a
# processor between two statements, and to a server that is a client's pause.
my $transaction = join "\\;\n", 'BEGIN', 'UPDATE account SET balance = balance + 1 WHERE id = 7',
  'SELECT balance FROM account WHERE id = 7', 'INSERT INTO history VALUES (7, 1)', 'COMMIT;';
psql_traced($node, $transaction);
healthy($node, sub { psql_traced($node, $transaction) }, 'transaction');
healthy($node, sub { psql_traced($node, $transaction, @all) }, 'transaction, all points');

# A statement that has much to do, and does it as well as it can be done.
my $sum = 'SELECT owner, sum(balance) FROM account GROUP BY owner ORDER BY owner LIMIT 3;';
healthy($node, sub { psql_traced($node, $sum) }, 'aggregate');
healthy($node, sub { psql_traced($node, $sum, @all) }, 'aggregate, all points');

# One by an index.
healthy($node, sub { psql_traced($node, 'SELECT * FROM account WHERE owner = 7;', @all) }, 'index scan');

# A nested loop by an index, and a subquery for some rows.
my $loop = 'SET enable_hashjoin = off; SET enable_mergejoin = off;'
  . 'SELECT sum(b.balance) FROM account a JOIN account b ON b.id = a.owner + 1 WHERE a.id <= 30000;';
healthy($node, sub { psql_traced($node, $loop) }, 'nested loop');
healthy($node, sub { psql_traced($node, $loop, @all) }, 'nested loop, all points');
healthy($node,
	sub {
		psql_traced($node,
			'SELECT id, (SELECT sum(balance) FROM account b WHERE b.owner = a.owner) FROM account a WHERE id <= 300;');
	},
	'subquery for some rows');

# A function that is called once.
$node->safe_psql('postgres', 'CREATE FUNCTION pay(who int) RETURNS int LANGUAGE plpgsql AS '
	  . '$$ BEGIN UPDATE account SET balance = balance + 1 WHERE id = who; RETURN 1; END $$');
healthy($node, sub { psql_traced($node, 'SELECT pay(8);', @all) }, 'one call');

# A bulk load that is written to a table.
healthy($node,
	sub {
		$node->safe_psql('postgres', 'DROP TABLE IF EXISTS copy');
		return psql_traced($node, 'CREATE TABLE copy AS SELECT * FROM account;', @all);
	},
	'bulk');

# A client's statement.
healthy($node, sub { client_traced($node, 'psql', '-Xqc', 'SELECT * FROM account WHERE id = 7') }, 'client');

$node->stop;
done_testing();
