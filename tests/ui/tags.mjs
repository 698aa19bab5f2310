// SPDX-License-Identifier: MIT
// Tests tags in the page: the field that T opens, facts, filter, table, CSV, undo, reload, two
// pages, a server that was killed, a read-only page, a site.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, beforeEach, describe } from 'node:test';
import { env, explore, folder, goldpan, it, keepScreenshot, makeCatalog, openBrowser, openPage, sql, until, view } from './support.mjs';

let pictures, server, browser;
const stored = () => sql(pictures, 'SELECT lower(hex(i.hash)) AS hash, t.tag FROM tags t JOIN images i ON i.id = t.image WHERE t.removed = 0 ORDER BY 1, 2');
const names = () => [...new Set(stored().map(({ tag }) => tag))].sort();
const status = (page) => page.locator('.status').innerText();
const facts = (page) => page.locator('aside.side .tags');
const field = (page) => page.getByRole('combobox', { name: 'New tag' });

before(async () => {
  pictures = makeCatalog('pictures');
  server = await explore(pictures);
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});
beforeEach(() => {
  const tagged = stored();
  if (!tagged.length) return;
  const paths = sql(pictures, 'SELECT DISTINCT path, tag FROM v_tags');
  for (const { path, tag } of paths) execFileSync(goldpan, ['mark', path, '--untag', tag, '--catalog', pictures, '-q'], { env });
});

/** Defines a case on a page that shows the wall. The case keeps a screenshot, and the page must report no error. */
const seen = (name, run, options) =>
  it(name, async () => {
    const page = await openPage(browser, server.url, options);
    try {
      await view(page, 'Wall');
      await run(page);
      assert.deepEqual(page.wrong, []);
    } finally {
      await keepScreenshot(page, `tags ${name}`);
      await page.context().close();
    }
  });

async function type(page, text) {
  await page.keyboard.press('t');
  await field(page).waitFor();
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
}

