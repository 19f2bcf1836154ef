# SPDX-License-Identifier: Apache-2.0
#
# incident_indexes.pl
#	  What is said of a filter without an index: the index that is proposed is made as
#	  it is printed, and the statement runs again, by that index. Where no index would
#	  be used, none is proposed.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Incident;
use OspTest;
use Test::More;

my $node = start_server('indexes', "jit = off\nmax_parallel_workers_per_gather = 0\n");

# name has another collation than C: only an index for patterns serves LIKE there.
$node->safe_psql('postgres', q{
CREATE TABLE item (id int PRIMARY KEY, owner int, kind int, price int, at timestamp, name text COLLATE "en-x-icu",
	tag text, gone timestamp, flag boolean, "Group" int, code varchar(20));
INSERT INTO item SELECT g, g::bigint * 7919 % 20011, g % 7, g * 31 % 100003, timestamp '2020-01-01' + g * interval '1 min',
	'Name ' || g::bigint * 7919 % 20011 || ' of ' || g, 'tag' || g % 2, CASE WHEN g % 5000 = 0 THEN now() END,
	g % 3000 = 0, g * 13 % 20011, 'c' || g FROM generate_series(1, 500000) g;
CREATE INDEX item_kind ON item (kind);
CREATE TABLE "Order" (id int, "user" int, filler text);
INSERT INTO "Order" SELECT g, g::bigint * 7919 % 50021, repeat('x', 20) FROM generate_series(1, 500000) g;
CREATE TABLE shop (id int PRIMARY KEY, name text UNIQUE, groups int);
INSERT INTO shop SELECT g, 'shop ' || g, g % 77 FROM generate_series(0, 20010) g;
VACUUM ANALYZE item, "Order", shop;
});

