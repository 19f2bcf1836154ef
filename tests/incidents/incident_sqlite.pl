# SPDX-License-Identifier: Apache-2.0
#
# incident_sqlite.pl
#	  Incidents of a program that uses SQLite.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Incident;
use IPC::Run ();
use Test::More;

my $node = start_server('sqlite');
my $file = $node->basedir . '/shop.db';

client_traced($node, 'sqlite3', $file,
	'CREATE TABLE item (id INTEGER PRIMARY KEY, owner INT, note TEXT);'
	  . "INSERT INTO item SELECT value, value % 20000, 'note ' || value FROM generate_series(1, 900000);");

# A table without an index.
my $found = found($node,
	client_traced($node, 'sqlite3', $file, 'SELECT * FROM item WHERE owner = 4711;'),
	'SQLite scan', 'sqlite_scan', 0.5);
ok($found->{figures}{rows_read} > 750000, 'SQLite scan: the rows');

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

# The same with a busy timeout: nothing fails, the statement waits, as long as the
# program itself finds that it did.
OspTest::write_file($program, <<"END", 0644);
import sqlite3
import threading
import time

other = sqlite3.connect('$file', isolation_level=None, check_same_thread=False)
other.execute('BEGIN IMMEDIATE')
mine = sqlite3.connect('$file', timeout=60, isolation_level=None)
threading.Timer(1.5, other.rollback).start()
begin = time.monotonic()
mine.execute('UPDATE item SET note = ? WHERE id = 1', ('y',))
with open('$file.waited', 'w') as measured:
    measured.write(str((time.monotonic() - begin) * 1000))
END
$found = found($node, client_traced($node, '/usr/bin/python3', $program),
	'SQLite busy timeout', 'sqlite_busy', 0.7);
like($found->{cause}, qr/: 1 statement waited \d[\d.]+ m?s for it\.$/, 'SQLite busy timeout: the sentence');
my $measured = PostgreSQL::Test::Utils::slurp_file("$file.waited");
ok($found->{time_ms} > 1000 && $found->{time_ms} <= $measured,
	"SQLite busy timeout: $found->{time_ms} ms of $measured");

like($found->{evidence}, qr/; the holder, another connection of the same process: BEGIN IMMEDIATE, then idle for 1\.\d+ s before ROLLBACK$/,
	'SQLite busy timeout: the holder');

# Another process has the lock, and does something else with it.
OspTest::write_file($program, <<"END", 0644);
import sqlite3
import subprocess
import sys
import time

if len(sys.argv) > 1:
    db = sqlite3.connect('$file', timeout=60, isolation_level=None)
    db.execute('UPDATE item SET note = ? WHERE id = 1', ('z',))
    sys.exit(0)
db = sqlite3.connect('$file', isolation_level=None)
db.execute('BEGIN')
db.execute('UPDATE item SET note = ? WHERE id = 2', ('a',))
print(__import__('os').getpid(), file=open('$file.holder', 'w'))
waiter = subprocess.Popen([sys.executable, __file__, 'wait'])
time.sleep(1.5)
db.execute('COMMIT')
waiter.wait()
END
$found = found($node, client_traced($node, '/usr/bin/python3', $program),
	'SQLite holder', 'sqlite_busy', 0.6);
chomp(my $holder = PostgreSQL::Test::Utils::slurp_file("$file.holder"));
like($found->{evidence}, qr/; the holder, process $holder: UPDATE item .*, then idle for 1\.\d+ s before COMMIT$/,
	'SQLite holder: the process');
is($found->{figures}{holder_pid}, $holder, 'SQLite holder: its number');
is(scalar @{ $found->{operations} }, 2, 'SQLite holder: both operations are evidence');

# One that is not in the trace.
my $locker = IPC::Run::start(
	[
		'/usr/bin/python3', '-c', <<"END" ], '<pipe', \*LOCKER, '>pipe', \*LOCKED);
import sqlite3
import sys
import time

db = sqlite3.connect('$file', isolation_level=None)
db.execute('BEGIN IMMEDIATE')
print('locked', flush=True)
sys.stdin.readline()
time.sleep(1)
END
is(scalar <LOCKED>, "locked\n", 'SQLite stranger: has the lock');
print LOCKER "\n";
close LOCKER;
OspTest::write_file($program, <<"END", 0644);
import sqlite3

