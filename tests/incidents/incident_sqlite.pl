# SPDX-License-Identifier: Apache-2.0
#
# incident_sqlite.pl
#	  Incidents of a program that uses SQLite.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Incident;
use Test::More;

my $node = start_server('sqlite');
my $file = $node->basedir . '/shop.db';

client_traced($node, 'sqlite3', $file,
	'CREATE TABLE item (id INTEGER PRIMARY KEY, owner INT, note TEXT);'
	  . "INSERT INTO item SELECT value, value % 20000, 'note ' || value FROM generate_series(1, 300000);");

# A table without an index.
my $found = found($node,
	client_traced($node, 'sqlite3', $file, 'SELECT * FROM item WHERE owner = 4711;'),
	'SQLite scan', 'sqlite_scan', 0.5);
ok($found->{figures}{rows_read} > 250000, 'SQLite scan: the rows');

# A join without one: SQLite makes an index for the statement.
$found = found($node,
	client_traced($node, 'sqlite3', $file,
		'SELECT count(*) FROM (SELECT * FROM item WHERE id < 5000) a JOIN item b ON a.note = b.note;'),
	'SQLite automatic index', 'sqlite_scan', 0.5);
like($found->{cause}, qr/made an index of its own/, 'SQLite automatic index: the sentence');

# Another connection writes.
my $program = $node->basedir . '/busy.py';
OspTest::write_file($program, <<"END", 0644);
import sqlite3
import time

other = sqlite3.connect('$file', isolation_level=None)
other.execute('BEGIN IMMEDIATE')
mine = sqlite3.connect('$file', timeout=0.1, isolation_level=None)
for attempt in range(4):
    try:
        mine.execute('UPDATE item SET note = ? WHERE id = 1', ('x',))
        break
    except sqlite3.OperationalError:
        time.sleep(0.1)
    if attempt == 2:
        other.execute('COMMIT')
END
$found = found($node, client_traced($node, '/usr/bin/python3', $program),
	'SQLite busy', 'sqlite_busy', 0.7);
is($found->{count}, 3, 'SQLite busy: the attempts');

# N+1.
found($node,
	client_traced($node, 'sqlite3', $file,
		join ' ', map { "SELECT note FROM item WHERE id = $_;" } 1 .. 2000),
	'SQLite N+1', 'repeat', 0.2);

# A healthy one.
healthy($node,
	client_traced($node, 'sqlite3', $file, 'SELECT note FROM item WHERE id = 7;'),
	'SQLite by key');

$node->stop;
done_testing();
