// SPDX-License-Identifier: Apache-2.0
//
// pattern.test.mjs
//     The page's own search for regular expressions: it finds what the engine's search finds,
//     and takes a bounded number of steps where that one would stop the tab.

import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const html = new URL('../../cli/html/', import.meta.url);

// Both modules as one, as join.sh makes it: the folder says nothing of modules to Node.
const source = ['pattern.js', 'patternrun.js'].map((name) =>
  readFileSync(new URL(name, html), 'utf8').replace(/^import .*$/gm, '')).join('\n');
const { compilePattern, PatternSearch } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

function searchFor(pattern, flags = '') {
  const compiled = compilePattern(pattern, flags);

  assert.equal(compiled.mistake, undefined, pattern);
  return new PatternSearch(compiled);
}

const nativeSpans = (pattern, flags, text) =>
  [...text.matchAll(new RegExp(pattern, `gi${flags}`))].filter(([match]) => match !== '')
    .map((match) => [match.index, match.index + match[0].length]);

function assertSame(search, pattern, flags, text, alsoWhere = true) {
  const words = `/${pattern}/${flags} in ${JSON.stringify(text)}`;

  assert.equal(search.test(text), new RegExp(pattern, `i${flags}`).test(text), words);
  if (alsoWhere)
    assert.deepEqual([...search.spans(text)], nativeSpans(pattern, flags, text), words);
}

// ---- patterns at random ----

let seed = 1;

function random(count) {
  seed = (seed * 48271) % 2147483647;
  return seed % count;
}

const pick = (list) => list[random(list.length)];
const PARTS = ['a', 'b', 'ab', '.', '[ab]', '[^a]', '\\w', '\\s', '\\d', '\\b', '\\B', '^', '$', 'A', '1', '\\n', '\\x61'];
const REPEATS = ['*', '+', '?', '{2}', '{1,2}', '{0,3}', '{2,}', '*?', '+?', '??', '{1,2}?', '{0}'];

// An engine takes no turn of a repetition that matches nothing, and tries others for it instead.
// Where matches begin and end differs by that, so those patterns are compared in all but that.
let emptyTurns = false;

function repeated(inner) {
  emptyTurns ||= new RegExp(`^(?:${inner})$`).test('') || /\\b|[\^$]/i.test(inner.replaceAll('[^', '['));
  return `${inner}${pick(REPEATS)}`;
}

function randomPattern(depth) {
  const parts = [];

  for (let count = 1 + random(3); count > 0; count--) {
    const inner = depth > 0 && random(3) === 0 ? `${pick(['(', '(?:', '(?<n>'])}${randomPattern(0)})` : pick(PARTS);
    const isAssertion = /^(?:\\[bB]|\^|\$)$/.test(inner);

    parts.push(!isAssertion && random(3) === 0 ? repeated(inner) : inner);
  }
  return random(4) === 0 ? `${parts.join('')}|${pick(PARTS)}` : parts.join('');
}

function nestedPattern() {
  let pattern = randomPattern(1);

  for (let depth = random(3); depth > 0; depth--)
    pattern = `${repeated(`(?:${pattern})`)}${pick(PARTS)}`;
  return pattern;
}

const randomText = () => Array.from({ length: random(9) }, () => pick(['a', 'b', 'A', '1', ' ', '\n', '-'])).join('');

test('it finds what the engine finds', () => {
  let [count, places] = [0, 0];

  for (let i = 0; i < 4000; i++) {
    let pattern;
    const flags = pick(['', 'm', 's', 'ms', 'u']);

    emptyTurns = false;
    try {
      pattern = nestedPattern();
      new RegExp(pattern, flags);
    } catch {
      continue;     // two groups of one name, and the like
    }
    const search = searchFor(pattern, flags);

    for (let n = 0; n < 4; n++, count++, places += emptyTurns ? 0 : 1)
      assertSame(search, pattern, flags, randomText(), !emptyTurns);
  }
  assert.ok(count > 8000 && places > 4000, `${count} comparisons, ${places} of places`);
});

