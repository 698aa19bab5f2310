// SPDX-License-Identifier: MIT
// An open explorer shows the pictures that goldpan watch scores, with their scores.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe } from 'node:test';
import { env, explore, folder, goldpan, it, openBrowser, openPage, source, until, view } from './support.mjs';

const pictures = join(folder, 'watched');
const from = (name) => join(source, 'sample/drawn-world', name);
const samples = (name) => readdirSync(from(name)).filter((file) => file.endsWith('.png')).sort().map((file) => join(from(name), file));
let watching, lines, server, browser;

before(async () => {
  mkdirSync(pictures);
  copyFileSync(samples('shapes')[0], join(pictures, 'first.png'));
  watching = spawn(goldpan, ['watch', pictures, '--json', '--model', 'drawn-world-mini'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  lines = createInterface({ input: watching.stdout })[Symbol.asyncIterator]();
  await lines.next();
  server = await explore(pictures);
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  watching?.kill('SIGKILL');
});

describe('goldpan watch beside an open explorer', () => {
  it('shows a new picture with its score', async () => {
    const page = await openPage(browser, server.url);
    await view(page, 'Table');
    const rows = page.locator('.main [data-row]');
    await until(async () => (await rows.count()) === 1, 'the table does not show the first picture');
    copyFileSync(samples('plants')[0], join(pictures, 'second.png'));
    const event = JSON.parse((await lines.next()).value);
    assert.equal(event.path, join(pictures, 'second.png'));
    const shown = async () => (await rows.allInnerTexts()).find((text) => text.includes(event.prompt)) ?? '';
    await until(async () => (await shown()).includes(event.score.toFixed(1)), async () => `the table shows ${await rows.allInnerTexts()}, not ${JSON.stringify(event)}`);
    assert.deepEqual(page.wrong, []);
  });
});
