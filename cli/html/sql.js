// SPDX-License-Identifier: Apache-2.0
//
// Colours for SQL. Only what the eye needs: a text that is no SQL, or is cut in the
// middle, is coloured as far as it goes.

import { el, visibleNodes } from './dom.js';

const KEYWORDS = new Set(`
  ALL ALTER ANALYZE AND ANY AS ASC BEGIN BETWEEN BY CALL CASCADE CASE CAST CHECK COLLATE
  COLUMN COMMIT CONFLICT CONSTRAINT COPY CREATE CROSS CURRENT CURSOR DATABASE DEALLOCATE
  DECLARE DEFAULT DELETE DESC DISTINCT DO DROP ELSE END ESCAPE EXCEPT EXECUTE EXISTS
  EXPLAIN FALSE FETCH FILTER FIRST FOR FOREIGN FROM FULL FUNCTION GRANT GROUP HAVING
  ILIKE IN INDEX INNER INSERT INTERSECT INTO IS JOIN KEY LAST LATERAL LEFT LIKE LIMIT LOCK
  MATERIALIZED MERGE NATURAL NOT NOTHING NOWAIT NULL NULLS OF OFFSET ON ONLY OR ORDER
  OUTER OVER PARTITION PRAGMA PREPARE PRIMARY RECURSIVE REFERENCES REFRESH RELEASE
  RETURNING REVOKE RIGHT ROLLBACK ROW ROWS SAVEPOINT SELECT SET SHARE SHOW SKIP SOME START
  TABLE THEN TO TRANSACTION TRIGGER TRUE TRUNCATE UNION UNIQUE UPDATE USING VACUUM VALUES
  VIEW WHEN WHERE WINDOW WITH`.trim().split(/\s+/));

const TOKEN = new RegExp([
  /(?<comment>--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))/,
  /(?<string>[eEbBxX]?'(?:[^'\\]|''|\\[\s\S])*(?:'|$)|\$(?<tag>[A-Za-z_]\w*)?\$[\s\S]*?(?:\$\k<tag>\$|$))/,
  /(?<quoted>"(?:[^"]|"")*(?:"|$))/,
  /(?<number>\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)/,
  /(?<param>\$\d+|\?|:[A-Za-z_]\w*\b)/,
  /(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)/,
].map((part) => part.source).join('|'), 'g');

const CLASSES = ['comment', 'string', 'number', 'param'];

function classOf(groups) {
  if (groups.word)
    return KEYWORDS.has(groups.word.toUpperCase()) ? 'keyword' : '';
  return CLASSES.find((name) => groups[name] !== undefined) || '';
}

// Nodes for a statement.
export function sqlNodes(text) {
  const nodes = [];
  let plain = 0;

  for (const match of text.matchAll(TOKEN)) {
    const name = classOf(match.groups);

    if (name === '')
      continue;
    nodes.push(...visibleNodes(text.slice(plain, match.index)));
    nodes.push(el(`span.sql-${name}`, {}, visibleNodes(match[0])));
    plain = match.index + match[0].length;
  }
  nodes.push(...visibleNodes(text.slice(plain)));
  return nodes;
}
