// SPDX-License-Identifier: Apache-2.0
//
// What the server has put into the page: which view it is, and what that shows.
//
//   { view: 'list' }
//   { view: 'problem', messages: [...], again: may it be well later? }
//   { view: 'compare', ... }: see comparison.js

function readGiven() {
  const element = document.getElementById('given');

  element.remove();
  return JSON.parse(element.textContent);
}

export const given = readGiven();
