// SPDX-License-Identifier: MIT
// Usage: node acts.mjs GOLDPAN.  What the page does with files: it opens their folder.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { env, explore, folder, keepScreenshot, makeCatalog, openBrowser, openPage, until, view } from './support.mjs';

let browser;
let pictures;

before(async () => {
  browser = await openBrowser();
  pictures = makeCatalog('pictures');
});
after(async () => {
  await browser?.close();
});

/** goldpan explore with these variables of the environment. */
async function exploreWith(variables, ...options) {
  const kept = { ...env };
  Object.assign(env, variables);
  try {
    return await explore(pictures, '--port', '0', ...options);
  } finally {
    for (const name of Object.keys(variables)) if (kept[name] === undefined) delete env[name];
    Object.assign(env, kept);
  }
}

test('opens the folder of the current picture', async () => {
  const programs = join(folder, 'programs');
  const said = join(folder, 'opened');
  mkdirSync(programs);
  writeFileSync(join(programs, 'xdg-open'), `#!/bin/sh\nprintf %s "$1" > ${said}\n`);
  chmodSync(join(programs, 'xdg-open'), 0o755);
  const server = await exploreWith({ DISPLAY: ':9', PATH: `${programs}:${process.env.PATH}` });
  const page = await openPage(browser, server.url);
  try {
    await view(page, 'Wall');
    const path = await page.locator('.side .path').first().innerText();
    await page.getByRole('button', { name: 'Open folder' }).click();
    await page.getByText('Opening /').waitFor();
    await until(() => existsSync(said) && readFileSync(said, 'utf8') === dirname(path), 'xdg-open did not get the folder');
    assert.deepEqual(page.wrong, []);
  } finally {
    await keepScreenshot(page, 'open folder');
    await page.context().close();
    await server.stop();
  }
});

test('offers no folder without a desktop session', async () => {
  const server = await exploreWith({});
  const page = await openPage(browser, server.url);
  await view(page, 'Wall');
  await page.getByRole('button', { name: 'Path' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Open folder' }).count(), 0);
  await page.context().close();
  await server.stop();
});