db = sqlite3.connect('$file', timeout=60, isolation_level=None)
db.execute('UPDATE item SET note = ? WHERE id = 1', ('z',))
END
$found = found($node, client_traced($node, '/usr/bin/python3', $program),
	'SQLite stranger', 'sqlite_busy', 0.6);
$locker->finish;
like($found->{evidence}, qr/; the holder is a process or connection that is not in this trace$/, 'SQLite stranger: who');
like($found->{next_step}, qr/fuser -v \Q$file\E\. /, 'SQLite stranger: how to see it');

# A commit that has the WAL written back: another program has let it grow.
my $filler = IPC::Run::start(
	[
		'/usr/bin/python3', '-c', <<"END" ], '<pipe', \*FILLER, '>pipe', \*FILLED);
import sqlite3
import sys

db = sqlite3.connect('$file.wal', isolation_level=None)
db.execute('PRAGMA journal_mode = WAL')
db.execute('PRAGMA wal_autocheckpoint = 0')
db.execute('CREATE TABLE note(text)')
db.execute('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000)'
    'INSERT INTO note SELECT randomblob(4000) FROM n')
print('filled', flush=True)
sys.stdin.read()
END
is(scalar <FILLED>, "filled\n", 'SQLite checkpoint: the WAL is long');
$found = found($node,
	client_traced($node, 'sqlite3', "$file.wal", "INSERT INTO note VALUES ('small');"),
	'SQLite checkpoint', 'sqlite_checkpoint', 0.5);
ok($found->{figures}{moved} >= 20000, 'SQLite checkpoint: the pages');
close FILLER;
$filler->finish;

# Each statement is a transaction of its own, which the disk must have.
my $base = client_traced($node, 'sqlite3', $file,
	join ' ', map { "INSERT INTO item (owner) VALUES ($_);" } 1 .. 40);
Incident::save($node, $base, 'SQLite syncs');
my @inserts = grep { $_->{name} eq 'sqlite-stop' } OspTest::points($node, { base => $base });
is(scalar(grep { ($_->{info}{syncs}{count} // 0) > 0 } @inserts), 40, 'SQLite syncs: each statement has its own');
# On a fast disk they are no finding.
my ($sync) = grep { $_->{rule} eq 'sqlite_sync' } @{ why($node, $base)->{findings} };
if ($sync)
{
	is($sync->{count}, 40, 'SQLite syncs: the statements');
	like($sync->{next_step}, qr/one transaction/, 'SQLite syncs: what to do');
}

# N+1.
found($node,
	client_traced($node, 'sqlite3', $file,
		join ' ', map { "SELECT note FROM item WHERE id = $_;" } 1 .. 3000),
	'SQLite N+1', 'repeat', 0.2);

# The program does something with each row that it fetches: that is its own time.
OspTest::write_file($program, <<"END", 0644);
import sqlite3
import time

for row in sqlite3.connect('$file').execute('SELECT id FROM item LIMIT 40'):
    time.sleep(0.02)
END
my $rows = client_traced($node, '/usr/bin/python3', $program);
$found = found($node, $rows, 'SQLite rows', 'application', 0.8);
like($found->{evidence}, qr/between the rows that it fetched: \d+ ms in SELECT id FROM item LIMIT 40/,
	'SQLite rows: the statement');
is(scalar(grep { $_->{statement} =~ /SELECT id/ } @{ why($node, $rows)->{longest} // [] }),
	0, 'SQLite rows: nothing is said of SQLite');

# A function of the program, called for each row: it is no matter of reading them.
OspTest::write_file($program, <<"END", 0644);
import sqlite3

db = sqlite3.connect('$file')
db.create_function('slow', 1, lambda n: sum(range(300)))
db.execute('SELECT sum(slow(owner)) FROM item').fetchall()
END
my $called = why($node, client_traced($node, '/usr/bin/python3', $program));
my ($scan) = grep { $_->{rule} eq 'sqlite_scan' } @{ $called->{findings} };
ok(!defined $scan || $scan->{time_ms} <= 300, 'SQLite function: reading is bounded')
  or diag $scan->{cause};
like($called->{longest}[0]{why} // '', qr/a function of the program or of an extension, slow\(\)$/,
	'SQLite function: is named');

# A healthy one.
healthy($node,
	sub { client_traced($node, 'sqlite3', $file, 'SELECT note FROM item WHERE id = 7;') },
	'SQLite by key');

$node->stop;
done_testing();