describe('tags', () => {
  seen('T adds a tag to the current picture, and undo removes it', async (page) => {
    await type(page, '  at   night ');
    await page.keyboard.press('Escape');
    await facts(page).getByText('at night', { exact: true }).waitFor();
    await until(() => stored().length === 1 && stored()[0].tag === 'at night', () => JSON.stringify(stored()));
    await page.keyboard.press('Control+z');
    await until(() => stored().length === 0, 'not undone');
    await until(async () => (await facts(page).getByText('at night').count()) === 0, 'the facts still show the tag');
    await page.keyboard.press('Control+Shift+z');
    await until(() => stored().length === 1, 'not done again');
    await facts(page).getByRole('button', { name: 'Remove the tag at night' }).click();
    await until(() => stored().length === 0, 'not removed');
  });

  seen('all chosen pictures get a tag, with a notice and Undo', async (page) => {
    await page.keyboard.press('Control+a');
    const all = Number((await status(page)).replaceAll(',', '').match(/(\d+) chosen/)[1]);
    await type(page, 'castle');
    await page.getByText(`“castle” added to ${all.toLocaleString()} pictures.`).waitFor();
    await until(() => stored().length === all, () => `${stored().length} of ${all}`);
    await page.getByRole('button', { name: 'Undo', exact: true }).last().click();
    await until(() => stored().length === 0, 'not undone');
  });

  seen('Enter in an empty field leaves it open, and tags of one Enter are one step of undo', async (page) => {
    await page.keyboard.press('t');
    await page.keyboard.press('Enter');
    await page.keyboard.type('pxu, snow');
    assert.equal(await page.getByRole('combobox', { name: 'New tag' }).inputValue(), 'pxu, snow');
    assert.equal(sql(pictures, 'SELECT count(*) AS n FROM ratings WHERE flag <> 0')[0].n, 0, 'letters have marked pictures');
    await page.keyboard.press('Enter');
    await until(() => names().join() === 'pxu,snow', () => names().join());
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+z');
    await until(() => stored().length === 0, 'one undo does not remove both tags');
    await page.getByText(/^Undone: the tags “snow”, “pxu” of “|^Undone: the tags “pxu”, “snow” of “/).waitFor();
  });

  seen('the field completes known tags and rejects what is no tag', async (page) => {
    await type(page, 'Red fox, snow');
    await until(() => names().join() === 'Red fox,snow', () => names().join());
    await page.keyboard.press('Escape');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('t');
    await page.keyboard.type('re');
    await page.getByRole('option', { name: 'Red fox' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await until(() => stored().filter(({ tag }) => tag === 'Red fox').length === 2, 'not completed');
    await page.keyboard.type('SNOW');
    await page.keyboard.press('Enter');
    await until(() => stored().length === 4 && names().join() === 'Red fox,snow', () => `another spelling: ${names().join()}`);
    await page.keyboard.type('x'.repeat(101));
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('at most 100 characters').waitFor();
    assert.equal(stored().length, 4);
  });

  seen('the filter Tag shows pictures that have one of the tags, or none of them; a reload keeps it', async (page) => {
    await type(page, 'one');
    await page.keyboard.press('Escape');
    await page.keyboard.press('ArrowRight');
    await type(page, 'two');
    await page.keyboard.press('Escape');
    await until(() => stored().length === 2, 'not stored');
    const bar = page.getByRole('group', { name: 'Filters' });
    await bar.getByRole('button', { name: 'Tag', exact: true }).click();
    const box = page.getByRole('dialog', { name: 'Tag' });
    await box.getByRole('checkbox', { name: /^one/ }).check();
    await until(async () => /^1 of/.test(await status(page)), () => status(page));
    await box.getByRole('checkbox', { name: /^two/ }).check();
    await until(async () => /^2 of/.test(await status(page)), () => status(page));
    await box.getByRole('checkbox', { name: 'not these' }).check();
    const total = Number((await status(page)).match(/of (\d+)/)[1]);
    await until(async () => (await status(page)).startsWith(`${total - 2} of`), () => status(page));
    await page.reload();
    await page.locator('.main [data-row]').first().waitFor();
    await until(async () => (await status(page)).startsWith(`${total - 2} of`), () => status(page));
    await bar.getByText('not one or two').waitFor();
  });

  seen('a second page and the command see tags, and the table has a column of them', async (page) => {
    const other = await openPage(browser, server.url);
    await view(other, 'Wall');
    await type(page, 'shared');
    await page.keyboard.press('Escape');
    await facts(other).getByText('shared').waitFor();
    const [{ path }] = sql(pictures, 'SELECT path FROM v_tags');
    const shown = JSON.parse(execFileSync(goldpan, ['show', path, '--json', '--catalog', pictures], { env, encoding: 'utf8' }));
    assert.deepEqual(shown.images[0].tags, ['shared']);
    execFileSync(goldpan, ['mark', path, '--tag', 'by command', '--catalog', pictures, '-q'], { env });
    await facts(page).getByText('by command').waitFor();
    await other.context().close();
  });

  seen('in Cull, T adds a tag to the large picture', async (page) => {
    await page.keyboard.press('e');
    await type(page, 'large');
    await until(() => stored().length === 1, 'not stored');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await facts(page).getByText('large').waitFor();
  });

  seen('the table and its CSV hold tags', async (page) => {
    await type(page, 'night, castle');
    await page.keyboard.press('Escape');
    await view(page, 'Table');
    await page.getByRole('button', { name: 'Columns…' }).click();
    await page.getByRole('group', { name: 'Columns to show' }).getByRole('checkbox', { name: 'Tags' }).check();
    await page.keyboard.press('Escape');
    await page.getByRole('gridcell', { name: 'castle, night', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Copy as CSV' }).click();
    await page.getByText('as CSV copied.').waitFor();
    const lines = (await page.evaluate(() => navigator.clipboard.readText())).split(/\r?\n/);
    assert.ok(lines[0].split(',').includes('Tags'), lines[0]);
    assert.equal(lines.filter((line) => line.includes('"castle, night"')).length, 1);
  });

  it('tags are kept while the server is dead, and sent when it is back', async () => {
    const port = String(20000 + (process.pid % 12000));
    const first = await explore(pictures, '--port', port);
    const page = await openPage(browser, first.url);
    await view(page, 'Wall');
    await first.stop('SIGKILL');
    await page.getByText('goldpan has stopped answering').waitFor();
    // The large preview of a picture that became current while the server was dead is there when the server is back.
    await page.locator('.wall [data-row]').nth(9).click();
    const preview = () => page.locator('aside .shot img').evaluate((image) => (image.complete ? image.naturalWidth : -1));
    await until(async () => (await preview()) === 0, 'the preview was loaded from a dead server');
    await type(page, 'offline');
    await page.getByText('1 mark is kept in this page').waitFor();
    const context = page.context();
    assert.deepEqual(stored(), []);
    const back = await explore(pictures, '--port', port);
    await until(async () => (await preview()) > 0, 'the preview stays broken');
    await until(() => names().join() === 'offline', 'the open page does not send the tag');
    await back.stop('SIGKILL');
    await page.getByText('goldpan has stopped answering').waitFor();
    await page.keyboard.press('Escape');
    await type(page, 'closed');
    await page.getByText('1 mark is kept in this page').waitFor();
    await page.close({ runBeforeUnload: false });
    const second = await explore(pictures, '--port', port);
    const again = await context.newPage();
    await again.goto(second.url);
    await until(() => names().join() === 'closed,offline', () => `the tag is not sent: ${names().join()}`);
    await context.close();
    assert.equal(await second.stop(), 0);
  });

  it('the tags of a visitor of a site outlive a reload', async () => {
    const place = join(folder, 'site');
    execFileSync(goldpan, ['export', '--site', place, '--site-images', 'none', '--catalog', join(pictures, '.goldpan/catalog.db'), '-q'], { env });
    const types = { html: 'text/html', js: 'text/javascript', css: 'text/css', json: 'application/json', svg: 'image/svg+xml' };
    const host = createServer((request, response) => {
      const path = new URL(request.url, 'http://x').pathname;
      const file = join(place, path.endsWith('/') ? `${path}index.html` : path);
      if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return response.writeHead(404).end();
      response.writeHead(200, { 'Content-Type': types[file.split('.').at(-1)] ?? 'application/octet-stream' });
      createReadStream(file).pipe(response);
    });
    await new Promise((resolve) => host.listen(0, '127.0.0.1', resolve));
    const page = await openPage(browser, `http://127.0.0.1:${host.address().port}/`);
    await view(page, 'Wall');
    await type(page, 'mine, gone');
    await page.keyboard.press('Escape');
    await facts(page).getByRole('button', { name: 'Remove the tag gone' }).click();
    await page.reload();
    await facts(page).getByText('mine', { exact: true }).waitFor();
    assert.equal(await facts(page).getByText('gone').count(), 0);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
    host.close();
  });

  it('a read-only page shows tags and changes none', async () => {
    const [{ path }] = sql(pictures, 'SELECT path FROM v_images ORDER BY image LIMIT 1');
    execFileSync(goldpan, ['mark', path, '--tag', 'kept', '--catalog', join(pictures, '.goldpan/catalog.db'), '-q'], { env });
    const reader = await explore(pictures, '--readonly', '--port', '0').catch(() => explore(pictures, '--readonly'));
    const page = await openPage(browser, reader.url);
    await view(page, 'Wall');
    await page.getByRole('group', { name: 'Filters' }).getByRole('button', { name: 'Tag', exact: true }).waitFor();
    await page.keyboard.press('t');
    await page.getByText('Tags cannot be changed').waitFor();
    assert.equal(await field(page).count(), 0);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
    await reader.stop();
  });
});