test('characters, classes and escapes are those of the engine', () => {
  const texts = ['SELECT a_b FROM t WHERE x = 12.5', '\u0416\u0436 \u017f\u212a sk SK', '\u{1f40c}\ud83d \udc0c', 'a{2}]}\\c/-^$',
    '\u0000\u0007\t\v\f\r\n\u2028\u2029x', '\u00df\u1e9e \u0130i\u0131', '', '\\'];
  const patterns = ['select|from', '\\bwhere\\b', '[\\d.]+', '\\d+(?:\\.\\d+)?', '\u0436', 's', 'k', '\\u0416', '[\\u0400-\\u04ff]+',
    '\\x53', '\\0', '\\cJ', '\\c', '\\t|\\v|\\f', '[\\b]', '[^\\s]', '[]', '[^]', '[\\]}]', 'a\\{2\\}', 'a{2}', 'a{,2}', '{', ']', '}', '\\/',
    '[/-]', '\\-', '\\^\\$', '^.*$', '\\W', '\\S+', '(?<year>\\d)', 'x{0}y?', '\\ud83d', '[\\ud83d]', '\\012', '\\e', '()', '(?:)', '|a',
    'a||b', 'i', '\u00df', '\\u{41}', '[a\\-z]', '[\\d-x]', '\\p{L}'];
  const unicode = ['\\p{L}+', '\\P{L}+', '\\u{1f40c}', '\\ud83d\\udc0c', '[\\u{1f400}-\\u{1f4ff}]', '.', '^.$', '\u{1f40c}+', '[\u{1f40c}a]',
    '\\ud83d', '\\w', '\\b\\w+\\b', '\\b', '[^a]', 's', 'k', '\\/', '\\.'];

  for (const text of texts)
    for (const flags of ['', 'm', 's'])
      for (const pattern of patterns)
        assertSame(searchFor(pattern, flags), pattern, flags, text);
  for (const text of texts)
    for (const pattern of unicode)
      assertSame(searchFor(pattern, 'u'), pattern, 'u', text);
});

test('what cannot be searched for is said to be so', () => {
  for (const [pattern, flags, words] of [
    ['(', '', /not a regular/], ['a', 'q', /not a regular/], ['[b-a]', '', /not a regular/], ['*', '', /not a regular/],
    ['(?=a)', '', /^Look-around/], ['a(?!b)', '', /^Look-around/], ['(?<=a)b', '', /^Look-around/], ['(?<!a)b', '', /^Look-around/],
    ['(a)\\1', '', /references/], ['(?<x>a)\\k<x>', '', /references/],
    ['a{5000}', '', /too large/], ['((a{100}){100}){100}', '', /too large/], ['a{0,999999999}', '', /too large/],
    ['a'.repeat(2001), '', /too large/],
    [Array.from({ length: 101 }, (_, i) => `\\u${(0x3041 + i).toString(16)}`).join(''), '', /too large/],
  ])
    assert.match(compilePattern(pattern, flags).mistake ?? '', words, pattern.slice(0, 40));
  assert.equal(compilePattern('(?:'.repeat(400) + 'a' + ')'.repeat(400), '').mistake, undefined);
});

// ---- a bound for every pattern and text ----

const LENGTH = 200000;
const SLOW = ['(a+)+$', '(.*)*x', '.*.*.*=.*', '(a|aa)+$', '(a|b)*=', '((a*)*)*b', '(?:a?){30}a{30}b', 'a*a*a*a*b', '^(\\w+\\s?)*!', '(x+x+)+y',
  '.*,.*,.*,', '(?:.|\\s)*z'];

test('a text is read once, whatever the pattern', () => {
  for (const text of ['a'.repeat(LENGTH), 'x '.repeat(LENGTH / 2), ','.repeat(2) + 'ab '.repeat(LENGTH / 3)])
    for (const pattern of SLOW) {
      const search = searchFor(pattern);
      const found = search.test(text);

      assert.ok(!search.tookTooLong && search.work < 100000, `${pattern}: ${search.work} steps`);
      assert.equal(search.test(`${text.slice(0, 12)}`), new RegExp(pattern, 'i').test(text.slice(0, 12)), pattern);
      assert.equal(found, /^\.\*,\.\*,\.\*,$/.test(pattern) ? false : found);
    }
});

test('where it is, is found in as many steps as the text and the pattern are long', () => {
  for (const pattern of SLOW) {
    const search = searchFor(pattern);
    const text = `${'a'.repeat(3000)}!`;

    for (const [begin, end] of search.spans(text))
      assert.ok(begin < end);
    assert.ok(search.work < 20 * search.program.length * text.length, `${pattern}: ${search.work} steps`);
  }
});

test('states without end are given up', () => {
  const search = searchFor('(?:a|b)*a(?:a|b){16}c');
  const text = Array.from({ length: 400000 }, () => pick(['a', 'b'])).join('');

  assert.equal(search.test(text), false);
  assert.ok(search.tookTooLong);
  assert.ok(search.work < 2.1e6, `${search.work} steps`);
  assert.ok(search.states.size <= 3001);
  assert.equal(search.test('abababababababababababac'), false, 'as long as it is not begun again');
  search.begin();
  assert.equal(search.test(`${'a'.repeat(17)}c`), true);
});
