// SPDX-License-Identifier: Apache-2.0
//
// Asking the server for a page of the list.

class Problem extends Error {
  constructor(message, again) {
    super(message);
    this.again = again; // may it be well later?
  }
}

let asking = new AbortController();

// { traces, next, collector }, undefined if another question came since, or a Problem.
export async function askTraces(query) {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;

  try {
    const response = await fetch(`traces?${query}`, { signal, cache: 'no-store' });

    if (response.status === 403)
      throw new Problem('The server does not know this browser any more. Open the address that ' +
        'it has printed.', false);
    const answer = await response.json();

    if (!response.ok)
      throw new Problem(answer.messages.join(' '), response.status >= 500);
    return answer;
  } catch (error) {
    if (signal.aborted)
      return undefined;
    throw error instanceof Problem ? error
      : new Problem('The server does not answer. Was it ended?', true);
  }
}
