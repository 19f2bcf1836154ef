// SPDX-License-Identifier: Apache-2.0
//
// A regular expression as a program for patternrun.js, which searches in a time that grows with
// the length of a text. The browser's own search goes back over a text in as many ways as the
// pattern allows: /(a+)+$/ stops a tab for years, and no script can stop a search that has begun.
//
// The browser still says what is a regular expression, and which characters a class, an escape
// or a letter stands for: each becomes an atom, which is asked for one character at a time. What
// is built here is how atoms follow each other. Looking around and references back to a group
// cannot be searched like this, and are refused.

export const OP = { ATOM: 0, SPLIT: 1, JUMP: 2, ASSERT: 3, MATCH: 4 };

// Nobody types more. A repetition is as many copies, and a new character is shown to all atoms.
const INSTRUCTIONS_MAX = 2000;
const ATOMS_MAX = 100;
const LENGTH_MAX = 2000;

const MISTAKE = 'This is not a regular expression';
const TOO_LARGE = 'The regular expression is too large.';
const NOT_REGULAR = 'Look-around and references to a group cannot be searched for.';

class Refusal extends Error {}

// The pieces of a pattern whose syntax the browser has checked.
const ESCAPES = String.raw`\\(?:c[A-Za-z]|x[\da-fA-F]{2}|u[\da-fA-F]{4}|0[0-7]{0,2}|[\s\S])`;
const UNICODE_ESCAPES = String.raw`\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|` +
  String.raw`\\u\{[^\}]*\}|\\[pP]\{[^\}]*\}|`;
const LONE_BACKSLASH = String.raw`(?<lone>\\(?=c(?![A-Za-z])))|`;
const PIECES = String.raw`(?<assert>\\[bB]|[\^$])|(?<refused>\\[1-9]|\\k|\(\?(?!:|<[^=!]))|` +
  String.raw`(?<open>\((?:\?(?::|<[^>]*>))?)|(?<close>\))|(?<or>\|)|` +
  String.raw`(?<repeat>(?:[*+?]|\{\d+(?:,\d*)?\})\??)|`;
const CHARACTER_CLASSES = String.raw`\[(?:\\[\s\S]|[^\]\\])*\]|`;

const piecesOf = (unicode) => new RegExp(
  `${PIECES}${unicode ? '' : LONE_BACKSLASH}(?<atom>${CHARACTER_CLASSES}${unicode ? UNICODE_ESCAPES : ''}` +
  `${ESCAPES}|[\\s\\S])`, unicode ? 'gu' : 'g');

function boundsOf(words) {
  const [, least, comma, most] = /^\{(\d+)(,?)(\d*)\}/.exec(words) || [];

  if (least === undefined)
    return { '*': [0, Infinity], '+': [1, Infinity], '?': [0, 1] }[words[0]];
  return [Number(least), comma === '' ? Number(least) : most === '' ? Infinity : Number(most)];
}

// The tree of a pattern: { atom }, { assert }, { list }, { choices } or { body, least, most, lazy }.
function parse(pattern, unicode, atomOf) {
  const choices = [[[]]];     // of each open group; of each of them its lists
  const item = () => choices.at(-1).at(-1);
  const whole = (lists) => (lists.length === 1 ? { list: lists[0] }
    : { choices: lists.map((list) => ({ list })) });

  for (const { groups } of pattern.matchAll(piecesOf(unicode))) {
    if (groups.refused)
      throw new Refusal(NOT_REGULAR);
    if (groups.open)
      choices.push([[]]);
    else if (groups.close) {
      const group = whole(choices.pop());

      item().push(group);
    } else if (groups.or)
      choices.at(-1).push([]);
    else if (groups.repeat) {
      const [least, most] = boundsOf(groups.repeat);

      item().push({ body: item().pop(), least, most, lazy: /.\?$/.test(groups.repeat) });
    } else
      item().push(groups.assert ? { assert: groups.assert }
        : { atom: atomOf(groups.lone ? '\\\\' : groups.atom) });
  }
  return whole(choices[0]);
}

// How many instructions a tree takes.
function sizeOf(tree) {
  if (tree.list)
    return tree.list.reduce((sum, part) => sum + sizeOf(part), 0);
  if (tree.choices)
    return tree.choices.reduce((sum, part) => sum + sizeOf(part) + 2, 0);
  if (tree.body)
    return (sizeOf(tree.body) + 2) * (tree.most === Infinity ? tree.least + 1 : tree.most);
  return 1;
}

// Appends the instructions of a tree. Of a split the first way is tried first.
function emit(program, tree) {
  const add = (op, a = 0, b = 0) => program.push({ op, a, b }) - 1;
  const split = (lazy, into) => {
    const at = add(OP.SPLIT, into, into);

    return (behind) => { program[at][lazy ? 'a' : 'b'] = behind; };
  };

  if (tree.list) {
    for (const part of tree.list)
      emit(program, part);
  } else if (tree.choices) {
    const ends = tree.choices.map((choice, index) => {
      const isLast = index === tree.choices.length - 1;
      const other = isLast ? null : split(false, program.length + 1);

      emit(program, choice);
      const end = add(OP.JUMP);

      if (other)
        other(program.length);
      return end;
    });

    for (const end of ends)
      program[end].a = program.length;
  } else if (tree.body) {
    for (let n = 0; n < tree.least; n++)
      emit(program, tree.body);
    const begin = program.length;
    const more = tree.most === Infinity ? 1 : tree.most - tree.least;
    const skips = [];

    for (let n = 0; n < more; n++) {
      skips.push(split(tree.lazy, program.length + 1));
      emit(program, tree.body);
    }
    if (tree.most === Infinity)
      add(OP.JUMP, begin);
    for (const skip of skips)
      skip(program.length);
  } else if (tree.assert)
    add(OP.ASSERT, tree.assert);
  else
    add(OP.ATOM, tree.atom);
}

// What the browser says is wrong: the end of "Invalid regular expression: /(/i: Unterminated group".
function reasonOf({ message }) {
  const [, reason] = /: ([^:/]+)$/.exec(message) || [];

  return reason === undefined ? '' : `: ${reason[0].toLowerCase()}${reason.slice(1)}`;
}

// Does a browser take it, and can it be searched for? { program, atoms, ... } or { mistake }.
// All regular expressions disregard case.
export function compilePattern(pattern, flags) {
  const own = `${flags.replace(/[dgiy]/g, '')}i`;
  const single = own.replace('m', '');      // of one character, so that no line is looked at
  const atoms = new Map();
  const atomOf = (source) => {
    if (!atoms.has(source))
      atoms.set(source, { number: atoms.size, matches: new RegExp(`^${source}$`, single) });
    return atoms.get(source).number;
  };

  try {
    new RegExp(pattern, own);     // throws where it is none
    if (own.includes('v'))
      throw new Refusal(NOT_REGULAR);
    if (pattern.length > LENGTH_MAX)
      throw new Refusal(TOO_LARGE);
    const tree = parse(pattern, own.includes('u'), atomOf);
    const program = [];

    if (sizeOf(tree) > INSTRUCTIONS_MAX || atoms.size > ATOMS_MAX)
      throw new Refusal(TOO_LARGE);
    emit(program, tree);
    program.push({ op: OP.MATCH });
    return {
      program, atoms: [...atoms.values()].map(({ matches }) => matches), unicode: own.includes('u'),
      multiline: own.includes('m'), word: new RegExp('^\\w$', single),
    };
  } catch (error) {
    return { mistake: error instanceof Refusal ? error.message : `${MISTAKE}${reasonOf(error)}.` };
  }
}
