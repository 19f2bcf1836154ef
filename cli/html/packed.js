// SPDX-License-Identifier: Apache-2.0
//
// Reading the data of the page, which are packed if they are long: cli/page_pack.c says how.

const TOO_OLD = 'This trace is so long that its page is packed, and this browser cannot unpack ' +
  'it: Chromium 123, Firefox 120, Safari 17.5 and later can.';
const DAMAGED = 'The trace in this page cannot be read: the file is damaged, or not whole.';

function bytesOf(base64) {
  const characters = atob(base64);
  const bytes = new Uint8Array(characters.length);

  for (let i = 0; i < bytes.length; i++)
    bytes[i] = characters.charCodeAt(i);
  return bytes;
}

// The data are ASCII. Reading piece by piece takes a third of the time of Response.text().
async function unpack(base64) {
  const stream = new DecompressionStream('deflate');
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  const decoder = new TextDecoder('latin1');
  const written = Promise.all([writer.write(bytesOf(base64)), writer.close()]);

  let text = '';

  written.catch(() => {});      // reading fails as well
  for (let piece = await reader.read(); !piece.done; piece = await reader.read())
    text += decoder.decode(piece.value);
  await written;
  return text;
}

// Says in place of the page why there is none.
function giveUp(words) {
  const notice = document.querySelector('#page .notice');

  notice.textContent = words;
  notice.setAttribute('role', 'alert');
  document.getElementById('page').className = '';
  throw new Error(words);
}

// The text that an element holds. The element is removed, so that its own takes no memory.
export async function readText(element) {
  const text = element.textContent;

  element.remove();
  if (text.startsWith('{'))
    return text;
  if (!('DecompressionStream' in globalThis))
    giveUp(TOO_OLD);
  try {
    return await unpack(text);
  } catch {
    return giveUp(DAMAGED);
  }
}

// The value of a JSON text of the page.
export function parseData(text) {
  try {
    return JSON.parse(text);
  } catch {
    return giveUp(DAMAGED);
  }
}
