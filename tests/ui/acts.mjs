// SPDX-License-Identifier: MIT
// Usage: node acts.mjs GOLDPAN.  What the page does with files: it opens their folder, and moves rejected ones to the bin and back.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before } from 'node:test';
import { count, current, env, explore, folder, hashOf, it, keepScreenshot, makeCatalog, openBrowser, openPage, ratingOf, goldpan, source, sql, until, view } from './support.mjs';

let browser;
let pictures;

before(async () => {
  browser = await openBrowser();
  pictures = makeCatalog('pictures');
});
after(async () => {
  await browser?.close();
});

/** Starts goldpan explore with `variables` added to the environment. */
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

it('opens the folder of the current picture', async () => {
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

it('offers no folder without a desktop session', async () => {
  const server = await exploreWith({});
  const page = await openPage(browser, server.url);
  await view(page, 'Wall');
  await page.getByRole('button', { name: 'Path' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Open folder' }).count(), 0);
  await page.context().close();
  await server.stop();
});

/** Rejects the first `wanted` pictures of the wall and filters by rejected pictures. Returns their [{hash, path}]. */
async function rejectSome(page, wanted) {
  await view(page, 'Wall');
  const chosen = [];
  await page.locator('.wall [data-row]').first().click();
  for (let i = 0; i < wanted; i++) {
    const hash = await hashOf(page, await current(page));
    chosen.push({ hash, path: sql(pictures, `SELECT p.path FROM paths p JOIN images i ON i.id = p.image WHERE i.hash = x'${hash}'`)[0].path });
    await page.keyboard.press('x');
    await page.keyboard.press('ArrowRight');
  }
  for (const { hash } of chosen) await until(() => ratingOf(pictures, hash).flag === -1, 'a rejection did not arrive');
  await page.locator('[data-filters]').getByRole('button', { name: /^Rejected/ }).click();
  await until(async () => (await count(page)).startsWith(`${wanted} of`), () => count(page));
  return chosen;
}

it('moves rejected pictures to the bin after a look, and Undo brings them back after a reload', async () => {
  const bin = join(folder, 'data/Trash');
  const server = await exploreWith({ XDG_DATA_HOME: dirname(bin) });
  const page = await openPage(browser, server.url);
  const inBin = () => (existsSync(join(bin, 'files')) ? readdirSync(join(bin, 'files')).length : 0);
  try {
    const all = sql(pictures, 'SELECT count(*) AS n FROM paths')[0].n;
    await view(page, 'Wall');
    assert.equal(await page.getByRole('button', { name: /to the bin/ }).count(), 0, 'a wall of all pictures offers no bin');
    const chosen = await rejectSome(page, 3);
    await page.getByRole('button', { name: 'Move 3 to the bin' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Move these 3 pictures to the bin?').waitFor();
    assert.equal(await dialog.getByRole('img').count(), 3);
    await dialog.getByText(/^3 pictures, [0-9.]+ [kM]B$/).waitFor();
    await keepScreenshot(page, 'bin');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.equal(inBin(), 0, 'a dialog that was left moves nothing');
    await page.setViewportSize({ width: 390, height: 844 });
    await page.getByRole('banner').getByRole('button', { name: 'Move 3 to the bin' }).click();
    await dialog.getByText('Move these 3 pictures to the bin?').waitFor();
    await keepScreenshot(page, 'bin on a phone');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.setViewportSize({ width: 1366, height: 768 });
    await page.getByRole('button', { name: 'Move 3 to the bin' }).click();
    await dialog.getByRole('button', { name: 'Move to the bin' }).click();
    const notice = page.locator('.notice');
    await notice.getByText('3 pictures moved to the bin.').waitFor();
    await notice.getByRole('button', { name: 'Undo' }).waitFor();
    assert.equal(inBin(), 3);
    assert.deepEqual(chosen.map(({ path }) => existsSync(path)), [false, false, false]);
    await until(async () => (await count(page)).includes(`of ${all - 3} `), () => count(page));

    await page.reload();
    await page.locator('.status .count').waitFor();
    await until(async () => (await count(page)).includes(`of ${all - 3} `), () => count(page));
    await page.keyboard.press('Control+z');
    await page.getByText('3 pictures moved back from the bin.').waitFor();
    assert.equal(inBin(), 0);
    assert.deepEqual(chosen.map(({ path }) => existsSync(path)), [true, true, true]);
    await until(async () => (await count(page)).startsWith('3 of '), () => count(page));

    // redo moves the pictures to the bin again, and the earlier steps can still be undone
    await page.keyboard.press('Control+Shift+z');
    await page.getByText('3 pictures moved to the bin.').waitFor();
    await until(async () => (await count(page)).includes(`of ${all - 3} `), () => count(page));
    await page.keyboard.press('Control+z');
    await until(async () => (await count(page)).startsWith('3 of '), () => count(page));
    await page.keyboard.press('Control+z'); // the filter
    await page.keyboard.press('Control+z');
    await until(() => ratingOf(pictures, chosen[2].hash).flag === 0, 'the rejection was not undone');
    assert.equal(ratingOf(pictures, chosen[1].hash).flag, -1);
    // Until an event tells the page that a picture is in the bin, the page may request the pictures that are similar to
    // this picture. The server answers this request with 404.
    assert.deepEqual(page.wrong.filter((one) => !one.includes('404')), []);
  } finally {
    await keepScreenshot(page, 'bin left');
    await page.context().close();
    await server.stop();
  }
});

it('says what was not moved, and offers no bin to a reader', async () => {
  const data = join(folder, 'unwritable');
  mkdirSync(data);
  writeFileSync(join(data, 'Trash'), 'no folder');
  const server = await exploreWith({ XDG_DATA_HOME: data });
  let page = await openPage(browser, server.url);
  const chosen = await rejectSome(page, 3);
  await page.getByRole('button', { name: 'Move 3 to the bin' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Move to the bin' }).click();
  await page.getByRole('alert').getByText(`the trash folder '${join(data, 'Trash')}' cannot be written`).waitFor();
  assert.ok(chosen.every(({ path }) => existsSync(path)));
  await page.context().close();
  await server.stop();
  const reader = await explore(pictures, '--port', '0', '--readonly');
  page = await openPage(browser, reader.url);
  await view(page, 'Wall');
  await page.locator('[data-filters]').getByRole('button', { name: /^Rejected/ }).click();
  await until(async () => / of /.test(await count(page)), () => count(page));
  assert.equal(await page.getByRole('button', { name: /to the bin/ }).count(), 0);
  await page.context().close();
  await reader.stop();
});

it('makes more pictures like one, and the same picture again', async () => {
  const generator = spawn('python3', [join(source, 'tools/generator.py'), 'serve', '--port', '0', '--latency', '0.2'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(generator, 'exit').then(([code]) => Promise.reject(new Error(`tools/generator.py ended with ${code}`)));
  ended.catch(() => undefined); // the test itself stops the generator, which is no error
  const address = String((await Promise.race([once(generator.stdout, 'data'), ended]))[0]).trim();
  const made = join(folder, 'made');
  writeFileSync(join(folder, 'made.txt'), 'a red cat on a beach\ntwo blue cars in the snow\n');
  execFileSync(goldpan, ['generate', join(folder, 'made.txt'), '-n', '2', '-b', address, '--protocol', 'a1111', '-W', '64', '-H', '64', '-o', made, '-q'], { env });
  const server = await explore(made, '--port', '0');
  const page = await openPage(browser, server.url);
  try {
    await view(page, 'Review');
    const row = page.locator('.prow').filter({ hasText: 'two blue cars' });
    await row.locator('[data-row]').first().click();
    assert.equal(await row.locator('[data-row]').count(), 2);
    await page.getByRole('button', { name: 'Make more like it' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(address).waitFor();
    await dialog.getByText(join(made, 'regenerated')).waitFor();
    assert.equal(await dialog.getByLabel('How many').inputValue(), '4');
    await dialog.getByLabel('How many').fill('65');
    assert.equal(await dialog.getByRole('button', { name: /^Make/ }).isDisabled(), true);
    await dialog.getByLabel('How many').fill('2');
    await keepScreenshot(page, 'make more');
    await dialog.getByRole('button', { name: 'Make 2' }).click();
    await page.getByText(/ of 2 made$/).waitFor();
    await page.locator('.notice').getByText('2 pictures made.').waitFor();
    await until(async () => (await row.locator('[data-row]').count()) === 4, 'the row does not show the new candidates');
    await page.getByRole('button', { name: 'Make it again' }).click();
    await page.locator('.notice').getByText('1 picture made.').waitFor();
    await until(async () => (await row.locator('[data-row]').count()) === 5, 'the row does not show the picture that was made again');
    assert.deepEqual(page.wrong, []);
  } finally {
    await keepScreenshot(page, 'made');
    await page.context().close();
    await server.stop();
    generator.kill();
  }
  const reader = await explore(made, '--port', '0', '--readonly');
  const reading = await openPage(browser, reader.url);
  await view(reading, 'Wall');
  await reading.getByRole('button', { name: 'Path' }).waitFor();
  assert.equal(await reading.getByRole('button', { name: /^Make/ }).count(), 0);
  await reading.context().close();
  await reader.stop();
});
