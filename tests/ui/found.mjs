// SPDX-License-Identifier: MIT
// Tests the view Found (slices, categories and near copies on one page) and the export: the page, the server and
// the command must export the same pictures for each choice.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, extname, join, normalize } from 'node:path';
import { after, before, describe } from 'node:test';
import { env, explore, folder, goldpan, it, keepScreenshot, makeCatalog, openBrowser, openPage, sql, until, view } from './support.mjs';

let pictures, catalog, server, browser;
/** ids of slices by their kind */
const known = {};
const run = (query) => execFileSync('sqlite3', [catalog, query]);
const one = (query) => sql(pictures, query)[0];
const marks = () => sql(pictures, 'SELECT lower(hex(i.hash)) AS hash, r.flag, r.stars FROM ratings r JOIN images i ON i.id = r.image WHERE r.flag <> 0 OR r.stars > 0 ORDER BY 1');

before(async () => {
  pictures = makeCatalog('pictures');
  catalog = join(pictures, '.goldpan/catalog.db');
  // Stores slices of every kind: significant, at the limit, not significant, not tested; and a slice that only the
  // model's guesses describe.
  const whole = sql(pictures, 'SELECT id, support FROM slices WHERE category IS NULL ORDER BY id').map(({ id }) => id);
  assert.ok(whole.length >= 4, `${whole.length} slices`);
  [known.certain, known.guessed, , known.rare] = whole;
  run(`UPDATE slices SET p_corrected = 1.0 / 650 WHERE category IS NULL;
       UPDATE slices SET p_corrected = 1.0 / 6 WHERE id = ${known.guessed};
       UPDATE slices SET p_corrected = 0.00001 WHERE id = ${known.rare};
       UPDATE slices SET title = 'castle', reasons = '[{"kind":"probe","text":"a castle","strength":1,"inside":0.3,"outside":0.2}]' WHERE id = ${known.guessed};`);
  // Stores groups of near copies: one group has a picture of another prompt, and one group has three pictures.
  const groups = sql(pictures, 'SELECT in_group AS id, min(image) AS image FROM duplicates GROUP BY in_group ORDER BY in_group');
  assert.ok(groups.length >= 3, `${groups.length} groups of near copies`);
  const promptOf = (image) => one(`SELECT prompt FROM image_prompts WHERE image = ${image}`).prompt;
  const free = (prompt) => one(`SELECT image FROM image_prompts WHERE prompt ${prompt} AND image NOT IN (SELECT image FROM duplicates) AND image NOT IN (SELECT image FROM picks) ORDER BY image LIMIT 1`).image;
  known.stranger = free(`<> ${promptOf(groups[0].image)}`);
  known.prompts = Object.fromEntries(groups.map(({ id, image }) => [id, one(`SELECT text FROM prompts WHERE id = ${promptOf(image)}`).text]));
  run(`INSERT INTO duplicates(in_group, image, likeness) VALUES(${groups[0].id}, ${known.stranger}, 0.99)`);
  known.third = free(`= ${promptOf(groups[1].image)}`);
  run(`INSERT INTO duplicates(in_group, image, likeness) VALUES(${groups[1].id}, ${known.third}, 0.99)`);
  known.group = groups[0].id;
  known.three = groups[1].id;
  server = await explore(pictures);
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Waits until the server sends the marks that are in the catalog. The server checks the catalog for changes only
 * from time to time. */
const noticed = () =>
  until(async () => {
    const manifest = await (await fetch(new URL('data/catalog.json', server.url))).json();
    const column = async (name) => new Int8Array(await (await fetch(new URL(manifest.columns.find((c) => c.name === name).file, server.url))).arrayBuffer());
    const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
    const [flags, stars] = [sum(await column('flag')), sum(await column('stars'))];
    const held = one('SELECT coalesce(sum(flag), 0) AS flags, coalesce(sum(stars), 0) AS stars FROM ratings');
    return flags === held.flags && stars === held.stars;
  }, 'the server does not notice the marks');

const seen = (name, run, options = {}) =>
  it(name, async () => {
    execFileSync('sqlite3', [catalog, 'DELETE FROM ratings']);
    await noticed();
    const page = await openPage(browser, server.url, options);
    try {
      await run(page);
      assert.deepEqual(page.wrong, []);
      assert.deepEqual(page.outside, []);
    } finally {
      await keepScreenshot(page, `found ${name}`);
      await page.context().close();
    }
  });

const status = (page) => page.getByRole('region', { name: 'What is shown' }).locator('.count');
const cards = (page, list) => page.getByRole('list', { name: list, exact: true }).locator(':scope > li');
const membersOf = (id) => one(`SELECT count(*) AS n FROM slice_images WHERE slice = ${id}`).n;

describe('slices', () => {
  seen('those beyond chance are apart from those that are not, in plain words', async (page) => {
    await view(page, 'Found');
    const solid = cards(page, 'Better than chance explains');
    const faint = cards(page, 'Not shown to be more than chance');
    await solid.first().waitFor();
    const strong = await solid.allInnerTexts();
    const weak = await faint.allInnerTexts();
    assert.ok(strong.length > 0 && strong.every((text) => /By chance this happens (less than )?1 time in [\d,]+\./.test(text)), strong.join('\n'));
    assert.ok(strong.some((text) => text.includes('1 time in 650.')));
    assert.ok(strong.some((text) => text.includes('less than 1 time in 10,000.')));
    assert.ok(weak.length > 0 && weak.every((text) => text.includes('Could well be chance: 1 time in 6.')), weak.join('\n'));
    // The interval shows how uncertain the lift is; only tested slices have an interval.
    assert.equal(await solid.getByRole('img', { name: /^Between .* of the average$/ }).count(), strong.length);
    assert.equal(await faint.getByRole('img').count(), 0);
    const border = (card) => card.evaluate((element) => getComputedStyle(element).borderTopStyle);
    assert.deepEqual([await border(solid.first()), await border(faint.first())], ['solid', 'dashed']);
    const within = cards(page, 'Within a category, not shown to be more than chance');
    const untested = await within.allInnerTexts();
    assert.equal(untested.length > 0, one('SELECT count(*) AS n FROM slices WHERE category IS NOT NULL').n > 0);
    assert.ok(untested.every((text) => text.includes('Too few pictures to test.')), untested.join('\n'));
    const text = await page.locator('.main').innerText();
    assert.doesNotMatch(text, /\bp [<=0-9]|significan|percentile/i);
  });

  seen('titles are words of prompts; a guess of the model is only a reason', async (page) => {
    await view(page, 'Found');
    const n = membersOf(known.guessed);
    const card = cards(page, 'Not shown to be more than chance').filter({ hasText: `cluster of ${n}` });
    await card.first().waitFor();
    const headings = await page.locator('.main h3').allInnerTexts();
    assert.ok(headings.every((text) => !text.includes('castle') || text.includes(',')), headings.join('\n'));
    assert.ok(headings.every((text) => !text.includes('·')), headings.join('\n'));
    assert.equal(await card.getByText('looks a little like').count(), 0);
    await card.getByRole('button', { name: /^Why these/ }).click();
    await card.getByText('looks a little like a castle').waitFor();
  });

  seen('"Show the N" sets the facet and goes to the wall; Back returns', async (page) => {
    await view(page, 'Found');
    const card = cards(page, 'Better than chance explains').first();
    const label = await card.getByRole('button', { name: /^Show the/ }).innerText();
    const title = await card.locator('h3 span').first().innerText();
    const n = Number(/\d+/.exec(label)[0]);
    await card.getByRole('button', { name: /^Show the/ }).click();
    await page.locator('.main[aria-label="wall"]').waitFor();
    await status(page).getByText(`${n} of`).waitFor();
    await page.getByRole('group', { name: 'Filters', exact: true }).getByText(title).waitFor();
    await page.goBack();
    await page.locator('.main[aria-label="found"]').waitFor();
    await until(async () => !(await status(page).innerText()).includes(' of '), 'the filter stays after Back');
    const last = page.getByRole('region', { name: 'In no slice' });
    const none = one('SELECT count(*) AS n FROM images WHERE id NOT IN (SELECT image FROM slice_images)').n;
    await last.getByRole('button', { name: `Show the ${none}` }).click();
    await status(page).getByText(`${none} of`).waitFor();
    await page.getByRole('group', { name: 'Filters', exact: true }).getByText('in no slice').waitFor();
    // The section "In no slice" follows the two sections that list slices.
    await page.goBack();
    const order = await page.locator('.main h2').allInnerTexts();
    assert.deepEqual(order, ['Better than chance explains', 'Not shown to be more than chance', 'In no slice', 'Categories', 'Near copies']);
  });

  seen('no key marks what is not in sight', async (page) => {
    await view(page, 'Found');
    await page.locator('.main h2').first().waitFor();
    for (const key of ['p', 'x', '3', 'k']) {
      await page.keyboard.press(key);
      await page.locator('.notice').getByText('Found shows groups.').waitFor();
    }
    await page.reload();
    await page.locator('.main h2').first().waitFor();
    assert.deepEqual(marks(), []);
  });

  seen('the order is chosen in the status bar', async (page) => {
    await view(page, 'Found');
    const solid = cards(page, 'Better than chance explains');
    const numbers = async () => (await solid.locator('p').allInnerTexts()).map((text) => /^(\d+) pictures? scores? ([\d.]+)/.exec(text)).map((found) => [Number(found[1]), Number(found[2])]);
    await solid.first().waitFor();
    const above = (await numbers()).map(([, lift]) => lift);
    assert.deepEqual(above, above.slice().sort((a, b) => b - a));
    await page.getByRole('combobox', { name: 'Order' }).selectOption('most pictures first');
    await until(async () => {
      const sizes = (await numbers()).map(([n]) => n);
      return String(sizes) === String(sizes.slice().sort((a, b) => b - a));
    }, 'not in order of their sizes');
  });
});

describe('categories', () => {
  seen('a row has its numbers and shows its pictures', async (page) => {
    const [first] = sql(pictures, 'SELECT c.name, count(*) AS n, sum(EXISTS(SELECT 1 FROM picks p WHERE p.image = s.image)) AS suggested FROM standings s JOIN categories c ON c.id = s.category GROUP BY c.id ORDER BY avg((SELECT value FROM scores x WHERE x.image = s.image)) DESC');
    await view(page, 'Found');
    const row = page.locator('.main tbody tr').first();
    const cells = (await row.locator('th, td').allInnerTexts()).map((text) => text.trim());
    assert.equal(cells[0], first.name.replaceAll(' · ', ', '));
    assert.deepEqual([cells[1], cells[5], cells[6]], [String(first.n), '0', String(first.suggested)]);
    assert.match(cells[4], /^[+−]\d+\.\d$/);
    await row.getByRole('button').click();
    await page.locator('.main[aria-label="wall"]').waitFor();
    await status(page).getByText(`${first.n} of`).waitFor();
  });
});

describe('near copies', () => {
  const groups = (page) => page.getByRole('list', { name: 'Near copies' }).locator(':scope > li');
  const group = (page, id) => groups(page).filter({ hasText: known.prompts[id] });
  const rejected = () => marks().filter(({ flag }) => flag < 0).length;

  seen('the first press rejects what is shown, as one step of undo', async (page) => {
    await view(page, 'Found');
    const one = group(page, known.group);
    await one.getByText('1 picture would be rejected.').waitFor();
    assert.equal(await one.locator('figure').count(), 2); // the picture of another prompt is not rejected
    await one.getByRole('button', { name: 'Reject 1, keep the best' }).click();
    await until(() => rejected() === 1, 'nothing is rejected');
    await one.getByText('Decided.').waitFor();
    const all = page.getByRole('button', { name: /^Reject \d+, keep the best of each$/ });
    const n = Number(/\d+/.exec(await all.innerText())[0]);
    await all.click();
    await page.locator('.notice').getByText(`${n} ${n === 1 ? 'picture' : 'pictures'} rejected.`).waitFor();
    await until(() => rejected() === 1 + n, 'not all are rejected');
    await page.keyboard.press('Control+z');
    await until(() => rejected() === 1, 'one undo is not enough');
    await page.keyboard.press('Control+z');
    await until(() => rejected() === 0, 'the second undo does nothing');
  });

  seen('prompts are joined only when asked, and picks stay', async (page) => {
    await view(page, 'Found');
    const one = group(page, known.group);
    await one.first().waitFor();
    assert.equal(await one.locator('figure').count(), 2);
    await page.getByLabel(/Also between prompts/).check();
    await until(async () => (await one.locator('figure').count()) === 3, 'the picture of the other prompt is not joined');
    await page.getByLabel(/Also between prompts/).uncheck();

    // If two of three near copies are picks, both stay, and the page says so.
    const hashes = sql(pictures, `SELECT lower(hex(i.hash)) AS hash FROM duplicates d JOIN images i ON i.id = d.image WHERE d.in_group = ${known.three} ORDER BY EXISTS(SELECT 1 FROM picks p WHERE p.image = i.id) DESC, i.id`).map(({ hash }) => hash);
    run(`INSERT INTO ratings(image, flag) SELECT id, 1 FROM images WHERE lower(hex(hash)) IN ('${hashes[0]}', '${hashes[2]}')`);
    await noticed();
    await page.reload();
    await view(page, 'Found');
    const three = group(page, known.three);
    await three.getByText(/Another is your pick: it stays\./).waitFor();
    await three.getByRole('button', { name: 'Reject 1, keep the best' }).click();
    await until(() => marks().some(({ hash, flag }) => hash === hashes[1] && flag < 0), 'the third is not rejected');
    assert.deepEqual(marks().filter(({ flag }) => flag > 0).map(({ hash }) => hash), [hashes[0], hashes[2]].sort());
  });

  seen('another picture is kept by a press, and it is said if goldpan suggests the one that goes', async (page) => {
    const suggested = one(`SELECT lower(hex(i.hash)) AS hash FROM duplicates d JOIN images i ON i.id = d.image JOIN picks p ON p.image = i.id WHERE d.in_group = ${known.group}`)?.hash;
    await view(page, 'Found');
    const pair = group(page, known.group);
    const [kept, goes] = [pair.locator('[aria-pressed="true"]'), pair.locator('[aria-pressed="false"]')];
    await goes.waitFor();
    const hashOfPicture = async (button) => /([0-9a-f]{32})\.jpg/.exec(await button.locator('img').getAttribute('src'))[1];
    const [first, second] = [await hashOfPicture(kept), await hashOfPicture(goes)];
    if (suggested) assert.equal(first, suggested);
    await goes.click();
    await until(async () => (await hashOfPicture(kept)) === second, 'the press does not change what is kept');
    await pair.getByText(suggested ? 'It is goldpan’s suggestion.' : 'It is not your pick or goldpan’s.').waitFor();
    await pair.getByRole('button', { name: 'Reject 1, keep the chosen one' }).click();
    await until(() => marks().length === 1, 'nothing is rejected');
    assert.deepEqual(marks(), [{ hash: first, flag: -1, stars: 0 }]);
  });
});

describe('export', () => {
  const dialog = (page) => page.getByRole('dialog', { name: 'Export pictures' });
  const files = (place) => readdirSync(place).filter((name) => /\.(png|jpg|webp)$/.test(name)).sort();
  const option = (page, name) => dialog(page).locator('.opt').filter({ hasText: name });
  const count = async (page, name) => Number((await option(page, name).locator('.num').innerText()).replaceAll(',', ''));

  seen('five choices with counts; the command does the same', async (page) => {
    // The marks of the test: two picks, one of them in a prompt for which goldpan suggests another picture; one
    // rejected suggestion; stars for two pictures.
    const [beside] = sql(pictures, 'SELECT image FROM image_prompts WHERE image NOT IN (SELECT image FROM picks) AND prompt IN (SELECT prompt FROM image_prompts WHERE image IN (SELECT image FROM picks)) ORDER BY image LIMIT 1');
    const [no, yes] = sql(pictures, `SELECT image FROM picks WHERE image NOT IN (SELECT image FROM image_prompts WHERE prompt = (SELECT prompt FROM image_prompts WHERE image = ${beside.image})) ORDER BY image LIMIT 2`);
    run(`INSERT INTO ratings(image, flag, stars) VALUES(${beside.image}, 1, 5), (${yes.image}, 1, 0), (${no.image}, -1, 4)`);
    await noticed();
    await page.reload();
    await view(page, 'Wall');
    await page.getByRole('button', { name: /^Rejected/ }).click();
    await status(page).getByText('1 of').waitFor();
    await page.keyboard.press('v');
    await dialog(page).waitFor();
    const picks = one('SELECT count(*) AS n FROM picks').n;
    // one suggestion is rejected, and one of the user's picks replaces goldpan's suggestion
    assert.equal(await count(page, 'Mine, and'), picks - 1);
    assert.deepEqual([await count(page, 'nothing else'), await count(page, 'Picked or not'), await count(page, 'What is shown now'), await count(page, 'What is chosen now')], [2, 2, 1, 0]);
    assert.ok(await option(page, 'What is chosen now').locator('input').isDisabled());

    for (const [name, label, words] of [
      ['mine', 'What you picked, nothing else', ['--mine']],
      ['both', 'Mine, and', ['--mine', '--suggested']],
      ['stars', 'Picked or not', ['--stars', '3']],
    ]) {
      const place = join(folder, `out-${name}`);
      await option(page, label).locator('input').check();
      await dialog(page).getByLabel('Where to').fill(place);
      const n = await count(page, label);
      const command = await dialog(page).locator('.code .text').innerText();
      assert.equal(command, `goldpan export ${place} ${words.join(' ')} --catalog ${catalog}`);
      assert.equal(existsSync(place), false);
      await dialog(page).getByRole('button', { name: new RegExp(`^Export ${n} picture`) }).click();
      await dialog(page).getByRole('status').getByText(`in ${place}.`).waitFor();
      assert.equal(files(place).length, n);
      const again = join(folder, `command-${name}`);
      execFileSync(goldpan, ['export', again, ...words, '--catalog', catalog, '--quiet'], { env });
      assert.deepEqual(files(again), files(place));
    }

    const place = join(folder, 'out-shown');
    await option(page, 'What is shown now').locator('input').check();
    await dialog(page).getByLabel('Where to').fill(place);
    const [, name] = /^goldpan export \S+ --list (shown-\d{8}-\d{6}\.txt) --catalog /.exec(await dialog(page).locator('.code .text').innerText()) ?? [];
    assert.ok(name, 'the command names no list');
    const download = page.waitForEvent('download');
    await dialog(page).getByRole('button', { name: `Save ${name}` }).click();
    const list = join(folder, 'shown.txt');
    await (await download).saveAs(list);
    await dialog(page).getByRole('button', { name: 'Symbolic link' }).click();
    await dialog(page).getByRole('button', { name: 'Export 1 picture' }).click();
    await dialog(page).getByRole('status').getByText(`1 picture is in ${place}.`).waitFor();
    assert.equal(files(place).length, 1);
    const again = join(folder, 'command-shown');
    execFileSync(goldpan, ['export', again, '--list', list, '--catalog', catalog, '--quiet'], { env });
    assert.deepEqual(files(again), files(place));
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'detached' });
  });

  seen('what is chosen, and an error that is shown', async (page) => {
    await view(page, 'Wall');
    const pics = page.locator('.wall [data-row]');
    await pics.nth(0).click({ modifiers: ['Control'] });
    await pics.nth(2).click({ modifiers: ['Control'] });
    await page.getByRole('button', { name: /^Export/ }).click();
    await option(page, 'What is chosen now').locator('input').check();
    assert.equal(await count(page, 'What is chosen now'), 2);
    await dialog(page).getByLabel('Where to').fill(' ');
    await dialog(page).getByRole('button', { name: 'Export 2 pictures' }).click();
    await dialog(page).getByRole('alert').getByText('Enter the folder for the pictures.').waitFor();
    assert.match(await dialog(page).locator('.code .text').innerText(), /^goldpan export FOLDER .* --catalog '?\//);
    await dialog(page).getByLabel('Where to').fill(catalog);
    await dialog(page).getByRole('button', { name: 'Export 2 pictures' }).click();
    await dialog(page).getByRole('alert').getByText(catalog).waitFor();
    // the browser itself prints a message about the rejected request
    assert.match(page.wrong.splice(0).join(), /50\d|400/);
    const place = join(folder, 'out-chosen');
    await dialog(page).getByLabel('Where to').fill(place);
    await dialog(page).getByRole('button', { name: 'Export 2 pictures' }).click();
    await dialog(page).getByRole('status').getByText(`2 pictures are in ${place}.`).waitFor();
    assert.equal(files(place).length, 2);
    assert.ok(readFileSync(join(place, 'picks.csv'), 'utf8').split('\n').length >= 3);
  });

  /** Serves the files of a folder and nothing else, as any web host does. */
  async function host(place) {
    const server = createServer((request, response) => {
      const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
      const file = join(place, path.endsWith('/') ? `${path}index.html` : path);
      if (!existsSync(file)) return response.writeHead(404).end();
      const type = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json', '.jpg': 'image/jpeg' }[extname(file)];
      response.writeHead(200, { 'Content-Type': type ?? 'application/octet-stream' });
      return createReadStream(file).pipe(response);
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${server.address().port}/`, stop: () => new Promise((resolve) => server.close(resolve)) };
  }

  it('a site gives the names instead of files', async () => {
    const place = join(folder, 'site');
    execFileSync(goldpan, ['export', '--site', place, '--site-images', 'none', '--catalog', catalog, '--quiet'], { env });
    const site = await host(place);
    const page = await openPage(browser, site.url);
    try {
      await page.keyboard.press('v');
      await option(page, 'Mine, and').locator('input').check();
      const n = await count(page, 'Mine, and');
      assert.equal(n, one('SELECT count(*) AS n FROM picks').n);
      assert.equal(await dialog(page).getByLabel('Where to').count(), 0);
      await dialog(page).getByRole('button', { name: `Copy the ${n} names` }).click();
      await page.locator('.notice').getByText(`The names of ${n} pictures copied.`).waitFor();
      const copied = (await page.evaluate(() => navigator.clipboard.readText())).trim().split('\n').sort();
      const base = ({ path }) => basename(path);
      assert.deepEqual(copied, sql(pictures, 'SELECT path FROM paths WHERE image IN (SELECT image FROM picks) AND missing = 0').map(base).sort());
      const download = page.waitForEvent('download');
      await dialog(page).getByRole('button', { name: 'Save them as a file' }).click();
      assert.match((await download).suggestedFilename(), /^mine-and-suggested-\d{8}-\d{6}\.txt$/);
      assert.deepEqual(page.wrong, []);
    } finally {
      await keepScreenshot(page, 'found site');
      await page.context().close();
      await site.stop();
    }
  });
});
