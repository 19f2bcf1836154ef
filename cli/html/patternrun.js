// SPDX-License-Identifier: Apache-2.0
//
// Searching texts for a pattern of pattern.js.
//
// All ways through the program are followed at once, a character of the text at a time, so no
// text is gone back over. To say whether a text matches, the set of places in the program is a
// state, and where a character leads from it is remembered: then a character costs one look-up.
// To say where, each way knows where it began, and earlier ways come before later ones, as a
// browser's own search has it.

import { OP } from './pattern.js';

// Instructions that may be looked at while states are made, for all texts: less than a second.
// Some patterns make a new state of nearly every character.
const WORK_MAX = 2e6;
const STATES_MAX = 3000;
const ATOM_WORK = 5;    // asking an atom for a character, in instructions

const END = 1;          // the kind of what is behind a text; 0 is not known yet
const FOUND = { found: true };
const LINE_END = /^[\n\r\u2028\u2029]$/;

// What stands before or behind a place: null is nothing.
const isWord = (kind) => kind !== null && kind.word;

export class PatternSearch {
  constructor({ program, atoms, unicode, multiline, word }) {
    Object.assign(this, { program, atoms, unicode, multiline, word });
    this.looksBack = program.some(({ op }) => op === OP.ASSERT);
    this.kindOf = new Uint16Array(65536);   // of each character that was seen
    this.kindOfWide = new Map();
    this.kindNumbers = new Map();
    this.kinds = [null, null];
    this.visited = new Uint32Array(program.length);
    this.round = 0;
    this.begin();
    this.forget();
  }

  // For another search. What is known of the pattern stays.
  begin() {
    this.work = 0;
    this.tookTooLong = false;
  }

  forget() {
    this.states = new Map();
    this.first = this.stateOf([0], 0);
  }

  // ---- characters ----

  // Characters that no atom tells apart are of one kind.
  classify(code) {
    const text = String.fromCodePoint(code);
    const word = this.word.test(text);
    const lineEnd = LINE_END.test(text);
    const has = this.atoms.map((atom) => atom.test(text));
    const key = `${has.map(Number).join('')}${Number(word)}${Number(lineEnd)}`;

    this.work += ATOM_WORK * has.length;
    if (!this.kindNumbers.has(key)) {
      this.kindNumbers.set(key, this.kinds.length);
      this.kinds.push({ has, word, lineEnd });
    }
    const number = this.kindNumbers.get(key);

    if (code < 65536)
      this.kindOf[code] = number;
    else
      this.kindOfWide.set(code, number);
    return number;
  }

  kindAt(text, at) {
    const code = this.unicode ? text.codePointAt(at) : text.charCodeAt(at);

    return (code < 65536 ? this.kindOf[code] : this.kindOfWide.get(code)) || this.classify(code);
  }

  widthAt(text, at) {
    return this.unicode && text.codePointAt(at) > 65535 ? 2 : 1;
  }

  // ---- places in the program ----

  holds(assertion, before, behind) {
    switch (assertion) {
      case '^': return before === null || (this.multiline && before.lineEnd);
      case '$': return behind === null || (this.multiline && behind.lineEnd);
      case '\\b': return isWord(before) !== isWord(behind);
      default: return isWord(before) === isWord(behind);
    }
  }

  // Calls visit with each atom, and each end, that can be reached from a place without a
  // character, until it returns true. What was visited in this round is not visited again.
  reach(place, before, behind, visit) {
    const open = [place];

    while (open.length > 0) {
      const at = open.pop();
      const { op, a, b } = this.program[at];

      this.work++;
      if (this.visited[at] === this.round)
        continue;
      this.visited[at] = this.round;
      if (op === OP.SPLIT)
        open.push(b, a);
      else if (op === OP.JUMP)
        open.push(a);
      else if (op === OP.ASSERT && this.holds(a, before, behind))
        open.push(at + 1);
      else if ((op === OP.ATOM || op === OP.MATCH) && visit(at, op === OP.MATCH))
        return true;
    }
    return false;
  }

  // ---- does a text match? ----

  // before: the kind of the character in front of it, where that matters.
  stateOf(places, before) {
    const key = `${before} ${places.sort((x, y) => x - y).join(' ')}`;

    if (!this.states.has(key))
      this.states.set(key, { places, before, next: [] });
    return this.states.get(key);
  }

  // Where a character leads. A match may begin at every place.
  follow(state, number) {
    const kind = this.kinds[number];
    const places = [];

    this.round++;
    for (const place of [...state.places, 0]) {
      const found = this.reach(place, this.kinds[state.before], kind, (at, isEnd) => {
        if (!isEnd && kind !== null && kind.has[this.program[at].a])
          places.push(at + 1);
        return isEnd;
      });

      if (found)
        return FOUND;
    }
    if (this.states.size > STATES_MAX)
      this.forget();
    return this.stateOf(places, this.looksBack ? number : 0);
  }

  // The next state, or null: it took too long.
  step(state, number) {
    this.tookTooLong ||= this.work > WORK_MAX;
    if (this.tookTooLong)
      return null;
    state.next[number] = this.follow(state, number);
    return state.next[number];
  }

  // False also if it took too long: this.tookTooLong says so.
  test(text) {
    let state = this.first;

    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      const number = this.unicode ? this.kindAt(text, at) : this.kindOf[code] || this.classify(code);

      state = state.next[number] || this.step(state, number);
      if (state === FOUND || state === null)
        return state === FOUND;
      at += this.unicode ? this.widthAt(text, at) - 1 : 0;
    }
    return (state.next[END] || this.step(state, END)) === FOUND;
  }

  // ---- where? ----

  // The first match from a place on, as [begin, end], or null.
  find(text, from) {
    let ways = [];            // [place, begin]
    let match = null;

    for (let at = from; ; at += this.widthAt(text, at)) {
      const behind = at < text.length ? this.kinds[this.kindAt(text, at)] : null;
      const before = at > 0 ? this.kinds[this.kindAt(text, this.beginBefore(text, at))] : null;
      const next = [];

      this.round++;
      if (match === null)
        ways.push([0, at]);
      for (const [place, begin] of ways) {
        const isEnd = this.reach(place, before, behind, (there, end) => {
          if (end)
            match = [begin, at];
          else if (behind !== null && behind.has[this.program[there].a])
            next.push([there + 1, begin]);
          return end;
        });

        if (isEnd)
          break;      // ways that come later matter less
      }
      if (behind === null || (match !== null && next.length === 0))
        return match;
      ways = next;
    }
  }

  beginBefore(text, at) {
    return this.unicode && at > 1 && text.codePointAt(at - 2) > 65535 ? at - 2 : at - 1;
  }

  // All matches that hold something, as [begin, end].
  * spans(text) {
    for (let at = 0; at <= text.length;) {
      const match = this.find(text, at);

      if (match === null)
        return;
      const [begin, end] = match;

      if (end > begin)
        yield match;
      at = end > begin ? end : end + (end < text.length ? this.widthAt(text, end) : 1);
    }
  }
}
