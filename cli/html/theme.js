// SPDX-License-Identifier: Apache-2.0
//
// Light and dark: as the system has it, unless somebody chose.

const STORED = 'osprofiler-theme';
const system = window.matchMedia('(prefers-color-scheme: dark)');
const themeListeners = [];

// A page from a file may not be allowed to keep anything.
function storedTheme() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

const isDark = () => (document.documentElement.dataset.theme
  ? document.documentElement.dataset.theme === 'dark' : system.matches);

export function switchTheme() {
  const theme = isDark() ? 'light' : 'dark';

  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(STORED, theme);
  } catch {
    // It holds for this visit.
  }
  themeListeners.forEach((listener) => listener());
}

export function makeTheme(listener) {
  const theme = storedTheme();

  if (theme === 'light' || theme === 'dark')
    document.documentElement.dataset.theme = theme;
  themeListeners.push(listener);
  system.addEventListener('change', listener);
}