# The commands of an advice.
sub commands
{
	my ($step) = @_;

	return $step =~ /((?:CREATE (?:INDEX|EXTENSION)|ANALYZE \w)(?:[^;.,(]|\((?:[^()]|\([^()]*\))*\))*(?<! ))/g;
}

sub filter_of
{
	my ($sql) = @_;
	my $why = why($node, psql_traced($node, "$sql;"));
	my ($filter) = grep { $_->{rule} =~ /\A(?:filter|lookup)\z/ } @{ $why->{findings} };

	return $filter;
}

# The index that is proposed is that one, and is used once it is there.
sub helps
{
	my ($name, $sql, $advised, $used) = @_;
	my $filter = filter_of($sql);
	my $step = $filter->{next_step} // '';

	note("$name: $step");
	like($step, $advised, "$name: the step");
	foreach my $command (commands($step))
	{
		$command =~ s/CONCURRENTLY //;
		$command =~ s/ (?:serves|does|then|and look).*//;
		$node->safe_psql('postgres', $command);
	}
	my $plan = $node->safe_psql('postgres', $sql =~ s/(?=SELECT)/EXPLAIN /r);
	like($plan, $used, "$name: the plan");
	$filter = filter_of($sql);
	ok(!$filter || $filter->{time_ms} < 10, "$name: the finding is gone") or diag $plan;
	$node->safe_psql('postgres',
		q{DO $$ DECLARE i text; BEGIN FOR i IN SELECT indexrelid::regclass FROM pg_index
		WHERE indrelid IN ('item'::regclass, '"Order"'::regclass) AND NOT indisprimary AND indexrelid <> 'item_kind'::regclass
		LOOP EXECUTE 'DROP INDEX ' || i; END LOOP; END $$});
	return;
}

# No index is proposed, but something else is said.
sub no_index
{
	my ($name, $sql, $said) = @_;
	my $step = filter_of($sql)->{next_step} // '';

	note("$name: $step");
	like($step, $said, "$name: what is said");
	unlike($step, qr/CREATE INDEX/, "$name: no index is proposed");
	return;
}

my $count = 'SELECT count(*) FROM item WHERE';

helps('equality', "$count owner = 4711", qr/ON item \(owner\), and look/, qr/ on item_owner_idx|item_owner/);
helps('equality and a range', "$count price > 500 AND owner = 4711",
	qr/ON item \(owner, price\)/, qr/item_owner_price_idx/);
helps('a list', "$count owner IN (1, 2, 3)", qr/ON item \(owner\)/, qr/item_owner_idx/);
helps('a range', "$count at >= '2020-02-01' AND at < '2020-02-02'", qr/ON item \(at\)/, qr/item_at_idx/);
helps('an index that has a part', "$count kind = 3 AND owner = 4711", qr/ON item \(kind, owner\)|ON item \(owner, kind\)/,
	qr/item_kind_owner_idx|item_owner_kind_idx/);
helps('a prefix', "$count name LIKE 'Name 4711 %'", qr/ON item \(name text_pattern_ops\)/, qr/item_name_idx/);
helps('a part of a text', "$count name LIKE '% 4711 %'",
	qr/pg_trgm; CREATE INDEX CONCURRENTLY ON item USING gin \(name gin_trgm_ops\)/, qr/item_name_idx/);
helps('in any case', "$count name ILIKE '%NAME 4711 %'", qr/USING gin \(name gin_trgm_ops\)/, qr/item_name_idx/);
helps('a regular expression', "$count name ~ 'Name 4711 .f'", qr/USING gin \(name gin_trgm_ops\)/, qr/item_name_idx/);
helps('a function', "$count lower(code) = 'c4711'", qr/ON item \(lower\(code\)\)/, qr/item_lower_idx/);
helps('either of two', "$count owner = 4711 OR price = 815", qr/ON item \(owner\); CREATE INDEX CONCURRENTLY ON item \(price\)/,
	qr/BitmapOr/);
helps('few that have a value', "$count gone IS NOT NULL", qr/ON item \(gone\) WHERE gone IS NOT NULL/, qr/item_gone_idx/);
helps('a flag', "$count flag", qr/ON item \(flag\)/, qr/item_flag_idx/);
helps('a name in quotes', "$count \"Group\" = 7", qr/ON item \("Group"\)/, qr/item_Group_idx/);
helps('names in quotes', 'SELECT count(*) FROM "Order" WHERE "user" = 7', qr/ON "Order" \("user"\)/, qr/Order_user_idx/);

# A join that reads all of a table to find a few rows.
my $join = 'SELECT sum(i.price) FROM shop s JOIN item i ON i.owner = s.id WHERE s.name =';

my $found = found($node, psql_traced($node, "$join 'shop 4711';"), 'join without an index', 'lookup', 0.7);

like($found->{cause}, qr/\ASeq Scan on item i read 500,000 rows, and Hash Join kept 2\d of them, for 1 row of its other side\.\z/,
	'a join: the sentence');
helps('a join', "$join 'shop 4711'", qr/try CREATE INDEX CONCURRENTLY ON item \(owner\), and look/, qr/item_owner_idx/);
helps('a join by two columns', q{SELECT sum(i.price) FROM shop s JOIN item i ON (i.owner, i."Group") = (s.id, s.groups) WHERE s.name = 'shop 4711'},
	qr/ON item \((?:owner, "Group"|"Group", owner)\)/, qr/item_owner_Group_idx|item_Group_owner_idx/);
helps('an outer join', q{SELECT s.name, count(i.id) FROM shop s LEFT JOIN item i ON i.owner = s.id WHERE s.name = 'shop 4711' GROUP BY 1},
	qr/ON item \(owner\)/, qr/item_owner_idx/);
helps('a join in a loop', "SET enable_hashjoin = off; SET enable_mergejoin = off; $join 'shop 4711'", qr/ON item \(owner\)/,
	qr/item_owner_idx/);
is(filter_of("SELECT sum(i.price) FROM shop s JOIN item i ON i.owner = s.id WHERE s.id > 4000"), undef,
	'a join of most rows: no index is missed');

# Nothing that an index could serve.
no_index('a value for each row', "$count owner = (random() * 20000)::int", qr/anew for each row/);
no_index('not equal', "$count tag <> 'tag1' AND tag <> 'tag0'", qr/No index finds what is not equal/);
no_index('a cast', "$count owner::text = '4711'", qr/converted to text/);
no_index('a number of another type', "$count owner = 4711.0", qr/converted to numeric/);
no_index('a short pattern', "$count name LIKE '%zq%'", qr/fewer than three letters/);
no_index('another function', "$count date_trunc('day', at) = '2020-02-01'", qr/Compare the column itself/);
no_index('trim', "$count trim(both from tag) = 'tag3'", qr/does not compare tag itself, but what a function makes of it/);
no_index('substring', "$count substring(tag from 1 for 4) = 'tagx'", qr/the result of an expression/);
no_index('extract', "$count extract(year from at) = 2031", qr/the result of an expression/);
no_index('a time zone', "$count at at time zone 'UTC' < '1999-01-01'", qr/the result of an expression/);
no_index('position', "$count position('ag7' in tag) > 0", qr/the result of an expression/);
no_index('a length', "$count code::varchar(2) = 'c'", qr/does not compare code itself, but what a conversion makes of it/);
no_index('two columns', "$count owner = price", qr/compares columns of each row/);

# An index that exists, and that the planner did not take.
$node->safe_psql('postgres', 'CREATE INDEX item_owner ON item (owner)');
$node->safe_psql('postgres', "ALTER DATABASE postgres SET enable_indexscan = off; ALTER DATABASE postgres SET enable_bitmapscan = off;"
	. "ALTER DATABASE postgres SET enable_indexonlyscan = off");
no_index('an index that exists', "$count owner = 4711", qr/There is an index that could serve the filter, item_owner/);

$node->stop;
done_testing();
